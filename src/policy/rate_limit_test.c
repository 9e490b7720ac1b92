/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: who counts as one, what a request costs, what is told, and what several limits do to each other. */
#include "base/testing.h"
#include "policy/rate_limit_testing.h"
#include "store/rate_table.h"

#define PROBLEM "https://iana.org/assignments/http-problem-types#quota-exceeded"

/* Of so many requests at once, how many get in. */
static int admitted(struct bench *bench, int tries)
{
	int count = 0;

	for (int i = 0; i < tries; i++) {
		bench_ask(bench, "GET /", "");
		count += bench_request(bench) == POLICY_CONTINUE;
	}
	return count;
}

/* ---- who counts as one ---- */

struct asker {
	const char *ip, *fields, *principal; /* NULL: as usual */
	struct route_names names;
};

static const struct {
	const char *what, *by;
	struct asker first, second;
	bool is_same;
} keys[] = {
	{ "one address", "client_ip", { 0 }, { 0 }, true },
	{ "two addresses", "client_ip", { .ip = "192.0.2.1" }, { .ip = "192.0.2.2" }, false },
	{ "a /64", "client_ip", { .ip = "2001:db8::1" }, { .ip = "2001:db8::ffff:0:0:2" }, true },
	{ "two of them", "client_ip", { .ip = "2001:db8::1" }, { .ip = "2001:db8:0:1::1" }, false },
	{ "IPv4 in IPv6's clothes", "client_ip", { .ip = "::ffff:192.0.2.1" }, { .ip = "192.0.2.1" }, true },
	{ "two of those", "client_ip", { .ip = "::ffff:192.0.2.1" }, { .ip = "::ffff:192.0.2.2" }, false },
	{ "no address", "client_ip", { .ip = "" }, { .ip = "" }, true },
	{ "an address and none", "client_ip", { .ip = "" }, { .ip = "192.0.2.1" }, false },
	{ "one consumer from two addresses",
	  "consumer",
	  { .ip = "192.0.2.1", .principal = "{\"consumer\": \"a\"}" },
	  { .ip = "192.0.2.2", .principal = "{\"consumer\": \"a\"}" },
	  true },
	{ "two consumers",
	  "consumer",
	  { .principal = "{\"consumer\": \"a\"}" },
	  { .principal = "{\"consumer\": \"b\"}" },
	  false },
	{ "nobody from two addresses", "consumer", { .ip = "192.0.2.1" }, { .ip = "192.0.2.2" }, false },
	{ "somebody without a name from one address",
	  "consumer",
	  { .principal = "{\"method\": \"jwt\"}" },
	  { 0 },
	  true },
	{ "a consumer and nobody", "consumer", { .principal = "{\"consumer\": \"a\"}" }, { 0 }, false },
	{ "one value",
	  "header:X-Tenant",
	  { .fields = "X-Tenant: a\n" },
	  { .fields = "x-tenant: a\n" },
	  true },
	{ "two values",
	  "header:X-Tenant",
	  { .fields = "X-Tenant: a\n" },
	  { .fields = "X-Tenant: b\n" },
	  false },
	{ "a value from two addresses",
	  "header:X-Tenant",
	  { .ip = "192.0.2.1", .fields = "X-Tenant: a\n" },
	  { .ip = "192.0.2.2", .fields = "X-Tenant: a\n" },
	  true },
	{ "no field", "header:X-Tenant", { 0 }, { .fields = "X-Tenants: a\n" }, true },
	{ "no field and an empty one", "header:X-Tenant", { 0 }, { .fields = "X-Tenant:\n" }, false },
	{ "a second line",
	  "header:X-Tenant",
	  { .fields = "X-Tenant: a\nX-Tenant: b\n" },
	  { .fields = "X-Tenant: a\nX-Tenant: c\n" },
	  false },
	{ "two lines and the one that they mean",
	  "header:X-Tenant",
	  { .fields = "X-Tenant: a\nX-Tenant: b\n" },
	  { .fields = "X-Tenant: a, b\n" },
	  true },
	{ "one claim",
	  "claim:tenant",
	  { .principal = "{\"claims\": {\"tenant\": \"a\"}}" },
	  { .principal = "{\"claims\": {\"tenant\": \"a\", \"sub\": \"x\"}}" },
	  true },
	{ "two values of it",
	  "claim:tenant",
	  { .principal = "{\"claims\": {\"tenant\": \"a\"}}" },
	  { .principal = "{\"claims\": {\"tenant\": \"b\"}}" },
	  false },
	{ "a number and its text",
	  "claim:tenant",
	  { .principal = "{\"claims\": {\"tenant\": 7}}" },
	  { .principal = "{\"claims\": {\"tenant\": \"7\"}}" },
	  false },
	{ "one within another",
	  "claim:org.id",
	  { .principal = "{\"claims\": {\"org\": {\"id\": 1}}}" },
	  { .principal = "{\"claims\": {\"org\": {\"id\": 2}}}" },
	  false },
	{ "no claim and nobody",
	  "claim:tenant",
	  { .principal = "{\"claims\": {\"sub\": \"a\"}}" },
	  { 0 },
	  true },
	{ "no claim and an empty one",
	  "claim:tenant",
	  { .principal = "{\"claims\": {\"sub\": \"a\"}}" },
	  { .principal = "{\"claims\": {\"tenant\": \"\"}}" },
	  false },
	{ "two APIs",
	  "api",
	  { .names = { STR_INIT("a"), { 0 } } },
	  { .names = { STR_INIT("b"), { 0 } } },
	  false },
	{ "two routes of one API",
	  "api",
	  { .names = { STR_INIT("a"), STR_INIT("x") } },
	  { .names = { STR_INIT("a"), STR_INIT("y") } },
	  true },
	{ "two routes",
	  "route",
	  { .names = { STR_INIT("a"), STR_INIT("x") } },
	  { .names = { STR_INIT("a"), STR_INIT("y") } },
	  false },
	{ "a route of two APIs",
	  "route",
	  { .names = { STR_INIT("a"), STR_INIT("x") } },
	  { .names = { STR_INIT("b"), STR_INIT("x") } },
	  false },
	{ "both of two",
	  "[header:A, header:B]",
	  { .fields = "A: x\nB: y\n" },
	  { .fields = "A: x\nB: y\n" },
	  true },
	{ "only one of two",
	  "[header:A, header:B]",
	  { .fields = "A: x\nB: y\n" },
	  { .fields = "A: x\nB: z\n" },
	  false },
	{ "where one ends and the other begins",
	  "[header:A, header:B]",
	  { .fields = "A: ab\nB: c\n" },
	  { .fields = "A: a\nB: bc\n" },
	  false },
	{ "the one for the other",
	  "[header:A, header:B]",
	  { .fields = "A: x\n" },
	  { .fields = "B: x\n" },
	  false },
};

