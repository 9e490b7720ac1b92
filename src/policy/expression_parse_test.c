/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: how an expression is understood, printed with as few brackets as will do, and what is refused. */
#include "policy/expression_testing.h"

/* Mistakes, each with its place. */
static const struct {
	const char *text, *want;
} bad_rows[] = {
	{ "", "1:1: want a value here, but the expression ends" },
	{ "  ", "1:3: want a value here, but the expression ends" },
	{ "request.method ==", "1:18: want a value here, but the expression ends" },
	{ "request.method = 'GET'", "1:16: equality is ==" },
	{ "true & false", "1:6: and and or are && and ||" },
	{ "true | false", "1:6: and and or are && and ||" },
	{ "true and false", "1:6: want an operator or the end here, not and" },
	{ "not true", "1:1: there is no not" },
	{ "1 == 1 == true", "1:8: want an operator or the end here, not ==" },
	{ "(true", "1:6: want ) here, but the expression ends" },
	{ "true)", "1:5: want an operator or the end here, not )" },
	{ "[1, 2", "1:6: want a comma or ] here, but the expression ends" },
	{ "1 in [1 2]", "1:9: want a comma or ] here, not 2" },
	{ "1 in [1, 'a']", "1:10: a list holds values of one type" },
	{ "1 in [request.path]", "1:7: want a constant of a list here, not request" },
	{ "1 in [[1]]", "1:7: want a constant of a list here, not [" },
	{ "true ? 1", "1:9: want the : of ?: here, but the expression ends" },
	{ "true ? 1 : 'a'", "1:6: ? chooses between values of one type, these are an int and a string" },
	{ "1 ? true : false", "1:1: ? wants a boolean on its left, this is an int" },
	{ "true ? request.headers : request.query", "1:6: ? chooses between values of one type" },
	{ "'open", "1:1: the text has no end" },
	{ "'a\\qb' == ''", "1:1: a text knows the escapes" },
	{ "'a\\", "1:1: a text knows the escapes" },
	{ "'a\nb' == ''", "1:1: a text ends on the line where it begins" },
	{ "true &&\n  fals", "2:3: there is no fals" },
	{ "01 == 1", "1:1: a number does not begin with 0" },
	{ "9223372036854775808 > 0", "1:1: the number is too large" },
	{ "1e999 > 0", "1:1: a double goes from 1e-22 to 1e22" },
	{ "1e9999 > 0", "1:1: want a power of ten behind the e of a number" },
	{ "0.00000000000000000000001 > 0", "1:1: a double goes from 1e-22 to 1e22" },
	{ "1.5e-22 > 0", "1:1: a double goes from 1e-22 to 1e22" },
	{ "1.234567890123456 > 0", "1:1: a double has at most 15 digits" },
	{ "1.2345678901234567 > 0", "1:1: a double has at most 15 digits" },
	{ "1e > 0", "1:1: want a power of ten behind the e of a number" },
	{ "1x > 0", "1:1: a number ends where a name begins" },
	{ "1. > 0", "1:4: want a name here, not >" },
	{ "-true", "1:2: want a number here, not true" },
	{ "1 - 1 == 0", "1:3: want an operator or the end here, not -" },
	{ "1 * 1 == 0", "1:3: this cannot stand in an expression" },
	{ "a.b == 1", "1:1: there is no a.b" },
	{ "claim.sub == 'a'", "1:1: there is no claim.sub; did you mean \"claims.sub\"?" },
	{ "consumer.label.plan == 'a'",
	  "1:1: there is no consumer.label; did you mean \"consumer.labels\"?" },
	{ "consumer == 'a'", "allowed: consumer.name, consumer.groups and consumer.labels" },
	{ "nothing == 'a'", "allowed: request.method, request.host, request.path," },
	{ "request == 1", "1:1: there is no request; allowed: request.method, request.host" },
	{ "request.metod == 'GET'", "1:1: there is no request.metod; did you mean \"request.method\"?" },
	{ "request.header['a'] == ''", "did you mean \"request.headers\"?" },
	{ "requst.method == 'GET'", "did you mean \"request.method\"?" },
	{ "request.", "1:9: want a name here, but the expression ends" },
	{ "in == 1", "1:1: want a value here, not in" },
	{ "request.method == 5", "1:16: == has a string on its left and an int on its right" },
	{ "request.method < now", "1:16: < has a string on its left and a timestamp on its right" },
	{ "true < false", "1:1: < wants numbers, strings or timestamps, this is a boolean" },
	{ "[1] < [2]", "1:1: < wants numbers, strings or timestamps, this is a list" },
	{ "request.headers == request.headers", "1:1: == wants values, this is a map" },
	{ "1 in 2", "1:6: in wants a list or a map on its right, this is an int" },
	{ "1 in ['a']", "1:1: an int cannot be in a list of a string" },
	{ "1 in request.headers", "1:1: an int cannot be in a map of a string" },
	{ "[1] in [1]", "1:1: a list cannot be in a list of an int" },
	{ "client.ip in ['10.0.0.0/33']", "the item 1 is none" },
	{ "client.ip in ['10.0.0.0/8', 'localhost']", "the item 2 is none" },
	{ "client.ip in [1]", "cannot be in a list of an int" },
	{ "1 && true", "1:1: && wants booleans, this is an int" },
	{ "true && request.path", "1:9: && wants booleans, this is a string" },
	{ "true || 'x'", "1:9: || wants booleans, this is a string" },
	{ "!1", "1:2: ! wants booleans, this is an int" },
	{ "1 + 'a' == 'x'", "1:3: + wants two values of one type, these are an int and a string" },
	{ "1 + 1.5 == 2.5", "1:3: + wants two values of one type, these are an int and a double" },
	{ "true + true == 2", "1:1: + wants numbers or strings, this is a boolean" },
	{ "[1] + [2] == [1, 2]", "1:1: + wants numbers or strings, this is a list" },
	{ "request.path.startsWith(1)", "1:25: startsWith wants strings, this is an int" },
	{ "now.startsWith('a')", "1:1: startsWith wants strings, this is a timestamp" },
	{ "path.startsWith('a')", "1:1: startsWith wants strings, this is a map" },
	{ "request.path.startswith('a')",
	  "1:14: there is no function startswith(); did you mean \"startsWith\"?" },
	{ "request.path.size() == 1", "1:14: there is no function size()" },
	{ "size() == 1", "1:6: want a value here, not )" },
	{ "size('a', 'b') == 1", "1:9: want ) here, not ," },
	{ "size(1) == 1", "1:6: size wants a string or a list, this is an int" },
	{ "length('a') == 1", "1:1: there is no function length()" },
	{ "has('a')", "1:5: has() asks for something that may be missing" },
	{ "has(request.path + 'a')", "has() asks for something that may be missing" },
	{ "has(request.headers)", "has() asks for something that may be missing" },
	{ "int(true) == 1", "1:5: int wants a value that can become one, this is a boolean" },
	{ "string([1]) == ''", "1:8: string wants a value that can become one, this is a list" },
	{ "timestamp(1.5) < now", "1:11: timestamp wants a value that can become one, this is a double" },
	{ "'a'.matches(request.path)", "1:13: the regular expression must be written here as a text" },
	{ "'a'.matches('(')", "1:13: missing closing parenthesis at offset 1 of the regular expression" },
	{ "'a'.matches(1)", "1:13: matches wants strings, this is an int" },
	{ "request.path['a'] == ''", "1:13: nothing can be taken out of a string" },
	{ "request.path.a == ''", "1:14: nothing can be taken out of a string" },
	{ "request.headers[1] == ''", "1:17: a map is asked for by a name, not by an int" },
	{ "consumer.groups['a'] == ''", "1:17: a list is asked for by a number, not by a string" },
	{ "claims[true] == ''", "1:8: a map is asked for by a name, not by a boolean" },
	{ "request.headers[] == ''", "1:17: want a value here, not ]" },
	{ "request.path", "1:1: the expression must be a boolean, it is a string" },
	{ "1", "1:1: the expression must be a boolean, it is an int" },
	{ "claims.admin", "the expression must be a boolean, it is dynamic" },
	{ "null == 1", "1:1: there is no null" },
	{ "true\x01", "1:5: this cannot stand in an expression" },
	{ "r == 1", "1:1: there is no r" },
};

