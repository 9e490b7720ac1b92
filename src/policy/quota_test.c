/* SPDX-License-Identifier: Apache-2.0 */
/* How much in which window, what is told of it, and what it has to do with other limits. The clock stands at
 * 2026-01-02T03:04:05Z. */
#include "base/testing.h"
#include "config/field_compare.h"
#include "policy/list.h"
#include "policy/policy_testing.h"
#include "store/quota_table.h"

#define QUOTA(options) "[ quota: { by: client_ip, " options " } ]"
#define PROBLEM "https://iana.org/assignments/http-problem-types#quota-exceeded"

static struct bench *open_bench(const char *list)
{
	struct bench *bench = bench_new(list);

	assert_string_equal(bench_errors(bench), "");
	return bench;
}

/* Of so many requests, how many get in. */
static int admitted(struct bench *bench, const char *fields, int tries)
{
	int count = 0;

	for (int i = 0; i < tries; i++) {
		bench_ask(bench, "GET /", fields);
		count += bench_request(bench) == POLICY_CONTINUE;
	}
	return count;
}

static void a_window_ends_and_another_begins(void **state)
{
	static const struct {
		const char *policies;
		duration left; /* of the window */
	} rows[] = {
		{ QUOTA("limit: 5/1d"), 20 * HOUR + 55 * MINUTE + 55 * SECOND },
		{ QUOTA("limit: 5/1h"), 55 * MINUTE + 55 * SECOND },
		{ QUOTA("limit: 5/1mo"), 29 * DAY + 20 * HOUR + 55 * MINUTE + 55 * SECOND },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench *bench = open_bench(rows[i].policies);

		assert_row(admitted(bench, "", 20) == 5, i, rows[i].policies);
		bench->passed += rows[i].left - SECOND;
		assert_row(admitted(bench, "", 20) == 0, i, rows[i].policies);
		bench->passed += SECOND;
		assert_row(admitted(bench, "", 20) == 5, i, rows[i].policies);
		bench_free(&bench);
	}
}

static const struct {
	const char *what, *policies, *fields;
	int want; /* of twenty */
} costs[] = {
	{ "one each", QUOTA("limit: 10/1d"), "", 10 },
	{ "a number", QUOTA("limit: 10/1d, cost: 3"), "", 3 },
	{ "nothing", QUOTA("limit: 10/1d, cost: 0"), "", 20 },
	{ "by expression", QUOTA("limit: 10/1d, cost: 'int(request.headers[\"n\"])'"), "N: 5\n", 2 },
	{ "more than all", QUOTA("limit: 10/1d, cost: 'int(request.headers[\"n\"])'"), "N: 11\n", 0 },
	{ "very much more", QUOTA("limit: 10/1d, cost: 'int(request.headers[\"n\"])'"),
	  "N: 9223372036854775807\n", 0 },
	{ "less than nothing", QUOTA("limit: 10/1d, cost: 'int(request.headers[\"n\"])'"), "N: -5\n", 10 },
	{ "what is missing", QUOTA("limit: 10/1d, cost: 'int(request.headers[\"n\"])'"), "", 10 },
};

static void what_a_request_costs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(costs); i++) {
		struct bench *bench = open_bench(costs[i].policies);

		assert_row(admitted(bench, costs[i].fields, 20) == costs[i].want, i, costs[i].what);
		bench_free(&bench);
	}
}

static const char *told(struct bench *bench)
{
	bench_answer(bench, "");
	return bench_fields(bench, &bench->response.fields);
}