static enum verdict ask_as(struct bench *bench, const struct asker *asker)
{
	bench_ask(bench, "GET /", asker->fields ? asker->fields : "");
	if (asker->ip)
		bench->view.client_ip = str_of(asker->ip);
	if (asker->principal)
		bench_identify(bench, asker->principal);
	if (asker->names.api.len)
		bench->view.names = &asker->names;
	return bench_request(bench);
}

static void who_counts_as_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		char policies[256];
		struct bench *bench;

		snprintf(policies, sizeof policies, LIMIT("limit: 1/1h, by: %s"), keys[i].by);
		bench = bench_new(policies);
		assert_row(ask_as(bench, &keys[i].first) == POLICY_CONTINUE, i, keys[i].what);
		assert_row(ask_as(bench, &keys[i].first) == POLICY_ANSWERED, i, keys[i].what);
		assert_row((ask_as(bench, &keys[i].second) == POLICY_ANSWERED) == keys[i].is_same, i,
			   keys[i].what);
		bench_free(&bench);
	}
}

/* As many as there can be here. */
static void many_lines_are_one_key(void **state)
{
	struct bench *bench = open_bench(LIMIT("limit: 1/1h, by: header:A"));
	char fields[1024] = "";
	struct buf out = buf_over(fields, sizeof fields - 1);

	(void)state;
	for (int i = 0; i < 64; i++)
		buf_put(&out, STR("A: x\n"));
	for (int i = 0; i < 2; i++) {
		bench_ask(bench, "GET /", fields);
		assert_int_equal(bench_request(bench), i ? POLICY_ANSWERED : POLICY_CONTINUE);
	}
	bench_free(&bench);
}

