/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificates: looks after what TLS needs while the gateway runs: certificates whose files have changed, and
 * the keys of tickets, which change with time.
 *
 * Certificates are renewed by others, while nobody looks at the gateway. So their files are looked at all the
 * time, whether or not the rest of the configuration is watched, and only they are read.
 */
#pragma once

#include "main/gateway.h"
#include "main/inheritance.h"

struct certificates;
struct ticket_keys;

struct certificates_options {
	struct control *control;
	struct gateway *gateway;
	struct ticket_keys *tickets;
	struct inheritance *inherited; /* of the process before: its tickets are honoured */
	struct snapshot *(*admin_snapshot)(void *owner);
	/* By whose rules the admin address is open, which may be an older one's; NULL: it is not open. */

	void *owner;
};

struct certificates *certificates_open(const struct certificates_options *options);

void certificates_bequeath(const struct certificates *certificates, struct bequest *bequest);
/* For the next process. Accepts NULL. */

void certificates_close(struct certificates **certificates);
/* Turns the loop until what is under way has ended. Clears the address, accepts NULL. */
