/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tunnel between two sockets whose other ends are in the test's hand.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/random.h"
#include "base/testing.h"
#include "fiber/testing.h"
#include "io/socket.h"
#include "proxy/tunnel.h"

enum { HEARD_MAX = 4 * 1024 * 1024 };

#define HELLO "\x81\x05hello"
#define MASKED "\x81\x85\x01\x02\x03\x04iemhn"
#define CLOSE "\x88\x02\x03\xe8"
#define GOING_AWAY "\x88\x02\x03\xe9"

/* One side: the gateway's socket and the peer's end of it. */
struct side {
	struct socket socket; /* first */
	struct bench *bench;
	int peer;
	bool is_released;
	char *heard;
	size_t heard_len;
};

struct bench {
	struct world world;
	struct side client, upstream;
	struct tunnel tunnel;
	struct intake client_in, upstream_in;
	unsigned ended;
};

static void side_release(struct socket *socket)
{
	((struct side *)socket)->is_released = true;
}

static void on_ready(struct socket *socket)
{
	tunnel_turn(&((struct side *)socket)->bench->tunnel);
}

static void side_open(struct bench *bench, struct side *side)
{
	result_value opened;
	int pair[2];

	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	*side = (struct side) { .bench = bench, .peer = pair[1], .heard = malloc(HEARD_MAX) };
	opened = socket_open(&side->socket, bench->world.fibers, pair[0]);
	ASSERT(!failed(opened) && side->heard);
	side->bench = bench;
	side->peer = pair[1];
	side->socket.release = side_release;
}

static void side_close(struct side *side)
{
	if (side->socket.source.fd >= 0)
		stream_close(&side->socket.stream);
	if (side->peer >= 0)
		close(side->peer);
	free(side->heard);
}

/* As whoever owns them does. */
static void on_end(struct tunnel *tunnel)
{
	struct bench *bench = CONTAINER_OF(tunnel, struct bench, tunnel);

	bench->ended++;
	stream_close(&bench->client.socket.stream);
	stream_close(&bench->upstream.socket.stream);
}

static void bench_init(struct bench *bench)
{
	*bench = (struct bench) { 0 };
	world_open(&bench->world);
	side_open(bench, &bench->client);
	side_open(bench, &bench->upstream);
	intake_init(&bench->client_in, &bench->world.scratch);
	intake_init(&bench->upstream_in, &bench->world.scratch);
}

static void bench_start(struct bench *bench, duration idle)
{
	tunnel_open(&bench->tunnel,
		    &(struct tunnel_options) { .loop = bench->world.loop,
					       .scratch = &bench->world.scratch,
					       .client = &bench->client.socket.stream,
					       .upstream = &bench->upstream.socket.stream,
					       .idle = idle,
					       .half_idle = idle,
					       .on_end = on_end },
		    &bench->client_in, &bench->upstream_in);
	socket_watch_all(&bench->client.socket, on_ready);
	socket_watch_all(&bench->upstream.socket, on_ready);
	tunnel_turn(&bench->tunnel);
}

static void bench_open(struct bench *bench)
{
	bench_init(bench);
	bench_start(bench, HOUR);
}

static void bench_close(struct bench *bench)
{
	if (!bench->ended)
		tunnel_fini(&bench->tunnel);
	side_close(&bench->client);
	side_close(&bench->upstream);
	world_turn(&bench->world);
	assert_int_equal(bench->world.pool.in_use, 0);
	world_close(&bench->world);
}

