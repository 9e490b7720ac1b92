/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery_private: what reading `discovery`, asking for it and understanding the answer have in common.
 */
#pragma once

#include "upstream/discovery.h"

enum {
	DISCOVERY_NAME_MAX = 253,
	DISCOVERY_DNS_PORT = 53,
	DISCOVERY_STAND_IN_PORT = 80, /* SRV has none before it is asked */
	DISCOVERY_KEY_MAX = 1536,     /* type, name, port, eight servers */
};

result discovery_key(struct reader *reader, const struct node *node, const struct discovery_config *config,
		     struct buf *ret_key);
/* Checks what the rows cannot, and prints the key. ERROR_INVALID after a report. */

struct roster *discovery_roster_of(struct endpoints *endpoints, const struct dns_records *records);
/* Who serves by this answer. The caller's reference. */
