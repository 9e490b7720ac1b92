/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: a text, what it becomes a part of, and what is made of it for one request. */
#include "policy/value.h"

#include "base/testing.h"
#include "policy/policy_testing.h"

#define TARGET                                                      \
	"GET "                                                      \
	"/orders/7%20x?q=a%2Bb+c&empty=&q=second&na%6De=N&slash=a/" \
	"b&dots=..&quote=%22%5C&utf=%C3%A4&bad=%zz&a:b=colon"
#define FIELDS "X-A: one\nX-A: two\nUser-Agent: curl\nX-Slash: a/b\nX-Quote: \"x\\\nX-Ref: ${request.id}\n"

static result compile(struct bench *bench, const char *text, enum value_use use, unsigned options,
		      struct value *ret_value)
{
	struct reader reader = { &bench->snapshot, bench->diagnostics, NULL };
	struct node *node = ARENA_NEW(&bench->snapshot, struct node);

	node->kind = NODE_SCALAR;
	node->text = str_of(text);
	return value_compile(&reader, node, use, options, ret_value);
}

static const struct {
	const char *text;
	enum value_use use;
	const char *want;
} cases[] = {
	{ "", VALUE_FIELD, "" },
	{ "plain", VALUE_FIELD, "plain" },
	{ "$", VALUE_FIELD, "$" },
	{ "a$b$", VALUE_FIELD, "a$b$" },
	{ "$1", VALUE_FIELD, "$1" },
	{ "a}b{", VALUE_FIELD, "a}b{" },
	{ "${request.id}", VALUE_FIELD, "id-1" },
	{ "<${request.id}>", VALUE_FIELD, "<id-1>" },
	{ "${request.id}${request.id}", VALUE_FIELD, "id-1id-1" },
	{ "${request.method}", VALUE_FIELD, "GET" },
	{ "${request.host}", VALUE_FIELD, "api.test" },
	{ "${request.path}", VALUE_FIELD, "/orders/7%20x" },
	{ "${request.scheme}", VALUE_FIELD, "https" },
	{ "${client.ip}", VALUE_FIELD, "203.0.113.9" },
	{ "${api}/${route}", VALUE_FIELD, "orders/one" },
	{ "${path.id}", VALUE_FIELD, "7" },
	{ "${path.none}", VALUE_FIELD, "" },
	{ "${request.header.X-A}", VALUE_FIELD, "one" },
	{ "${request.header.x-a}", VALUE_FIELD, "one" },
	{ "${request.header.user-agent}", VALUE_FIELD, "curl" },
	{ "${request.header.X-None}", VALUE_FIELD, "" },
	{ "${request.header.X-Ref}", VALUE_FIELD, "${request.id}" },
	{ "a${request.header.X-Ref}b", VALUE_FIELD, "a${request.id}b" },
	{ "${request.query.q}", VALUE_FIELD, "a+b c" },
	{ "${request.query.name}", VALUE_FIELD, "N" },
	{ "${request.query.empty}", VALUE_FIELD, "" },
	{ "${request.query.none}", VALUE_FIELD, "" },
	{ "${request.query.utf}", VALUE_FIELD, "\xc3\xa4" },
	{ "${request.query.bad}", VALUE_FIELD, "%zz" },
	{ "${request.query.a:b}", VALUE_FIELD, "colon" },

	{ "line\nline ${request.id}", VALUE_TEXT, "line\nline id-1" },

	{ "/x/${path.id}", VALUE_PATH, "/x/7" },
	{ "/x${request.path}", VALUE_PATH, "/x/orders/7%20x" },
	{ "/x/${request.query.q}", VALUE_PATH, "/x/a%2Bb%20c" },
	{ "/x/${request.query.utf}", VALUE_PATH, "/x/%C3%A4" },
	{ "/x/${request.query.quote}y", VALUE_PATH, NULL }, /* a backslash */
	{ "/x/${request.query.slash}", VALUE_PATH, NULL },
	{ "/x/${request.header.X-Slash}", VALUE_PATH, NULL },
	{ "/x/${request.header.X-Ref}", VALUE_PATH, "/x/%24%7Brequest.id%7D" },

	{ "https://x.test${request.path}?${request.query.q}", VALUE_URL,
	  "https://x.test/orders/7%20x?a%2Bb%20c" },
	{ "/x/${request.query.slash}", VALUE_URL, "/x/a%2Fb" },
	{ "/x/${request.query.quote}", VALUE_URL, "/x/%22%5C" },
	{ "/x/${path.id}", VALUE_URL, "/x/7" },
	{ "/x/${request.query.dots}", VALUE_URL, "/x/.." },

	{ "a b&c", VALUE_QUERY, "a%20b%26c" },
	{ "x${request.query.slash}", VALUE_QUERY, "xa%2Fb" },
	{ "${request.path}", VALUE_QUERY, "%2Forders%2F7%20x" },
	{ "${request.query.q}", VALUE_QUERY, "a%2Bb%20c" },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct bench *bench = bench_new("[]");
		struct value value;
		str text;
		result_value expanded;

		bench_ask(bench, TARGET, FIELDS);
		assert_false(failed(compile(bench, cases[i].text, cases[i].use, 0, &value)));
		expanded = value_expand(&value, &bench->view, NULL, &text);
		if (failed(expanded) != !cases[i].want ||
		    (cases[i].want && !str_eq(text, str_of(cases[i].want))))
			fail_msg("%s: %.*s", cases[i].text, STR_ARG(text));
		if (failed(expanded))
			assert_int_equal(expanded.kind, ERROR_MALFORMED);
		bench_free(&bench);
	}
}

