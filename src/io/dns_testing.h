/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_testing: a small DNS server, over UDP and TCP, that lives in the loop of the test. The names it knows
 * say what it does.
 */
#pragma once

#include "fiber/testing.h"
#include "io/listener.h"
#include "io/socket.h"

struct zone_service {
	uint16_t priority, weight, port;
	const char *target;
};

enum { ZONE_SERVICES_MAX = 4 };

/* What the server says of a name. */
struct zone {
	const char *name;
	unsigned a, aaaa; /* how many addresses */
	struct zone_service services[ZONE_SERVICES_MAX];
	unsigned targets; /* so many services besides: t100.test on port 8100, and so on */
	unsigned ttl;
	unsigned code;
	bool is_silent, is_truncated; /* over UDP */
};

struct server {
	struct source udp; /* first */
	struct listener tcp;
	struct world *world;
	bool is_down, is_silent; /* whatever the name */
	unsigned questions;      /* for A records: one a resolution */
	bool uses_other_addresses;
	const struct zone *zones; /* ended by one without a name; asked before those that it has */
};

uint16_t server_open(struct server *server, struct world *world);
/* Returns its port of 127.0.0.1. */

void server_close(struct server *server);
