/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_set: a lock for each set, held for a few instructions; whoever verifies with what is known already does
 * not even need that, see key_set_version().
 *
 * Who waits stands in a list, and is woken by a post to its own loop. It may have gone before the post
 * arrives, so list and post each count as having the waiter.
 */
#include "auth/key_set.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"
#include "codec/sha256.h"
#include "codec/url.h"

/* Until keys are fetched anew, while all is well. */
static const duration usual = 5 * MINUTE, least = 30 * SECOND, most = HOUR;

/* After a failure; twice as long after each further one. */
static const duration first_retry = SECOND, last_retry = 30 * SECOND;

struct waiter {
	struct waiter *next, **link; /* link: NULL, it has been taken out of the list */
	struct loop *loop;
	struct fiber *fiber; /* NULL: it has gone */
	bool is_over;
	_Atomic unsigned references;
};

struct key_sets {
	struct registry registry;
	_Atomic uint64_t version; /* the last one that was given */
	pthread_mutex_t lock;     /* of what follows */
	void (*on_wanted)(void *owner);
	void *owner;
};

struct key_set {
	struct registered registered;
	struct key_sets *sets;
	pthread_mutex_t lock; /* of what follows, but for version */
	struct jwk_set *keys;
	_Atomic uint64_t version;
	unsigned char content[SHA256_LEN]; /* of the keys: what they were made of */
	bool is_wanted, is_under_way;
	deadline due, may_ask, stale;
	duration retry; /* 0: the last fetch went well */
	struct waiter *waiters;
	/* Constant. */
	str authority;
	char name[]; /* its origin, and behind that the URL, or the digest of what was given */
};

static bool is_fetched(const struct key_set *set)
{
	return key_set_origin(set) != KEYS_GIVEN;
}

static result make(void *owner, str name, struct registered **ret_made)
{
	struct key_set *set = calloc(1, sizeof *set + name.len);
	struct url url;

	ASSERT(set);
	set->sets = owner;
	pthread_mutex_init(&set->lock, NULL);
	atomic_init(&set->version, 0);
	memcpy(set->name, name.ptr, name.len);
	set->registered.name = (str) { set->name, name.len };
	set->is_wanted = is_fetched(set); /* who comes before the first fetch waits for it */
	if (is_fetched(set) && !url_parse(key_set_url(set), &url))
		set->authority = url.authority;
	*ret_made = &set->registered;
	return OK;
}

static void unmake(struct registered *registered)
{
	struct key_set *set = CONTAINER_OF(registered, struct key_set, registered);

	jwk_set_unref(&set->keys);
	pthread_mutex_destroy(&set->lock);
	free(set);
}

struct key_sets *key_sets_new(void)
{
	struct key_sets *sets = calloc(1, sizeof *sets);

	ASSERT(sets);
	registry_init(&sets->registry, KEY_SETS_MAX, make, unmake, sets);
	pthread_mutex_init(&sets->lock, NULL);
	return sets;
}

void key_sets_free(struct key_sets **address)
{
	if (*address) {
		registry_fini(&(*address)->registry);
		pthread_mutex_destroy(&(*address)->lock);
	}
	free(*address);
	*address = NULL;
}

static result get(struct key_sets *sets, enum key_origin origin, str what, struct key_set **ret_set)
{
	char *name = malloc(what.len + 1);
	struct registered *registered;
	result_value got;

	ASSERT(name);
	name[0] = (char)origin;
	memcpy(name + 1, what.ptr, what.len);
	got = registry_get(&sets->registry, (str) { name, what.len + 1 }, &registered);
	free(name);
	if (!failed(got))
		*ret_set = CONTAINER_OF(registered, struct key_set, registered);
	return got;
}

result key_sets_get(struct key_sets *sets, enum key_origin origin, str url, struct key_set **ret_set)
{
	return get(sets, origin, url, ret_set);
}

result key_sets_keep(struct key_sets *sets, struct jwk_set *keys, str content, struct key_set **ret_set)
{
	unsigned char digest[SHA256_LEN];
	result_value got;

	sha256_digest(content, digest);
	got = get(sets, KEYS_GIVEN, (str) { (const char *)digest, sizeof digest }, ret_set);
	if (!failed(got) && !key_set_version(*ret_set))
		key_set_publish(*ret_set, jwk_set_ref(keys));
	jwk_set_unref(&keys);
	return got;
}

struct key_set *key_set_ref(struct key_set *set)
{
	registered_ref(&set->registered);
	return set;
}

void key_set_unref(struct key_set **address)
{
	if (*address)
		registered_unref(&(*address)->registered);
	*address = NULL;
}

