/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signature_base: what a signature of a request signs (RFC 9421 section 2.5): a line for each component that
 * it covers, and one of what it says of itself.
 *
 * Components are of the request as its client sent it. Known are the derived ones of requests (section 2.2)
 * and fields by their name alone; what asks for another reading (`sf`, `key`, `bs`, `req`, `tr`) is not
 * understood, and nothing that is not understood can be verified.
 */
#pragma once

#include "base/arena.h"
#include "codec/http_field.h"
#include "codec/structured_field.h"

/* Of a request. */
struct signature_message {
	str method, scheme; /* as they came; lower case */
	str authority;      /* the Host field, or :authority */
	str target;         /* as it came: "/path?query", or absolute */
	const struct http_fields *fields;
};

result signature_base_print(const struct signature_message *message, const struct structured_item *input,
			    struct arena *arena, str *ret_base);
/* input: a member of Signature-Input. ERROR_MALFORMED: it is no list of components, or one stands twice or is
 * not understood; ERROR_MISSING: the request has no such component; ERROR_LIMIT. */

bool signature_base_covers(const struct structured_item *input, str component);
/* By its name alone, without parameters: then all of it is covered. */
