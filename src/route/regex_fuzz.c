/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A regular expression, a line end, a subject. What is said to be required of a subject that matches is
 * there, and the expression split at its prefix gives the same answer as the whole.
 */
#include "base/assert.h"
#include "route/literal_set.h"
#include "route/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void required_of(const void *context, size_t index, struct required *ret_required)
{
	(void)index;
	required_find(*(const str *)context, ret_required);
}

static bool may_match(struct arena *arena, str expression, str subject)
{
	static const struct marks none;
	struct marks *marks = ARENA_NEW(arena, struct marks);

	*marks = none;
	literal_set_scan(literal_set_new(arena, 1, required_of, &expression), subject, marks);
	return marks_has(marks, 0);
}

static void check(struct regex_table *table, struct regex_scratch *scratch, str expression, str subject)
{
	enum regex_outcome whole_outcome, split_outcome = REGEX_NO;
	struct regex *whole, *rest;
	str prefix, why;
	bool is_valid = regex_compile(table, expression, &whole, &why);

	ASSERT(regex_compile_split(table, expression, &prefix, &rest, &why) == is_valid);
	if (!is_valid)
		return;
	whole_outcome = regex_match(whole, scratch, subject, 0);
	if (str_starts(subject, prefix))
		split_outcome = regex_match(rest, scratch, subject, prefix.len);
	/* Where one reaches a limit, the other may just not. */
	ASSERT(whole_outcome == split_outcome || whole_outcome == REGEX_LIMIT ||
	       split_outcome == REGEX_LIMIT);
	ASSERT(whole_outcome != REGEX_YES || may_match(table->arena, expression, subject));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = { (const char *)data, size }, expression, subject;
	struct regex_scratch scratch;
	struct regex_table table;
	struct arena arena;

	if (!str_cut(text, '\n', &expression, &subject))
		return 0;
	arena_init(&arena, NULL, SIZE_MAX);
	regex_table_init(&table, &arena);
	regex_scratch_init(&scratch);
	check(&table, &scratch, expression, subject);
	regex_scratch_fini(&scratch);
	regex_table_fini(&table);
	arena_fini(&arena);
	return 0;
}
