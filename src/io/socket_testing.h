/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket_testing: a socket in a world of its own, whose other end is in the test's hand. Behind <cmocka.h>.
 */
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "fiber/testing.h"
#include "io/socket.h"

struct end {
	struct world *world;
	struct socket socket;
	int peer;
	bool is_released;
	unsigned watched;
	struct fiber *fiber;
	struct intake in;
	deadline until;
	result_value got;
	size_t count;
	bool is_done;
};

static inline void end_release(struct socket *socket)
{
	CONTAINER_OF(socket, struct end, socket)->is_released = true;
}

static inline void end_open_fd(struct end *end, struct world *world, const int pair[2])
{
	result_value opened;

	*end = (struct end) { .world = world, .peer = pair[1], .until = DEADLINE_NEVER };
	intake_init(&end->in, &world->scratch);
	opened = socket_open(&end->socket, world->fibers, pair[0]);
	ASSERT(!failed(opened));
	end->socket.release = end_release;
}

static inline void end_open(struct end *end, struct world *world)
{
	int pair[2];

	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	end_open_fd(end, world, pair);
}

static inline void end_close(struct end *end)
{
	intake_fini(&end->in);
	if (end->socket.source.fd >= 0)
		stream_close(&end->socket.stream);
	assert_false(end->is_released);
	world_turn(end->world);
	assert_true(end->is_released);
	if (end->peer >= 0)
		close(end->peer);
}

static inline void put(int fd, const char *bytes)
{
	str s = str_of(bytes);

	ASSERT(write(fd, s.ptr, s.len) == (ssize_t)s.len);
}
