/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 through a worker. What clients see of it is tested by real ones; here every park of every fiber is
 * cancelled once, in turn, and clients go in the middle of all they do: whoever unwinds, others on the
 * connection go on, nothing is left open or allocated, and there is at most one line in the log for each
 * request.
 */
#include "http/h2_testing.h"
#include "proxy/proxy_testing.h"

enum { NTH_MAX = 400, UNDISTURBED = 3, QUIET = 10, REPEATS = 1000 * 1000 };

#define CONFIG(more)                                                                      \
	"listeners: { a: { address: \"127.0.0.1:0\", protocols: [h1, h2] } }\n"           \
	"upstreams: { u: { endpoints: [\"127.0.0.1:%u\"], retries: { backoff: 0s } } }\n" \
	"apis: { all: { upstream: u" more " } }\n"
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
#define POST ":method: POST\n:scheme: http\n:authority: gw.test\n:path: /\n"

static void put_a_get(struct frames *in)
{
	put_get(in, 1, "/");
}

static void put_several(struct frames *in)
{
	for (uint32_t id = 1; id < 9; id += 2)
		put_get(in, id, "/");
}

static void put_a_body(struct frames *in)
{
	put_head(in, 1, 0, POST);
	put_frame(in, FRAME_DATA, 0, 1, STR("bo"));
	put_frame(in, FRAME_DATA, FRAME_END, 1, STR("dy!"));
}

static void put_trailers(struct frames *in)
{
	put_head(in, 1, 0, POST "expect: 100-continue\n");
	put_frame(in, FRAME_DATA, 0, 1, STR("body!"));
	put_head(in, 1, FRAME_END, "x-sum: 1\n");
}

static void put_windows_and_a_get(struct frames *in)
{
	put_number(in, FRAME_WINDOW_UPDATE, 0, 1 << 30);
	put_get(in, 1, "/");
	put_number(in, FRAME_WINDOW_UPDATE, 1, 1 << 30);
}

static void put_what_is_refused(struct frames *in)
{
	put_head(in, 1, FRAME_END, POST "Upper: a\n");
}

static void put_a_reset(struct frames *in)
{
	put_head(in, 1, 0, POST);
	put_number(in, FRAME_RST_STREAM, 1, 8);
	put_get(in, 3, "/");
}

static void put_a_body_that_is_too_large(struct frames *in)
{
	put_head(in, 1, 0, POST);
	for (int i = 0; i < 20; i++)
		put_frame(in, FRAME_DATA, i == 19 ? FRAME_END : 0, 1, STR("body!"));
}

static const struct {
	const char *name, *configuration;
	struct play play;
	void (*put)(struct frames *in);
	size_t reads_at_most;
	const char *until;
	size_t requests;
} scenes[] = {
	{ "a GET", CONFIG(""), { "\r\n\r\n", OK_ANSWER, 0, false }, put_a_get, 0, "done", 1 },
	{ "several", CONFIG(""), { "\r\n\r\n", OK_ANSWER, 0, false }, put_several, 0, "done", 4 },
	{ "a body", CONFIG(""), { "0\r\n\r\n", OK_ANSWER, 0, false }, put_a_body, 0, "done", 1 },
	{ "trailers", CONFIG(""), { "\r\n\r\n", OK_ANSWER, 0, true }, put_trailers, 0, "done", 1 },
	{ "a large answer for a slow client",
	  CONFIG(""),
	  { "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\nz", REPEATS, false },
	  put_windows_and_a_get,
	  50 * 1000,
	  "no end", /* it is read to its end */
	  1 },
	{ "a refusal", CONFIG(""), { 0 }, put_what_is_refused, 0, "}\n", 1 },
	{ "a reset, and what comes behind it",
	  CONFIG(""),
	  { "\r\n\r\n", OK_ANSWER, 0, false },
	  put_a_reset,
	  0,
	  "done",
	  2 },
	{ "a delay, and a body that is too large",
	  CONFIG(", policies: [ fault: { delay: 1ms }, body_limit: { size: 9 } ]"),
	  { "\r\n\r\n", NULL, 0, false },
	  put_a_body_that_is_too_large,
	  0,
	  "}\n",
	  1 },
};