static void a_refusal_says_why_and_when(void **state)
{
	struct bench *bench = open_bench(QUOTA("limit: 2/1mo, name: plan"));
	const struct answer *answer = &bench->view.answer;

	(void)state;
	assert_int_equal(admitted(bench, "", 1), 1);
	assert_string_equal(told(bench),
			    "RateLimit-Policy: \"plan\";q=2;w=2678400\nRateLimit: \"plan\";r=1;t=2580955\n");
	assert_int_equal(admitted(bench, "", 2), 1);
	assert_int_equal(answer->reason, REASON_QUOTA_EXCEEDED);
	assert_int_equal(reason_status(answer->reason), 429);
	assert_text(answer->problem, PROBLEM);
	assert_text(answer->members, ",\"violated-policies\":[\"plan\"]");
	assert_string_equal(bench_fields(bench, &answer->fields), "Retry-After: 2580955\n");
	assert_string_equal(told(bench),
			    "RateLimit-Policy: \"plan\";q=2;w=2678400\nRateLimit: \"plan\";r=0;t=2580955\n");
	bench_free(&bench);
	bench = open_bench(QUOTA("limit: 5/1d, cost: 'int(\"6\")'"));
	assert_int_equal(admitted(bench, "", 1), 0);
	assert_string_equal(bench_fields(bench, &bench->view.answer.fields), ""); /* never */
	bench_free(&bench);
}

/* Whichever refuses, the others get back what they took; and all are told together. */
static void several_limits(void **state)
{
	static const char *const orders[] = {
		"[ quota: { limit: 9/1d, by: client_ip }, rate_limit: { limit: 3/1h } ]",
		"[ rate_limit: { limit: 9/1h }, quota: { limit: 3/1d, by: client_ip } ]",
		"[ quota: { limit: 9/1d, by: client_ip }, quota: { limit: 3/1d, by: client_ip, name: b } ]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		struct bench *bench = open_bench(orders[i]);

		assert_int_equal(admitted(bench, "", 20), 3);
		assert_non_null(strstr(told(bench), i == 1 ? "\"default\";r=6" : "\"quota\";r=6"));
		bench_free(&bench);
	}
}