#define WHO                                                                                               \
	"{\"method\": \"jwt\", \"consumer\": \"acme\", \"labels\": {\"plan\": \"gold\", \"a.b\": \"c\"}," \
	" \"claims\": {\"sub\": \"alice\", \"n\": 7, \"yes\": true, \"roles\": [\"a\", 2, {}, \"b\"],"    \
	" \"org\": {\"id\": \"x/y\"}, \"ref\": \"${api}\", \"line\": \"a\\nb\", \"nil\": null}}"

static const struct {
	const char *text;
	enum value_use use;
	const char *want;
} known_cases[] = {
	{ "${consumer.name}", VALUE_FIELD, "acme" },
	{ "<${consumer.name}>", VALUE_FIELD, "<acme>" },
	{ "${consumer.label.plan}", VALUE_FIELD, "gold" },
	{ "${consumer.label.a.b}", VALUE_FIELD, "c" },
	{ "${consumer.label.none}", VALUE_FIELD, "" },
	{ "${claim.sub}", VALUE_FIELD, "alice" },
	{ "${claim.n}${claim.yes}", VALUE_FIELD, "7true" },
	{ "${claim.roles}", VALUE_FIELD, "a,2,b" },
	{ "${claim.org}", VALUE_FIELD, "" },
	{ "${claim.org.id}", VALUE_FIELD, "x/y" },
	{ "${claim.org.none}", VALUE_FIELD, "" },
	{ "${claim.nil}${claim.none}", VALUE_FIELD, "" },
	{ "${claim.ref}", VALUE_FIELD, "${api}" },
	{ "/${claim.sub}", VALUE_PATH, "/alice" },
	{ "${claim.org.id}", VALUE_QUERY, "x%2Fy" },
	{ "/${claim.org.id}", VALUE_PATH, NULL },
	{ "${claim.line}", VALUE_FIELD, NULL },
	{ "${claim.line}", VALUE_TEXT, NULL },
};

static void who_asks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(known_cases); i++) {
		struct bench *bench = bench_new("[]");
		struct value value;
		str text, of_nobody;
		result_value expanded;

		bench_ask(bench, "GET /", "");
		assert_false(failed(compile(bench, known_cases[i].text, known_cases[i].use, 0, &value)));
		assert_false(failed(value_expand(&value, &bench->view, NULL, &of_nobody)));
		assert_null(strstr(bench_text(bench, of_nobody), "a"));
		bench_identify(bench, WHO);
		expanded = value_expand(&value, &bench->view, NULL, &text);
		if (failed(expanded) != !known_cases[i].want ||
		    (known_cases[i].want && !str_eq(text, str_of(known_cases[i].want))))
			fail_msg("%s: %.*s", known_cases[i].text, STR_ARG(text));
		bench_free(&bench);
	}
}

