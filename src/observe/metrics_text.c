/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_text: one row for each family, which has a function of its own only where its numbers are not
 * simply there; a family prints group after group, and between two groups it can stop.
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

/* A family of series, of which print_series() prints a group, or of single numbers, that print() prints all
 * at once. */
struct family {
	const char *name, *type, *help;
	enum metric_kind kind;
	void (*print_series)(const struct metrics_scrape *scrape, const struct metric_series *series,
			     struct buf *out);
	/* Of the series' first name, of its second, of the words; NULL: there is none. */
	const char *labels[3];
	const char *const *words; /* one for each line of a group */
	size_t count, first;      /* lines; and where in a cell print_cells() finds the first one's value */
	bool begins_with_first;   /* no line before it is counted; the others begin with zero */
	void (*print)(const struct metrics_scrape *scrape, struct buf *out);
	size_t reading;   /* where in it print_reading() finds the number */
	bool needs_store; /* where there is none, no line */
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

/* name{labels, as far as they are the series' names. */
static void put_names(const struct metrics_scrape *scrape, const struct metric_series *series,
		      struct buf *out)
{
	const char *const *labels = scrape->family->labels;

	put_name(scrape, out);
	buf_put_char(out, '{');
	put_label(out, labels[0], series->names[0]);
	if (!labels[1])
		return;
	buf_put_char(out, ',');
	put_label(out, labels[1], series->names[1]);
}

/* The rest of the line, with the word where the family has words. */
static void put_rest(const struct metrics_scrape *scrape, str word, uint64_t value, struct buf *out)
{
	const char *label = scrape->family->labels[2];

	if (label) {
		buf_put_char(out, ',');
		put_label(out, label, word);
	}
	buf_put_char(out, '}');
	put_number_line(out, value);
}

/* The names are the same in all of them. */
static void put_lines(const struct metrics_scrape *scrape, const struct metric_series *series,
		      const uint64_t *values, struct buf *out)
{
	const struct family *family = scrape->family;
	char text[LABELS_MAX];
	struct buf names = buf_over(text, sizeof text);

	put_names(scrape, series, &names);
	for (size_t i = 0; i < family->count; i++) {
		buf_put(out, buf_str(&names));
		put_rest(scrape, str_of(family->words ? family->words[i] : NULL), values[i], out);
	}
}

static void print_cells(const struct metrics_scrape *scrape, const struct metric_series *series,
			struct buf *out)
{
	uint64_t values[OUTCOMES]; /* no row has more */
	size_t first = scrape->family->first, count = scrape->family->count;

	ASSERT(first + count <= OUTCOMES);
	metric_sum(series, 0, first + count, values);
	put_lines(scrape, series, values + first, out);
}

/* A number that was told; nothing where none was. */
static void print_told(const struct metrics_scrape *scrape, const struct metric_series *series,
		       struct buf *out)
{
	int64_t told = atomic_load_explicit(&series->told, memory_order_relaxed);
	uint64_t value = (uint64_t)told;

	if (told >= 0)
		put_lines(scrape, series, &value, out);
}

/* A worker has cells for so many reasons of an API only. */
static void print_reason(const struct metrics_scrape *scrape, const struct metric_series *series,
			 struct buf *out)
{
	uint32_t key = scrape->keys[scrape->key_at];
	uint64_t value;

	metric_sum(series, key, 1, &value);
	put_names(scrape, series, out);
	put_rest(scrape, key == METRIC_KEY_OTHER ? STR("_OTHER") : reason_word((enum reason)key), value, out);
}

static void print_hedges(const struct metrics_scrape *scrape, const struct metric_series *series,
			 struct buf *out)
{
	uint64_t values[METRIC_UPSTREAM_VALUES], hedges[2]; /* as hedge_words */

	metric_sum(series, 0, METRIC_UPSTREAM_VALUES, values);
	hedges[1] = values[UPSTREAM_HEDGES_WON];
	hedges[0] = values[UPSTREAM_HEDGES] > hedges[1] ? values[UPSTREAM_HEDGES] - hedges[1] : 0;
	put_lines(scrape, series, hedges, out);
}

/* Only of those that have one. */
static void print_breaker_open(const struct metrics_scrape *scrape, const struct metric_series *series,
			       struct buf *out)
{
	int64_t told = atomic_load_explicit(&series->told, memory_order_relaxed);
	uint64_t values[] = { (told & METRIC_OPEN_REQUESTS) != 0, (told & METRIC_OPEN_CONNECTIONS) != 0 };

	if (told >= 0 && told & METRIC_HAS_BREAKER)
		put_lines(scrape, series, values, out);
}

/* Only of those whose endpoints are looked after. */
static void print_panic(const struct metrics_scrape *scrape, const struct metric_series *series,
			struct buf *out)
{
	int64_t told = atomic_load_explicit(&series->told, memory_order_relaxed);
	uint64_t is_panic = (told & METRIC_PANIC) != 0;

