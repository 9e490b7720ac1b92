/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matching: the walk gives rules in the order of precedence, and the first that fits wholly is the answer.
 * Two things are not that simple. An API's own rule stands for the API only where no route of it fits, also
 * none that comes later; the only ones that do are regular expressions at the same place, so they are asked
 * then. And when nothing fits and some rule failed by its method, a second walk collects the methods of all
 * rules that would have fitted otherwise: requests that are answered 405 pay for it, others do not.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "route/router_private.h"

struct route_scratch *route_scratch_new(void)
{
	struct route_scratch *scratch = calloc(1, sizeof *scratch);

	ASSERT(scratch);
	regex_scratch_init(&scratch->path_regex);
	regex_scratch_init(&scratch->condition.regex);
	return scratch;
}

void route_scratch_free(struct route_scratch **scratch)
{
	if (!*scratch)
		return;
	regex_scratch_fini(&(*scratch)->path_regex);
	regex_scratch_fini(&(*scratch)->condition.regex);
	free(*scratch);
	*scratch = NULL;
}

struct regex_scratch *route_scratch_regex(struct route_scratch *scratch)
{
	return &scratch->condition.regex;
}

void router_free(struct router **router)
{
	if (!*router)
		return;
	regex_table_fini(&(*router)->regexes);
	*router = NULL;
}

void decision_start(struct decision *decision, const struct router *router, struct route_scratch *scratch,
		    const struct route_request *request)
{
	*decision = (struct decision) {
		.router = router,
		.scratch = scratch,
		.request = request,
		.method = http_method_find(request->method),
	};
	walk_start(&scratch->walk, &router->tree, &router->hosts, request, &scratch->path_regex,
		   &scratch->marks);
}

/* A sibling that cannot be decided stands in for the own rule as one that fits: the limit ends the decision
 * anyway. */
static bool sibling_fits(const struct decision *decision, const struct rule *own)
{
	struct walk *walk = &decision->scratch->walk;
	const struct condition *failed;
	const struct rule *sibling;

	while ((sibling = walk_siblings_next(walk, own))) {
		enum rule_outcome outcome = rule_check(sibling, &decision->scratch->condition,
						       decision->request, decision->method, &failed);

		if (outcome == RULE_LIMIT)
			walk->is_limited = true;
		if (outcome == RULE_LIMIT || outcome == RULE_MATCHES)
			return true;
	}
	return walk->is_limited;
}

bool decision_is_replaced(const struct decision *decision, const struct rule *own)
{
	struct walk *walk = &decision->scratch->walk;
	bool is_replaced;

	if (!own->is_own || !own->has_regex_sibling || !walk_siblings_start(walk))
		return false;
	is_replaced = sibling_fits(decision, own);
	walk_siblings_stop(walk);
	return is_replaced;
}

enum rule_outcome decision_check(const struct decision *decision, const struct rule *rule,
				 const struct condition **ret_failed)
{
	enum rule_outcome outcome = rule_check(rule, &decision->scratch->condition, decision->request,
					       decision->method, ret_failed);

	if (outcome == RULE_LIMIT)
		decision->scratch->walk.is_limited = true;
	return outcome;
}

/* Values of the template lie in the walk, those of the expression in the groups of its last match. */
static void fill_parameters(const struct walk *walk, const struct rule *rule, struct route_match *ret_match)
{
	str subject = walk_relative_path(walk);

	for (size_t i = 0; i < rule->name_count; i++) {
		struct route_parameter *parameter = &ret_match->parameters[i];

		parameter->name = rule->names[i];
		parameter->value = i < rule->group_from ? walk->values[i]
							: regex_group(walk->scratch, subject,
								      rule->groups[i - rule->group_from]);
	}
	ret_match->parameter_count = rule->name_count;
}

/* Few have any, so a list will do. */
static void allow_other(struct route_scratch *scratch, str name)
{
	str_list *list = &scratch->allowed_list;

	for (size_t i = 0; i < list->len; i++)
		if (str_eq(list->at[i], name))
			return;
	if (list->len < ALLOWED_OTHER_MAX)
		scratch->allowed_other[list->len++] = name;
}

static void take_rule(const struct rule *rule, struct route_match *ret_match)
{
	ret_match->rule = rule->source;
	ret_match->target = rule->target;
}

/* Some rule failed by its method: which methods would have been right? */
static void find_allowed(const struct decision *decision, struct route_match *ret_match)
{
	struct route_scratch *scratch = decision->scratch;
	struct walk *walk = &scratch->walk;
	const struct condition *failed;
	const struct rule *rule;

	scratch->allowed_list = (str_list) { .at = scratch->allowed_other };
	walk_start(walk, &decision->router->tree, &decision->router->hosts, decision->request,
		   &scratch->path_regex, &scratch->marks);
	while ((rule = walk_next(walk))) {
		enum rule_outcome outcome =
			rule_check_conditions(rule, &scratch->condition, decision->request, &failed);

		walk->is_limited |= outcome == RULE_LIMIT;
		if (outcome != RULE_MATCHES)
			continue;
		if (ret_match->outcome == ROUTE_NONE)
			take_rule(rule, ret_match);
		ret_match->outcome = ROUTE_METHOD;
		ret_match->allowed |= rule->methods.known;
		for (size_t i = 0; i < rule->methods.other.len; i++)
			allow_other(scratch, rule->methods.other.at[i]);
	}
	walk_stop(walk);
	ret_match->allowed_other = scratch->allowed_list.len ? &scratch->allowed_list : NULL;
}

void router_match(const struct router *router, struct route_scratch *scratch,
		  const struct route_request *request, struct route_match *ret_match)
{
	struct walk *walk = &scratch->walk;
	bool has_wrong_method = false;
	struct decision decision;
	const struct condition *failed;
	const struct rule *rule;

	ret_match->outcome = ROUTE_NONE;
	ret_match->rule = NULL;
	ret_match->target = NULL;
	ret_match->parameter_count = 0;
	ret_match->allowed = 0;
	ret_match->allowed_other = NULL;
	decision_start(&decision, router, scratch, request);
	while ((rule = walk_next(walk))) {
		enum rule_outcome outcome = decision_check(&decision, rule, &failed);

		has_wrong_method |= outcome == RULE_METHOD;
		if (outcome != RULE_MATCHES || decision_is_replaced(&decision, rule))
			continue;
		ret_match->outcome = ROUTE_FOUND;
		take_rule(rule, ret_match);
		fill_parameters(walk, rule, ret_match);
		break;
	}
	walk_stop(walk);
	if (ret_match->outcome == ROUTE_NONE && has_wrong_method && !walk->is_limited)
		find_allowed(&decision, ret_match);
}
