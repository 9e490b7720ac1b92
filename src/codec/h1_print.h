/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_print: heads as bytes. What is forwarded is written anew from the parsed message, never copied through.
 *
 * One pass: a field that finds no room marks the buffer as overflowed, and nothing more is written then.
 */
#pragma once

#include "base/buf.h"
#include "codec/http_head.h"

void h1_request_print(struct buf *out, const struct http_request *request, str target);
/* The request line with method_text, target and HTTP/1.1, the fields that are not removed in their order, and
 * the empty line. Framing and connection fields must be among the fields. */

void h1_response_print(struct buf *out, const struct http_response *response);
/* The status line is HTTP/1.1 whatever response->version is (RFC 9110 section 2.5); without a reason, the
 * registered one is printed. */

void h1_line_print(struct buf *out, str name, str value);
/* "Name: value" and its end. Nothing is checked here: neither may bear a line end. */

void h1_fields_print(struct buf *out, const struct http_fields *fields);
/* The fields and the empty line: a trailer section. */
