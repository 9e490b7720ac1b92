/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP listener's first socket settles the port, where the configuration leaves it open; the other workers'
 * share it (SO_REUSEPORT). That would let a second gateway share it too, so the first one probes whether
 * somebody listens already. What cannot be bound twice (a path, a socket of systemd's) is shared by dup().
 */
#include "main/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/listener.h"

/* Whether it is ourselves who listen at that port already, at this address of the host or another. */
static bool is_ours(const struct sockets *before, const struct address *at)
{
	for (size_t i = 0; before && i < before->count; i++)
		if (address_has_port_of(&before->at[i].bound, at))
			return true;
	return false;
}

static result bind_first(const struct sockets_options *options, struct listening *listening)
{
	int fd = inheritance_take(options->inherited, listening->name, &listening->wanted,
				  &listening->is_foreign);

	if (fd >= 0) {
		listening->fds[0] = fd;
		return address_of_socket(fd, &listening->bound) ? OK : error_system("no socket", errno);
	}
	if (!is_ours(options->before, &listening->wanted))
		TRY(listener_probe(&listening->wanted));
	return listener_bind(&listening->wanted, &listening->fds[0], &listening->bound);
}

/* Another worker's. */
static result bind_next(const struct sockets_options *options, struct listening *listening, size_t worker)
{
	struct address bound;
	int *fd = &listening->fds[worker];

	*fd = inheritance_take(options->inherited, listening->name, &listening->wanted,
			       &listening->is_foreign);
	if (*fd >= 0)
		return OK;
	if (!address_is_local(&listening->bound) && !listening->is_foreign)
		return listener_bind(&listening->bound, fd, &bound);
	*fd = fcntl(listening->fds[0], F_DUPFD_CLOEXEC, 0);
	return *fd < 0 ? error_system("no descriptor for a listener", errno) : OK;
}

static result bind_one(const struct sockets_options *options, struct listening *listening)
{
	TRY(bind_first(options, listening));
	for (size_t i = 1; i < options->workers; i++)
		TRY(bind_next(options, listening, i));
	return OK;
}

static void go_on_from(struct listening *listening, const struct listening *before, size_t index,
		       size_t workers)
{
	listening->from = index;
	listening->bound = before->bound;
	listening->is_foreign = before->is_foreign;
	memcpy(listening->fds, before->fds, workers * sizeof *before->fds);
}

/* Where any port will do, listeners are the same if they bear the same name. */
static bool is_same(const struct listening *a, const struct listening *b)
{
	return address_is_same_place(&a->wanted, &b->wanted) ||
	       (address_eq(&a->wanted, &b->wanted) && str_eq(a->name, b->name));
}

static bool find_before(const struct sockets_options *options, const struct listening *listening,
			size_t *ret_index)
{
	const struct sockets *before = options->before;

	for (size_t i = 0; before && i < before->count; i++)
		if (is_same(listening, &before->at[i])) {
			*ret_index = i;
			return true;
		}
	return false;
}

/* Two listeners at one address would each get a part of the clients. */
static bool is_taken(const struct sockets *sockets, const struct listening *listening)
{
	for (const struct listening *other = sockets->at; other < listening; other++)
		if (address_is_same_place(&listening->wanted, &other->wanted))
			return true;
	return false;
}

static result open_one(const struct sockets_options *options, const struct sockets *sockets,
		       struct listening *listening)
{
	size_t index;
	result_value bound = error_system("another listener is there", EADDRINUSE);

	if (!is_taken(sockets, listening)) {
		if (find_before(options, listening, &index)) {
			go_on_from(listening, &options->before->at[index], index, options->workers);
			return OK;
		}
		bound = bind_one(options, listening);
	}
	if (failed(bound)) {
		char text[ADDRESS_TEXT_MAX];
		struct buf address = buf_over(text, sizeof text);

		address_print(&listening->wanted, &address);
		journal_error(options->journal, "listener %.*s: cannot listen on %.*s: %s: %s",
			      STR_ARG(listening->name), STR_ARG(buf_str(&address)), bound.why,
			      strerror(bound.sys));
	}
	return bound;
}

/* No descriptor is 0 by accident: those that were not bound are told from others when it fails half-way. */
static struct sockets *sockets_new(const struct sockets_options *options)
{
	const struct snapshot *snapshot = options->snapshot;
	size_t count = snapshot->listener_count;
	struct sockets *sockets = calloc(1, sizeof *sockets + count * sizeof *sockets->at);

	ASSERT(sockets);
	sockets->workers = options->workers;
	sockets->count = count;
	for (size_t i = 0; i < count; i++) {
		struct listening *listening = &sockets->at[i];

		listening->name = snapshot->listeners[i].name;
		listening->wanted = snapshot->listeners[i].address;
		listening->from = SIZE_MAX;
		listening->fds = calloc(options->workers, sizeof *listening->fds);
		ASSERT(listening->fds);
		for (size_t j = 0; j < options->workers; j++)
			listening->fds[j] = -1;
	}
	return sockets;
}

result sockets_bind(const struct sockets_options *options, struct sockets **ret_sockets)
{
	struct sockets *sockets = sockets_new(options);
	result_value opened = OK;

	for (size_t i = 0; i < sockets->count && !failed(opened); i++)
		opened = open_one(options, sockets, &sockets->at[i]);
	if (failed(opened)) {
		sockets_close_new(sockets);
		sockets_free(&sockets);
	}
	*ret_sockets = sockets;
	return opened;
}

void sockets_say_where(const struct sockets *sockets, struct journal *journal)
{
	for (size_t i = 0; i < sockets->count; i++) {
		const struct listening *listening = &sockets->at[i];
		char text[ADDRESS_TEXT_MAX];
		struct buf address = buf_over(text, sizeof text);

		if (listening->from != SIZE_MAX)
			continue;
		address_print(&listening->bound, &address);
		journal_info(journal, "listener %.*s listening on %.*s", STR_ARG(listening->name),
			     STR_ARG(buf_str(&address)));
	}
}

bool sockets_have(const struct sockets *sockets, size_t before)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (sockets->at[i].from == before)
			return true;
	return false;
}

void sockets_remove(const struct listening *listening, struct journal *journal)
{
	journal_info(journal, "listener %.*s is closed", STR_ARG(listening->name));
	if (address_is_local(&listening->bound) && !listening->is_foreign)
		unlink(listening->bound.local.sun_path);
}

void sockets_close_new(const struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++) {
		const struct listening *listening = &sockets->at[i];

		for (size_t j = 0; listening->from == SIZE_MAX && j < sockets->workers; j++)
			if (listening->fds[j] >= 0)
				close(listening->fds[j]);
	}
}

void sockets_free(struct sockets **address)
{
	struct sockets *sockets = *address;

	if (!sockets)
		return;
	for (size_t i = 0; i < sockets->count; i++)
		free(sockets->at[i].fds);
	free(sockets);
	*address = NULL;
}
