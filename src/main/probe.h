/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe: questions that tell rules apart: requests made from a rule so that the rule answers them, if none
 * goes before it.
 *
 * Each host, method and form of the path that a rule names is asked for. Conditions are met by what they
 * want; what other rules look at is absent in one form of each question and there in another. No text is made
 * for a regular expression: a rule that needs one is not asked about.
 */
#pragma once

#include "base/map.h"
#include "route/route.h"

enum { PROBE_FIELDS_MAX = 128 };

struct probe {
	str method, host, path, query;
	struct http_field fields[PROBE_FIELDS_MAX];
	struct http_fields headers;
	struct address client;
};

/* What the rules of both configurations speak of. */
struct probes {
	struct arena *arena;
	struct map known; /* names that were met */
	str *methods;
	size_t method_count;
	str *headers, *query, *cookies; /* names of conditions */
	size_t header_count, query_count, cookie_count;
};

void probes_init(struct probes *probes, struct arena *arena);

void probes_learn(struct probes *probes, const struct route_rule *rules, size_t count);
/* Before any question is made, from all configurations. */

typedef void (*probe_fn)(void *self, const struct probe *probe);

size_t probes_make(struct probes *probes, const struct route_rule *rule, probe_fn on_probe, void *self);
/* How many there were; 0 for a rule that needs a regular expression to match. The probe lives during the call
 * only. */

struct route_request probe_request(const struct probe *probe);

str probe_print(struct arena *arena, const struct probe *probe);
/* "GET http://host/path?query", the values of the query masked as in a log. */