	if (told >= 0 && told & METRIC_HAS_HEALTH)
		put_lines(scrape, series, &is_panic, out);
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

static void print_reading(const struct metrics_scrape *scrape, struct buf *out)
{
	const void *value = (const char *)&scrape->reading + scrape->family->reading;

	put_name(scrape, out);
	put_number_line(out, *(const uint64_t *)value);
}

static void print_reloads(const struct metrics_scrape *scrape, struct buf *out)
{
	put_word_line(scrape, "outcome", "success", scrape->reading.reloads, out);
	put_word_line(scrape, "outcome", "failure", scrape->reading.refused_reloads, out);
	put_word_line(scrape, "outcome", "unchanged", scrape->reading.unchanged_reloads, out);
}

static void print_slots(const struct metrics_scrape *scrape, struct buf *out)
{
	put_word_line(scrape, "state", "active", scrape->reading.slots_taken, out);
	put_word_line(scrape, "state", "waiting", scrape->reading.slots_awaited, out);
}

static void print_store_calls(const struct metrics_scrape *scrape, struct buf *out)
{
	const struct metrics_reading *reading = &scrape->reading;

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

static const char *const outcome_words[OUTCOMES] = {
	"success", "server_error", "connect_failed", "timeout", "reset", "malformed", "cancelled",
};
static const char *const check_words[] = { "passed", "failed" };
static const char *const connection_words[CONNECTION_STATES] = { "active", "idle" };
static const char *const handshake_words[METRIC_HANDSHAKE_OUTCOMES] = { "full", "resumed", "failed" };
static const char *const budget_words[] = { "retries", "hedging" };
static const char *const hedge_words[] = { "lost", "won" };
static const char *const breaker_words[] = { "requests", "connections" };

#define WORDS(array) .words = (array), .count = sizeof(array) / sizeof *(array)

/* The compiler refuses a member of another type. */
#define READING(member)                                       \
	.print = print_reading,                               \
	.reading = offsetof(struct metrics_reading, member) + \
		   0 * sizeof((uint64_t *)0 == &((struct metrics_reading *)0)->member)

/* Latencies, handshakes, reasons and decisions begin with the first; other counters with zero, so that what
 * may never happen is known to be watched. */
static const struct family families[] = {
	{ "http_server_request_duration_seconds", "histogram",
	  "Requests, from the first byte of the head to the end of the answer.", METRIC_ROUTE, print_route,
	  .begins_with_first = true },
	{ "http_server_active_requests", "gauge", "Requests under way.", .print = print_active },
	{ "http_client_request_duration_seconds", "histogram",
	  "Tries that were answered, from their beginning to the head of the answer.", METRIC_ENDPOINT,
	  print_endpoint_time, .begins_with_first = true },
	{ "gatehouse_connections", "gauge", "Connections of clients.", METRIC_LISTENER, print_cells,
	  .labels = { "listener", NULL, "state" }, WORDS(connection_words) },
	{ "gatehouse_http2_violations_total", "counter",
	  "Connections of HTTP/2 closed because the client broke the protocol or asked too much.",
	  METRIC_LISTENER, print_cells, .labels = { "listener" }, .count = 1, .first = LISTENER_VIOLATIONS },
	{ "gatehouse_tls_handshakes_total", "counter", "TLS handshakes with clients, by how they ended.",
	  METRIC_HANDSHAKES, print_cells, .labels = { "listener", NULL, "outcome" }, WORDS(handshake_words),
	  .begins_with_first = true },
	{ "gatehouse_certificate_expiry_timestamp_seconds", "gauge",
	  "When a certificate of a listener expires.", METRIC_CERTIFICATE, print_told,
	  .labels = { "listener", "certificate" }, .count = 1 },
	{ "gatehouse_upstream_endpoint_up", "gauge", "Whether the endpoint is well and not drained.",
	  METRIC_ENDPOINT, print_told, .labels = { "upstream", "endpoint" }, .count = 1 },
	{ "gatehouse_upstream_requests_total", "counter", "Tries with an endpoint, by how they ended.",
	  METRIC_ENDPOINT, print_cells, .labels = { "upstream", "endpoint", "outcome" },
	  WORDS(outcome_words) },
	{ "gatehouse_upstream_health_checks_total", "counter", "Health checks of an endpoint.", METRIC_HEALTH,
	  print_cells, .labels = { "upstream", "endpoint", "outcome" }, WORDS(check_words) },
	{ "gatehouse_upstream_ejections_total", "counter",
	  "How often an endpoint was ejected because requests to it failed.", METRIC_HEALTH, print_cells,
	  .labels = { "upstream", "endpoint" }, .count = 1, .first = METRIC_EJECTION },
	{ "gatehouse_upstream_panic", "gauge",
	  "Whether all endpoints serve, well or not, because too few are well.", METRIC_UPSTREAM, print_panic,
	  .labels = { "upstream" }, .count = 1 },
	{ "gatehouse_retries_total", "counter", "Tries after the first.", METRIC_UPSTREAM, print_cells,
	  .labels = { "upstream" }, .count = 1, .first = UPSTREAM_RETRIES },
	{ "gatehouse_budget_refused_total", "counter",
	  "Further tries that were not made because the budget for them was used up.", METRIC_UPSTREAM,
	  print_cells, .labels = { "upstream", NULL, "budget" }, WORDS(budget_words),
	  .first = UPSTREAM_REFUSED_RETRIES },
	{ "gatehouse_reasons_total", "counter",
	  "Requests that have a reason in the log, by it: refused, answered by the gateway, or broken off.",
	  METRIC_REASONS, print_reason, .labels = { "api", NULL, "reason" }, .begins_with_first = true },
	{ "gatehouse_hedges_total", "counter",
	  "Second tries beside a slow first one, by whether their answer came first.", METRIC_UPSTREAM,
	  print_hedges, .labels = { "upstream", NULL, "outcome" }, WORDS(hedge_words) },
	{ "gatehouse_circuit_breaker_refused_total", "counter",
	  "Requests that were refused because the upstream had as much to do as it may have.",
	  METRIC_UPSTREAM, print_cells, .labels = { "upstream", NULL, "bound" }, WORDS(breaker_words),
	  .first = UPSTREAM_REFUSED_REQUESTS },
	{ "gatehouse_circuit_breaker_open", "gauge",
	  "Whether the upstream has as much to do as its circuit breaker lets it have.", METRIC_UPSTREAM,
	  print_breaker_open, .labels = { "upstream", NULL, "bound" }, WORDS(breaker_words) },
	{ "gatehouse_policy_decisions_total", "counter", "What policies decided.", METRIC_POLICY, print_cells,
	  .labels = { "policy", "api", "decision" }, WORDS(decision_words), .begins_with_first = true },
	{ "gatehouse_concurrency_limit", "gauge",
	  "Requests that a `concurrency` limit which is learnt lets be under way at once.", METRIC_POLICY,
	  print_told, .labels = { "policy", "api" }, .count = 1 },
	{ "gatehouse_mirror_copies_total", "counter",
	  "Copies of requests for mirrors, and what became of them.", .print = print_copies },
	{ "gatehouse_config_reloads_total", "counter", "Reloads of the configuration.",
	  .print = print_reloads },
	{ "gatehouse_config_generation", "gauge", "The configuration in force.", READING(generation) },
	{ "gatehouse_log_dropped_total", "counter", "Lines of the access log that could not be written.",
	  READING(log_dropped) },
	{ "gatehouse_overload_total", "counter",
	  "Requests refused, and times that accepts paused, because of overload.", .print = print_sheds },
	{ "gatehouse_memory_bytes", "gauge", "Memory that workers hold for clients.", READING(memory) },
	{ "gatehouse_memory_limit_bytes", "gauge", "What they may hold at most.", READING(memory_max) },
	{ "gatehouse_rate_limit_evictions_total", "counter",
	  "Keys of limits that were forgotten too early, for want of room.", READING(rate_evictions) },
	{ "gatehouse_quota_evictions_total", "counter", "Counts of quotas that were lost, for want of room.",
	  READING(quota_evictions) },
	{ "gatehouse_concurrency_requests", "gauge",
	  "Requests that have, or wait for, a slot of a `concurrency` limit.", .print = print_slots },
	{ "gatehouse_store_up", "gauge", "Whether the Redis that limits are counted on can be asked.",
	  READING(is_store_up), .needs_store = true },
	{ "gatehouse_store_gateways", "gauge", "Gateways that count there together, as last seen.",
	  READING(store_gateways), .needs_store = true },
	{ "gatehouse_store_calls_total", "counter",
	  "Calls of that Redis, by how they ended; skipped: it was known not to be there.",
	  .print = print_store_calls, .needs_store = true },
	{ "process", .print = print_process }, /* several, each with its own head */
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

static void enter_series(struct metrics_scrape *scrape)
{
	scrape->key_at = scrape->key_count = 0;
	if (scrape->at == scrape->from[scrape->family->kind + 1])
		return;
	gather_keys(scrape, scrape->series[scrape->at]);
	if (!scrape->key_count && !scrape->family->begins_with_first)
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
	else if (scrape->reading.has_store || !family->needs_store)
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
