/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a slot, for how long, and what those are told who get none. Waiting is tested where fibers are. */
#include "base/testing.h"
#include "policy/policy_testing.h"
#include "store/slot_table.h"

#define LIMIT(options) "[ concurrency: { " options " } ]"

enum { CLIENTS = 8 };

/* Several exchanges under way: each keeps what it holds while others ask. */
struct crowd {
	struct bench *bench;
	struct view_lasting *held[CLIENTS];
	size_t count;
};

static void open_crowd(struct crowd *crowd, const char *policies)
{
	*crowd = (struct crowd) { .bench = bench_new(policies) };
	assert_string_equal(bench_errors(crowd->bench), "");
}

static enum verdict enter(struct crowd *crowd, const char *fields)
{
	struct bench *bench = crowd->bench;
	enum verdict verdict;

	bench_ask(bench, "GET /", fields);
	verdict = bench_request(bench);
	crowd->held[crowd->count++] = bench->view.lasting;
	bench->view.lasting = NULL;
	return verdict;
}

static void leave(struct crowd *crowd, size_t client)
{
	view_let_go(&crowd->held[client]);
}

static void close_crowd(struct crowd *crowd)
{
	for (size_t i = 0; i < crowd->count; i++)
		leave(crowd, i);
	assert_int_equal(slot_table_counts(crowd->bench->slots).taken, 0);
	bench_free(&crowd->bench);
}

static void a_slot_is_held_until_the_end(void **state)
{
	struct crowd crowd;

	(void)state;
	open_crowd(&crowd, LIMIT("limit: 2"));
	assert_int_equal(enter(&crowd, ""), POLICY_CONTINUE);
	assert_int_equal(enter(&crowd, ""), POLICY_CONTINUE);
	assert_int_equal(enter(&crowd, ""), POLICY_ANSWERED);
	assert_int_equal(crowd.bench->view.answer.reason, REASON_CONCURRENCY_LIMITED);
	assert_int_equal(reason_status(REASON_CONCURRENCY_LIMITED), 503);
	assert_int_equal(crowd.bench->view.answer.status, 0);
	assert_string_equal(bench_fields(crowd.bench, &crowd.bench->view.answer.fields), "Retry-After: 1\n");
	leave(&crowd, 0);
	assert_int_equal(enter(&crowd, ""), POLICY_CONTINUE);
	assert_int_equal(enter(&crowd, ""), POLICY_ANSWERED);
	close_crowd(&crowd);
}

