/* SPDX-License-Identifier: Apache-2.0 */
/*
 * administration: joins the admin address with what it administers: gateway, reload, metrics.
 */
#pragma once

#include "main/gateway.h"
#include "main/reload.h"

struct administration;

struct administration_options {
	struct control *control;
	struct gateway *gateway;
	struct reload *reload;
	const struct identities *identities;
	struct inheritance *inherited; /* what is used of it is taken */
	str file;
};

result administration_open(const struct administration_options *options,
			   struct administration **ret_administration);
/* Listens where the configuration in force wants it, which may be nowhere. ERROR_SYSTEM: the journal has the
 * words; close it all the same. */

/* All accept NULL. */

void administration_follow(struct administration *administration, diagnostics_fn tell, void *audience);
/* Listens where the configuration in force wants it. If it cannot, it stays where it is, the journal tells,
 * and so does tell, which may be NULL. */

struct snapshot *administration_snapshot(const struct administration *administration);
/* By whose rules it is open; NULL: it is not. */

void administration_bequeath(const struct administration *administration, struct bequest *bequest);
/* Its socket, for the process that takes over. */

void administration_retire(struct administration *administration);
/* Somebody else has the socket now. What is under way finishes. */

void administration_close(struct administration **administration);
/* What is under way has a second to finish, and is cut then: takes turns of the control loop. Clears the
 * address. */
