/* SPDX-License-Identifier: Apache-2.0 */
/* What Prometheus reads: names, labels, sums over the workers; in pieces, while the series change. */
#include "observe/metrics_text.h"

#include <stdio.h>
#include <unistd.h>

#include "observe/metrics_private.h"
#include "observe/metrics_testing.h"

static const struct metrics_reading reading = { .generation = 7,
						.log_dropped = 3,
						.rate_evictions = 11,
						.quota_evictions = 6,
						.slots_taken = 5,
						.slots_awaited = 4,
						.memory = 5,
						.memory_max = 9,
						.reloads = 2,
						.refused_reloads = 1,
						.has_store = true,
						.is_store_up = true,
						.store_gateways = 3,
						.store_late = 5 };

static void count(struct metrics *metrics, size_t worker, struct metric_series *series,
		  enum http_method method, int status, duration time_taken)
{
	struct exchange_facts facts = { .api = STR("a"),
					.series = series,
					.method_id = method,
					.status = status,
					.time_taken = time_taken };

	metrics_count_exchange(metrics_shard(metrics, worker), &facts);
}

static void assert_lines(const char *text, const char *const *lines)
{
	for (; *lines; lines++)
		if (!has_line(text, *lines))
			fail_msg("no line: %s\nin:\n%s", *lines, text);
}

static void test_requests(void **state)
{
	static const char *const lines[] = {
		"# TYPE http_server_request_duration_seconds histogram",
		"http_server_request_duration_seconds_bucket{http_request_method=\"GET\",http_response_"
		"status_code="
		"\"200\",http_route=\"list\",gatehouse_api=\"orders\",le=\"0.001\"} 1",
		"http_server_request_duration_seconds_bucket{http_request_method=\"GET\",http_response_"
		"status_code="
		"\"200\",http_route=\"list\",gatehouse_api=\"orders\",le=\"0.0025\"} 3",
		"http_server_request_duration_seconds_bucket{http_request_method=\"GET\",http_response_"
		"status_code="
		"\"200\",http_route=\"list\",gatehouse_api=\"orders\",le=\"10\"} 3",
		"http_server_request_duration_seconds_bucket{http_request_method=\"GET\",http_response_"
		"status_code="
		"\"200\",http_route=\"list\",gatehouse_api=\"orders\",le=\"+Inf\"} 4",
		"http_server_request_duration_seconds_sum{http_request_method=\"GET\",http_response_status_"
		"code="
		"\"200\",http_route=\"list\",gatehouse_api=\"orders\"} 20.005",
		"http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_"
		"code="
		"\"200\",http_route=\"list\",gatehouse_api=\"orders\"} 4",
		"http_server_request_duration_seconds_count{http_request_method=\"_OTHER\",http_response_"
		"status_code="
		"\"\",http_route=\"\",gatehouse_api=\"\"} 1",
		"http_server_request_duration_seconds_count{http_request_method=\"DELETE\",http_response_"
		"status_code="
		"\"499\",http_route=\"list\",gatehouse_api=\"orders\"} 1",
		NULL,
	};
	struct metrics *metrics = metrics_new(3);
	struct metric_series *list = metrics_series(metrics, METRIC_ROUTE, STR("orders"), STR("list"));
	struct exchange_facts broken = { 0 };
	char *text;

	(void)state;
	count(metrics, 0, list, HTTP_GET, 200, MILLISECOND);
	count(metrics, 0, list, HTTP_GET, 200, 2 * MILLISECOND);
	count(metrics, 2, list, HTTP_GET, 200, 2 * MILLISECOND);
	count(metrics, 1, list, HTTP_GET, 200, 20 * SECOND);
	count(metrics, 2, list, HTTP_DELETE, 499, 0);
	metrics_count_exchange(metrics_shard(metrics, 1), &broken);
	text = scrape_text(metrics, &reading);
	assert_lines(text, lines);
	assert_int_equal(count_lines(text, "http_server_request_duration_seconds_count{"), 3);
	free(text);
	metric_series_unref(&list);
	metrics_free(&metrics);
}

