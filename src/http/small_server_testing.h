/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_server_testing: a loop with fibers and clients of a server in it, for unit tests of servers.
 */
#pragma once

#include "base/testing.h"
#include "fiber/testing.h"
#include "http/small_server.h"

int testing_listen(struct address *ret_bound);
/* On a free port of the loopback. */

int testing_connect(const struct address *to);
/* Blocking no longer once it is connected. */

void testing_send(int fd, str bytes);
/* All of it; it must fit into what the system holds. */

char *testing_receive(struct world *world, int fd);
/* Turns the loop until the peer closes; all that came, NUL-terminated. Closes fd. The caller frees it. */

char *testing_ask(struct world *world, const struct address *to, str bytes);
/* The three of them. */

void testing_turn(struct world *world, unsigned turns);
/* So many turns, of ten milliseconds at most each. */
