/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cors_origin: whose pages may ask: "https://app.example.com:8443", every host under a name, or "*" for all.
 *
 * A browser writes an origin in one way only (scheme, host in lower case, port unless it is the scheme's
 * own), so that it is compared byte by byte. `*.` before the host stands for one or more labels, as it does
 * in `hosts`.
 */
#pragma once

#include "config/field.h"

enum { CORS_ORIGINS_MAX = 1000 };

struct cors_origin {
	str head, tail; /* what stands before and behind the labels */
	bool is_wildcard;
};

struct cors_origins {
	const struct cors_origin *at;
	size_t count;
	bool is_any; /* "*" */
};

extern const struct field_form cors_origins_form; /* member: struct cors_origins */

bool cors_origins_have(const struct cors_origins *origins, str origin);
/* origin: of a request's Origin field; "null", as of a sandboxed page, is in "*" only. */
