/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_slots: which part of a Redis Cluster a key belongs to, and what a cluster says of who has which.
 */
#pragma once

#include "codec/resp.h"

enum { REDIS_SLOTS = 16384, REDIS_HOST_MAX = 255 };

unsigned redis_slot(str key);
/* Of the part between the first '{' and the next '}' when there is one and it is not empty; else of all of
 * it.
 */

/* Where a node is. */
struct redis_spot {
	str host; /* empty: the one that said so */
	uint16_t port;
};

enum redis_redirect { REDIS_STAYS, REDIS_MOVED, REDIS_ASK };

enum redis_redirect redis_redirect_parse(str error, unsigned *ret_slot, struct redis_spot *ret_spot);
/* "MOVED 3999 10.0.0.1:6379" and "ASK ...". REDIS_STAYS: it is another error, or is malformed. Slices of it.
 */

typedef bool (*redis_range_fn)(void *self, unsigned first, unsigned last, const struct redis_spot *spot);
/* False: no more of them is wanted. */

bool redis_slots_read(const struct resp_value *reply, redis_range_fn on_range, void *self);
/* The reply to CLUSTER SLOTS: each range with its primary. False: it is none, or on_range() said so. */