static void play(struct house *house, size_t i, struct frames *in)
{
	house_open(house, scenes[i].configuration, &scenes[i].play);
	frames_open(in);
	put_preface(in);
	scenes[i].put(in);
	house_connect(house, "");
	house->asks_bytes = buf_str(&in->buf);
	house->reads_at_most = scenes[i].reads_at_most;
}

static void finish(struct house *house, size_t i, uint64_t nth, struct frames *in)
{
	house_hang_up(house);
	if (!house_settle(house))
		fail_msg("%s: %u: it hangs", scenes[i].name, (unsigned)nth);
	house_close(house);
	if (house_lines(house) > scenes[i].requests || strstr(house->log, "unknown"))
		fail_msg("%s: %u: %s", scenes[i].name, (unsigned)nth, house->log);
	frames_close(in);
}

/* Until the client has heard it, or everything was said and nobody is at work any more: a stream that was
 * reset says little. */
static bool run(struct house *house, size_t i)
{
	deadline late = deadline_after(time_monotonic(), 10 * SECOND);
	unsigned quiet = 0;

	while (time_monotonic() < late && quiet < QUIET) {
		str heard = { house->client.bytes, house->client.heard };

		if (str_contains(heard, str_of(scenes[i].until)))
			return true;
		house_step(house);
		quiet = fibers_alive(house->worker->fibers) || house->client.said < house->asks_bytes.len
				? 0
				: quiet + 1;
	}
	return quiet == QUIET;
}

/* Whether all was answered as if nothing had happened. */
static bool is_undisturbed(const struct house *house, size_t requests)
{
	size_t count = 0;

	for (const char *at = house->log; (at = strstr(at, "\"status\":")); at++)
		count += strncmp(at, "\"status\":503", 12) != 0 && strncmp(at, "\"status\":499", 12) != 0;
	return count == requests;
}

static void everybody_unwinds_wherever_one_is_cancelled(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(scenes); i++) {
		unsigned undisturbed = 0;

		for (uint64_t nth = 1; undisturbed < UNDISTURBED && nth < NTH_MAX; nth++) {
			struct house house;
			struct frames in;

			play(&house, i, &in);
			fibers_fail_park(house.worker->fibers, nth);
			if (!run(&house, i))
				fail_msg("%s: park %u: nothing happens", scenes[i].name, (unsigned)nth);
			finish(&house, i, nth, &in);
			undisturbed = is_undisturbed(&house, scenes[i].requests) ? undisturbed + 1 : 0;
			house_free(&house);
		}
		assert_row(undisturbed || scenes[i].requests > 1, i, scenes[i].name);
	}
}

/* After so many turns, wherever that is. */
static void clients_may_go_at_any_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(scenes); i++) {
		for (unsigned turns = 0; turns < 12; turns++) {
			struct house house;
			struct frames in;

			play(&house, i, &in);
			for (unsigned turn = 0; turn < turns; turn++)
				house_step(&house);
			finish(&house, i, turns, &in);
			house_free(&house);
		}
	}
}

/* The worker is stopped in the middle of everything. */
static void workers_may_stop_at_any_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(scenes); i++) {
		for (unsigned turns = 0; turns < 12; turns++) {
			struct house house;
			struct frames in;

			play(&house, i, &in);
			for (unsigned turn = 0; turn < turns; turn++)
				house_step(&house);
			house_close(&house);
			assert_row(house_lines(&house) <= scenes[i].requests, i, house.log);
			frames_close(&in);
			house_free(&house);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_unwinds_wherever_one_is_cancelled),
		cmocka_unit_test(clients_may_go_at_any_time),
		cmocka_unit_test(workers_may_stop_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
