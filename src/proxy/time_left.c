/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/time_left.h"

#include "base/assert.h"

enum { DIGITS_MAX = 20 };

#define TIME_MAX (7 * DAY / MILLISECOND) /* longer is as good as none */

static void take_clients(struct exchange *x, str name)
{
	const struct http_field *field = http_fields_find(&x->request.head.fields, name);
	uint64_t milliseconds;

	if (field && str_to_u64(field->value, TIME_MAX, &milliseconds))
		x->clients_until = deadline_min(
			x->clients_until, deadline_after(x->began, (duration)milliseconds * MILLISECOND));
	x->until = deadline_min(x->until, x->clients_until);
}

void time_left_take(struct exchange *x)
{
	if (x->timeouts->total)
		x->until = deadline_min(x->until, deadline_after(x->began, x->timeouts->total));
	if (x->timeouts->pass.len)
		take_clients(x, x->timeouts->pass);
}

bool time_left_is_told(const struct exchange *x)
{
	return x->call.until || x->timeouts->pass.len;
}

/* Of the whole exchange, or, where that is shorter, for the head of the answer. */
static str print_left(struct exchange *x)
{
	deadline now = exchange_now(x);
	deadline until = deadline_min(x->until, deadline_after(now, x->timeouts->response));
	struct buf out = arena_open(&x->arena, DIGITS_MAX);

	buf_put_u64(&out, until > now ? (uint64_t)((until - now) / MILLISECOND) : 0);
	return arena_close(&x->arena, &out);
}

/* Where there is no room for one more, the client's own goes nevertheless. */
void time_left_tell(struct exchange *x)
{
	struct http_fields *fields = &x->request.head.fields;
	str name = x->timeouts->pass;
	result_value added;

	call_tell_time(x);
	if (!name.len)
		return;
	http_fields_remove_named(fields, name);
	added = http_fields_add(fields, HTTP_NAME_OTHER, name, print_left(x));
	(void)added;
}
