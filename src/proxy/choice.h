/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choice: which upstream an exchange goes to, settled once, after its policies and before its first try.
 *
 * Where the target has a split, what the route says is sticky is looked for in the request. A client without
 * the cookie is chosen for at random, by a value that it is told with the answer, so that its next request
 * goes the same way.
 */
#pragma once

#include "proxy/exchange.h"

void choice_make(struct exchange *x);
/* Sets x->upstream and x->timeouts. No upstream: nobody but a policy could have answered. */

result choice_put_cookie(struct exchange *x, struct http_fields *fields);
/* Adds the gateway's cookie to an answer of the upstream, where the client has none yet. ERROR_LIMIT. */

uint64_t choice_key(struct exchange *x);
/* By what its upstream's `balance: { hash: ... }` keeps requests together; at random where the request has
 * nothing of the kind. After choice_make(), while the request is as its policies have left it. */
