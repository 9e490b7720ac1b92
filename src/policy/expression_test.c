/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: what an expression says of a request. */
#include "policy/expression_testing.h"

#include "base/note.h"
#include "policy/principal.h"

/* Somebody who asks, with claims of every type. */
struct claim {
	const char *name;
	struct operand value;
};

#define TEXT_OPERAND(words)                                     \
	{                                                       \
		.kind = OPERAND_STRING, .text = STR_INIT(words) \
	}
#define INT_OPERAND(number)                            \
	{                                              \
		.kind = OPERAND_INT, .integer = number \
	}

static const struct operand roles[] = { TEXT_OPERAND("admin"), TEXT_OPERAND("ops"), INT_OPERAND(7) };
static const struct operand groups[] = { TEXT_OPERAND("partners"), TEXT_OPERAND("gold") };
static const struct claim labels[] = { { "plan", TEXT_OPERAND("gold") }, { NULL, { 0 } } };
static const struct claim address[] = { { "city", TEXT_OPERAND("Ulm") }, { NULL, { 0 } } };

static bool find_claim(const void *self, str key, struct operand *ret_value)
{
	for (const struct claim *claim = self; claim->name; claim++) {
		if (!str_eq(str_of(claim->name), key))
			continue;
		*ret_value = claim->value;
		return true;
	}
	return false;
}

static const struct claim claims[] = {
	{ "sub", TEXT_OPERAND("alice") },
	{ "level", INT_OPERAND(3) },
	{ "large", INT_OPERAND(9007199254740993) },
	{ "score", { .kind = OPERAND_DOUBLE, .real = 2.5 } },
	{ "large_score", { .kind = OPERAND_DOUBLE, .real = 1e300 } },
	{ "even", { .kind = OPERAND_DOUBLE, .real = 9007199254740992.0 } },
	{ "top", { .kind = OPERAND_DOUBLE, .real = 9223372036854775808.0 } },
	{ "admin", { .kind = OPERAND_BOOL, .boolean = true } },
	{ "exp", INT_OPERAND(1767323046) },
	{ "last", INT_OPERAND(INT64_MAX) },
	{ "roles", { .kind = OPERAND_LIST, .list = { roles, COUNT_OF(roles) } } },
	{ "groups", { .kind = OPERAND_LIST, .list = { groups, COUNT_OF(groups) } } },
	{ "address", { .kind = OPERAND_MAP, .map = { find_claim, address } } },
	{ NULL, { 0 } },
};

static const struct principal alice = {
	.consumer = STR_INIT("acme"),
	.groups = { .kind = OPERAND_LIST, .list = { groups, COUNT_OF(groups) } },
	.labels = { .kind = OPERAND_MAP, .map = { find_claim, labels } },
	.claims = { .kind = OPERAND_MAP, .map = { find_claim, claims } },
	.certificate_subject = STR_INIT("CN=acme"),
};

