/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: options, the request, what the service says to it, and what comes of the request. The service is a
 * double that writes down what it was asked.
 */
#include "auth/consumers.h"
#include "base/testing.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

#define AUTH(options) "[ forward_auth: { url: \"https://auth/check\"" options " } ]"
#define FORWARD ", forward: [X-User, X-Tenant, Authorization]"

enum { SAYS_MAX = 8 };

/* What the service says. */
struct service {
	int status; /* 0: fails with the error */
	enum error_kind error;
	const char *fields, *body;
	bool is_cut;
	/* What it was asked. */
	unsigned asked;
	char question[1024];
	struct fetch_request request;
	struct http_field at[SAYS_MAX];
};

static void write_down(struct service *service, const struct http_fields *fields)
{
	struct buf out = buf_over(service->question, sizeof service->question - 1);

	for (size_t i = 0; i < fields->count; i++) {
		buf_put(&out, fields->at[i].name);
		buf_put(&out, STR(": "));
		buf_put(&out, fields->at[i].value);
		buf_put_char(&out, '\n');
	}
	assert_false(buf_overflowed(&out));
	service->question[out.len] = 0;
}

static result fetch(void *self, struct view *view, const struct fetch_request *request,
		    struct fetch_answer *ret_answer)
{
	struct service *service = self;
	str lines = str_of(service->fields), line, name, value;

	(void)view;
	service->asked++;
	service->request = *request;
	write_down(service, request->fields);
	if (!service->status)
		return error_make(service->error, "no answer");
	*ret_answer = (struct fetch_answer) { .status = service->status,
					      .fields = { .at = service->at, .max = SAYS_MAX },
					      .body = str_of(service->is_cut ? NULL : service->body),
					      .is_body_whole = !service->is_cut };
	while (str_cut(lines, '\n', &line, &lines)) {
		assert_true(str_cut(line, ':', &name, &value));
		assert_false(failed(
			http_fields_add(&ret_answer->fields, http_name_find(name), name, str_trim(value))));
	}
	return OK;
}

static enum verdict ask(struct bench *bench, struct service *service, const char *fields)
{
	bench_ask(bench, "POST /orders/7?x=1", fields);
	bench->effects.fetch = fetch;
	bench->effects.self = service;
	return bench_request(bench);
}

static const struct row {
	const char *options, *request;
	int status;
	const char *says;
	const char *left; /* of the request's fields; NULL: refused */
} rows[] = {
	/* passes, with the service's word in the place of the client's */
	{ "", "A: 1\n", 200, "", "A: 1\n" },
	{ "", "A: 1\n", 204, "X-User: alice\n", "A: 1\n" },
	{ FORWARD, "A: 1\n", 299, "X-User: alice\nX-Other: 1\n", "A: 1\nX-User: alice\n" },
	{ FORWARD, "X-User: mallory\n", 200, "x-user: alice\n", "X-User: alice\n" },
	{ FORWARD, "X-User: mallory\nX-Tenant: m\nx-tenant: n\n", 200, "X-User: alice\n", "X-User: alice\n" },
	{ FORWARD, "X-User: mallory\n", 200, "X-User:\n", "" },
	{ FORWARD, "", 200, "X-Tenant: a\nX-Tenant: b\n", "X-Tenant: a\nX-Tenant: b\n" },
	{ FORWARD, "Authorization: t\n", 200, "Authorization: Bearer inner\n",
	  "Authorization: Bearer inner\n" },
	{ FORWARD, "Authorization: t\n", 200, "", "" },
	{ ", on_failure: allow", "A: 1\n", 200, "", "A: 1\n" },

	/* refuses */
	{ "", "A: 1\n", 199, "", NULL },
	{ "", "", 300, "", NULL },
	{ "", "", 302, "Location: /login\n", NULL },
	{ "", "", 401, "", NULL },
	{ "", "", 403, "", NULL },
	{ "", "", 500, "", NULL },
	{ "", "", 503, "", NULL },
	{ ", on_failure: allow", "", 403, "", NULL },
	{ ", on_failure: allow", "", 500, "", NULL },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char policies[256];
		struct buf text = buf_over(policies, sizeof policies - 1);
		struct service service = { .status = rows[i].status,
					   .fields = rows[i].says,
					   .body = "words" };
		struct bench *bench;
		enum verdict verdict;

		buf_put(&text, STR("[ forward_auth: { url: \"https://auth/check\""));
		buf_put(&text, str_of(rows[i].options));
		buf_put(&text, STR(" } ]"));
		policies[text.len] = 0;
		bench = bench_new(policies);
		assert_string_equal(bench_errors(bench), "");
		verdict = ask(bench, &service, rows[i].request);
		assert_row(service.asked == 1, i, policies);
		assert_row(verdict == (rows[i].left ? POLICY_CONTINUE : POLICY_ANSWERED), i, policies);
		if (rows[i].left) {
			assert_string_equal(bench_fields(bench, &bench->request.fields), rows[i].left);
		} else {
			assert_int_equal(bench->view.answer.reason, REASON_AUTH_DENIED);
			assert_int_equal(bench->view.answer.status, rows[i].status);
			assert_text(bench->view.answer.body, "words");
			assert_string_equal(bench_fields(bench, &bench->view.answer.fields), rows[i].says);
		}
		bench_free(&bench);
	}
}

