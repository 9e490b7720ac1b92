/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: a configuration for a command, with its diagnostics on standard error.
 */
#pragma once

#include "proxy/snapshot.h"

struct loaded {
	struct snapshot *snapshot;
	struct endpoints *endpoints;
};

bool load(str file, struct loaded *ret_loaded);
/* False when it has errors, which are printed. unload() in either case. */

bool load_text(str name, str text, struct loaded *ret_loaded);

void unload(struct loaded *loaded);