/* One of each row is true, and the same behind a "!" false. */
static const char *const true_rows[] = {
	"true",
	"!false",
	"!!true",
	"( true )",
	"request.method == \"POST\"",
	"request.method == 'POST'",
	"request.method != 'GET'",
	"request.host == 'api.test'",
	"request.path == '/orders/7'",
	"request.scheme == 'https'",
	"request.id == 'id-1'",
	"client.ip == '203.0.113.9'",
	"path['id'] == '7'",
	"path.id == '7'",
	/* Fields: case folded, several lines are one list. */
	"request.headers['x-beta'] == 'yes'",
	"request.headers['X-BETA'] == 'yes'",
	"request.headers['content-type'].startsWith('application/')",
	"request.headers['X-Two'] == 'a, b'",
	"request.headers['X-Two'].contains('b')",
	"request.headers['X-Empty'] == ''",
	"has(request.headers['X-Empty'])",
	"!has(request.headers['X-None'])",
	"'X-Beta' in request.headers",
	"'x-beta' in request.headers",
	"!('X-None' in request.headers)",
	"request.headers[request.headers['X-Beta'] + ''] == 'x' || true",
	/* The query: decoded, the first of a name, names as well. */
	"request.query['page'] == '2'",
	"request.query['q'] == 'a b c'",
	"request.query['format'] == 'csv'",
	"request.query.format == 'csv'",
	"request.query['empty'] == ''",
	"has(request.query['empty'])",
	"request.query['bad'] == '%zz'",
	"!has(request.query['none'])",
	"!('Page' in request.query)",
	"request.cookies['session'] == 's1'",
	"request.cookies['late'] == '1'",
	"!has(request.cookies['none'])",
	"!has(request.cookies['Session'])",
	/* Addresses. */
	"client.ip in ['203.0.113.0/24']",
	"client.ip in ['10.0.0.0/8', '203.0.113.9']",
	"!(client.ip in ['10.0.0.0/8', '2001:db8::/32'])",
	"!(client.ip in [])",
	/* Lists. */
	"request.method in ['GET', 'POST']",
	"!(request.method in ['GET'])",
	"!(request.method in [])",
	"2 in [1, 2, 3]",
	"2.0 in [1, 2, 3]",
	"[1, 2] == [1, 2]",
	"[1, 2] != [2, 1]",
	"[1] != [1, 2]",
	"[1, 2] == [1.0, 2.0]",
	"[] == []",
	"['a', 'b'][1] == 'b'",
	"!has(['a'][1])",
	"!has(['a'][-1])",
	"size(['a', 'b']) == 2",
	/* Logic. */
	"true && true && true",
	"!(true && true && false)",
	"false || false || true",
	"!(false || false)",
	"true || false && false",
	"(true ? 1 : 2) == 1",
	"(false ? 1 : 2) == 2",
	"false ? false : true ? true : false",
	"!true == false",
	/* Order and numbers. */
	"1 < 2",
	"!(2 < 2)",
	"2 <= 2",
	"3 > 2",
	"2 >= 2",
	"-1 < 0",
	"- 1 < 0",
	"1 < 1.5",
	"1.5 < 2",
	"2.0 == 2",
	"2 == 2.0",
	"-1.5 > -2",
	"9007199254740993 > claims.even",
	"claims.even < 9007199254740993",
	"9223372036854775807 < 1e19",
	"9223372036854775807 > -1e19",
	"1e3 == 1000",
	"1.5e-1 == 0.15",
	"'a' < 'b'",
	"'a' < 'aa'",
	"!('b' < 'a')",
	"1 + 2 == 3",
	"1.5 + 1.5 == 3",
	"'a' + 'b' + 'c' == 'abc'",
	"request.method + ' ' + request.path == 'POST /orders/7'",
	"true == true",
	"true != false",
	/* Texts. */
	"request.path.startsWith('/orders')",
	"!request.path.startsWith('orders')",
	"request.path.endsWith('/7')",
	"request.path.contains('ders')",
	"request.path.contains('')",
	"request.path.matches('^/orders/[0-9]+$')",
	"request.path.matches('der')",
	"!request.path.matches('^der')",
	"'a.b'.matches(r'^a\\.b$')",
	"'a.b'.matches('^a\\\\.b$')",
	"'\\n\\r\\t\\\\\\'\\\"' == \"\\n\\r\\t\\\\\\'\\\"\"",
	"size('\\n') == 1",
	"size(r'\\n') == 2",
	"size('J\xc3\xb6rg') == 4",
	"size(request.headers['X-Name']) == 4",
	"size('') == 0",
	"size('\xe2\x82\xac') == 1",
	/* Conversions. */
	"int('42') == 42",
	"int('-42') == -42",
	"int(request.headers['X-Number']) > 41",
	"int(1.9) == 1",
	"int(-1.9) == -1",
	"int(5) == 5",
	"int(now) == 1767323045",
	"string(42) == '42'",
	"string(-1) == '-1'",
	"string(1.5) == '1.5'",
	"string(true) == 'true'",
	"string(false) == 'false'",
	"string('x') == 'x'",
	"string(now) == '2026-01-02T03:04:05.000000Z'",
	"now == timestamp('2026-01-02T03:04:05Z')",
	"now > timestamp('2026-01-01T00:00:00Z')",
	"now < timestamp(1767323046)",
	"timestamp(now) == now",
	"timestamp(request.headers['X-Old']) < now",
	/* Who asks. */
	"consumer.name == 'acme'",
	"has(consumer.name)",
	"'partners' in consumer.groups",
	"!('silver' in consumer.groups)",
	"size(consumer.groups) == 2",
	"consumer.groups[1] == 'gold'",
	"consumer.groups == ['partners', 'gold']",
	"consumer.labels['plan'] == 'gold'",
	"consumer.labels.plan == 'gold'",
	"'plan' in consumer.labels",
	"!has(consumer.labels.none)",
	"certificate.subject == 'CN=acme'",
	/* Claims: dynamic. */
	"claims.sub == 'alice'",
	"claims['sub'] == 'alice'",
	"claims.sub.startsWith('al')",
	"claims.sub.matches('^al')",
	"claims['address']['city'] == 'Ulm'",
	"claims.address.city == 'Ulm'",
	"claims.level == 3",
	"claims.level < 3.5",
	"claims.level + 1 == 4",
	"claims.large == 9007199254740993",
	"claims.large != claims.even",
	"claims.score > 2",
	"claims.last < claims.top",
	"claims.top > claims.last",
	"claims.score + 0.5 == 3",
	"claims.admin",
	"claims.admin == true",
	"claims.admin && claims.level == 3",
	"'admin' in claims.roles",
	"7 in claims.roles",
	"claims.level in [1, 2, 3]",
	"claims.roles[1] == 'ops'",
	"claims.roles[claims.level + -3] == 'admin'",
	"size(claims.roles) == 3",
	"size(claims.sub) == 5",
	"'city' in claims.address",
	"claims.groups == consumer.groups",
	"timestamp(claims.exp) > now",
	"string(claims.level) == '3'",
	"int(claims.score) == 2",
	"has(claims.sub)",
	"!has(claims.none)",
	"!(claims.sub == 5)",
	"!(claims.sub != 5)",
	"(claims.admin ? claims.sub : 'x') == 'alice'",
};