/* What was counted is there for a configuration that says another number. */
static void another_number_keeps_the_count(void **state)
{
	static const struct {
		const char *policies;
		int want;
	} rows[] = {
		{ QUOTA("limit: 8/1d"), 5 },
		{ QUOTA("limit: 2/1d"), 0 },
		{ "[ { headers: {} }, { quota: { by: client_ip, limit: 8/1d } } ]", 5 },
		{ QUOTA("limit: 8/2d"), 8 },
		{ QUOTA("limit: 8/1d, cost: 2"), 4 },
		{ "[ quota: { by: [client_ip, api], limit: 8/1d } ]", 8 },
		{ "[ { quota: { by: client_ip, limit: 8/1d }, report: true } ]", 20 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench *old = open_bench(QUOTA("limit: 3/1d")), *new = bench_new(rows[i].policies);
		struct quota_table *own = new->quotas;

		assert_int_equal(admitted(old, "", 9), 3);
		new->quotas = old->quotas;
		assert_row(admitted(new, "", 20) == rows[i].want, i, rows[i].policies);
		new->quotas = own;
		bench_free(&new);
		bench_free(&old);
	}
}

/* ---- what several gateways share ---- */

/* One that is far away: so much is left of the window in which it is, by its own clock; or nothing at all is
 * there. */
struct far {
	bool is_gone, is_over;
	int64_t left;
	struct quota_window window;
	unsigned calls, gateways;
	struct shared_quota last;
};

static struct far *far_of(void *self)
{
	static struct far far;

	(void)self;
	return &far;
}

static result take_far(void *self, struct view *view, struct shared_quota *quota,
		       struct quota_standing *ret_standing)
{
	struct far *far = far_of(self);

	(void)view;
	far->calls++;
	quota->gateways = far->gateways;
	far->last = *quota;
	if (far->is_over)
		return error_make(ERROR_CANCELLED, "the client is gone");
	if (far->is_gone)
		return error_make(ERROR_REFUSED, "it is not available");
	*ret_standing = (struct quota_standing) { .is_admitted = quota->cost <= far->left };
	if (ret_standing->is_admitted)
		far->left -= quota->cost;
	ret_standing->left = (uint64_t)far->left;
	quota->window = far->window;
	quota->until_end = 5 * SECOND;
	return OK;
}

static enum verdict ask_far(struct bench *bench, const char *fields)
{
	bench_ask(bench, "GET /", fields);
	bench->effects.take_quota = take_far;
	return bench_request(bench);
}

static int admitted_far(struct bench *bench, int tries)
{
	int count = 0;

	for (int i = 0; i < tries; i++)
		count += ask_far(bench, "") == POLICY_CONTINUE;
	return count;
}

/* February, while the clock here says January. */
static struct far far_with(int64_t left)
{
	return (struct far) { .left = left, .gateways = 3, .window = { 1769904000, 1772323200 } };
}

static void what_is_shared_is_asked_for(void **state)
{
	struct bench *bench = open_bench(QUOTA("limit: 10/1mo, cost: 2"));
	struct far *far = far_of(NULL);

	(void)state;
	*far = far_with(5);
	assert_int_equal(admitted_far(bench, 1), 1);
	assert_string_equal(told(bench),
			    "RateLimit-Policy: \"quota\";q=10;w=2419200\nRateLimit: \"quota\";r=3;t=5\n");
	assert_int_equal(admitted_far(bench, 3), 1);
	assert_int_equal(far->calls, 4);
	assert_int_equal(far->last.cost, 2);
	assert_int_equal(far->last.limit, 10);
	assert_int_equal(far->last.period, 0);
	assert_int_equal(bench->view.answer.reason, REASON_QUOTA_EXCEEDED);
	assert_string_equal(bench_fields(bench, &bench->view.answer.fields), "Retry-After: 5\n");
	bench_free(&bench);
	bench = open_bench(QUOTA("limit: 10/1d, store: local"));
	*far = far_with(0);
	assert_int_equal(admitted_far(bench, 12), 10);
	assert_int_equal(far->calls, 0);
	bench_free(&bench);
}

static const struct {
	const char *policies;
	unsigned gateways;
	int want; /* of twenty */
	enum reason reason;
} failures[] = {
	{ QUOTA("limit: 12/1mo"), 1, 12, REASON_QUOTA_EXCEEDED },
	{ QUOTA("limit: 12/1mo"), 3, 4, REASON_QUOTA_EXCEEDED },
	{ QUOTA("limit: 12/1mo"), 100, 1, REASON_QUOTA_EXCEEDED },
	{ QUOTA("limit: 12/1mo, cost: 2"), 3, 2, REASON_QUOTA_EXCEEDED },
	{ QUOTA("limit: 12/1mo, cost: 6"), 3, 0, REASON_QUOTA_EXCEEDED },
	{ QUOTA("limit: 12/1mo, on_failure: local"), 2, 6, REASON_QUOTA_EXCEEDED },
	{ QUOTA("limit: 12/1mo, on_failure: allow"), 3, 20, REASON_NONE },
	{ QUOTA("limit: 12/1mo, on_failure: deny"), 3, 0, REASON_LIMIT_UNAVAILABLE },
	{ "[ { quota: { by: client_ip, limit: 12/1mo, on_failure: deny }, report: true } ]", 3, 20,
	  REASON_NONE },
};

static void what_holds_while_it_is_gone(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(failures); i++) {
		struct bench *bench = open_bench(failures[i].policies);

		*far_of(NULL) = (struct far) { .is_gone = true, .gateways = failures[i].gateways };
		assert_row(admitted_far(bench, 20) == failures[i].want, i, failures[i].policies);
		assert_row(bench->view.answer.reason == failures[i].reason, i, failures[i].policies);
		bench_free(&bench);
	}
}

static void nobody_is_told_what_is_not_known(void **state)
{
	struct bench *bench = open_bench(QUOTA("limit: 12/1mo, on_failure: allow"));

	(void)state;
	*far_of(NULL) = (struct far) { .is_gone = true, .gateways = 1 };
	assert_int_equal(admitted_far(bench, 1), 1);
	assert_string_equal(told(bench), "");
	bench_free(&bench);
}