static void test_upstreams(void **state)
{
	static const char *const lines[] = {
		"http_client_request_duration_seconds_bucket{server_address=\"10.0.0.1:80\",gatehouse_"
		"upstream="
		"\"app\",le=\"0.05\"} 1",
		"http_client_request_duration_seconds_count{server_address=\"10.0.0.1:80\",gatehouse_"
		"upstream="
		"\"app\"} 1",
		"http_client_request_duration_seconds_sum{server_address=\"10.0.0.1:80\",gatehouse_upstream="
		"\"app\"}"
		" 0.030000001",
		"gatehouse_upstream_requests_total{upstream=\"app\",endpoint=\"10.0.0.1:80\",outcome="
		"\"success\"} 1",
		"gatehouse_upstream_requests_total{upstream=\"app\",endpoint=\"10.0.0.1:80\",outcome="
		"\"reset\"} 2",
		"gatehouse_upstream_requests_total{upstream=\"app\",endpoint=\"[::1]:81\",outcome="
		"\"server_error\"} 0",
		"gatehouse_upstream_requests_total{upstream=\"app\",endpoint=\"[::1]:81\",outcome="
		"\"connect_failed\"} 0",
		"gatehouse_upstream_requests_total{upstream=\"app\",endpoint=\"[::1]:81\",outcome="
		"\"timeout\"} 0",
		"gatehouse_upstream_requests_total{upstream=\"app\",endpoint=\"[::1]:81\",outcome="
		"\"malformed\"} 0",
		"gatehouse_upstream_requests_total{upstream=\"app\",endpoint=\"[::1]:81\",outcome="
		"\"cancelled\"} 0",
		"gatehouse_upstream_endpoint_up{upstream=\"app\",endpoint=\"10.0.0.1:80\"} 1",
		"gatehouse_upstream_endpoint_up{upstream=\"app\",endpoint=\"[::1]:81\"} 0",
		"gatehouse_budget_refused_total{upstream=\"app\",budget=\"retries\"} 1",
		"gatehouse_budget_refused_total{upstream=\"app\",budget=\"hedging\"} 2",
		"gatehouse_circuit_breaker_refused_total{upstream=\"app\",bound=\"requests\"} 1",
		"gatehouse_circuit_breaker_refused_total{upstream=\"app\",bound=\"connections\"} 2",
		"gatehouse_hedges_total{upstream=\"app\",outcome=\"lost\"} 2",
		"gatehouse_hedges_total{upstream=\"app\",outcome=\"won\"} 1",
		"gatehouse_upstream_panic{upstream=\"app\"} 1",
		"gatehouse_upstream_panic{upstream=\"next\"} 0",
		"gatehouse_circuit_breaker_open{upstream=\"app\",bound=\"requests\"} 0",
		"gatehouse_circuit_breaker_open{upstream=\"app\",bound=\"connections\"} 1",
		"gatehouse_retries_total{upstream=\"app\"} 2",
		NULL,
	};
	static const enum metric_upstream events[] = {
		UPSTREAM_RETRIES,
		UPSTREAM_RETRIES,
		UPSTREAM_REFUSED_RETRIES,
		UPSTREAM_REFUSED_HEDGES,
		UPSTREAM_REFUSED_HEDGES,
		UPSTREAM_REFUSED_REQUESTS,
		UPSTREAM_REFUSED_CONNECTIONS,
		UPSTREAM_REFUSED_CONNECTIONS,
		UPSTREAM_HEDGES,
		UPSTREAM_HEDGES,
		UPSTREAM_HEDGES,
		UPSTREAM_HEDGES_WON,
	};
	struct metrics *metrics = metrics_new(2);
	struct metric_series *upstream = metrics_series(metrics, METRIC_UPSTREAM, STR("app"), (str) { 0 });
	struct metric_series *first =
		metrics_series(metrics, METRIC_ENDPOINT, STR("app"), STR("10.0.0.1:80"));
	struct metric_series *second = metrics_series(metrics, METRIC_ENDPOINT, STR("app"), STR("[::1]:81"));
	struct metric_series *other = metrics_series(metrics, METRIC_UPSTREAM, STR("next"), (str) { 0 });
	struct metric_series *gone = metrics_series(metrics, METRIC_ENDPOINT, STR("app"), STR("10.0.0.9:80"));
	char *text;

	(void)state;
	metric_series_set_up(gone, true);
	metrics_forget_told(metrics);
	metric_series_set_up(first, true);
	metric_series_set_up(second, false);
	metrics_count_try(metrics_shard(metrics, 0), first, OUTCOME_SUCCESS, 30 * MILLISECOND + 1);
	metrics_count_try(metrics_shard(metrics, 0), first, OUTCOME_RESET, 0);
	metrics_count_try(metrics_shard(metrics, 1), first, OUTCOME_RESET, 0);
	for (size_t i = 0; i < COUNT_OF(events); i++)
		metrics_count_upstream(metrics_shard(metrics, i % 2), upstream, events[i]);
	metric_series_set_panic(upstream, true);
	metric_series_set_open(upstream, false, true);
	metric_series_set_panic(other, false);
	metric_series_set_panic(NULL, true);
	text = scrape_text(metrics, &reading);
	assert_lines(text, lines);
	assert_int_equal(count_lines(text, "gatehouse_upstream_endpoint_up{"), 2);
	assert_int_equal(count_lines(text, "gatehouse_upstream_panic{"), 2);
	assert_int_equal(count_lines(text, "gatehouse_circuit_breaker_open{"), 2);
	assert_int_equal(count_lines(text, "http_client_request_duration_seconds_count{"), 1);
	free(text);
	metric_series_unref(&upstream);
	metric_series_unref(&other);
	metric_series_unref(&first);
	metric_series_unref(&second);
	metric_series_unref(&gone);
	metrics_free(&metrics);
}

