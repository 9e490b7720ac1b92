/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: a configuration for a command, with its diagnostics on standard error.
 *
 * What was loaded comes with its identities, because these outlive a snapshot in a running gateway; a
 * command has one of each, and lets go of both by unload().
 */
#pragma once

#include "proxy/snapshot.h"

struct loaded {
	struct snapshot *snapshot;
	struct identities identities;
};

bool load(str file, struct loaded *ret_loaded);
/* False when it has errors, which are printed. unload() in either case. */

bool load_text(str name, str text, struct loaded *ret_loaded);
/* The same for a text, with metrics; diagnostics call it by name. Both must live as long as what was loaded.
 */

bool load_to_serve(str file, struct loaded *ret_loaded);
/* As load(), and with metrics, for a gateway. */

void unload(struct loaded *loaded);
/* Nothing may be serving by it any more. */
