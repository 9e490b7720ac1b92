/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time_left: the one deadline of an exchange, told to the service that answers, and taken from a client that
 * tells its own by the same field (`timeouts.pass`).
 *
 * It only ever becomes shorter: what a client says can take time from its own request and give it none. Calls
 * of gRPC have `grpc-timeout` for it (call.h).
 */
#pragma once

#include "proxy/exchange.h"

void time_left_take(struct exchange *x);
/* When its upstream is chosen: the upstream's `timeouts.total`, and what the client says, become bounds of
 * the exchange. What is no number of milliseconds says nothing. */

bool time_left_is_told(const struct exchange *x);
/* So the request's head is another one at another time. */

void time_left_tell(struct exchange *x);
/* Sets the fields that tell it, to what is left now until the gateway gives up this try. */
