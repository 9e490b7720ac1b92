/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two conditions around a ring. A wake-up is a hint: between it and the fiber's run somebody else may have
 * taken the item or the place, so both sides look again.
 */
#include "fiber/channel.h"

#include <stdlib.h>

#include "base/assert.h"

void channel_init(struct channel *channel, size_t max)
{
	ASSERT(max > 0);
	*channel = (struct channel) { .max = max, .ring = calloc(max, sizeof *channel->ring) };
	ASSERT(channel->ring);
}

void channel_fini(struct channel *channel)
{
	ASSERT(!channel->filled.first && !channel->drained.first);
	free(channel->ring);
	channel->ring = NULL;
}

result channel_offer(struct channel *channel, void *item)
{
	if (channel->is_closed)
		return error_make(ERROR_CLOSED, "the channel is closed");
	if (channel->count == channel->max)
		return error_make(ERROR_LIMIT, "the channel is full");
	channel->ring[(channel->first + channel->count) % channel->max] = item;
	channel->count++;
	condition_signal(&channel->filled);
	return OK;
}

bool channel_take(struct channel *channel, void **ret_item)
{
	if (channel->count == 0)
		return false;
	*ret_item = channel->ring[channel->first];
	channel->first = (channel->first + 1) % channel->max;
	channel->count--;
	condition_signal(&channel->drained);
	return true;
}

result channel_send(struct channel *channel, struct fiber *self, void *item, deadline until)
{
	for (;;) {
		result_value offered = channel_offer(channel, item);

		if (offered.kind != ERROR_LIMIT)
			return offered;
		TRY(condition_wait(&channel->drained, self, until));
	}
}

result channel_receive(struct channel *channel, struct fiber *self, deadline until, void **ret_item)
{
	while (!channel_take(channel, ret_item)) {
		if (channel->is_closed)
			return error_make(ERROR_CLOSED, "the channel is closed");
		TRY(condition_wait(&channel->filled, self, until));
	}
	return OK;
}

void channel_close(struct channel *channel)
{
	channel->is_closed = true;
	condition_broadcast(&channel->filled);
	condition_broadcast(&channel->drained);
}
