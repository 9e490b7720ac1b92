/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket is level-triggered: what one turn does not accept comes again in the next, so a crowd at the
 * door cannot keep the loop from its connections, and nothing is lost when accepting pauses.
 */
#include "io/listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/container.h"

enum {
	BACKLOG = 4096,
	ACCEPTS_MAX = 64, /* in one turn; the event comes again */
};

#define TROUBLE_PAUSE (100 * MILLISECOND)

/* Wrong with the one connection only: accept(2) passes on what the network said of it. */
static bool is_of_connection(int sys)
{
	return sys == ECONNABORTED || sys == EPROTO || sys == EPERM || sys == EINTR || sys == ENETDOWN ||
	       sys == ENETUNREACH || sys == EHOSTDOWN || sys == EHOSTUNREACH || sys == ETIMEDOUT;
}

/* A short pause, because whoever holds the descriptors may give some back at any time, and nobody tells. */
static void listener_trouble(struct listener *listener, int sys)
{
	listener_pause(listener, deadline_after(loop_now(listener->source.loop), TROUBLE_PAUSE));
	if (listener->on_trouble)
		listener->on_trouble(listener,
				     (result_value) { ERROR_LIMIT, sys, "cannot accept connections" });
}

/* What is wrong with one connection is not wrong with the next; the callee may pause or close the listener.
 */
static bool listener_accept(struct listener *listener)
{
	struct source *source = &listener->source;
	struct address peer = { .len = sizeof(struct sockaddr_un) };
	int fd;

	if (source->fd < 0 || listener->is_paused)
		return false;
	fd = accept4(source->fd, &peer.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		listener->on_accept(listener, fd, &peer);
	else if (errno == EAGAIN)
		return false;
	else if (!is_of_connection(errno))
		listener_trouble(listener, errno);
	return true;
}

static void listener_on_ready(struct source *source)
{
	struct listener *listener = CONTAINER_OF(source, struct listener, source);

	source->ready = 0;
	for (unsigned i = 0; i < ACCEPTS_MAX && listener_accept(listener); i++)
		continue;
}

static void listener_on_due(struct timer *timer)
{
	struct listener *listener = CONTAINER_OF(timer, struct listener, pause);

	listener->is_paused = false;
	source_resume(&listener->source);
}

/* Nobody answers: the process that made it is gone. Other files refuse a connection just so. */
static bool local_is_stale(const struct address *at)
{
	struct stat file;
	bool is_stale;
	int fd;

	if (lstat(at->local.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	is_stale = connect(fd, &at->any, at->len) != 0 && errno == ECONNREFUSED;
	close(fd);
	return is_stale;
}

/* A path in use may be the leftover of a process that crashed, which did not unlink it. */
static bool listener_bind_fd(int fd, const struct address *at)
{
	if (bind(fd, &at->any, at->len) == 0)
		return true;
	if (errno != EADDRINUSE || !address_is_local(at))
		return false;
	if (!local_is_stale(at)) {
		errno = EADDRINUSE;
		return false;
	}
	return unlink(at->local.sun_path) == 0 && bind(fd, &at->any, at->len) == 0;
}

/* TCP_NODELAY is inherited by what is accepted. */
static void listener_options(int fd, const struct address *at)
{
	int one = 1;

	if (address_is_local(at))
		return;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

result listener_probe(const struct address *at)
{
	int fd, one = 1, sys = 0;

	if (address_is_local(at) || address_port(at) == 0)
		return OK;
	fd = socket(at->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_system("no socket", errno);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, &at->any, at->len) != 0)
		sys = errno;
	close(fd);
	return sys ? error_system("cannot listen", sys) : OK;
}

result listener_bind(const struct address *at, int *ret_fd, struct address *ret_bound)
{
	int fd = socket(at->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct address bound = { .len = sizeof(struct sockaddr_un) };
	result_value refused;

	if (fd < 0)
		return error_system("no socket", errno);
	listener_options(fd, at);
	if (listener_bind_fd(fd, at) && listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, &bound.any, &bound.len) == 0) {
		*ret_fd = fd;
		*ret_bound = bound;
		return OK;
	}
	refused = error_system("cannot listen", errno);
	close(fd);
	return refused;
}

result listener_open(struct listener *listener, struct loop *loop, int fd, listener_fn on_accept,
		     listener_trouble_fn on_trouble, void *owner)
{
	*listener = (struct listener) {
		.source.fd = -1,
		.pause.on_due = listener_on_due,
		.on_accept = on_accept,
		.on_trouble = on_trouble,
		.owner = owner,
	};
	return source_open_level(loop, &listener->source, fd, listener_on_ready);
}

void listener_pause(struct listener *listener, deadline until)
{
	if (!listener->is_paused)
		source_pause(&listener->source);
	listener->is_paused = true;
	timer_set(listener->source.loop, &listener->pause, until);
}

/* Another process may hold the same socket: then closing alone would not end the events. */
void listener_finish(struct listener *listener)
{
	for (unsigned i = 0; i < BACKLOG && listener_accept(listener); i++)
		continue;
	listener_close(listener);
}

void listener_close(struct listener *listener)
{
	if (listener->source.fd < 0)
		return;
	if (!listener->is_paused)
		source_pause(&listener->source);
	timer_clear(&listener->pause);
	source_close(&listener->source);
}