/* ---- how much ---- */

static void a_burst_and_then_the_rate(void **state)
{
	struct bench *bench = open_bench(LIMIT("limit: 60/1m, burst: 5"));

	(void)state;
	assert_int_equal(admitted(bench, 10), 5);
	bench->passed += SECOND;
	assert_int_equal(admitted(bench, 10), 1);
	bench->passed += HOUR;
	assert_int_equal(admitted(bench, 10), 5);
	bench_free(&bench);
	bench = open_bench(LIMIT("limit: 60/1m"));
	assert_int_equal(admitted(bench, 100), 60);
	bench_free(&bench);
}

static const struct {
	const char *what, *policies, *fields;
	int want; /* of twenty */
} costs[] = {
	{ "one each", LIMIT("limit: 10/1h"), "", 10 },
	{ "a number", LIMIT("limit: 10/1h, cost: 3"), "", 3 },
	{ "nothing", LIMIT("limit: 10/1h, cost: 0"), "", 20 },
	{ "all of the burst", LIMIT("limit: 10/1h, cost: 10"), "", 1 },
	{ "by expression", LIMIT("limit: 10/1h, cost: 'int(request.headers[\"n\"])'"), "N: 5\n", 2 },
	{ "more than the burst", LIMIT("limit: 10/1h, cost: 'int(request.headers[\"n\"])'"), "N: 11\n", 0 },
	{ "very much more", LIMIT("limit: 10/1h, cost: 'int(request.headers[\"n\"])'"),
	  "N: 9223372036854775807\n", 0 },
	{ "what is missing", LIMIT("limit: 10/1h, cost: 'int(request.headers[\"n\"])'"), "", 10 },
	{ "what is no number", LIMIT("limit: 10/1h, cost: 'int(request.headers[\"n\"])'"), "N: x\n", 10 },
	{ "less than nothing", LIMIT("limit: 10/1h, cost: 'int(request.headers[\"n\"])'"), "N: -5\n", 10 },
	{ "nothing by expression", LIMIT("limit: 10/1h, cost: 'int(request.headers[\"n\"])'"), "N: 0\n", 20 },
};

static void what_a_request_costs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(costs); i++) {
		struct bench *bench = open_bench(costs[i].policies);
		int count = 0;

		for (int j = 0; j < 20; j++) {
			bench_ask(bench, "GET /", costs[i].fields);
			count += bench_request(bench) == POLICY_CONTINUE;
		}
		assert_row(count == costs[i].want, i, costs[i].what);
		bench_free(&bench);
	}
}

/* ---- what is told ---- */

static const char *told(struct bench *bench)
{
	bench_answer(bench, "");
	return bench_fields(bench, &bench->response.fields);
}

static void a_refusal_says_why_and_when(void **state)
{
	struct bench *bench = open_bench(LIMIT("limit: 2/1m, name: 'a \"b\"'"));
	const struct answer *answer = &bench->view.answer;

	(void)state;
	assert_int_equal(admitted(bench, 2), 2);
	bench->passed += 500 * MILLISECOND;
	assert_int_equal(admitted(bench, 1), 0);
	assert_int_equal(answer->reason, REASON_RATE_LIMITED);
	assert_int_equal(reason_status(answer->reason), 429);
	assert_text(answer->problem, PROBLEM);
	assert_text(answer->members, ",\"violated-policies\":[\"a \\\"b\\\"\"]");
	assert_string_equal(bench_fields(bench, &answer->fields), "Retry-After: 30\n");
	assert_string_equal(
		told(bench),
		"RateLimit-Policy: \"a \\\"b\\\"\";q=2;w=60\nRateLimit: \"a \\\"b\\\"\";r=0;t=60\n");
	bench_free(&bench);
}

