/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A waiter is a frame on its fiber's stack, in the queue of its key. Whoever takes it out there, under the
 * lock, says why, and leaves it in the inbox of its loop: only there may the fiber be woken. From then on its
 * frame must stay until the inbox was emptied, so a fiber that has run out of time, or was cancelled, in
 * between waits for that first.
 *
 * The one who finds an inbox empty has the loop look into it, before it unlocks the part. A fiber that was
 * told locks the part once more before it goes on, so that no loop ends while somebody is posting to it.
 */
#include "store/slot_table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/random.h"
#include "store/gradient.h"

enum { PARTS = 256, PART_BITS = 8, BUCKETS = 256 };

enum waiter_state { WAITER_QUEUED, WAITER_HAS_SLOT, WAITER_SHED };

struct slot_waiter {
	struct slot_waiter *next, *previous; /* in the queue */
	struct slot_waiter *earlier;         /* in the inbox */
	struct slot_inbox *inbox;
	struct fiber *fiber;
	uint64_t limit;
	int64_t priority;
	bool is_adaptive;
	enum waiter_state state; /* under the lock */
	bool is_told;            /* on its own thread */
};

struct slot_key {
	struct slot_key *next; /* in its bucket, or of those that are free */
	uint64_t key, taken, waiting;
	struct slot_waiter *first, *last;
	struct gradient gradient; /* its limit is 0 until somebody wants it */
};

struct part {
	pthread_mutex_t lock;
	struct slot_key *free;
	struct slot_key *keys; /* all of them */
	size_t used;           /* of those, which were touched */
	struct slot_counts counts;
	struct slot_key *buckets[BUCKETS];
} __attribute__((aligned(64)));

struct slot_table {
	struct slot_key *keys;
	size_t keys_per_part;
	uint64_t seed;
	struct part parts[PARTS];
};

/* The system gives the pages when they are touched, and zeroes in them. */
struct slot_table *slot_table_new(size_t keys)
{
	struct slot_table *table = aligned_alloc(64, sizeof *table);

	ASSERT(table);
	memset(table, 0, sizeof *table);
	table->keys_per_part = (keys + PARTS - 1) / PARTS;
	table->seed = random_u64();
	table->keys = mmap(NULL, table->keys_per_part * PARTS * sizeof(struct slot_key),
			   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT(table->keys != MAP_FAILED);
	for (size_t i = 0; i < PARTS; i++) {
		table->parts[i].keys = table->keys + i * table->keys_per_part;
		pthread_mutex_init(&table->parts[i].lock, NULL);
	}
	return table;
}

void slot_table_free(struct slot_table **address)
{
	struct slot_table *table = *address;

	*address = NULL;
	if (!table)
		return;
	for (size_t i = 0; i < PARTS; i++) {
		ASSERT(table->parts[i].counts.taken == 0);
		pthread_mutex_destroy(&table->parts[i].lock);
	}
	munmap(table->keys, table->keys_per_part * PARTS * sizeof(struct slot_key));
	free(table);
}

uint64_t slot_table_seed(const struct slot_table *table)
{
	return table->seed;
}

static struct part *lock_part(struct slot_table *table, uint64_t key)
{
	struct part *part = &table->parts[key % PARTS];

	pthread_mutex_lock(&part->lock);
	return part;
}

static void unlock_part(struct part *part)
{
	pthread_mutex_unlock(&part->lock);
}

struct slot_counts slot_table_counts(struct slot_table *table)
{
	struct slot_counts counts = { 0 };

	for (uint64_t i = 0; i < PARTS; i++) {
		struct part *part = lock_part(table, i);

		counts.taken += part->counts.taken;
		counts.waiting += part->counts.waiting;
		unlock_part(part);
	}
	return counts;
}

/* ---- keys ---- */

static struct slot_key **bucket_of(struct part *part, uint64_t key)
{
	return &part->buckets[(key >> PART_BITS) % BUCKETS];
}

static bool is_idle(const struct slot_key *at)
{
	return !at->taken && !at->waiting;
}

static bool has_learnt(const struct slot_key *at)
{
	return at->gradient.limit > 0;
}

static void key_free(struct part *part, struct slot_key *at)
{
	struct slot_key **link = bucket_of(part, at->key);

	while (*link != at)
		link = &(*link)->next;
	*link = at->next;
	*at = (struct slot_key) { .next = part->free };
	part->free = at;
}

/* One that is there only for what it has learnt, when there is no other room. */
static void free_idle(struct part *part)
{
	for (size_t i = 0; i < part->used; i++)
		if (has_learnt(&part->keys[i]) && is_idle(&part->keys[i])) {
			key_free(part, &part->keys[i]);
			return;
		}
}

static struct slot_key *key_new(struct slot_table *table, struct part *part)
{
	struct slot_key *at;

