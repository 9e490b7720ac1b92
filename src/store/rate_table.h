/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate_table: how often something has come lately, for very many things and for all workers together.
 *
 * GCRA, the generic cell rate algorithm: of each key only one time is kept, at which all that it took is paid
 * back. What is taken moves it on; a key that would move it further than the burst allows is refused, and
 * moves nothing, so that a key under any load gets what its rate gives. There is no window that begins and
 * ends: between any two instants a key gets no more than its burst and what the rate gives in between.
 *
 * The table has a fixed size, made once, and never grows. No lock: a key's cell changes by one compare-and-
 * swap of 16 bytes, so that workers count together, exactly. Where a new key finds all the cells that it may
 * have taken, the one that is paid back first is its own from then on. As long as that one was paid back
 * already nobody notices; one that was not is counted as evicted, and its key begins with a full burst when
 * it comes again.
 *
 * Keys are keyed hashes: who does not know the seed can neither aim at the cell of another nor know which
 * keys share one.
 */
#pragma once

#include "base/time.h"
#include "config/unit.h"

enum { RATE_CELLS = 1 << 20 }; /* of a gateway's; 16 bytes each, of which only those in use are touched */

#define RATE_SPEED_MAX INT64_C(1000000000)    /* in a second */
#define RATE_BURST_MAX INT64_C(1000000000000) /* at once */
#define RATE_WHOLE_MAX (36500 * DAY)          /* in which a burst must be paid back */

/* A rate and a burst, as they are counted by. */
struct gcra {
	unsigned __int128 interval; /* what one unit moves the time on by */
	unsigned __int128 whole;    /* what the burst does */
	uint64_t burst;
};

bool gcra_make(struct rate rate, uint64_t burst, struct gcra *ret_gcra);
/* rate: of at most RATE_SPEED_MAX. burst: 1 to RATE_BURST_MAX. False when it would take longer
 * than RATE_WHOLE_MAX to pay the burst back. */

struct gcra gcra_share(const struct gcra *gcra, unsigned sharers, uint64_t cost);
/* What one of so many gets who count each for himself: the rate and the burst divided, but no less of a burst
 * than what costs as much needs, within RATE_WHOLE_MAX. sharers: at least 1. */

/* How a key stands. */
struct rate_standing {
	bool is_admitted;
	uint64_t left;         /* units that it could take now */
	duration until_whole;  /* until all of the burst is there */
	duration until_enough; /* of who is refused: until as much is there; -1: never, it is more than the
				  burst */
};

struct rate_table;

struct rate_table *rate_table_new(size_t cells);
/* Rounded up to a power of two, at least four. */

void rate_table_free(struct rate_table **table);
/* Clears the address, accepts NULL. */

uint64_t rate_table_seed(const struct rate_table *table);
/* What hashes of keys begin with; another one in each process. */

struct rate_standing rate_table_take(struct rate_table *table, uint64_t key, wall_time now,
				     const struct gcra *gcra, uint64_t cost);
/* From any thread; does not wait. Takes cost units, or none when there are not as many; 0 only looks. A key
 * is always asked for with the same gcra. The clock may be set back: nobody waits for more than the burst
 * then. */

void rate_table_give_back(struct rate_table *table, uint64_t key, wall_time now, const struct gcra *gcra,
			  uint64_t cost);
/* What was taken before, of a key that may have been evicted since. */

uint64_t rate_table_evictions(const struct rate_table *table);
/* Keys that had not paid back when their cell went to another. From any thread. */
