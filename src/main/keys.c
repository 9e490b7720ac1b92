/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys: has the key sets of the configuration in force fetched, on the control thread: at the start, when
 * they grow old, and when a worker meets a key that nobody knows.
 *
 * Each fetch is a fiber, so that one issuer that does not answer holds up no other. Of these there are only
 * so many, and issuers that hang must not have them all: one host has a few, each need leaves some to those
 * that are more urgent, and among equals it goes by turns. What may be fetched, and how soon again, each set
 * knows by itself (key_set_need); here is only a look at all of them, once a second or when somebody posts.
 *
 * A failure is told once, and its end once: an issuer that is away for a day is two lines in the log.
 */
#include "main/keys.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "codec/url.h"
#include "proxy/key_fetch.h"
#include "tls/scratch.h"

/* At a time: of all, of one host, and what each need leaves to the next one. */
enum { FETCHES_MAX = 32, FETCHES_OF_HOST_MAX = 4, FETCHES_LEFT = 4 };

enum { ARENA_MAX = 16 * 1024 * 1024 };

static const duration patience = 10 * SECOND, look_again = SECOND;

/* One set while it is fetched; freed by its fiber. */
struct fetch {
	struct keys *keys;
	struct key_set *set;
	struct tls_client_identity *web;
	struct fiber *fiber;
	struct fetch *next, **link;
};

struct keys {
	struct control *control;
	struct gateway *gateway;
	struct identities *identities;
	struct tls_scratch tls;
	struct courier courier;
	struct timer timer;
	struct fetch *fetches;
	size_t fetch_count;
	size_t turns[KEYS_AWAITED + 1]; /* of each need: whose turn it is, as an index */
	atomic_bool is_posted;
	bool is_closing;
};

/* ---- one set ---- */

static void tell(struct keys *keys, struct key_set *set, result_value fetched, bool was_failing)
{
	struct journal *journal = keys->control->journal;
	str url = url_without_query(key_set_url(set));

	if (!failed(fetched) && was_failing)
		journal_info(journal, "keys of %.*s: fetched again", STR_ARG(url));
	else if (failed(fetched) && !was_failing)
		journal_warn(journal, "keys of %.*s cannot be fetched: %s%s", STR_ARG(url), fetched.why,
			     key_set_version(set) ? "; the last ones hold on"
						  : "; nobody who needs them is let in");
}

/* A set that is being fetched is always ended, or those who wait for it would wait for their deadline. A
 * fetch that was cancelled, at the end of the process, is no news. */
static void fetch_once(struct fetch *fetch)
{
	struct keys *keys = fetch->keys;
	struct loop *loop = keys->control->loop;
	struct key_set_fetched fetched;
	struct arena arena;
	bool was_failing = key_set_is_failing(fetch->set);
	result_value done;

	arena_init(&arena, NULL, ARENA_MAX);
	done = key_fetch(&keys->courier, fetch->web, fetch->set, &arena,
			 deadline_after(loop_now(loop), patience), &fetched);
	if (failed(done))
		fetched = (struct key_set_fetched) { 0 };
	if (done.kind != ERROR_CANCELLED)
		tell(keys, fetch->set, done, was_failing);
	key_set_end(fetch->set, &fetched, loop_now(loop));
	arena_fini(&arena);
}

/* In the next turn of the loop, however many ask for it. */
static void look_soon(struct keys *keys)
{
	if (!keys->is_closing)
		timer_set(keys->control->loop, &keys->timer, loop_now(keys->control->loop));
}

/* The fiber owns its fetch, and takes it out of the list before it ends. A set that had no fiber to spare
 * may be next. */
static void finish(struct fetch *fetch)
{
	struct keys *keys = fetch->keys;

	*fetch->link = fetch->next;
	if (fetch->next)
		fetch->next->link = fetch->link;
	keys->fetch_count--;
	look_soon(keys);
	key_set_unref(&fetch->set);
	tls_client_identity_unref(&fetch->web);
	free(fetch);
}

static void run(struct fiber *self, void *argument)
{
	struct fetch *fetch = argument;

	fetch->fiber = self;
	fetch_once(fetch);
	finish(fetch);
}

