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
#include "store/redis_lease.h"

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

/* One question, and how long it may take. */
struct question {
	struct worker *worker;
	struct redis *redis;
	struct redis_gcra_take take;
	deadline until;
};

static result ask(const struct question *question, struct redis_gcra_taken *ret_taken)
{
	return redis_gcra_run(question->redis, &question->worker->gcra, &question->take, question->until,
			      ret_taken);
}

static result ask_ahead(struct question *question, const struct redis_lease_take *take,
			struct redis_gcra_taken *ret_taken)
{
	struct redis_leases *leases = question->worker->leases;
	struct redis_lease_asked asked;
	result_value ran;

	redis_lease_ask(leases, take, &asked);
	question->take.need = asked.need;
	question->take.want = asked.want;
	ran = ask(question, ret_taken);
	if (failed(ran))
		redis_lease_fail(leases, take);
	else
		redis_lease_keep(leases, take, &asked, ret_taken);
	return ran;
}

static result take_ahead(struct question *question, const struct shared_take *take, deadline now,
			 struct redis_gcra_taken *ret_taken)
{
	struct redis_lease_take lease = {
		.key = take->key, .gcra = take->gcra, .period = take->sync, .now = now, .cost = take->cost
	};

	if (redis_lease_give(question->worker->leases, &lease, &ret_taken->standing))
		return OK;
	return ask_ahead(question, &lease, ret_taken);
}

result shared_rate_take(void *self, struct view *view, struct shared_take *take,
			struct rate_standing *ret_standing)
{
	struct worker *worker = self;
	struct exchange *x = exchange_of(view);
	struct redis_place *place = x->generation->snapshot->store.place;
	struct question question = { .worker = worker, .redis = redis_clients_get(worker->stores, place) };
	char key[KEY_MAX];
	struct redis_gcra_taken taken;

	take->gateways = atomic_load_explicit(&place->gateways, memory_order_relaxed);
	if (!question.redis)
		return error_make(ERROR_CLOSED, "the worker ends");
	TRY(exchange_before_wait(x));
	question.take = (struct redis_gcra_take) {
		.key = print_key(place, take, key), .gcra = take->gcra, .need = take->cost, .want = take->cost
	};
	question.until = deadline_min(x->until, deadline_after(exchange_now(x), place->options.timeout));
	if (take->sync && take->cost > 0)
		TRY(take_ahead(&question, take, exchange_now(x), &taken));
	else
		TRY(ask(&question, &taken));
	*ret_standing = taken.standing;
	return OK;
}

void shared_rate_follow(struct worker *worker)
{
	struct redis_place *place = worker->generation->snapshot->store.place;

	if (place && !worker->observer)
		(void)redis_clients_get(worker->stores, place);
}