static const struct {
	const char *text;
	enum value_use use;
	unsigned options;
	const char *want;
} bad_cases[] = {
	{ "${consumer}", VALUE_FIELD, 0,
	  "there is no value ${consumer}; allowed: request.id, request.method," },
	{ "${consumer.groups}", VALUE_FIELD, 0, "consumer.name, consumer.label.NAME and claim.NAME" },
	{ "${consumer.labels.plan}", VALUE_FIELD, 0, "did you mean \"consumer.label.plan\"?" },
	{ "${request.headers.X-User}", VALUE_FIELD, 0, "did you mean \"request.header.X-User\"?" },
	{ "${consumer.label.}", VALUE_FIELD, 0, "there is no value" },
	{ "${consumer.password}", VALUE_FIELD, 0, "there is no value" },
	{ "${claim.}", VALUE_FIELD, 0, "there is no value" },
	{ "${claims.sub}", VALUE_FIELD, 0, "there is no value ${claims.sub}; did you mean \"claim.sub\"?" },
	{ "${request.idd}", VALUE_FIELD, 0,
	  "there is no value ${request.idd}; did you mean \"request.id\"?" },
	{ "${request}", VALUE_FIELD, 0, "there is no value ${request}" },
	{ "${}", VALUE_FIELD, 0, "there is no value ${}" },
	{ "${request.header.}", VALUE_FIELD, 0, "there is no value" },
	{ "${request.query}${request.query.}", VALUE_FIELD, 0, "there is no value" },
	{ "${path.}", VALUE_FIELD, 0, "there is no value" },
	{ "${API}", VALUE_FIELD, 0, "there is no value" },
	{ "${ api}", VALUE_FIELD, 0, "there is no value" },
	{ "${request.header.X A}", VALUE_FIELD, 0, "want the name of a field" },
	{ "${consumer.label.plan:-free}", VALUE_FIELD, 0,
	  "a value of the request takes no default; what is missing is empty" },
	{ "${claim.sub:-}", VALUE_FIELD, 0, "takes no default" },
	{ "${path.id:-1}", VALUE_PATH, 0, "takes no default" },
	{ "${request.query.q:-x}", VALUE_QUERY, 0, "takes no default" },
	{ "${request.header.X-A:-x}", VALUE_TEXT, 0, "takes no default" },
	{ "${request.id:-x}", VALUE_JSON, 0, "takes no default" },
	{ "${request.id", VALUE_FIELD, 0, "without its }" },
	{ "a${", VALUE_FIELD, 0, "without its }" },
	{ "${upstream.endpoint}", VALUE_FIELD, 0, "known in answers only" },
	{ "a\nb", VALUE_FIELD, 0, "a control character cannot stand here" },
	{ "${request.id}\r\nX: y", VALUE_FIELD, 0, "a control character cannot stand here" },
	{ "a\x7f", VALUE_PATH, 0, "a control character cannot stand here" },
};

static void mistakes_are_reported(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_cases); i++) {
		struct bench *bench = bench_new("[]");
		struct value value;
		result_value compiled =
			compile(bench, bad_cases[i].text, bad_cases[i].use, bad_cases[i].options, &value);

		assert_int_equal(compiled.kind, ERROR_INVALID);
		if (!strstr(bench_errors(bench), bad_cases[i].want))
			fail_msg("%s: %s", bad_cases[i].text, bench_errors(bench));
		bench_free(&bench);
	}
}

static void too_many_values(void **state)
{
	struct bench *bench = bench_new("[]");
	char text[200 * 6 + 1] = "";
	struct value value;

	(void)state;
	for (int i = 0; i < 200; i++)
		memcpy(text + (size_t)i * 6, "${api}", 7);
	assert_int_equal(compile(bench, text, VALUE_FIELD, 0, &value).kind, ERROR_INVALID);
	assert_non_null(strstr(bench_errors(bench), "more than 64 values"));
	text[64 * 6] = 0;
	assert_false(failed(compile(bench, text, VALUE_FIELD, 0, &value)));
	bench_free(&bench);
}

