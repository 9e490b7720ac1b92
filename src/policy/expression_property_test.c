/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random expressions whose values are known while they are written: what is compiled says the same, and so
 * does what is printed of it, in which all brackets that can be are left out. A seed of another run:
 * EXPRESSION_SEED.
 */
#include "base/random.h"
#include "base/testing.h"
#include "policy/expression.h"
#include "policy/policy_testing.h"

enum { RUNS = 20000, DEPTH = 6, TEXT_MAX = 4096 };

struct generator {
	uint64_t state;
	struct buf out;
};

/* xorshift: the same numbers for a seed wherever it runs. */
static unsigned pick(struct generator *g, unsigned count)
{
	g->state ^= g->state << 13;
	g->state ^= g->state >> 7;
	g->state ^= g->state << 17;
	return (unsigned)(g->state >> 33) % count;
}

static void put(struct generator *g, const char *text)
{
	buf_put(&g->out, str_of(text));
}

static bool write_bool(struct generator *g, int depth);

static int64_t write_int(struct generator *g, int depth)
{
	int64_t value, other;
	bool is_first;

	switch (depth > 0 ? pick(g, 4) : 0) {
	case 1:
		put(g, "(");
		value = write_int(g, depth - 1);
		put(g, ") + (");
		value += write_int(g, depth - 1);
		put(g, ")");
		return value;
	case 2:
		put(g, "(");
		is_first = write_bool(g, depth - 1);
		put(g, " ? (");
		value = write_int(g, depth - 1);
		put(g, ") : (");
		other = write_int(g, depth - 1);
		put(g, "))");
		return is_first ? value : other;
	case 3:
		put(g, "size(\"abc\")");
		return 3;
	default:
		value = pick(g, 10);
		buf_put_u64(&g->out, (uint64_t)value);
		return value;
	}
}

static bool compare(const char *sign, int64_t a, int64_t b)
{
	switch (sign[1] == '=' ? sign[0] : sign[0] | 0x80) {
	case '=':
		return a == b;
	case '!':
		return a != b;
	case '<':
		return a <= b;
	case '>':
		return a >= b;
	default:
		return sign[0] == '<' ? a < b : a > b;
	}
}

static bool write_comparison(struct generator *g, int depth)
{
	static const char *const signs[] = { "==", "!=", "<=", ">=", "<", ">" };
	const char *sign = signs[pick(g, 6)];
	int64_t a, b;

	put(g, "((");
	a = write_int(g, depth - 1);
	put(g, ")");
	put(g, sign);
	put(g, "(");
	b = write_int(g, depth - 1);
	put(g, "))");
	return compare(sign, a, b);
}

/* Two or three operands of one sign, in brackets. */
static bool write_chain(struct generator *g, int depth, bool is_and)
{
	bool value = is_and;

	put(g, "(");
	for (unsigned i = 0, count = 2 + pick(g, 2); i < count; i++) {
		bool operand;

		put(g, i == 0 ? "" : is_and ? " && " : " || ");
		operand = write_bool(g, depth - 1);
		value = is_and ? value && operand : value || operand;
	}
	put(g, ")");
	return value;
}

static bool write_bool(struct generator *g, int depth)
{
	bool value, yes, no;

	switch (depth > 0 ? pick(g, 7) : 0) {
	case 1:
		return write_chain(g, depth, true);
	case 2:
		return write_chain(g, depth, false);
	case 3:
		put(g, "!(");
		value = write_bool(g, depth - 1);
		put(g, ")");
		return !value;
	case 4:
	case 5:
		return write_comparison(g, depth);
	case 6:
		put(g, "(");
		value = write_bool(g, depth - 1);
		put(g, " ? ");
		yes = write_bool(g, depth - 1);
		put(g, " : ");
		no = write_bool(g, depth - 1);
		put(g, ")");
		return value ? yes : no;
	default:
		value = pick(g, 2);
		put(g, value ? "true" : "false");
		return value;
	}
}

static const struct expression *compile(struct bench *bench, str text)
{
	const struct expression *expression;
	struct expression_error error;

	if (!expression_parse(&bench->exchange, &bench->regexes, text, EXPRESSION_BOOL, &expression, &error))
		fail_msg("%.*s: %zu:%zu: %.*s", STR_ARG(text), error.line, error.column, STR_ARG(error.why));
	return expression;
}

static str print(struct bench *bench, const struct expression *expression)
{
	struct buf out = arena_open(&bench->exchange, TEXT_MAX);

	expression_print(expression, &out);
	assert_false(buf_overflowed(&out));
	return arena_close(&bench->exchange, &out);
}

static void check(struct bench *bench, str text, bool want)
{
	const struct expression *expression = compile(bench, text);
	str once = print(bench, expression), twice;
	const struct expression *again = compile(bench, once);

	twice = print(bench, again);
	if (expression_holds(expression, &bench->view) != (want ? EXPRESSION_YES : EXPRESSION_NO))
		fail_msg("%.*s is not %d", STR_ARG(text), want);
	if (expression_holds(again, &bench->view) != (want ? EXPRESSION_YES : EXPRESSION_NO))
		fail_msg("%.*s, printed as %.*s, is not %d", STR_ARG(text), STR_ARG(once), want);
	if (!str_eq(once, twice))
		fail_msg("%.*s became %.*s", STR_ARG(once), STR_ARG(twice));
}

static void what_is_known_is_what_comes_out(void **state)
{
	const char *seed = getenv("EXPRESSION_SEED");
	struct generator g = { .state = 88172645463325252 };
	struct bench *bench = bench_new("[]");
	size_t checked = 0;
	uint64_t number;

	(void)state;
	if (seed && str_to_u64(str_of(seed), UINT64_MAX, &number) && number)
		g.state = number;
	for (int run = 0; run < RUNS; run++) {
		char text[TEXT_MAX];
		bool value;

		bench_ask(bench, "GET /", "");
		g.out = buf_over(text, sizeof text);
		value = write_bool(&g, DEPTH);
		if (buf_overflowed(&g.out))
			continue;
		check(bench, buf_str(&g.out), value);
		checked++;
	}
	assert_in_range(checked, RUNS / 2, RUNS);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_is_what_comes_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
