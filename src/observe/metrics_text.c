/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_text: one row for each family; a family prints group after group, and between two groups it can
 * stop.
 *
 * The format wants all lines of a family together, so the list of series is gone through once for each family
 * of its kind. It is sorted by kind, and no further: Prometheus does not ask for more, and 50,000 names are
 * dear to sort.
 */
#include "observe/metrics_text.h"

#include <stdlib.h>

#include "base/assert.h"
#include "observe/metrics_private.h"
#include "observe/metrics_process.h"

enum { STEPS_MAX = 4000 }; /* of a piece: series in which nothing was counted take time as well */

struct family;

/* Where the scrape stands: family, series of its kind, and group within the series. */
struct metrics_scrape {
	struct metrics *metrics;
	struct metrics_reading reading;
	struct metric_series **series; /* by kind */
	size_t from[METRIC_KINDS + 1]; /* where each kind begins */
	size_t count;
	const struct family *family;
	size_t at;
	uint32_t *keys; /* of the series at hand */
	size_t key_count, key_at;
	bool has_begun; /* the family's head is printed */
};

/* A family of series, or of single numbers, that print() prints all at once. */
struct family {
	const char *name, *type, *help;
	enum metric_kind kind;
	void (*print_series)(const struct metrics_scrape *scrape, const struct metric_series *series,
			     struct buf *out); /* one group */
	void (*print)(const struct metrics_scrape *scrape, struct buf *out);
};

static void put_name(const struct metrics_scrape *scrape, struct buf *out)
{
	buf_put(out, str_of(scrape->family->name));
}

/* Only these three mean something between quotes there. */
static void put_value(struct buf *out, str value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (c == '\n') {
			buf_put(out, STR("\\n"));
			continue;
		}
		if (c == '"' || c == '\\')
			buf_put_char(out, '\\');
		buf_put_char(out, c);
	}
}

static void put_label(struct buf *out, const char *name, str value)
{
	buf_put(out, str_of(name));
	buf_put(out, STR("=\""));
	put_value(out, value);
	buf_put(out, STR("\""));
}

static void put_number_line(struct buf *out, uint64_t value)
{
	buf_put_char(out, ' ');
	buf_put_u64(out, value);
	buf_put_char(out, '\n');
}

/* Nanoseconds as seconds, exactly, without zeros at the end. */
static void put_seconds(struct buf *out, uint64_t nanoseconds)
{
	uint64_t fraction = nanoseconds % SECOND, digit = SECOND / 10;

	buf_put_u64(out, nanoseconds / SECOND);
	if (fraction)
		buf_put_char(out, '.');
	for (; fraction; digit /= 10) {
		buf_put_char(out, (char)('0' + fraction / digit));
		fraction %= digit;
	}
}

/* name{labels} value, for a family of single numbers with one label. */
static void put_word_line(const struct metrics_scrape *scrape, const char *label, const char *word,
			  uint64_t value, struct buf *out)
{
	put_name(scrape, out);
	buf_put_char(out, '{');
	put_label(out, label, str_of(word));
	buf_put_char(out, '}');
	put_number_line(out, value);
}

/* The lines of one histogram. labels: as they stand between the braces. */
static void put_histogram(const struct metrics_scrape *scrape, str labels, const uint64_t *values,
			  struct buf *out)
{
	uint64_t count = 0;

	for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
		count += values[HISTOGRAM_BUCKETS + i];
		put_name(scrape, out);
		buf_put(out, STR("_bucket{"));
		buf_put(out, labels);
		buf_put(out, STR(",le=\""));
		if (i < METRIC_BUCKETS)
			put_seconds(out, (uint64_t)metric_bounds[i]);
		else
			buf_put(out, STR("+Inf"));
		buf_put(out, STR("\"}"));
		put_number_line(out, count);
	}
	put_name(scrape, out);
	buf_put(out, STR("_sum{"));
	buf_put(out, labels);
	buf_put(out, STR("} "));
	put_seconds(out, values[HISTOGRAM_SUM]);
	buf_put_char(out, '\n');
	put_name(scrape, out);
	buf_put(out, STR("_count{"));
	buf_put(out, labels);
	buf_put(out, STR("}"));
	put_number_line(out, count);
}

enum { LABELS_MAX = 2 * 2 * METRIC_NAME_MAX + 128 };

