/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_field: the fields of an HTTP message, in their order, as slices (RFC 9110 section 5).
 *
 * Names that the gateway knows get a number when they are parsed, so that later look-ups compare integers.
 * What kind of field a name is (hop-by-hop, managed, singleton) is a column of the table of names.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"
#include "base/str.h"

enum http_name {
	HTTP_NAME_OTHER, /* not in the table: compare the text */
#define X(id, text, flags) HTTP_##id,
#include "codec/http_names.h"
#undef X
	HTTP_NAMES,
};

enum http_name_flags {
	HTTP_NAME_HOP = 1,          /* hop-by-hop: never forwarded as it came (RFC 9110 section 7.6.1) */
	HTTP_NAME_MANAGED = 2,      /* the gateway's own: removed from what clients send */
	HTTP_NAME_SINGLETON = 4,    /* twice in a request is 400 */
	HTTP_NAME_NO_TRAILER = 8,   /* not in a trailer section (RFC 9110 section 6.5.1) */
	HTTP_NAME_NO_NOMINATE = 16, /* Connection may not nominate it */
	HTTP_NAME_FAMILY = 32,      /* many names with one beginning: told apart by their text */
	HTTP_NAME_WIRE = 64,        /* of HTTP/1's connection: not in HTTP/2 (RFC 9113 section 8.2.2) */
};

struct http_field {
	str name;  /* as it came */
	str value; /* without whitespace at its ends */
	enum http_name id;
	bool removed; /* skipped by every reader and writer */
};

struct http_fields {
	struct http_field *at;
	size_t count, max;
	struct arena *arena; /* where they go when they outgrow max; NULL: max is the bound */
};

enum { HTTP_FIELDS_MAX = 16384 }; /* what they may grow to */

enum http_name http_name_find(str name);
/* Case folded. */

enum http_name http_name_find_alias(str name);
/* Case folded, and '_' and '.' read as '-': what a CGI-like service could mistake for the name. */

bool http_name_is_alias(str a, str b);
/* Whether such a service could take one name for the other. */

unsigned http_name_flags(enum http_name id);
str http_name_text(enum http_name id);
/* In its usual case. */

str http_name_lower(enum http_name id);
/* As it stands in HTTP/2 and HTTP/3. Empty for a family and for HTTP_NAME_OTHER. */

const struct http_field *http_fields_get(const struct http_fields *fields, enum http_name id);
/* The first one that is not removed, or NULL. */

str http_fields_value(const struct http_fields *fields, enum http_name id);
/* Its value; empty without one. */

const struct http_field *http_fields_find(const struct http_fields *fields, str name);
/* The same by text, case folded; for names that may not be in the table. */

size_t http_fields_count(const struct http_fields *fields, enum http_name id);

void http_fields_remove(struct http_fields *fields, enum http_name id);
void http_fields_remove_named(struct http_fields *fields, str name);
/* name may end in '*': a prefix. */

void http_fields_remove_managed(struct http_fields *fields);
/* What no client may send: managed names, also written with '_' or '.' for '-'; so written, also the names of
 * framing and of the connection. */

void http_fields_remove_hop(struct http_fields *fields);
/* Hop-by-hop fields, and those that Connection nominates unless they may not be (RFC 9110 section 7.6.1).
 * Look at Connection, Upgrade, TE before. Content-Length stays: printing goes by the message's framing. */

result http_fields_add(struct http_fields *fields, enum http_name id, str name, str value);
/* Slices are borrowed. ERROR_LIMIT at the bound. */

result http_fields_set(struct http_fields *fields, enum http_name id, str name, str value);
/* Removes all of that name and adds one. */

void http_fields_keep_trailers(struct http_fields *fields);
/* Takes out what may not be a trailer: fields by which a recipient would act before the body is read, those
 * of the connection, managed names. They are dropped and not refused: RFC 9110 section 6.5.1 lets a recipient
 * do so, and clients send them in good faith. */

bool http_list_has(str value, str token);
/* A comma-separated list holds the token, case folded (RFC 9110 section 5.6.1). */

bool http_is_token(str s);
/* RFC 9110 section 5.6.2; not empty. */

bool http_is_field_value(str s);
/* Visible ASCII, obs-text, spaces and tabs; no control character, no line end (RFC 9110 section 5.5). */
