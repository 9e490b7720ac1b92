/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/socket_testing.h"

static void end_watch(struct socket *socket)
{
	CONTAINER_OF(socket, struct end, socket)->watched++;
}

static void fills_once(struct fiber *self, void *argument)
{
	struct end *end = argument;

	end->fiber = self;
	end->is_done = false;
	end->got = stream_fill(&end->socket.stream, &end->in, end->until);
	end->is_done = true;
}

static void reading_waits_for_bytes(void **state)
{
	struct world world;
	struct end end;

	(void)state;
	world_open(&world);
	end_open(&end, &world);
	world_turn(&world);
	world_start(&world, fills_once, &end);
	assert_false(end.is_done);
	assert_ptr_equal(end.socket.reader, end.fiber);
	put(end.peer, "hello");
	world_turn(&world);
	assert_true(end.is_done);
	assert_false(failed(end.got));
	assert_true(str_eq(intake_data(&end.in), STR("hello")));
	assert_null(end.socket.reader);
	assert_false(socket_is_readable(&end.socket)); /* it came back short: nothing is left */
	world_start(&world, fills_once, &end);         /* the old bytes move out of the scratch */
	put(end.peer, " world");
	world_turn(&world);
	assert_true(str_eq(intake_data(&end.in), STR("hello world")));
	end_close(&end);
	world_close(&world);
}

/* Between the short read and the park more bytes come: no edge may be lost. */
static void fills_twice(struct fiber *self, void *argument)
{
	struct end *end = argument;

	(void)self;
	end->got = stream_fill(&end->socket.stream, &end->in, end->until);
	assert_false(failed(end->got));
	put(end->peer, "second");
	end->got = stream_fill(&end->socket.stream, &end->in, end->until);
	end->is_done = true;
}

static void bytes_between_a_short_read_and_a_park_are_seen(void **state)
{
	struct world world;
	struct end end;

	(void)state;
	world_open(&world);
	end_open(&end, &world);
	put(end.peer, "first ");
	world_turn(&world);
	assert_true(socket_is_readable(&end.socket));
	world_start(&world, fills_twice, &end);
	assert_false(end.is_done);
	world_turn(&world);
	assert_true(end.is_done);
	assert_true(str_eq(intake_data(&end.in), STR("first second")));
	end_close(&end);
	world_close(&world);
}

enum ending { SHUT, CLOSE, CLOSE_UNREAD, DEADLINE, CANCEL, NO_MEMORY };

static const struct {
	const char *name;
	enum ending ending;
	const char *before; /* bytes sent before the end */
	enum error_kind want;
} fill_cases[] = {
	{ "the end", SHUT, "", ERROR_CLOSED },
	{ "the end behind bytes", SHUT, "last", ERROR_CLOSED },
	{ "a closed peer", CLOSE, "", ERROR_CLOSED },
	{ "a closed peer behind bytes", CLOSE, "last", ERROR_CLOSED },
	{ "a peer that did not read what it got", CLOSE_UNREAD, "", ERROR_RESET },
	{ "too late", DEADLINE, "", ERROR_TIMEOUT },
	{ "too late behind bytes", DEADLINE, "last", ERROR_TIMEOUT },
	{ "cancelled", CANCEL, "", ERROR_CANCELLED },
	{ "no memory", NO_MEMORY, "last", ERROR_LIMIT },
};

static void fills_to_the_end(struct fiber *self, void *argument)
{
	struct end *end = argument;

	end->fiber = self;
	do
		end->got = stream_fill(&end->socket.stream, &end->in, end->until);
	while (!failed(end->got));
	assert_null(end->socket.reader);
	end->is_done = true;
}

static void end_happens(struct end *end, enum ending ending)
{
	switch (ending) {
	case SHUT:
		shutdown(end->peer, SHUT_WR);
		break;
	case CLOSE_UNREAD:
		put(end->socket.source.fd, "never read");
		close(end->peer);
		end->peer = -1;
		break;
	case CLOSE:
		close(end->peer);
		end->peer = -1;
		break;
	case CANCEL:
		fiber_cancel(end->fiber);
		break;
	case DEADLINE:
	case NO_MEMORY:
		break;
	}
}

static void reading_ends_for_the_right_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof fill_cases / sizeof *fill_cases; i++) {
		struct world world;
		struct end end;

		world_open(&world);
		end_open(&end, &world);
		if (fill_cases[i].ending == DEADLINE)
			end.until = world_in(&world, 3 * MILLISECOND);
		if (fill_cases[i].ending == NO_MEMORY)
			world.pool.max = 0;
		world_start(&world, fills_to_the_end, &end);
		put(end.peer, fill_cases[i].before);
		end_happens(&end, fill_cases[i].ending);
		for (unsigned turn = 0; turn < 20 && !end.is_done; turn++)
			loop_turn(world.loop, world_in(&world, MILLISECOND));
		if (!end.is_done && fill_cases[i].ending == NO_MEMORY)
			put(end.peer, "more");
		world_run(&world);
		if (end.got.kind != fill_cases[i].want)
			fail_msg("%s: %s", fill_cases[i].name, error_name(end.got.kind));
		if (fill_cases[i].ending != NO_MEMORY)
			assert_true(str_eq(intake_data(&end.in), str_of(fill_cases[i].before)));
		end_close(&end);
		world_close(&world);
	}
}