/* OpenTelemetry's word for a method that is none of the known ones is _OTHER. */
static void print_route(const struct metrics_scrape *scrape, const struct metric_series *series,
			struct buf *out)
{
	uint32_t key = scrape->keys[scrape->key_at];
	enum http_method method = (enum http_method)(key >> 16);
	char text[LABELS_MAX], status_text[8];
	struct buf labels = buf_over(text, sizeof text), status = buf_over(status_text, sizeof status_text);
	uint64_t values[HISTOGRAM_VALUES];

	if (key & 0xffff)
		buf_put_u64(&status, key & 0xffff);
	put_label(&labels, "http_request_method",
		  method == HTTP_OTHER_METHOD ? STR("_OTHER") : http_method_text(method));
	put_label(&labels, ",http_response_status_code", buf_str(&status));
	put_label(&labels, ",http_route", series->names[1]);
	put_label(&labels, ",gatehouse_api", series->names[0]);
	metric_sum(series, key, HISTOGRAM_VALUES, values);
	put_histogram(scrape, buf_str(&labels), values, out);
}

/* What was never asked has no latency. */
static void print_endpoint_time(const struct metrics_scrape *scrape, const struct metric_series *series,
				struct buf *out)
{
	char text[LABELS_MAX];
	struct buf labels = buf_over(text, sizeof text);
	uint64_t values[OUTCOMES + HISTOGRAM_VALUES];

	put_label(&labels, "server_address", series->names[1]);
	put_label(&labels, ",gatehouse_upstream", series->names[0]);
	metric_sum(series, 0, OUTCOMES + HISTOGRAM_VALUES, values);
	put_histogram(scrape, buf_str(&labels), values + OUTCOMES, out);
}

/* One line for each word, with the series' names before it. */
static void put_word_values(const struct metrics_scrape *scrape, const struct metric_series *series,
			    const char *const labels[3], const char *const *words, size_t count,
			    const uint64_t *values, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		put_name(scrape, out);
		buf_put_char(out, '{');
		put_label(out, labels[0], series->names[0]);
		if (labels[1])
			put_label(out, labels[1], series->names[1]);
		put_label(out, labels[2], str_of(words[i]));
		buf_put_char(out, '}');
		put_number_line(out, values[i]);
	}
}

static void put_words(const struct metrics_scrape *scrape, const struct metric_series *series,
		      const char *const labels[3], const char *const *words, size_t count, struct buf *out)
{
	uint64_t values[OUTCOMES];

	metric_sum(series, 0, count, values);
	put_word_values(scrape, series, labels, words, count, values, out);
}

static void print_outcomes(const struct metrics_scrape *scrape, const struct metric_series *series,
			   struct buf *out)
{
	static const char *const labels[] = { "upstream", ",endpoint", ",outcome" };
	static const char *const words[OUTCOMES] = {
		"success", "server_error", "connect_failed", "timeout", "reset", "malformed", "cancelled",
	};

	put_words(scrape, series, labels, words, OUTCOMES, out);
}

/* A worker has cells for so many reasons of an API only. */
static void print_reason(const struct metrics_scrape *scrape, const struct metric_series *series,
			 struct buf *out)
{
	uint32_t key = scrape->keys[scrape->key_at];
	uint64_t value;

	metric_sum(series, key, 1, &value);
	put_name(scrape, out);
	buf_put_char(out, '{');
	put_label(out, "api", series->names[0]);
	put_label(out, ",reason", key == METRIC_KEY_OTHER ? STR("_OTHER") : reason_word((enum reason)key));
	buf_put_char(out, '}');
	put_number_line(out, value);
}

static void print_checks(const struct metrics_scrape *scrape, const struct metric_series *series,
			 struct buf *out)
{
	static const char *const labels[] = { "upstream", ",endpoint", ",outcome" };
	static const char *const words[] = { "passed", "failed" };

	put_words(scrape, series, labels, words, METRIC_EJECTION, out);
}

static void print_ejections(const struct metrics_scrape *scrape, const struct metric_series *series,
			    struct buf *out)
{
	uint64_t values[METRIC_HEALTH_VALUES];

	metric_sum(series, 0, METRIC_HEALTH_VALUES, values);
	put_name(scrape, out);
	buf_put_char(out, '{');
	put_label(out, "upstream", series->names[0]);
	put_label(out, ",endpoint", series->names[1]);
	buf_put_char(out, '}');
	put_number_line(out, values[METRIC_EJECTION]);
}