/* At least a second, and nothing of what can never be had. */
static void when_to_come_again(void **state)
{
	static const struct {
		const char *policies, *want;
	} rows[] = {
		{ LIMIT("limit: 100/1s, burst: 1"), "Retry-After: 1\n" },
		{ LIMIT("limit: 1/1s"), "Retry-After: 1\n" },
		{ LIMIT("limit: 2/3s, burst: 1"), "Retry-After: 2\n" },
		{ LIMIT("limit: 1/365d"), "Retry-After: 31536000\n" },
		{ LIMIT("limit: 5/1h, cost: 'int(\"6\")'"), "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench *bench = open_bench(rows[i].policies);

		assert_true(admitted(bench, 2) < 2);
		assert_string_equal(bench_fields(bench, &bench->view.answer.fields), rows[i].want);
		bench_free(&bench);
	}
}

static const struct {
	const char *what, *policies, *want; /* after one request */
} tellings[] = {
	{ "how things stand", LIMIT("limit: 100/1m"),
	  "RateLimit-Policy: \"default\";q=100;w=60\nRateLimit: \"default\";r=99;t=1\n" },
	{ "a small burst", LIMIT("limit: 60/1m, burst: 5"),
	  "RateLimit-Policy: \"default\";q=60;w=60\nRateLimit: \"default\";r=4;t=1\n" },
	{ "half a second", LIMIT("limit: 100/500ms"),
	  "RateLimit-Policy: \"default\";q=200;w=1\nRateLimit: \"default\";r=99;t=1\n" },
	{ "one and a half", LIMIT("limit: 10/1500ms"),
	  "RateLimit-Policy: \"default\";q=20;w=3\nRateLimit: \"default\";r=9;t=1\n" },
	{ "seven milliseconds", LIMIT("limit: 1/7ms"),
	  "RateLimit-Policy: \"default\";q=1000;w=7\nRateLimit: \"default\";r=0;t=1\n" },
	{ "much in a long time", LIMIT("limit: 1000000/30d, cost: 1000"),
	  "RateLimit-Policy: \"default\";q=1000000;w=2592000\nRateLimit: \"default\";r=999000;t=2592\n" },
	{ "nothing taken", LIMIT("limit: 10/1h, cost: 0"),
	  "RateLimit-Policy: \"default\";q=10;w=3600\nRateLimit: \"default\";r=10;t=0\n" },
	{ "to nobody", LIMIT("limit: 10/1h, headers: false"), "" },
	{ "several", "[ rate_limit: { limit: 5/1h, name: a }, rate_limit: { limit: 7/1m, name: b } ]",
	  "RateLimit-Policy: \"a\";q=5;w=3600, \"b\";q=7;w=60\nRateLimit: \"a\";r=4;t=720, \"b\";r=6;t=9\n" },
	{ "one of several",
	  "[ rate_limit: { limit: 5/1h, name: a, headers: false }, rate_limit: { limit: 7/1m, name: b } ]",
	  "RateLimit-Policy: \"b\";q=7;w=60\nRateLimit: \"b\";r=6;t=9\n" },
	{ "the other one",
	  "[ rate_limit: { limit: 5/1h, name: a }, rate_limit: { limit: 7/1m, name: b, headers: false } ]",
	  "RateLimit-Policy: \"a\";q=5;w=3600\nRateLimit: \"a\";r=4;t=720\n" },
	{ "not of one that does not take part",
	  "[ rate_limit: { limit: 5/1h, name: a }, { rate_limit: { limit: 7/1m, name: b }, when: "
	  "'request.path == "
	  "\"/x\"' } ]",
	  "RateLimit-Policy: \"a\";q=5;w=3600\nRateLimit: \"a\";r=4;t=720\n" },
	{ "nothing of a report", "[ { rate_limit: { limit: 5/1h }, report: true } ]", "" },
};

static void every_answer_tells_how_things_stand(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(tellings); i++) {
		struct bench *bench = open_bench(tellings[i].policies);

		bench_ask(bench, "GET /", "");
		assert_int_equal(bench_request(bench), POLICY_CONTINUE);
		if (strcmp(told(bench), tellings[i].want) != 0)
			fail_msg("%s: %s", tellings[i].what, told(bench));
		bench_free(&bench);
	}
}

