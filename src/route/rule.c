/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of two rules of one place, and what is asked of a request there. Methods go first: they cost
 * least, and a rule that fails by its method alone is remembered for 405.
 */
#include "route/rule.h"

static int by_number(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

int rule_order(const struct rule *a, const struct rule *b)
{
	int order = by_number(b->weight, a->weight);

	if (!order)
		order = by_number(a->api, b->api);
	return order ? order : by_number(a->order, b->order);
}

enum rule_outcome rule_check_conditions(const struct rule *rule, struct condition_scratch *scratch,
					const struct route_request *request,
					const struct condition **ret_failed)
{
	for (size_t i = 0; i < rule->condition_count; i++) {
		enum condition_outcome outcome = condition_check(&rule->conditions[i], scratch, request);

		if (outcome == CONDITION_HOLDS)
			continue;
		*ret_failed = &rule->conditions[i];
		return outcome == CONDITION_LIMIT ? RULE_LIMIT : RULE_CONDITION;
	}
	return RULE_MATCHES;
}

enum rule_outcome rule_check(const struct rule *rule, struct condition_scratch *scratch,
			     const struct route_request *request, enum http_method method,
			     const struct condition **ret_failed)
{
	if (!method_set_has(&rule->methods, method, request->method))
		return RULE_METHOD;
	return rule_check_conditions(rule, scratch, request, ret_failed);
}
