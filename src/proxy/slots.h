/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slots: an exchange that wants a slot of a limit on what is under way at once, and waits for it.
 */
#pragma once

#include "policy/policy.h"

result slots_take(void *self, struct view *view, const struct slot_wish *wish, duration patience,
		  struct slot *ret_slot);
/* effects.take_slot of an exchange. Yields. */