/* The control thread counts in a shard of its own; what never happened is zero. */
static void test_health(void **state)
{
	static const char *const lines[] = {
		"gatehouse_upstream_health_checks_total{upstream=\"app\",endpoint=\"10.0.0.1:80\",outcome="
		"\"passed\"} 2",
		"gatehouse_upstream_health_checks_total{upstream=\"app\",endpoint=\"10.0.0.1:80\",outcome="
		"\"failed\"} 1",
		"gatehouse_upstream_ejections_total{upstream=\"app\",endpoint=\"10.0.0.1:80\"} 1",
		"gatehouse_upstream_health_checks_total{upstream=\"app\",endpoint=\"[::1]:81\",outcome="
		"\"failed\"} 0",
		"gatehouse_upstream_ejections_total{upstream=\"app\",endpoint=\"[::1]:81\"} 0",
		NULL,
	};
	struct metrics *metrics = metrics_new(2);
	struct metrics_shard *shard = metrics_control_shard(metrics);
	struct metric_series *first = metrics_series(metrics, METRIC_HEALTH, STR("app"), STR("10.0.0.1:80"));
	struct metric_series *second = metrics_series(metrics, METRIC_HEALTH, STR("app"), STR("[::1]:81"));
	char *text;

	(void)state;
	assert_ptr_not_equal(shard, metrics_shard(metrics, 1));
	assert_null(metrics_control_shard(NULL));
	metrics_count_health(shard, first, METRIC_CHECK_PASSED);
	metrics_count_health(shard, first, METRIC_CHECK_PASSED);
	metrics_count_health(shard, first, METRIC_CHECK_FAILED);
	metrics_count_health(shard, first, METRIC_EJECTION);
	metrics_count_health(NULL, first, METRIC_EJECTION);
	metrics_count_health(shard, NULL, METRIC_EJECTION);
	text = scrape_text(metrics, &reading);
	assert_lines(text, lines);
	free(text);
	metric_series_unref(&first);
	metric_series_unref(&second);
	metrics_free(&metrics);
}

