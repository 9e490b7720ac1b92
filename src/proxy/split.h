/* SPDX-License-Identifier: Apache-2.0 */
/*
 * split: one route's requests shared out among several upstreams, by weight.
 *
 * The choice is made once for each exchange. With a sticky key whoever bears it meets the same upstream each
 * time, on every worker, on every node and after a restart; and when a weight changes, only as many move as
 * have to (weighted rendezvous hashing).
 */
#pragma once

#include "config/field.h"
#include "upstream/upstream.h"

enum sticky { STICKY_NONE, STICKY_CONSUMER, STICKY_COOKIE, STICKY_CLIENT_IP };

/* `sticky` of an API or a route. */
struct sticky_config {
	enum sticky kind;
	str cookie; /* its name */
};

extern const struct field_form sticky_form;

/* `weighted`, read: names and not yet upstreams. */
struct weighted {
	str name;
	uint32_t weight;
	const struct node *node; /* the weight's */
};

bool weighted_read(struct reader *reader, const struct node *node, const struct weighted **ret_at,
		   size_t *ret_count);
/* In the reader's arena. False after a report: no map, a weight that is none, nothing with a weight above 0.
 */

/* One of those that share. */
struct share {
	const struct upstream *upstream;
	const struct upstream_timeouts *timeouts; /* the upstream's, under what API and route say */
	uint32_t weight;                          /* 0: gets none */
	uint64_t seed;                            /* split_seed() of its name */
};

struct split {
	const struct share *shares;
	size_t count;
	struct sticky_config sticky;
	str cookie_path; /* for which the gateway's cookie is set */
};

uint64_t split_seed(str name);
/* The same everywhere and for ever. */

const struct share *split_choose(const struct split *split, uint64_t key);
/* Some share with a weight has it: one with twice the weight has twice as many keys.
 * key: hash_stable() of a sticky text; at random stands for none: random_next(). */

str split_print(const struct split *split, struct arena *arena);
/* For people: "orders 95, orders-next 5; by cookie gw". */

str split_cookie_path(str path);
/* What of an API's path stands before its first variable part, and before what no cookie can say; at least
 * "/". */