/* 429 is for who has too much under way himself. */
static void clients_are_told_apart(void **state)
{
	static const struct {
		const char *by;
		int status;
		bool is_one; /* whoever asks */
	} rows[] = {
		{ "header:X", 429, false },  { "[api, header:X]", 429, false },
		{ "client_ip", 429, true },  { "[route, client_ip]", 429, true },
		{ "api", 0, true },          { "route", 0, true },
		{ "[api, route]", 0, true }, { "[route]", 0, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char policies[128];
		struct crowd crowd;

		snprintf(policies, sizeof policies, LIMIT("limit: 1, by: %s"), rows[i].by);
		open_crowd(&crowd, policies);
		assert_row(enter(&crowd, "X: a\n") == POLICY_CONTINUE, i, rows[i].by);
		assert_row(enter(&crowd, "X: a\n") == POLICY_ANSWERED, i, rows[i].by);
		assert_row(crowd.bench->view.answer.status == rows[i].status, i, rows[i].by);
		assert_row((enter(&crowd, "X: b\n") == POLICY_ANSWERED) == rows[i].is_one, i, rows[i].by);
		close_crowd(&crowd);
	}
}

static void who_waits_in_vain(void **state)
{
	struct crowd crowd;

	(void)state;
	open_crowd(&crowd, LIMIT("limit: 1, queue: 5, queue_timeout: 250ms"));
	assert_int_equal(enter(&crowd, ""), POLICY_CONTINUE);
	assert_int_equal(enter(&crowd, ""), POLICY_ANSWERED);
	assert_int_equal(crowd.bench->slept, 250 * MILLISECOND);
	assert_int_equal(crowd.bench->view.answer.reason, REASON_CONCURRENCY_QUEUE_TIMEOUT);
	crowd.bench->is_over = true;
	assert_int_equal(enter(&crowd, ""), POLICY_ANSWERED);
	assert_int_equal(crowd.bench->view.answer.reason, REASON_NONE);
	close_crowd(&crowd);
}

/* What another limit took before is given back. */
static void a_refusal_costs_nothing(void **state)
{
	struct crowd crowd;

	(void)state;
	open_crowd(&crowd, "[ rate_limit: { limit: 3/1h }, concurrency: { limit: 1 } ]");
	assert_int_equal(enter(&crowd, ""), POLICY_CONTINUE);
	for (int i = 0; i < 4; i++)
		assert_int_equal(enter(&crowd, ""), POLICY_ANSWERED);
	assert_int_equal(crowd.bench->view.answer.reason, REASON_CONCURRENCY_LIMITED);
	leave(&crowd, 0);
	assert_int_equal(enter(&crowd, ""), POLICY_CONTINUE);
	close_crowd(&crowd);
}

static void reports_count_for_themselves(void **state)
{
	struct crowd crowd;

	(void)state;
	open_crowd(&crowd, "[ { concurrency: { limit: 1, queue: 3 }, report: true } ]");
	assert_int_equal(enter(&crowd, ""), POLICY_CONTINUE);
	assert_text(crowd.bench->view.reported, "");
	assert_int_equal(enter(&crowd, ""), POLICY_CONTINUE);
	assert_text(crowd.bench->view.reported, "concurrency=concurrency_limited");
	assert_int_equal(crowd.bench->slept, 0);
	close_crowd(&crowd);
}

/* Two that say the same are two; a number that has changed leaves one what it was. */
static void each_place_is_a_limit_of_its_own(void **state)
{
	struct crowd crowd, other;
	struct slot_table *own;

	(void)state;
	open_crowd(&crowd, "[ concurrency: { limit: 3 }, concurrency: { limit: 2, by: api } ]");
	assert_int_equal(enter(&crowd, ""), POLICY_CONTINUE);
	assert_int_equal(slot_table_counts(crowd.bench->slots).taken, 2);
	open_crowd(&other, "[ concurrency: { limit: 1 } ]");
	own = other.bench->slots;
	other.bench->slots = crowd.bench->slots;
	assert_int_equal(enter(&other, ""), POLICY_ANSWERED);
	other.bench->slots = own;
	close_crowd(&other);
	close_crowd(&crowd);
}

static struct slot_wish asked_wish; /* what was asked of the table */

static result look_at_wish(void *self, struct view *view, const struct slot_wish *wish, duration patience,
			   struct slot *ret_slot)
{
	(void)self;
	(void)view;
	(void)patience;
	(void)ret_slot;
	asked_wish = *wish;
	return error_make(ERROR_LIMIT, "only asking");
}

static void priorities_are_expressions(void **state)
{
	static const struct {
		const char *priority, *fields;
		int64_t want;
	} rows[] = {
		{ "7", "", 7 },
		{ "'request.headers[\"x\"] == \"a\" ? 2 : 1'", "X: a\n", 2 },
		{ "'request.headers[\"x\"] == \"a\" ? 2 : 1'", "", 1 },
		{ "'int(request.headers[\"x\"])'", "X: -4\n", -4 },
		{ "'int(request.headers[\"x\"])'", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char policies[256];
		struct bench *bench;

		snprintf(policies, sizeof policies, LIMIT("limit: 1, queue: 9, priority: %s"),
			 rows[i].priority);
		bench = bench_new(policies);
		assert_string_equal(bench_errors(bench), "");
		bench_ask(bench, "GET /", rows[i].fields);
		bench->effects.take_slot = look_at_wish;
		assert_int_equal(bench_request(bench), POLICY_ANSWERED);
		assert_row(asked_wish.priority == rows[i].want, i, rows[i].priority);
		assert_int_equal(asked_wish.queue, 9);
		bench_free(&bench);
	}
}

/* Answers of the service, by how long they took: after so many rounds of all that is let in, how many are. */
static size_t learnt(struct bench *bench, int rounds, duration time, int status, bool is_own)
{
	struct view_lasting *held[64];
	size_t count = 0;

	for (int round = 0; round < rounds; round++) {
		while (count) {
			bench_ask(bench, "GET /", "");
			bench->view.lasting = held[--count];
			bench->response = (struct http_response) { .status = status };
			bench->view.response = &bench->response;
			bench->view.endpoint = STR("10.0.0.5:8080");
			bench->view.response_body = is_own ? NULL : (struct body_source *)bench;
			policy_chain_response(&bench->chain, &bench->view);
			view_let_go(&bench->view.lasting);
		}
		for (count = 0; count < COUNT_OF(held); count++) {
			bench_ask(bench, "GET /", "");
			if (bench_request(bench) == POLICY_ANSWERED)
				break;
			held[count] = bench->view.lasting;
			bench->view.lasting = NULL;
		}
		bench->passed += time;
	}
	for (size_t i = 0; i < count; i++)
		view_let_go(&held[i]);
	return count;
}

/* The time is the same, which is as good as it gets; longer; of errors; of answers that never came. */
static void a_limit_is_learnt(void **state)
{
	struct bench *bench = bench_new(LIMIT("adaptive: true, limit: 50"));

	(void)state;
	assert_string_equal(bench_errors(bench), "");
	assert_int_equal(learnt(bench, 1, 100 * MILLISECOND, 200, false), 20);
	assert_int_equal(learnt(bench, 30, 100 * MILLISECOND, 200, false), 50);
	assert_int_equal(learnt(bench, 5, 500 * MILLISECOND, 500, false), 50);
	assert_int_equal(learnt(bench, 5, 500 * MILLISECOND, 502, true), 50);
	assert_true(learnt(bench, 10, 500 * MILLISECOND, 200, false) < 20);
	assert_true(learnt(bench, 60, 100 * MILLISECOND, 404, false) > 20);
	assert_true(learnt(bench, 10, 500 * MILLISECOND, 504, true) < 20);
	bench_free(&bench);
}

/* What is told of a limit that orders/one was asked under, for orders/one and for orders/two. */
static const struct {
	const char *policies;
	uint64_t one, two;
} told[] = {
	{ LIMIT("adaptive: true"), 20, 20 },
	{ LIMIT("adaptive: true, limit: 9"), 9, 9 },
	{ LIMIT("adaptive: true, by: api"), 20, 20 },
	{ LIMIT("adaptive: true, by: route"), 20, 0 },
	{ LIMIT("adaptive: true, by: [api, route]"), 20, 0 },
	{ "[ { concurrency: { adaptive: true }, report: true } ]", 20, 20 },
	{ LIMIT("limit: 5"), 0, 0 },
	{ "[ respond: {} ]", 0, 0 },
};

static void what_is_learnt_is_told(void **state)
{
	static const struct route_names one = { .api = STR_INIT("orders"), .route = STR_INIT("one") };
	static const struct route_names two = { .api = STR_INIT("orders"), .route = STR_INIT("two") };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(told); i++) {
		struct bench *bench = bench_new(told[i].policies);
		const struct policy_instance *instance = bench->chain.at;

		assert_string_equal(bench_errors(bench), "");
		assert_int_equal(policy_learnt_limit(instance, &one, bench->slots), 0);
		bench_ask(bench, "GET /", "");
		bench->view.names = &one;
		bench_request(bench);
		assert_row(policy_learnt_limit(instance, &one, bench->slots) == told[i].one, i,
			   told[i].policies);
		assert_row(policy_learnt_limit(instance, &two, bench->slots) == told[i].two, i,
			   told[i].policies);
		view_let_go(&bench->view.lasting);
		bench_free(&bench);
	}
}

static const struct bench_check mistakes[] = {
	{ LIMIT(""), "want `limit`" },
	{ LIMIT("limit: 0"), "1 to 1000000" },
	{ LIMIT("limit: 1, queue: 10001"), "0 to 10000" },
	{ LIMIT("limit: 1, queue_timeout: 0s"), "queue_timeout" },
	{ LIMIT("limit: 1, by: nobody"), "want client_ip, consumer" },
	{ LIMIT("adaptive: true, by: client_ip"), "want `api`, `route` or nothing" },
	{ LIMIT("adaptive: true, by: [api, header:X]"), "want `api`, `route` or nothing" },
	{ LIMIT("adaptive: false"), "want `limit`" },
	{ LIMIT("limit: 1, priority: high"), "high" },
	{ LIMIT("limit: 1, priority: request.path"), "int" },
};

static void mistakes_are_reported(void **state)
{
	(void)state;
	bench_assert_checks(mistakes, COUNT_OF(mistakes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_is_held_until_the_end),
		cmocka_unit_test(clients_are_told_apart),
		cmocka_unit_test(who_waits_in_vain),
		cmocka_unit_test(a_refusal_costs_nothing),
		cmocka_unit_test(reports_count_for_themselves),
		cmocka_unit_test(each_place_is_a_limit_of_its_own),
		cmocka_unit_test(priorities_are_expressions),
		cmocka_unit_test(a_limit_is_learnt),
		cmocka_unit_test(what_is_learnt_is_told),
		cmocka_unit_test(mistakes_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