	if (!part->free && part->used < table->keys_per_part)
		return &part->keys[part->used++];
	if (!part->free)
		free_idle(part);
	at = part->free;
	if (at)
		part->free = at->next;
	return at;
}

static struct slot_key *key_find(struct part *part, uint64_t key)
{
	struct slot_key *at = *bucket_of(part, key);

	while (at && at->key != key)
		at = at->next;
	return at;
}

/* NULL: there is no room for another one. */
static struct slot_key *key_get(struct slot_table *table, struct part *part, uint64_t key)
{
	struct slot_key **bucket = bucket_of(part, key), *at = key_find(part, key);

	if (at)
		return at;
	at = key_new(table, part);
	if (!at)
		return NULL;
	*at = (struct slot_key) { .next = *bucket, .key = key };
	return *bucket = at;
}

/* Nobody has or awaits one of its slots any more: it goes. */
static void key_let_go(struct part *part, struct slot_key *at)
{
	if (is_idle(at) && !has_learnt(at))
		key_free(part, at);
}

/* ---- inboxes ---- */

static void inbox_empty(void *argument)
{
	struct slot_inbox *inbox = argument;
	struct slot_waiter *newest = atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire);
	struct slot_waiter *first = NULL, *later;

	for (struct slot_waiter *earlier; newest; newest = earlier) {
		earlier = newest->earlier;
		newest->earlier = first;
		first = newest;
	}
	for (; first; first = later) {
		later = first->earlier;
		first->is_told = true;
		fiber_wake(first->fiber); /* it may be gone then */
	}
}

/* The waiter is the loop's as soon as it is there. */
static void inbox_put(struct slot_inbox *inbox, struct slot_waiter *waiter)
{
	struct slot_waiter *earlier = atomic_load_explicit(&inbox->newest, memory_order_relaxed);

	do
		waiter->earlier = earlier;
	while (!atomic_compare_exchange_weak_explicit(&inbox->newest, &earlier, waiter, memory_order_release,
						      memory_order_relaxed));
	if (!earlier)
		ASSERT(!failed(loop_post(inbox->loop, inbox_empty, inbox)));
}

/* ---- queues ---- */

/* Behind all that are to be served before it. */
static void queue_add(struct part *part, struct slot_key *at, struct slot_waiter *waiter)
{
	struct slot_waiter *before = at->last;

	while (before && before->priority < waiter->priority)
		before = before->previous;
	waiter->previous = before;
	waiter->next = before ? before->next : at->first;
	*(waiter->next ? &waiter->next->previous : &at->last) = waiter;
	*(before ? &before->next : &at->first) = waiter;
	at->waiting++;
	part->counts.waiting++;
}

static void queue_remove(struct part *part, struct slot_key *at, struct slot_waiter *waiter)
{
	*(waiter->previous ? &waiter->previous->next : &at->first) = waiter->next;
	*(waiter->next ? &waiter->next->previous : &at->last) = waiter->previous;
	at->waiting--;
	part->counts.waiting--;
}

static void queue_end(struct part *part, struct slot_key *at, struct slot_waiter *waiter,
		      enum waiter_state state)
{
	queue_remove(part, at, waiter);
	waiter->state = state;
	inbox_put(waiter->inbox, waiter);
}

static void key_take(struct part *part, struct slot_key *at)
{
	at->taken++;
	part->counts.taken++;
}

static uint64_t limit_of(struct slot_key *at, uint64_t limit, bool is_adaptive)
{
	if (!is_adaptive)
		return limit;
	if (!has_learnt(at))
		gradient_init(&at->gradient);
	return gradient_limit(&at->gradient, limit);
}

uint64_t slot_table_learnt(struct slot_table *table, uint64_t key, uint64_t most)
{
	struct part *part = lock_part(table, key);
	const struct slot_key *at = key_find(part, key);
	uint64_t limit = at && has_learnt(at) ? gradient_limit(&at->gradient, most) : 0;

	unlock_part(part);
	return limit;
}

static void serve_queue(struct part *part, struct slot_key *at)
{
	while (at->first && at->taken < limit_of(at, at->first->limit, at->first->is_adaptive)) {
		key_take(part, at);
		queue_end(part, at, at->first, WAITER_HAS_SLOT);
	}
}

