/* SPDX-License-Identifier: Apache-2.0 */
/*
 * c-ares would make its own sockets and ask to be told which to poll. It is given ours instead: so each is a
 * source from the beginning, closing goes through source_close(), and a read that would block is seen
 * here, which an edge-triggered loop needs to know.
 *
 * c-ares must not be called from its own callbacks in ways that free what it walks over, and a woken fiber
 * may call anything. So answers are only noted in the callback; who waits is woken by on_idle, when c-ares
 * has returned.
 */
#include "io/resolver.h"

#include <ares.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/container.h"

enum { TRIES = 2, CLASS_IN = 1, TYPE_SRV = 33 };

#define PATIENCE (2 * SECOND)

/* A socket that c-ares asked for. */
struct resolver_socket {
	struct source source;
	struct resolver *resolver;
	struct resolver_socket *next, **link;
	bool is_read; /* c-ares has tried to read since that was cleared */
};

struct resolver {
	struct loop *loop;
	ares_channel channel;
	struct resolver_socket *sockets;
	struct timer timer;
	void (*on_idle)(void *argument);
	void *on_idle_argument;
};

/* AF_UNSPEC asks for both families; then each by itself, where they did not agree to be there. */
struct question {
	struct resolver *resolver;
	const char *name; /* behind it */
	resolver_fn fn;
	void *argument;
	size_t max;
	int family;
};

struct services_question {
	resolver_message_fn fn;
	void *argument;
};

/* After each call into c-ares: its next timeout has changed. */
static void resolver_set_timer(struct resolver *resolver)
{
	struct timeval wait;
	deadline due = DEADLINE_NEVER;

	if (ares_timeout(resolver->channel, NULL, &wait))
		due = deadline_after(time_monotonic(), wait.tv_sec * SECOND + wait.tv_usec * MICROSECOND);
	timer_set(resolver->loop, &resolver->timer, due);
}

static void resolver_settle(struct resolver *resolver)
{
	resolver_set_timer(resolver);
	if (resolver->on_idle)
		resolver->on_idle(resolver->on_idle_argument);
}

static void resolver_on_due(struct timer *timer)
{
	struct resolver *resolver = CONTAINER_OF(timer, struct resolver, timer);

	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	resolver_settle(resolver);
}

/* c-ares reads little at a time and the edge comes once, so it is asked until there is nothing more. */
static void resolver_on_ready(struct source *source)
{
	struct resolver_socket *socket = CONTAINER_OF(source, struct resolver_socket, source);
	struct resolver *resolver = socket->resolver;

	do {
		int in = source->ready & READY_READ ? source->fd : ARES_SOCKET_BAD;
		int out = source->ready & READY_WRITE ? source->fd : ARES_SOCKET_BAD;

		socket->is_read = false;
		source->ready &= ~(unsigned)READY_WRITE;
		ares_process_fd(resolver->channel, in, out);
	} while (source->fd >= 0 && source->ready & READY_READ && socket->is_read);
	resolver_settle(resolver);
}

/* ---- what c-ares does with sockets ---- */

/* c-ares knows descriptors only. It has one or two at a time, so the list is short. */
static struct resolver_socket *resolver_find(struct resolver *resolver, ares_socket_t fd)
{
	struct resolver_socket *socket = resolver->sockets;

	while (socket->source.fd != fd)
		socket = socket->next;
	return socket;
}

static ares_socket_t resolver_socket_open(int family, int type, int protocol, void *user)
{
	struct resolver *resolver = user;
	struct resolver_socket *made;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return ARES_SOCKET_BAD;
	made = calloc(1, sizeof *made);
	ASSERT(made);
	if (failed(source_open(resolver->loop, &made->source, fd, resolver_on_ready))) {
		close(fd);
		free(made);
		return ARES_SOCKET_BAD;
	}
	made->resolver = resolver;
	made->next = resolver->sockets;
	made->link = &resolver->sockets;
	if (made->next)
		made->next->link = &made->next;
	resolver->sockets = made;
	return fd;
}

