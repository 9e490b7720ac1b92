/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: lists as they stand in a file, and the chain that they make: who runs, in which order. */
#include "policy/chain.h"

#include "base/testing.h"
#include "config/document.h"
#include "policy/expression.h"
#include "policy/list.h"
#include "route/regex.h"

enum { ARENA_MAX = 16 * 1024 * 1024 };

/* A file with the keys policies, defaults, api, route and without. */
struct file {
	struct arena arena;
	struct regex_table regexes;
	struct diagnostics *diagnostics;
	struct reader reader;
	struct policy_names names;
	const struct node *root;
	struct policy_chain chain;
	char *printed;
	size_t printed_len;
};

static struct file *file_compile(const char *text)
{
	struct file *file = calloc(1, sizeof *file);
	const struct node *lists[3], *without;
	struct document *document;
	str_list names = { 0 };

	arena_init(&file->arena, NULL, ARENA_MAX);
	file->diagnostics = diagnostics_new(&file->arena);
	assert_false(failed(document_parse(&file->arena, STR("test.yaml"), str_of(text), NULL,
					   file->diagnostics, &document)));
	regex_table_init(&file->regexes, &file->arena);
	file->reader = (struct reader) { &file->arena, file->diagnostics, document };
	file->root = document_root(document);
	policy_names_compile(&file->names,
			     &(struct policy_compile) { .reader = &file->reader, .regexes = &file->regexes },
			     node_find(file->root, STR("policies")));
	lists[0] = node_find(file->root, STR("defaults"));
	lists[1] = node_find(file->root, STR("api"));
	lists[2] = node_find(file->root, STR("route"));
	without = node_find(file->root, STR("without"));
	if (without)
		field_read_strs(&file->reader, without, 0, 10, &names);
	file->chain = policy_chain_compile(&file->names, lists, 3, file->root, &names);
	return file;
}

static const char *file_errors(struct file *file)
{
	FILE *to;

	free(file->printed);
	to = open_memstream(&file->printed, &file->printed_len);
	diagnostics_print(file->diagnostics, to);
	fclose(to);
	return file->printed;
}

static void file_free(struct file *file)
{
	regex_table_fini(&file->regexes);
	arena_fini(&file->arena);
	free(file->printed);
	free(file);
}

static const char *names_of(struct file *file)
{
	struct buf out = arena_open(&file->arena, 1024);

	for (size_t i = 0; i < file->chain.count; i++) {
		if (i)
			buf_put_char(&out, ' ');
		buf_put(&out, file->chain.at[i].name);
	}
	buf_put_char(&out, 0);
	return arena_close(&file->arena, &out).ptr;
}

static const struct {
	const char *text, *want;
} good_cases[] = {
	{ "api: []", "" },
	{ "{}", "" },
	{ "api: [ { respond: {} } ]", "respond" },
	{ "api: [ { request_id: {} }, { rewrite: {} }, { respond: {} } ]", "request_id rewrite respond" },
	{ "api: [ { rewrite: {} }, { rewrite: {} } ]", "rewrite rewrite" },
	{ "api: [ { request_id: } ]", "request_id" },
	{ "defaults: [ { request_id: {} } ]\napi: [ { rewrite: {} } ]\nroute: [ { respond: {} } ]",
	  "request_id rewrite respond" },
	{ "policies: { door: { respond: { status: 403 } } }\napi: [ use: door ]", "door" },
	{ "policies: { door: { respond: {} } }\napi: [ { use: door }, { rewrite: {} }, { use: door } ]",
	  "door rewrite door" },
	{ "policies: { unused: { respond: {} } }\napi: [ { rewrite: {} } ]", "rewrite" },
	{ "defaults: [ { request_id: {} } ]\napi: [ { rewrite: {} } ]\nwithout: [ request_id ]", "rewrite" },
	{ "defaults: [ { request_id: {} } ]\napi: [ { rewrite: {} } ]\nwithout: [ rewrite, request_id ]",
	  "" },
	{ "policies: { door: { respond: {} } }\ndefaults: [ use: door ]\nwithout: [ door ]", "" },
	{ "policies: { door: { respond: {} } }\ndefaults: [ use: door ]\nwithout: [ respond ]", "" },
	/* By kind all of it go, also those with a name. */
	{ "policies: { door: { respond: {} } }\ndefaults: [ { use: door }, { respond: {} }, { rewrite: {} } "
	  "]\n"
	  "without: [ respond ]",
	  "rewrite" },
	/* Beside a kind, beside `use`, with a name. */
	{ "api: [ { respond: {}, when: 'true' } ]", "respond" },
	{ "api: [ { respond: {}, when: true, report: true } ]", "respond" },
	{ "api: [ { when: 'request.path == \"/\"', respond: {} } ]", "respond" },
	{ "policies: { door: { respond: {}, when: 'true', report: false } }\n"
	  "api: [ { use: door, when: 'false', report: true } ]",
	  "door" },
	/* Its own ones stay. */
	{ "api: [ { respond: { status: 401 } } ]\nroute: [ { respond: { status: 200 } } ]\nwithout: [ "
	  "respond ]",
	  "respond" },
};

