/* SPDX-License-Identifier: Apache-2.0 */
/* Series and their lives, and counting in them, also while others read. */
#include "observe/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

#include "observe/metrics_private.h"
#include "observe/metrics_testing.h"

static const struct metrics_reading nothing;

static struct exchange_facts facts_of(struct metric_series *series, enum http_method method, int status,
				      duration time_taken)
{
	return (struct exchange_facts) { .api = STR("orders"),
					 .series = series,
					 .method_id = method,
					 .status = status,
					 .time_taken = time_taken };
}

static void test_one_series_for_one_identity(void **state)
{
	struct metrics *metrics = metrics_new(1);
	static const struct {
		enum metric_kind kind;
		const char *first, *second;
	} others[] = {
		{ METRIC_ROUTE, "orders", "" },       { METRIC_ROUTE, "", "orders" },
		{ METRIC_ROUTE, "order", "scancel" }, { METRIC_ENDPOINT, "orders", "cancel" },
		{ METRIC_ROUTE, "cancel", "orders" }, { METRIC_POLICY, "orders", "cancel" },
		{ METRIC_ROUTE, "Orders", "cancel" }, { METRIC_UPSTREAM, "orders", "cancel" },
	};
	struct metric_series *one = metrics_series(metrics, METRIC_ROUTE, STR("orders"), STR("cancel"));
	struct metric_series *same = metrics_series(metrics, METRIC_ROUTE, STR("orders"), STR("cancel"));

	(void)state;
	assert_ptr_equal(one, same);
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		struct metric_series *other = metrics_series(metrics, others[i].kind, str_of(others[i].first),
							     str_of(others[i].second));

		assert_row(other != one, i, others[i].first);
		metric_series_unref(&other);
	}
	metric_series_unref(&one);
	metric_series_unref(&same);
	assert_null(one);
	metrics_free(&metrics);
	assert_null(metrics);
}

/* Names may be longer than a label should be; they are cut, and never in the middle of a character. */
static void test_long_names(void **state)
{
	struct metrics *metrics = metrics_new(1);
	char name[METRIC_NAME_MAX + 2];
	struct metric_series *series;

	(void)state;
	memset(name, 'x', sizeof name);
	name[METRIC_NAME_MAX - 1] = (char)0xc3;
	name[METRIC_NAME_MAX] = (char)0xa9;
	series = metrics_series(metrics, METRIC_UPSTREAM, (str) { name, sizeof name }, (str) { 0 });
	assert_int_equal(series->names[0].len, METRIC_NAME_MAX - 1);
	metric_series_unref(&series);
	metrics_free(&metrics);
}

/* As over a reload: the new configuration refers to it before the old one lets it go. */
static void test_numbers_live_as_long_as_somebody_refers(void **state)
{
	struct metrics *metrics = metrics_new(1);
	struct metrics_shard *shard = metrics_shard(metrics, 0);
	struct metric_series *old = metrics_series(metrics, METRIC_UPSTREAM, STR("a"), (str) { 0 }), *new;
	uint64_t value;

	(void)state;
	metrics_count_upstream(shard, old, UPSTREAM_RETRIES);
	new = metrics_series(metrics, METRIC_UPSTREAM, STR("a"), (str) { 0 });
	metric_series_unref(&old);
	metrics_count_upstream(shard, new, UPSTREAM_RETRIES);
	metric_sum(new, 0, 1, &value);
	assert_int_equal(value, 2);
	metric_series_unref(&new);
	new = metrics_series(metrics, METRIC_UPSTREAM, STR("a"), (str) { 0 });
	metric_sum(new, 0, 1, &value);
	assert_int_equal(value, 0);
	metric_series_unref(&new);
	metrics_free(&metrics);
}

static void test_many_series(void **state)
{
	enum { MANY = 5000 };
	struct metrics *metrics = metrics_new(2);
	struct metric_series **series = calloc(MANY, sizeof *series);

	(void)state;
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < MANY; i++) {
			char text[16];
			struct buf name = buf_over(text, sizeof text);
			struct metric_series *again;

			buf_put_u64(&name, i);
			again = metrics_series(metrics, METRIC_UPSTREAM, buf_str(&name), (str) { 0 });
			assert_true(round == 0 || again == series[i]);
			series[i] = again;
		}
	}
	assert_int_equal(metrics->count, MANY + 2);
	for (size_t i = 0; i < MANY; i++) {
		struct metric_series *once = series[i];

		metric_series_unref(&series[i]);
		metric_series_unref(&once);
	}
	assert_int_equal(metrics->count, 2);
	metrics_free(&metrics);
	free(series);
}