static void a_service_s_own_word_stays(void **state)
{
	struct bench *bench = open_bench(LIMIT("limit: 10/1h"));

	(void)state;
	bench_ask(bench, "GET /", "");
	assert_int_equal(bench_request(bench), POLICY_CONTINUE);
	bench_answer(bench, "RateLimit: \"own\";r=1;t=1\n");
	assert_string_equal(bench_fields(bench, &bench->response.fields),
			    "RateLimit: \"own\";r=1;t=1\nRateLimit-Policy: \"default\";q=10;w=3600\n"
			    "RateLimit: \"default\";r=9;t=360\n");
	bench_free(&bench);
}

/* An answer that came before the limit was asked knows nothing of it. */
static void who_was_not_asked_says_nothing(void **state)
{
	struct bench *bench = open_bench("[ respond: { status: 418 }, rate_limit: { limit: 10/1h } ]");

	(void)state;
	bench_ask(bench, "GET /", "");
	assert_int_equal(bench_request(bench), POLICY_ANSWERED);
	assert_string_equal(told(bench), "");
	bench_free(&bench);
}

/* ---- several limits ---- */

/* By a field of the first, so that the second can be used up alone. */
#define TWO                                                    \
	"[ rate_limit: { limit: 3/1h, name: wide, by: api }, " \
	"rate_limit: { limit: 1/1h, name: narrow, by: header:X-Key } ]"

static enum verdict ask_with(struct bench *bench, const char *fields)
{
	bench_ask(bench, "GET /", fields);
	return bench_request(bench);
}

static void what_a_later_limit_refuses_costs_nothing(void **state)
{
	struct bench *bench = open_bench(TWO);

	(void)state;
	assert_int_equal(ask_with(bench, "X-Key: a\n"), POLICY_CONTINUE);
	for (int i = 0; i < 10; i++)
		assert_int_equal(ask_with(bench, "X-Key: a\n"), POLICY_ANSWERED);
	assert_string_equal(told(bench), "RateLimit-Policy: \"wide\";q=3;w=3600, \"narrow\";q=1;w=3600\n"
					 "RateLimit: \"wide\";r=2;t=1200, \"narrow\";r=0;t=3600\n");
	assert_text(bench->view.answer.members, ",\"violated-policies\":[\"narrow\"]");
	assert_int_equal(ask_with(bench, "X-Key: b\n"), POLICY_CONTINUE);
	assert_int_equal(ask_with(bench, "X-Key: c\n"), POLICY_CONTINUE);
	assert_int_equal(ask_with(bench, "X-Key: d\n"), POLICY_ANSWERED);
	assert_text(bench->view.answer.members, ",\"violated-policies\":[\"wide\"]");
	bench->passed += 20 * MINUTE;
	assert_int_equal(ask_with(bench, "X-Key: d\n"), POLICY_CONTINUE); /* the refusal took nothing of it */
	bench_free(&bench);
}

/* What another policy refuses was asked all the same. */
static void what_others_refuse_costs(void **state)
{
	struct bench *bench = open_bench("[ rate_limit: { limit: 3/1h }, ip: { deny: [203.0.113.9] } ]");

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ask_with(bench, ""), POLICY_ANSWERED);
		assert_int_equal(bench->view.answer.reason, i < 3 ? REASON_IP_DENIED : REASON_RATE_LIMITED);
	}
	bench_free(&bench);
}

/* ---- report ---- */

static void a_report_refuses_nobody(void **state)
{
	struct bench *bench = open_bench("[ { rate_limit: { limit: 2/1h }, report: true } ]");

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ask_with(bench, ""), POLICY_CONTINUE);
		assert_text(bench->view.reported, i < 2 ? "" : "rate_limit=rate_limited");
		assert_string_equal(told(bench), "");
	}
	bench_free(&bench);
}

