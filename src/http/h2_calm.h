/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_calm: how much an HTTP/2 connection may cost beyond what it asks for.
 *
 * There is no frame that an honest client never sends: browsers reset streams, gRPC pings, everybody updates
 * windows. What tells a flood apart is that nothing comes of it. So each connection has two accounts: work
 * that is good for something pays in, frames that are good for nothing by themselves are paid from it, and
 * time pays a little. Whoever has used up an account is told to calm down (RFC 9113 section 10.5).
 *
 * Resets: streams that the client gives up or makes the gateway reset (CVE-2023-44487, CVE-2025-8671), and
 * those whose answers it does not take.
 * Controls: every frame but those that carry a request or its body.
 */
#pragma once

#include "base/time.h"

enum h2_account { H2_RESETS, H2_CONTROLS, H2_ACCOUNTS };

struct h2_calm {
	int64_t left[H2_ACCOUNTS];
	deadline paid; /* until when time has been paid for */
};

void h2_calm_init(struct h2_calm *calm, deadline now);

bool h2_calm_spend(struct h2_calm *calm, enum h2_account account, deadline now);
/* One of it. False when there is none left. */

void h2_calm_earn(struct h2_calm *calm, enum h2_account account, unsigned count);
/* Never above what a connection begins with. */
