/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forwarding: the lines by which an upstream learns who calls, through whom, and under which id.
 *
 * They are the gateway's word and nobody else's: what a client says under these names was removed by
 * admission, and what trusted proxies said was taken over into the exchange there.
 */
#pragma once

#include "proxy/exchange.h"

str forwarding_via(enum http_version received);
/* What Via says of this hop, by the version in which the message came (RFC 9110 section 7.6.3). */

bool forwarding_is_via(str hop);
/* One of these. */

void forwarding_prepare(struct exchange *x);
/* Once, before the head is printed: removes the client's Host where a policy chose another, and its request
 * id. */

void forwarding_remove_sessions(struct exchange *x, struct http_fields *fields);
/* The cookies of the gateway's own sessions, from what goes to any service. */

void forwarding_put(struct exchange *x, struct buf *out);
/* Forwarded (RFC 7239), X-Forwarded-For, -Proto, -Host, -Port, the request's id, Host where the fields have
 * none, and Via; each with its line end. What a policy has set itself is left to it, and what one has
 * removed is not said. */
