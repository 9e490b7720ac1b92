/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text: what is understood can be printed, understood again as the same, and says the same of a request.
 *
 * Behind a zero byte stands the query of the request.
 */
#include "base/assert.h"
#include "policy/expression.h"
#include "route/regex.h"

enum { PRINTED_MAX = 8 * EXPRESSION_LENGTH_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static wall_time standing_clock(void *self)
{
	(void)self;
	return (wall_time)1767323045 * SECOND;
}

static str print(struct arena *arena, const struct expression *expression)
{
	struct buf out = arena_open(arena, PRINTED_MAX);

	expression_print(expression, &out);
	ASSERT(!buf_overflowed(&out));
	return arena_close(arena, &out);
}

static void check(struct arena *arena, struct regex_table *regexes, const struct expression *expression,
		  const struct view *view)
{
	str once = print(arena, expression);
	const struct expression *again;
	struct expression_error error;

	/* Brackets and blanks that were not written may make it too long, and nothing else may go wrong. */
	if (!expression_parse(arena, regexes, once, EXPRESSION_BOOL, &again, &error)) {
		ASSERT(once.len > EXPRESSION_LENGTH_MAX);
		return;
	}
	ASSERT(str_eq(print(arena, again), once));
	ASSERT(expression_holds(again, view) == expression_holds(expression, view));
}

static void run(struct arena *arena, struct regex_table *regexes, struct regex_scratch *scratch, str text,
		str query)
{
	const struct effects effects = { .wall = standing_clock };
	struct http_field fields[] = { { .name = STR("X"), .value = STR("a") },
				       { .name = STR("x"), .value = STR("b=1") } };
	struct http_request request = { .method_text = STR("GET"), .fields = { fields, 2, 2 } };
	struct view view = { .arena = arena,
			     .effects = &effects,
			     .request = &request,
			     .query = query,
			     .path = STR("/a%20b"),
			     .client_ip = STR("10.0.0.1"),
			     .regex = scratch };
	const struct expression *expression;
	struct expression_error error;

	if (expression_parse(arena, regexes, text, EXPRESSION_BOOL, &expression, &error))
		check(arena, regexes, expression, &view);
	else
		ASSERT(!expression && error.line > 0 && error.column > 0 && error.why.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = { (const char *)data, size }, query = { 0 };
	struct regex_table regexes;
	struct regex_scratch scratch;
	struct arena arena;

	str_cut(text, 0, &text, &query);
	arena_init(&arena, NULL, 8 * 1024 * 1024);
	regex_table_init(&regexes, &arena);
	regex_scratch_init(&scratch);
	run(&arena, &regexes, &scratch, text, query);
	regex_scratch_fini(&scratch);
	regex_table_fini(&regexes);
	arena_fini(&arena);
	return 0;
}