/* A queue that is full is shortened at its end for who goes before that. */
static bool make_room(struct part *part, struct slot_key *at, const struct slot_wish *wish)
{
	if (at->waiting < wish->queue)
		return true;
	if (!wish->queue || at->last->priority >= wish->priority)
		return false;
	queue_end(part, at, at->last, WAITER_SHED);
	return true;
}

/* ---- slots ---- */

enum taking { TAKING_DONE, TAKING_QUEUED, TAKING_REFUSED };

/* Under the lock. Nobody is queued where there is no waiter. */
static enum taking take(struct slot_table *table, struct part *part, const struct slot_wish *wish,
			struct slot_waiter *waiter, struct slot *ret_slot)
{
	struct slot_key *at = key_get(table, part, wish->key);

	*ret_slot = (struct slot) { table, at };
	if (!at)
		return TAKING_REFUSED;
	if (!at->waiting && at->taken < limit_of(at, wish->limit, wish->is_adaptive)) {
		key_take(part, at);
		return TAKING_DONE;
	}
	if (!waiter || !make_room(part, at, wish))
		return TAKING_REFUSED;
	queue_add(part, at, waiter);
	serve_queue(part, at);
	return TAKING_QUEUED;
}

bool slot_take(struct slot_table *table, const struct slot_wish *wish, struct slot *ret_slot)
{
	struct part *part = lock_part(table, wish->key);
	enum taking taking = take(table, part, wish, NULL, ret_slot);

	unlock_part(part);
	return taking == TAKING_DONE;
}

/* False: it is in its queue no longer, and is told why, or will be. */
static bool leave_queue(struct part *part, struct slot_key *at, struct slot_waiter *waiter)
{
	bool is_queued;

	pthread_mutex_lock(&part->lock);
	is_queued = waiter->state == WAITER_QUEUED;
	if (is_queued) {
		queue_remove(part, at, waiter);
		serve_queue(part, at); /* who stood behind it may have been waiting for it alone */
		key_let_go(part, at);
	}
	unlock_part(part);
	return is_queued;
}

/* Whoever has ended the waiting has left the part when it can be locked. */
static enum waiter_state settle(struct part *part, const struct slot_waiter *waiter)
{
	enum waiter_state state;

	pthread_mutex_lock(&part->lock);
	state = waiter->state;
	unlock_part(part);
	return state;
}

static result wait_in_queue(struct part *part, const struct slot *slot, struct slot_waiter *waiter,
			    deadline until)
{
	result_value parked = OK;

	while (!waiter->is_told) {
		result_value woken = fiber_park(waiter->fiber, failed(parked) ? DEADLINE_NEVER : until);

		if (!failed(woken))
			continue;
		if (leave_queue(part, slot->key, waiter))
			return woken;
		parked = woken;
	}
	if (settle(part, waiter) == WAITER_SHED)
		return error_make(ERROR_LIMIT, "who goes first has taken its place");
	if (!failed(parked) || parked.kind == ERROR_TIMEOUT)
		return OK; /* late, but there it is */
	slot_give_back(slot);
	return parked;
}

result slot_wait(struct slot_table *table, const struct slot_wish *wish, struct slot_inbox *inbox,
		 struct fiber *self, deadline until, struct slot *ret_slot)
{
	struct slot_waiter waiter = { .inbox = inbox,
				      .fiber = self,
				      .limit = wish->limit,
				      .priority = wish->priority,
				      .is_adaptive = wish->is_adaptive };
	struct part *part = lock_part(table, wish->key);
	enum taking taking = take(table, part, wish, &waiter, ret_slot);

	unlock_part(part);
	if (taking == TAKING_REFUSED)
		return error_make(ERROR_LIMIT, "as many wait as may");
	if (taking == TAKING_DONE)
		return OK;
	return wait_in_queue(part, ret_slot, &waiter, until);
}

void slot_learn(const struct slot *slot, wall_time began, wall_time now, uint64_t most)
{
	struct part *part = lock_part(slot->table, slot->key->key);
	struct slot_key *at = slot->key;

	gradient_add(&at->gradient,
		     &(struct gradient_sample) {
			     .began = began, .now = now, .under_way = at->taken, .most = most });
	serve_queue(part, at); /* there may be room for more now */
	unlock_part(part);
}

void slot_give_back(const struct slot *slot)
{
	struct part *part = lock_part(slot->table, slot->key->key);

	ASSERT(slot->key->taken > 0);
	slot->key->taken--;
	part->counts.taken--;
	serve_queue(part, slot->key);
	key_let_go(part, slot->key);
	unlock_part(part);
}
