/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_config: `store` of the configuration: where that is counted which several gateways count together.
 */
#pragma once

#include "policy/policy.h"
#include "store/redis_place.h"
#include "upstream/upstream_config.h"

struct identities;

struct store_config {
	const struct node *node; /* the map; NULL: each gateway counts for itself */
	str_list redis;
	int on_failure; /* enum limit_failure */
	duration timeout;
	str username, password;
	int64_t database;
	str prefix;
	struct upstream_tls_config tls; /* spoken when the key is there */
};

extern const struct field store_fields[];
extern const char store_page[]; /* what the manual says beneath them */

extern const struct field_form store_form; /* member: struct store_config */

/* What it comes to. */
struct store {
	struct redis_place *place;       /* NULL: none */
	struct tls_client_identity *tls; /* as whom it is spoken to; NULL: nothing is encrypted */
};

void store_compile(struct reader *reader, const struct store_config *config, struct identities *identities,
		   struct store *ret_store);
/* Reports what is wrong; there is no place then. Until store_release(). */

struct store_choice store_choice(const struct store_config *config);
/* For policies. */

void store_release(struct store *store);
