/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client does to hurt: each is ended with ENHANCE_YOUR_CALM (11) after a bounded number, and what was
 * bounded is named. The clock stands still, so time pays nothing. Clients that are only busy are not ended.
 */
#include "base/testing.h"
#include "http/h2_testing.h"

enum { TEXT_MAX = 4 * 1024 * 1024, ENDLESS = 100000 };

struct attack {
	const char *name;
	void (*put)(struct frames *in, unsigned round);
	unsigned served_at_most; /* requests whose exchange got further than to be read */
	const char *trouble;
};

static uint32_t id_of(unsigned round)
{
	return round * 2 + 1;
}

#define POST ":method: POST\n:scheme: http\n:authority: gw.test\n:path: /wait\n"

static void rapid_reset(struct frames *in, unsigned round)
{
	put_get(in, id_of(round), "/wait");
	put_number(in, FRAME_RST_STREAM, id_of(round), 8);
}

/* CVE-2025-8671: the client has the server reset. What it does with frames ends the connection at once. */
static void made_you_reset_by_length(struct frames *in, unsigned round)
{
	put_head(in, id_of(round), 0, POST "content-length: 1\n");
	put_frame(in, FRAME_DATA, FRAME_END, id_of(round), STR("ab"));
}

static void malformed_requests(struct frames *in, unsigned round)
{
	put_head(in, id_of(round), FRAME_END, POST "Upper: a\n");
}

static void more_than_is_allowed(struct frames *in, unsigned round)
{
	put_get(in, id_of(round), "/wait");
}

static void pings(struct frames *in, unsigned round)
{
	(void)round;
	put_frame(in, FRAME_PING, 0, 0, STR("12345678"));
}

static void settings(struct frames *in, unsigned round)
{
	(void)round;
	put_frame(in, FRAME_SETTINGS, 0, 0, (str) { 0 });
}

static void priorities(struct frames *in, unsigned round)
{
	put_frame(in, FRAME_PRIORITY, 0, id_of(round), STR("\0\0\0\0\1"));
}

static void windows(struct frames *in, unsigned round)
{
	(void)round;
	put_number(in, FRAME_WINDOW_UPDATE, 0, 1);
}

static void empty_data(struct frames *in, unsigned round)
{
	if (!round)
		put_head(in, 1, 0, POST);
	put_frame(in, FRAME_DATA, 0, 1, (str) { 0 });
}

static void resets_of_nothing(struct frames *in, unsigned round)
{
	if (!round)
		put_get(in, 1, "/");
	put_number(in, FRAME_RST_STREAM, 1, 8);
}

static void continuations(struct frames *in, unsigned round)
{
	if (!round)
		put_frame(in, FRAME_HEADERS, 0, 1, (str) { 0 });
	put_frame(in, FRAME_CONTINUATION, 0, 1, (str) { 0 });
}

/* An entry of the dynamic table, and one byte for each time that it is meant. */
static void bomb(struct frames *in, unsigned round)
{
	char section[16 * 1024], value[3000];
	struct buf out = buf_over(section, sizeof section);

	memset(value, 'v', sizeof value);
	if (round) {
		memset(section, 0x80 | 62, 16000);
		put_frame(in, FRAME_CONTINUATION, 0, 1, (str) { section, 16000 });
		return;
	}
	put_field(&out, STR("x"), (str) { value, sizeof value });
	section[0] = 0x40;
	put_frame(in, FRAME_HEADERS, 0, 1, buf_str(&out));
}

static const struct attack attacks[] = {
	{ "rapid reset", rapid_reset, 151, "too many requests are given up" },
	{ "bodies of another length", made_you_reset_by_length, 161, "too many streams break the protocol" },
	{ "malformed requests", malformed_requests, 0, "too many streams break the protocol" },
	{ "pings", pings, 0, "too many frames ask for nothing" },
	{ "settings", settings, 0, "too many frames ask for nothing" },
	{ "priorities", priorities, 0, "too many frames ask for nothing" },
	{ "window updates", windows, 0, "too many frames ask for nothing" },
	{ "empty pieces of a body", empty_data, 1, "too many frames of a body are empty" },
	{ "resets of what is over", resets_of_nothing, 1, "too many frames ask for nothing" },
	{ "continuations", continuations, 0, "a header section has too many continuations" },
	{ "a bomb", bomb, 0, "a header section unpacks to too much" },
};

/* Exchanges that got further than to be read. */
static unsigned count_served(const struct h2_bench *bench)
{
	str rest = buf_str(&bench->served), line;
	unsigned count = 0;

	while (str_cut(rest, '\n', &line, &rest))
		count += str_contains(line, STR(" answer ")) || str_contains(line, STR(" body "));
	return count;
}

