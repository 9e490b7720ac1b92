/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expression_testing: a request with one of everything, and expressions that are parsed, printed and asked of
 * it.
 */
#pragma once

#include "policy/expression.h"

#include "base/testing.h"
#include "policy/policy_testing.h"

enum { PRINTED_MAX = 64 * 1024 };

/* A request with one of everything: bench_ask() says what else there is. */
static inline struct bench *ask(const struct principal *principal)
{
	struct bench *bench = bench_new("[]");

	bench_ask(bench, "POST /orders/7?page=2&q=a%20b+c&page=3&%66ormat=csv&empty=&bad=%zz",
		  "Content-Type: application/json\nX-Beta: yes\nX-Two: a\nx-two: b\nX-Empty:\n"
		  "Cookie: session=s1; theme=dark\nCookie: late=1\n"
		  "X-Name: J\xc3\xb6rg\nX-Number: 42\nX-Old: 2020-01-01T00:00:00Z\n");
	bench->view.principal = principal;
	return bench;
}

static const char *parse_error(struct bench *bench, const char *text, enum expression_want want,
			       const struct expression **ret_expression)
{
	struct expression_error error;

	if (expression_parse(&bench->snapshot, &bench->regexes, str_of(text), want, ret_expression, &error))
		return NULL;
	return arena_printf(&bench->snapshot, "%zu:%zu: %.*s", error.line, error.column, STR_ARG(error.why))
		.ptr;
}

static inline enum expression_outcome outcome_of(struct bench *bench, const char *text)
{
	const struct expression *expression;
	const char *error = parse_error(bench, text, EXPRESSION_BOOL, &expression);

	if (error)
		fail_msg("%s: %s", text, error);
	return expression_holds(expression, &bench->view);
}

static const char *print(struct bench *bench, const char *text)
{
	const struct expression *expression;
	const char *error = parse_error(bench, text, EXPRESSION_BOOL, &expression);
	struct buf out = arena_open(&bench->snapshot, PRINTED_MAX);

	if (error)
		fail_msg("%s: %s", text, error);
	expression_print(expression, &out);
	buf_put_char(&out, 0);
	assert_false(buf_overflowed(&out));
	return arena_close(&bench->snapshot, &out).ptr;
}

/* count times the text, between two others. */
static const char *repeat(struct bench *bench, const char *before, const char *text, size_t count,
			  const char *after)
{
	struct buf out = buf_over(arena_bytes(&bench->snapshot, PRINTED_MAX), PRINTED_MAX);

	buf_put(&out, str_of(before));
	for (size_t i = 0; i < count; i++)
		buf_put(&out, str_of(text));
	buf_put(&out, str_of(after));
	buf_put_char(&out, 0);
	return out.bytes;
}