/* What is tried out takes nothing from what holds, and gives nothing of it back. */
static void a_report_counts_for_itself(void **state)
{
	struct bench *bench = open_bench("[ rate_limit: { limit: 3/1h, name: a }, { rate_limit: { limit: "
					 "1/1h, name: b }, report: true } ]");

	(void)state;
	assert_int_equal(ask_with(bench, ""), POLICY_CONTINUE);
	assert_int_equal(ask_with(bench, ""), POLICY_CONTINUE);
	assert_text(bench->view.reported, "rate_limit=rate_limited");
	assert_string_equal(told(bench), "RateLimit-Policy: \"a\";q=3;w=3600\nRateLimit: \"a\";r=1;t=2400\n");
	assert_int_equal(ask_with(bench, ""), POLICY_CONTINUE);
	assert_int_equal(ask_with(bench, ""), POLICY_ANSWERED);
	bench_free(&bench);
}

/* ---- which limit ---- */

/* Two configurations over one table, as before and after a reload: how many of ten get in at the second. */
static int admitted_after(const char *before, const char *after)
{
	struct bench *old = open_bench(before), *new = open_bench(after);
	struct rate_table *own = new->rates;
	int count;

	assert_true(admitted(old, 3) == 3);
	new->rates = old->rates;
	count = admitted(new, 10);
	new->rates = own;
	bench_free(&old);
	bench_free(&new);
	return count;
}

