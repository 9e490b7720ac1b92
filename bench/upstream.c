/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream: a server that costs as little as one can, to stand behind the proxies that are measured.
 *
 * It opens as many listeners as it is told to, on any ports, and prints those. Each proxy gets a listener
 * of its own, because the listener counts the requests it answered: `GET /count` tells, and is not counted.
 * That number, read at both ends of a window, is what a proxy's CPU time is divided by.
 *
 * A path that ends in /bytes/N is answered with N bytes, every other with 1 KiB. Bodies with a
 * Content-Length are read and dropped. It believes what the proxies send: it must never face a network.
 *
 *     cc -O2 -o upstream upstream.c && ./upstream 2
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	LISTENERS_MAX = 16,
	HEAD_MAX = 16 << 10,
	ANSWER_MAX = 64 << 20,
	DROPPED_AT_ONCE = 256 << 10,
	EVENTS_AT_ONCE = 256,
};

struct listener {
	int fd;
	unsigned long answered;
};

struct connection {
	int fd;
	struct listener *listener;
	size_t input_length;
	size_t body_left; /* of the request, still to be dropped */
	size_t answer_length, answer_sent, answer_head_length;
	bool is_waiting_to_write;
	char answer_head[256];
	char input[HEAD_MAX];
};

struct server {
	int epoll;
	struct listener listeners[LISTENERS_MAX];
	size_t listener_count;
	char *body;    /* ANSWER_MAX zeros */
	char *dropped; /* where bodies of requests go */
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(struct server *server, int operation, int fd, unsigned events, void *of)
{
	struct epoll_event event = { .events = events, .data.ptr = of };

	if (epoll_ctl(server->epoll, operation, fd, &event) < 0)
		die("epoll_ctl");
}

static void connection_close(struct connection *connection)
{
	close(connection->fd);
	free(connection);
}

/* The number behind the first `key` in the head, or `otherwise`. */
static size_t number_after(const char *head, size_t length, const char *key, size_t otherwise)
{
	const char *at = memmem(head, length, key, strlen(key));

	return at ? strtoul(at + strlen(key), NULL, 10) : otherwise;
}

/* How many bytes the first line of the head asks for. */
static size_t wanted_bytes(const char *head, size_t length)
{
	const char *end = memchr(head, '\r', length);
	size_t wanted = number_after(head, end ? (size_t)(end - head) : length, "/bytes/", 1024);

	return wanted < ANSWER_MAX ? wanted : ANSWER_MAX;
}

static void prepare_answer(struct connection *connection, const char *head, size_t length)
{
	static const char count[] = "GET /count ";
	bool is_count = length > sizeof count && !memcmp(head, count, sizeof count - 1);
	size_t wanted = is_count ? 20 : wanted_bytes(head, length);
	int written =
		snprintf(connection->answer_head, sizeof connection->answer_head,
			 "HTTP/1.1 200 OK\r\nServer: upstream\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
			 "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n",
			 wanted);

	connection->answer_head_length = (size_t)written;
	connection->answer_length = connection->answer_head_length + wanted;
	connection->answer_sent = 0;
	if (is_count) {
		char *text = connection->answer_head + written;
		connection->answer_head_length +=
			(size_t)snprintf(text, 21, "%020lu", connection->listener->answered);
	} else {
		connection->listener->answered++;
	}
}

/* Sends what the socket takes; false when the connection is done for. */
static bool send_answer(struct server *server, struct connection *connection)
{
	while (connection->answer_sent < connection->answer_length) {
		size_t sent = connection->answer_sent, head = connection->answer_head_length;
		size_t head_left = sent < head ? head - sent : 0;
		struct iovec pieces[] = {
			{ connection->answer_head + (sent < head ? sent : head), head_left },
			{ server->body, connection->answer_length - sent - head_left },
		};
		ssize_t got = writev(connection->fd, pieces, 2);
		if (got < 0) {
			if (errno != EAGAIN)
				return false;
			if (!connection->is_waiting_to_write)
				watch(server, EPOLL_CTL_MOD, connection->fd, EPOLLOUT, connection);
			connection->is_waiting_to_write = true;
			return true;
		}
		connection->answer_sent += (size_t)got;
	}
	connection->answer_length = 0;
	if (connection->is_waiting_to_write)
		watch(server, EPOLL_CTL_MOD, connection->fd, EPOLLIN, connection);
	connection->is_waiting_to_write = false;
	return true;
}

/* Takes a whole head, and what came of its body, from the input; false when there is none yet. */
static bool take_request(struct connection *connection)
{
	char *end = memmem(connection->input, connection->input_length, "\r\n\r\n", 4);
	if (!end)
		return false;

	size_t head = (size_t)(end - connection->input) + 4;
	size_t rest = connection->input_length - head;
	size_t body = number_after(connection->input, head, "ontent-Length: ", 0);
	if (body == 0)
		body = number_after(connection->input, head, "ontent-length: ", 0);
	size_t here = rest < body ? rest : body;

	prepare_answer(connection, connection->input, head);
	connection->body_left = body - here;
	connection->input_length = rest - here;
	memmove(connection->input, end + 4 + here, connection->input_length);
	return true;
}

static bool serve_input(struct server *server, struct connection *connection)
{
	while (connection->answer_length == 0 && take_request(connection)) {
		if (connection->body_left > 0)
			return true;
		if (!send_answer(server, connection))
			return false;
	}
	return connection->input_length < HEAD_MAX;
}

/* Reads once; false when the peer has gone. */
static bool read_input(struct server *server, struct connection *connection)
{
	bool is_body = connection->body_left > 0;
	char *to = is_body ? server->dropped : connection->input + connection->input_length;
	size_t room = HEAD_MAX - connection->input_length;
	if (is_body)
		room = connection->body_left < DROPPED_AT_ONCE ? connection->body_left : DROPPED_AT_ONCE;

	ssize_t got = read(connection->fd, to, room);
	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	if (!is_body) {
		connection->input_length += (size_t)got;
		return serve_input(server, connection);
	}
	connection->body_left -= (size_t)got;
	if (connection->body_left > 0)
		return true;
	return send_answer(server, connection) && serve_input(server, connection);
}

static void serve_event(struct server *server, struct connection *connection)
{
	bool is_well = connection->is_waiting_to_write
			       ? send_answer(server, connection) && serve_input(server, connection)
			       : read_input(server, connection);
	if (!is_well)
		connection_close(connection);
}

static void accept_connection(struct server *server, struct listener *listener)
{
	int yes = 1, fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK);
	if (fd < 0)
		return;
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection)
		die("calloc");
	connection->fd = fd;
	connection->listener = listener;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	watch(server, EPOLL_CTL_ADD, fd, EPOLLIN, connection);
}

