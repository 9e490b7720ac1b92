/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener_snapshot: a listener compiled: where it is, whom it believes, and how it speaks TLS.
 */
#pragma once

#include "codec/cidr.h"
#include "codec/h1.h"
#include "io/address.h"
#include "proxy/gateway_config.h"

struct listener_tls;
struct ticket_keys;

struct listener_snapshot {
	str name;
	const struct listener_config *config;
	struct address address;
	struct h1_limits h1;  /* the parser's part of the limits */
	struct cidr *trusted; /* the proxies whose word is taken */
	size_t trusted_count;
	struct listener_tls *tls; /* NULL: none */
	bool minds_scheme;        /* see https_check(): not every request may be served */
};

void listeners_compile(struct reader *reader, const struct gateway_config *config,
		       struct ticket_keys *tickets, struct listener_snapshot **ret_listeners);
/* One for each of the configuration's. Reports what is wrong. listeners_fini() also then. */

void listeners_fini(struct listener_snapshot *listeners, size_t count);
