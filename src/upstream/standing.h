/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing: what an upstream thinks of one of its endpoints: whether it is well, how often in a row requests
 * to it have failed, and since when its share grows.
 *
 * Found by the upstream's name and the endpoint's address, so that it outlives the configurations that name
 * them: a reload forgets nothing. Only upstreams that ask for it have standings.
 *
 * Whoever sends requests only counts failures and reads; what follows from them is decided on one thread, the
 * control thread's (main/health.h), so nothing here needs a lock to be exact.
 */
#pragma once

#include "base/registry.h"
#include "base/time.h"
#include "upstream/ejection.h"
#include "upstream/tally.h"

/* In the order in which they are fallen back on (see serving.h): as long as one is well, no other is asked.
 */
enum health_state { HEALTH_HEALTHY, HEALTH_UNKNOWN, HEALTH_EJECTED, HEALTH_UNHEALTHY };

enum { STANDING_WORDS_MAX = 160 };

struct endpoint;
struct metric_series;
struct roster;
struct upstream;

/* What only the control thread knows. */
struct standing_record {
	enum tally_word checked; /* healthy where there is no check */
	struct ejection ejection;
	wall_time since;                  /* it is what it is */
	char failure[STANDING_WORDS_MAX]; /* the last one, in words; empty: none was seen */
	wall_time failed_at;
	struct metric_series *series; /* NULL: nothing is counted */
	struct standing *next;        /* that is asked by the same check */
	struct roster *roster;        /* in force, in which it stands */
	const struct upstream *upstream;
	const struct endpoint *endpoint;
};

struct standing {
	struct registered registered; /* first */
	struct standings *standings;
	_Atomic int health;          /* enum health_state */
	_Atomic uint32_t failures;   /* of tries, one after the other */
	_Atomic int cause;           /* of the last of them */
	_Atomic deadline rises_from; /* its share grows since; 0: it never had to */
	struct standing_record record;
};

struct standings;

struct standings *standings_new(void);
/* All of a process. */

void standings_free(struct standings **standings);
/* When no roster is left. Clears the address, accepts NULL. */

void standings_tell(struct standings *standings, void (*on_failing)(void *owner), void *owner);
/* on_failing is called, by any thread, when one has failed so often that it should be looked at. NULL: no
 * more. */

struct standing *standings_get(struct standings *standings, str upstream, str endpoint);
/* Finds or makes it, from any thread; the caller has it until standing_unref(). A new one is unknown. */

void standing_unref(struct standing **standing);
/* From any thread. The last one frees it; clears the address, accepts NULL. */

static inline enum health_state standing_health(const struct standing *standing)
{
	return (enum health_state)atomic_load_explicit(&standing->health, memory_order_relaxed);
}

const char *health_word(enum health_state health);

static inline void standing_succeed(struct standing *standing)
/* A try was answered. Nothing is written as long as all goes well. */
{
	if (atomic_load_explicit(&standing->failures, memory_order_relaxed))
		atomic_store_explicit(&standing->failures, 0, memory_order_relaxed);
}

void standing_fail(struct standing *standing, uint32_t limit, int cause);
/* A try has failed. cause, for the journal: a reason of observe/reason.h, or the status that was answered.
 * Each limit of them in a row has it looked at. */