static void print_decisions(const struct metrics_scrape *scrape, const struct metric_series *series,
			    struct buf *out)
{
	static const char *const labels[] = { "policy", ",api", ",decision" };

	put_words(scrape, series, labels, decision_words, DECISIONS, out);
}

static void print_connections(const struct metrics_scrape *scrape, const struct metric_series *series,
			      struct buf *out)
{
	static const char *const labels[] = { "listener", NULL, ",state" };
	static const char *const words[CONNECTION_STATES] = { "active", "idle" };

	put_words(scrape, series, labels, words, CONNECTION_STATES, out);
}

static void print_handshakes(const struct metrics_scrape *scrape, const struct metric_series *series,
			     struct buf *out)
{
	static const char *const labels[] = { "listener", NULL, ",outcome" };
	static const char *const words[METRIC_HANDSHAKE_OUTCOMES] = { "full", "resumed", "failed" };

	put_words(scrape, series, labels, words, METRIC_HANDSHAKE_OUTCOMES, out);
}

/* A number that was told, with the names of its series; nothing where none was. */
static void put_told(const struct metrics_scrape *scrape, const struct metric_series *series,
		     const char *const labels[2], struct buf *out)
{
	int64_t told = atomic_load_explicit(&series->told, memory_order_relaxed);

	if (told < 0)
		return;
	put_name(scrape, out);
	buf_put_char(out, '{');
	put_label(out, labels[0], series->names[0]);
	put_label(out, labels[1], series->names[1]);
	buf_put_char(out, '}');
	put_number_line(out, (uint64_t)told);
}

static void print_up(const struct metrics_scrape *scrape, const struct metric_series *series, struct buf *out)
{
	put_told(scrape, series, (const char *const[]) { "upstream", ",endpoint" }, out);
}

static void print_expiry(const struct metrics_scrape *scrape, const struct metric_series *series,
			 struct buf *out)
{
	put_told(scrape, series, (const char *const[]) { "listener", ",certificate" }, out);
}

static void print_limit(const struct metrics_scrape *scrape, const struct metric_series *series,
			struct buf *out)
{
	put_told(scrape, series, (const char *const[]) { "policy", ",api" }, out);
}

static void put_named_value(const struct metrics_scrape *scrape, const struct metric_series *series,
			    const char *label, uint64_t value, struct buf *out)
{
	put_name(scrape, out);
	buf_put_char(out, '{');
	put_label(out, label, series->names[0]);
	buf_put_char(out, '}');
	put_number_line(out, value);
}

static void print_retries(const struct metrics_scrape *scrape, const struct metric_series *series,
			  struct buf *out)
{
	uint64_t values[METRIC_UPSTREAM_VALUES];

	metric_sum(series, 0, METRIC_UPSTREAM_VALUES, values);
	put_named_value(scrape, series, "upstream", values[UPSTREAM_RETRIES], out);
}

static const char *const breaker_labels[] = { "upstream", NULL, ",bound" };
static const char *const breaker_words[] = { "requests", "connections" };

static void print_breaker_refusals(const struct metrics_scrape *scrape, const struct metric_series *series,
				   struct buf *out)
{
	uint64_t values[METRIC_UPSTREAM_VALUES];

	metric_sum(series, 0, METRIC_UPSTREAM_VALUES, values);
	put_word_values(scrape, series, breaker_labels, breaker_words, 2, values + UPSTREAM_REFUSED_REQUESTS,
			out);
}

static void print_hedges(const struct metrics_scrape *scrape, const struct metric_series *series,
			 struct buf *out)
{
	static const char *const labels[] = { "upstream", NULL, ",outcome" };
	static const char *const words[] = { "lost", "won" };
	uint64_t values[METRIC_UPSTREAM_VALUES], hedges[2];

	metric_sum(series, 0, METRIC_UPSTREAM_VALUES, values);
	hedges[1] = values[UPSTREAM_HEDGES_WON];
	hedges[0] = values[UPSTREAM_HEDGES] > hedges[1] ? values[UPSTREAM_HEDGES] - hedges[1] : 0;
	put_word_values(scrape, series, labels, words, 2, hedges, out);
}

