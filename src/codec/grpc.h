/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc: what a gateway must know of gRPC over HTTP/2 and of gRPC-Web: which requests are calls, how a
 * status is told, and how long a call may take. Messages are never looked into.
 *
 * The documents are grpc/doc/PROTOCOL-HTTP2.md, PROTOCOL-WEB.md and http-grpc-status-mapping.md.
 */
#pragma once

#include "base/buf.h"
#include "base/time.h"

enum grpc_kind {
	GRPC_NONE,     /* no call at all */
	GRPC_NATIVE,   /* application/grpc: the status is in the trailers */
	GRPC_WEB,      /* application/grpc-web: the status is the last frame of the body */
	GRPC_WEB_TEXT, /* application/grpc-web-text: the same, all of it in base64 */
};

enum grpc_status {
	GRPC_OK = 0,
	GRPC_UNKNOWN = 2,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

enum { GRPC_TIMEOUT_MAX = 9 }; /* bytes: eight digits and a unit */

enum grpc_kind grpc_kind_of(str content_type, str *ret_format);
/* Case folded; parameters do not matter. *ret_format: the message format with its plus sign ("+proto",
 * "+json"), empty where none is named. */

str grpc_content_type(enum grpc_kind kind);
/* Without a format; a literal. Empty for GRPC_NONE. */

enum grpc_status grpc_status_of(int http_status);
/* What stands for an HTTP status in a call: 401 16, 403 7, 404 12, 429 8, 400 13, 502 and 503 14, 504 4, and
 * 2 for all others. 429 and 504 are told finer than the document does, which has one word for them and 503.
 */

bool grpc_timeout_parse(str text, duration *ret_timeout);
/* One to eight digits and a unit of H, M, S, m, u, n; false for anything else. What no duration can hold is
 * the longest one. */

void grpc_timeout_print(duration timeout, struct buf *out);
/* In the finest unit that fits, rounded down; 0 and less is "0n". At most
 * GRPC_TIMEOUT_MAX bytes. */

void grpc_message_print(str message, struct buf *out);
/* For grpc-message: percent-encoded but for visible ASCII and the space. */