static void expressions_that_hold(void **state)
{
	struct bench *bench = ask(&alice);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(true_rows); i++) {
		const char *text = true_rows[i];
		bool is_dynamic = strcmp(text, "claims.admin") == 0;
		const char *whole = is_dynamic ? "claims.admin == true" : text;

		if (outcome_of(bench, whole) != EXPRESSION_YES)
			fail_msg("%s does not hold", text);
		whole = arena_printf(&bench->snapshot, "!(%s)", text).ptr;
		if (outcome_of(bench, whole) != EXPRESSION_NO)
			fail_msg("%s holds", whole);
	}
	bench_free(&bench);
}

/* What is missing, or of another type than it would have to be, makes a comparison false, whichever it is. */
static const char *const false_rows[] = {
	"false",
	"request.headers['X-None'] == ''",
	"request.headers['X-None'] == 'x'",
	"request.headers['X-None'] != 'x'",
	"request.headers['X-None'] < 'x'",
	"request.headers['X-None'] >= ''",
	"request.headers['X-None'] == request.headers['X-None']",
	"request.headers['X-None'] in ['', 'x']",
	"request.headers['X-None'].startsWith('')",
	"request.headers['X-None'].endsWith('')",
	"request.headers['X-None'].contains('')",
	"request.headers['X-None'].matches('')",
	"'x'.contains(request.headers['X-None'])",
	"size(request.headers['X-None']) == 0",
	"size(request.headers['X-None']) >= 0",
	"int(request.headers['X-None']) == 0",
	"int(request.headers['X-Beta']) == 0",
	"int('') == 0",
	"int('+1') == 1",
	"int(' 1') == 1",
	"int('1.0') == 1",
	"int('9223372036854775808') > 0",
	"int(1e19) > 0",
	"string(request.headers['X-None']) == ''",
	"request.headers['X-None'] + 'x' == 'x'",
	"'x' + request.headers['X-None'] == 'x'",
	"request.headers[request.headers['X-None']] == ''",
	"request.headers['X-None'] in request.headers",
	"has(request.headers[request.headers['X-None']])",
	"request.query['page'] == '3'",
	"request.cookies['none'] != 's1'",
	"claims.sub != 5",
	"claims.level != 'three'",
	"claims.roles != 'admin'",
	"claims.address != 'x'",
	"claims.admin != 'no'",
	"path['none'] != '7'",
	"9223372036854775807 + 1 > 0",
	"9223372036854775807 + 1 < 0",
	"timestamp('2026-01-02') < now",
	"timestamp(request.headers['X-Beta']) < now",
	"timestamp(9223372036854775807) > now",
	"['a'][1] != 'a'",
	"claims.none == 1",
	"claims.none != 1",
	"claims.none.deeper != 1",
	"claims.none[0] != 1",
	"claims.none in [1]",
	"1 in claims.none",
	"claims.none && true",
	"claims.none || false",
	"claims.none ? true : false",
	"claims.sub < 5",
	"claims.sub >= 5",
	"claims.sub + 1 == 1",
	"claims.level + 'x' == '3x'",
	"claims.last + 1 != 0",
	"claims.level.startsWith('3')",
	"claims.sub && true",
	"claims.level && true",
	"claims.sub[0] == 'a'",
	"claims.roles['admin'] == 'admin'",
	"claims.roles[99] != 1",
	"claims.address[0] == 'Ulm'",
	"claims.address == claims.address",
	"claims.sub in claims.sub",
	"'none' in claims.address",
	"5 in claims.address",
	"'alice' in claims.level",
	"size(claims.level) >= 0",
	"size(claims.address) >= 0",
	"int(claims.admin) >= 0",
	"int(claims.large_score) > 0",
	"timestamp(claims.admin) > now",
	"timestamp(claims.last) > now",
	"string(claims.address) != ''",
	"claims.roles < claims.roles",
};

