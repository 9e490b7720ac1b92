/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2_server.h"

#include "base/random.h"
#include "base/testing.h"
#include "http/h2_testing.h"

enum { TEXT_MAX = 256 * 1024 };

/* A connection that has begun. */
static void open_bench(struct h2_bench *bench, struct frames *in)
{
	bench_open(bench, NULL);
	frames_open(in);
	put_preface(in);
}

static void close_bench(struct h2_bench *bench, struct frames *in)
{
	bench_close(bench);
	frames_close(in);
}

/* Everything at once; what was put before is forgotten. */
static void give(struct h2_bench *bench, struct frames *in)
{
	bench_feed(bench, buf_str(&in->buf), 0);
	in->buf.len = 0;
}

static void assert_answers(const struct h2_bench *bench, const char *expected)
{
	char *bytes = malloc(TEXT_MAX);
	struct buf text = buf_over(bytes, TEXT_MAX);

	assert_non_null(bytes);
	bench_answers(bench, &text);
	assert_text(buf_str(&text), expected);
	free(bytes);
}

#define HEAD(method, path) ":method: " method "\n:scheme: http\n:authority: gw.test\n:path: " path "\n"

/* Requests and what comes of them. */
struct exchange_row {
	const char *name, *head;
	const char *body; /* NULL: the head ends the stream */
	const char *trailers;
	const char *served, *answers;
};

static const struct exchange_row exchanges[] = {
	{ "no body", HEAD("GET", "/"), NULL, NULL, "GET / Host=gw.test framing=0\n/ answer ok\n",
	  "1 HEADERS :status=200 x-own=a content-length=2\n1 DATA 2 end\n" },
	{ "only a head in the answer", HEAD("HEAD", "/"), NULL, NULL,
	  "HEAD / Host=gw.test framing=0\n/ answer ok\n",
	  "1 HEADERS :status=200 x-own=a content-length=2 end\n" },
	{ "an empty body is one frame", HEAD("GET", "/length"), NULL, NULL,
	  "GET /length Host=gw.test framing=0\n/length answer ok\n",
	  "1 HEADERS :status=200 x-own=a content-length=0 end\n" },
	{ "a body of unknown length", HEAD("POST", "/echo"), "abc", NULL,
	  "POST /echo Host=gw.test framing=2\n/echo answer ok\n",
	  "1 HEADERS :status=200 x-own=a\n1 DATA 3 end\n" },
	{ "a body with its length", HEAD("POST", "/length") "content-length: 3\n", "abc", NULL,
	  "POST /length Content-Length=3 Host=gw.test framing=1\n/length answer ok\n",
	  "1 HEADERS :status=200 x-own=a content-length=3\n1 DATA 3 end\n" },
	{ "trailers both ways", HEAD("POST", "/echo"), "abc", "x-sum: 6\nhost: no\n",
	  "POST /echo Host=gw.test framing=2\n/echo answer ok\n",
	  "1 HEADERS :status=200 x-own=a\n1 DATA 3\n1 HEADERS x-sum=6 end\n" },
	{ "trailers of the answer", HEAD("GET", "/trailers"), NULL, NULL,
	  "GET /trailers Host=gw.test framing=0\n/trailers answer ok\n",
	  "1 HEADERS :status=200\n1 DATA 7\n1 HEADERS x-sum=7 end\n" },
	{ "an interim answer", HEAD("GET", "/interim"), NULL, NULL,
	  "GET /interim Host=gw.test framing=0\n/interim answer ok\n",
	  "1 HEADERS :status=103 link=</a>\n1 HEADERS :status=200 x-own=a content-length=2\n1 DATA 2 end\n" },
	{ "an answer that is cut short", HEAD("GET", "/cut"), NULL, NULL,
	  "GET /cut Host=gw.test framing=0\n/cut answer ok\n",
	  "1 HEADERS :status=200 content-length=10\n1 DATA 5\n1 RST_STREAM 2\n" },
	{ "an answer that is shorter than it says", HEAD("GET", "/short"), NULL, NULL,
	  "GET /short Host=gw.test framing=0\n/short answer invalid\n", "1 RST_STREAM 2\n" },
	{ "no answer", HEAD("GET", "/never"), NULL, NULL,
	  "GET /never Host=gw.test framing=0\n/never answer ok\n", "1 RST_STREAM 2\n" },
	{ "crumbs", HEAD("GET", "/") "cookie: a=1\ncookie: b=2\n", NULL, NULL,
	  "GET / Cookie=a=1; b=2 Host=gw.test framing=0\n/ answer ok\n",
	  "1 HEADERS :status=200 x-own=a content-length=2\n1 DATA 2 end\n" },
	/* Refused: answered, and a stream error all the same (RFC 9113 section 8.1.1). */
	{ "upper case", HEAD("GET", "/") "Accept: a\n", NULL, NULL,
	  "GET / framing=0 error=header_malformed\n/ refused ok\n",
	  "1 HEADERS :status=400 content-length=2\n1 DATA 2 end\n1 RST_STREAM 1\n" },
	{ "a field of the connection", HEAD("GET", "/") "connection: close\n", NULL, NULL,
	  "GET / framing=0 error=header_malformed\n/ refused ok\n",
	  "1 HEADERS :status=400 content-length=2\n1 DATA 2 end\n1 RST_STREAM 1\n" },
	{ "no path", ":method: GET\n:scheme: http\n:authority: gw.test\n", NULL, NULL,
	  "GET  framing=0 error=header_malformed\n refused ok\n",
	  "1 HEADERS :status=400 content-length=2\n1 DATA 2 end\n1 RST_STREAM 1\n" },
	{ "no fields at all", "", NULL, NULL, "  framing=0 error=request_line_malformed\n refused ok\n",
	  "1 HEADERS :status=400 content-length=2\n1 DATA 2 end\n1 RST_STREAM 1\n" },
	{ "a length without a body", HEAD("GET", "/") "content-length: 1\n", NULL, NULL,
	  "GET / Content-Length=1 Host=gw.test framing=1 error=framing_ambiguous\n/ refused ok\n",
	  "1 HEADERS :status=400 content-length=2\n1 DATA 2 end\n1 RST_STREAM 1\n" },
	{ "a body shorter than its length", HEAD("POST", "/") "content-length: 4\n", "abc", NULL,
	  "POST / Content-Length=4 Host=gw.test framing=1\n/ body malformed\n", "1 RST_STREAM 1\n" },
	{ "pseudo-fields behind the body", HEAD("POST", "/"), "abc", ":path: /\n",
	  "POST / Host=gw.test framing=2\n/ body malformed\n", "1 RST_STREAM 1\n" },
	{ "upper case behind the body", HEAD("POST", "/"), "abc", "X-Sum: a\n",
	  "POST / Host=gw.test framing=2\n/ body malformed\n", "1 RST_STREAM 1\n" },
};