static void a_limit_that_stays_keeps_its_counts(void **state)
{
	static const char before[] = LIMIT("limit: 5/1h");
	static const struct {
		const char *after;
		int want;
	} rows[] = {
		{ LIMIT("limit: 5/1h"), 2 },
		{ LIMIT("limit: 5/60m, burst: 5, by: [client_ip], name: other, headers: false"), 2 },
		{ "[ request_id: {}, rate_limit: { limit: 5/1h } ]", 2 },
		{ LIMIT("limit: 6/1h"), 6 },
		{ LIMIT("limit: 5/1h, burst: 4"), 4 },
		{ LIMIT("limit: 5/1h, by: api"), 5 },
		{ LIMIT("limit: 5/1h, cost: '1 + 0'"), 5 },
		{ "[ { rate_limit: { limit: 5/1h }, report: true } ]", 10 },
		{ "[ rate_limit: { limit: 9/1h }, rate_limit: { limit: 5/1h } ]", 5 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(admitted_after(before, rows[i].after) == rows[i].want, i, rows[i].after);
}

/* The same words in two places are two limits. */
static void each_place_is_a_limit_of_its_own(void **state)
{
	struct bench *bench =
		open_bench("[ { rate_limit: { limit: 2/1h }, when: 'request.path == \"/a\"' },"
			   " { rate_limit: { limit: 2/1h }, when: 'request.path == \"/b\"' } ]");
	int count = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		bench_ask(bench, i % 2 ? "GET /a" : "GET /b", "");
		count += bench_request(bench) == POLICY_CONTINUE;
	}
	assert_int_equal(count, 4);
	bench_free(&bench);
}

/* ---- mistakes ---- */

static void mistakes_are_reported(void **state)
{
	static const struct bench_check rows[] = {
		{ "[ rate_limit: {} ]", "the key \"limit\" is missing" },
		{ LIMIT("limit: 100"), "want a number of requests by a time, such as 100/1s, read \"100\"" },
		{ LIMIT("limit: 10r/s"), "did you mean \"10/1s\"?" },
		{ LIMIT("limit: 0/1s"), "want a number of requests by a time" },
		{ LIMIT("limit: 1000000001/1s"), "want at most 1000000000 in a second" },
		{ LIMIT("limit: 2000000000000/1d"), "want a number of at most 1000000000000" },
		{ LIMIT("limit: 1/366d"), "by a time of at most 365d" },
		{ LIMIT("limit: 1/365d, burst: 101"),
		  "the burst would take more than 100 years to come back" },
		{ LIMIT("limit: 1/1s, burst: 0"), "burst: want a whole number from 1 to" },
		{ LIMIT("limit: 1/1s, burst: 1.5"), "burst: want a whole number" },
		{ LIMIT("limit: 1/1s, by: user"),
		  "want client_ip, consumer, header:NAME, claim:PATH, route or api, read "
		  "\"user\"" },
		{ LIMIT("limit: 1/1s, by: consumr"), "read \"consumr\"; did you mean \"consumer\"?" },
		{ LIMIT("limit: 1/1s, by: [api, ip]"), "by[1]: want client_ip" },
		{ LIMIT("limit: 1/1s, by: 'header:'"), "want client_ip" },
		{ LIMIT("limit: 1/1s, by: 'header:a b'"), "want client_ip" },
		{ LIMIT("limit: 1/1s, by: 'claim:'"), "want client_ip" },
		{ LIMIT("limit: 1/1s, by: 'api:x'"), "want client_ip" },
		{ LIMIT("limit: 1/1s, by: [api, 'header:x-forwarded-for']"),
		  "warning: policies[0].rate_limit.by[1]: all clients are one: x-forwarded-for is never" },
		{ LIMIT("limit: 1/1s, by: 'header:X-Tenant'"), "" },
		{ LIMIT("limit: 1/1s, by: []"), "by: want at least 1 item" },
		{ LIMIT("limit: 1/1s, by: { a: b }"), "by: want a list" },
		{ LIMIT("limit: 1/1s, by: [api, api, api, api, api, api, api, api, api]"),
		  "want at most 8 things" },
		{ LIMIT("limit: 5/1s, cost: 6"), "more than the burst: every request would be refused" },
		{ LIMIT("limit: 5/1s, cost: 'request.path'"), "cost:" },
		{ LIMIT("limit: 5/1s, cost: 'true'"), "cost:" },
		{ LIMIT("limit: 5/1s, cost: []"), "cost:" },
		{ LIMIT("limit: 1/1s, name: ''"), "want a name of 1 to 64 printable ASCII characters" },
		{ LIMIT("limit: 1/1s, name: \"a\\nb\""), "want a name" },
		{ LIMIT("limit: 1/1s, name: \"gr\\xFC\\xDFe\""), "want a name" },
		{ LIMIT("limit: 1/1s, headers: maybe"), "want true or false" },
		{ LIMIT("limit: 1/1s, by: consumer"), "no policy before this one authenticates" },
		{ LIMIT("limit: 1/1s, by: [api, 'claim:sub']"), "no policy before this one authenticates" },
		{ LIMIT("limit: 1/1s, cost: 'size(consumer.name)'"),
		  "no policy before this one authenticates" },
		{ LIMIT("limit: 1/1s, store: memory"), "store:" },
		{ LIMIT("limit: 1/1s, on_failure: ignore"), "on_failure:" },
		{ LIMIT("limit: 1/1s, store: local, on_failure: deny"),
		  "only a limit that is counted on Redis" },
		{ LIMIT("limit: 1/1s, store: local, sync: 1s"), "only a limit that is counted on Redis" },
		{ LIMIT("limit: 1/1s, sync: 11s"), "sync:" },
		{ "[ api_key: {}, rate_limit: { limit: 1/1s, by: consumer } ]", "" },
		{ "[ rate-limiting: {} ]", "here it is \"rate_limit\"" },
		{ "[ limit_req: {} ]", "here it is \"rate_limit\"" },
	};

	(void)state;
	bench_assert_checks(rows, COUNT_OF(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_counts_as_one),
		cmocka_unit_test(many_lines_are_one_key),
		cmocka_unit_test(a_burst_and_then_the_rate),
		cmocka_unit_test(what_a_request_costs),
		cmocka_unit_test(a_refusal_says_why_and_when),
		cmocka_unit_test(when_to_come_again),
		cmocka_unit_test(every_answer_tells_how_things_stand),
		cmocka_unit_test(a_service_s_own_word_stays),
		cmocka_unit_test(who_was_not_asked_says_nothing),
		cmocka_unit_test(what_a_later_limit_refuses_costs_nothing),
		cmocka_unit_test(what_others_refuse_costs),
		cmocka_unit_test(a_report_refuses_nobody),
		cmocka_unit_test(a_report_counts_for_itself),
		cmocka_unit_test(a_limit_that_stays_keeps_its_counts),
		cmocka_unit_test(each_place_is_a_limit_of_its_own),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
