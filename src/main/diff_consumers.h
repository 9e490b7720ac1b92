/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff_consumers: who is known, and as whose member, wherever it stands: in the configuration or in a file
 * that it names.
 */
#pragma once

#include "main/diff_lines.h"
#include "proxy/snapshot.h"

void diff_consumers(struct diff_lines *lines, const struct snapshot *before, const struct snapshot *after);
/* Consumers that come and go; groups of those that stand in a file on either side. */
