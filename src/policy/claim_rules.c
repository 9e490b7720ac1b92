/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim_rules: claims to values, `{ tenant: [a, b] }`: each must hold, by one of its values.
 *
 * Values are texts, whatever they look like in YAML, for claims are compared by their text: `7` is both the
 * number and the text.
 */
#include "policy/claim_rules.h"

#include "auth/claims.h"

enum { RULES_MAX = 100 };

static void read_rules(struct reader *reader, const struct node *node, void *ret_member)
{
	struct claim_rules *rules = ret_member;
	struct claim_rule *at;
	size_t count = 0;

	if (node->kind != NODE_MAP || !node->first) {
		diagnostic_error(reader->diagnostics, node, "want a map of claims to their values, not %.*s",
				 STR_ARG(diagnostic_read(reader->diagnostics, node)));
		return;
	}
	at = ARENA_ARRAY(reader->arena, struct claim_rule, RULES_MAX);
	for (const struct node *claim = node->first; claim; claim = claim->next) {
		if (count == RULES_MAX) {
			diagnostic_error(reader->diagnostics, claim, "there are more than %d claims",
					 RULES_MAX);
			return;
		}
		at[count].path = arena_str(reader->arena, claim->key);
		field_texts_form.read(reader, claim, &at[count].values);
		count++;
	}
	*rules = (struct claim_rules) { at, count };
}

const struct field_form claim_rules_form = {
	.manual = "a map of claims to values, `{ tenant: [a, b], org.id: 7 }`",
	.schema = "{\"type\": \"object\", \"minProperties\": 1, \"maxProperties\": 100, "
		  "\"additionalProperties\": "
		  "{\"anyOf\": [{\"type\": [\"string\", \"number\", \"boolean\"]}, {\"type\": \"array\", "
		  "\"minItems\": 1, "
		  "\"maxItems\": 1000, \"items\": {\"type\": [\"string\", \"number\", \"boolean\"]}}]}}",
	.read = read_rules,
};

/* Without rules all claims do. */
bool claim_rules_hold(const struct claim_rules *rules, const struct operand *claims)
{
	for (size_t i = 0; i < rules->len; i++)
		if (!claims_hold(claims, rules->at[i].path, &rules->at[i].values))
			return false;
	return true;
}
