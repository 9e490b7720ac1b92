/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set's order is the rules' precedence: marks are taken from the lowest on, so the first expression that
 * matches is the first rule, and the others are tried only if something else about that one does not fit.
 */
#include "route/regex_set.h"

#include "base/assert.h"
#include "route/required.h"

enum { SMALL = 4 }; /* with so few, looking for texts costs more than trying */

struct regex_set {
	const struct rule **rules;
	size_t count;
	const struct literal_set *literals; /* NULL: a small set */
};

static void required_of_rule(const void *context, size_t index, struct required *ret_required)
{
	const struct regex_set *set = context;

	required_find(set->rules[index]->regex_text, ret_required);
}

struct regex_set *regex_set_new(struct arena *arena, const struct rule *const *rules, size_t count)
{
	struct regex_set *set = ARENA_NEW(arena, struct regex_set);

	set->rules = ARENA_ARRAY(arena, const struct rule *, count);
	memcpy(set->rules, rules, count * sizeof *rules);
	set->count = count;
	if (count > SMALL)
		set->literals = literal_set_new(arena, count, required_of_rule, set);
	return set;
}

void regex_set_start(const struct regex_set *set, str subject, struct marks *marks)
{
	if (set->literals)
		literal_set_scan(set->literals, subject, marks);
	else
		for (uint32_t i = 0; i < set->count; i++)
			marks_add(marks, i);
}

/* Most false candidates end here, at the bytes in front. */
static enum regex_outcome match_rule(const struct rule *rule, struct regex_scratch *scratch, str subject)
{
	if (!str_starts(subject, rule->regex_prefix))
		return REGEX_NO;
	return regex_match(rule->regex, scratch, subject, rule->regex_prefix.len);
}

const struct rule *regex_set_next(const struct regex_set *set, str subject, struct marks *marks,
				  struct regex_scratch *scratch, bool *ret_is_limited)
{
	uint32_t index;

	while (marks_take(marks, &index)) {
		const struct rule *rule = set->rules[index];
		enum regex_outcome outcome = match_rule(rule, scratch, subject);

		if (outcome == REGEX_YES)
			return rule;
		if (outcome == REGEX_LIMIT) {
			*ret_is_limited = true;
			marks_clear(marks);
		}
	}
	return NULL;
}

size_t regex_set_always(const struct regex_set *set)
{
	return set->literals ? literal_set_always(set->literals) : set->count;
}