static void put_exchange(struct frames *in, uint32_t id, const struct exchange_row *row)
{
	put_head(in, id, row->body ? 0 : FRAME_END, row->head);
	if (row->body)
		put_frame(in, FRAME_DATA, row->trailers ? 0 : FRAME_END, id, str_of(row->body));
	if (row->trailers)
		put_head(in, id, FRAME_END, row->trailers);
}

static void serves_in_any_split(void **state)
{
	static const size_t steps[] = { 0, 1, 2, 7, 64 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(exchanges); i++) {
		for (size_t j = 0; j < COUNT_OF(steps); j++) {
			const struct exchange_row *row = &exchanges[i];
			struct h2_bench bench;
			struct frames in;

			open_bench(&bench, &in);
			put_exchange(&in, 1, row);
			bench_feed(&bench, buf_str(&in.buf), steps[j]);
			assert_row(str_eq(buf_str(&bench.served), str_of(row->served)), i,
				   bench.served_bytes);
			assert_answers(&bench, row->answers);
			assert_null(bench.h2.trouble);
			close_bench(&bench, &in);
		}
	}
}

/* All of them on one connection, none of which is the worse for it. */
static void serves_one_after_the_other(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	for (size_t i = 0; i < COUNT_OF(exchanges) * 3; i++) {
		const struct exchange_row *row = &exchanges[i % COUNT_OF(exchanges)];

		bench.served.len = 0;
		put_exchange(&in, (uint32_t)i * 2 + 1, row);
		give(&bench, &in);
		assert_row(str_eq(buf_str(&bench.served), str_of(row->served)), i, row->name);
	}
	assert_true(h2_server_is_idle(&bench.h2));
	assert_null(bench.h2.trouble);
	close_bench(&bench, &in);
}

