/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff_sections: what differs beside the routes: listeners, upstreams, and the rest of the configuration.
 */
#pragma once

#include "main/diff_lines.h"
#include "proxy/snapshot.h"

void diff_sections(struct diff_lines *lines, const struct snapshot *before, const struct snapshot *after);
