/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve: a gateway in the foreground, from its start to the signal that ends it.
 *
 * SIGHUP reads the configuration again. SIGUSR2 starts another process with what is installed now, which
 * takes over. SIGTERM and SIGINT drain and stop, a second one stops at once; SIGUSR1 reopens the logs. The
 * gateway's own messages go to standard error by a journal that is made here.
 */
#pragma once

#include <signal.h>

#include "main/load.h"

struct serve_options {
	struct loaded *loaded; /* what it begins with; what comes later has the same identities */
	str file;              /* empty: the configuration is built in, and is not read again */
	bool watches;          /* a changed file is a reason to read it again */
};

void serve_hold_changes(void);
/* SIGHUP, SIGUSR1 and SIGUSR2 wait from here on for serve(), while the configuration is loaded: nobody can
 * know how far a start has come, and their standard action is to end the process. SIGTERM and SIGINT still
 * do. */

void serve_block_signals(sigset_t *ret_signals);
/* The signals that serve() waits for interrupt nobody from here on: this thread, and those it makes. For a
 * command that makes threads of its own before it serves. */

int serve(const struct serve_options *options);
/* Returns the exit code: 0 after a graceful stop, 1 when it could not start. */