/* Handshakes from the first one on; expiry as it was told last. */
static void test_tls(void **state)
{
	static const char expiry[] = "gatehouse_certificate_expiry_timestamp_seconds"
				     "{listener=\"public\",certificate=\"/a.pem\"} 1800000000";
	static const char *const lines[] = {
		"gatehouse_tls_handshakes_total{listener=\"public\",outcome=\"full\"} 3",
		"gatehouse_tls_handshakes_total{listener=\"public\",outcome=\"resumed\"} 1",
		"gatehouse_tls_handshakes_total{listener=\"public\",outcome=\"failed\"} 2",
		expiry,
		NULL,
	};
	struct metrics *metrics = metrics_new(2);
	struct metric_series *listener =
		metrics_series(metrics, METRIC_HANDSHAKES, STR("public"), (str) { 0 });
	struct metric_series *plain = metrics_series(metrics, METRIC_HANDSHAKES, STR("plain"), (str) { 0 });
	struct metric_series *first =
		metrics_series(metrics, METRIC_CERTIFICATE, STR("public"), STR("/a.pem"));
	struct metric_series *gone =
		metrics_series(metrics, METRIC_CERTIFICATE, STR("public"), STR("/gone.pem"));
	char *text;

	(void)state;
	for (size_t worker = 0; worker < 2; worker++) {
		metrics_count_handshake(metrics_shard(metrics, worker), listener, HANDSHAKE_FULL);
		metrics_count_handshake(metrics_shard(metrics, worker), listener, HANDSHAKE_FAILED);
	}
	metrics_count_handshake(metrics_shard(metrics, 0), listener, HANDSHAKE_FULL);
	metrics_count_handshake(metrics_shard(metrics, 0), listener, HANDSHAKE_RESUMED);
	metrics_count_handshake(metrics_shard(metrics, 0), NULL, HANDSHAKE_FULL);
	metrics_count_handshake(NULL, listener, HANDSHAKE_FULL);
	metric_series_set_expiry(gone, 1);
	metrics_forget_told(metrics);
	metric_series_set_expiry(first, 1);
	metric_series_set_expiry(first, 1800000000);
	metric_series_set_expiry(NULL, 1);
	text = scrape_text(metrics, &reading);
	assert_lines(text, lines);
	assert_int_equal(count_lines(text, "gatehouse_tls_handshakes_total{"), 3);
	assert_int_equal(count_lines(text, "gatehouse_certificate_expiry_timestamp_seconds{"), 1);
	free(text);
	metric_series_unref(&listener);
	metric_series_unref(&plain);
	metric_series_unref(&first);
	metric_series_unref(&gone);
	metrics_free(&metrics);
}

/* Of what was routed by its API, of the rest for itself; nothing of what went well. */
static void test_reasons(void **state)
{
	static const char *const lines[] = {
		"# TYPE gatehouse_reasons_total counter",
		"gatehouse_reasons_total{api=\"orders\",reason=\"token_expired\"} 2",
		"gatehouse_reasons_total{api=\"orders\",reason=\"key_unknown\"} 1",
		"gatehouse_reasons_total{api=\"\",reason=\"no_route\"} 1",
		NULL,
	};
	struct metrics *metrics = metrics_new(2);
	struct metrics_shard *shards[] = { metrics_shard(metrics, 0), metrics_shard(metrics, 1) };
	struct exchange_facts facts = { .api = STR("orders"), .method_id = HTTP_GET, .status = 401 };
	struct exchange_facts unrouted = { .method_id = HTTP_GET, .status = 404, .reason = REASON_NO_ROUTE };
	char *text;

	(void)state;
	facts.series = metrics_series(metrics, METRIC_ROUTE, STR("orders"), (str) { 0 });
	facts.reasons = metrics_series(metrics, METRIC_REASONS, STR("orders"), (str) { 0 });
	metrics_count_exchange(shards[0], &facts);
	facts.reason = REASON_TOKEN_EXPIRED;
	metrics_count_exchange(shards[0], &facts);
	metrics_count_exchange(shards[1], &facts);
	facts.reason = REASON_KEY_UNKNOWN;
	metrics_count_exchange(shards[1], &facts);
	metrics_count_exchange(shards[1], &unrouted);
	metrics_count_exchange(NULL, &facts);
	text = scrape_text(metrics, &(struct metrics_reading) { 0 });
	assert_lines(text, lines);
	assert_int_equal(count_lines(text, "gatehouse_reasons_total{"), 3);
	free(text);
	metric_series_unref(&facts.series);
	metric_series_unref(&facts.reasons);
	metrics_free(&metrics);
}