static void serves_many_at_a_time(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	for (uint32_t id = 1; id < 20; id += 2)
		put_get(&in, id, "/wait");
	give(&bench, &in);
	assert_int_equal(bench.parked, 10);
	assert_int_equal(bench.h2.stream_count, 10);
	bench_release(&bench);
	assert_true(h2_server_is_idle(&bench.h2));
	close_bench(&bench, &in);
}

static void refuses_more_streams_than_it_said(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	for (uint32_t id = 1; id < 23; id += 2)
		put_get(&in, id, "/wait");
	give(&bench, &in);
	assert_int_equal(bench.parked, 10);
	assert_answers(&bench, "21 RST_STREAM 7\n");
	bench_release(&bench);
	close_bench(&bench, &in);
}

static void refuses_what_nobody_can_serve(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	bench.must_refuse = true;
	put_get(&in, 1, "/");
	give(&bench, &in);
	assert_answers(&bench, "1 RST_STREAM 7\n");
	close_bench(&bench, &in);
}

/* Its exchange hears of it at once, also when it has not begun. */
static void tells_who_was_reset(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	put_get(&in, 1, "/wait");
	put_head(&in, 3, 0, HEAD("POST", "/echo"));
	give(&bench, &in);
	put_number(&in, FRAME_RST_STREAM, 1, 8);
	put_number(&in, FRAME_RST_STREAM, 3, 8);
	put_get(&in, 5, "/");
	put_number(&in, FRAME_RST_STREAM, 5, 8);
	give(&bench, &in);
	assert_text(buf_str(&bench.served), "GET /wait Host=gw.test framing=0\n"
					    "POST /echo Host=gw.test framing=2\n"
					    "/wait answer cancelled\n"
					    "/echo body cancelled\n"
					    "GET / Host=gw.test framing=0\n"
					    "/ read reset\n");
	assert_answers(&bench, "");
	close_bench(&bench, &in);
}

static void tells_everybody_when_the_client_is_gone(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	for (uint32_t id = 1; id < 9; id += 2)
		put_get(&in, id, "/wait");
	give(&bench, &in);
	h2_server_abandon(&bench.h2);
	bench_turn(&bench);
	assert_true(h2_server_is_idle(&bench.h2));
	assert_true(h2_server_is_finished(&bench.h2));
	close_bench(&bench, &in);
}

/* RFC 9113 section 8.1: the rest of the body is not wanted. */
static void stops_a_client_that_still_sends(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	put_head(&in, 1, 0, HEAD("POST", "/early"));
	put_frame(&in, FRAME_DATA, 0, 1, STR("abc"));
	give(&bench, &in);
	put_frame(&in, FRAME_DATA, 0, 1, STR("def"));
	put_frame(&in, FRAME_DATA, FRAME_END, 1, STR("ghi"));
	give(&bench, &in);
	assert_answers(&bench,
		       "1 HEADERS :status=200 x-own=a content-length=2\n1 DATA 2 end\n1 RST_STREAM 0\n");
	assert_null(bench.h2.trouble);
	close_bench(&bench, &in);
}

/* Some clients end the stream by a frame of its own, which may come when the answer has gone. */
static void does_not_stop_a_client_that_has_sent_all(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	put_head(&in, 1, 0, HEAD("POST", "/length") "content-length: 3\n");
	put_frame(&in, FRAME_DATA, 0, 1, STR("abc"));
	give(&bench, &in);
	assert_answers(&bench, "1 HEADERS :status=200 x-own=a content-length=3\n1 DATA 3 end\n");
	assert_true(h2_server_is_idle(&bench.h2));
	put_frame(&in, FRAME_DATA, FRAME_END, 1, (str) { 0 });
	put_get(&in, 3, "/never");
	give(&bench, &in);
	assert_answers(&bench,
		       "1 HEADERS :status=200 x-own=a content-length=3\n1 DATA 3 end\n3 RST_STREAM 2\n");
	assert_null(bench.h2.trouble);
	close_bench(&bench, &in);
}