static void answers_know_the_endpoint(void **state)
{
	struct bench *bench = bench_new("[]");
	struct value value;
	str text;

	(void)state;
	bench_ask(bench, "GET /", "");
	assert_false(failed(compile(bench, "${upstream.endpoint}!", VALUE_FIELD, VALUE_OF_ANSWER, &value)));
	assert_false(failed(value_expand(&value, &bench->view, NULL, &text)));
	assert_string_equal(bench_text(bench, text), "!");
	bench_answer(bench, "");
	assert_false(failed(value_expand(&value, &bench->view, NULL, &text)));
	assert_string_equal(bench_text(bench, text), "10.0.0.5:8080!");
	bench_free(&bench);
}

static void groups_are_filled_in_once(void **state)
{
	static const str groups[VALUE_GROUPS_MAX] = { STR_INIT("all"), STR_INIT("$2"), STR_INIT("a/b") };
	struct bench *bench = bench_new("[]");
	struct value value;
	str text;

	(void)state;
	bench_ask(bench, "GET /", "");
	assert_false(failed(compile(bench, "$0-$1-$2-$9-$$1-$x", VALUE_PATH, VALUE_GROUPS, &value)));
	assert_int_equal(value_highest_group(&value), 9);
	assert_false(failed(value_expand(&value, &bench->view, groups, &text)));
	assert_string_equal(bench_text(bench, text), "all-$2-a/b--$1-$x");
	bench_free(&bench);
}

/* What was escaped in the file or came from the environment is text. */
static void literal_parts_are_not_filled_in(void **state)
{
	struct bench *bench = bench_new("[ headers: { request: { set: { A: 'a$${request.id}', B: "
					"'${FROM_OUTSIDE}-${request.id}' } } } ]");

	(void)state;
	assert_string_equal(bench_errors(bench), "");
	bench_ask(bench, "GET /", "");
	bench_request(bench);
	assert_string_equal(bench_fields(bench, &bench->request.fields),
			    "A: a${request.id}\nB: ${request.id}-id-1\n");
	bench_free(&bench);
}

/* Whatever a client sends: no control character comes through, whatever it becomes a part of. */
static void control_characters_never_pass(void **state)
{
	static const enum value_use uses[] = { VALUE_FIELD, VALUE_TEXT, VALUE_PATH, VALUE_QUERY, VALUE_JSON };
	struct bench *bench = bench_new("[]");

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		char target[] = "GET /?q=a%00b";
		bool is_control = (byte < 0x20 && byte != '\t') || byte == 0x7f;

		target[10] = "0123456789abcdef"[byte >> 4];
		target[11] = "0123456789abcdef"[byte & 15];
		bench_ask(bench, target, "");
		for (size_t i = 0; i < COUNT_OF(uses); i++) {
			struct value value;
			str text;
			result_value expanded;

			assert_false(failed(compile(bench, "x${request.query.q}", uses[i], 0, &value)));
			expanded = value_expand(&value, &bench->view, NULL, &text);
			if (is_control)
				assert_int_equal(expanded.kind, ERROR_MALFORMED);
			else if (uses[i] != VALUE_PATH)
				assert_false(failed(expanded));
		}
	}
	bench_free(&bench);
}

static void what_becomes_too_long_is_refused(void **state)
{
	static char query[40000];
	struct bench *bench = bench_new("[]");
	struct value once, twice;
	str text;

	(void)state;
	memset(query, 'x', sizeof query);
	memcpy(query, "q=", 2);
	bench_ask(bench, "GET /", "");
	bench->view.query = (str) { query, sizeof query };
	assert_false(failed(compile(bench, "${request.query.q}-", VALUE_FIELD, 0, &once)));
	assert_false(failed(compile(bench, "${request.query.q}${request.query.q}", VALUE_FIELD, 0, &twice)));
	assert_false(failed(value_expand(&once, &bench->view, NULL, &text)));
	assert_int_equal(text.len, sizeof query - 2 + 1);
	assert_int_equal(value_expand(&twice, &bench->view, NULL, &text).kind, ERROR_LIMIT);
	assert_int_equal(text.len, 0);
	bench_free(&bench);
}