static void say(struct side *side, str bytes)
{
	ASSERT(write(side->peer, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
}

/* What has come; true at the end of it. */
static bool hear(struct side *side)
{
	ssize_t count;

	while ((count = read(side->peer, side->heard + side->heard_len, HEARD_MAX - side->heard_len)) > 0)
		side->heard_len += (size_t)count;
	return count == 0 || errno != EAGAIN;
}

static str heard(const struct side *side)
{
	return (str) { side->heard, side->heard_len };
}

static void turn(struct bench *bench)
{
	for (unsigned i = 0; i < 4; i++)
		world_turn(&bench->world);
}

/* One of the tests' texts, with its NUL bytes. */
#define heard_is(side, literal)                                                   \
	do {                                                                      \
		hear(side);                                                       \
		assert_int_equal((side)->heard_len, sizeof(literal) - 1);         \
		assert_memory_equal((side)->heard, literal, sizeof(literal) - 1); \
	} while (0)

static void bytes_pass_both_ways(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	say(&bench.client, STR(MASKED));
	say(&bench.upstream, STR(HELLO HELLO));
	turn(&bench);
	heard_is(&bench.upstream, MASKED);
	heard_is(&bench.client, HELLO HELLO);
	say(&bench.client, STR(MASKED));
	turn(&bench);
	heard_is(&bench.upstream, MASKED MASKED);
	assert_int_equal(bench.tunnel.up.carried, 2 * (sizeof MASKED - 1));
	assert_int_equal(bench.tunnel.down.carried, 2 * (sizeof HELLO - 1));
	assert_int_equal(bench.world.pool.in_use, 0); /* at rest it holds nothing */
	assert_null(bench.world.scratch.holder);
	bench_close(&bench);
}

static void put(struct intake *in, str bytes)
{
	result_value room;
	size_t size;
	char *at;

	room = intake_room(in, &at, &size);
	ASSERT(!failed(room) && size >= bytes.len);
	memcpy(at, bytes.ptr, bytes.len);
	intake_add(in, bytes.len);
}

/* Behind the heads of the handshake. */
static void what_was_read_before_goes_first(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	put(&bench.client_in, STR(MASKED));
	put(&bench.upstream_in, STR(HELLO));
	say(&bench.upstream, STR(CLOSE));
	bench_start(&bench, HOUR);
	turn(&bench);
	heard_is(&bench.upstream, MASKED);
	heard_is(&bench.client, HELLO CLOSE);
	assert_int_equal(bench.client_in.len + bench.upstream_in.len, 0);
	bench_close(&bench);
}

static char *noise(size_t len)
{
	struct random random = { 1, 2 };
	char *bytes = malloc(len);

	ASSERT(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)random_next(&random);
	return bytes;
}

/* As much as goes; how much that was. */
static size_t say_some(struct side *side, str bytes)
{
	ssize_t count = write(side->peer, bytes.ptr, bytes.len);

	return count > 0 ? (size_t)count : 0;
}

/* Both ways at once, more than all buffers together hold. */
static void large_amounts_arrive_whole(void **state)
{
	enum { LEN = 3 * 1024 * 1024 };
	str bytes = { noise(LEN), LEN };
	size_t up = 0, down = 0;
	struct bench bench;

	(void)state;
	bench_open(&bench);
	while (bench.upstream.heard_len < LEN || bench.client.heard_len < LEN) {
		up += say_some(&bench.client, str_skip(bytes, up));
		down += say_some(&bench.upstream, str_skip(bytes, down));
		world_turn(&bench.world);
		hear(&bench.client);
		hear(&bench.upstream);
	}
	assert_memory_equal(bench.client.heard, bytes.ptr, LEN);
	assert_memory_equal(bench.upstream.heard, bytes.ptr, LEN);
	assert_int_equal(bench.tunnel.up.carried, LEN);
	free((void *)(uintptr_t)bytes.ptr);
	bench_close(&bench);
}

/* Whoever does not read is waited for: at most one read is kept for it, and then the other side's buffers
 * fill. */
static void who_does_not_read_holds_up_who_writes(void **state)
{
	enum { LEN = 2 * 1024 * 1024 };
	str bytes = { noise(LEN), LEN };
	size_t said = 0, more = 1;
	struct bench bench;

	(void)state;
	bench_open(&bench);
	for (unsigned still = 0; still < 10; still = more ? 0 : still + 1) {
		said += more = say_some(&bench.upstream, str_skip(bytes, said));
		world_turn(&bench.world);
	}
	assert_true(said < LEN);
	assert_true(bench.tunnel.down.in.len > 0);
	assert_true(bench.tunnel.down.in.len <= SCRATCH_SIZE);
	say(&bench.client, STR(MASKED)); /* the other way is free */
	turn(&bench);
	heard_is(&bench.upstream, MASKED);
	while (bench.client.heard_len < said) {
		hear(&bench.client);
		world_turn(&bench.world);
	}
	assert_memory_equal(bench.client.heard, bytes.ptr, said);
	assert_int_equal(bench.tunnel.down.in.len, 0);
	free((void *)(uintptr_t)bytes.ptr);
	bench_close(&bench);
}

/* A stream that, while it sends, has its own tunnel told, and somebody else read into the scratch: as a
 * stream of HTTP/2 does. */
struct nosy {
	struct stream stream; /* first */
	struct stream *below;
	struct bench *bench;
};

static result nosy_fill(struct stream *stream, struct intake *in, deadline until)
{
	return stream_fill(((struct nosy *)stream)->below, in, until);
}

static result nosy_send(struct stream *stream, const struct iovec *parts, size_t count, deadline until,
			size_t *ret_sent)
{
	struct nosy *nosy = (struct nosy *)stream;
	struct iovec first = { parts->iov_base, parts->iov_len > 3 ? 3 : parts->iov_len };
	struct intake other;

	(void)count;
	TRY(stream_send(nosy->below, &first, 1, until, ret_sent));
	tunnel_turn(&nosy->bench->tunnel);
	intake_init(&other, &nosy->bench->world.scratch);
	put(&other, STR("other bytes, where those that were sent lay before"));
	intake_fini(&other);
	return OK;
}

static result nosy_shut(struct stream *stream)
{
	return stream_shut(((struct nosy *)stream)->below);
}

static void sending_may_have_others_do_something(void **state)
{
	static const struct stream_ops ops = { .fill = nosy_fill, .send = nosy_send, .shut = nosy_shut };
	struct nosy nosy = { .stream = { .ops = &ops } };
	struct bench bench;

	(void)state;
	bench_init(&bench);
	nosy.below = &bench.client.socket.stream;
	nosy.bench = &bench;
	bench_start(&bench, HOUR);
	bench.tunnel.down.to = &nosy.stream;
	say(&bench.upstream, STR(HELLO HELLO CLOSE));
	turn(&bench);
	heard_is(&bench.client, HELLO HELLO CLOSE);
	assert_true(bench.tunnel.down.trail.has_close);
	assert_true(websocket_is_between(&bench.tunnel.down.trail));
	assert_int_equal(bench.tunnel.down.carried, sizeof(HELLO HELLO CLOSE) - 1);
	bench_close(&bench);
}

/* ---- ends ---- */

static void a_side_that_has_ended_still_hears(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	say(&bench.client, STR(MASKED));
	shutdown(bench.client.peer, SHUT_WR);
	turn(&bench);
	assert_true(hear(&bench.upstream)); /* the end is passed on, behind the bytes */
	heard_is(&bench.upstream, MASKED);
	say(&bench.upstream, STR(HELLO));
	turn(&bench);
	assert_int_equal(bench.ended, 0);
	assert_false(hear(&bench.client));
	heard_is(&bench.client, HELLO);
	shutdown(bench.upstream.peer, SHUT_WR);
	turn(&bench);
	assert_int_equal(bench.ended, 1);
	assert_true(hear(&bench.client));
	bench_close(&bench);
}

/* The server's connection goes first (RFC 6455 section 7.1.1); the client need not be waited for. */
static void both_closes_and_an_end_are_the_end(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	say(&bench.client, STR("\x88\x82\x01\x02\x03\x04\x02\xea"));
	say(&bench.upstream, STR(CLOSE));
	turn(&bench);
	assert_int_equal(bench.ended, 0);
	shutdown(bench.upstream.peer, SHUT_WR);
	turn(&bench);
	assert_int_equal(bench.ended, 1);
	assert_int_equal(bench.tunnel.reason, REASON_NONE);
	heard_is(&bench.client, CLOSE);
	bench_close(&bench);
}

static const struct {
	const char *name;
	str up, down; /* what was said before */
	bool is_client, is_reset;
	enum reason reason;
} ends[] = {
	{ "the client goes", { 0 }, { 0 }, true, false, REASON_CLIENT_ABORTED },
	{ "the upstream goes", { 0 }, { 0 }, false, false, REASON_UPSTREAM_ABORTED },
	{ "the client breaks", { 0 }, { 0 }, true, true, REASON_CLIENT_ABORTED },
	{ "the upstream breaks", { 0 }, { 0 }, false, true, REASON_UPSTREAM_ABORTED },
	{ "after a message", STR_INIT(MASKED), STR_INIT(HELLO), false, false, REASON_UPSTREAM_ABORTED },
	{ "after the client's close", STR_INIT("\x88\x80zzzz"), { 0 }, true, false, REASON_NONE },
	{ "after the upstream's close", { 0 }, STR_INIT(CLOSE), false, false, REASON_NONE },
	{ "after both", STR_INIT("\x88\x80zzzz"), STR_INIT(CLOSE), false, true, REASON_NONE },
	{ "within a frame", { 0 }, STR_INIT("\x82\x7e\x01\x00x"), false, false, REASON_UPSTREAM_ABORTED },
};

/* A Unix socket that is closed with unread bytes breaks, as TCP does with a reset. */
static void go(struct side *side, struct bench *bench, bool is_reset)
{
	if (!is_reset) {
		close(side->peer);
		side->peer = -1;
		return;
	}
	ASSERT(write(side->socket.source.fd, "x", 1) == 1);
	close(side->peer);
	side->peer = -1;
	turn(bench);
}

static void the_first_to_go_is_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct bench bench;
		struct side *gone, *left;

		bench_open(&bench);
		gone = ends[i].is_client ? &bench.client : &bench.upstream;
		left = ends[i].is_client ? &bench.upstream : &bench.client;
		say(&bench.client, ends[i].up);
		say(&bench.upstream, ends[i].down);
		turn(&bench);
		go(gone, &bench, ends[i].is_reset);
		turn(&bench);
		assert_row(hear(left), i, ends[i].name);
		assert_row(str_eq(heard(left), ends[i].is_client ? ends[i].up : ends[i].down), i,
			   ends[i].name);
		close(left->peer);
		left->peer = -1;
		turn(&bench);
		assert_row(bench.ended == 1, i, ends[i].name);
		assert_row(bench.tunnel.reason == ends[i].reason, i, ends[i].name);
		bench_close(&bench);
	}
}

