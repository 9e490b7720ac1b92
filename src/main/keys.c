/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys: has the key sets of the configuration in force fetched, on the control thread: at the start, when
 * they grow old, and when a worker meets a key that nobody knows.
 *
 * Each fetch is a fiber, so that one issuer that does not answer holds up no other. What may be fetched, and
 * how soon again, each set knows by itself (key_set_begin); here is only a look at all of them, once a
 * second or when somebody posts.
 *
 * A failure is told once, and its end once: an issuer that is away for a day is two lines in the log.
 */
#include "main/keys.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "proxy/key_fetch.h"
#include "tls/scratch.h"

enum { FETCHES_MAX = 32, ARENA_MAX = 16 * 1024 * 1024 };

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
	size_t turn; /* the set that the next look begins with */
	bool is_closing;
};

/* ---- one set ---- */

static void tell(struct keys *keys, struct key_set *set, result_value fetched, bool was_failing)
{
	struct journal *journal = keys->control->journal;
	str url = key_set_url(set);

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
	journal_warn(keys->control->journal, "keys of %.*s cannot be fetched: %s", STR_ARG(key_set_url(set)),
		     started.why);
	key_set_end(set, &(struct key_set_fetched) { 0 }, loop_now(keys->control->loop));
	finish(fetch);
}

/* ---- all of a configuration ---- */

/* Those of the configuration in force only: sets of one that has gone are not asked for any more. More
 * than FETCHES_MAX wait for the next look, which begins where this one ends: a hundred that do not answer
 * are due again before all have had their turn. */
static void look(struct keys *keys)
{
	const struct snapshot *snapshot = gateway_edition(keys->gateway)->snapshot;
	struct loop *loop = keys->control->loop;
	deadline now = loop_now(loop), next = deadline_after(now, look_again);

	for (size_t left = snapshot->key_set_count; left && keys->fetch_count < FETCHES_MAX; left--) {
		struct key_set *set = snapshot->key_sets[keys->turn++ % snapshot->key_set_count];

		if (key_set_begin(set, now))
			begin(keys, set, snapshot->web);
	}
	timer_set(loop, &keys->timer, next);
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
	look_soon(argument);
}

/* From any thread. Where there is no room, the timer comes within a second. */
static void on_wanted(void *owner)
{
	struct keys *keys = owner;
	result_value posted = loop_post(keys->control->loop, on_post, keys);

	(void)posted;
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
