/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery: who serves an upstream, by what DNS says of a name, again and again.
 *
 * Belongs to the process and is found by what it asks for, so that it outlives the configurations that want
 * it: two upstreams with the same question share one, and a reload does not begin anew. Asking is done by a
 * fiber each on the control thread, once in each time to live of the answer. The last answer serves as long
 * as DNS is down, of a service each target's own; a name that is known to be gone has no endpoints.
 */
#pragma once

#include "base/journal.h"
#include "config/field.h"
#include "io/dns.h"
#include "upstream/roster.h"

enum discovery_type { DISCOVERY_A, DISCOVERY_SRV };

/* `discovery` of an upstream. */
struct discovery_config {
	str dns;
	int64_t port; /* 0: not given */
	int type;
	str_list servers;
};

extern const struct field discovery_fields[];

/* How long a configuration waits for first answers before it is put in force without them. */
#define DISCOVERY_PATIENCE (5 * SECOND)

struct discovery;
struct discoveries;

struct discoveries *discoveries_new(struct endpoints *endpoints);
/* All of a process. */

void discoveries_free(struct discoveries **discoveries);
/* When no upstream is left and no fiber runs. Clears the address, accepts NULL. */

struct discoveries_options {
	struct fibers *fibers;
	struct dns *dns;
	struct journal *journal;
	void (*on_change)(void *owner);
	void *owner;
};

void discoveries_run(struct discoveries *discoveries, const struct discoveries_options *options);
/* On the control thread, to which everything here but making belongs from now on. Starts to ask, also for
 * what is made later. on_change is called from its loop when rosters have changed, once for all that changed
 * at about the same time. */

void discoveries_stop(struct discoveries *discoveries);
/* Its fibers end; on_change is not called again. What is let go of later is freed at once. */

bool discoveries_are_answered(struct discoveries *discoveries);
/* Each has had an answer. */

result discoveries_wait(struct discoveries *discoveries, struct fiber *self, deadline until);
/* Yields. Until then: before a configuration that wants new ones is put in force. ERROR_TIMEOUT,
 * ERROR_CANCELLED. */

result discovery_get(struct reader *reader, struct discoveries *discoveries, const struct node *node,
		     const struct discovery_config *config, struct discovery **ret_discovery);
/* Finds or makes it, from any thread; the caller has it until discovery_unref(). Reports what makes no sense;
 * node: `discovery` of the upstream. */

void discovery_unref(struct discovery **discovery);
/* From any thread. The last one ends it; clears the address, accepts NULL. */

struct roster *discovery_roster(struct discovery *discovery);
/* Who serves now; nobody before the first answer. Where nobody asks (check, explain, test) the name itself
 * stands for what it would be answered with. A reference, the caller's. From any thread. */
