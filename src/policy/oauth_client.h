/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth_client: the gateway as a client of an authorization server (RFC 6749): it sends forms, wants JSON,
 * and proves who it is by a name and a secret.
 */
#pragma once

#include "policy/policy.h"

enum { OAUTH_CLIENT_FIELDS = 3 };

str oauth_client_authorization(struct arena *arena, str id, str secret);
/* "Basic ..." (section 2.3.1). For set-up. */

result oauth_client_fields(struct http_fields *fields, str authorization);
/* Those of a request with a form, for which there is room for OAUTH_CLIENT_FIELDS; without Authorization
 * where it is empty: the secret stands in the form then. ERROR_LIMIT. */

void oauth_put_parameter(struct buf *out, const char *name, str value);
/* "&name=value", the value encoded, as in a form and in a query; without '&' where nothing stands before it.
 */
