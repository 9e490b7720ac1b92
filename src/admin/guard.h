/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard: who may ask the admin address at all.
 *
 * Where it listens on the loopback or on a Unix socket, what could come from elsewhere comes through
 * something on this machine: a browser that was sent there by a page (cross-site requests, or a name of the
 * attacker's that leads to 127.0.0.1), or a proxy, this gateway above all. All of them say so in the request,
 * and are refused. Where others can reach it, it has TLS and a token: then it may have any name, for no page
 * knows the token, and the rest is checked as ever.
 */
#pragma once

#include "codec/http_head.h"
#include "proxy/admin_config.h"

enum guard_verdict {
	GUARD_OK,
	GUARD_FORWARDED, /* through a proxy: Via, Forwarded, X-Forwarded-* */
	GUARD_HOST,      /* for a name that is not this machine's */
	GUARD_ORIGIN,    /* from a page of somewhere else */
	GUARD_TOKEN,     /* without the token */
};

enum guard_verdict guard_check(const struct admin_place *place, const struct http_request *request);
/* All but the token. */

enum guard_verdict guard_check_token(const struct admin_place *place, const struct http_request *request);
/* Compared by its hash and in constant time. GUARD_OK where none is wanted. */
