/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_table: how much is under way at once, for many things and for all workers together.
 *
 * A key has so many slots. Who takes one has it until it gives it back; who finds none may wait for one in
 * the key's queue, which is bounded and in order: the greater priority first, then who came first. A slot
 * that is given back is the next waiter's in that same step, so nobody who comes later can be faster.
 *
 * Keys are there while somebody has or awaits a slot of them, and no longer: the table cannot be filled but
 * by what is under way. It has a fixed size, made once. Those whose limit is learnt (gradient.h) stay for
 * what they have learnt: of them there should be few, and none for clients to choose.
 *
 * A lock for each of 256 parts of the table, held for a few steps and never while anybody waits: a count
 * that comes and goes with its keys, and a queue beside it, cannot be had exactly by one compare-and-swap.
 */
#pragma once

#include "fiber/fiber.h"

enum { SLOT_KEYS = 1 << 18 }; /* of a gateway's; only those in use are touched */

struct slot_key;
struct slot_table;
struct slot_waiter;

struct slot_wish {
	uint64_t key;
	uint64_t limit;   /* slots of the key */
	uint64_t queue;   /* who may wait at a time */
	int64_t priority; /* of who waits */
	bool is_adaptive; /* the limit is what the key has learnt, `limit` at most */
};

struct slot {
	struct slot_table *table;
	struct slot_key *key;
};

/* Where fibers of one loop hear that their waiting is over. Zero but for the loop. */
struct slot_inbox {
	struct loop *loop;
	struct slot_waiter *_Atomic newest;
};

struct slot_counts {
	uint64_t taken, waiting;
};

struct slot_table *slot_table_new(size_t keys);
/* Rounded up to a multiple of its parts. */

void slot_table_free(struct slot_table **table);
/* No slot may be taken. Clears the address, accepts NULL. */

uint64_t slot_table_seed(const struct slot_table *table);
/* What hashes of keys begin with; another one in each process. */

struct slot_counts slot_table_counts(struct slot_table *table);
/* Over all keys. From any thread. */

uint64_t slot_table_learnt(struct slot_table *table, uint64_t key, uint64_t most);
/* What the limit of an adaptive key is now, `most` at most; 0: nobody has asked for its slots yet. From any
 * thread. */

bool slot_take(struct slot_table *table, const struct slot_wish *wish, struct slot *ret_slot);
/* From any thread. False when all are taken, or others wait already, or the table has no room. */

result slot_wait(struct slot_table *table, const struct slot_wish *wish, struct slot_inbox *inbox,
		 struct fiber *self, deadline until, struct slot *ret_slot);
/* Yields until a slot is there; not when one is at once. inbox: of the fiber's loop. ERROR_LIMIT: as many
 * wait as may, none of them with a smaller priority, or one with a greater has taken the place since.
 * ERROR_TIMEOUT, ERROR_CANCELLED. */

void slot_learn(const struct slot *slot, wall_time began, wall_time now, uint64_t most);
/* From any thread: who has the slot of an adaptive key, whose limit is `most` at most, was answered. */

void slot_give_back(const struct slot *slot);
/* From any thread. */