/* What a side said last arrives although it has gone already. */
static void the_last_words_arrive(void **state)
{
	enum { LEN = 600 * 1024 };
	str bytes = { noise(LEN), LEN };
	struct bench bench;
	size_t said = 0;

	(void)state;
	bench_open(&bench);
	while (said < LEN && bench.tunnel.down.in.len == 0) {
		said += say_some(&bench.upstream, str_skip(bytes, said));
		world_turn(&bench.world);
	}
	close(bench.upstream.peer);
	bench.upstream.peer = -1;
	turn(&bench);
	assert_int_equal(bench.ended, 0);
	while (!hear(&bench.client))
		world_turn(&bench.world);
	assert_int_equal(bench.client.heard_len, said);
	assert_memory_equal(bench.client.heard, bytes.ptr, said);
	free((void *)(uintptr_t)bytes.ptr);
	bench_close(&bench);
}

static void memory_that_is_used_up_ends_it(void **state)
{
	struct bench bench;
	size_t max;

	(void)state;
	bench_open(&bench);
	max = bench.world.pool.max;
	bench.world.pool.max = 0;
	say(&bench.client, STR(MASKED));
	turn(&bench);
	assert_int_equal(bench.ended, 1);
	assert_int_equal(bench.tunnel.reason, REASON_OVERLOADED);
	bench.world.pool.max = max;
	bench_close(&bench);
}

