/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/cost.h"

#include "policy/expression.h"
#include "store/rate_table.h"

static void compare(struct arena *arena, const void *before, const void *after,
		    struct field_difference *ret_difference)
{
	expression_compare(arena, *(const struct node *const *)before, *(const struct node *const *)after,
			   EXPRESSION_INT, ret_difference);
}

const struct field_form cost_form = {
	.manual = "a number, or an [expression](#expressions)",
	.schema = "{\"type\": [\"string\", \"number\"]}",
	.read = field_keep_node,
	.compare = compare,
};

result cost_compile(const struct policy_compile *compile, const struct node *node, int64_t most,
		    const char *too_much, struct cost *ret_cost)
{
	if (node->kind != NODE_SCALAR || !str_to_u64(node->text, (uint64_t)RATE_BURST_MAX, &ret_cost->fixed))
		return expression_compile(compile, node, EXPRESSION_INT, &ret_cost->of);
	if (ret_cost->fixed > (uint64_t)most)
		return policy_reject(compile, "cost", too_much);
	return OK;
}

str cost_text(const struct node *node)
{
	return node->kind == NODE_SCALAR ? node->text : (str) { 0 };
}

uint64_t cost_find(const struct cost *cost, const struct view *view)
{
	int64_t number;

	if (!cost->of)
		return cost->fixed;
	return expression_number(cost->of, view, &number) && number >= 0 ? (uint64_t)number : 1;
}

bool cost_needs_principal(const struct cost *cost)
{
	return cost->of && expression_needs_principal(cost->of);
}
