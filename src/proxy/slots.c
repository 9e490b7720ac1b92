/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/slots.h"

#include "proxy/exchange.h"
#include "store/slot_table.h"

result slots_take(void *self, struct view *view, const struct slot_wish *wish, duration patience,
		  struct slot *ret_slot)
{
	struct exchange *x = exchange_of(view);
	struct slot_table *table = view->effects->slots;

	(void)self;
	if (slot_take(table, wish, ret_slot))
		return OK;
	if (!wish->queue)
		return error_make(ERROR_LIMIT, "as much is under way as may be");
	TRY(exchange_before_wait(x));
	return slot_wait(table, wish, &x->worker->slots, x->session->fiber,
			 deadline_min(x->until, deadline_after(exchange_now(x), patience)), ret_slot);
}