str key_set_url(const struct key_set *set)
{
	return str_skip(set->registered.name, 1);
}

str key_set_authority(const struct key_set *set)
{
	return set->authority;
}

enum key_origin key_set_origin(const struct key_set *set)
{
	return (enum key_origin)set->name[0];
}

struct jwk_set *key_set_take(struct key_set *set)
{
	struct jwk_set *keys;

	pthread_mutex_lock(&set->lock);
	keys = set->keys ? jwk_set_ref(set->keys) : NULL;
	pthread_mutex_unlock(&set->lock);
	return keys;
}

uint64_t key_set_version(const struct key_set *set)
{
	return atomic_load_explicit(&set->version, memory_order_acquire);
}

/* Under the lock. The ones before are for the caller to let go of. */
static struct jwk_set *replace(struct key_set *set, struct jwk_set *keys)
{
	struct jwk_set *before = set->keys;
	uint64_t version = keys ? atomic_fetch_add(&set->sets->version, 1) + 1 : 0;

	set->keys = keys;
	atomic_store_explicit(&set->version, version, memory_order_release);
	return before;
}

void key_set_publish(struct key_set *set, struct jwk_set *keys)
{
	struct jwk_set *before;

	pthread_mutex_lock(&set->lock);
	before = replace(set, keys);
	pthread_mutex_unlock(&set->lock);
	jwk_set_unref(&before);
}

/* ---- who waits ---- */

void key_sets_tell(struct key_sets *sets, void (*on_wanted)(void *owner), void *owner)
{
	pthread_mutex_lock(&sets->lock);
	sets->on_wanted = on_wanted;
	sets->owner = owner;
	pthread_mutex_unlock(&sets->lock);
}

static void tell(struct key_sets *sets)
{
	pthread_mutex_lock(&sets->lock);
	if (sets->on_wanted)
		sets->on_wanted(sets->owner);
	pthread_mutex_unlock(&sets->lock);
}

static void waiter_release(struct waiter *waiter, unsigned references)
{
	if (atomic_fetch_sub(&waiter->references, references) == references)
		free(waiter);
}

/* On the loop of all that wait there. */
static void on_over(void *argument)
{
	struct waiter *waiter = argument;

	while (waiter) {
		struct waiter *next = waiter->next;

		waiter->is_over = true;
		if (waiter->fiber)
			fiber_wake(waiter->fiber);
		waiter_release(waiter, 1);
		waiter = next;
	}
}

static void forget(struct waiter *waiter)
{
	while (waiter) {
		struct waiter *next = waiter->next;

		waiter_release(waiter, 1);
		waiter = next;
	}
}

/* Takes those of one loop out of the list. */
static struct waiter *take_of_loop(struct waiter **list, const struct loop *loop)
{
	struct waiter *taken = NULL;

	while (*list) {
		struct waiter *waiter = *list;

		if (waiter->loop != loop) {
			list = &waiter->next;
			continue;
		}
		*list = waiter->next;
		waiter->next = taken;
		taken = waiter;
	}
	return taken;
}

/* Under the lock. One post for each loop. Where there is no room for it, they wait until their time is up. */
static void wake_all(struct waiter *waiters)
{
	while (waiters) {
		struct loop *loop = waiters->loop;
		struct waiter *taken = take_of_loop(&waiters, loop);

		if (failed(loop_post(loop, on_over, taken)))
			forget(taken);
	}
}

/* Under the lock. Each knows its place, so that thousands whose time is up at once go without a search. */
static void enlist(struct key_set *set, struct waiter *waiter)
{
	waiter->next = set->waiters;
	waiter->link = &set->waiters;
	if (waiter->next)
		waiter->next->link = &waiter->next;
	set->waiters = waiter;
}

/* Under the lock. From here on they are no longer to be found by leave(). */
static struct waiter *take_all(struct key_set *set)
{
	struct waiter *waiters = set->waiters;

	for (struct waiter *waiter = waiters; waiter; waiter = waiter->next)
		waiter->link = NULL;
	set->waiters = NULL;
	return waiters;
}

/* Whether there is something to wait for. */
static bool ask(struct key_set *set, struct waiter *waiter, bool *ret_is_new)
{
	deadline now = time_monotonic();
	bool may_wait;

	pthread_mutex_lock(&set->lock);
	*ret_is_new = !set->is_under_way && !set->is_wanted && now >= set->may_ask;
	if (*ret_is_new) {
		set->is_wanted = true;
		set->may_ask = deadline_after(now, KEY_SET_PATIENCE);
	}
	may_wait = set->is_under_way || set->is_wanted;
	if (may_wait)
		enlist(set, waiter);
	pthread_mutex_unlock(&set->lock);
	return may_wait;
}

