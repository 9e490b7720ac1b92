/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward: the request to its upstream, tried again where that is safe, and the answer back to the client.
 */
#pragma once

#include "proxy/exchange.h"

enum reason forward_run(struct exchange *x);
/* Yields. REASON_NONE when the answer went to the client whole. Otherwise why not: if x->has_answer is unset,
 * the gateway must answer. */
