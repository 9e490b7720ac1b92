/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of endpoints: one text is one endpoint, for all threads and as long as somebody has it.
 */
#include <pthread.h>
#include <stdio.h>

#include "base/testing.h"
#include "upstream/endpoint.h"

enum { ENDPOINTS_MAX = 65536, THREADS = 4, TEXTS = 200 };

static const struct {
	const char *text, *host;
	unsigned port;
	bool is_named;
} good_rows[] = {
	{ "127.0.0.1:80", "127.0.0.1", 80, false },
	{ "[::1]:8080", "::1", 8080, false },
	{ "orders.internal:65535", "orders.internal", 65535, true },
	{ "localhost:1", "localhost", 1, true },
	{ "unix:/run/orders.sock", "/run/orders.sock", 0, false },
};

static void a_text_is_taken_apart(void **state)
{
	struct endpoints *endpoints = endpoints_new();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good_rows); i++) {
		struct endpoint *endpoint;

		assert_int_equal(endpoints_get(endpoints, str_of(good_rows[i].text), &endpoint).kind,
				 ERROR_NONE);
		assert_text(endpoint->text, good_rows[i].text);
		assert_text(endpoint->host, good_rows[i].host);
		assert_int_equal(endpoint->port, good_rows[i].port);
		assert_row(endpoint->is_named == good_rows[i].is_named, i, good_rows[i].text);
		assert_int_equal(endpoint->active, 0);
		assert_false(endpoint_is_drained(endpoint));
		endpoint_unref(&endpoint);
		assert_null(endpoint);
	}
	endpoints_free(&endpoints);
	assert_null(endpoints);
	endpoints_free(&endpoints);
}

static const struct {
	const char *text, *why;
} bad_rows[] = {
	{ "", "want host:port, [address]:port or unix:/path" },
	{ "orders", "want host:port, [address]:port or unix:/path" },
	{ ":80", "an endpoint needs a host and a port" },
	{ "orders:0", "an endpoint needs a host and a port" },
	{ "127.0.0.1:0", "an endpoint needs a host and a port" },
	{ "orders:65536", "the port must be a number from 0 to 65535" },
	{ "orders:http", "the port must be a number from 0 to 65535" },
	{ "orders:", "the port must be a number from 0 to 65535" },
	{ "orders:-1", "the port must be a number from 0 to 65535" },
	{ "::1:80", "an IPv6 address stands in brackets: [address]:port" },
	{ "[::1:80", "no ] after the IPv6 address" },
	{ "[::1]", "want [address]:port" },
	{ "[orders]:80", "not an IPv6 address between [ and ]" },
	{ "or ders:80", "not a host name or an IP address" },
	{ "unix:orders.sock", "want an absolute path after unix:" },
	{ "unix:", "want an absolute path after unix:" },
	{ "unix:/"
	  "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456"
	  "789012345678901234567890",
	  "the path of a Unix socket has at most 107 bytes" },
};

/* What is malformed takes no number and is not remembered as good. */
static void a_malformed_text_is_refused_each_time(void **state)
{
	struct endpoints *endpoints = endpoints_new();
	struct endpoint *endpoint;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(bad_rows); i++) {
		size_t row = i % COUNT_OF(bad_rows);
		result_value got = endpoints_get(endpoints, str_of(bad_rows[row].text), &endpoint);

		assert_row(got.kind == ERROR_MALFORMED, row, bad_rows[row].text);
		assert_string_equal(got.why, bad_rows[row].why);
		assert_null(endpoint);
	}
	assert_int_equal(endpoints_get(endpoints, STR("a:1"), &endpoint).kind, ERROR_NONE);
	assert_int_equal(endpoint_number(endpoint), 0);
	assert_int_equal(endpoints_count(endpoints), 1);
	endpoint_unref(&endpoint);
	endpoints_free(&endpoints);
}

static void one_text_is_one_endpoint(void **state)
{
	struct endpoints *endpoints = endpoints_new();
	struct endpoint *first, *other, *again;
	char text[] = "orders:80";

	(void)state;
	assert_int_equal(endpoints_get(endpoints, str_of(text), &first).kind, ERROR_NONE);
	text[0] = 'b'; /* the text is copied */
	assert_text(first->text, "orders:80");
	assert_int_equal(endpoints_get(endpoints, str_of(text), &other).kind, ERROR_NONE);
	assert_ptr_not_equal(first, other);
	assert_int_equal(endpoints_get(endpoints, STR("orders:80"), &again).kind, ERROR_NONE);
	assert_ptr_equal(first, again);
	assert_int_equal(endpoints_count(endpoints), 2);
	endpoint_unref(&first);
	assert_int_equal(endpoints_count(endpoints), 2);
	endpoint_unref(&again);
	assert_int_equal(endpoints_count(endpoints), 1);
	endpoint_unref(&other);
	endpoint_unref(&other); /* of nothing */
	endpoints_free(&endpoints);
}