/* However many there may be. */
static void test_reasons_are_bounded(void **state)
{
	struct metrics *metrics = metrics_new(1);
	struct metrics_shard *shard = metrics_shard(metrics, 0);
	char *text;

	(void)state;
	for (int reason = REASON_NONE + 1; reason < REASONS; reason++)
		metrics_count_exchange(shard, &(struct exchange_facts) { .reason = (enum reason)reason });
	text = scrape_text(metrics, &(struct metrics_reading) { 0 });
	assert_int_equal(count_lines(text, "gatehouse_reasons_total{"), METRIC_CELLS_MAX + 1);
	assert_int_equal(count_lines(text, "gatehouse_reasons_total{api=\"\",reason=\"_OTHER\"}"), 1);
	free(text);
	metrics_free(&metrics);
}

static void test_the_others(void **state)
{
	static const char *const lines[] = {
		"gatehouse_connections{listener=\"public\",state=\"active\"} 1",
		"gatehouse_connections{listener=\"public\",state=\"idle\"} 2",
		"gatehouse_http2_violations_total{listener=\"public\"} 3",
		"gatehouse_policy_decisions_total{policy=\"ip\",api=\"orders\",decision=\"continue\"} 0",
		"gatehouse_policy_decisions_total{policy=\"ip\",api=\"orders\",decision=\"answer\"} 1",
		"gatehouse_policy_decisions_total{policy=\"ip\",api=\"orders\",decision=\"report\"} 2",
		"gatehouse_policy_decisions_total{policy=\"ip\",api=\"orders\",decision=\"skip\"} 1",
		"gatehouse_config_reloads_total{outcome=\"success\"} 2",
		"gatehouse_config_reloads_total{outcome=\"failure\"} 1",
		"gatehouse_config_reloads_total{outcome=\"unchanged\"} 0",
		"gatehouse_config_generation 7",
		"gatehouse_log_dropped_total 3",
		"gatehouse_memory_bytes 5",
		"gatehouse_memory_limit_bytes 9",
		"gatehouse_overload_total{reason=\"lag\"} 1",
		"gatehouse_overload_total{reason=\"memory\"} 0",
		"gatehouse_overload_total{reason=\"accepts_paused\"} 2",
		"gatehouse_rate_limit_evictions_total 11",
		"gatehouse_quota_evictions_total 6",
		"gatehouse_concurrency_requests{state=\"active\"} 5",
		"gatehouse_concurrency_requests{state=\"waiting\"} 4",
		"gatehouse_concurrency_limit{policy=\"ip\",api=\"orders\"} 20",
		"gatehouse_store_up 1",
		"gatehouse_store_gateways 3",
		"gatehouse_store_calls_total{outcome=\"timeout\"} 5",
		"gatehouse_store_calls_total{outcome=\"skipped\"} 0",
		"gatehouse_mirror_copies_total{outcome=\"answered\"} 1",
		"gatehouse_mirror_copies_total{outcome=\"different\"} 2",
		"gatehouse_mirror_copies_total{outcome=\"too_large\"} 0",
		"http_server_active_requests 1",
		NULL,
	};
	struct metrics *metrics = metrics_new(2);
	struct metrics_shard *shards[] = { metrics_shard(metrics, 0), metrics_shard(metrics, 1) };
	struct metric_series *listener = metrics_series(metrics, METRIC_LISTENER, STR("public"), (str) { 0 });
	struct metric_series *policy = metrics_series(metrics, METRIC_POLICY, STR("ip"), STR("orders"));
	char *text;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		metrics_move_connection(shards[i % 2], listener, CONNECTION_IDLE, 1);
	metrics_move_connection(shards[0], listener, CONNECTION_IDLE, -1);
	metrics_move_connection(shards[0], listener, CONNECTION_ACTIVE, 1);
	for (size_t i = 0; i < 3; i++)
		metrics_count_violation(shards[i % 2], listener);
	metrics_count_violation(NULL, listener);
	metrics_count_decision(shards[0], policy, DECISION_ANSWER);
	metrics_count_decision(shards[0], policy, DECISION_REPORT);
	metrics_count_decision(shards[1], policy, DECISION_REPORT);
	metrics_count_decision(shards[1], policy, DECISION_SKIP);
	metrics_forget_told(metrics);
	metric_series_set_limit(policy, 30);
	metric_series_set_limit(policy, 20);
	metric_series_set_limit(policy, 25);
	metric_series_set_limit(NULL, 1);
	metrics_begin_exchange(shards[0]);
	metrics_begin_exchange(shards[1]);
	metrics_count_copy(shards[0], COPY_ANSWERED);
	metrics_count_copy(shards[0], COPY_OTHER);
	metrics_count_copy(shards[1], COPY_OTHER);
	metrics_count_copy(NULL, COPY_LARGE);
	metrics_count_shed(shards[0], SHED_LAG);
	metrics_count_shed(shards[0], SHED_ACCEPTS);
	metrics_count_shed(shards[1], SHED_ACCEPTS);
	metrics_count_shed(NULL, SHED_MEMORY);
	metrics_end_exchange(shards[1]);
	text = scrape_text(metrics, &reading);
	assert_lines(text, lines);
	free(text);
	metric_series_unref(&listener);
	metric_series_unref(&policy);
	metrics_free(&metrics);
}