#define BY_NAME ", consumer: X-User"
#define ADMIN \
	"{\"method\": \"jwt\", \"consumer\": \"root\", \"groups\": [\"admins\"], \"claims\": {\"a\": 1}}"

/* Who is known afterwards. */
static const struct {
	const char *options, *before, *says, *consumer, *method;
	bool is_report, has_groups;
} identities[] = {
	{ "", NULL, "X-User: acme\n", "", "forward_auth", false, false },
	{ BY_NAME, NULL, "X-User: acme\n", "acme", "forward_auth", false, true },
	{ BY_NAME, NULL, "x-user: nobody\n", "nobody", "forward_auth", false, false },
	{ BY_NAME, NULL, "X-User: acme\nX-User: root\n", "", "forward_auth", false, false },
	{ BY_NAME, NULL, "X-User:\nX-Users: acme\n", "", "forward_auth", false, false },
	{ BY_NAME ", on_failure: allow", NULL, NULL, NULL, NULL, false, false },
	/* Another name is another's: nothing of who was known before sticks to it. */
	{ BY_NAME, ADMIN, "X-User: nobody\n", "nobody", "forward_auth", false, false },
	{ BY_NAME, ADMIN, "", "root", "forward_auth", false, true },
	{ BY_NAME, NULL, "X-User: acme\n", NULL, NULL, true, false },
};

static struct consumers *one_consumer(void)
{
	str group = STR("partners");
	struct consumer_config config = { .entry = { .name = STR("acme") }, .groups = { &group, 1 } };

	return bench_consumers(&config, 1);
}

static void whom_it_names_is_known(void **state)
{
	struct consumers *consumers = one_consumer();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(identities); i++) {
		char policies[256];
		struct buf text = buf_over(policies, sizeof policies - 1);
		struct service service = { .status = identities[i].says ? 200 : 0,
					   .error = ERROR_REFUSED,
					   .fields = identities[i].says ? identities[i].says : "" };
		const struct principal *who;
		struct bench *bench;

		buf_put(&text, STR("[ { forward_auth: { url: \"https://auth/check\""));
		buf_put(&text, str_of(identities[i].options));
		buf_put(&text, identities[i].is_report ? STR(" }, report: true } ]") : STR(" } } ]"));
		policies[text.len] = 0;
		bench = bench_new(policies);
		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /", "X-User: mallory\n");
		if (identities[i].before)
			bench_identify(bench, identities[i].before);
		bench->view.consumers = consumers;
		bench->effects.fetch = fetch;
		bench->effects.self = &service;
		assert_int_equal(bench_request(bench), POLICY_CONTINUE);
		who = bench->view.principal;
		assert_row(!who == !identities[i].method, i, policies);
		if (who) {
			assert_text(who->method, identities[i].method);
			assert_text(who->consumer, identities[i].consumer);
			assert_row((who->groups.kind == OPERAND_LIST) == identities[i].has_groups, i,
				   policies);
		}
		bench_free(&bench);
	}
	consumers_unref(&consumers);
}

