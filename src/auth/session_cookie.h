/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_cookie: what a browser keeps for the gateway, which it can neither read nor change.
 *
 * Sealed by AES-256-GCM under a key that is derived from a secret of the configuration; the first of several
 * secrets seals, all of them open, so that one can be replaced by another while people are logged in. What is
 * sealed for one purpose is nothing for another: its label is authenticated with it. A random IV of 96 bits
 * and a key for each secret: good for 2^32 cookies (NIST SP 800-38D section 8.3).
 *
 * Browsers keep cookies of up to 4 KiB: larger ones are split over several, the first of which says how many.
 */
#pragma once

#include "base/arena.h"
#include "base/time.h"
#include "codec/http_field.h"

enum {
	SESSION_SECRETS_MAX = 4,
	SESSION_SECRET_MIN = 32, /* bytes */
	SESSION_PLAIN_MAX = 8 * 1024,
	SESSION_COOKIES_MAX = 4, /* that one session is split over */
};

struct session_keys {
	size_t count;
	unsigned char at[SESSION_SECRETS_MAX][32];
};

void session_keys_init(struct session_keys *keys, const str *secrets, size_t count);

result session_seal(const struct session_keys *keys, str label, str plain, struct arena *arena,
		    str *ret_sealed);
/* Text of base64url, in the arena. ERROR_LIMIT: more than SESSION_PLAIN_MAX, or no memory. */

result session_open(const struct session_keys *keys, str label, str sealed, struct arena *arena,
		    str *ret_plain);
/* ERROR_MALFORMED: no text of ours, or by none of the keys, or for another purpose. */

/* How a cookie is called and whom browsers send it to (RFC 6265 section 4.1). */
struct session_cookie {
	str name, path;
	bool is_secure;
	size_t parts; /* that the browser has: those that are not set anew are to be forgotten */
};

size_t session_cookie_parts(const struct http_fields *fields, str name);
/* Up to the last one that a request bears. */

result session_cookie_find(const struct http_fields *fields, str name, struct arena *arena, str *ret_value);
/* Put together from its parts. ERROR_MISSING; ERROR_MALFORMED: parts are missing. */

result session_cookie_put(const struct session_cookie *cookie, str value, duration lasts, struct arena *arena,
			  struct http_fields *to);
/* Set-Cookie for each part; value empty: all are to be forgotten. No script can read it, and other sites'
 * pages send it with navigations only. ERROR_LIMIT: it is too large, or there is no room; nothing was added
 * then. */

result session_cookie_strip(str name, struct arena *arena, struct http_fields *fields);
/* Takes its parts out of Cookie: nobody behind the gateway has a use for them. ERROR_LIMIT: no memory. */