static void who_is_gone_is_not_answered(void **state)
{
	struct bench *bench = open_bench(QUOTA("limit: 12/1mo"));

	(void)state;
	*far_of(NULL) = (struct far) { .is_over = true, .gateways = 1 };
	assert_int_equal(admitted_far(bench, 1), 0);
	assert_int_equal(bench->view.answer.reason, REASON_NONE);
	bench_free(&bench);
}

/* With the window that it was taken of; once. */
static void what_was_taken_far_away_is_given_back(void **state)
{
	struct bench *bench =
		open_bench("[ quota: { by: client_ip, limit: 10/1mo, cost: 3 }, rate_limit: { limit: "
			   "1/1h }, quota: { by: client_ip, limit: 1/1d, store: local } ]");
	struct far *far = far_of(NULL);

	(void)state;
	*far = far_with(10);
	assert_int_equal(admitted_far(bench, 3), 1);
	assert_int_equal(far->left, 7);
	assert_int_equal(far->calls, 5);
	assert_int_equal(far->last.cost, -3);
	assert_int_equal(far->last.window.end, far->window.end);
	assert_non_null(strstr(told(bench), "\"quota\";r=7;t=5"));
	bench_free(&bench);
}

/* The same quota of two processes is one key, also when it has another number; and no other is. */
static void keys_are_the_same_everywhere(void **state)
{
	static const struct {
		const char *policies, *fields;
		bool is_same; /* as the first */
	} keys[] = {
		{ "[ quota: { limit: 10/1d, by: 'header:A' } ]", "A: x\n", true },
		{ "[ quota: { limit: 10/1d, by: 'header:A' } ]", "A: x\n", true },
		{ "[ quota: { limit: 99/1d, by: 'header:A', name: b } ]", "A: x\n", true },
		{ "[ { headers: {} }, { quota: { limit: 10/1d, by: 'header:A' } } ]", "A: x\n", true },
		{ "[ quota: { limit: 10/1d, by: 'header:A' } ]", "A: y\n", false },
		{ "[ quota: { limit: 10/2d, by: 'header:A' } ]", "A: x\n", false },
		{ "[ quota: { limit: 10/1mo, by: 'header:A' } ]", "A: x\n", false },
		{ "[ quota: { limit: 10/1d, by: 'header:A', cost: 2 } ]", "A: x\n", false },
		{ "[ quota: { limit: 10/1d, by: ['header:A', api] } ]", "A: x\n", false },
		{ "[ { quota: { limit: 10/1d, by: 'header:A' }, report: true } ]", "A: x\n", false },
	};
	unsigned char first[SHARED_KEY_LEN];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		struct bench *bench = open_bench(keys[i].policies);

		*far_of(NULL) = far_with(10);
		assert_int_equal(ask_far(bench, keys[i].fields), POLICY_CONTINUE);
		if (!i)
			memcpy(first, far_of(NULL)->last.key, sizeof first);
		assert_row(!memcmp(first, far_of(NULL)->last.key, sizeof first) == keys[i].is_same, i,
			   keys[i].policies);
		bench_free(&bench);
	}
}

/* ---- reports and mistakes ---- */

static void reports_refuse_nobody(void **state)
{
	struct bench *bench = open_bench("[ { quota: { by: client_ip, limit: 1/1d }, report: true } ]");

	(void)state;
	assert_int_equal(admitted(bench, "", 2), 2);
	assert_text(bench->view.reported, "quota=quota_exceeded");
	assert_string_equal(told(bench), "");
	bench_free(&bench);
}