/* A name of the configuration may be anything; it stays within its quotes. */
static void test_names_are_escaped(void **state)
{
	static const struct {
		const char *name, *shown;
	} rows[] = {
		{ "a\"b", "a\\\"b" },
		{ "a\\b", "a\\\\b" },
		{ "a\nb", "a\\nb" },
		{ "\"} 1\nx 1", "\\\"} 1\\nx 1" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct metrics *metrics = metrics_new(1);
		struct metric_series *series =
			metrics_series(metrics, METRIC_UPSTREAM, str_of(rows[i].name), (str) { 0 });
		char line[128], *text = scrape_text(metrics, &reading);

		snprintf(line, sizeof line, "gatehouse_retries_total{upstream=\"%s\"} 0", rows[i].shown);
		assert_row(has_line(text, line), i, rows[i].name);
		free(text);
		metric_series_unref(&series);
		metrics_free(&metrics);
	}
}

/* Of series in which nothing was counted, and where no Redis is counted on. */
static void test_what_begins_with_zero(void **state)
{
	static const struct {
		const char *family;
		size_t lines;
	} rows[] = {
		{ "http_server_request_duration_seconds_count", 0 },
		{ "http_client_request_duration_seconds_count", 0 },
		{ "gatehouse_connections", 2 },
		{ "gatehouse_http2_violations_total", 1 },
		{ "gatehouse_tls_handshakes_total", 0 },
		{ "gatehouse_certificate_expiry_timestamp_seconds", 1 },
		{ "gatehouse_upstream_endpoint_up", 1 },
		{ "gatehouse_upstream_requests_total", OUTCOMES },
		{ "gatehouse_upstream_health_checks_total", 2 },
		{ "gatehouse_upstream_ejections_total", 1 },
		{ "gatehouse_upstream_panic", 1 },
		{ "gatehouse_retries_total", 1 },
		{ "gatehouse_budget_refused_total", 2 },
		{ "gatehouse_reasons_total", 0 },
		{ "gatehouse_hedges_total", 2 },
		{ "gatehouse_circuit_breaker_refused_total", 2 },
		{ "gatehouse_circuit_breaker_open", 2 },
		{ "gatehouse_policy_decisions_total", 0 },
		{ "gatehouse_concurrency_limit", 1 },
		{ "gatehouse_store_up", 0 },
		{ "gatehouse_store_gateways", 0 },
		{ "gatehouse_store_calls_total", 0 },
	};
	struct metrics *metrics = metrics_new(1);
	struct metric_series *kinds[METRIC_KINDS];
	char *text;

	(void)state;
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		kinds[kind] = metrics_series(metrics, (enum metric_kind)kind, STR("a"), STR("b"));
	metric_series_set_up(kinds[METRIC_ENDPOINT], false);
	metric_series_set_panic(kinds[METRIC_UPSTREAM], false);
	metric_series_set_open(kinds[METRIC_UPSTREAM], false, false);
	metric_series_set_limit(kinds[METRIC_POLICY], 0);
	metric_series_set_expiry(kinds[METRIC_CERTIFICATE], 0);
	text = scrape_text(metrics, &(struct metrics_reading) { 0 });
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char line[128];

		snprintf(line, sizeof line, "%s{", rows[i].family);
		assert_row(count_lines(text, line) == rows[i].lines, i, rows[i].family);
		snprintf(line, sizeof line, "%s ", rows[i].family);
		assert_row(count_lines(text, line) == 0, i, rows[i].family);
	}
	free(text);
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		metric_series_unref(&kinds[kind]);
	metrics_free(&metrics);
}

