/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readiness bits say whether a call may succeed; a call that comes back short or empty clears its bit,
 * and the next edge sets it. After a hang-up no further edge comes, so READY_READ stays until the end is
 * read. A fiber parks only while its bit is clear; so a set bit with a fiber parked means that it is to run.
 */
#include "io/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/container.h"
#include "io/linger.h"

/* Seconds; given up after two minutes. */
enum { KEEP_ALIVE_AFTER = 60, KEEP_ALIVE_EVERY = 15, KEEP_ALIVE_PROBES = 4 };

/* A woken fiber may close the socket, and then only its retired memory is left. */
static void socket_on_ready(struct source *source)
{
	struct socket *socket = CONTAINER_OF(source, struct socket, source);
	struct fiber *writer = socket->writer;

	if (socket->reader) {
		if (source->ready & READY_READ)
			fiber_wake(socket->reader);
	} else if (socket->watch && source->ready & (READY_READ | READY_HANGUP)) {
		socket->watch(socket);
	}
	if (writer && source->fd >= 0 && socket->writer == writer && source->ready & READY_WRITE)
		fiber_wake(writer);
}

/* The watch does not hear of a socket that nobody reads from while somebody writes to it, unless it asks. */
static result socket_park(struct fiber **waiter, const struct fibers *fibers, deadline until)
{
	result_value parked;
	struct fiber *self;

	if (until == STREAM_AT_ONCE)
		return error_make(ERROR_TIMEOUT, "it would have to wait");
	ASSERT(!*waiter);
	*waiter = self = fiber_current(fibers);
	parked = fiber_park(self, until);
	*waiter = NULL;
	return parked;
}

static result socket_failed(int sys)
{
	return (result_value) { .kind = ERROR_RESET, .sys = sys, .why = "the connection broke" };
}

static result socket_fill(struct stream *stream, struct intake *in, deadline until)
{
	struct socket *socket = CONTAINER_OF(stream, struct socket, stream);

	for (;;) {
		char *at;
		size_t size;
		ssize_t count;

		while (!(socket->source.ready & READY_READ))
			TRY(socket_park(&socket->reader, stream->fibers, until));
		TRY(intake_room(in, &at, &size));
		count = recv(socket->source.fd, at, size, 0);
		if (count > 0) {
			if ((size_t)count < size && !socket_is_hung_up(socket))
				socket->source.ready &= ~(unsigned)READY_READ;
			intake_add(in, (size_t)count);
			return OK;
		}
		if (count == 0)
			return error_make(ERROR_CLOSED, "the peer closed the connection");
		if (errno == EAGAIN)
			socket->source.ready &= ~(unsigned)READY_READ;
		else if (errno != EINTR)
			return socket_failed(errno);
	}
}

/* One part needs no message header, which the kernel would have to copy in. */
static ssize_t socket_send_parts(int fd, const struct iovec *parts, size_t count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count };

	if (count == 1)
		return send(fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL);
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static size_t parts_size(const struct iovec *parts, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += parts[i].iov_len;
	return size;
}

static result socket_send(struct stream *stream, const struct iovec *parts, size_t count, deadline until,
			  size_t *ret_sent)
{
	struct socket *socket = CONTAINER_OF(stream, struct socket, stream);
	ssize_t sent;

	*ret_sent = 0;
	if (socket->source.ready & READY_WRITE) {
		do
			sent = socket_send_parts(socket->source.fd, parts, count);
		while (sent < 0 && errno == EINTR);
		if (sent < 0 && errno != EAGAIN)
			return socket_failed(errno);
		if (sent < 0 || (size_t)sent < parts_size(parts, count))
			socket->source.ready &= ~(unsigned)READY_WRITE;
		if (sent >= 0) {
			*ret_sent = (size_t)sent;
			return OK;
		}
	}
	return socket_park(&socket->writer, stream->fibers, until);
}

static bool socket_stream_is_readable(const struct stream *stream)
{
	return socket_is_readable(CONTAINER_OF(stream, struct socket, stream));
}

static bool socket_stream_is_hung_up(const struct stream *stream)
{
	return socket_is_hung_up(CONTAINER_OF(stream, struct socket, stream));
}

/* A socket that the peer has reset cannot be shut down any more, which is not worse than what it is. */
static result socket_shut(struct stream *stream)
{
	struct socket *socket = CONTAINER_OF(stream, struct socket, stream);

	if (shutdown(socket->source.fd, SHUT_WR) != 0)
		return socket_failed(errno);
	return OK;
}

static void socket_release(void *memory)
{
	struct socket *socket = memory;

	socket->release(socket);
}

/* The descriptor is closed or has gone elsewhere. */
static void socket_retire(struct socket *socket)
{
	ASSERT(!socket->reader && !socket->writer);
	if (socket->release)
		loop_retire(socket->source.loop, socket, socket_release);
}

static void socket_close(struct stream *stream)
{
	struct socket *socket = CONTAINER_OF(stream, struct socket, stream);

	source_close(&socket->source);
	socket_retire(socket);
}

