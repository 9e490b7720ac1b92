/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: a decision of the router, as facts that can be told: what won and why, and each near miss with the
 * first condition that failed.
 *
 * They come from the same walk and the same checks as live traffic. A value of a condition that may be a
 * secret is not among them: a route may ask for a header that only some know.
 */
#pragma once

#include "route/route.h"

/* A rule that fits, or nearly. */
struct route_told {
	const struct route_rule *rule;
	str path;  /* as it was written, behind that of its API */
	str words; /* of the winner: why it won; of a near miss: what failed, or by what the winner goes first
		    */
};

struct route_explanation {
	enum route_outcome outcome;
	bool is_limited; /* a limit was reached, so nothing was decided */

	/* With ROUTE_FOUND. */
	struct route_told winner;
	str host; /* the pattern that it was found by */
	const struct route_parameter *parameters;
	size_t parameter_count;
	str_list conditions; /* further ones */

	str_list allowed; /* with ROUTE_METHOD */

	const struct route_told *misses; /* in the order of precedence, the nearest of them */
	size_t miss_count, unlisted;     /* and how many more there are */
	str known;                       /* where no rule's path fits: the beginning that some have */
};

void router_explain(const struct router *router, struct route_scratch *scratch,
		    const struct route_request *request, struct arena *arena,
		    struct route_explanation *ret_explanation);
/* In the arena, but for the rules, which are the router's: of any host whose path fits, twenty near misses at
 * most. Takes memory, and time for each host there is: not for a request's way. */

void route_explanation_print(const struct route_explanation *told, FILE *to);
/* Lines for people. */

void route_rule_print(const struct route_rule *rule, FILE *to);
/* As diagnostics name it, and where it stands. */
