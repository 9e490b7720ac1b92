/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router_private: what compiling, matching and explaining share.
 */
#pragma once

#include "route/walk.h"

enum { ALLOWED_OTHER_MAX = 32 }; /* methods by name in one answer; further ones are left out */

/* Read only once it is compiled. */
struct router {
	struct tree tree; /* of all hosts: roots are in the table */
	struct host_table hosts;
	struct regex_table regexes;
	struct rule *rules; /* in the order of the caller's */
	size_t rule_count;
};

struct route_scratch {
	struct condition_scratch condition;
	struct regex_scratch path_regex; /* of its own: its groups must outlive the conditions' */
	struct marks marks;
	struct walk walk;
	str allowed_other[ALLOWED_OTHER_MAX];
	str_list allowed_list;
};

/* A decision in progress; what the steps of it hand on. */
struct decision {
	const struct router *router;
	struct route_scratch *scratch;
	const struct route_request *request;
	enum http_method method;
};

void decision_start(struct decision *decision, const struct router *router, struct route_scratch *scratch,
		    const struct route_request *request);
/* scratch->walk gives the rules then. */

enum rule_outcome decision_check(const struct decision *decision, const struct rule *rule,
				 const struct condition **ret_failed);
/* rule_check(); a limit ends the walk. */

bool decision_is_replaced(const struct decision *decision, const struct rule *own);
/* The API's own rule, just found and fitting, does not count, because one of the API's routes fits that comes
 * later in precedence. */

/* How a rule that can never be told apart from an earlier one is found. */
struct clash_table;

struct clash_table *clash_table_new(struct arena *arena);

struct rule *clash_add(struct clash_table *table, struct leaf *const *list, struct rule *rule);
/* The earlier rule that rule clashes with in that list, or NULL, and then it is kept for those that follow.
 */