/* Each family stands once, its lines together behind its head. */
static void test_families_stand_together(void **state)
{
	struct metrics *metrics = metrics_new(1);
	struct metric_series *kinds[METRIC_KINDS];
	str family = { 0 };
	char *text;
	size_t heads = 0;

	(void)state;
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		kinds[kind] = metrics_series(metrics, (enum metric_kind)kind, STR("a"), STR("b"));
	text = scrape_text(metrics, &reading);
	for (str rest = str_of(text), line; str_cut(rest, '\n', &line, &rest);) {
		if (str_starts(line, STR("# HELP "))) {
			assert_true(str_cut(str_skip(line, 7), ' ', &family, &line));
			heads++;
		} else if (str_starts(line, STR("# TYPE "))) {
			assert_true(str_starts(str_skip(line, 7), family));
		} else {
			assert_true(str_starts(line, family));
		}
	}
	assert_true(heads >= 17);
	free(text);
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		metric_series_unref(&kinds[kind]);
	metrics_free(&metrics);
}

/* The longest names there are, in what is never cut, and full of what must be escaped. */
static void test_longest_lines_fit(void **state)
{
	struct metrics *metrics = metrics_new(1);
	char name[METRIC_NAME_MAX];
	struct metric_series *route, *endpoint;
	char *text;

	(void)state;
	memset(name, '"', sizeof name);
	route = metrics_series(metrics, METRIC_ROUTE, (str) { name, sizeof name },
			       (str) { name, sizeof name });
	endpoint = metrics_series(metrics, METRIC_ENDPOINT, (str) { name, sizeof name },
				  (str) { name, sizeof name });
	for (int status = 100; status < 200; status++)
		count(metrics, 0, route, HTTP_OPTIONS, status, 0);
	metrics_count_try(metrics_shard(metrics, 0), endpoint, OUTCOME_SUCCESS, 0);
	text = scrape_text(metrics, &reading);
	assert_int_equal(count_lines(text, "http_server_request_duration_seconds_count{"),
			 METRIC_CELLS_MAX + 1);
	assert_int_equal(count_lines(text, "http_client_request_duration_seconds_bucket{"),
			 METRIC_BUCKETS + 1);
	free(text);
	metric_series_unref(&route);
	metric_series_unref(&endpoint);
	metrics_free(&metrics);
}

