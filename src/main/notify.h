/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify: what a service manager wants to know: sd_notify(3).
 *
 * The protocol is a datagram, which is less than the library for it. Without a manager all of this does
 * nothing.
 */
#pragma once

#include <sys/types.h>

void notify_ready(void);
/* Serving; also after a reload. */

void notify_reloading(void);
void notify_stopping(void);

void notify_main_process(pid_t pid);
/* Another process is the service from now on. */