static void listener_open(struct server *server, struct listener *listener)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;

	listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (listener->fd < 0 || bind(listener->fd, (struct sockaddr *)&address, length) < 0 ||
	    listen(listener->fd, 4096) < 0 ||
	    getsockname(listener->fd, (struct sockaddr *)&address, &length) < 0)
		die("listen");
	watch(server, EPOLL_CTL_ADD, listener->fd, EPOLLIN, listener);
	printf("%d\n", ntohs(address.sin_port));
}

static bool is_listener(const struct server *server, const void *of)
{
	const struct listener *listener = of;

	return listener >= server->listeners && listener < server->listeners + LISTENERS_MAX;
}

static void serve(struct server *server)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	for (;;) {
		int count = epoll_wait(server->epoll, events, EVENTS_AT_ONCE, -1);
		for (int i = 0; i < count; i++) {
			if (is_listener(server, events[i].data.ptr))
				accept_connection(server, events[i].data.ptr);
			else
				serve_event(server, events[i].data.ptr);
		}
	}
}

int main(int argument_count, char **arguments)
{
	struct server server = { .epoll = epoll_create1(0),
				 .body = calloc(1, ANSWER_MAX),
				 .dropped = malloc(DROPPED_AT_ONCE) };

	signal(SIGPIPE, SIG_IGN);
	server.listener_count = argument_count > 1 ? strtoul(arguments[1], NULL, 10) : 1;
	if (server.epoll < 0 || !server.body || !server.dropped || server.listener_count > LISTENERS_MAX)
		die("upstream");
	for (size_t i = 0; i < server.listener_count; i++)
		listener_open(&server, &server.listeners[i]);
	fflush(stdout);
	serve(&server);
}