/* Only of those that have one. */
static void print_breaker_open(const struct metrics_scrape *scrape, const struct metric_series *series,
			       struct buf *out)
{
	int64_t told = atomic_load_explicit(&series->told, memory_order_relaxed);
	uint64_t values[] = { (told & METRIC_OPEN_REQUESTS) != 0, (told & METRIC_OPEN_CONNECTIONS) != 0 };

	if (told >= 0 && told & METRIC_HAS_BREAKER)
		put_word_values(scrape, series, breaker_labels, breaker_words, 2, values, out);
}

/* Only of those whose endpoints are looked after. */
static void print_panic(const struct metrics_scrape *scrape, const struct metric_series *series,
			struct buf *out)
{
	int64_t told = atomic_load_explicit(&series->told, memory_order_relaxed);

	if (told >= 0 && told & METRIC_HAS_HEALTH)
		put_named_value(scrape, series, "upstream", (told & METRIC_PANIC) != 0, out);
}

static void print_budget_refusals(const struct metrics_scrape *scrape, const struct metric_series *series,
				  struct buf *out)
{
	static const char *const labels[] = { "upstream", NULL, ",budget" };
	static const char *const words[] = { "retries", "hedging" };
	uint64_t values[METRIC_UPSTREAM_VALUES];

	metric_sum(series, 0, METRIC_UPSTREAM_VALUES, values);
	put_word_values(scrape, series, labels, words, 2, values + UPSTREAM_REFUSED_RETRIES, out);
}

static void print_violations(const struct metrics_scrape *scrape, const struct metric_series *series,
			     struct buf *out)
{
	uint64_t values[LISTENER_VALUES];

	metric_sum(series, 0, LISTENER_VALUES, values);
	put_named_value(scrape, series, "listener", values[LISTENER_VIOLATIONS], out);
}

/* A request may begin while this adds up, and never counts as fewer than none. */
static void print_active(const struct metrics_scrape *scrape, struct buf *out)
{
	uint64_t active = 0;

	for (size_t i = 0; i < scrape->metrics->workers; i++)
		active += metric_read(&scrape->metrics->shards[i].active);
	put_name(scrape, out);
	put_number_line(out, active);
}

static void print_copies(const struct metrics_scrape *scrape, struct buf *out)
{
	static const char *const words[METRIC_COPIES] = {
		[COPY_ANSWERED] = "answered", [COPY_FAILED] = "failed", [COPY_BUSY] = "too_many",
		[COPY_LARGE] = "too_large",   [COPY_SAME] = "same",     [COPY_OTHER] = "different",
	};

	for (size_t outcome = 0; outcome < METRIC_COPIES; outcome++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < scrape->metrics->workers; i++)
			sum += metric_read(&scrape->metrics->shards[i].copies[outcome]);
		put_word_line(scrape, "outcome", words[outcome], sum, out);
	}
}

static void print_sheds(const struct metrics_scrape *scrape, struct buf *out)
{
	static const char *const words[METRIC_SHEDS] = { "lag", "memory", "accepts_paused" };

	for (size_t why = 0; why < METRIC_SHEDS; why++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < scrape->metrics->workers; i++)
			sum += metric_read(&scrape->metrics->shards[i].sheds[why]);
		put_word_line(scrape, "reason", words[why], sum, out);
	}
}

static void print_memory(const struct metrics_scrape *scrape, struct buf *out)
{
	put_name(scrape, out);
	put_number_line(out, scrape->reading.memory);
}

static void print_memory_max(const struct metrics_scrape *scrape, struct buf *out)
{
	put_name(scrape, out);
	put_number_line(out, scrape->reading.memory_max);
}

static void print_reloads(const struct metrics_scrape *scrape, struct buf *out)
{
	put_word_line(scrape, "outcome", "success", scrape->reading.reloads, out);
	put_word_line(scrape, "outcome", "failure", scrape->reading.refused_reloads, out);
	put_word_line(scrape, "outcome", "unchanged", scrape->reading.unchanged_reloads, out);
}

static void print_generation(const struct metrics_scrape *scrape, struct buf *out)
{
	put_name(scrape, out);
	put_number_line(out, scrape->reading.generation);
}

static void print_log_dropped(const struct metrics_scrape *scrape, struct buf *out)
{
	put_name(scrape, out);
	put_number_line(out, scrape->reading.log_dropped);
}

