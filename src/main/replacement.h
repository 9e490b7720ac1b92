/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replacement: another process takes over, with the binary and the configuration that there are now.
 *
 * It is started with this one's arguments and environment, and has every listening socket from its beginning,
 * so at no moment does nobody listen. Only when it serves does this one drain; when it does not get there,
 * this one goes on as if nothing had been.
 */
#pragma once

#include "main/control.h"
#include "main/inheritance.h"

struct replacement;

struct replacement_options {
	struct control *control;
	void (*list_sockets)(struct bequest *bequest, void *owner); /* what the other one gets */
	void (*on_over)(void *owner, bool serves); /* it serves, or was given up; from the loop */
	void *owner;
	duration patience; /* how long it may take to start */
};

struct replacement *replacement_new(const struct replacement_options *options);

void replacement_start(struct replacement *replacement);
/* From the loop; none is under way. What comes of it stands in the journal. */

bool replacement_is_under_way(const struct replacement *replacement);

pid_t replacement_process(const struct replacement *replacement);
/* The one that is starting or serves; 0: none. */

void replacement_free(struct replacement **replacement);
/* One that is still starting is ended. Clears the address, accepts NULL. */

void replacement_say_ready(void);
/* To the process that this one replaces, if it does: it may drain now. */
