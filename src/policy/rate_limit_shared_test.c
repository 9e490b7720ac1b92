/* SPDX-License-Identifier: Apache-2.0 */
/* What several gateways share: a limit that is counted far away, what holds while that is gone, and its keys.
 */
#include "base/testing.h"
#include "policy/rate_limit_testing.h"
#include "store/rate_table.h"

/* One that is far away: a bucket of so many units, or nothing at all. */
struct far {
	bool is_gone, is_over;
	int64_t left;
	unsigned calls, gateways;
	struct shared_take last;
};

static struct far *far_of(void *self)
{
	static struct far far;

	(void)self;
	return &far;
}

static result take_far(void *self, struct view *view, struct shared_take *take,
		       struct rate_standing *ret_standing)
{
	struct far *far = far_of(self);

	(void)view;
	far->calls++;
	take->gateways = far->gateways;
	far->last = *take;
	if (far->is_over)
		return error_make(ERROR_CANCELLED, "the client is gone");
	if (far->is_gone)
		return error_make(ERROR_REFUSED, "it is not available");
	*ret_standing =
		(struct rate_standing) { .is_admitted = take->cost <= far->left, .until_enough = 5 * SECOND };
	if (ret_standing->is_admitted)
		far->left -= take->cost;
	ret_standing->left = (uint64_t)far->left;
	return OK;
}

static enum verdict ask_far(struct bench *bench, const char *target, const char *fields)
{
	bench_ask(bench, target, fields);
	bench->effects.take = take_far;
	return bench_request(bench);
}

static int admitted_far(struct bench *bench, int tries)
{
	int count = 0;

	for (int i = 0; i < tries; i++)
		count += ask_far(bench, "GET /", "") == POLICY_CONTINUE;
	return count;
}

static void what_is_shared_is_asked_for(void **state)
{
	struct bench *bench = open_bench(LIMIT("limit: 10/1h, cost: 2, sync: 1s"));
	struct far *far = far_of(NULL);

	(void)state;
	*far = (struct far) { .left = 5, .gateways = 3 };
	assert_int_equal(admitted_far(bench, 4), 2);
	assert_int_equal(far->calls, 4);
	assert_int_equal(far->last.cost, 2);
	assert_int_equal(far->last.sync, SECOND);
	assert_int_equal(bench->view.answer.reason, REASON_RATE_LIMITED);
	assert_text(bench->view.answer.fields.at[0].value, "5");
	bench_free(&bench);
	bench = open_bench(LIMIT("limit: 10/1h, store: local"));
	*far = (struct far) { 0 };
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
	{ LIMIT("limit: 12/1h"), 1, 12, REASON_RATE_LIMITED },
	{ LIMIT("limit: 12/1h"), 3, 4, REASON_RATE_LIMITED },
	{ LIMIT("limit: 12/1h"), 100, 1, REASON_RATE_LIMITED },
	{ LIMIT("limit: 12/1h, cost: 6"), 3, 1,
	  REASON_RATE_LIMITED }, /* its share is less than what it costs */
	{ LIMIT("limit: 12/1h, on_failure: local"), 2, 6, REASON_RATE_LIMITED },
	{ LIMIT("limit: 12/1h, on_failure: allow"), 3, 20, REASON_NONE },
	{ LIMIT("limit: 12/1h, on_failure: deny"), 3, 0, REASON_LIMIT_UNAVAILABLE },
	{ "[ { rate_limit: { limit: 12/1h, on_failure: deny }, report: true } ]", 3, 20, REASON_NONE },
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
	struct bench *bench = open_bench(LIMIT("limit: 12/1h, on_failure: allow"));

	(void)state;
	*far_of(NULL) = (struct far) { .is_gone = true, .gateways = 1 };
	assert_int_equal(ask_far(bench, "GET /", ""), POLICY_CONTINUE);
	bench_answer(bench, "");
	assert_string_equal(bench_fields(bench, &bench->response.fields), "");
	bench_free(&bench);
}

static void who_is_gone_is_not_answered(void **state)
{
	struct bench *bench = open_bench(LIMIT("limit: 12/1h"));

	(void)state;
	*far_of(NULL) = (struct far) { .is_over = true, .gateways = 1 };
	assert_int_equal(ask_far(bench, "GET /", ""), POLICY_ANSWERED);
	assert_int_equal(bench->view.answer.reason, REASON_NONE);
	bench_free(&bench);
}

static void what_was_taken_far_away_is_given_back(void **state)
{
	struct bench *bench = open_bench(
		"[ rate_limit: { limit: 10/1h, cost: 3 }, rate_limit: { limit: 1/1h, store: local } ]");
	struct far *far = far_of(NULL);

	(void)state;
	*far = (struct far) { .left = 10, .gateways = 1 };
	assert_int_equal(admitted_far(bench, 2), 1);
	assert_int_equal(far->left, 7);
	assert_int_equal(far->last.cost, -3);
	bench_free(&bench);
}

/* Of two processes: the same limit of the same file, by the same asker, is one key, and no other is. */
static void keys_are_the_same_everywhere(void **state)
{
	static const struct {
		const char *policies, *fields;
	} rows[] = {
		{ LIMIT("limit: 10/1h, by: 'header:A'"), "A: x\n" },
		{ LIMIT("limit: 10/1h, by: 'header:A'"), "A: y\n" },
		{ LIMIT("limit: 10/1h, by: 'header:A'"), "" },
		{ LIMIT("limit: 11/1h, by: 'header:A'"), "A: x\n" },
		{ LIMIT("limit: 10/1h, by: 'header:A', burst: 2"), "A: x\n" },
		{ "[ { rate_limit: { limit: 10/1h, by: 'header:A' }, report: true } ]", "A: x\n" },
		{ LIMIT("limit: 10/1h, by: ['header:A', 'header:B']"), "A: x\nB: y\n" },
		{ LIMIT("limit: 10/1h, by: ['header:A', 'header:B']"), "A: xy\n" },
		{ LIMIT("limit: 10/1h, by: client_ip"), "" },
		{ LIMIT("limit: 10/1h, by: api"), "" },
	};
	unsigned char digests[2][COUNT_OF(rows)][SHARED_KEY_LEN];

	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
		struct bench *bench = open_bench(rows[i % COUNT_OF(rows)].policies);

		*far_of(NULL) = (struct far) { .left = 10, .gateways = 1 };
		assert_int_equal(ask_far(bench, "GET /", rows[i % COUNT_OF(rows)].fields), POLICY_CONTINUE);
		memcpy(digests[i / COUNT_OF(rows)][i % COUNT_OF(rows)], far_of(NULL)->last.key,
		       SHARED_KEY_LEN);
		bench_free(&bench);
	}
	assert_memory_equal(digests[0], digests[1], sizeof digests[0]);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t j = 0; j < i; j++)
			assert_row(memcmp(digests[0][i], digests[0][j], SHARED_KEY_LEN) != 0, i,
				   rows[i].policies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_shared_is_asked_for),
		cmocka_unit_test(what_holds_while_it_is_gone),
		cmocka_unit_test(nobody_is_told_what_is_not_known),
		cmocka_unit_test(who_is_gone_is_not_answered),
		cmocka_unit_test(what_was_taken_far_away_is_given_back),
		cmocka_unit_test(keys_are_the_same_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
