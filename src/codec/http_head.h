/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_head: the head of a request or of an answer, as values; what every wire parses to and prints from.
 */
#pragma once

#include "codec/http_field.h"

enum http_method {
	HTTP_OTHER_METHOD, /* a token that is none of these: see the text */
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_PATCH,
	HTTP_OPTIONS,
	HTTP_TRACE,
	HTTP_CONNECT,
	HTTP_METHODS,
};

enum http_version { HTTP_1_0, HTTP_1_1, HTTP_2 };

/* How the end of a body is known (RFC 9112 section 6.3). */
enum http_framing {
	HTTP_NO_BODY, /* not even of no bytes: nothing announced one, or there can be none */
	HTTP_LENGTH,  /* length bytes */
	HTTP_CHUNKED,
	HTTP_UNTIL_CLOSE, /* answers only */
};

/* Slices live as long as the bytes that they were parsed from, or where those were moved to. */
struct http_request {
	enum http_method method;
	enum http_version version;
	str method_text;
	str target;   /* as it came */
	str host;     /* whom it is for, without port, as it came; empty only in HTTP/1.0 without Host */
	str protocol; /* what an extended CONNECT is to become (RFC 8441); empty in any other request */
	struct http_fields fields;
	enum http_framing framing;
	uint64_t length; /* with HTTP_LENGTH */
	bool keep_alive; /* the client may send another request after this one (RFC 9112 section 9.3) */
	bool expects_continue;
};

struct http_response {
	int status;
	enum http_version version;
	str reason; /* may be empty; not forwarded to clients that have none */
	struct http_fields fields;
	enum http_framing framing;
	uint64_t length; /* as told; also where there is no body (HEAD, 304) */
	bool keep_alive; /* the upstream may be asked again on this connection */
};

enum http_method http_method_find(str text);
/* Case matters (RFC 9110 section 9.1). */

str http_method_text(enum http_method method);
str http_version_text(enum http_version version);
/* "HTTP/1.1", "HTTP/2.0". */

str http_status_text(int status);
/* "Not Found"; empty for a code that is in no registry. */

bool http_status_has_no_body(int status);
/* Whatever the request and the fields say: 1xx, 204, 304 (RFC 9112 section 6.3, item 1). */

bool http_method_is_safe(enum http_method method);
bool http_method_is_idempotent(enum http_method method);
