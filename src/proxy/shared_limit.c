/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_limit: a key becomes "gatehouse:{22 characters}": the digest that policies make of what a limit is
 * and of whom it counts, so that nothing of a request stands in Redis as it came. Braces, because a cluster
 * goes by what is in them.
 */
#include "proxy/shared_limit.h"

#include "base/assert.h"
#include "codec/base64url.h"
#include "proxy/exchange.h"
#include "store/redis_lease.h"
#include "store/redis_quota.h"

enum { KEY_MAX = 128 };

/* Whom to ask of which key, and how long that may take. */
struct question {
	struct worker *worker;
	struct redis *redis;
	char digits[KEY_MAX];
	str key;
	deadline until;
};

static str print_key(const struct redis_place *place, const unsigned char digest[SHARED_KEY_LEN],
		     char out[KEY_MAX])
{
	struct buf key = buf_over(out, KEY_MAX);

	buf_put(&key, place->options.prefix);
	buf_put(&key, STR(":{"));
	base64url_encode((str) { (const char *)digest, SHARED_KEY_LEN }, &key);
	buf_put(&key, STR("}"));
	ASSERT(!buf_overflowed(&key));
	return buf_str(&key);
}

/* ret_gateways: also on failure. */
static result begin(struct worker *worker, struct view *view, const unsigned char digest[SHARED_KEY_LEN],
		    struct question *question, unsigned *ret_gateways)
{
	struct exchange *x = exchange_of(view);
	struct redis_place *place = x->generation->snapshot->store.place;

	*ret_gateways = atomic_load_explicit(&place->gateways, memory_order_relaxed);
	question->worker = worker;
	question->redis = redis_clients_get(worker->stores, place);
	if (!question->redis)
		return error_make(ERROR_CLOSED, "the worker ends");
	TRY(exchange_before_wait(x));
	question->key = print_key(place, digest, question->digits);
	question->until = deadline_min(x->until, deadline_after(exchange_now(x), place->options.timeout));
	return OK;
}

/* ---- rates ---- */

static result ask(const struct question *question, const struct gcra *gcra, int64_t need, int64_t want,
		  struct redis_gcra_taken *ret_taken)
{
	struct redis_gcra_take take = { question->key, gcra, need, want };

	return redis_gcra_run(question->redis, &question->worker->gcra, &take, question->until, ret_taken);
}

static result ask_ahead(const struct question *question, const struct redis_lease_take *take,
			struct redis_gcra_taken *ret_taken)
{
	struct redis_leases *leases = question->worker->leases;
	struct redis_lease_asked asked;
	result_value ran;

	redis_lease_ask(leases, take, &asked);
	ran = ask(question, take->gcra, asked.need, asked.want, ret_taken);
	if (failed(ran))
		redis_lease_fail(leases, take);
	else
		redis_lease_keep(leases, take, &asked, ret_taken);
	return ran;
}

static result take_ahead(const struct question *question, const struct shared_take *take, deadline now,
			 struct redis_gcra_taken *ret_taken)
{
	struct redis_lease_take lease = {
		.key = take->key, .gcra = take->gcra, .period = take->sync, .now = now, .cost = take->cost
	};

	if (redis_lease_give(question->worker->leases, &lease, &ret_taken->standing))
		return OK;
	return ask_ahead(question, &lease, ret_taken);
}

result shared_limit_take(void *self, struct view *view, struct shared_take *take,
			 struct rate_standing *ret_standing)
{
	struct question question;
	struct redis_gcra_taken taken;

	TRY(begin(self, view, take->key, &question, &take->gateways));
	if (take->sync && take->cost > 0)
		TRY(take_ahead(&question, take, exchange_now(exchange_of(view)), &taken));
	else
		TRY(ask(&question, take->gcra, take->cost, take->cost, &taken));
	*ret_standing = taken.standing;
	return OK;
}

/* ---- quotas ---- */

result shared_limit_take_quota(void *self, struct view *view, struct shared_quota *quota,
			       struct quota_standing *ret_standing)
{
	struct worker *worker = self;
	struct question question;
	struct redis_quota_ask ask = { .period = quota->period,
				       .limit = quota->limit,
				       .cost = quota->cost,
				       .window = quota->window.end };
	struct redis_quota_taken taken;

	TRY(begin(worker, view, quota->key, &question, &quota->gateways));
	ask.key = question.key;
	TRY(redis_quota_run(question.redis, &worker->quota, &ask, question.until, &taken));
	quota->window = taken.window;
	quota->until_end = taken.until_end;
	*ret_standing = taken.standing;
	return OK;
}

/* ---- connecting ---- */

void shared_limit_follow(struct worker *worker)
{
	struct redis_place *place = worker->generation->snapshot->store.place;

	if (place && !worker->observer)
		(void)redis_clients_get(worker->stores, place);
}
