/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counting: what requests are counted in: the series of everything that a configuration names.
 *
 * A snapshot has a reference to each series that its parts count in, an edition to those of endpoints that
 * were discovered. So whoever serves a request finds them by a pointer, and a reload that keeps a name keeps
 * its numbers.
 */
#pragma once

#include "observe/metrics.h"

struct attempt;
struct edition;
struct gateway_config;
struct generation;
struct identities;
struct roster;
struct snapshot;
struct target;
struct upstream;
struct worker;

/* Of a snapshot; everything but the series in its arena. */
struct counting {
	struct metrics *metrics;           /* of the process; NULL in commands */
	bool is_on;                        /* by the configuration */
	struct counted *first;             /* every reference */
	struct metric_series **upstreams;  /* by the upstream's index */
	struct metric_series ***endpoints; /* and by the member of its roster; NULL: those are discovered */
};

size_t counting_workers(const struct gateway_config *config);
/* How many threads will serve with it. */

void counting_begin(struct snapshot *snapshot, struct identities *identities);
/* When its configuration is read. The first one in a process that counts (identities->is_counting) makes the
 * metrics. */

void counting_target(struct snapshot *snapshot, struct target *target, const struct target *of_api);
/* When its policies are compiled. of_api: of whose API it is a route; NULL: it is the API's own. */

void counting_upstreams(struct snapshot *snapshot);
/* When all of them are compiled. */

void counting_listeners(struct snapshot *snapshot);
/* When they are compiled without an error. */

void counting_end(struct snapshot *snapshot);

struct metric_series ***counting_rosters_new(const struct edition *edition);
/* Of what was discovered, by the upstream's index and the member of the edition's roster. NULL when nothing
 * is counted. */

void counting_rosters_free(struct metric_series ****series, const struct edition *edition);
/* Clears the address, accepts NULL. */

struct metric_series *counting_endpoint(const struct edition *edition, const struct upstream *upstream,
					size_t member);
/* NULL when nothing is counted. */

void counting_upstream(const struct worker *worker, const struct generation *generation,
		       const struct upstream *upstream, enum metric_upstream what);

void counting_try(const struct attempt *a, enum reason reason, deadline began);
/* A try has ended with that reason. */