static void good_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good_cases); i++) {
		struct file *file = file_compile(good_cases[i].text);

		if (diagnostics_errors(file->diagnostics))
			fail_msg("%s: %s", good_cases[i].text, file_errors(file));
		if (strcmp(names_of(file), good_cases[i].want) != 0)
			fail_msg("%s: %s", good_cases[i].text, names_of(file));
		file_free(file);
	}
}

static const struct {
	const char *text, *want;
} bad_cases[] = {
	{ "api: [ { responds: {} } ]",
	  "test.yaml:1:10: error: api[0].responds: no kind of policy is named \"responds\"" },
	{ "api: [ { responds: {} } ]", "did you mean \"respond\"?" },
	/* By the names of other gateways. */
	{ "api: [ { key-auth: {} } ]", "no kind of policy is named \"key-auth\"; here it is \"api_key\"" },
	{ "api: [ { forwardAuth: {} } ]",
	  "no kind of policy is named \"forwardAuth\"; here it is \"forward_auth\"" },
	{ "api: [ { ipAllowList: {} } ]", "here it is \"ip\"" },
	{ "api: [ { auth/validator: {} } ]", "here it is \"jwt\"" },
	{ "api: [ { jwt_authn: {} } ]", "here it is \"jwt\"" },
	{ "api: [ { key-authx: {} } ]",
	  "no kind of policy is named \"key-authx\"; allowed: use, request_id," },
	{ "api: [ { key: {} } ]", "no kind of policy is named \"key\"; allowed: use, request_id," },
	{ "api: [ { mtls: {} } ]", "here it is \"client_certificate\"" },
	{ "policies: { door: { acl: {} } }",
	  "policies.door.acl: no kind of policy is named \"acl\"; here it is \"authorize\"" },
	/* Options that are not indented stand beside their kind. */
	{ "api:\n  - jwt:\n    issuer: https://id.example.com\n    audience: any\n",
	  "test.yaml:3:5: error: api[0].issuer: issuer is an option of jwt: indent it further than "
	  "\"jwt:\"" },
	{ "api:\n  - when: 'true'\n    status: 204\n    respond:\n",
	  "status is an option of respond: indent it" },
	{ "policies:\n  door:\n    introspection:\n    timeout: 5s\n",
	  "timeout is an option of introspection" },
	{ "api:\n  - jwt:\n    nope: 1\n", "no kind of policy is named \"nope\"" },
	{ "api:\n  - respond:\n    rewrite: {}\n", "want one policy here" },
	{ "api: [ { use: door } ]", "test.yaml:1:15: error: api[0].use: no policy is named \"door\"" },
	{ "policies: { doors: { respond: {} } }\napi: [ use: door ]", "did you mean \"doors\"?" },
	{ "api: [ { respond: {}, rewrite: {} } ]", "want one policy here" },
	{ "api: [ {} ]", "want one policy here" },
	{ "api: [ respond ]", "want one policy here" },
	{ "api: [ [ respond ] ]", "want one policy here" },
	{ "api: [ { respond: 200 } ]", "want the policy's options as a map" },
	{ "api: [ { respond: { statu: 200 } } ]", "did you mean \"status\"?" },
	{ "policies: { door: { respond: {}, rewrite: {} } }", "want one policy here" },
	{ "policies: { door: { use: other } }", "no kind of policy is named \"use\"" },
	/* Also when nothing uses it. */
	{ "policies: { door: { respond: { status: 9 } } }", "policies.door.respond.status" },
	{ "api: [ { when: 'true' } ]", "want one policy here" },
	{ "api: [ { when: 'true', report: true } ]", "want one policy here" },
	{ "api: [ { respond: {}, wen: 'true' } ]",
	  "api[0].wen: no kind of policy is named \"wen\"; did you mean" },
	{ "api: [ { respond: {}, when: } ]", "api[0].when: want an expression in one text" },
	{ "api: [ { respond: {}, when: [ 'true' ] } ]", "api[0].when: want an expression in one text" },
	{ "api: [ { respond: {}, when: 5 } ]",
	  "test.yaml:1:29: error: api[0].when: 1:1: the expression must be a boolean, it is an int" },
	{ "api: [ { respond: {}, when: request.metod == now } ]",
	  "test.yaml:1:29: error: api[0].when: 1:1: there is no request.metod; did you mean" },
	{ "api:\n  - respond: {}\n    when: true && fals\n",
	  "test.yaml:3:19: error: api[0].when: 1:9: there is no fals" },
	{ "api:\n  - respond: {}\n    when: |\n      true &&\n      fals\n",
	  "api[0].when: 2:1: there is no fals" },
	{ "api: [ { respond: {}, when: 'true && fals' } ]",
	  "test.yaml:1:38: error: api[0].when: 1:9: there is no fals" },
	{ "api: [ { respond: {}, when: '\"it''s\" == fals' } ]",
	  "test.yaml:1:29: error: api[0].when: 1:11: there is no fals" },
	{ "policies: { door: { respond: {}, when: nope } }\napi: [ use: door ]",
	  "policies.door.when: 1:1: there is no nope" },
	{ "policies: { door: { respond: {} } }\napi: [ { use: door, when: nope } ]",
	  "api[0].when: 1:1: there is no nope" },
	{ "api: [ { respond: {}, report: maybe } ]", "api[0].report" },
	{ "api: [ { respond: {}, report: [] } ]", "api[0].report" },
	{ "api: [ { rewrite: {} } ]\nwithout: [ request_id ]",
	  "test.yaml:2:12: error: without[0]: no inherited policy" },
	{ "route: [ { rewrite: {} } ]\nwithout: [ rewrite ]", "no inherited policy" },
	{ "api: [ { rewrite: {} } ]\nwithout: [ rewrite, nope ]", "\"nope\"" },
};

