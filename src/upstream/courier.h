/* SPDX-License-Identifier: Apache-2.0 */
/*
 * courier: asks a URL that nobody knew when the configuration was read: an issuer's keys, where its metadata
 * say that they are.
 *
 * A connection of its own for each question, over TLS where the URL says so, to who can prove to the system's
 * authorities that the name is his. Nothing is followed: another place than the one that was named is not
 * asked. Bounded in time and in size.
 */
#pragma once

#include "codec/http_head.h"
#include "upstream/pool.h"

/* What one thread asks by. */
struct courier {
	struct fibers *fibers;
	struct pool *pool;
	struct endpoints *endpoints;
};

struct courier_request {
	str url;
	enum http_method method;
	const struct http_fields *fields; /* NULL: none but the gateway's own */
	str body;                         /* empty: none */
	struct tls_client_identity *web;  /* for https; NULL: it cannot be asked */
	deadline until;
	size_t body_max;
};

struct courier_answer {
	int status;
	struct http_fields fields;
	str body;
	bool is_body_whole; /* false: it was too large, or broke off; there is none then */
};

result courier_ask(struct courier *courier, struct arena *arena, const struct courier_request *request,
		   struct courier_answer *ret_answer);
/* Yields. The answer lives in the arena. Errors as pool_connect() and client_read(), and ERROR_INVALID: that
 * is no URL, or https and nobody to believe. */

result courier_trust(struct tls_client_identities *identities, struct tls_client_identity **ret_web);
/* Whom it believes: the authorities of the system. Not on a worker's thread. The caller has it until
 * courier_distrust(). */

void courier_distrust(struct tls_client_identity **web);
/* Clears the address, accepts NULL. */
