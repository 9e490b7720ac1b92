/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inheritance: sockets that were open when the process began, and what was kept with them.
 *
 * There are two that may leave some: systemd (sd_listen_fds(3)), which knows the listeners' names if its unit
 * does, and a gateway that this process replaces, which knows of each socket whose it is. Both say so in the
 * environment. What only the latter may know, a secret, comes in a file without a name, and never in the
 * environment itself, which others can read.
 */
#pragma once

#include <stdio.h>

#include "base/arena.h"
#include "base/journal.h"
#include "io/address.h"

enum { INHERITED_MAX = 100000 };

struct inherited {
	str name;        /* the listener's, as far as whoever bound it knows */
	int fd;          /* -1: taken */
	bool is_by_name; /* it belongs to the listener of that name, wherever it is bound */
};

struct inheritance {
	struct inherited *at;
	size_t count;
};

void inheritance_open(struct inheritance *ret_inherited);
/* What there is, which may be nothing; the variables are taken away. Before there are other threads. Children
 * will not have the sockets by accident. */

int inheritance_take(struct inheritance *inherited, str name, const struct address *wanted,
		     bool *ret_is_foreign);
/* A socket for that listener, non-blocking; -1 without one. NULL holds none. ret_is_foreign is written only
 * on a hit: whoever bound it has it still, and will go on. */

bool inheritance_take_secret(struct inheritance *inherited, str name, struct arena *arena, str *ret_secret);
/* What a gateway before kept by that name, a copy in the arena. False when there is none. */

void inheritance_close(struct inheritance *inherited, struct journal *journal);
/* Closes what nobody took, and says so. */

bool address_is_bound_as_wanted(const struct address *wanted, const struct address *bound, bool is_same_name);
/* At the address, or, where any port will do, at some port of the host under the same name. */

/* For the next process. */

struct bequest {
	FILE *to;
	char *text; /* of the variable GATEHOUSE_SOCKETS, with its name, once it is closed */
	size_t len;
	int secret; /* -1: none */
};

enum { BEQUEST_SECRET_MAX = 64 * 1024 };

void bequest_open(struct bequest *bequest);
void bequest_add(struct bequest *bequest, int fd, str name, bool is_foreign);
/* is_foreign: as inheritance_take() had it. */

void bequest_add_secret(struct bequest *bequest, str name, str secret);
/* At most one; by a name that no listener has. */

void bequest_close(struct bequest *bequest);
/* Nothing can be added any more. */

void bequest_free(struct bequest *bequest);
/* When the next process has been started, or was not. */