static void bad_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_cases); i++) {
		struct file *file = file_compile(bad_cases[i].text);

		if (!strstr(file_errors(file), bad_cases[i].want))
			fail_msg("%s: %s", bad_cases[i].text, file_errors(file));
		file_free(file);
	}
}

/* However many routes inherit an item, its mistakes are reported once, and so is what it uses. */
static void mistakes_are_reported_once(void **state)
{
	struct file *file =
		file_compile("policies: { bad: { respond: { status: 9 } } }\n"
			     "defaults: [ { nope: {} }, { use: bad }, { rewrite: { host: 'a b' } } ]");
	const struct node *list = node_find(file->root, STR("defaults"));

	(void)state;
	for (int i = 0; i < 3; i++)
		policy_chain_compile(&file->names, &list, 1, NULL, NULL);
	file_errors(file);
	assert_int_equal(diagnostics_errors(file->diagnostics), 3);
	file_free(file);
}

/* What stands beside `use` comes on top of what the named policy says, and changes it for nobody else. */
static void use_adds_to_what_is_named(void **state)
{
	struct file *file =
		file_compile("policies: { door: { respond: {}, when: 'true', report: true } }\n"
			     "api: [ { use: door, when: 'false', report: false }, { use: door } ]\n"
			     "route: [ { respond: {}, report: true }, { respond: {} } ]");
	static const char *const want[] = { "true && false", "true", NULL, NULL };
	static const bool want_report[] = { true, true, true, false };

	(void)state;
	assert_int_equal(file->chain.count, COUNT_OF(want));
	for (size_t i = 0; i < COUNT_OF(want); i++) {
		const struct policy_instance *instance = &file->chain.at[i];
		char text[64] = "";
		struct buf out = buf_over(text, sizeof text - 1);

		if (instance->when)
			expression_print(instance->when, &out);
		assert_string_equal(text, want[i] ? want[i] : "");
		assert_int_equal(instance->is_report, want_report[i]);
	}
	file_free(file);
}

