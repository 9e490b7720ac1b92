/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_rate: limits that several gateways count together, for policies: effects.take on a Redis.
 */
#pragma once

#include "policy/policy.h"

struct worker;

result shared_rate_take(void *self, struct view *view, struct shared_take *take,
			struct rate_standing *ret_standing);
/* effects.take of an exchange. Yields. */

void shared_rate_follow(struct worker *worker);
/* Connects to the Redis of the worker's newest configuration, if it has one, before a request needs it. */
