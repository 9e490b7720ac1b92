/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer: what the gateway says itself: a policy's answer, or a problem document (RFC 9457) with Proxy-
 * Status (RFC 9209).
 *
 * There is one answer to each request: nothing is sent after a head has gone, and nothing to a client that
 * has gone. The words are the reason's row; what would help an attacker is in the log alone.
 */
#pragma once

#include "proxy/exchange.h"

void answer_send(struct exchange *x, enum reason reason);
/* Yields. Response policies run on it as on any other. Nothing is sent when a head has gone already or the
 * client is gone. */