/* A bucket holds what is not above its bound; the last has none. */
static void test_buckets(void **state)
{
	static const struct {
		duration time_taken;
		size_t bucket;
	} rows[] = {
		{ -5, 0 },
		{ 0, 0 },
		{ MILLISECOND, 0 },
		{ MILLISECOND + 1, 1 },
		{ 2500 * MICROSECOND, 1 },
		{ 30 * MILLISECOND, 5 },
		{ SECOND, 11 },
		{ 10 * SECOND, 15 },
		{ 10 * SECOND + 1, 16 },
		{ 10 * DAY, 16 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct metrics *metrics = metrics_new(1);
		struct metric_series *series =
			metrics_series(metrics, METRIC_ROUTE, STR("orders"), (str) { 0 });
		struct exchange_facts facts = facts_of(series, HTTP_GET, 200, rows[i].time_taken);
		uint64_t values[HISTOGRAM_VALUES];

		metrics_count_exchange(metrics_shard(metrics, 0), &facts);
		metric_sum(series, metric_key(HTTP_GET, 200), HISTOGRAM_VALUES, values);
		for (size_t j = 0; j <= METRIC_BUCKETS; j++)
			assert_row(values[HISTOGRAM_BUCKETS + j] == (j == rows[i].bucket), i, "bucket");
		assert_int_equal(values[HISTOGRAM_SUM], rows[i].time_taken < 0 ? 0 : rows[i].time_taken);
		metric_series_unref(&series);
		metrics_free(&metrics);
	}
}

/* A client chooses methods, an upstream statuses: neither makes memory grow without a bound. */
static void test_a_series_has_a_bound(void **state)
{
	struct metrics *metrics = metrics_new(1);
	struct metrics_shard *shard = metrics_shard(metrics, 0);
	struct metric_series *series = metrics_series(metrics, METRIC_ROUTE, STR("orders"), (str) { 0 });
	uint64_t values[HISTOGRAM_VALUES], all = 0;
	size_t cells = 0;

	(void)state;
	for (int status = 200; status < 600; status++) {
		struct exchange_facts facts = facts_of(series, HTTP_POST, status, 0);

		metrics_count_exchange(shard, &facts);
		metrics_count_exchange(shard, &facts);
	}
	for (const struct metric_cell *cell = metric_cells(series, 0); cell; cell = cell->next, cells++)
		all += cell->values[HISTOGRAM_BUCKETS];
	assert_int_equal(cells, METRIC_CELLS_MAX + 1);
	assert_int_equal(all, 800);
	metric_sum(series, METRIC_KEY_OTHER, HISTOGRAM_VALUES, values);
	assert_int_equal(values[HISTOGRAM_BUCKETS], 800 - 2 * METRIC_CELLS_MAX);
	metric_series_unref(&series);
	metrics_free(&metrics);
}

static void test_what_was_not_routed(void **state)
{
	struct metrics *metrics = metrics_new(1);
	struct metrics_shard *shard = metrics_shard(metrics, 0);
	struct exchange_facts unrouted = { .method_id = HTTP_GET, .status = 404 };
	struct exchange_facts not_counted = { .method_id = HTTP_GET, .status = 200, .api = STR("quiet") };
	uint64_t values[HISTOGRAM_VALUES];

	(void)state;
	metrics_count_exchange(shard, &unrouted);
	metrics_count_exchange(shard, &not_counted);
	metric_sum(metrics->unrouted, metric_key(HTTP_GET, 404), HISTOGRAM_VALUES, values);
	assert_int_equal(values[HISTOGRAM_BUCKETS], 1);
	metric_sum(metrics->unrouted, metric_key(HTTP_GET, 200), HISTOGRAM_VALUES, values);
	assert_int_equal(values[HISTOGRAM_BUCKETS], 0);
	metrics_free(&metrics);
}

static void test_tries(void **state)
{
	struct metrics *metrics = metrics_new(2);
	struct metric_series *endpoint =
		metrics_series(metrics, METRIC_ENDPOINT, STR("a"), STR("10.0.0.1:80"));
	struct metric_endpoint_sums sums;

	(void)state;
	for (int outcome = 0; outcome < OUTCOMES; outcome++)
		for (int i = 0; i <= outcome; i++)
			metrics_count_try(metrics_shard(metrics, (size_t)i % 2), endpoint,
					  (enum metric_outcome)outcome, 3 * MILLISECOND);
	sums = metric_endpoint_sums(endpoint);
	for (int outcome = 0; outcome < OUTCOMES; outcome++)
		assert_int_equal(sums.outcomes[outcome], outcome + 1);
	assert_int_equal(sums.answers, 3); /* one good, two of 500 and more */
	assert_int_equal(sums.time_taken, 9 * MILLISECOND);
	metric_series_unref(&endpoint);
	metrics_free(&metrics);
}

/* Everything is allowed without metrics, and does nothing. */
static void test_nothing_is_counted_without(void **state)
{
	struct metric_series *none = metrics_series(NULL, METRIC_ROUTE, STR("a"), STR("b"));
	struct metrics *metrics = metrics_new(1);
	struct metrics_shard *shard = metrics_shard(metrics, 0);
	struct metrics_shard *no_shard = metrics_shard(NULL, 7);
	struct metric_series *series = metrics_series(metrics, METRIC_POLICY, STR("ip"), STR("orders"));
	struct exchange_facts facts = facts_of(series, HTTP_GET, 200, 0);

	(void)state;
	assert_null(none);
	assert_null(no_shard);
	metrics_begin_exchange(no_shard);
	metrics_end_exchange(no_shard);
	metrics_count_exchange(no_shard, &facts);
	metrics_count_try(shard, none, OUTCOME_RESET, 0);
	metrics_count_try(no_shard, series, OUTCOME_RESET, 0);
	metrics_count_upstream(shard, none, UPSTREAM_RETRIES);
	metrics_count_upstream(no_shard, series, UPSTREAM_RETRIES);
	metrics_count_decision(shard, none, DECISION_SKIP);
	metrics_count_decision(no_shard, series, DECISION_SKIP);
	metrics_move_connection(shard, none, CONNECTION_IDLE, 1);
	metrics_move_connection(no_shard, series, CONNECTION_IDLE, 1);
	metrics_forget_told(NULL);
	metric_series_set_up(none, true);
	assert_int_equal(metric_endpoint_sums(none).answers, 0);
	metric_series_unref(&none);
	assert_null(metric_cells(series, 0));
	metric_series_unref(&series);
	metrics_free(&metrics);
	metrics_free(&metrics);
}

/* Two workers count, this thread reads and comes and goes like reloads do: nothing is lost, and what was read
 * is never less than what was read before. */
struct hand {
	struct metrics *metrics;
	struct metric_series *route, *policy;
	size_t worker;
	_Atomic bool *is_over;
	uint64_t counted;
};

static void *hand_counts(void *argument)
{
	struct hand *hand = argument;
	struct metrics_shard *shard = metrics_shard(hand->metrics, hand->worker);

	while (!atomic_load(hand->is_over) || hand->counted < 1000) {
		struct exchange_facts facts = facts_of(hand->route, HTTP_GET, 200 + (int)hand->counted % 3,
						       (duration)hand->counted % SECOND);

		metrics_begin_exchange(shard);
		metrics_count_exchange(shard, &facts);
		metrics_count_decision(shard, hand->policy, DECISION_CONTINUE);
		metrics_end_exchange(shard);
		hand->counted++;
	}
	return NULL;
}

static uint64_t decisions(const struct metric_series *policy)
{
	uint64_t values[DECISIONS];

	metric_sum(policy, 0, DECISIONS, values);
	return values[DECISION_CONTINUE];
}

static void test_threads(void **state)
{
	enum { HANDS = 2, READINGS = 200 };
	struct metrics *metrics = metrics_new(HANDS);
	struct metric_series *route = metrics_series(metrics, METRIC_ROUTE, STR("orders"), (str) { 0 });
	struct metric_series *policy = metrics_series(metrics, METRIC_POLICY, STR("ip"), STR("orders"));
	_Atomic bool is_over = false;
	struct hand hands[HANDS];
	pthread_t threads[HANDS];
	uint64_t before = 0, counted = 0;
	char *text;

	(void)state;
	for (size_t i = 0; i < HANDS; i++) {
		hands[i] = (struct hand) { metrics, route, policy, i, &is_over, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, hand_counts, &hands[i]), 0);
	}
	for (size_t i = 0; i < READINGS; i++) {
		struct metric_series *again =
			metrics_series(metrics, METRIC_POLICY, STR("ip"), STR("orders"));
		struct metric_series *fleeting = metrics_series(metrics, METRIC_ROUTE, STR("b"), (str) { 0 });

		assert_true(decisions(again) >= before);
		before = decisions(again);
		free(scrape_text(metrics, &nothing));
		metric_series_unref(&fleeting);
		metric_series_unref(&again);
	}
	atomic_store(&is_over, true);
	for (size_t i = 0; i < HANDS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		counted += hands[i].counted;
	}
	assert_int_equal(decisions(policy), counted);
	text = scrape_text(metrics, &nothing);
	assert_true(has_line(text, "http_server_active_requests 0"));
	assert_int_equal(count_lines(text, "http_server_request_duration_seconds_count{"), 3);
	free(text);
	metric_series_unref(&route);
	metric_series_unref(&policy);
	metrics_free(&metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_series_for_one_identity),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_numbers_live_as_long_as_somebody_refers),
		cmocka_unit_test(test_many_series),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_a_series_has_a_bound),
		cmocka_unit_test(test_what_was_not_routed),
		cmocka_unit_test(test_tries),
		cmocka_unit_test(test_nothing_is_counted_without),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
