/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets: where a configuration listens: for each listener one socket for every worker.
 *
 * A new configuration's are made from those of the one before: a listener at the same address goes on with
 * its sockets, whatever it is called; others are bound. Either all can be had or nothing has changed. A
 * process may also begin with sockets that somebody else bound: the process that it replaces, or systemd.
 */
#pragma once

#include "main/inheritance.h"
#include "proxy/snapshot.h"

/* One listener's. */
struct listening {
	str name;              /* of the listener; its snapshot's */
	struct address wanted; /* as the configuration has it */
	struct address bound;  /* with the port that the system chose, if it did */
	bool is_foreign;       /* somebody else bound it, and will go on to have it */
	int *fds;              /* by worker; they belong to the workers once these have them */
	size_t from;           /* the one before that it goes on from; SIZE_MAX: none, it is new */
};

struct sockets {
	size_t workers, count;
	struct listening at[];
};

struct sockets_options {
	const struct snapshot *snapshot;
	size_t workers;
	const struct sockets *before;  /* NULL: none */
	struct inheritance *inherited; /* what is used of it is taken; NULL: nothing is */
	struct journal *journal;
};

result sockets_bind(const struct sockets_options *options, struct sockets **ret_sockets);
/* ERROR_SYSTEM, ERROR_LIMIT: the journal has the words, and what was new is closed again. */

void sockets_say_where(const struct sockets *sockets, struct journal *journal);
/* Where it listens that it did not before. */

bool sockets_have(const struct sockets *sockets, size_t before);
/* Whether the listener with that index goes on. */

void sockets_remove(const struct listening *listening, struct journal *journal);
/* It does not go on: says so, and takes a Unix socket's path away. Its descriptors are the workers'. */

void sockets_close_new(const struct sockets *sockets);
/* Those that nobody took over. */

void sockets_free(struct sockets **sockets);
/* Not the descriptors. Clears the address, accepts NULL. */