static void print_rate_evictions(const struct metrics_scrape *scrape, struct buf *out)
{
	put_name(scrape, out);
	put_number_line(out, scrape->reading.rate_evictions);
}

static void print_quota_evictions(const struct metrics_scrape *scrape, struct buf *out)
{
	put_name(scrape, out);
	put_number_line(out, scrape->reading.quota_evictions);
}

static void print_slots(const struct metrics_scrape *scrape, struct buf *out)
{
	put_name(scrape, out);
	buf_put(out, STR("{state=\"active\"}"));
	put_number_line(out, scrape->reading.slots_taken);
	put_name(scrape, out);
	buf_put(out, STR("{state=\"waiting\"}"));
	put_number_line(out, scrape->reading.slots_awaited);
}

static void print_store_up(const struct metrics_scrape *scrape, struct buf *out)
{
	if (!scrape->reading.has_store)
		return;
	put_name(scrape, out);
	put_number_line(out, scrape->reading.is_store_up);
}

static void print_store_gateways(const struct metrics_scrape *scrape, struct buf *out)
{
	if (!scrape->reading.has_store)
		return;
	put_name(scrape, out);
	put_number_line(out, scrape->reading.store_gateways);
}

static void print_store_calls(const struct metrics_scrape *scrape, struct buf *out)
{
	const struct metrics_reading *reading = &scrape->reading;

	if (!reading->has_store)
		return;
	put_word_line(scrape, "outcome", "answered", reading->store_answered, out);
	put_word_line(scrape, "outcome", "error", reading->store_denied, out);
	put_word_line(scrape, "outcome", "timeout", reading->store_late, out);
	put_word_line(scrape, "outcome", "broken", reading->store_broken, out);
	put_word_line(scrape, "outcome", "skipped", reading->store_skipped, out);
}

static void print_process(const struct metrics_scrape *scrape, struct buf *out)
{
	metrics_process_print(scrape->metrics->began, out);
}