static void no_answer_is_a_failure(void **state)
{
	static const enum error_kind errors[] = { ERROR_REFUSED, ERROR_RESET,     ERROR_CLOSED, ERROR_MISSING,
						  ERROR_TIMEOUT, ERROR_MALFORMED, ERROR_LIMIT };
	struct bench *deny = bench_new(AUTH(FORWARD));
	struct bench *allow = bench_new(AUTH(FORWARD ", on_failure: allow"));

	(void)state;
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		struct service service = { .error = errors[i] };

		assert_int_equal(ask(deny, &service, "X-User: mallory\n"), POLICY_ANSWERED);
		assert_int_equal(deny->view.answer.reason, REASON_AUTH_UNAVAILABLE);
		assert_int_equal(ask(allow, &service, "X-User: mallory\nA: 1\n"), POLICY_CONTINUE);
		assert_string_equal(bench_fields(allow, &allow->request.fields), "A: 1\n");
		assert_text(allow->view.reported, "forward_auth=auth_unavailable");
		assert_int_equal(deny->view.reported.len, 0);
	}
	bench_ask(deny, "GET /", "");
	deny->effects.fetch = NULL;
	assert_int_equal(bench_request(deny), POLICY_ANSWERED);
	assert_int_equal(deny->view.answer.reason, REASON_AUTH_UNAVAILABLE);
	bench_free(&deny);
	bench_free(&allow);
}

static void reported_only_it_changes_nothing(void **state)
{
	struct bench *bench = bench_new("[ { forward_auth: { url: \"https://auth/\", forward: [X-User, "
					"Authorization] }, report: true } ]");
	struct service service = { .status = 200, .fields = "X-User: alice\n" };

	(void)state;
	assert_int_equal(ask(bench, &service, "Authorization: t\n"), POLICY_CONTINUE);
	assert_string_equal(bench_fields(bench, &bench->request.fields), "Authorization: t\n");
	assert_int_equal(bench->view.reported.len, 0);
	service.status = 403;
	assert_int_equal(ask(bench, &service, "Authorization: t\n"), POLICY_CONTINUE);
	assert_string_equal(bench_fields(bench, &bench->request.fields), "Authorization: t\n");
	assert_text(bench->view.reported, "forward_auth=auth_denied");
	assert_int_equal(service.asked, 2);
	bench_free(&bench);
}

/* Nobody is there to be let in either. */
static void a_cancelled_one_passes_nowhere(void **state)
{
	struct service service = { .error = ERROR_CANCELLED };
	struct bench *allow = bench_new(AUTH(", on_failure: allow"));

	(void)state;
	assert_int_equal(ask(allow, &service, ""), POLICY_ANSWERED);
	bench_free(&allow);
}

static void a_refusal_without_its_body_is_one_all_the_same(void **state)
{
	struct service service = { .status = 403,
				   .fields = "Content-Type: text/html\nContent-Encoding: br\nA: 1\n",
				   .body = "half a",
				   .is_cut = true };
	struct bench *allow = bench_new(AUTH(", on_failure: allow"));

	(void)state;
	assert_int_equal(ask(allow, &service, ""), POLICY_ANSWERED);
	assert_int_equal(allow->view.answer.status, 403);
	assert_int_equal(allow->view.answer.body.len, 0);
	assert_string_equal(bench_fields(allow, &allow->view.answer.fields), "A: 1\n");
	service.is_cut = false;
	service.body = "";
	assert_int_equal(ask(allow, &service, ""), POLICY_ANSWERED);
	assert_string_equal(bench_fields(allow, &allow->view.answer.fields), "A: 1\n");
	service.status = 200;
	service.is_cut = true;
	assert_int_equal(ask(allow, &service, ""), POLICY_CONTINUE);
	bench_free(&allow);
}

static void what_is_sent(void **state)
{
	struct service service = { .status = 200, .fields = "" };
	struct bench *bench = bench_new(AUTH(", headers: [Cookie, X-Key], timeout: 2s, cache: 30s"));

	(void)state;
	ask(bench, &service, "Cookie: a\nAuthorization: t\nx-key: 1\nX-Key: 2\nX-Keys: 3\n");
	assert_string_equal(service.question,
			    "X-Forwarded-Method: POST\nX-Forwarded-Proto: https\n"
			    "X-Forwarded-Host: api.test\nX-Forwarded-Uri: /orders/7?x=1\n"
			    "X-Forwarded-For: 203.0.113.9\nCookie: a\nx-key: 1\nX-Key: 2\n");
	assert_int_equal(service.request.method, HTTP_GET);
	assert_true(service.request.timeout == 2 * SECOND && service.request.remembers == 30 * SECOND);
	assert_non_null(service.request.to);
	bench_free(&bench);
	bench = bench_new(AUTH(""));
	ask(bench, &service, "Cookie: a\nAuthorization: t\nA: 1\n");
	assert_non_null(strstr(service.question, "Cookie: a\n"));
	assert_non_null(strstr(service.question, "Authorization: t\n"));
	assert_null(strstr(service.question, "A: 1"));
	assert_true(service.request.timeout == 5 * SECOND && service.request.remembers == 0);
	bench_free(&bench);
}

