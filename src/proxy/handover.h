/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover: what changes on a message as it passes the gateway: the request's head for the upstream, and
 * the answer for the client.
 *
 * Heads are printed anew, hop-by-hop fields end here (RFC 9110 section 7.6.1), and each side gets the
 * framing that it understands. Bodies pass as they are, a piece at a time. It decides nothing about tries,
 * and once the answer's head has left there is no way back to them.
 */
#pragma once

#include "proxy/forward.h"

str handover_print_request(struct exchange *x);
/* The head as the upstream gets it: the one path, Host, Via, who is calling, the request's id; in the
 * exchange's arena. */

enum reason handover_answer(struct forward *f);
/* Yields. Response policies, then head and body to the client. REASON_NONE when all of it went; with another
 * one and x->has_answer unset nothing has reached the client yet. */

duration handover_keep_alive(str hint, duration idle_timeout);
/* How long the upstream's connection may be kept idle: a second less than its Keep-Alive field says, where
 * that is shorter. */