/* Warned of once, however many chains there are. */
static const struct {
	const char *text, *want;
} warned_cases[] = {
	{ "api: [ { respond: {} }, { rewrite: {} } ]",
	  "test.yaml:1:25: warning: api[1]: never runs: respond before it answers every request" },
	{ "policies: { door: { respond: {} } }\nroute: [ { use: door }, { rewrite: {} } ]",
	  "never runs: door before it answers every request" },
	{ "defaults: [ respond: {} ]\nroute: [ rewrite: {} ]", "route[0]: never runs" },
	/* Its response side does. */
	{ "api: [ { respond: {} }, { headers: {} } ]", "" },
	{ "api: [ { respond: {}, when: 'request.path == \"/\"' }, { rewrite: {} } ]", "" },
	{ "api: [ { respond: {}, report: true }, { rewrite: {} } ]", "" },
	{ "api: [ { rewrite: {}, when: 'consumer.name == \"acme\"' } ]",
	  "api[0].when: no policy before this one authenticates" },
	{ "api: [ { rewrite: {}, when: 'has(claims.sub)' } ]", "api[0].when: no policy before" },
	{ "api: [ authorize: {} ]", "api[0]: no policy before this one authenticates" },
	{ "api: [ authorize: { when: 'consumer.name == \"a\"' } ]", "api[0]: no policy before" },
	{ "api: [ authorize: { groups: [a], when: 'true' } ]", "api[0]: no policy before" },
	{ "api: [ { respond: {}, when: 'false' }, { authorize: { scopes: [a] }, report: true } ]",
	  "api[1]: no policy before" },
	{ "api: [ authorize: { groups: [a] }, api_key: {} ]", "api[0]: no policy before" },
	{ "api: [ { api_key: {}, report: true }, authorize: {} ]", "api[1]: no policy before" },
	{ "policies: { may: { authorize: {} } }\napi: [ use: may ]", "api[0]: no policy before" },
	{ "policies: { door: { respond: {} }, other: { rewrite: {} } }\napi: [ use: door ]",
	  "test.yaml:1:43: warning: policies.other: policy \"other\" is used nowhere" },
	{ "policies: { key: { api_key: {} } }\napi: [ any_of: [ use: key ] ]", "" },
	{ "policies: { key: { api_key: {} }, either: { any_of: [ use: key ] } }\nroute: [ use: either ]",
	  "" },
	/* Left out is used all the same. */
	{ "policies: { door: { respond: {} } }\ndefaults: [ use: door ]\nwithout: [ door ]", "" },
	{ "defaults: [ { api_key: {} }, { authorize: {} } ]\nwithout: [ api_key ]",
	  "defaults[1]: no policy before this one authenticates: consumer and claims are missing, and who "
	  "must be known is refused (401)" },
	{ "api: [ authorize: { when: 'request.path == \"/\"' } ]", "" },
	{ "api: [ api_key: {}, authorize: { groups: [a] } ]", "" },
	{ "api: [ any_of: [ api_key: {} ], authorize: {} ]", "" },
	/* A listener finds out of a certificate. */
	{ "api: [ { rewrite: {}, when: 'certificate.subject == \"\"' } ]", "" },
	{ "api: [ authorize: { when: 'certificate.subject == \"CN=a\"' } ]", "" },
	{ "api: [ { rewrite: {}, when: 'client.ip == \"\"' } ]", "" },
};

static void warnings_where_the_order_cannot_work(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(warned_cases); i++) {
		struct file *file = file_compile(warned_cases[i].text);
		const struct node *list = node_find(file->root, STR("api"));
		bool is_warned = warned_cases[i].want[0] != 0;

		policy_chain_compile(&file->names, &list, 1, NULL, NULL);
		policy_names_warn(&file->names);
		assert_int_equal(diagnostics_warnings(file->diagnostics), is_warned);
		assert_int_equal(diagnostics_errors(file->diagnostics), 0);
		if (!strstr(file_errors(file), warned_cases[i].want))
			fail_msg("%s: %s", warned_cases[i].text, file_errors(file));
		file_free(file);
	}
}

static void no_more_conditions_than_there_are_bits(void **state)
{
	(void)state;
	for (unsigned count = POLICY_CONDITIONS_MAX; count <= POLICY_CONDITIONS_MAX + 1; count++) {
		char text[8192] = "";
		struct buf out = buf_over(text, sizeof text - 1);
		struct file *file;

		buf_put(&out, STR("api:\n"));
		for (unsigned i = 0; i < count; i++)
			buf_put(&out, STR("- { rewrite: {}, when: true }\n"));
		file = file_compile(text);
		assert_int_equal(diagnostics_errors(file->diagnostics), count > POLICY_CONDITIONS_MAX);
		if (count > POLICY_CONDITIONS_MAX)
			assert_non_null(strstr(file_errors(file), "more than 64 policies with `when`"));
		file_free(file);
	}
}

static void every_policy_is_in_the_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < POLICIES; i++) {
		const struct policy *policy = policies[i];

		assert_ptr_equal(policy_find(str_of(policy->name)), policy);
		assert_true(policy->doc && *policy->doc);
		assert_true(policy->on_request || policy->on_response);
		assert_non_null(policy->fields);
		/* The row for the manual is the same one. */
		assert_string_equal(policy_list_fields[i + 1].name, policy->name);
		assert_ptr_equal(policy_list_fields[i + 1].fields, policy->fields);
		assert_string_equal(policy_list_fields[i + 1].doc, policy->doc);
	}
	assert_null(policy_find(STR("use")));
	assert_null(policy_find(STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lists),
		cmocka_unit_test(bad_lists),
		cmocka_unit_test(mistakes_are_reported_once),
		cmocka_unit_test(use_adds_to_what_is_named),
		cmocka_unit_test(warnings_where_the_order_cannot_work),
		cmocka_unit_test(no_more_conditions_than_there_are_bits),
		cmocka_unit_test(every_policy_is_in_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
