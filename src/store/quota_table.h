/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota_table: how much of a quota is used up, for very many keys and for all workers together.
 *
 * A count belongs to a key and to a window, which is known by its end; when the next one begins, the count
 * does so too. What is refused counts nothing. The table has a fixed size, made once, and never grows: a new
 * key that finds no cell free takes one whose window is over, else one that is written down, and else the one
 * with the smallest count, which is lost then, and counted as evicted.
 *
 * Counts are written down somewhere else (quota_keeper.h) as what has come to them since the last time, so
 * that several processes can write to one place: each hears there what the others have counted.
 *
 * A lock for each of 256 parts, held for a few steps; never while something is written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUOTA_CELLS = 1 << 20, QUOTA_PARTS = 256 }; /* cells of a gateway's: 40 bytes each */

struct quota_table;

struct quota_ask {
	uint64_t key;
	int64_t window, now; /* its end and the time, in seconds since 1970 */
	uint64_t limit, cost;
};

struct quota_standing {
	bool is_admitted;
	uint64_t left;
};

struct quota_table *quota_table_new(size_t cells);
/* Rounded up to a multiple of its parts. With a seed at random. */

void quota_table_free(struct quota_table **table);
/* Clears the address, accepts NULL. */

uint64_t quota_table_seed(const struct quota_table *table);
/* What hashes of keys begin with. From any thread. */

struct quota_standing quota_table_take(struct quota_table *table, const struct quota_ask *ask);
/* From any thread. A cost of 0 only looks. */

void quota_table_give_back(struct quota_table *table, const struct quota_ask *ask);
/* What was admitted before, of a key that may have been evicted since, or begun another window. */

uint64_t quota_table_evictions(const struct quota_table *table);
/* Counts that were lost. From any thread. */

/* For whoever writes counts down; from one thread. */

struct quota_change {
	uint64_t key;
	int64_t window;
	int64_t delta; /* what has come to it */
	int64_t known; /* what was written down before */
};

void quota_table_begin(struct quota_table *table, uint64_t seed, bool is_empty);
/* From now on counts are written to a place where keys are hashed by this seed. Under another one all is
 * forgotten. is_empty: nothing is there, so all that was counted is still to be written. */

size_t quota_table_changes(struct quota_table *table, size_t part, struct quota_change *ret_changes,
			   size_t max);
/* What has changed in one of QUOTA_PARTS. Each must be followed by one of the two below. */

void quota_table_written(struct quota_table *table, const struct quota_change *change, int64_t total);
/* total: what is written down now, with what other processes have counted. */

void quota_table_not_written(struct quota_table *table, const struct quota_change *change);
/* It is asked for again. */

void quota_table_load(struct quota_table *table, uint64_t key, int64_t window, int64_t now, int64_t total);
/* What is written down of a key. */
