/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule: one rule of the configuration, compiled: what is asked of a request once its path has led here.
 *
 * Host and path are not in it: they are the rule's place in a tree. A rule of an API with many hosts stands
 * in several lists, as one struct.
 */
#pragma once

#include "route/condition.h"
#include "route/host_pattern.h"
#include "route/method_set.h"
#include "route/pattern.h"

/* A rule in a list of equals by path; once the tree is finished, in the order of precedence. */
struct leaf {
	struct leaf *next;
	struct rule *rule;
};

struct rule {
	/* What a match looks at, in one line of the cache: of many rules, each is matched seldom. */
	_Alignas(64) struct leaf leaf; /* in the first list that it stands in */
	const struct route_rule *source;
	const void *target;     /* the source's */
	bool is_own;            /* the API's own rule: counts only where none of its routes matches */
	bool has_regex_sibling; /* one of those routes may come behind it in precedence */
	bool is_clash_reported;
	uint8_t name_count;
	uint32_t condition_count;
	struct method_set methods; /* of the API and the match, both */

	const struct condition *conditions;
	uint32_t api;    /* the number of its API, in the order of the file */
	uint32_t order;  /* within the API: its routes, then its own rule */
	uint32_t weight; /* further conditions: the API's methods, the match's, each header, ... */
	enum pattern_tail tail;
	const struct regex *regex; /* with PATTERN_REGEX: for what follows the prefix */
	str regex_prefix, regex_text;
	const str *names;     /* of the template, then of the expression's groups */
	const size_t *groups; /* of the expression, for the names behind group_from */
	size_t group_from;
	uint64_t hash; /* of the conditions and the expression: equal for what asks the same */
};

int rule_order(const struct rule *a, const struct rule *b);
/* Negative when a goes first, both having the same host and path: more further conditions, then the order in
 * the file. */

enum rule_outcome { RULE_MATCHES, RULE_METHOD, RULE_CONDITION, RULE_LIMIT };

enum rule_outcome rule_check(const struct rule *rule, struct condition_scratch *scratch,
			     const struct route_request *request, enum http_method method,
			     const struct condition **ret_failed);
/* Methods first, then the conditions in their order; ret_failed is written with RULE_CONDITION and
 * RULE_LIMIT. */

enum rule_outcome rule_check_conditions(const struct rule *rule, struct condition_scratch *scratch,
					const struct route_request *request,
					const struct condition **ret_failed);
/* The same without the methods. */