static void mistakes_have_their_place(void **state)
{
	struct bench *bench = ask(NULL);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		const struct expression *expression;
		const char *error = parse_error(bench, bad_rows[i].text, EXPRESSION_BOOL, &expression);

		if (!error)
			fail_msg("%s was understood", bad_rows[i].text);
		if (!strstr(error, bad_rows[i].want))
			fail_msg("%s: %s, not %s", bad_rows[i].text, error, bad_rows[i].want);
		assert_null(expression);
	}
	bench_free(&bench);
}

/* How it was understood: as few brackets as will do. */
static const struct {
	const char *text, *want;
} printed_rows[] = {
	{ "((true))", "true" },
	{ "true||false&&true", "true || false && true" },
	{ "(true||false)&&true", "(true || false) && true" },
	{ "true || (false || true)", "true || (false || true)" },
	{ "!(true && false)", "!(true && false)" },
	{ "!true == false", "!true == false" },
	{ "!(true == false)", "!(true == false)" },
	{ "(1 < 2) == true", "(1 < 2) == true" },
	{ "1+2+3==6", "1 + 2 + 3 == 6" },
	{ "1+(2+3)==6", "1 + (2 + 3) == 6" },
	{ "true?true:false?true:false", "true ? true : false ? true : false" },
	{ "(true?true:false)?true:false", "(true ? true : false) ? true : false" },
	{ "true?(true?true:false):false", "true ? (true ? true : false) : false" },
	{ "claims.a.b['c'] == 1", "claims[\"a\"][\"b\"][\"c\"] == 1" },
	{ "'it\\'s \"x\"' == r'a\\b'", "\"it's \\\"x\\\"\" == \"a\\\\b\"" },
	{ "2.0 == 1e21", "2.0 == 1e+21" },
	{ "0.1 == 0", "0.1 == 0" },
	{ "client.ip in [ '10.0.0.0/8' ]", "client.ip in [\"10.0.0.0/8\"]" },
	{ "(claims.a + 'x').startsWith('b')", "(claims[\"a\"] + \"x\").startsWith(\"b\")" },
	{ "has(claims.a)", "has(claims[\"a\"])" },
	{ "-1 == - 1", "-1 == -1" },
	{ "-0.0 == 0", "-0.0 == 0" },
	{ "1000e22 == 1e22", "1e+25 == 1e+22" },
	{ "92e14 < 1e14", "9.2e+15 < 100000000000000.0" },
	{ "9.2e+15 < 100000000000000.0", "9.2e+15 < 100000000000000.0" },
	{ "999999999999999e22 == 1e-22", "9.99999999999999e+36 == 1e-22" },
	{ "0.000001 == 123456789.0", "1e-06 == 123456789.0" },
};