/* Refused where it is seen in time, and else reset: before the answer, or behind it. */
static void resets_what_is_longer_than_its_length(void **state)
{
	static const struct {
		const char *head;
		str pieces[2];
		bool at_once;
		const char *answers;
	} rows[] = {
		{ HEAD("POST", "/"), { STR_INIT("abc"), { 0 } }, true, "1 RST_STREAM 1\n" },
		{ HEAD("POST", "/"), { STR_INIT("ab"), STR_INIT("c") }, true, "1 RST_STREAM 1\n" },
		{ HEAD("POST", "/wait"), { STR_INIT("ab"), STR_INIT("c") }, false, "1 RST_STREAM 1\n" },
		{ HEAD("POST", "/length"),
		  { STR_INIT("ab"), STR_INIT("c") },
		  false,
		  "1 HEADERS :status=200 x-own=a content-length=2\n1 DATA 2 end\n1 RST_STREAM 1\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct h2_bench bench;
		struct frames in;
		char text[256];
		struct buf head = buf_over(text, sizeof text);

		open_bench(&bench, &in);
		buf_put(&head, str_of(rows[i].head));
		buf_put(&head, STR("content-length: 2\n\0"));
		put_head(&in, 1, 0, text);
		put_frame(&in, FRAME_DATA, 0, 1, rows[i].pieces[0]);
		if (!rows[i].at_once)
			give(&bench, &in);
		put_frame(&in, FRAME_DATA, FRAME_END, 1, rows[i].pieces[1]);
		give(&bench, &in);
		assert_answers(&bench, rows[i].answers);
		assert_true(h2_server_is_idle(&bench.h2));
		close_bench(&bench, &in);
	}
}

static char *zeros(size_t size)
{
	char *bytes = calloc(1, size);

	assert_non_null(bytes);
	return bytes;
}

/* What is not taken is held, up to the window; what is taken opens it again. */
static void ties_the_window_to_what_is_taken(void **state)
{
	char *content = zeros(16384);
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	put_head(&in, 1, 0, HEAD("POST", "/echo"));
	for (int i = 0; i < 16; i++) {
		put_frame(&in, FRAME_DATA, 0, 1, (str) { content, 16384 });
		give(&bench, &in);
	}
	put_frame(&in, FRAME_DATA, FRAME_END, 1, (str) { 0 });
	put_number(&in, FRAME_WINDOW_UPDATE, 0, 1 << 20);
	put_number(&in, FRAME_WINDOW_UPDATE, 1, 1 << 20);
	give(&bench, &in);
	assert_text(buf_str(&bench.served), "POST /echo Host=gw.test framing=2\n/echo answer ok\n");
	assert_null(bench.h2.trouble);
	free(content);
	close_bench(&bench, &in);
}

/* An upload that nobody takes stops at its own window and leaves the connection's to others. */
static void holds_up_no_other_upload(void **state)
{
	char *content = zeros(16384);
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	for (uint32_t id = 1; id < 19; id += 2) {
		put_head(&in, id, 0, HEAD("POST", "/wait"));
		put_frame(&in, FRAME_DATA, FRAME_END, id, (str) { content, 16384 });
	}
	give(&bench, &in);
	assert_int_equal(bench.parked, 9);
	for (int i = 0; i < 100; i++) { /* more than the connection's window, through one stream */
		put_head(&in, 19 + 2 * (uint32_t)i, 0, HEAD("POST", "/length"));
		put_frame(&in, FRAME_DATA, FRAME_END, 19 + 2 * (uint32_t)i, (str) { content, 16384 });
		put_number(&in, FRAME_WINDOW_UPDATE, 0, 16384);
		give(&bench, &in);
	}
	assert_null(bench.h2.trouble);
	put_number(&in, FRAME_WINDOW_UPDATE, 0, 1 << 20);
	give(&bench, &in);
	bench_release(&bench);
	assert_true(h2_server_is_idle(&bench.h2));
	free(content);
	close_bench(&bench, &in);
}

/* RFC 9113 section 6.9.1: whoever does not keep to one window cannot be believed to keep to any. */
static void ends_what_exceeds_its_window(void **state)
{
	char *content = zeros(16384);
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	put_head(&in, 3, 0, HEAD("POST", "/wait"));
	for (int i = 0; i < 5; i++)
		put_frame(&in, FRAME_DATA, 0, 3, (str) { content, 16384 });
	give(&bench, &in);
	assert_answers(&bench, "3 RST_STREAM 3\nGOAWAY 3 3\n");
	free(content);
	close_bench(&bench, &in);
}

/* A window of the client's that is full: nothing more goes, and everything when it opens. */
static void waits_for_the_clients_window(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	put_get(&in, 1, "/bytes/70000");
	put_get(&in, 3, "/");
	give(&bench, &in);
	assert_int_equal(bench.h2.stream_count, 2);
	put_number(&in, FRAME_WINDOW_UPDATE, 0, 2);
	give(&bench, &in);
	assert_int_equal(bench.h2.stream_count, 1); /* the small one needs none of the other's */
	put_number(&in, FRAME_WINDOW_UPDATE, 0, 100000);
	put_number(&in, FRAME_WINDOW_UPDATE, 1, 1);
	put_number(&in, FRAME_WINDOW_UPDATE, 1, 4464);
	give(&bench, &in);
	assert_true(h2_server_is_idle(&bench.h2));
	assert_text(buf_str(&bench.served), "GET /bytes/70000 Host=gw.test framing=0\n"
					    "GET / Host=gw.test framing=0\n"
					    "/ answer ok\n/bytes/70000 answer ok\n");
	close_bench(&bench, &in);
}

static void follows_settings_for_windows(void **state)
{
	static const char window[] = { 0, 4, 0, 0, 0, 10 }, larger[] = { 0, 4, 0, 0, 0, 30 };
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	put_frame(&in, FRAME_SETTINGS, 0, 0, (str) { window, 6 });
	put_get(&in, 1, "/bytes/25");
	give(&bench, &in);
	assert_answers(&bench, "1 HEADERS :status=200 content-length=25\n1 DATA 10\n");
	put_frame(&in, FRAME_SETTINGS, 0, 0, (str) { larger, 6 });
	give(&bench, &in);
	assert_answers(&bench, "1 HEADERS :status=200 content-length=25\n1 DATA 10\n1 DATA 15 end\n");
	close_bench(&bench, &in);
}

/* Whoever does not read has a bounded output, and everything in order when it reads again. */
static void bounds_what_is_not_read(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	put_number(&in, FRAME_WINDOW_UPDATE, 0, 1 << 30);
	give(&bench, &in);
	bench.takes = 0;
	for (uint32_t id = 1; id < 17; id += 2) {
		put_get(&in, id, "/bytes/300000");
		put_number(&in, FRAME_WINDOW_UPDATE, id, 1 << 30);
	}
	put_get(&in, 17, "/trailers");
	put_get(&in, 19, "/interim");
	give(&bench, &in);
	assert_in_range(h2_server_output(&bench.h2).len, H2_OUT_MAX, H2_OUT_MAX + 20000);
	assert_int_equal(bench.h2.stream_count, 10);
	bench.takes = 1000;
	bench_turn(&bench);
	assert_true(h2_server_is_idle(&bench.h2));
	assert_int_equal(h2_server_output(&bench.h2).len, 0);
	close_bench(&bench, &in);
}

/* The output is full of downloads, as whose sources are faster than the client: what is short goes in
 * between, whoever came first. */
static void lets_short_answers_pass_long_ones(void **state)
{
	static const size_t takes[] = { 1000, 20000, 50000, 100000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(takes); i++) {
		struct h2_bench bench;
		struct frames in;

		open_bench(&bench, &in);
		bench.takes = 0;
		put_number(&in, FRAME_WINDOW_UPDATE, 0, 1 << 30);
		for (uint32_t id = 1; id < 7; id += 2) {
			put_get(&in, id, "/bytes/1000000");
			put_number(&in, FRAME_WINDOW_UPDATE, id, 1 << 30);
		}
		put_get(&in, 7, "/");
		put_get(&in, 9, "/echo");
		give(&bench, &in);
		bench.served.len = 0;
		bench.takes = takes[i];
		bench_turn(&bench);
		assert_row(str_starts(buf_str(&bench.served), STR("/ answer ok\n/echo answer ok\n")), i,
			   bench.served_bytes);
		assert_true(h2_server_is_idle(&bench.h2));
		close_bench(&bench, &in);
	}
}

/* Cut in the middle of all kinds of waiting: nothing is left, which closing asserts. */
static void lets_go_of_everything(void **state)
{
	struct random random = { 7, 11 };

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct h2_bench bench;
		struct frames in;
		str bytes;

		open_bench(&bench, &in);
		bench.takes = random_below(&random, 3) * 500;
		for (uint32_t id = 1; id < 15; id += 2)
			put_exchange(&in, id, &exchanges[random_below(&random, COUNT_OF(exchanges))]);
		put_get(&in, 15, "/wait");
		put_get(&in, 17, "/bytes/200000");
		bytes = buf_str(&in.buf);
		bench_feed(&bench, str_slice(bytes, 0, random_below(&random, bytes.len)),
			   random_below(&random, 50));
		close_bench(&bench, &in);
	}
}

