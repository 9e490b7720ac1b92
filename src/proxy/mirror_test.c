/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which requests are copied, and as what. The mirror is the upstream itself, so that its second connection
 * shows the copy.
 */
#include "proxy/proxy_testing.h"

#define HEAD                                                                                  \
	"listeners: { a: { address: \"127.0.0.1:0\", limits: { body: 1MiB, replay: 8 } } }\n" \
	"upstreams: { u: { endpoints: [\"127.0.0.1:%u\"], retries: { backoff: 0s } } }\n"
#define PUT(framing, body) "PUT /x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" framing "\r\n\r\n" body
#define ANSWER "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ndone"

static const struct {
	const char *policies, *asks, *hears;
	const char *copied; /* how the copy ends; NULL: there is none */
	bool is_slow;
} rows[] = {
	{ "mirror: { upstream: u }", "GET /x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "\r\n\r\n",
	  "\r\n\r\n", false },
	{ "mirror: { upstream: u, compare: true }",
	  "GET /x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "\r\n\r\n", "\r\n\r\n", false },
	{ "mirror: { upstream: u }", PUT("Content-Length: 8", "12345678"), "5678",
	  "Content-Length: 8\r\n\r\n12345678", false },
	{ "mirror: { upstream: u }", PUT("Content-Length: 8", "12345678"), "5678",
	  "Content-Length: 8\r\n\r\n12345678", true },
	{ "mirror: { upstream: u }", PUT("Content-Length: 0", ""), "\r\n\r\n", "Content-Length: 0\r\n\r\n",
	  false },
	{ "mirror: { upstream: u }",
	  PUT("Transfer-Encoding: chunked", "3\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\n"), "abcd",
	  "Content-Length: 4\r\n\r\nabcd", false },

	/* too large */
	{ "mirror: { upstream: u }", PUT("Content-Length: 9", "123456789"), "789", NULL, false },
	{ "mirror: { upstream: u }",
	  PUT("Transfer-Encoding: chunked", "5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n"), "0\r\n\r\n", NULL,
	  true },

	/* none of them */
	{ "mirror: { upstream: u, percent: 0 }", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	  "\r\n\r\n", NULL, false },
	{ "{ mirror: { upstream: u }, when: \"request.method == 'POST'\" }",
	  "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "\r\n\r\n", NULL, false },
};

static void play_row(size_t i)
{
	char configuration[1024];
	struct buf text = buf_over(configuration, sizeof configuration - 1);
	struct play play = { .hears = rows[i].hears, .says = ANSWER, .hangs_up = true };
	struct house house;

	buf_put(&text, STR(HEAD "apis: { all: { upstream: u, policies: [ "));
	buf_put(&text, str_of(rows[i].policies));
	buf_put(&text, STR(" ] } }\n"));
	configuration[text.len] = 0;
	house_open(&house, configuration, &play);
	house_connect(&house, rows[i].asks);
	house.asks_slowly = rows[i].is_slow;
	assert_row(house_run(&house, NULL), i, rows[i].asks);
	assert_row(str_ends(house_heard(&house), STR("done")), i, rows[i].asks);
	assert_row(house_settle(&house), i, rows[i].asks);
	assert_row(house.peer_count == (rows[i].copied ? 2 : 1), i, rows[i].asks);
	if (rows[i].copied) {
		str copy = house_upstream_heard(&house, 1);

		assert_row(str_ends(copy, str_of(rows[i].copied)), i, copy.ptr);
		assert_row(str_contains(copy, STR(" /x?y HTTP/1.1\r\n")), i, copy.ptr);
		assert_row(!str_contains(copy, STR("Transfer-Encoding")), i, copy.ptr);
	}
	house_close(&house);
	assert_int_equal(house_lines(&house), 1);
	house_free(&house);
}

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		play_row(i);
}

/* There was some when it was ordered. *ret_count: how many requests came to the upstream. */
static void play_without_memory(const char *body, size_t *ret_count)
{
	const struct play play = { .hears = "0\r\n\r\n", .says = ANSWER, .hangs_up = true };
	char asks[256];
	struct house house;

	snprintf(asks, sizeof asks,
		 "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n",
		 body);
	house_open(&house,
		   "listeners: { a: { address: \"127.0.0.1:0\", limits: { replay: 1MiB } } }\n"
		   "upstreams: { u: { endpoints: [\"127.0.0.1:%u\"] } }\n"
		   "apis: { all: { upstream: u, policies: [ mirror: { upstream: u } ] } }\n",
		   &play);
	house_connect(&house, asks);
	house.asks_slowly = true;
	while (!house.peer_count)
		house_step(&house);
	house.worker->blocks.max = house.worker->blocks.in_use + 768 * 1024;
	assert_true(house_run(&house, NULL));
	assert_true(str_ends(house_heard(&house), STR("done")));
	assert_true(house_settle(&house));
	*ret_count = (size_t)house.peer_count;
	house_close(&house);
	house_free(&house);
}

static void a_copy_for_which_there_is_no_memory_left_is_not_sent(void **state)
{
	size_t count;

	(void)state;
	play_without_memory("4\r\nabcd\r\n", &count);
	assert_int_equal(count, 1);
	play_without_memory("", &count); /* there is nothing to keep */
	assert_int_equal(count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(a_copy_for_which_there_is_no_memory_left_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