static int resolver_socket_close(ares_socket_t fd, void *user)
{
	struct resolver *resolver = user;
	struct resolver_socket *socket = resolver_find(resolver, fd);

	*socket->link = socket->next;
	if (socket->next)
		socket->next->link = socket->link;
	source_close(&socket->source);
	loop_retire(resolver->loop, socket, free);
	return 0;
}

static int resolver_socket_connect(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len,
				   void *user)
{
	(void)user;
	return connect(fd, to, len);
}

static ares_ssize_t resolver_socket_receive(ares_socket_t fd, void *at, size_t size, int flags,
					    struct sockaddr *from, ares_socklen_t *len, void *user)
{
	struct resolver_socket *socket = resolver_find(user, fd);
	ssize_t count = recvfrom(fd, at, size, flags, from, len);

	socket->is_read = true;
	if (count < 0 && errno == EAGAIN)
		socket->source.ready &= ~(unsigned)READY_READ;
	return count;
}

/* That nobody is there is told of an earlier question, which c-ares would not learn here. Where the server is
 * on this machine it will when it reads, as this one meets nobody either, and that is told at once; from
 * elsewhere it comes later, or never. */
static ares_ssize_t resolver_socket_send(ares_socket_t fd, const struct iovec *parts, int count, void *user)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count };
	ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);

	(void)user;
	return sent < 0 && errno == ECONNREFUSED ? sendmsg(fd, &message, MSG_NOSIGNAL) : sent;
}

static const struct ares_socket_functions resolver_socket_functions = {
	.asocket = resolver_socket_open,
	.aclose = resolver_socket_close,
	.aconnect = resolver_socket_connect,
	.arecvfrom = resolver_socket_receive,
	.asendv = resolver_socket_send,
};

/* ---- questions and answers ---- */

/* Whether the name is not there, or whether nobody could say: the caller keeps old answers in the one case.
 */
static result status_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return OK;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_EBADNAME:
	case ARES_EBADQUERY:
		return error_make(ERROR_MISSING, "no such name");
	case ARES_EDESTRUCTION:
	case ARES_ECANCELLED:
		return error_make(ERROR_CANCELLED, "cancelled");
	default:
		return error_make(ERROR_REFUSED, "no DNS server answers");
	}
}

static size_t answer_room(const struct ares_addrinfo *info, size_t most)
{
	size_t count = 0;

	for (const struct ares_addrinfo_node *node = info ? info->nodes : NULL; node; node = node->ai_next)
		count++;
	return count < most ? count : most;
}

/* Those of one family; c-ares mixes them as the answers came. */
static size_t answer_collect(const struct ares_addrinfo *info, int family, struct address *at, size_t count,
			     size_t max)
{
	for (const struct ares_addrinfo_node *node = info->nodes; node && count < max; node = node->ai_next) {
		if (node->ai_family != family || node->ai_addrlen > sizeof at->v6)
			continue;
		at[count] = (struct address) { .len = node->ai_addrlen };
		memcpy(&at[count].v6, node->ai_addr, node->ai_addrlen);
		count++;
	}
	return count;
}

/* Of the record that goes first, also on the way to the name that has the addresses. */
static duration answer_ttl(const struct ares_addrinfo *info)
{
	int ttl = INT32_MAX;

	for (const struct ares_addrinfo_cname *alias = info->cnames; alias; alias = alias->next)
		ttl = alias->ttl < ttl ? alias->ttl : ttl;
	for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next)
		ttl = node->ai_ttl < ttl ? node->ai_ttl : ttl;
	return ttl * SECOND;
}

/* With both families in one question the last answer decides what is said, so that "no address" may mean that
 * nobody could say for one of them. A name is gone when it has none of either. */
static bool is_unsure(const struct question *question, int status)
{
	return status == ARES_ENODATA && question->family != AF_INET6;
}

static void question_ask(struct question *question, int family);