/* ---- time ---- */

static void wait_until_ended(struct bench *bench)
{
	while (!bench->ended)
		loop_turn(bench->world.loop, DEADLINE_NEVER);
}

static void silence_ends_it_in_order(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	bench_start(&bench, 20 * MILLISECOND);
	wait_until_ended(&bench);
	assert_int_equal(bench.tunnel.reason, REASON_TUNNEL_TIMEOUT);
	heard_is(&bench.client, GOING_AWAY);
	bench_close(&bench);
}

static void every_byte_gains_time(void **state)
{
	struct bench bench;
	deadline before;

	(void)state;
	bench_open(&bench);
	before = bench.tunnel.due;
	say(&bench.upstream, STR("\x81"));
	loop_turn(bench.world.loop, DEADLINE_NEVER);
	turn(&bench);
	assert_true(bench.tunnel.due > before);
	before = bench.tunnel.due;
	turn(&bench);
	assert_int_equal(bench.tunnel.due, before);
	bench_close(&bench);
}

static void who_hears_nobody_any_more_has_less_time(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	bench.tunnel.half_idle = 20 * MILLISECOND;
	shutdown(bench.client.peer, SHUT_WR);
	wait_until_ended(&bench);
	assert_int_equal(bench.tunnel.reason, REASON_CLIENT_ABORTED);
	bench_close(&bench);
}

