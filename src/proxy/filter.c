/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/filter.h"

#include "http/encode_source.h"
#include "proxy/exchange.h"

struct body_source *filter_encode(void *self, struct view *view, enum coding coding)
{
	struct worker *worker = self;
	struct exchange *x = (struct exchange *)view; /* its first member */
	struct encode_source *encode;

	if (x->encoder)
		return NULL;
	x->encoder = encoder_take(worker->encoders, coding);
	if (!x->encoder)
		return NULL;
	encode = ARENA_NEW(&x->arena, struct encode_source);
	encode_source_init(encode, view->response_body, x->encoder, worker->fibers);
	return &encode->source;
}
