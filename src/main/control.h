/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control: the thread that does what is not a request: signals, reloads, discovery, the admin address.
 *
 * It is the process's main thread, with a loop and fibers as a worker has them, and names of its own. What
 * workers let go of last is freed here, so that no request ever waits for it.
 */
#pragma once

#include "base/journal.h"
#include "fiber/guard.h"
#include "io/dns.h"

struct control {
	struct loop *loop;
	struct fibers *fibers;
	struct block_pool blocks;
	struct scratch scratch;
	struct dns *dns;
	struct fiber_guard guard; /* the process's, also for the workers' fibers */
	struct journal *journal;  /* the caller's */
};

result control_init(struct control *control, struct journal *journal);
/* On the thread that will run it, once a process. ERROR_SYSTEM, ERROR_LIMIT: control_fini() all the same. */

void control_run(struct control *control);
/* Turns until control_stop(). */

void control_stop(struct control *control);
/* From any thread. */

void control_settle(struct control *control);
/* Turns until no fiber is left and nothing is waiting to be done. Whoever has fibers here has told them to
 * end. */

void control_fini(struct control *control);
/* No fiber may be left. */
