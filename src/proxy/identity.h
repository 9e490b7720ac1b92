/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity: the lines by which an upstream learns who calls, through whom, and under which id.
 */
#pragma once

#include "proxy/exchange.h"

str identity_lines(struct exchange *x);
/* Forwarded (RFC 7239), X-Forwarded-For, -Proto, -Host, -Port, the request's id, Host where the client named
 * none, and Via; each with its line end, in the exchange's arena. What a policy has set itself is left to it.
 * Removes the client's Host where a policy chose another, and its request id. */