static bool is_told_to_calm_down(const struct h2_bench *bench)
{
	char *bytes = malloc(TEXT_MAX);
	struct buf text = buf_over(bytes, TEXT_MAX);
	bool is_told;

	assert_non_null(bytes);
	bench_answers(bench, &text);
	is_told = str_contains(buf_str(&text), STR("GOAWAY")) && str_contains(buf_str(&text), STR(" 11\n"));
	free(bytes);
	return is_told;
}

/* So many rounds at a time, in reads of so many bytes; the client reads what it is sent. */
static void attack(const struct attack *row, unsigned at_a_time, size_t step)
{
	struct h2_bench bench;
	struct frames in;
	unsigned round = 0;

	bench_open(&bench, NULL);
	frames_open(&in);
	put_preface(&in);
	while (!bench.h2.is_over && round < ENDLESS) {
		for (unsigned i = 0; i < at_a_time; i++)
			row->put(&in, round++);
		bench_feed(&bench, buf_str(&in.buf), step);
		in.buf.len = 0;
		if (bench.served.len > sizeof bench.served_bytes / 2)
			fail_msg("%s: too much was served", row->name);
	}
	assert_row(bench.h2.is_over, round, row->name);
	assert_text(str_of(bench.h2.trouble), row->trouble);
	assert_row(count_served(&bench) <= row->served_at_most, count_served(&bench), row->name);
	assert_row(is_told_to_calm_down(&bench), round, row->name);
	bench_turn(&bench);
	assert_row(h2_server_is_idle(&bench.h2), round, row->name);
	bench_close(&bench);
	frames_close(&in);
}

static void ends_attacks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(attacks); i++) {
		attack(&attacks[i], 1, 0);
		attack(&attacks[i], 50, 0);
		attack(&attacks[i], 20, 13);
	}
}

/* Within one read, before anything of it is served: what is given up there is not even begun. */
static void begins_nothing_that_is_given_up_at_once(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	bench_open(&bench, NULL);
	frames_open(&in);
	put_preface(&in);
	for (unsigned i = 0; i < 100; i++)
		rapid_reset(&in, i);
	bench_feed(&bench, buf_str(&in.buf), 0);
	assert_int_equal(bench.parked, 0);
	assert_false(bench.h2.is_over);
	bench_close(&bench);
	frames_close(&in);
}

/* It asks for more than is allowed at a time, which is an error of the connection once it knows the bound. */
static void bounds_streams(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	bench_open(&bench, NULL);
	frames_open(&in);
	put_preface(&in);
	for (unsigned i = 0; i < 400; i++)
		more_than_is_allowed(&in, i);
	bench_feed(&bench, buf_str(&in.buf), 0);
	assert_int_equal(bench.parked, 10);
	assert_false(bench.h2.stream_count > 10);
	bench_close(&bench);
	frames_close(&in);
}

/* Acknowledgements that nobody reads do not pile up. */
static void bounds_what_is_owed_to_a_client_that_reads_nothing(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	bench_open(&bench, NULL);
	frames_open(&in);
	put_preface(&in);
	bench.takes = 0;
	for (unsigned i = 0; i < 5000 && !bench.h2.is_over; i++) {
		in.buf.len = i ? 0 : in.buf.len;
		pings(&in, i);
		put_head(&in, id_of(i), FRAME_END, POST "content-length: 1\n");
		bench_feed(&bench, buf_str(&in.buf), 0);
	}
	assert_true(bench.h2.is_over);
	assert_true(h2_server_output(&bench.h2).len <= H2_OUT_MAX + 16 * 1024 + 1024);
	bench_close(&bench);
	frames_close(&in);
}

/* Honest and busy: thousands of requests, each with its window updates, a ping and now and then a reset. */
static void leaves_busy_clients_alone(void **state)
{
	struct h2_bench bench;
	struct frames in;

	(void)state;
	bench_open(&bench, NULL);
	frames_open(&in);
	put_preface(&in);
	for (unsigned i = 0; i < 4000; i++) {
		put_head(&in, id_of(i), 0,
			 ":method: POST\n:scheme: http\n:authority: gw.test\n:path: /echo\n");
		put_frame(&in, FRAME_DATA, 0, id_of(i), STR("content"));
		put_frame(&in, FRAME_DATA, FRAME_END, id_of(i), (str) { 0 });
		put_number(&in, FRAME_WINDOW_UPDATE, 0, 7);
		put_frame(&in, FRAME_PING, 0, 0, STR("12345678"));
		bench_feed(&bench, buf_str(&in.buf), 0);
		in.buf.len = 0;
		if (i % 2) {
			i++;
			rapid_reset(&in, i);
		}
		bench.served.len = 0;
		assert_null(bench.h2.trouble);
	}
	bench_close(&bench);
	frames_close(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_attacks),
		cmocka_unit_test(begins_nothing_that_is_given_up_at_once),
		cmocka_unit_test(bounds_streams),
		cmocka_unit_test(bounds_what_is_owed_to_a_client_that_reads_nothing),
		cmocka_unit_test(leaves_busy_clients_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
