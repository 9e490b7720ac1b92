/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges with nobody outside: what goes to the stand-ins and comes back, that clock and chance are the
 * rehearsal's, and that whatever a client may send ends.
 */
#include "base/testing.h"
#include "proxy/rehearsal.h"

#define CONFIGURATION                                                                                     \
	"listeners: { a: { address: \"127.0.0.1:8443\", trusted_proxies: [10.9.0.0/16] } }\n"             \
	"upstreams:\n"                                                                                    \
	"  u: { endpoints: [\"10.0.0.5:80\"] }\n"                                                         \
	"  v: { endpoints: [\"10.0.0.5:80\"] }\n"                                                         \
	"  w: { endpoints: [\"nowhere.invalid:80\"] }\n"                                                  \
	"apis:\n"                                                                                         \
	"  u: { path: /u, upstream: u, routes: { put: { match: { methods: [PUT], path: /put } } } }\n"    \
	"  v: { path: /v, upstream: v, policies: [rewrite: { path: /new, query: { set: { a: b } } }] }\n" \
	"  w: { path: /w, methods: [GET], upstream: w }\n"                                                \
	"  set: { path: /set, upstream: u, policies: [request_id: {}, headers: { request: { set: "        \
	"{ X-S: \"${request.scheme}\" } } }] }\n"                                                         \
	"  hello: { path: /hello, policies: [respond: { status: 418, body: tea }] }\n"

struct scene {
	struct identities identities;
	struct snapshot *snapshot;
	struct rehearsal *rehearsal;
	struct stand_in answers; /* of the upstream u */
	size_t admitted, finished, decided;
	enum reason reason;
};

static const struct stand_in *stand_in_of(void *self, str upstream)
{
	struct scene *scene = self;

	return str_eq(upstream, STR("u")) ? &scene->answers : NULL;
}

static void on_admitted(void *self, const struct exchange *x, enum reason reason)
{
	struct scene *scene = self;

	assert_non_null(x);
	scene->admitted++;
	scene->reason = reason;
}

static void on_finished(void *self, const struct exchange *x, const struct exchange_facts *facts)
{
	assert_int_equal(x->status, facts->status);
	((struct scene *)self)->finished++;
}

static void on_decided(void *self, const struct policy_instance *instance, enum decision decision)
{
	assert_non_null(instance->policy);
	assert_true(decision < DECISIONS);
	((struct scene *)self)->decided++;
}

static void scene_open(struct scene *scene)
{
	struct diagnostics *diagnostics;
	struct rehearsal_options options = { .clock = 1000 * SECOND,
					     .seed = 7,
					     .stand_in = stand_in_of,
					     .admitted = on_admitted,
					     .finished = on_finished,
					     .decided = on_decided,
					     .self = scene };

	*scene = (struct scene) { 0 };
	identities_init(&scene->identities);
	assert_false(failed(snapshot_parse(STR("t.yaml"), STR(CONFIGURATION), &scene->identities,
					   &diagnostics, &scene->snapshot)));
	options.snapshot = scene->snapshot;
	assert_false(failed(rehearsal_new(&options, &scene->rehearsal)));
}

static void scene_close(struct scene *scene)
{
	rehearsal_free(&scene->rehearsal);
	assert_null(scene->rehearsal);
	snapshot_unref(&scene->snapshot);
	identities_fini(&scene->identities);
}

static struct rehearsed ask(struct scene *scene, const char *head, const char *body)
{
	struct rehearsal_request request = { .head = str_of(head), .body = str_of(body) };
	struct rehearsed rehearsed = { 0 };

	assert_false(failed(rehearsal_run(scene->rehearsal, &request, &rehearsed)));
	return rehearsed;
}

#define STR_EQUAL(s, text)                                                            \
	do {                                                                          \
		str got_ = (s);                                                       \
		if (!str_eq(got_, str_of(text)))                                      \
			fail_msg("want \"%s\", got \"%.*s\"", (text), STR_ARG(got_)); \
	} while (0)

static const char *field_of(const struct http_fields *fields, const char *name)
{
	const struct http_field *field = http_fields_find(fields, str_of(name));
	static _Thread_local char text[256];

	if (!field)
		return NULL;
	snprintf(text, sizeof text, "%.*s", STR_ARG(field->value));
	return text;
}

