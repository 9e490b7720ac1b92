/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What counting and scraping cost: nanoseconds to count one exchange, the best of several rounds, since a
 * busy machine only ever adds; and milliseconds to print everything.
 *
 *   meson setup /tmp/build-bench --buildtype=release -Dbenches=true && ninja -C /tmp/build-bench
 * metrics_bench /tmp/build-bench/metrics_bench
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "observe/metrics_text.h"

enum {
	ROUNDS = 25,
	CALLS = 100000,
	WORKERS = 4,
	LINES = 50000, /* a histogram takes 19 of them */
	ROUTES = 50000,
};

static const struct metrics_reading nothing;

static struct metric_series *route_of(struct metrics *metrics, size_t i)
{
	char text[32];
	struct buf name = buf_over(text, sizeof text);

	buf_put(&name, STR("route-number-"));
	buf_put_u64(&name, i);
	return metrics_series(metrics, METRIC_ROUTE, STR("some-api"), buf_str(&name));
}

/* spread: over how many routes, and so over how much memory. */
static void bench_count(struct metrics *metrics, struct metric_series **routes, size_t spread,
			const char *what)
{
	struct metrics_shard *shard = metrics_shard(metrics, 0);
	double best = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		deadline began = time_monotonic();
		double each;

		for (size_t i = 0; i < CALLS; i++) {
			struct exchange_facts facts = {
				.api = STR("some-api"),
				.series = routes[i * 7919 % spread],
				.method_id = HTTP_GET,
				.status = i % 8 ? 200 : 404,
				.time_taken = (duration)(i % 64) * 300 * MICROSECOND,
			};

			metrics_begin_exchange(shard);
			metrics_count_exchange(shard, &facts);
			metrics_end_exchange(shard);
		}
		each = (double)(time_monotonic() - began) / CALLS;
		best = round == 0 || each < best ? each : best;
	}
	printf("%-72s %8.1f ns\n", what, best);
}

static void bench_scrape(struct metrics *metrics, const char *what)
{
	char *piece = malloc(METRICS_PIECE);
	duration best = 0, longest = 0;
	size_t bytes = 0, lines = 0;

	ASSERT(piece);
	for (unsigned round = 0; round < 5; round++) {
		deadline began = time_monotonic(), at = began;
		struct metrics_scrape *scrape = metrics_scrape_new(metrics, &nothing);
		bool goes_on = true;

		for (bytes = lines = 0; goes_on; at = time_monotonic()) {
			struct buf out = buf_over(piece, METRICS_PIECE);

			goes_on = metrics_scrape_next(scrape, &out);
			bytes += out.len;
			for (size_t i = 0; round == 0 && i < out.len; i++)
				lines += out.bytes[i] == '\n';
			if (round && time_monotonic() - at > longest)
				longest = time_monotonic() - at;
		}
		metrics_scrape_free(&scrape);
		if (round == 0) {
			printf("%-72s %8zu lines\n", what, lines);
			continue;
		}
		if (round == 1 || time_monotonic() - began < best)
			best = time_monotonic() - began;
	}
	printf("%-72s %8.1f ms, %.1f MB, longest piece %.2f ms\n", "", (double)best / MILLISECOND,
	       (double)bytes / 1e6, (double)longest / MILLISECOND);
	free(piece);
}

/* So many lines of histograms as are asked for, each counted by every worker. */
static void bench_lines(void)
{
	struct metrics *metrics = metrics_new(WORKERS);
	struct metric_series *routes[LINES / 19];

	for (size_t i = 0; i < LINES / 19; i++) {
		struct exchange_facts facts = { .api = STR("some-api"),
						.method_id = HTTP_GET,
						.status = 200 };

		routes[i] = facts.series = route_of(metrics, i);
		for (size_t worker = 0; worker < WORKERS; worker++)
			metrics_count_exchange(metrics_shard(metrics, worker), &facts);
	}
	bench_scrape(metrics, "a scrape of some 50,000 time series (lines), 4 workers");
	for (size_t i = 0; i < LINES / 19; i++)
		metric_series_unref(&routes[i]);
	metrics_free(&metrics);
}

int main(void)
{
	struct metrics *metrics = metrics_new(WORKERS);
	struct metric_series **routes = calloc(ROUTES, sizeof(struct metric_series *));
	deadline began = time_monotonic();

	ASSERT(routes);
	for (size_t i = 0; i < ROUTES; i++)
		routes[i] = route_of(metrics, i);
	printf("%-72s %8.1f ns\n", "a series made, of 50,000", (double)(time_monotonic() - began) / ROUTES);
	bench_scrape(metrics, "a scrape of 50,000 routes that nobody has asked for yet");
	bench_count(metrics, routes, 1, "an exchange counted, one route");
	bench_count(metrics, routes, 100, "an exchange counted, 100 routes in turn");
	bench_count(metrics, routes, ROUTES,
		    "an exchange counted, 50,000 routes in turn (out of the caches)");
	bench_scrape(metrics, "a scrape of 50,000 routes with one or two histograms each");
	for (size_t i = 0; i < ROUTES; i++)
		metric_series_unref(&routes[i]);
	free(routes);
	metrics_free(&metrics);
	bench_lines();
	return 0;
}
