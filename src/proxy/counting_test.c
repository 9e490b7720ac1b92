/* SPDX-License-Identifier: Apache-2.0 */
/* Which series a configuration has, and that they live as long as a configuration that names them. */
#include "proxy/counting.h"

#include "base/testing.h"
#include "observe/metrics_testing.h"
#include "proxy/edition.h"

static const struct metrics_reading nothing;

#define HEAD "workers: 2\nlisteners: { a: { address: '127.0.0.1:0' } }\n"
#define APP "upstreams: { app: { endpoints: ['10.0.0.1:80', '10.0.0.2:80'] } }\n"
#define ALL                                                                                               \
	HEAD APP "apis: { all: { upstream: app, policies: [{ request_id: {} }], routes: { x: { match: { " \
		 "path: /x } }, "                                                                         \
		 "y: { match: { path: /y }, policies: [{ respond: {} }] } } } }\n"

static struct snapshot *parse(struct identities *identities, const char *text)
{
	struct diagnostics *diagnostics;
	struct snapshot *snapshot;

	assert_false(
		failed(snapshot_parse(STR("t.yaml"), str_of(text), identities, &diagnostics, &snapshot)));
	return snapshot;
}

static const struct target *target_of(const struct snapshot *snapshot, size_t rule)
{
	assert_true(rule < snapshot->rule_count);
	return snapshot->rules[rule].target;
}

static void test_series_of_a_snapshot(void **state)
{
	struct identities identities;
	struct snapshot *snapshot;
	const struct target *api, *x, *y;
	struct metric_series *again;

	(void)state;
	identities_init(&identities);
	identities.is_counting = true;
	snapshot = parse(&identities, ALL);
	api = target_of(snapshot, 0), x = target_of(snapshot, 1), y = target_of(snapshot, 2);
	assert_non_null(api->series);
	assert_ptr_not_equal(api->series, x->series);
	assert_ptr_not_equal(x->series, y->series);
	assert_ptr_equal(api->decisions, x->decisions); /* the same chain */
	assert_ptr_not_equal(api->decisions, y->decisions);
	assert_ptr_equal(api->decisions[0], y->decisions[0]); /* the same policy of the same API */
	again = metrics_series(identities.metrics, METRIC_ROUTE, STR("all"), STR("y"));
	assert_ptr_equal(again, y->series);
	metric_series_unref(&again);
	again = metrics_series(identities.metrics, METRIC_POLICY, STR("respond"), STR("all"));
	assert_ptr_equal(again, y->decisions[1]);
	metric_series_unref(&again);
	assert_non_null(snapshot->counting.upstreams[0]);
	assert_non_null(snapshot->counting.endpoints[0][1]);
	snapshot_unref(&snapshot);
	identities_fini(&identities);
}

static void test_endpoints_of_an_edition(void **state)
{
	struct identities identities;
	struct snapshot *snapshot;
	struct edition *edition;
	struct metric_series *first, *second;
	char *text;

	(void)state;
	identities_init(&identities);
	identities.is_counting = true;
	snapshot = parse(&identities, ALL);
	edition = edition_new(snapshot, NULL, NULL);
	first = counting_endpoint(edition, snapshot->upstreams[0], 0);
	second = counting_endpoint(edition, snapshot->upstreams[0], 1);
	assert_ptr_not_equal(first, second);
	metrics_count_try(metrics_shard(identities.metrics, 1), second, OUTCOME_RESET, 0);
	text = scrape_text(identities.metrics, &nothing);
	assert_true(has_line(text,
			     "gatehouse_upstream_requests_total{upstream=\"app\",endpoint=\"10.0.0.2:80\","
			     "outcome=\"reset\"} 1"));
	free(text);
	snapshot_unref(&snapshot);
	edition_unref(&edition);
	identities_fini(&identities);
}

/* What a reload keeps goes on, what it leaves out is gone with the old configuration. */
static void test_a_reload(void **state)
{
	struct identities identities;
	struct snapshot *old, *new;
	struct metric_series *kept;
	char *text;

	(void)state;
	identities_init(&identities);
	identities.is_counting = true;
	old = parse(&identities, ALL);
	kept = old->counting.endpoints[0][0];
	metrics_count_try(metrics_shard(identities.metrics, 0), kept, OUTCOME_TIMEOUT, 0);
	new = parse(&identities, HEAD "upstreams: { app: { endpoints: ['10.0.0.1:80'] } }\n"
				      "apis: { all: { upstream: app } }\n");
	assert_ptr_equal(new->counting.endpoints[0][0], kept);
	snapshot_unref(&old);
	text = scrape_text(identities.metrics, &nothing);
	assert_int_equal(count_lines(text, "gatehouse_upstream_requests_total{"), OUTCOMES);
	assert_true(has_line(text,
			     "gatehouse_upstream_requests_total{upstream=\"app\",endpoint=\"10.0.0.1:80\","
			     "outcome=\"timeout\"} 1"));
	free(text);
	snapshot_unref(&new);
	identities_fini(&identities);
}

static void test_nothing_is_counted(void **state)
{
	static const struct {
		const char *text;
		bool is_counting;
	} rows[] = {
		{ ALL, false },
		{ ALL "metrics: { enabled: false }\n", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct identities identities;
		struct snapshot *snapshot;
		struct edition *edition;

		identities_init(&identities);
		identities.is_counting = rows[i].is_counting;
		snapshot = parse(&identities, rows[i].text);
		edition = edition_new(snapshot, NULL, NULL);
		assert_row((identities.metrics != NULL) == rows[i].is_counting, i, rows[i].text);
		assert_false(snapshot->counting.is_on);
		assert_null(target_of(snapshot, 0)->series);
		assert_null(target_of(snapshot, 0)->decisions);
		assert_null(counting_endpoint(edition, snapshot->upstreams[0], 0));
		edition_unref(&edition);
		snapshot_unref(&snapshot);
		identities_fini(&identities);
	}
}

/* A configuration that is refused leaves nothing behind; and it does not decide how many workers there are.
 */
static void test_a_refused_one(void **state)
{
	struct identities identities;
	struct diagnostics *diagnostics;
	struct snapshot *good, *bad;
	char *before, *after;

	(void)state;
	identities_init(&identities);
	identities.is_counting = true;
	good = parse(&identities, ALL);
	before = scrape_text(identities.metrics, &nothing);
	assert_true(failed(snapshot_parse(
		STR("t.yaml"),
		STR(HEAD APP "apis: { other: { upstream: app, path: /o }, bad: { upstream: none } }"),
		&identities, &diagnostics, &bad)));
	snapshot_unref(&bad);
	after = scrape_text(identities.metrics, &nothing);
	assert_int_equal(count_lines(before, "gatehouse_"), count_lines(after, "gatehouse_"));
	assert_int_equal(counting_workers(&good->config), 2);
	free(before);
	free(after);
	snapshot_unref(&good);
	identities_fini(&identities);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_series_of_a_snapshot),
		cmocka_unit_test(test_endpoints_of_an_edition),
		cmocka_unit_test(test_a_reload),
		cmocka_unit_test(test_nothing_is_counted),
		cmocka_unit_test(test_a_refused_one),
	};

	return cmocka_run_group_tests_name("counting", tests, NULL, NULL);
}