/* It is looked at, and replaced. */
static void what_is_forwarded_may_be_sent_too(void **state)
{
	struct service service = { .status = 200, .fields = "Authorization: Bearer inner\n" };
	struct bench *bench = bench_new(AUTH(FORWARD));

	(void)state;
	assert_int_equal(ask(bench, &service, "Authorization: t\nX-User: mallory\n"), POLICY_CONTINUE);
	assert_non_null(strstr(service.question, "Authorization: t\n"));
	assert_null(strstr(service.question, "mallory"));
	assert_string_equal(bench_fields(bench, &bench->request.fields), "Authorization: Bearer inner\n");
	service.status = 0;
	service.error = ERROR_TIMEOUT;
	assert_int_equal(ask(bench, &service, "Authorization: t\n"), POLICY_ANSWERED);
	assert_string_equal(bench_fields(bench, &bench->request.fields), "");
	bench_free(&bench);
}

/* However many fields a client sends, the gateway's own are there. */
static void there_is_an_end_to_what_is_sent(void **state)
{
	struct service service = { .status = 200, .fields = "" };
	struct bench *bench = bench_new(AUTH(", headers: [A]"));
	char lines[5 * 60 + 1];

	(void)state;
	for (size_t i = 0; i < 60; i++)
		memcpy(lines + 5 * i, "A: 1\n", 6);
	ask(bench, &service, lines);
	assert_true(str_starts(str_of(service.question), STR("X-Forwarded-Method: POST\n")));
	bench_free(&bench);
}

static void what_it_forwards_is_managed_unless_it_is_the_clients(void **state)
{
	struct bench *bench = bench_new(AUTH(", forward: [X-Tenant, X-User, Authorization, Accept]"));

	(void)state;
	assert_string_equal(bench->managed, "X-Tenant;X-User;");
	bench_free(&bench);
}

static void mistakes_are_reported(void **state)
{
	static const struct bench_check bad[] = {
		{ "[ forward_auth: {} ]", "url" },
		{ "[ forward_auth: { url: nobody } ]", "nobody is there" },
		{ "[ forward_auth: { url: [a] } ]", "url" },
		{ AUTH(", forward: [Host]"), "rewrite" },
		{ AUTH(", forward: [Transfer-Encoding]"), "the connection's" },
		{ AUTH(", forward: [X-*]"), "whole name" },
		{ AUTH(", forward: [\"a b\"]"), "no name of a field" },
		{ AUTH(", headers: [Content-Length]"), "the connection's" },
		{ AUTH(", headers: [\"*\"]"), "whole name" },
		{ AUTH(", timeout: 0s"), "timeout" },
		{ AUTH(", timeout: 2m"), "timeout" },
		{ AUTH(", cache: 2h"), "cache" },
		{ AUTH(", on_failure: ignore"), "on_failure" },
		{ AUTH(", onfailure: allow"), "did you mean \"on_failure\"?" },
	};

	(void)state;
	bench_assert_checks(bad, COUNT_OF(bad));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(whom_it_names_is_known),
		cmocka_unit_test(no_answer_is_a_failure),
		cmocka_unit_test(reported_only_it_changes_nothing),
		cmocka_unit_test(a_cancelled_one_passes_nowhere),
		cmocka_unit_test(a_refusal_without_its_body_is_one_all_the_same),
		cmocka_unit_test(what_is_sent),
		cmocka_unit_test(what_is_forwarded_may_be_sent_too),
		cmocka_unit_test(there_is_an_end_to_what_is_sent),
		cmocka_unit_test(what_it_forwards_is_managed_unless_it_is_the_clients),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
