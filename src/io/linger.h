/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linger: the end of a connection whose peer may still be sending.
 *
 * Closing while bytes of the peer are unread makes the system send a reset, which can destroy the answer on
 * its way. So what comes is read and dropped for a while (RFC 9112 section 9.6), by the loop, with
 * no fiber and without the connection's own memory.
 */
#pragma once

#include "loop/loop.h"

enum { LINGER_MAX = 256 * 1024 };

void linger_start(struct source *source, deadline until);
/* Stops sending, takes the descriptor away from source, and closes it when the peer has closed, at `until`,
 * or after LINGER_MAX bytes. */
