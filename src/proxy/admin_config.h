/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_config: where the gateway is administered, and that nothing else gets there.
 *
 * Here and not in the room admin, because a configuration is checked as a whole: no listener may share the
 * address, and no upstream lead to it. Where others can reach it, it has TLS, which is that of a listener,
 * and a token.
 */
#pragma once

#include "codec/sha256.h"
#include "config/field.h"
#include "io/address.h"
#include "proxy/listener_config.h"

struct gateway_config;
struct listener_tls;
struct ticket_keys;

struct admin_config {
	str address; /* empty: there is none */
	str token;
	struct listener_tls_config tls;
};

struct metrics_config {
	bool enabled;
};

extern const struct field admin_fields[];
extern const struct field metrics_fields[];

/* Compiled. */
struct admin_place {
	bool is_open;   /* there is such an address */
	bool is_public; /* others than this machine may reach it */
	bool has_token;
	struct address address;
	uint8_t token[SHA256_LEN]; /* SHA-256 of it */
	struct listener_tls *tls;  /* NULL: none */
};

void admin_compile(struct reader *reader, const struct gateway_config *config, struct ticket_keys *tickets,
		   struct admin_place *ret_place);
/* Reports what is wrong: an address that others can reach without TLS or a token, a token that is none, a
 * listener or an endpoint at the same place. The listeners and upstreams need not be right themselves.
 * admin_fini() also then. */

void admin_fini(struct admin_place *place);

void admin_check_endpoint(struct reader *reader, const struct gateway_config *config, const struct node *node,
			  str address);
/* Of an endpoint that stands elsewhere than among the upstreams: reports at the node when it leads there. */