static const struct family families[] = {
	{ "http_server_request_duration_seconds", "histogram",
	  "Requests, from the first byte of the head to the end of the answer.", METRIC_ROUTE, print_route,
	  NULL },
	{ "http_server_active_requests", "gauge", "Requests under way.", 0, NULL, print_active },
	{ "http_client_request_duration_seconds", "histogram",
	  "Tries that were answered, from their beginning to the head of the answer.", METRIC_ENDPOINT,
	  print_endpoint_time, NULL },
	{ "gatehouse_connections", "gauge", "Connections of clients.", METRIC_LISTENER, print_connections,
	  NULL },
	{ "gatehouse_http2_violations_total", "counter",
	  "Connections of HTTP/2 closed because the client broke the protocol or asked too much.",
	  METRIC_LISTENER, print_violations, NULL },
	{ "gatehouse_tls_handshakes_total", "counter", "TLS handshakes with clients, by how they ended.",
	  METRIC_HANDSHAKES, print_handshakes, NULL },
	{ "gatehouse_certificate_expiry_timestamp_seconds", "gauge",
	  "When a certificate of a listener expires.", METRIC_CERTIFICATE, print_expiry, NULL },
	{ "gatehouse_upstream_endpoint_up", "gauge", "Whether the endpoint is well and not drained.",
	  METRIC_ENDPOINT, print_up, NULL },
	{ "gatehouse_upstream_requests_total", "counter", "Tries with an endpoint, by how they ended.",
	  METRIC_ENDPOINT, print_outcomes, NULL },
	{ "gatehouse_upstream_health_checks_total", "counter", "Health checks of an endpoint.", METRIC_HEALTH,
	  print_checks, NULL },
	{ "gatehouse_upstream_ejections_total", "counter",
	  "How often an endpoint was ejected because requests to it failed.", METRIC_HEALTH, print_ejections,
	  NULL },
	{ "gatehouse_upstream_panic", "gauge",
	  "Whether all endpoints serve, well or not, because too few are well.", METRIC_UPSTREAM, print_panic,
	  NULL },
	{ "gatehouse_retries_total", "counter", "Tries after the first.", METRIC_UPSTREAM, print_retries,
	  NULL },
	{ "gatehouse_budget_refused_total", "counter",
	  "Further tries that were not made because the budget for them was used up.", METRIC_UPSTREAM,
	  print_budget_refusals, NULL },
	{ "gatehouse_reasons_total", "counter",
	  "Requests that have a reason in the log, by it: refused, answered by the gateway, or broken off.",
	  METRIC_REASONS, print_reason, NULL },
	{ "gatehouse_hedges_total", "counter",
	  "Second tries beside a slow first one, by whether their answer came first.", METRIC_UPSTREAM,
	  print_hedges, NULL },
	{ "gatehouse_circuit_breaker_refused_total", "counter",
	  "Requests that were refused because the upstream had as much to do as it may have.",
	  METRIC_UPSTREAM, print_breaker_refusals, NULL },
	{ "gatehouse_circuit_breaker_open", "gauge",
	  "Whether the upstream has as much to do as its circuit breaker lets it have.", METRIC_UPSTREAM,
	  print_breaker_open, NULL },
	{ "gatehouse_policy_decisions_total", "counter", "What policies decided.", METRIC_POLICY,
	  print_decisions, NULL },
	{ "gatehouse_concurrency_limit", "gauge",
	  "Requests that a `concurrency` limit which is learnt lets be under way at once.", METRIC_POLICY,
	  print_limit, NULL },
	{ "gatehouse_mirror_copies_total", "counter",
	  "Copies of requests for mirrors, and what became of them.", 0, NULL, print_copies },
	{ "gatehouse_config_reloads_total", "counter", "Reloads of the configuration.", 0, NULL,
	  print_reloads },
	{ "gatehouse_config_generation", "gauge", "The configuration in force.", 0, NULL, print_generation },
	{ "gatehouse_log_dropped_total", "counter", "Lines of the access log that could not be written.", 0,
	  NULL, print_log_dropped },
	{ "gatehouse_overload_total", "counter",
	  "Requests refused, and times that accepts paused, because of overload.", 0, NULL, print_sheds },
	{ "gatehouse_memory_bytes", "gauge", "Memory that workers hold for clients.", 0, NULL, print_memory },
	{ "gatehouse_memory_limit_bytes", "gauge", "What they may hold at most.", 0, NULL, print_memory_max },
	{ "gatehouse_rate_limit_evictions_total", "counter",
	  "Keys of limits that were forgotten too early, for want of room.", 0, NULL, print_rate_evictions },
	{ "gatehouse_quota_evictions_total", "counter", "Counts of quotas that were lost, for want of room.",
	  0, NULL, print_quota_evictions },
	{ "gatehouse_concurrency_requests", "gauge",
	  "Requests that have, or wait for, a slot of a `concurrency` limit.", 0, NULL, print_slots },
	{ "gatehouse_store_up", "gauge", "Whether the Redis that limits are counted on can be asked.", 0,
	  NULL, print_store_up },
	{ "gatehouse_store_gateways", "gauge", "Gateways that count there together, as last seen.", 0, NULL,
	  print_store_gateways },
	{ "gatehouse_store_calls_total", "counter",
	  "Calls of that Redis, by how they ended; skipped: it was known not to be there.", 0, NULL,
	  print_store_calls },
	{ "process", NULL, NULL, 0, NULL, print_process }, /* several, each with its own head */
	{ 0 },
};

static void put_head(const struct family *family, struct buf *out)
{
	const char *const parts[] = { "# HELP ",    family->name, " ",          family->help, "\n# TYPE ",
				      family->name, " ",          family->type, "\n" };

	for (size_t i = 0; family->type && i < sizeof parts / sizeof *parts; i++)
		buf_put(out, str_of(parts[i]));
}

static int compare_keys(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* The keys of a series that any worker has, each once. Any but routes and reasons has one, and none before it
 * is counted for the first time: a family that wants zeros prints them by key 0. */
static void gather_keys(struct metrics_scrape *scrape, const struct metric_series *series)
{
	size_t count = 0, unique = 0;

	for (size_t i = 0; i < scrape->metrics->workers; i++)
		for (const struct metric_cell *cell = metric_cells(series, i);
		     cell && count < (METRIC_CELLS_MAX + 1) * scrape->metrics->workers; cell = cell->next)
			scrape->keys[count++] = cell->key;
	qsort(scrape->keys, count, sizeof *scrape->keys, compare_keys);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || scrape->keys[i] != scrape->keys[i - 1])
			scrape->keys[unique++] = scrape->keys[i];
	scrape->key_count = unique;
	scrape->key_at = 0;
}