static void operators_bind_as_in_cel(void **state)
{
	struct bench *bench = ask(NULL);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(printed_rows); i++)
		assert_string_equal(print(bench, printed_rows[i].text), printed_rows[i].want);
	bench_free(&bench);
}

static void depth_and_length_are_bounded(void **state)
{
	struct bench *bench = ask(NULL);
	const struct {
		const char *text, *want;
	} rows[] = {
		{ repeat(bench, "", "(", 5000, "true"), "nested too deeply" },
		{ repeat(bench, "", "!", 5000, "true"), "nested too deeply" },
		{ repeat(bench, "1", " + 1", 500, " == 1"), "nested too deeply" },
		{ repeat(bench, "", "true ? true : ", 300, "true"), "nested too deeply" },
		{ repeat(bench, "claims", ".a", 500, " == 1"), "nested too deeply" },
		{ repeat(bench, "", "size(", 500, "'a'"), "nested too deeply" },
		{ repeat(bench, "", "request.headers[", 500, "'a'"), "nested too deeply" },
		{ repeat(bench, "true", " && true", 900, ""), "too long" },
		{ repeat(bench, "1 in [1", ", 1", 400, "]"), "too long" },
		{ repeat(bench, "true", " ", 9000, ""), "longer than 8 KiB" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct expression *expression;
		const char *error = parse_error(bench, rows[i].text, EXPRESSION_BOOL, &expression);

		if (!error || !strstr(error, rows[i].want))
			fail_msg("%.40s: %s", rows[i].text, error ? error : "was understood");
	}
	/* Up to there all is well. */
	assert_int_equal(outcome_of(bench, repeat(bench, "1", " + 1", 29, " == 30")), EXPRESSION_YES);
	assert_int_equal(outcome_of(bench, repeat(bench, "true", " && true", 120, "")), EXPRESSION_YES);
	assert_int_equal(outcome_of(bench, repeat(bench, "!", "!", 29, "true")), EXPRESSION_YES);
	bench_free(&bench);
}

static void both_must_hold(void **state)
{
	struct bench *bench = ask(NULL);
	const struct expression *yes, *no, *both;
	struct buf out = buf_over(arena_bytes(&bench->snapshot, 64), 64);

	(void)state;
	assert_null(parse_error(bench, "true || false", EXPRESSION_BOOL, &yes));
	assert_null(parse_error(bench, "has(claims.a)", EXPRESSION_BOOL, &no));
	assert_ptr_equal(expression_both(&bench->snapshot, NULL, yes), yes);
	assert_ptr_equal(expression_both(&bench->snapshot, yes, NULL), yes);
	assert_null(expression_both(&bench->snapshot, NULL, NULL));
	both = expression_both(&bench->snapshot, yes, no);
	assert_int_equal(expression_holds(both, &bench->view), EXPRESSION_NO);
	assert_int_equal(expression_holds(expression_both(&bench->snapshot, yes, yes), &bench->view),
			 EXPRESSION_YES);
	assert_true(expression_needs_principal(both));
	assert_false(expression_needs_principal(yes));
	expression_print(both, &out);
	assert_true(str_eq(buf_str(&out), STR("(true || false) && has(claims[\"a\"])")));
	/* Neither of the two was changed by it. */
	assert_int_equal(expression_holds(yes, &bench->view), EXPRESSION_YES);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_have_their_place),
		cmocka_unit_test(operators_bind_as_in_cel),
		cmocka_unit_test(depth_and_length_are_bounded),
		cmocka_unit_test(both_must_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
