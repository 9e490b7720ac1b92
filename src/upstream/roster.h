/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster: who serves an upstream now: its endpoints and their shares.
 *
 * Immutable but for one number, so that it is read without a lock; who serves from now on is another roster.
 * A fixed upstream's is made with it, a discovered one's whenever its names are answered differently. It has
 * a reference to each of its endpoints and their standings. The table for keys is made when somebody asks for
 * it, once.
 */
#pragma once

#include "upstream/endpoint.h"
#include "upstream/maglev.h"
#include "upstream/standing.h"

struct roster_member {
	struct endpoint *endpoint;
	struct standing *standing; /* NULL: nobody looks at how it is */
	uint32_t weight;           /* 0: gets none */
	bool is_backup;
	uint64_t upto; /* the weights up to and with this one, backups apart; roster_new() sees to it */
};

/* What its upstream says of health. */
struct roster_rules {
	int64_t panic;       /* percent */
	uint32_t failures;   /* in a row that eject; 0: they are not counted */
	duration slow_start; /* 0: none */
};

/* Up to whom requests go: whoever is as healthy as this (enum health_state). */
enum serving_level {
	SERVING_HEALTHY = HEALTH_HEALTHY,
	SERVING_UNKNOWN = HEALTH_UNKNOWN,
	SERVING_ALL = HEALTH_UNHEALTHY,
};

struct roster {
	_Atomic uint32_t references;
	_Atomic int level; /* enum serving_level; see serving.h */
	struct roster_rules rules;
	size_t count;
	uint64_t weight;                 /* of all but the backups */
	_Atomic(struct maglev *) maglev; /* of all but the backups; NULL: not made */
	struct roster_member members[];
};

struct roster *roster_new(const struct roster_member *members, size_t count);
/* Takes over the caller's references to endpoints and standings. No endpoint may be NULL; count may be 0:
 * nobody serves. */

struct roster *roster_watched(const struct roster *roster, const struct roster_rules *rules,
			      struct standings *standings, str upstream);
/* The same for an upstream of that name, which looks at how its endpoints are. */

void roster_make_maglev(struct roster *roster);
/* From any thread. Milliseconds where there are a thousand members. Makes none where there is no weight. */

static inline const struct maglev *roster_maglev(const struct roster *roster)
/* NULL: nobody has made it. */
{
	return atomic_load_explicit(&roster->maglev, memory_order_acquire);
}

struct roster *roster_ref(struct roster *roster);
void roster_unref(struct roster **roster);
/* From any thread. The last one frees it; clears the address, accepts NULL. */

bool roster_is_same(const struct roster *a, const struct roster *b);
/* The same endpoints with the same shares, in the same order. */