static const struct stream_ops socket_ops = {
	.name = "socket",
	.fill = socket_fill,
	.send = socket_send,
	.is_readable = socket_stream_is_readable,
	.is_hung_up = socket_stream_is_hung_up,
	.shut = socket_shut,
	.close = socket_close,
};

static void socket_init(struct socket *socket, struct fibers *fibers)
{
	*socket = (struct socket) { .stream = { &socket_ops, fibers }, .source.fd = -1 };
}

result socket_open(struct socket *socket, struct fibers *fibers, int fd)
{
	socket_init(socket, fibers);
	TRY(source_open(fibers_loop(fibers), &socket->source, fd, socket_on_ready));
	socket->source.ready = READY_WRITE; /* a new connection takes a first write without an event */
	return OK;
}

void socket_set_watch(struct socket *socket, socket_watch_fn watch)
{
	socket->watch = watch;
}

static void socket_on_any(struct source *source)
{
	struct socket *socket = CONTAINER_OF(source, struct socket, source);

	socket->watch(socket);
}

void socket_watch_all(struct socket *socket, socket_watch_fn watch)
{
	ASSERT(!socket->reader && !socket->writer);
	socket->watch = watch;
	socket->source.on_ready = socket_on_any;
}

static void set_option(const struct socket *socket, int level, int name, int value)
{
	setsockopt(socket->source.fd, level, name, &value, sizeof value);
}

/* TCP_USER_TIMEOUT also bounds the probes: four of them, from a minute of silence on. */
void socket_keep_alive(struct socket *socket)
{
	set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_ALIVE_AFTER);
	set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_ALIVE_EVERY);
	set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, KEEP_ALIVE_PROBES);
	set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT,
		   1000 * (KEEP_ALIVE_AFTER + KEEP_ALIVE_EVERY * KEEP_ALIVE_PROBES));
}

/* Shortages of our own are a limit, not the peer's refusal: another endpoint would fare no better. */
static bool is_shortage(int sys)
{
	return sys == EMFILE || sys == ENFILE || sys == ENOBUFS || sys == ENOMEM;
}

static result connect_failed(int sys)
{
	if (is_shortage(sys))
		return (result_value) { ERROR_LIMIT, sys, "no descriptor or memory for a connection" };
	return (result_value) { ERROR_REFUSED, sys, "no connection" };
}

static result socket_make(const struct address *to, int *ret_fd)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return connect_failed(errno);
	if (!address_is_local(to))
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	*ret_fd = fd;
	return OK;
}

/* A Unix socket whose backlog is full says EAGAIN, and nothing tells when there is room again. */
static result connect_begin(int fd, struct fibers *fibers, const struct address *to, deadline until)
{
	for (;;) {
		deadline retry = deadline_after(loop_now(fibers_loop(fibers)), 5 * MILLISECOND);

		if (connect(fd, &to->any, to->len) == 0 || errno == EINPROGRESS)
			return OK;
		if (errno != EAGAIN)
			return connect_failed(errno);
		if (retry > until)
			return error_make(ERROR_TIMEOUT, "the deadline passed");
		TRY(fiber_sleep(fiber_current(fibers), retry));
	}
}

/* The event says that it is decided; how it was decided is asked of the socket. */
static result connect_finish(struct socket *socket, deadline until)
{
	int sys = 0;
	socklen_t len = sizeof sys;

	while (!(socket->source.ready & READY_WRITE))
		TRY(socket_park(&socket->writer, socket->stream.fibers, until));
	getsockopt(socket->source.fd, SOL_SOCKET, SO_ERROR, &sys, &len);
	return sys ? connect_failed(sys) : OK;
}

result socket_connect(struct socket *socket, struct fibers *fibers, const struct address *to, deadline until)
{
	result_value connected;
	int fd = -1;

	socket_init(socket, fibers);
	TRY(socket_make(to, &fd));
	connected = connect_begin(fd, fibers, to, until);
	if (!failed(connected))
		connected = source_open(fibers_loop(fibers), &socket->source, fd, socket_on_ready);
	if (failed(connected)) {
		close(fd);
		return connected;
	}
	connected = connect_finish(socket, until);
	if (failed(connected))
		source_close(&socket->source);
	return connected;
}

bool socket_peek_stale(struct socket *socket)
{
	char byte;

	if (recv(socket->source.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN)
		return false;
	socket->source.ready |= READY_READ;
	return true;
}

bool socket_waited(const struct socket *socket, duration *ret_waited)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;

	if (getsockopt(socket->source.fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return false;
	*ret_waited = info.tcpi_last_data_recv * MILLISECOND;
	return true;
}

void socket_reset_on_close(struct socket *socket)
{
	struct linger at_once = { .l_onoff = 1 };

	setsockopt(socket->source.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void socket_linger_close(struct socket *socket, deadline until)
{
	linger_start(&socket->source, until);
	socket_retire(socket);
}
