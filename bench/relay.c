/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: what the kernel alone charges for passing a request on.
 *
 * Each client gets a connection of its own to the upstream; what comes on one side is sent on the other,
 * unread. Two receives, two sends and a share of one epoll_wait per request, and nothing else: a proxy that
 * reads, decides and logs can come near to this and never below it. The bench puts the gateway beside it.
 *
 *     cc -O2 -o relay relay.c && ./relay PORT UPSTREAM_PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 512, BUFFER_SIZE = 64 << 10 };

/* One side of a client's two connections. */
struct end {
	int fd; /* -1: closed, and about to be forgotten with the process */
	struct end *other;
};

struct relay {
	int epoll, listener;
	struct sockaddr_in upstream;
	char buffer[BUFFER_SIZE];
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in local(const char *port)
{
	return (struct sockaddr_in) { .sin_family = AF_INET,
				      .sin_port = htons((unsigned short)strtoul(port, NULL, 10)),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void watch(struct relay *relay, int fd, struct end *end, unsigned events)
{
	struct epoll_event event = { .events = events, .data.ptr = end };

	if (epoll_ctl(relay->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void relay_accept(struct relay *relay)
{
	int yes = 1,
	    fds[] = { accept4(relay->listener, NULL, NULL, SOCK_NONBLOCK), socket(AF_INET, SOCK_STREAM, 0) };
	struct end *ends = calloc(2, sizeof *ends);

	if (!ends || fds[0] < 0 ||
	    connect(fds[1], (struct sockaddr *)&relay->upstream, sizeof relay->upstream) < 0)
		die("accept");
	for (int i = 0; i < 2; i++) {
		ends[i] = (struct end) { fds[i], &ends[1 - i] };
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
		watch(relay, fds[i], &ends[i], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	}
}

static void end_close(struct end *end)
{
	close(end->fd);
	end->fd = -1;
}

/* Small messages only: what the other side's socket does not take at once ends both. */
static void relay_pass(struct relay *relay, struct end *from)
{
	ssize_t got = recv(from->fd, relay->buffer, BUFFER_SIZE, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got > 0 && send(from->other->fd, relay->buffer, (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT) == got)
		return;
	end_close(from->other);
	end_close(from);
}

int main(int argument_count, char **arguments)
{
	struct relay relay = { 0 };
	struct epoll_event events[EVENTS_AT_ONCE];

	if (argument_count != 3)
		die("usage: relay PORT UPSTREAM_PORT");
	struct sockaddr_in address = local(arguments[1]);
	relay.upstream = local(arguments[2]);
	relay.epoll = epoll_create1(0);
	relay.listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(relay.listener, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(relay.listener, 4096) < 0)
		die("listen");
	watch(&relay, relay.listener, NULL, EPOLLIN);
	for (;;) {
		int count = epoll_wait(relay.epoll, events, EVENTS_AT_ONCE, -1);
		for (int i = 0; i < count; i++) {
			struct end *end = events[i].data.ptr;
			if (!end)
				relay_accept(&relay);
			else if (end->fd >= 0 && (events[i].events & EPOLLIN))
				relay_pass(&relay, end);
		}
	}
}
