/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upgrade: the handshake of a WebSocket (RFC 6455 section 4), as a proxy has it between two connections.
 *
 * A request that asks for one goes through everything that other requests go through. What is told of the
 * connection (Upgrade, Connection) is said anew on either side; the key and what is agreed by it pass, and
 * the upstream's proof is checked: where two servers did not agree whether the protocol was switched, bytes
 * of one client would be taken for requests of another.
 *
 * No other protocol is switched to. Whoever asks for one is answered as if it had not, which is how Upgrade
 * is meant (RFC 9110 section 7.8).
 */
#pragma once

#include "proxy/exchange.h"

enum reason upgrade_check(struct exchange *x);
/* Whether it asks for a WebSocket: x->is_websocket is set then. Before the fields of the connection are
 * removed. The reason why not, where it does so in a way that is not allowed. */

void upgrade_put(const struct exchange *x, struct buf *out);
/* The lines by which the upstream is asked; nothing if the client did not. */

bool upgrade_is_agreed(const struct exchange *x, const struct http_response *response);
/* Whether a 101 is the answer to what was asked. */
