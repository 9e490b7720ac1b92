/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uri: the request target taken apart, and the one normalised path that everything else looks at.
 *
 * Two readers that see different paths in the same bytes are the oldest way around an access rule. So the
 * path is brought to one form once: unreserved characters decoded, escapes in upper case, characters that may
 * not stand in a path encoded, "//" merged, then dot segments removed. What a later reader could take for
 * something else is refused: a raw '\', an encoded separator or line end, invalid UTF-8, a bad escape, a dot
 * segment with parameters. The query is data and stays as it came.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"
#include "codec/http_head.h"

/* A request target (RFC 9112 section 3.2). Slices of it. */
struct uri {
	str scheme;    /* absolute-form only */
	str authority; /* absolute-form and authority-form */
	str path;      /* as it came; "/" where absolute-form has none; "*" in asterisk-form */
	str query;     /* without '?' */
	bool has_query;
};

bool uri_split(str target, enum http_method method, struct uri *ret_uri);
/* The form must fit the method: authority-form for CONNECT alone, "*" for OPTIONS alone. Absolute-form is
 * http or https with an authority; userinfo and characters are not looked at here, see host_parse() and
 * uri_path_normalise(). */

enum uri_options {
	URI_KEEP_ENCODED_SLASHES = 1, /* "%2F" is data; a dot segment beside one is still refused */
};

struct uri_path {
	str text;
	bool has_encoded_slash; /* with URI_KEEP_ENCODED_SLASHES: for whoever learns later that it may not */
};

result uri_path_normalise(str path, unsigned options, struct buf *room, struct uri_path *ret_path);
/* ret_path->text is path itself when it is normal already, else at the end of room; three times the path's
 * length plus one is always enough. ERROR_MALFORMED, or ERROR_LIMIT when room is too small. Idempotent. */

bool uri_path_is_normal(str path, unsigned options);
/* For a path that was rewritten. */

bool uri_query_next(str *query, str *ret_name, str *ret_value);
/* Takes the next "name=value" off a query, both still encoded; a name alone has an empty value. Empty pairs
 * are skipped. False at the end. */

str uri_decode(str encoded, bool plus_is_space, struct buf *room);
/* Percent-decoded: itself when there is nothing to decode, else at the end of room. A bad escape stays as it
 * is. Empty when room is too small (encoded.len bytes are enough). */