/* ---- leaving ---- */

/* A client's frame: it is masked, so the code is hidden in it. */
static void assert_masked_close(str frame)
{
	struct websocket_head head;
	char code[2];
	size_t len;

	assert_int_equal(websocket_head_parse(frame, &head, &len), WEBSOCKET_DONE);
	assert_int_equal(head.opcode, WEBSOCKET_CLOSE);
	assert_true(head.is_final && head.is_masked);
	assert_int_equal(head.length, 2);
	assert_int_equal(frame.len, len + 2);
	memcpy(code, frame.ptr + len, 2);
	websocket_mask(code, 2, head.mask, 0);
	assert_memory_equal(code, "\x03\xe9", 2);
}

static void both_are_told_at_once_between_frames(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	say(&bench.client, STR(MASKED));
	say(&bench.upstream, STR(HELLO));
	turn(&bench);
	tunnel_leave(&bench.tunnel, REASON_SHUTTING_DOWN);
	assert_int_equal(bench.ended, 1);
	assert_int_equal(bench.tunnel.reason, REASON_SHUTTING_DOWN);
	heard_is(&bench.client, HELLO GOING_AWAY);
	hear(&bench.upstream);
	assert_masked_close(str_skip(heard(&bench.upstream), sizeof MASKED - 1));
	bench_close(&bench);
}

/* Whatever of a frame has passed: its end comes first, and what stands behind it does not come. */
static void a_frame_that_has_begun_is_passed_on_to_its_end(void **state)
{
	static const char frame[] = HELLO, behind[] = HELLO GOING_AWAY;
	size_t len = sizeof frame - 1;

	(void)state;
	for (size_t cut = 1; cut < len; cut++) {
		struct bench bench;

		bench_open(&bench);
		say(&bench.upstream, (str) { frame, cut });
		turn(&bench);
		tunnel_leave(&bench.tunnel, REASON_SHUTTING_DOWN);
		turn(&bench);
		assert_int_equal(bench.ended, 0);
		hear(&bench.client);
		assert_int_equal(bench.client.heard_len, cut);
		say(&bench.upstream, (str) { frame + cut, len - cut });
		say(&bench.upstream, STR(HELLO HELLO));
		turn(&bench);
		assert_int_equal(bench.ended, 1);
		hear(&bench.client);
		assert_int_equal(bench.client.heard_len, sizeof behind - 1);
		assert_memory_equal(bench.client.heard, behind, sizeof behind - 1);
		bench_close(&bench);
	}
}

static void whose_close_has_passed_is_told_nothing_more(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	say(&bench.upstream, STR(CLOSE));
	turn(&bench);
	tunnel_leave(&bench.tunnel, REASON_SHUTTING_DOWN);
	assert_int_equal(bench.ended, 1);
	assert_int_equal(bench.tunnel.reason, REASON_NONE); /* they had ended it themselves */
	heard_is(&bench.client, CLOSE);
	hear(&bench.upstream);
	assert_masked_close(heard(&bench.upstream));
	bench_close(&bench);
}

/* Nothing can be said where it would be taken for something else. */
static void what_are_no_frames_just_ends(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	say(&bench.upstream, STR("\x82\x7e\x00\x01x"));
	turn(&bench);
	tunnel_leave(&bench.tunnel, REASON_SHUTTING_DOWN);
	assert_int_equal(bench.ended, 1);
	heard_is(&bench.client, "\x82\x7e\x00\x01x");
	bench_close(&bench);
}

