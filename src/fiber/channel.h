/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel: a bounded queue of pointers between fibers of one thread.
 *
 * Full, it holds up the sender; empty, the receiver. Closing lets receivers take what is in it and then
 * tells them. What the pointers point to belongs to whoever holds the pointer.
 */
#pragma once

#include "fiber/condition.h"

struct channel {
	void **ring;
	size_t first, count, max;
	bool is_closed;
	struct condition filled, drained;
};

void channel_init(struct channel *channel, size_t max);
void channel_fini(struct channel *channel);
/* Nobody may be waiting; what is still in it is forgotten. */

result channel_send(struct channel *channel, struct fiber *self, void *item, deadline until);
/* Yields while it is full. ERROR_CLOSED, ERROR_TIMEOUT, ERROR_CANCELLED: the item stays with the caller. */

result channel_receive(struct channel *channel, struct fiber *self, deadline until, void **ret_item);
/* Yields while it is empty. ERROR_CLOSED when it is closed and empty, ERROR_TIMEOUT, ERROR_CANCELLED. */

result channel_offer(struct channel *channel, void *item);
/* Never yields, also from the loop. ERROR_LIMIT when it is full, ERROR_CLOSED. */

bool channel_take(struct channel *channel, void **ret_item);
/* Never yields, also from the loop. False when it is empty. */

void channel_close(struct channel *channel);
/* Nothing more can be sent; everybody who waits hears of it. May be called again. */