/* ---- writing ---- */

enum { MUCH = 3 * 1024 * 1024 };

static void sends_much(struct fiber *self, void *argument)
{
	struct end *end = argument;
	char *bytes = malloc(MUCH);

	end->fiber = self;
	for (size_t i = 0; i < MUCH; i++)
		bytes[i] = (char)(i % 251);
	end->got = stream_send_all(&end->socket.stream, (str) { bytes, MUCH }, end->until);
	end->is_done = true;
	free(bytes);
}

/* The peer reads slowly; the sender parks, goes on, and nothing is lost, doubled or reordered. */
static void sending_goes_at_the_pace_of_the_peer(void **state)
{
	static char piece[50000];
	struct world world;
	struct end end;
	size_t got = 0;

	(void)state;
	world_open(&world);
	end_open(&end, &world);
	world_start(&world, sends_much, &end);
	assert_false(end.is_done);
	assert_non_null(end.socket.writer);
	assert_false(end.socket.source.ready & READY_WRITE);
	while (got < MUCH) {
		ssize_t count = read(end.peer, piece, sizeof piece);

		if (count < 0) {
			assert_int_equal(errno, EAGAIN);
			loop_turn(world.loop, DEADLINE_NEVER);
			continue;
		}
		for (ssize_t i = 0; i < count; i++)
			if (piece[i] != (char)((got + (size_t)i) % 251))
				fail_msg("byte %zu is wrong", got + (size_t)i);
		got += (size_t)count;
	}
	world_run(&world);
	assert_true(end.is_done);
	assert_false(failed(end.got));
	end_close(&end);
	world_close(&world);
}

static void sends_in_parts(struct fiber *self, void *argument)
{
	struct end *end = argument;
	const struct iovec parts[3] = {
		{ .iov_base = (char[]) { "one " }, .iov_len = 4 },
		{ .iov_base = NULL, .iov_len = 0 },
		{ .iov_base = (char[]) { "two" }, .iov_len = 3 },
	};

	(void)self;
	end->got = stream_send(&end->socket.stream, parts, 3, end->until, &end->count);
	end->is_done = true;
}

static void parts_go_in_one_call_without_an_event_before(void **state)
{
	struct world world;
	struct end end;
	char got[16];

	(void)state;
	world_open(&world);
	end_open(&end, &world);
	world_start(&world, sends_in_parts, &end); /* no turn has been made since it was opened */
	assert_true(end.is_done);
	assert_false(failed(end.got));
	assert_int_equal(end.count, 7);
	assert_int_equal(read(end.peer, got, sizeof got), 7);
	assert_memory_equal(got, "one two", 7);
	end_close(&end);
	world_close(&world);
}

static const struct {
	const char *name;
	enum ending ending;
	enum error_kind want;
} send_cases[] = {
	{ "a closed peer", CLOSE, ERROR_RESET },
	{ "too late", DEADLINE, ERROR_TIMEOUT },
	{ "cancelled", CANCEL, ERROR_CANCELLED },
};

static void sending_ends_for_the_right_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof send_cases / sizeof *send_cases; i++) {
		struct world world;
		struct end end;

		world_open(&world);
		end_open(&end, &world);
		if (send_cases[i].ending == DEADLINE)
			end.until = world_in(&world, 3 * MILLISECOND);
		world_start(&world, sends_much, &end);
		assert_false(end.is_done);
		end_happens(&end, send_cases[i].ending);
		world_run(&world);
		if (end.got.kind != send_cases[i].want)
			fail_msg("%s: %s", send_cases[i].name, error_name(end.got.kind));
		assert_null(end.socket.writer);
		end_close(&end);
		world_close(&world);
	}
}

static void sending_to_nobody_is_an_error_not_a_signal(void **state)
{
	struct world world;
	struct end end;

	(void)state;
	world_open(&world);
	end_open(&end, &world);
	close(end.peer);
	end.peer = -1;
	world_start(&world, sends_in_parts, &end);
	assert_int_equal(end.got.kind, ERROR_RESET);
	assert_int_equal(end.got.sys, EPIPE);
	end_close(&end);
	world_close(&world);
}

