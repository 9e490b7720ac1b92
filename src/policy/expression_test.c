/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: what an expression says of a request, how it is understood, and what is refused when it is loaded.
 */
#include "policy/expression.h"

#include "base/assert.h"
#include "base/testing.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

enum { PRINTED_MAX = 64 * 1024 };

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

/* A request with one of everything: bench_ask() says what else there is. */
static struct bench *ask(const struct principal *principal)
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

static enum expression_outcome outcome_of(struct bench *bench, const char *text)
{
	const struct expression *expression;
	const char *error = parse_error(bench, text, EXPRESSION_BOOL, &expression);

	if (error)
		fail_msg("%s: %s", text, error);
	return expression_holds(expression, &bench->view);
}

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

static void operators_bind_as_in_cel(void **state)
{
	struct bench *bench = ask(NULL);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(printed_rows); i++)
		assert_string_equal(print(bench, printed_rows[i].text), printed_rows[i].want);
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
		cmocka_unit_test(mistakes_have_their_place),
		cmocka_unit_test(operators_bind_as_in_cel),
		cmocka_unit_test(printing_is_stable),
		cmocka_unit_test(depth_and_length_are_bounded),
		cmocka_unit_test(what_costs_too_much_is_undecided),
		cmocka_unit_test(numbers_can_be_asked_for),
		cmocka_unit_test(both_must_hold),
		cmocka_unit_test(evaluating_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