/* References are taken, for the configuration may be replaced while the answer is waited for. */
static void begin(struct keys *keys, struct key_set *set, struct tls_client_identity *web)
{
	struct fetch *fetch = calloc(1, sizeof *fetch);
	result_value started;

	ASSERT(fetch);
	*fetch = (struct fetch) {
		.keys = keys, .set = key_set_ref(set), .next = keys->fetches, .link = &keys->fetches
	};
	fetch->web = web ? tls_client_identity_ref(web) : NULL;
	if (fetch->next)
		fetch->next->link = &fetch->next;
	keys->fetches = fetch;
	keys->fetch_count++;
	started = fiber_start(keys->control->fibers, run, fetch);
	if (!failed(started))
		return;
	journal_warn(keys->control->journal, "keys of %.*s cannot be fetched: %s",
		     STR_ARG(url_without_query(key_set_url(set))), started.why);
	key_set_end(set, &(struct key_set_fetched) { 0 }, loop_now(keys->control->loop));
	finish(fetch);
}

/* ---- all of a configuration ---- */

static bool host_has_place(const struct keys *keys, const struct key_set *set)
{
	size_t count = 0;

	for (const struct fetch *fetch = keys->fetches; fetch; fetch = fetch->next)
		count += str_eq_nocase(key_set_authority(fetch->set), key_set_authority(set));
	return count < FETCHES_OF_HOST_MAX;
}

/* From the one behind the last that had its turn. */
static void look_for(struct keys *keys, enum key_set_need need)
{
	const struct snapshot *snapshot = gateway_edition(keys->gateway)->snapshot;
	size_t places = FETCHES_MAX - FETCHES_LEFT * (size_t)(KEYS_AWAITED - need);
	deadline now = loop_now(keys->control->loop);
	size_t first = keys->turns[need];

	for (size_t i = 0; i < snapshot->key_set_count && keys->fetch_count < places; i++) {
		size_t at = (first + i) % snapshot->key_set_count;
		struct key_set *set = snapshot->key_sets[at];

		if (key_set_need(set, now) != need || !host_has_place(keys, set) || !key_set_begin(set, now))
			continue;
		keys->turns[need] = at + 1;
		begin(keys, set, snapshot->web);
	}
}

/* Those of the configuration in force only: sets of one that has gone are not asked for any more. Those for
 * which there is no place wait for the next look. */
static void look(struct keys *keys)
{
	struct loop *loop = keys->control->loop;

	for (enum key_set_need need = KEYS_AWAITED; need > KEYS_NOT_NEEDED; need--)
		look_for(keys, need);
	timer_set(loop, &keys->timer, deadline_after(loop_now(loop), look_again));
}

static void on_due(struct timer *timer)
{
	look(CONTAINER_OF(timer, struct keys, timer));
}

void keys_follow(struct keys *keys)
{
	if (keys)
		look_soon(keys);
}

static void on_post(void *argument)
{
	struct keys *keys = argument;

	atomic_store(&keys->is_posted, false);
	look_soon(keys);
}

/* From any thread. One post is enough for all sets: there are more of them than a loop has room for. Where it
 * has none, the timer comes within a second. */
static void on_wanted(void *owner)
{
	struct keys *keys = owner;

	if (!atomic_exchange(&keys->is_posted, true) && failed(loop_post(keys->control->loop, on_post, keys)))
		atomic_store(&keys->is_posted, false);
}

/* ret_keys is set also on failure, for keys_close(). */
result keys_open(struct control *control, struct gateway *gateway, struct identities *identities,
		 struct keys **ret_keys)
{
	struct keys *keys = calloc(1, sizeof *keys);

	ASSERT(keys);
	keys->control = control;
	keys->gateway = gateway;
	keys->identities = identities;
	keys->timer.on_due = on_due;
	*ret_keys = keys;
	TRY(tls_scratch_init(&keys->tls, &control->blocks));
	keys->courier = (struct courier) { .fibers = control->fibers,
					   .pool = pool_new(control->fibers, control->dns, &keys->tls),
					   .endpoints = identities->endpoints };
	key_sets_tell(identities->key_sets, on_wanted, keys);
	look_soon(keys);
	return OK;
}

/* Fibers are cancelled and their ends waited for; on_wanted() is taken away first, so that no worker posts
 * to what is freed. */
void keys_close(struct keys **address)
{
	struct keys *keys = *address;

	if (!keys)
		return;
	keys->is_closing = true;
	key_sets_tell(keys->identities->key_sets, NULL, NULL);
	timer_clear(&keys->timer);
	for (struct fetch *fetch = keys->fetches, *next; fetch; fetch = next) {
		next = fetch->next; /* a fiber may end in the call */
		fiber_cancel(fetch->fiber);
	}
	while (keys->fetches)
		loop_turn(keys->control->loop, deadline_after(time_monotonic(), 10 * MILLISECOND));
	loop_turn(keys->control->loop, time_monotonic()); /* what was posted before the end of it */
	pool_free(&keys->courier.pool);
	tls_scratch_fini(&keys->tls);
	free(keys);
	*address = NULL;
}