static void shutting_tells_the_peer_and_leaves_the_other_way_open(void **state)
{
	struct world world;
	struct end end;
	char got[4];

	(void)state;
	world_open(&world);
	end_open(&end, &world);
	assert_false(failed(stream_shut(&end.socket.stream)));
	assert_int_equal(read(end.peer, got, sizeof got), 0);
	world_start(&world, fills_once, &end);
	put(end.peer, "x");
	world_run(&world);
	assert_false(failed(end.got));
	close(end.peer);
	end.peer = -1;
	world_turn(&world);
	world_start(&world, fills_once, &end);
	assert_int_equal(end.got.kind, ERROR_CLOSED);
	end_close(&end);
	world_close(&world);
}

/* One fiber reads and another writes on the same socket; each is woken by what it waits for. */
static void a_reader_and_a_writer_do_not_disturb_each_other(void **state)
{
	static char piece[100000];
	struct world world;
	struct end end;

	(void)state;
	world_open(&world);
	end_open(&end, &world);
	world_turn(&world);
	world_start(&world, fills_once, &end);
	world_start(&world, sends_much, &end);
	assert_non_null(end.socket.reader);
	assert_non_null(end.socket.writer);
	assert_true(read(end.peer, piece, sizeof piece) > 0);
	world_turn(&world);
	assert_non_null(end.socket.reader); /* room to write is nothing to read */
	put(end.peer, "x");
	world_turn(&world);
	assert_null(end.socket.reader);
	while (fibers_alive(world.fibers)) {
		if (read(end.peer, piece, sizeof piece) < 0)
			loop_turn(world.loop, DEADLINE_NEVER);
	}
	end_close(&end);
	world_close(&world);
}

/* ---- watching ---- */

static void the_watch_hears_only_while_nobody_reads(void **state)
{
	struct world world;
	struct end end;

	(void)state;
	world_open(&world);
	end_open(&end, &world);
	socket_set_watch(&end.socket, end_watch);
	world_turn(&world);
	assert_int_equal(end.watched, 0); /* it can be written to, which is no news */
	world_start(&world, fills_once, &end);
	put(end.peer, "x");
	world_turn(&world);
	assert_int_equal(end.watched, 0);
	assert_true(end.is_done);
	put(end.peer, "y");
	world_turn(&world);
	assert_int_equal(end.watched, 1);
	assert_true(socket_is_readable(&end.socket));
	assert_false(socket_is_hung_up(&end.socket));
	shutdown(end.peer, SHUT_WR);
	world_turn(&world);
	assert_int_equal(end.watched, 2);
	assert_true(socket_is_hung_up(&end.socket));
	socket_set_watch(&end.socket, NULL);
	close(end.peer);
	end.peer = -1;
	world_turn(&world);
	assert_int_equal(end.watched, 2);
	end_close(&end);
	world_close(&world);
}

/* A buffer that was full and has room again, too. */
static void a_watch_for_all_hears_of_room(void **state)
{
	static const char bytes[64 * 1024];
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = sizeof bytes };
	struct world world;
	struct end end;
	size_t sent = 0;
	unsigned watched;

	(void)state;
	world_open(&world);
	end_open(&end, &world);
	socket_watch_all(&end.socket, end_watch);
	world_turn(&world);
	assert_int_equal(end.watched, 1); /* it can be written to */
	put(end.peer, "x");
	world_turn(&world);
	watched = end.watched;
	assert_true(watched > 1);
	while (!failed(end.got))
		end.got = stream_send(&end.socket.stream, &part, 1, STREAM_AT_ONCE, &sent);
	assert_int_equal(end.got.kind, ERROR_TIMEOUT);
	assert_int_equal(sent, 0);
	world_turn(&world);
	assert_int_equal(end.watched, watched);
	while (read(end.peer, (char[sizeof bytes]) { 0 }, sizeof bytes) > 0)
		continue;
	world_turn(&world);
	assert_true(end.watched > watched);
	assert_true(end.socket.source.ready & READY_WRITE);
	end_close(&end);
	world_close(&world);
}

static int option_of(const struct end *end, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof value;

	assert_int_equal(getsockopt(end->socket.source.fd, level, name, &value, &len), 0);
	return value;
}

static void a_silent_peer_is_given_up_by_the_system(void **state)
{
	struct world world;
	struct end end;
	int pair[2] = { socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), -1 };

	(void)state;
	world_open(&world);
	end_open_fd(&end, &world, pair);
	socket_keep_alive(&end.socket);
	assert_int_equal(option_of(&end, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option_of(&end, IPPROTO_TCP, TCP_KEEPIDLE), 60);
	assert_int_equal(option_of(&end, IPPROTO_TCP, TCP_KEEPINTVL), 15);
	assert_int_equal(option_of(&end, IPPROTO_TCP, TCP_KEEPCNT), 4);
	assert_int_equal(option_of(&end, IPPROTO_TCP, TCP_USER_TIMEOUT), 120 * 1000);
	end_close(&end);
	world_close(&world);
}

