/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_rate: a key becomes "gatehouse:{22 characters}": the digest that policies make of what a limit is
 * and of whom it counts, so that nothing of a request stands in Redis as it came. Braces, because a cluster
 * goes by what is in them.
 */
#include "proxy/shared_rate.h"

#include "base/assert.h"
#include "codec/base64url.h"
#include "proxy/exchange.h"
#include "store/redis_gcra.h"

enum { KEY_MAX = 128 };

static str print_key(const struct redis_place *place, const struct shared_take *take, char out[KEY_MAX])
{
	struct buf key = buf_over(out, KEY_MAX);

	buf_put(&key, place->options.prefix);
	buf_put(&key, STR(":{"));
	base64url_encode((str) { (const char *)take->key, SHARED_KEY_LEN }, &key);
	buf_put(&key, STR("}"));
	ASSERT(!buf_overflowed(&key));
	return buf_str(&key);
}

result shared_rate_take(void *self, struct view *view, struct shared_take *take,
			struct rate_standing *ret_standing)
{
	struct worker *worker = self;
	struct exchange *x = exchange_of(view);
	struct redis_place *place = x->generation->snapshot->store.place;
	struct redis *redis = redis_clients_get(worker->stores, place);
	char key[KEY_MAX];
	struct redis_gcra_take asked = { .gcra = take->gcra, .need = take->cost, .want = take->cost };
	struct redis_gcra_taken taken;

	take->gateways = atomic_load_explicit(&place->gateways, memory_order_relaxed);
	if (!redis)
		return error_make(ERROR_CLOSED, "the worker ends");
	TRY(exchange_before_wait(x));
	asked.key = print_key(place, take, key);
	TRY(redis_gcra_run(redis, &worker->gcra, &asked,
			   deadline_min(x->until, deadline_after(exchange_now(x), place->options.timeout)),
			   &taken));
	*ret_standing = taken.standing;
	return OK;
}

void shared_rate_follow(struct worker *worker)
{
	struct redis_place *place = worker->generation->snapshot->store.place;

	if (place && !worker->observer)
		(void)redis_clients_get(worker->stores, place);
}