static struct endpoint *get(struct endpoints *endpoints, unsigned number)
{
	struct endpoint *endpoint;
	char text[32];
	int len = snprintf(text, sizeof text, "h%u:80", number);
	result_value got = endpoints_get(endpoints, (str) { text, (size_t)len }, &endpoint);

	if (failed(got))
		fail_msg("%s: %s", text, got.why);
	return endpoint;
}

static void there_is_a_bound(void **state)
{
	struct endpoints *endpoints = endpoints_new();
	struct endpoint **all = calloc(ENDPOINTS_MAX, sizeof(struct endpoint *)), *endpoint;
	result_value got;

	(void)state;
	for (unsigned i = 0; i < ENDPOINTS_MAX; i++)
		all[i] = get(endpoints, i);
	assert_int_equal(endpoint_number(all[ENDPOINTS_MAX - 1]), ENDPOINTS_MAX - 1);
	got = endpoints_get(endpoints, STR("one-more:80"), &endpoint);
	assert_int_equal(got.kind, ERROR_LIMIT);
	assert_string_equal(got.why, "more than 65536 endpoints");
	assert_null(endpoint);
	endpoint = get(endpoints, 77); /* what is there is found */
	assert_ptr_equal(endpoint, all[77]);
	endpoint_unref(&endpoint);
	endpoint_unref(&all[77]);
	assert_int_equal(endpoints_get(endpoints, STR("one-more:80"), &all[77]).kind, ERROR_NONE);
	assert_int_equal(endpoint_number(all[77]), 77); /* the place that was free */
	for (unsigned i = 0; i < ENDPOINTS_MAX; i++)
		endpoint_unref(&all[i]);
	endpoints_free(&endpoints);
	free(all);
}

/* However many there have ever been. */
static void numbers_stay_small(void **state)
{
	struct endpoints *endpoints = endpoints_new();
	struct endpoint *kept = get(endpoints, 0);

	(void)state;
	for (unsigned i = 1; i < 3 * ENDPOINTS_MAX; i++) {
		struct endpoint *endpoint = get(endpoints, i);

		assert_int_equal(endpoint_number(endpoint), 1);
		endpoint_unref(&endpoint);
	}
	endpoint_unref(&kept);
	endpoints_free(&endpoints);
}

struct asker {
	struct endpoints *endpoints;
	struct endpoint *got[TEXTS];
};

static void *ask(void *argument)
{
	struct asker *asker = argument;

	for (unsigned i = 0; i < TEXTS; i++) {
		char text[32];
		int len = snprintf(text, sizeof text, "h%u:80", i);
		result_value got =
			endpoints_get(asker->endpoints, (str) { text, (size_t)len }, &asker->got[i]);

		if (failed(got))
			return asker;
	}
	return NULL;
}

static void threads_agree(void **state)
{
	struct endpoints *endpoints = endpoints_new();
	struct asker askers[THREADS];
	pthread_t threads[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		askers[i].endpoints = endpoints;
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *failure;

		pthread_join(threads[i], &failure);
		assert_null(failure);
	}
	for (unsigned i = 0; i < TEXTS; i++)
		for (unsigned t = 1; t < THREADS; t++)
			assert_ptr_equal(askers[t].got[i], askers[0].got[i]);
	for (unsigned i = 0; i < TEXTS; i++)
		for (unsigned t = 0; t < THREADS; t++)
			endpoint_unref(&askers[t].got[i]);
	endpoints_free(&endpoints);
}

/* Finds, holds and lets go as fast as it can: so that finding meets the last letting go. */
static void *come_and_go(void *argument)
{
	struct endpoints *endpoints = argument;

	for (unsigned i = 0; i < 20000; i++) {
		struct endpoint *endpoint, *again;

		if (failed(endpoints_get(endpoints, i % 3 ? STR("a:1") : STR("b:1"), &endpoint)))
			return endpoints;
		again = endpoint_ref(endpoint);
		endpoint_unref(&endpoint);
		endpoint_unref(&again);
	}
	return NULL;
}

static void threads_come_and_go(void **state)
{
	struct endpoints *endpoints = endpoints_new();
	pthread_t threads[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, endpoints), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *failure;

		pthread_join(threads[i], &failure);
		assert_null(failure);
	}
	assert_int_equal(endpoints_count(endpoints), 0);
	endpoints_free(&endpoints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_taken_apart),
		cmocka_unit_test(a_malformed_text_is_refused_each_time),
		cmocka_unit_test(one_text_is_one_endpoint),
		cmocka_unit_test(there_is_a_bound),
		cmocka_unit_test(numbers_stay_small),
		cmocka_unit_test(threads_agree),
		cmocka_unit_test(threads_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