static void leaving_has_its_bound(void **state)
{
	struct bench bench;
	deadline due;

	(void)state;
	bench_open(&bench);
	say(&bench.upstream, STR("\x82\x7e\x01\x00x"));
	turn(&bench);
	tunnel_leave(&bench.tunnel, REASON_SHUTTING_DOWN);
	due = bench.tunnel.due;
	assert_true(due <= world_in(&bench.world, 5 * SECOND));
	say(&bench.upstream, STR("x")); /* whoever drips gains nothing by it */
	turn(&bench);
	assert_int_equal(bench.tunnel.due, due);
	tunnel_leave(&bench.tunnel, REASON_SHUTTING_DOWN);
	assert_int_equal(bench.tunnel.due, due);
	bench.tunnel.due = loop_now(bench.world.loop);
	timer_set(bench.world.loop, &bench.tunnel.timer, bench.tunnel.due);
	wait_until_ended(&bench);
	heard_is(&bench.client, "\x82\x7e\x01\x00xx");
	bench_close(&bench);
}

static void what_is_cut_has_a_last_word_where_it_can(void **state)
{
	for (unsigned was_leaving = 0; was_leaving < 2; was_leaving++) {
		struct bench bench;

		(void)state;
		bench_open(&bench);
		say(&bench.upstream, STR("\x81\x02x"));
		turn(&bench);
		if (was_leaving)
			tunnel_leave(&bench.tunnel, REASON_SHUTTING_DOWN);
		assert_int_equal(bench.ended, 0);
		tunnel_cut(&bench.tunnel, REASON_SHUTTING_DOWN);
		assert_int_equal(bench.ended, 1);
		heard_is(&bench.client, "\x81\x02x");
		hear(&bench.upstream);
		assert_masked_close(heard(&bench.upstream));
		bench_close(&bench);
	}
}

/* What was read from one side and offered to the other goes before the last word. */
static void what_is_kept_goes_before_the_last_word(void **state)
{
	enum { FRAMES = 200 * 1024, LEN = 2 * FRAMES };
	struct bench bench;
	char *frames = malloc(LEN);

	(void)state;
	ASSERT(frames);
	for (size_t i = 0; i < FRAMES; i++)
		memcpy(frames + 2 * i, "\x89\x00", 2);
	bench_open(&bench);
	while (bench.tunnel.down.in.len == 0) {
		say_some(&bench.upstream, (str) { frames, LEN });
		world_turn(&bench.world);
	}
	tunnel_leave(&bench.tunnel, REASON_SHUTTING_DOWN);
	assert_int_equal(bench.ended, 0);
	while (!hear(&bench.client))
		world_turn(&bench.world);
	assert_int_equal(bench.ended, 1);
	assert_true(bench.client.heard_len >= 4);
	assert_int_equal(bench.client.heard_len % 2, 0);
	assert_memory_equal(bench.client.heard + bench.client.heard_len - 6, "\x89\x00" GOING_AWAY, 6);
	free(frames);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_pass_both_ways),
		cmocka_unit_test(what_was_read_before_goes_first),
		cmocka_unit_test(large_amounts_arrive_whole),
		cmocka_unit_test(who_does_not_read_holds_up_who_writes),
		cmocka_unit_test(sending_may_have_others_do_something),
		cmocka_unit_test(both_closes_and_an_end_are_the_end),
		cmocka_unit_test(a_side_that_has_ended_still_hears),
		cmocka_unit_test(the_first_to_go_is_the_reason),
		cmocka_unit_test(the_last_words_arrive),
		cmocka_unit_test(memory_that_is_used_up_ends_it),
		cmocka_unit_test(silence_ends_it_in_order),
		cmocka_unit_test(every_byte_gains_time),
		cmocka_unit_test(who_hears_nobody_any_more_has_less_time),
		cmocka_unit_test(both_are_told_at_once_between_frames),
		cmocka_unit_test(a_frame_that_has_begun_is_passed_on_to_its_end),
		cmocka_unit_test(whose_close_has_passed_is_told_nothing_more),
		cmocka_unit_test(what_are_no_frames_just_ends),
		cmocka_unit_test(leaving_has_its_bound),
		cmocka_unit_test(what_is_cut_has_a_last_word_where_it_can),
		cmocka_unit_test(what_is_kept_goes_before_the_last_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