/* The client hangs up while its exchange's fiber is parked elsewhere, or writes to it: the watch cancels it.
 */
static void cancels_the_fiber(struct socket *socket)
{
	struct end *end = CONTAINER_OF(socket, struct end, socket);

	if (socket_is_hung_up(socket))
		fiber_cancel(end->fiber);
}

static void the_watch_may_cancel_a_writer(void **state)
{
	struct world world;
	struct end end;

	(void)state;
	world_open(&world);
	end_open(&end, &world);
	world_start(&world, sends_much, &end);
	socket_set_watch(&end.socket, cancels_the_fiber);
	shutdown(end.peer, SHUT_WR);
	world_run(&world);
	assert_int_equal(end.got.kind, ERROR_CANCELLED);
	end_close(&end);
	world_close(&world);
}

static void closes_the_socket(struct socket *socket)
{
	stream_close(&socket->stream);
}

static void the_watch_may_close(void **state)
{
	struct world world;
	struct end end;

	(void)state;
	world_open(&world);
	end_open(&end, &world);
	socket_set_watch(&end.socket, closes_the_socket);
	put(end.peer, "unexpected");
	world_turn(&world);
	assert_true(end.is_released);
	close(end.peer);
	world_close(&world);
}

static const struct {
	const char *name, *bytes;
	bool close, want;
} peek_cases[] = {
	{ "quiet", "", false, false },
	{ "unexpected bytes", "x", false, true },
	{ "the end", "", true, true },
	{ "bytes and the end", "x", true, true },
};

static void a_stale_socket_is_known_before_any_event(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof peek_cases / sizeof *peek_cases; i++) {
		struct world world;
		struct end end;

		world_open(&world);
		end_open(&end, &world);
		put(end.peer, peek_cases[i].bytes);
		if (peek_cases[i].close)
			shutdown(end.peer, SHUT_WR);
		if (socket_peek_stale(&end.socket) != peek_cases[i].want)
			fail_msg("%s", peek_cases[i].name);
		world_turn(&world);
		assert_int_equal(socket_is_readable(&end.socket), peek_cases[i].want);
		end_close(&end);
		world_close(&world);
	}
}

static void tcp_pair(int pair[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof at;

	pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(bind(listening, (struct sockaddr *)&at, len) == 0 && listen(listening, 1) == 0);
	ASSERT(getsockname(listening, (struct sockaddr *)&at, &len) == 0);
	ASSERT(connect(pair[1], (struct sockaddr *)&at, len) == 0);
	put(pair[1], "x");
	usleep(30 * 1000);
	pair[0] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	close(listening);
}

/* Also before it was let in. */
static void the_kernel_knows_how_long_bytes_have_waited(void **state)
{
	struct world world;
	struct end end;
	duration waited = 0;
	int pair[2];

	(void)state;
	world_open(&world);
	tcp_pair(pair);
	end_open_fd(&end, &world, pair);
	assert_true(socket_waited(&end.socket, &waited));
	assert_true(waited >= 20 * MILLISECOND);
	put(end.peer, "y");
	assert_true(socket_waited(&end.socket, &waited));
	assert_true(waited < 20 * MILLISECOND);
	end_close(&end);
	end_open(&end, &world); /* not a TCP one */
	assert_false(socket_waited(&end.socket, &waited));
	end_close(&end);
	world_close(&world);
}

static void an_idle_socket_is_small(void **state)
{
	(void)state;
	assert_in_range(sizeof(struct socket), 1, 120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_waits_for_bytes),
		cmocka_unit_test(bytes_between_a_short_read_and_a_park_are_seen),
		cmocka_unit_test(reading_ends_for_the_right_reason),
		cmocka_unit_test(sending_goes_at_the_pace_of_the_peer),
		cmocka_unit_test(parts_go_in_one_call_without_an_event_before),
		cmocka_unit_test(sending_ends_for_the_right_reason),
		cmocka_unit_test(sending_to_nobody_is_an_error_not_a_signal),
		cmocka_unit_test(shutting_tells_the_peer_and_leaves_the_other_way_open),
		cmocka_unit_test(a_reader_and_a_writer_do_not_disturb_each_other),
		cmocka_unit_test(the_watch_hears_only_while_nobody_reads),
		cmocka_unit_test(a_watch_for_all_hears_of_room),
		cmocka_unit_test(a_silent_peer_is_given_up_by_the_system),
		cmocka_unit_test(the_watch_may_cancel_a_writer),
		cmocka_unit_test(the_watch_may_close),
		cmocka_unit_test(a_stale_socket_is_known_before_any_event),
		cmocka_unit_test(the_kernel_knows_how_long_bytes_have_waited),
		cmocka_unit_test(an_idle_socket_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