/* Whether it stood in the list still: otherwise a post has it. */
static bool leave(struct key_set *set, const struct waiter *waiter)
{
	bool is_there;

	pthread_mutex_lock(&set->lock);
	is_there = waiter->link;
	if (is_there) {
		*waiter->link = waiter->next;
		if (waiter->next)
			waiter->next->link = waiter->link;
	}
	pthread_mutex_unlock(&set->lock);
	return is_there;
}

result key_set_wait(struct key_set *set, struct loop *loop, struct fiber *self, deadline until)
{
	struct waiter *waiter;
	result_value parked = OK;
	bool is_new;

	if (!is_fetched(set))
		return OK;
	waiter = calloc(1, sizeof *waiter);
	ASSERT(waiter);
	*waiter = (struct waiter) { .loop = loop, .fiber = self };
	atomic_init(&waiter->references, 2);
	if (!ask(set, waiter, &is_new)) {
		free(waiter);
		return OK;
	}
	if (is_new)
		tell(set->sets);
	while (!waiter->is_over && !failed(parked))
		parked = fiber_park(self, until);
	waiter->fiber = NULL;
	/* Its own reference, and the list's where no post has taken that one along. Whoever posts has the
	 * lock: behind it, nobody touches this thread's loop any more, which may now be gone at any time. */
	waiter_release(waiter, leave(set, waiter) ? 2 : 1);
	return parked;
}

/* ---- who fetches ---- */

/* Under the lock. */
static bool may_begin(const struct key_set *set, deadline now)
{
	return is_fetched(set) && !set->is_under_way && (set->is_wanted || now >= set->due);
}

enum key_set_need key_set_need(struct key_set *set, deadline now)
{
	enum key_set_need need = KEYS_NOT_NEEDED;

	pthread_mutex_lock(&set->lock);
	if (may_begin(set, now) && set->retry)
		need = set->waiters ? KEYS_AWAITED_AGAIN : KEYS_DUE_AGAIN;
	else if (may_begin(set, now))
		need = set->waiters ? KEYS_AWAITED : KEYS_DUE;
	pthread_mutex_unlock(&set->lock);
	return need;
}

bool key_set_begin(struct key_set *set, deadline now)
{
	bool begins;

	pthread_mutex_lock(&set->lock);
	begins = may_begin(set, now);
	if (begins) {
		set->is_under_way = true;
		set->is_wanted = false;
	}
	pthread_mutex_unlock(&set->lock);
	return begins;
}

/* Under the lock. A tenth before its end is early enough. */
static void succeed(struct key_set *set, duration lifetime, deadline now)
{
	duration lasts = lifetime ? lifetime - lifetime / 10 : usual;

	lasts = lasts < least ? least : lasts > most ? most : lasts;
	set->retry = 0;
	set->due = deadline_after(now, lasts);
	set->stale = deadline_after(now, KEY_SET_STALE);
}

/* Under the lock. Where there never were any, who asks may have it tried again as soon as it is due. */
static void fail(struct key_set *set, deadline now)
{
	set->retry = !set->retry ? first_retry : set->retry < last_retry / 2 ? 2 * set->retry : last_retry;
	set->due = deadline_after(now, set->retry);
	if (!set->keys)
		set->may_ask = set->due;
}

void key_set_end(struct key_set *set, const struct key_set_fetched *fetched, deadline now)
{
	struct jwk_set *gone = fetched->keys;
	unsigned char digest[SHA256_LEN];

	sha256_digest(fetched->content, digest);
	pthread_mutex_lock(&set->lock);
	if (fetched->keys)
		succeed(set, fetched->lifetime, now);
	else
		fail(set, now);
	if (fetched->keys && (!set->keys || memcmp(digest, set->content, SHA256_LEN) != 0)) {
		gone = replace(set, fetched->keys);
		memcpy(set->content, digest, SHA256_LEN);
	} else if (!fetched->keys && set->keys && now >= set->stale) {
		gone = replace(set, NULL);
	}
	set->is_under_way = false;
	wake_all(take_all(set));
	pthread_mutex_unlock(&set->lock);
	jwk_set_unref(&gone);
}

bool key_set_is_failing(struct key_set *set)
{
	bool is_failing;

	pthread_mutex_lock(&set->lock);
	is_failing = set->retry;
	pthread_mutex_unlock(&set->lock);
	return is_failing;
}
