/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loader: compiles a configuration on a thread of its own, while the control thread goes on.
 *
 * Reading files blocks and compiling many routes takes a while; discovery, health and the admin address are
 * not to wait for that. One configuration is loaded at a time.
 */
#pragma once

#include "fiber/condition.h"
#include "proxy/snapshot.h"

/* Zero but for the loop is a valid loader. */
struct loader {
	struct loop *loop; /* of the fibers that load */
	bool is_busy;
	struct condition is_idle;
};

struct loader_job {
	str name; /* of the file */
	str text; /* instead of the file's; empty: the file is read */
	struct identities *identities;
	/* What came of it, as from snapshot_load(). */
	result_value loaded;
	struct diagnostics *diagnostics;
	struct snapshot *snapshot; /* the caller's; to be freed also when it failed */
};

result loader_run(struct loader *loader, struct fiber *self, struct loader_job *job);
/* Yields until it is loaded, also when cancelled meanwhile: a thread cannot be. ERROR_CANCELLED: it was not
 * begun, and there is no snapshot; ERROR_SYSTEM when there is no thread to be had. What is wrong with the
 * configuration stands in the job. */
