/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_limit: limits that several gateways count together, for policies: on the Redis of the configuration.
 */
#pragma once

#include "policy/policy.h"

struct worker;

result shared_limit_take(void *self, struct view *view, struct shared_take *take,
			 struct rate_standing *ret_standing);
/* effects.take of an exchange. Yields. */

result shared_limit_take_quota(void *self, struct view *view, struct shared_quota *quota,
			       struct quota_standing *ret_standing);
/* effects.take_quota of an exchange. Yields. */

void shared_limit_follow(struct worker *worker);
/* Connects to the Redis of the worker's newest configuration, if it has one, before a request needs it. */
