/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff_tls: what a listener's TLS asks of clients, name by name, whichever certificate bears the name.
 */
#pragma once

#include "main/diff_lines.h"
#include "proxy/snapshot.h"

void diff_tls(struct diff_lines *lines, const struct listener_snapshot *before,
	      const struct listener_snapshot *after);
/* The same listener in both. Nothing where only one of them has TLS, which is told with its options. */