static const struct bench_check mistakes[] = {
	{ QUOTA("name: x"), "limit" },
	{ QUOTA("limit: 5"), "want a number of requests by a time" },
	{ QUOTA("limit: 0/1mo"), "want a number from 1 to 1000000000000" },
	{ QUOTA("limit: 5/2mo"), "want a number of requests by a time" },
	{ QUOTA("limit: 5/1M"), "or by a month, such as 1000000/1mo; read \"5/1M\"" },
	{ QUOTA("limit: x/1mo"), "want a number of requests by a time" },
	{ QUOTA("limit: 5/1500ms"), "whole seconds" },
	{ QUOTA("limit: 5/366d"), "365d" },
	{ QUOTA("limit: 5/1d, cost: 6"), "every request would be refused" },
	{ QUOTA("limit: 5/1d, cost: request.path"), "int" },
	{ QUOTA("limit: 5/1d, name: ''"), "want a name" },
	{ QUOTA("limit: 5/1d, store: memory"), "store:" },
	{ QUOTA("limit: 5/1d, on_failure: ignore"), "on_failure:" },
	{ QUOTA("limit: 5/1d, store: local, on_failure: deny"), "only a limit that is counted on Redis" },
	{ "[ quota: { limit: 5/1d } ]", "no policy before this one authenticates" },
	{ "[ quota: { limit: 5/1d, by: nobody } ]", "want client_ip, consumer" },
};

static void mistakes_are_reported(void **state)
{
	(void)state;
	bench_assert_checks(mistakes, COUNT_OF(mistakes));
}

/* A period of 0 is a month. */
static const struct {
	struct rate before, after;
	const char *words;
	int order; /* 1: more, -1: less, 0: nobody can tell */
} changes[] = {
	{ { 5, 0 }, { 6, 0 }, "5/1mo -> 6/1mo", 1 },
	{ { 5, 0 }, { 4, 0 }, "5/1mo -> 4/1mo", -1 },
	{ { 5, 0 }, { 5, 0 }, "", 0 },
	{ { 5, DAY }, { 5, 24 * HOUR }, "", 0 },
	{ { 5, DAY }, { 4, DAY }, "5/1d -> 4/1d", -1 },
	{ { 5, DAY }, { 5, 2 * DAY }, "5/1d -> 5/2d", -1 },
	{ { 5, DAY }, { 150, 30 * DAY }, "5/1d -> 150/30d", 1 }, /* more at once */
	{ { 5, DAY }, { 6, 30 * DAY }, "5/1d -> 6/30d", 0 },
	{ { 5, 0 }, { 4, DAY }, "5/1mo -> 4/1d", 0 },
	{ { 5, DAY }, { 4, 0 }, "5/1d -> 4/1mo", 0 },
	{ { 5, 30 * DAY }, { 6, 0 }, "5/30d -> 6/1mo", 0 },
};

static void another_limit_is_more_or_less(void **state)
{
	const struct field *limit = policy_find(STR("quota"))->fields;
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 1 << 20);
	assert_string_equal(limit->name, "limit");
	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		struct field_difference got = { 0 };
		int64_t order;

		limit->form->compare(&arena, &changes[i].before, &changes[i].after, &got);
		order = got.is_ordered ? got.after - got.before : 0;
		assert_row(str_eq(got.words, str_of(changes[i].words)), i, changes[i].words);
		assert_row(!got.words.len || order == changes[i].order, i, changes[i].words);
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_ends_and_another_begins),
		cmocka_unit_test(what_a_request_costs),
		cmocka_unit_test(a_refusal_says_why_and_when),
		cmocka_unit_test(several_limits),
		cmocka_unit_test(another_number_keeps_the_count),
		cmocka_unit_test(what_is_shared_is_asked_for),
		cmocka_unit_test(what_holds_while_it_is_gone),
		cmocka_unit_test(nobody_is_told_what_is_not_known),
		cmocka_unit_test(who_is_gone_is_not_answered),
		cmocka_unit_test(what_was_taken_far_away_is_given_back),
		cmocka_unit_test(keys_are_the_same_everywhere),
		cmocka_unit_test(reports_refuse_nobody),
		cmocka_unit_test(mistakes_are_reported),
		cmocka_unit_test(another_limit_is_more_or_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