static void ends_in_two_steps(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	put_get(&in, 1, "/wait");
	give(&bench, &in);
	h2_server_shut(&bench.h2);
	put_get(&in, 3, "/"); /* was on its way */
	give(&bench, &in);
	put_frame(&in, FRAME_PING, FRAME_ACK, 0, STR("\0\0\0\0\0\0\0\0"));
	put_get(&in, 5, "/");
	give(&bench, &in);
	assert_answers(&bench, "GOAWAY 2147483647 0\nPING\n"
			       "3 HEADERS :status=200 x-own=a content-length=2\n3 DATA 2 end\n"
			       "GOAWAY 3 0\n");
	assert_false(h2_server_is_finished(&bench.h2));
	bench_release(&bench);
	assert_true(h2_server_is_finished(&bench.h2));
	assert_null(bench.h2.trouble);
	close_bench(&bench, &in);
}

static void does_not_wait_for_a_client_that_confirms_nothing(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	give(&bench, &in);
	h2_server_shut(&bench.h2);
	bench_turn(&bench);
	assert_false(h2_server_is_finished(&bench.h2));
	h2_server_shut(&bench.h2);
	bench_turn(&bench);
	assert_true(h2_server_is_finished(&bench.h2));
	assert_answers(&bench, "GOAWAY 2147483647 0\nPING\nGOAWAY 0 0\n");
	close_bench(&bench, &in);
}

