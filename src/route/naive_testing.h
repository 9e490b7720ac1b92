/* SPDX-License-Identifier: Apache-2.0 */
/*
 * naive: the contract's words as straight code, for tests. Every rule is tried, nothing is indexed, nothing
 * is shared with the router: where the two differ, one of them has misread the contract.
 */
#pragma once

#include "route/route.h"

struct naive_answer {
	enum route_outcome outcome;
	size_t rule; /* its index; with ROUTE_METHOD of the first that takes another */
	struct route_parameter parameters[ROUTE_PARAMETERS_MAX]; /* of the template; none of expressions */
	size_t parameter_count;
	unsigned allowed;
	bool allows_purge; /* the one other method that tests use */
};

void naive_match(const struct route_rule *rules, size_t count, const struct route_request *request,
		 struct naive_answer *ret_answer);

bool naive_refuses(const struct route_rule *rules, size_t count);
/* Two rules can never be told apart, or a route asks for a host or for methods that its API does not take. */
