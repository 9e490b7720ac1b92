/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission: from what stood on the wire to the one view of the request that everything after it uses.
 *
 * The target is taken apart, the host and the path are normalised, the client is told from the proxies in
 * front of it, and what a client must not say (hop-by-hop, managed names and their aliases) is removed.
 * Nothing behind it looks at the raw target or believes a field about the client again: two readings of one
 * request are how access rules are walked around. Pure but for the arena.
 */
#pragma once

#include "proxy/exchange.h"

enum reason admission_check(struct exchange *x);
/* Fills x->view. REASON_NONE, or why the request is refused. */

struct route_request admission_question(const struct exchange *x);
/* What the router is asked, once admission_check() has found nothing wrong. */

enum reason admission_route(struct exchange *x);
/* Finds the target. REASON_NONE, _NO_ROUTE, _METHOD_NOT_ALLOWED, _PATH_INVALID, _BODY_TOO_LARGE. */

enum reason admission_route_itself(struct exchange *x);
/* The same for a preflight whose answer is nobody's business after all: it is a request like any other. */