static void expressions_that_do_not_hold(void **state)
{
	struct bench *bench = ask(&alice);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(false_rows); i++)
		if (outcome_of(bench, false_rows[i]) != EXPRESSION_NO)
			fail_msg("%s holds", false_rows[i]);
	bench_free(&bench);
}

/* Before there is an authentication, or where it found nobody. */
static const char *const nobody_rows[] = {
	"consumer.name == ''",
	"consumer.name != 'acme'",
	"has(consumer.name)",
	"'partners' in consumer.groups",
	"size(consumer.groups) == 0",
	"consumer.groups == []",
	"consumer.groups != []",
	"consumer.labels.plan != 'x'",
	"'plan' in consumer.labels",
	"has(consumer.labels.plan)",
	"claims.sub != 'alice'",
	"has(claims.sub)",
	"has(claims)",
	"'sub' in claims",
	"certificate.subject != ''",
	"has(certificate.subject)",
};

static void nobody_has_nothing(void **state)
{
	static const struct principal nobody;
	struct bench *bench = ask(NULL);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(nobody_rows); i++) {
		bench->view.principal = NULL;
		if (outcome_of(bench, nobody_rows[i]) != EXPRESSION_NO)
			fail_msg("%s holds", nobody_rows[i]);
		bench->view.principal = &nobody;
		if (outcome_of(bench, nobody_rows[i]) != EXPRESSION_NO)
			fail_msg("%s holds of an empty principal", nobody_rows[i]);
	}
	bench_free(&bench);
}