static const struct {
	const char *name, *head, *body;
	int status;
	enum reason reason;
	const char *upstream, *path, *query, *forwarded_body; /* upstream NULL: nothing was forwarded */
} rows[] = {
	{ "plain", "GET /u/x?q HTTP/1.1\r\nHost: h\r\n\r\n", "", 200, REASON_NONE, "u", "/u/x", "q", "" },
	{ "HEAD", "HEAD /u HTTP/1.1\r\nHost: h\r\n\r\n", "", 200, REASON_NONE, "u", "/u", "", "" },
	{ "a body", "PUT /u/put HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", "abc", 200, REASON_NONE,
	  "u", "/u/put", "", "abc" },
	{ "a chunked body", "POST /u HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "3\r\nabc\r\n0\r\n\r\n", 200, REASON_NONE, "u", "/u", "", "abc" },
	{ "leave to send", "POST /u HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
	  "ab", 200, REASON_NONE, "u", "/u", "", "ab" },
	{ "HTTP/1.0", "GET /u HTTP/1.0\r\n\r\n", "", 200, REASON_NONE, "u", "/u", "", "" },
	{ "rewritten; the endpoint is another upstream's too", "GET /v?x HTTP/1.1\r\nHost: h\r\n\r\n", "",
	  200, REASON_NONE, "v", "/new", "x&a=b", "" },
	{ "a name that nobody resolves", "GET /w HTTP/1.1\r\nHost: h\r\n\r\n", "", 200, REASON_NONE, "w",
	  "/w", "", "" },
	{ "its own answer", "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n", "", 418, REASON_RESPOND, NULL, "", "",
	  "" },
	{ "no route", "GET /none HTTP/1.1\r\nHost: h\r\n\r\n", "", 404, REASON_NO_ROUTE, NULL, "", "", "" },
	{ "no such method", "PUT /w HTTP/1.1\r\nHost: h\r\n\r\n", "", 405, REASON_METHOD_NOT_ALLOWED, NULL,
	  "", "", "" },
	{ "CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", "", 405, REASON_METHOD_NOT_ALLOWED,
	  NULL, "", "", "" },
	{ "above the root", "GET /.. HTTP/1.1\r\nHost: h\r\n\r\n", "", 400, REASON_PATH_INVALID, NULL, "", "",
	  "" },
	{ "no host", "GET /u HTTP/1.1\r\n\r\n", "", 400, REASON_HOST_MALFORMED, NULL, "", "", "" },
	{ "a malformed field", "GET /u HTTP/1.1\r\nHost: h\r\nX Y: z\r\n\r\n", "", 400,
	  REASON_HEADER_MALFORMED, NULL, "", "", "" },
	{ "two ends",
	  "POST /u HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "a", 400,
	  REASON_FRAMING_AMBIGUOUS, NULL, "", "", "" },
	{ "a body that is too large", "PUT /u HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n", "",
	  413, REASON_BODY_TOO_LARGE, NULL, "", "", "" },
	{ "a malformed chunk", "POST /u HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "zz\r\n",
	  400, REASON_CHUNK_MALFORMED, NULL, "", "", "" },
};

static void check_row(struct scene *scene, size_t i)
{
	struct rehearsed got = ask(scene, rows[i].head, rows[i].body);

	if (!got.is_answered || got.answer.status != rows[i].status || got.reason != rows[i].reason)
		fail_msg("row %zu (%s): %d %.*s", i, rows[i].name, got.answer.status,
			 STR_ARG(reason_word(got.reason)));
	if (!got.forwarded != !rows[i].upstream)
		fail_msg("row %zu (%s): forwarded or not", i, rows[i].name);
	if (!got.forwarded)
		return;
	STR_EQUAL(got.upstream, rows[i].upstream);
	STR_EQUAL(got.forwarded->upstream, rows[i].upstream);
	STR_EQUAL(got.forwarded->path, rows[i].path);
	STR_EQUAL(got.forwarded->query, rows[i].query);
	STR_EQUAL(got.forwarded->body, rows[i].forwarded_body);
}

static void requests_end_as_in_live_traffic(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(&scene, i);
	assert_int_equal(scene.finished, COUNT_OF(rows));
	scene_close(&scene);
}

static void a_stand_in_answers_as_it_is_told(void **state)
{
	struct http_field fields[] = { { .name = STR("X-From"), .value = STR("stand-in") } };
	struct scene scene;
	struct rehearsed got;

	(void)state;
	scene_open(&scene);
	scene.answers = (struct stand_in) { .status = 503,
					    .fields = { .at = fields, .count = 1 },
					    .body = STR("busy") };
	got = ask(&scene, "GET /u HTTP/1.1\r\nHost: h\r\n\r\n", "");
	assert_int_equal(got.answer.status, 503);
	assert_int_equal(got.reason, REASON_NONE);
	assert_string_equal(field_of(&got.answer.fields, "x-from"), "stand-in");
	STR_EQUAL(got.body, "busy");
	scene.answers = (struct stand_in) { .status = 204, .body = STR("not to be sent") };
	got = ask(&scene, "GET /u HTTP/1.1\r\nHost: h\r\n\r\n", "");
	assert_int_equal(got.answer.status, 204);
	STR_EQUAL(got.body, "");
	got = ask(&scene, "GET /v HTTP/1.1\r\nHost: h\r\n\r\n", "");
	assert_int_equal(got.answer.status, 200); /* nobody said how */
	scene_close(&scene);
}

/* More than a socket takes at once, both ways. */
static void large_bodies_pass(void **state)
{
	size_t size = 3 * 1024 * 1024;
	char *body = malloc(size);
	struct rehearsal_request request = {
		.head = STR("POST /u HTTP/1.1\r\nHost: h\r\nContent-Length: 3145728\r\n\r\n")
	};
	struct rehearsed got;
	struct scene scene;

	(void)state;
	assert_non_null(body);
	memset(body, 'b', size);
	scene_open(&scene);
	request.body = scene.answers.body = (str) { body, size };
	assert_false(failed(rehearsal_run(scene.rehearsal, &request, &got)));
	assert_int_equal(got.answer.status, 200);
	assert_int_equal(got.body.len, STAND_IN_BODY_MAX);
	assert_int_equal(got.forwarded->body.len, STAND_IN_BODY_MAX);
	scene_close(&scene);
	free(body);
}

static void the_client_is_who_it_says(void **state)
{
	struct rehearsal_request request = {
		.head = STR("GET /set HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"),
		.client_ip = STR("203.0.113.9"),
		.is_secure = true
	};
	struct rehearsed got;
	struct scene scene;

	(void)state;
	scene_open(&scene);
	assert_false(failed(rehearsal_run(scene.rehearsal, &request, &got)));
	assert_string_equal(field_of(&got.forwarded->fields, "x-forwarded-for"), "203.0.113.9");
	assert_string_equal(field_of(&got.forwarded->fields, "x-s"), "https");
	assert_string_equal(field_of(&got.forwarded->fields, "x-forwarded-port"), "8443");
	request.client_ip = STR("10.9.0.1"); /* a proxy that is believed */
	request.is_secure = false;
	assert_false(failed(rehearsal_run(scene.rehearsal, &request, &got)));
	assert_string_equal(field_of(&got.forwarded->fields, "x-forwarded-for"), "192.0.2.7, 10.9.0.1");
	assert_string_equal(field_of(&got.forwarded->fields, "x-s"), "http");
	request.client_ip = STR("10.9.0.256");
	assert_int_equal(rehearsal_run(scene.rehearsal, &request, &got).kind, ERROR_INVALID);
	scene_close(&scene);
}

static void clock_and_chance_are_its_own(void **state)
{
	struct scene one, other;
	struct rehearsed first, second;

	(void)state;
	scene_open(&one);
	scene_open(&other);
	first = ask(&one, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n", "");
	second = ask(&other, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n", "");
	assert_true(str_eq(first.body, second.body)); /* with the request's id */
	assert_string_equal(field_of(&first.answer.fields, "date"), "Thu, 01 Jan 1970 00:16:40 GMT");
	rehearsal_advance(one.rehearsal, 90 * SECOND);
	first = ask(&one, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n", "");
	assert_string_equal(field_of(&first.answer.fields, "date"), "Thu, 01 Jan 1970 00:18:10 GMT");
	assert_false(str_eq(first.body, second.body));
	scene_close(&one);
	scene_close(&other);
}

static void who_asked_is_told(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	ask(&scene, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n", "");
	assert_int_equal(scene.admitted, 1);
	assert_int_equal(scene.decided, 1);
	ask(&scene, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n", "");
	assert_int_equal(scene.admitted, 2);
	assert_int_equal(scene.reason, REASON_NO_ROUTE);
	assert_int_equal(scene.decided, 1);
	ask(&scene, "GET / HTTP/1.1\r\nbad\r\n\r\n", ""); /* never admitted, but finished */
	assert_int_equal(scene.admitted, 2);
	assert_int_equal(scene.finished, 3);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_end_as_in_live_traffic),
		cmocka_unit_test(a_stand_in_answers_as_it_is_told),
		cmocka_unit_test(large_bodies_pass),
		cmocka_unit_test(the_client_is_who_it_says),
		cmocka_unit_test(clock_and_chance_are_its_own),
		cmocka_unit_test(who_asked_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