/* Latencies, reasons and decisions begin with the first; other counters with zero, so that what may never
 * happen is known to be watched. */
static bool begins_with_zero(const struct family *family)
{
	return family->kind == METRIC_LISTENER || family->kind == METRIC_UPSTREAM ||
	       family->kind == METRIC_HEALTH || family->print_series == print_outcomes ||
	       family->print_series == print_up || family->print_series == print_limit ||
	       family->print_series == print_expiry;
}

static void enter_series(struct metrics_scrape *scrape)
{
	scrape->key_at = scrape->key_count = 0;
	if (scrape->at == scrape->from[scrape->family->kind + 1])
		return;
	gather_keys(scrape, scrape->series[scrape->at]);
	if (!scrape->key_count && begins_with_zero(scrape->family))
		scrape->keys[scrape->key_count++] = 0;
}

static void begin_family(struct metrics_scrape *scrape, struct buf *out)
{
	const struct family *family = scrape->family;

	put_head(family, out);
	scrape->has_begun = true;
	scrape->at = family->print_series ? scrape->from[family->kind] : 0;
	if (family->print_series)
		enter_series(scrape);
	else
		family->print(scrape, out);
}

static void end_family(struct metrics_scrape *scrape)
{
	scrape->family++;
	scrape->has_begun = false;
}

/* The next group, or the next step to it. */
static void print_next(struct metrics_scrape *scrape, struct buf *out)
{
	const struct family *family = scrape->family;

	if (!scrape->has_begun) {
		begin_family(scrape, out);
	} else if (!family->print_series || scrape->at == scrape->from[family->kind + 1]) {
		end_family(scrape);
	} else if (scrape->key_at == scrape->key_count) {
		scrape->at++;
		enter_series(scrape);
	} else {
		family->print_series(scrape, scrape->series[scrape->at], out);
		scrape->key_at++;
	}
}

bool metrics_scrape_next(struct metrics_scrape *scrape, struct buf *out)
{
	for (size_t i = 0; i < STEPS_MAX && scrape->family->name && out->max - out->len >= METRICS_GROUP_MAX;
	     i++)
		print_next(scrape, out);
	ASSERT(!buf_overflowed(out));
	return scrape->family->name;
}

/* Counting sort by kind, each series with one more reference. Under the lock. */
static void gather_series(struct metrics_scrape *scrape)
{
	struct metrics *metrics = scrape->metrics;
	size_t next[METRIC_KINDS] = { 0 };

	for (size_t i = 0; i <= metrics->mask; i++)
		for (struct metric_series *series = metrics->table[i]; series; series = series->next)
			scrape->from[series->kind + 1]++;
	for (size_t kind = 0; kind < METRIC_KINDS; kind++) {
		next[kind] = scrape->from[kind];
		scrape->from[kind + 1] += scrape->from[kind];
	}
	scrape->count = scrape->from[METRIC_KINDS];
	scrape->series = calloc(scrape->count + 1, sizeof(struct metric_series *));
	ASSERT(scrape->series);
	for (size_t i = 0; i <= metrics->mask; i++) {
		for (struct metric_series *series = metrics->table[i]; series; series = series->next) {
			scrape->series[next[series->kind]++] = series;
			series->references++;
		}
	}
}

struct metrics_scrape *metrics_scrape_new(struct metrics *metrics, const struct metrics_reading *reading)
{
	struct metrics_scrape *scrape = calloc(1, sizeof *scrape);

	ASSERT(scrape);
	scrape->metrics = metrics;
	scrape->reading = *reading;
	scrape->family = families;
	scrape->keys = calloc((METRIC_CELLS_MAX + 1) * metrics->workers, sizeof *scrape->keys);
	ASSERT(scrape->keys);
	pthread_mutex_lock(&metrics->lock);
	gather_series(scrape);
	pthread_mutex_unlock(&metrics->lock);
	return scrape;
}

void metrics_scrape_free(struct metrics_scrape **address)
{
	struct metrics_scrape *scrape = *address;

	if (!scrape)
		return;
	*address = NULL;
	for (size_t i = 0; i < scrape->count; i++)
		metric_series_unref(&scrape->series[i]);
	free(scrape->series);
	free(scrape->keys);
	free(scrape);
}