/* Printing and compiling again changes neither the text nor what it says. */
static void printing_is_stable(void **state)
{
	struct bench *bench = ask(&alice);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(true_rows) + COUNT_OF(false_rows); i++) {
		bool is_true = i < COUNT_OF(true_rows);
		const char *text = is_true ? true_rows[i] : false_rows[i - COUNT_OF(true_rows)], *once;

		if (strcmp(text, "claims.admin") == 0)
			continue;
		once = print(bench, text);
		assert_string_equal(print(bench, once), once);
		if (outcome_of(bench, once) != (is_true ? EXPRESSION_YES : EXPRESSION_NO))
			fail_msg("%s became %s", text, once);
	}
	bench_free(&bench);
}

/* Names are shown, and what stands beside them where it says nothing of what they stand for. */
static void what_is_compared_with_secrets_is_not_told(void **state)
{
	static const struct {
		const char *text, *want;
	} told[] = {
		{ "request.headers['X-Api-Key'] == 'abc'", "request.headers[\"X-Api-Key\"] == \"***\"" },
		{ "'abc' == request.query.token", "\"***\" == request.query[\"token\"]" },
		{ "request.cookies.session in ['a', 'b']",
		  "request.cookies[\"session\"] in [\"***\", \"***\"]" },
		{ "request.headers.authorization.startsWith('Basic a')",
		  "request.headers[\"authorization\"].startsWith(\"***\")" },
		{ "request.headers.cookie.matches('sid=a')", "request.headers[\"cookie\"].matches(\"***\")" },
		{ "request.query.key == 'a' + 'b'", "request.query[\"key\"] == \"***\" + \"***\"" },
		{ "request.query.key == request.headers['x']",
		  "request.query[\"key\"] == request.headers[\"x\"]" },
		{ "has(request.query.key) && request.method == 'GET'",
		  "has(request.query[\"key\"]) && request.method == \"GET\"" },
		{ "request.query.page == 'a' || size(request.query.key) == 5",
		  "request.query[\"page\"] == \"a\" || size(request.query[\"key\"]) == 5" },
		{ "request.headers['x'] == 'Bearer abc'", "request.headers[\"x\"] == \"***\"" },
		{ "request.headers['x'] in ['a', 'Basic YTpi']",
		  "request.headers[\"x\"] in [\"a\", \"***\"]" },
		{ "int(request.query.code) == 1234", "int(request.query[\"code\"]) == \"***\"" },
		{ "int(request.query.code) in [1, 2]", "int(request.query[\"code\"]) in [\"***\", \"***\"]" },
		{ "int(request.query.page) == 12", "int(request.query[\"page\"]) == 12" },
		{ "8 < size(request.query.code)", "8 < size(request.query[\"code\"])" },
	};

	struct bench *bench = ask(NULL);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(told); i++) {
		const struct expression *expression;
		const char *error = parse_error(bench, told[i].text, EXPRESSION_BOOL, &expression);
		struct note note;

		if (error)
			fail_msg("%s: %s", told[i].text, error);
		note_begin(&note);
		expression_tell(expression, note.to);
		assert_row(str_eq(note_end(&note, &bench->snapshot), str_of(told[i].want)), i, told[i].text);
	}
	bench_free(&bench);
}