/* Told when the configuration is loaded, as nobody could ever have it. */
static void what_is_too_long_already_is_reported(void **state)
{
	enum { QUOTES = 2, MOST = VALUE_LENGTH_MAX - QUOTES };
	static char text[VALUE_LENGTH_MAX + 64];
	struct bench *bench = bench_new("[]");
	struct reader reader = { &bench->snapshot, bench->diagnostics, NULL };
	struct node node = { .kind = NODE_SCALAR };
	struct value value;
	str filled;

	(void)state;
	bench_ask(bench, "GET /", "");
	memset(text, 'x', sizeof text - 1);
	assert_false(failed(compile(bench, text, VALUE_TEXT, 0, &value))); /* a constant */
	memcpy(text + MOST, "${path.no}", 11);
	assert_false(failed(compile(bench, text, VALUE_TEXT, 0, &value)));
	assert_false(failed(value_expand(&value, &bench->view, NULL, &filled)));
	assert_int_equal(filled.len, MOST);
	/* JSON has quotation marks around it. */
	node.text = str_skip(str_of(text), QUOTES);
	assert_false(failed(value_compile_json(&reader, &node, 0, &value)));
	assert_false(failed(value_expand(&value, &bench->view, NULL, &filled)));
	assert_int_equal(filled.len, MOST);
	assert_string_equal(bench_errors(bench), "");
	node.text = str_skip(str_of(text), QUOTES - 1);
	assert_int_equal(value_compile_json(&reader, &node, 0, &value).kind, ERROR_INVALID);
	memcpy(text + MOST, "x${path.no}", 12);
	assert_int_equal(compile(bench, text, VALUE_TEXT, 0, &value).kind, ERROR_INVALID);
	assert_int_equal(diagnostics_errors(bench->diagnostics), 2);
	assert_non_null(strstr(bench_errors(bench), "is at most 64 KiB"));
	bench_free(&bench);
}

static void an_exhausted_arena_is_an_error(void **state)
{
	struct bench *bench = bench_new("[]");
	struct value value;
	struct arena little;
	str text;

	(void)state;
	bench_ask(bench, "GET /?q=%41%42", "");
	arena_init(&little, NULL, 0);
	bench->view.arena = &little;
	assert_false(failed(compile(bench, "${request.query.q}-", VALUE_FIELD, 0, &value)));
	assert_int_equal(value_expand(&value, &bench->view, NULL, &text).kind, ERROR_LIMIT);
	assert_false(failed(compile(bench, "constant", VALUE_FIELD, 0, &value)));
	assert_false(failed(value_expand(&value, &bench->view, NULL, &text)));
	arena_fini(&little);
	bench_free(&bench);
}

static void constants(void **state)
{
	struct bench *bench = bench_new("[]");
	struct value value;

	(void)state;
	assert_false(failed(compile(bench, "", VALUE_FIELD, 0, &value)));
	assert_true(value_is_constant(&value));
	assert_int_equal(value_constant(&value).len, 0);
	assert_false(failed(compile(bench, "a b", VALUE_QUERY, 0, &value)));
	assert_true(value_is_constant(&value));
	assert_true(str_eq(value_constant(&value), STR("a%20b")));
	assert_false(failed(compile(bench, "${api}", VALUE_FIELD, 0, &value)));
	assert_false(value_is_constant(&value));
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(who_asks),
		cmocka_unit_test(mistakes_are_reported),
		cmocka_unit_test(too_many_values),
		cmocka_unit_test(answers_know_the_endpoint),
		cmocka_unit_test(groups_are_filled_in_once),
		cmocka_unit_test(literal_parts_are_not_filled_in),
		cmocka_unit_test(control_characters_never_pass),
		cmocka_unit_test(what_becomes_too_long_is_refused),
		cmocka_unit_test(what_is_too_long_already_is_reported),
		cmocka_unit_test(an_exhausted_arena_is_an_error),
		cmocka_unit_test(constants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
