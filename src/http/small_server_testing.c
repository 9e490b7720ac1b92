/* SPDX-License-Identifier: Apache-2.0 */
#include "http/small_server_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int testing_listen(struct address *ret_bound)
{
	struct address at;
	int fd;

	assert_true(address_of_ip(STR("127.0.0.1"), 0, &at));
	assert_false(failed(listener_bind(&at, &fd, ret_bound)));
	return fd;
}

int testing_connect(const struct address *to)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &to->any, to->len), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

void testing_send(int fd, str bytes)
{
	assert_int_equal(send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), (ssize_t)bytes.len);
}

char *testing_receive(struct world *world, int fd)
{
	size_t len = 0, max = 4096;
	char *text = malloc(max);
	ssize_t got;

	for (;;) {
		got = recv(fd, text + len, max - len - 1, 0);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		if (got < 0) {
			testing_turn(world, 1);
			continue;
		}
		len += (size_t)got;
		if (max - len < 1024) {
			char *longer = realloc(text, max *= 2);

			assert_non_null(longer);
			text = longer;
		}
	}
	close(fd);
	text[len] = '\0';
	return text;
}

char *testing_ask(struct world *world, const struct address *to, str bytes)
{
	int fd = testing_connect(to);

	testing_send(fd, bytes);
	return testing_receive(world, fd);
}

void testing_turn(struct world *world, unsigned turns)
{
	for (unsigned i = 0; i < turns; i++)
		loop_turn(world->loop, deadline_after(time_monotonic(), 10 * MILLISECOND));
}