/* All of a body has come, and the frame that ends its stream never does. */
static void does_not_wait_for_a_client_that_ends_nothing(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	put_head(&in, 1, 0, HEAD("POST", "/length") "content-length: 0\n");
	put_head(&in, 3, 0, HEAD("POST", "/wait") "content-length: 0\n");
	give(&bench, &in);
	h2_server_shut(&bench.h2);
	h2_server_shut(&bench.h2);
	bench_turn(&bench);
	assert_false(h2_server_is_finished(&bench.h2));
	bench_release(&bench);
	assert_true(h2_server_is_finished(&bench.h2));
	close_bench(&bench, &in);
}

static void answers_pings(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	open_bench(&bench, &in);
	put_frame(&in, FRAME_PING, 0, 0, STR("12345678"));
	give(&bench, &in);
	assert_answers(&bench, "PING ack\n");
	close_bench(&bench, &in);
}

/* What no connection survives. */
static void ends_connections_that_break_the_protocol(void **state)
{
	static const struct {
		enum frame_type type;
		unsigned flags;
		uint32_t stream;
		str payload;
		uint32_t code;
	} rows[] = {
		{ FRAME_DATA, 0, 0, STR_INIT("a"), 1 },
		{ FRAME_DATA, 0, 5, STR_INIT("a"), 1 },
		{ FRAME_HEADERS, FRAME_END_HEADERS, 0, STR_INIT(""), 1 },
		{ FRAME_HEADERS, FRAME_END_HEADERS, 2, STR_INIT(""), 1 },
		{ FRAME_HEADERS, FRAME_END_HEADERS, 1, STR_INIT("\xff\xff\xff\xff\xff"), 9 },
		{ FRAME_RST_STREAM, 0, 7, STR_INIT("\0\0\0\0"), 1 },
		{ FRAME_RST_STREAM, 0, 1, STR_INIT("\0\0"), 6 },
		{ FRAME_SETTINGS, 0, 0, STR_INIT("abc"), 6 },
		{ FRAME_SETTINGS, 0, 0, STR_INIT("\0\2\0\0\0\2"), 1 },
		{ FRAME_PUSH_PROMISE, FRAME_END_HEADERS, 1, STR_INIT("\0\0\0\2"), 1 },
		{ FRAME_PING, 0, 0, STR_INIT("123"), 6 },
		{ FRAME_WINDOW_UPDATE, 0, 0, STR_INIT("\0\0\0\0"), 1 },
		{ FRAME_WINDOW_UPDATE, 0, 0, STR_INIT("\x7f\xff\xff\xff"), 3 },
		{ FRAME_CONTINUATION, 0, 1, STR_INIT("a"), 1 },
		{ FRAME_PRIORITY, 0, 0, STR_INIT("\0\0\0\0\1"), 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct h2_bench bench;
		struct frames in;
		char end[64], *bytes = malloc(TEXT_MAX);
		struct buf text = buf_over(bytes, TEXT_MAX), expected = buf_over(end, sizeof end);

		assert_non_null(bytes);
		open_bench(&bench, &in);
		put_frame(&in, rows[i].type, rows[i].flags, rows[i].stream, rows[i].payload);
		give(&bench, &in);
		bench_answers(&bench, &text);
		buf_put_char(&expected, ' ');
		buf_put_u64(&expected, rows[i].code);
		buf_put_char(&expected, '\n');
		assert_row(str_ends(buf_str(&text), buf_str(&expected)), i, bytes);
		assert_true(bench.h2.is_over);
		assert_non_null(bench.h2.trouble);
		free(bytes);
		close_bench(&bench, &in);
	}
}

/* RFC 9113 section 5.1.1: numbers may be left out, but not be used later. */
static void ends_who_uses_a_number_that_was_left_out(void **state)
{
	static const struct {
		uint32_t first, then;
		bool is_over;
	} rows[] = { { 1, 3, false }, { 5, 7, false }, { 5, 3, true }, { 5, 1, true }, { 3, 1, true } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct h2_bench bench;
		struct frames in;

		open_bench(&bench, &in);
		put_head(&in, rows[i].first, FRAME_END, HEAD("GET", "/wait"));
		put_head(&in, rows[i].then, FRAME_END, HEAD("GET", "/wait"));
		give(&bench, &in);
		assert_row(bench.h2.is_over == rows[i].is_over, i, "");
		close_bench(&bench, &in);
	}
}

static void ends_connections_that_do_not_begin(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	bench_open(&bench, NULL);
	frames_open(&in);
	buf_put(&in.buf, STR("GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n"));
	give(&bench, &in);
	assert_true(bench.h2.is_over);
	assert_non_null(bench.h2.trouble);
	close_bench(&bench, &in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves_in_any_split),
		cmocka_unit_test(serves_one_after_the_other),
		cmocka_unit_test(serves_many_at_a_time),
		cmocka_unit_test(refuses_more_streams_than_it_said),
		cmocka_unit_test(refuses_what_nobody_can_serve),
		cmocka_unit_test(tells_who_was_reset),
		cmocka_unit_test(tells_everybody_when_the_client_is_gone),
		cmocka_unit_test(stops_a_client_that_still_sends),
		cmocka_unit_test(resets_what_is_longer_than_its_length),
		cmocka_unit_test(does_not_stop_a_client_that_has_sent_all),
		cmocka_unit_test(ties_the_window_to_what_is_taken),
		cmocka_unit_test(holds_up_no_other_upload),
		cmocka_unit_test(ends_what_exceeds_its_window),
		cmocka_unit_test(waits_for_the_clients_window),
		cmocka_unit_test(follows_settings_for_windows),
		cmocka_unit_test(bounds_what_is_not_read),
		cmocka_unit_test(lets_short_answers_pass_long_ones),
		cmocka_unit_test(lets_go_of_everything),
		cmocka_unit_test(ends_in_two_steps),
		cmocka_unit_test(does_not_wait_for_a_client_that_confirms_nothing),
		cmocka_unit_test(does_not_wait_for_a_client_that_ends_nothing),
		cmocka_unit_test(answers_pings),
		cmocka_unit_test(ends_connections_that_break_the_protocol),
		cmocka_unit_test(ends_who_uses_a_number_that_was_left_out),
		cmocka_unit_test(ends_connections_that_do_not_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
