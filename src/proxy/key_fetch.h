/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_fetch: the keys of an issuer, asked of it: where its metadata say that they are, or at their URL.
 */
#pragma once

#include "auth/key_set.h"
#include "upstream/courier.h"

result key_fetch(struct courier *courier, struct tls_client_identity *web, const struct key_set *set,
		 struct arena *arena, deadline until, struct key_set_fetched *ret_fetched);
/* Yields. OK with keys. Otherwise why there are none: courier_ask()'s errors, ERROR_MALFORMED for what it
 * answered, ERROR_DENIED for metadata that are not its own. */