static void resolver_on_answer(void *argument, int status, int timeouts, struct ares_addrinfo *info)
{
	struct question *question = argument;
	struct resolver_answer answer = { .status = status_of(status) };
	size_t room = answer_room(info, question->max);
	struct address *at;

	(void)timeouts;
	if (is_unsure(question, status)) {
		if (info)
			ares_freeaddrinfo(info);
		question_ask(question, question->family == AF_UNSPEC ? AF_INET : AF_INET6);
		return;
	}
	at = calloc(room + 1, sizeof *at); /* not on the stack, which may be a fiber's */
	ASSERT(at);
	answer.at = at;
	if (!failed(answer.status)) {
		answer.count = answer_collect(info, AF_INET, at, 0, room);
		answer.count = answer_collect(info, AF_INET6, at, answer.count, room);
		answer.ttl = answer_ttl(info);
		if (answer.count == 0)
			answer.status = status_of(ARES_ENODATA);
	}
	if (info)
		ares_freeaddrinfo(info);
	question->fn(question->argument, &answer);
	free(question);
	free(at);
}

static void question_ask(struct question *question, int family)
{
	const struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT,
						   .ai_family = family,
						   .ai_socktype = SOCK_STREAM };

	question->family = family;
	ares_getaddrinfo(question->resolver->channel, question->name, NULL, &hints, resolver_on_answer,
			 question);
}

void resolver_ask(struct resolver *resolver, const char *name, size_t max, resolver_fn fn, void *argument)
{
	size_t size = strlen(name) + 1;
	struct question *question = malloc(sizeof *question + size);

	ASSERT(question && max);
	*question = (struct question) { .resolver = resolver,
					.name = memcpy(question + 1, name, size),
					.fn = fn,
					.argument = argument,
					.max = max };
	question_ask(question, AF_UNSPEC);
	resolver_set_timer(resolver);
}

static void resolver_on_message(void *argument, int status, int timeouts, unsigned char *message, int len)
{
	struct services_question question = *(struct services_question *)argument;
	str bytes = { (const char *)message, message && len > 0 ? (size_t)len : 0 };

	(void)timeouts;
	free(argument);
	question.fn(question.argument, status_of(status), bytes);
}

void resolver_ask_services(struct resolver *resolver, const char *name, resolver_message_fn fn,
			   void *argument)
{
	struct services_question *question = malloc(sizeof *question);

	ASSERT(question);
	*question = (struct services_question) { fn, argument };
	ares_search(resolver->channel, name, CLASS_IN, TYPE_SRV, resolver_on_message, question);
	resolver_set_timer(resolver);
}

void resolver_on_idle(struct resolver *resolver, void (*fn)(void *argument), void *argument)
{
	resolver->on_idle = fn;
	resolver->on_idle_argument = argument;
}

static result resolver_init(struct resolver *resolver, const struct resolver_options *options)
{
	duration patience = options && options->patience ? options->patience : PATIENCE;
	struct ares_options wanted = {
		.timeout = (int)(patience / MILLISECOND),
		.tries = options && options->tries ? options->tries : TRIES,
	};

	if (ares_init_options(&resolver->channel, &wanted, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) !=
	    ARES_SUCCESS)
		return error_make(ERROR_SYSTEM, "DNS cannot be set up");
	ares_set_socket_functions(resolver->channel, &resolver_socket_functions, resolver);
	if (options && options->servers &&
	    ares_set_servers_ports_csv(resolver->channel, options->servers) != ARES_SUCCESS)
		return error_make(ERROR_INVALID, "not a list of DNS servers");
	return OK;
}

result resolver_new(struct loop *loop, const struct resolver_options *options, struct resolver **ret_resolver)
{
	struct resolver *resolver = calloc(1, sizeof *resolver);
	result_value made;

	ASSERT(resolver);
	resolver->loop = loop;
	resolver->timer.on_due = resolver_on_due;
	made = resolver_init(resolver, options);
	if (failed(made))
		resolver_free(&resolver);
	*ret_resolver = resolver;
	return made;
}

void resolver_free(struct resolver **address)
{
	struct resolver *resolver = *address;

	if (!resolver)
		return;
	*address = NULL;
	resolver->on_idle = NULL;
	if (resolver->channel)
		ares_destroy(resolver->channel);
	timer_clear(&resolver->timer);
	free(resolver);
}