/* While a scrape is under way its series may leave the configuration, and others come. */
static void test_series_may_change_meanwhile(void **state)
{
	enum { MANY = 3000 };
	struct metrics *metrics = metrics_new(1);
	struct metric_series **series = calloc(MANY, sizeof *series), *late;
	char *piece = malloc(METRICS_PIECE), name[16];
	struct metrics_scrape *scrape;
	size_t pieces = 0;
	bool goes_on = true;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "up%zu", i);
		series[i] = metrics_series(metrics, METRIC_ENDPOINT, str_of(name), STR("10.0.0.1:80"));
	}
	scrape = metrics_scrape_new(metrics, &reading);
	late = metrics_series(metrics, METRIC_ENDPOINT, STR("late"), STR("10.0.0.1:80"));
	for (; goes_on; pieces++) {
		struct buf out = buf_over(piece, METRICS_PIECE);

		goes_on = metrics_scrape_next(scrape, &out);
		assert_false(str_contains(buf_str(&out), STR("late")));
		for (size_t i = 0; pieces == 1 && i < MANY; i++)
			metric_series_unref(&series[i]);
	}
	assert_true(pieces > 3);
	metrics_scrape_free(&scrape);
	metrics_scrape_free(&scrape);
	metric_series_unref(&late);
	assert_int_equal(metrics->count, 2); /* of what was not routed */
	metrics_free(&metrics);
	free(series);
	free(piece);
}

/* In thousandths. */
static uint64_t value_of(const char *text, const char *name)
{
	str rest = str_of(text), line, whole, fraction = { 0 };
	uint64_t value, thousandths = 0;

	while (str_cut(rest, '\n', &line, &rest) && !str_starts(line, str_of(name)))
		continue;
	line = str_skip(line, strlen(name));
	if (!str_cut(line, '.', &whole, &fraction))
		whole = line;
	assert_true(str_to_u64(whole, UINT64_MAX / 1000, &value));
	assert_true(!fraction.len || (fraction.len == 3 && str_to_u64(fraction, 999, &thousandths)));
	return value * 1000 + thousandths;
}

static void test_process(void **state)
{
	struct metrics *metrics = metrics_new(1);
	int fds[2];
	char *before = scrape_text(metrics, &reading), *after;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	after = scrape_text(metrics, &reading);
	assert_true(value_of(after, "process_open_fds ") == value_of(before, "process_open_fds ") + 2000);
	assert_true(value_of(after, "process_cpu_seconds_total ") >=
		    value_of(before, "process_cpu_seconds_total "));
	assert_true(value_of(after, "process_resident_memory_bytes ") > 100000000);
	assert_true(value_of(after, "process_virtual_memory_bytes ") >=
		    value_of(after, "process_resident_memory_bytes "));
	assert_true(value_of(after, "process_max_fds ") >= value_of(after, "process_open_fds "));
	assert_true(value_of(after, "process_start_time_seconds ") > 1500000000000);
	close(fds[0]);
	close(fds[1]);
	free(before);
	free(after);
	metrics_free(&metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_upstreams),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_reasons_are_bounded),
		cmocka_unit_test(test_the_others),
		cmocka_unit_test(test_names_are_escaped),
		cmocka_unit_test(test_what_begins_with_zero),
		cmocka_unit_test(test_families_stand_together),
		cmocka_unit_test(test_longest_lines_fit),
		cmocka_unit_test(test_series_may_change_meanwhile),
		cmocka_unit_test(test_process),
	};

	return cmocka_run_group_tests_name("metrics_text", tests, NULL, NULL);
}
