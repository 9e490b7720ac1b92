/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a connection in the loop: until the peer closes, a deadline, or too much is said. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/linger.h"
#include "io/socket_testing.h"

/* What is left of the connection in the loop, once its own memory is gone: is its descriptor open? */
static bool peer_sees_the_end(int fd)
{
	return send(fd, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE;
}

enum lingering { PEER_CLOSES, PEER_IS_SILENT, PEER_TALKS, LOOP_ENDS };

static const struct {
	const char *name;
	enum lingering how;
} linger_cases[] = {
	{ "until the peer closes", PEER_CLOSES },
	{ "until the deadline", PEER_IS_SILENT },
	{ "until the peer has talked too much", PEER_TALKS },
	{ "until the loop is freed", LOOP_ENDS },
};

static size_t talk(struct world *world, int fd)
{
	static const char bytes[8192];
	size_t sent = 0;

	while (sent < 4 * (size_t)LINGER_MAX) {
		ssize_t count = send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);

		if (count < 0 && errno != EAGAIN)
			return sent;
		if (count > 0)
			sent += (size_t)count;
		world_turn(world);
	}
	return sent;
}

static void lingering_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof linger_cases / sizeof *linger_cases; i++) {
		struct world world;
		struct end end;
		deadline until;
		char got[4];

		world_open(&world);
		end_open(&end, &world);
		put(end.peer, "early");
		until = world_in(&world, linger_cases[i].how == PEER_IS_SILENT ? 5 * MILLISECOND : HOUR);
		socket_linger_close(&end.socket, until);
		world_turn(&world);
		assert_true(end.is_released); /* the loop lingers, not the connection */
		assert_int_equal(read(end.peer, got, sizeof got), 0);
		if (linger_cases[i].how != PEER_IS_SILENT)
			assert_false(peer_sees_the_end(end.peer));
		switch (linger_cases[i].how) {
		case PEER_CLOSES:
			shutdown(end.peer, SHUT_WR);
			world_turn(&world);
			break;
		case PEER_IS_SILENT:
			while (loop_now(world.loop) < until + 3 * MILLISECOND)
				loop_turn(world.loop, until + 3 * MILLISECOND);
			break;
		case PEER_TALKS:
			assert_in_range(talk(&world, end.peer), LINGER_MAX / 2, 3 * LINGER_MAX);
			break;
		case LOOP_ENDS:
			break;
		}
		if (linger_cases[i].how == LOOP_ENDS)
			assert_false(peer_sees_the_end(end.peer));
		else if (linger_cases[i].how != PEER_CLOSES && !peer_sees_the_end(end.peer))
			fail_msg("%s: still open", linger_cases[i].name);
		world_close(&world);
		if (linger_cases[i].how != PEER_CLOSES)
			assert_true(peer_sees_the_end(end.peer));
		close(end.peer);
	}
}

static void lingering_of_a_dead_connection_is_closing(void **state)
{
	struct world world;
	struct end end;
	int pair[2] = { socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), -1 };

	(void)state;
	world_open(&world);
	end_open_fd(&end, &world, pair); /* never connected: it cannot be shut down */
	socket_linger_close(&end.socket, DEADLINE_NEVER);
	assert_int_equal(end.socket.source.fd, -1);
	world_turn(&world);
	assert_true(end.is_released);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lingering_ends),
		cmocka_unit_test(lingering_of_a_dead_connection_is_closing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
