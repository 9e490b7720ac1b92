/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health: decides who is well, on the control thread: what checks have found, and what requests have met.
 *
 * Here active and passive meet, and they do not fight: at any time one of the two has an endpoint. Checks
 * that fail have it from then on, whatever requests meet: an ejection ends, and only checks bring it back. An
 * endpoint that requests have failed with stays ejected until its time is over, though its checks pass: they
 * did so all along, and were wrong.
 *
 * It follows the configuration in force. What is known of an endpoint is its standing's
 * (upstream/standing.h), so a reload forgets nothing.
 */
#pragma once

#include "main/gateway.h"
#include "proxy/identities.h"

struct health;

result health_open(struct control *control, struct gateway *gateway, struct identities *identities,
		   struct health **ret_health);
/* All must outlive it. ERROR_SYSTEM: health_close() all the same. */

void health_follow(struct health *health);
/* Another edition is in force. Accepts NULL. */

void health_close(struct health **health);
/* Turns the loop until what is under way has ended. Clears the address, accepts NULL. */
