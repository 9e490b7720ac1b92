/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set's order is the rules' precedence: marks are taken from the lowest on, so the first expression that
 * matches is the first rule, and the others are tried only if something else about that one does not fit.
 */
#include "route/regex_set.h"

#include "base/assert.h"
#include "route/required.h"

enum { SMALL = 4 }; /* with so few, looking for texts costs more than trying */

/* What trying one looks at, in one line of the cache; what follows is fetched meanwhile. The library compares
 * by 32 bytes, so what it is given comes first. */
struct candidate {
	_Alignas(64) char short_prefix[24];
	str prefix;
	const struct rule *rule;
	const void *target; /* the rule's */
	const struct regex *regex;
};

struct regex_set {
	struct candidate *candidates;
	size_t count;
	struct literal_set *literals; /* NULL: a small set */
};

static void required_of_rule(const void *context, size_t index, struct required *ret_required)
{
	const struct regex_set *set = context;

	required_find(set->candidates[index].rule->regex_text, ret_required);
}

static void candidate_init(struct candidate *candidate, const struct rule *rule)
{
	*candidate = (struct candidate) {
		.prefix = rule->regex_prefix, .rule = rule, .target = rule->target, .regex = rule->regex
	};
	if (rule->regex_prefix.len == 0 || rule->regex_prefix.len > sizeof candidate->short_prefix)
		return;
	candidate->prefix.ptr =
		memcpy(candidate->short_prefix, rule->regex_prefix.ptr, rule->regex_prefix.len);
}

struct regex_set *regex_set_new(struct arena *arena, const struct rule *const *rules, size_t count)
{
	struct regex_set *set = ARENA_NEW(arena, struct regex_set);

	set->candidates = arena_lines(arena, count * sizeof *set->candidates);
	set->count = count;
	for (size_t i = 0; i < count; i++)
		candidate_init(&set->candidates[i], rules[i]);
	if (count <= SMALL)
		return set;
	set->literals = literal_set_new(arena, count, required_of_rule, set);
	literal_set_expect(set->literals, set->candidates, sizeof *set->candidates);
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
static enum regex_outcome try_candidate(const struct candidate *candidate, struct regex_scratch *scratch,
					str subject)
{
	__builtin_prefetch(candidate->rule);
	__builtin_prefetch(candidate->target);
	if (!str_starts(subject, candidate->prefix))
		return REGEX_NO;
	return regex_match(candidate->regex, scratch, subject, candidate->prefix.len);
}

const struct rule *regex_set_next(const struct regex_set *set, str subject, struct marks *marks,
				  struct regex_scratch *scratch, bool *ret_is_limited)
{
	uint32_t index;

	while (marks_take(marks, &index)) {
		enum regex_outcome outcome = try_candidate(&set->candidates[index], scratch, subject);

		if (outcome == REGEX_YES)
			return set->candidates[index].rule;
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