/* Where an answer would cost too much nothing is decided, and nobody is told otherwise. */
static void what_costs_too_much_is_undecided(void **state)
{
	struct bench *bench = ask(NULL);
	const char *query = repeat(bench, "q=", "%41bc", 3000, "");
	const char *long_field = repeat(bench, "", "a", 5000, "");
	const char *fields = arena_printf(&bench->snapshot, "X: %s\nX: %s\n", long_field, long_field).ptr;

	(void)state;
	bench_ask(bench,
		  arena_printf(&bench->snapshot, "GET /%sb!?%s", repeat(bench, "", "a", 40, ""), query).ptr,
		  fields);
	assert_int_equal(outcome_of(bench, "request.path.matches('^(/?a+)+b$')"), EXPRESSION_UNDECIDED);
	assert_int_equal(outcome_of(bench, "!request.path.matches('^(/?a+)+b$')"), EXPRESSION_UNDECIDED);
	assert_int_equal(outcome_of(bench, "request.query.q == 'x'"), EXPRESSION_UNDECIDED);
	assert_int_equal(outcome_of(bench, "has(request.query.q)"), EXPRESSION_UNDECIDED);
	assert_int_equal(outcome_of(bench, "request.headers.X == 'x'"), EXPRESSION_UNDECIDED);
	/* What was not asked decides nothing, nor does what cannot be it. */
	assert_int_equal(outcome_of(bench, "has(request.query.r)"), EXPRESSION_NO);
	assert_int_equal(outcome_of(bench, "false && request.headers.X == 'x'"), EXPRESSION_NO);
	assert_int_equal(outcome_of(bench, "true || request.headers.X == 'x'"), EXPRESSION_YES);
	bench_ask(bench,
		  arena_printf(&bench->snapshot, "GET /?%s=1&%%71=2", repeat(bench, "", "%41", 9000, "")).ptr,
		  "");
	assert_int_equal(outcome_of(bench, "request.query.q == '2'"), EXPRESSION_YES);
	bench_free(&bench);
}

static const struct {
	const char *text;
	bool is_there;
	int64_t want;
} number_rows[] = {
	{ "1", true, 1 },
	{ "-5", true, -5 },
	{ "1 + size('abc')", true, 4 },
	{ "int(request.headers['X-Number'])", true, 42 },
	{ "request.method == 'POST' ? 10 : 1", true, 10 },
	{ "int(claims.level)", true, 3 },
	{ "int(request.headers['X-None'])", false, 0 },
	{ "int(request.headers['X-Beta'])", false, 0 },
	{ "int(claims.none)", false, 0 },
	{ "9223372036854775807 + 1", false, 0 },
};

static void numbers_can_be_asked_for(void **state)
{
	struct bench *bench = ask(&alice);
	const struct expression *expression;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(number_rows); i++) {
		int64_t number = 0;

		assert_null(parse_error(bench, number_rows[i].text, EXPRESSION_INT, &expression));
		assert_int_equal(expression_number(expression, &bench->view, &number),
				 number_rows[i].is_there);
		assert_int_equal(number, number_rows[i].want);
	}
	assert_string_equal(parse_error(bench, "true", EXPRESSION_INT, &expression),
			    "1:1: the expression must be an int, it is a boolean");
	assert_string_equal(parse_error(bench, "1.5", EXPRESSION_INT, &expression),
			    "1:1: the expression must be an int, it is a double");
	bench_free(&bench);
}

/* Nothing is taken from the exchange's memory, whatever is asked. */
static void evaluating_takes_no_memory(void **state)
{
	struct bench *bench = ask(&alice);
	size_t before = bench->exchange.used;
	const char *at = bench->exchange.at;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(true_rows); i++)
		if (strcmp(true_rows[i], "claims.admin") != 0)
			outcome_of(bench, true_rows[i]);
	assert_int_equal(bench->exchange.used, before);
	assert_ptr_equal(bench->exchange.at, at);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions_that_hold),
		cmocka_unit_test(expressions_that_do_not_hold),
		cmocka_unit_test(nobody_has_nothing),
		cmocka_unit_test(printing_is_stable),
		cmocka_unit_test(what_is_compared_with_secrets_is_not_told),
		cmocka_unit_test(what_costs_too_much_is_undecided),
		cmocka_unit_test(numbers_can_be_asked_for),
		cmocka_unit_test(evaluating_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
