/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential: where in a request a policy looks for what proves who asks.
 *
 * In one place only, and there once: a request that bears two is refused, for another reader might take the
 * other one.
 */
#pragma once

#include "policy/policy.h"

/* One of them; with none, the policy's own. */
struct credential_place {
	str header, cookie, query;
	enum http_name id; /* compiled; of the header */
};

extern const struct field credential_place_fields[];

result credential_place_compile(struct policy_compile *compile, const char *key, const char *standard,
				struct credential_place *place);
/* standard: the field where nothing is said. ERROR_INVALID after a report. */

str credential_place_text(const struct credential_place *place, str scheme, struct arena *arena);
/* "header x-api-key", "cookie a", "query b", and with a scheme "header authorization bearer": whatever stands
 * in a place stands in all that it begins with, word by word. */

enum credential_found { CREDENTIAL_NONE, CREDENTIAL_ONE, CREDENTIAL_MANY };

enum credential_found credential_find(const struct credential_place *place, const struct view *view,
				      str *ret_text);
/* The value as it came, but decoded in a query. Empty is none. Lives in the request or the arena. */

bool credential_in_scheme(str value, str scheme, str *ret_credential);
/* "Bearer abc": the scheme's case does not matter, one or more spaces follow (RFC 9110 section 11.4). */

enum reason credential_find_token(const struct credential_place *place, str scheme, const struct view *view,
				  str *ret_token);
/* In Authorization it stands behind the scheme; what is behind another is another's credential, and then
 * there is no token here. REASON_NONE, REASON_TOKEN_MISSING, or of several REASON_TOKEN_MALFORMED. */

result credential_check_realm(const struct policy_compile *compile, str realm);
/* The option of that name can stand between quotes in WWW-Authenticate. ERROR_INVALID after a report. */

void credential_strip(const struct credential_place *place, struct view *view);
/* The upstream does not get it. */
