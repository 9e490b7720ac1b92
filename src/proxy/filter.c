/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/filter.h"

#include "http/encode_source.h"
#include "proxy/exchange.h"

struct body_source *filter_encode(void *self, struct view *view, enum coding coding)
{
	struct exchange *x = exchange_of(view);
	struct encode_source *encode;

	(void)self;
	if (x->encoder)
		return NULL;
	x->encoder = encoder_take(x->worker->encoders, coding);
	if (!x->encoder)
		return NULL;
	encode = ARENA_NEW(&x->arena, struct encode_source);
	encode_source_init(encode, view->response_body, x->encoder, x->worker->fibers);
	return &encode->source;
}
