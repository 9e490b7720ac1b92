/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate_limit: lets somebody ask so often, and no oftener.
 *
 * The counting is the table's (store/rate_table.h), or that of all gateways together (effects.take), and
 * where that cannot be had what on_failure says; here is who counts as one, what a request costs, and what
 * the client is told. What is written once is one limit, wherever it applies: it is known by its place in the
 * configuration and by what it says, so a reload that leaves it alone keeps its counts.
 *
 * A request that any limit refuses costs nothing: what limits before that one took is given back. Answers of
 * all kinds tell how things stand. Yields where gateways count together.
 */
#include "base/hash.h"
#include "codec/sha256.h"
#include "policy/cost.h"
#include "policy/limit.h"
#include "policy/rate_key.h"
#include "store/rate_table.h"

enum { MILLISECONDS = 1000 };

struct rate_limit {
	struct rate limit;
	int64_t burst;
	str_list by;
	const struct node *cost;
	str name;
	bool headers;
	struct limit_store store;
	duration sync;
	/* Compiled. */
	struct gcra gcra;
	struct rate_key key;
	uint64_t id;                      /* of this limit, among all others */
	unsigned char digest[SHA256_LEN]; /* the same for other processes */
	struct cost price;
	struct limit_label label;
	str policy; /* "\"default\";q=100;w=60" */
};

struct rate_taken {
	struct limit_taken taken; /* first */
	const struct gcra *gcra;
	uint64_t key, cost;         /* cost: what can be given back */
	struct shared_take *shared; /* it is counted by all gateways together; NULL: here, by the key */
};

const struct field policy_rate_limit_fields[] = {
	FIELD_RATE_REQUIRED(struct rate_limit, limit, "limit", RATE_SPEED_MAX,
			    "How much in which time, such as `100/1s` or `5000/1h`."),
	FIELD_INT(struct rate_limit, burst, "burst", NULL, 1, RATE_BURST_MAX,
		  "How much at once, after a rest; without it the number of `limit`."),
	FIELD_CUSTOM_DEFAULT(
		struct rate_limit, by, "by", str_list, &field_texts_form, "client_ip",
		"Who counts as one: `client_ip`, `consumer`, `header:NAME`, `claim:PATH`, `route`, `api`, "
		"or several of them together."),
	FIELD_CUSTOM_DEFAULT(struct rate_limit, cost, "cost", const struct node *, &cost_form, "1",
			     "What a request takes of the limit."),
	FIELD_STR(struct rate_limit, name, "name", "default", "What answers call it."),
	FIELD_BOOL(struct rate_limit, headers, "headers", "true",
		   "Whether answers tell how things stand, in `RateLimit-Policy` and `RateLimit`."),
	LIMIT_STORE_FIELDS(struct rate_limit, store),
	FIELD_DURATION(struct rate_limit, sync, "sync", "0s", 0, 10 * SECOND,
		       "For how long each worker may take ahead on Redis, so that it need not ask for each "
		       "request; `0s`: it asks for each."),
	FIELD_END
};

/* ---- compiling ---- */

static int64_t common_divisor(int64_t a, int64_t b)
{
	return b ? common_divisor(b, a % b) : a;
}

/* Windows are told in whole seconds: where this one is none, so many of them are told as one that is. */
static str policy_print(const struct rate_limit *p, struct arena *arena)
{
	int64_t period = p->limit.period / MILLISECOND;
	int64_t windows = MILLISECONDS / common_divisor(period, MILLISECONDS);
	uint64_t number = (uint64_t)p->limit.number * (uint64_t)windows;

	return limit_policy_print(&p->label, number, (uint64_t)(period * windows / MILLISECONDS), arena);
}

static result compile_name(const struct policy_compile *compile, struct rate_limit *p)
{
	TRY(limit_label_compile(compile, p->name, &p->label));
	p->policy = policy_print(p, compile->reader->arena);
	return OK;
}

static result compile_rate(struct policy_compile *compile, struct rate_limit *p)
{
	bool has_burst = node_find(compile->node, STR("burst"));

	if (p->limit.number > RATE_BURST_MAX)
		return policy_reject(compile, "limit", "want a number of at most 1000000000000");
	if (!p->burst)
		p->burst = p->limit.number;
	if (!gcra_make(p->limit, (uint64_t)p->burst, &p->gcra))
		return policy_reject(compile, has_burst ? "burst" : "limit",
				     "the burst would take more than 100 years to come back");
	return OK;
}

/* Not by a seed, which is the table's. */
static void identify(const struct policy_compile *compile, struct rate_limit *p)
{
	struct arena *arena = compile->reader->arena;
	str place = limit_place(compile->node, arena), rate = unit_print_rate(arena, p->limit);
	str by = arena_join_list(arena, &p->by, STR(" "));
	str cost = cost_text(p->cost);
	str all = arena_printf(arena, "%.*s limit %.*s burst %lld by %.*s cost %.*s", STR_ARG(place),
			       STR_ARG(rate), (long long)p->burst, STR_ARG(by), STR_ARG(cost));

	p->id = hash_bytes(all, 0);
	sha256_digest(all, p->digest);
}

static result compile_store(const struct policy_compile *compile, struct rate_limit *p)
{
	TRY(limit_store_compile(compile, &p->store));
	if (p->sync && p->store.where == LIMIT_OWN)
		return policy_reject(compile, "sync", "only a limit that is counted on Redis can need it");
	return OK;
}

static result rate_limit_compile(struct policy_compile *compile, void *self)
{
	struct rate_limit *p = self;
	result_value key = rate_key_compile(compile, "by", &p->by, &p->key), name;

	if (!p->limit.number)
		return error_make(ERROR_INVALID, "there is no limit"); /* reported */
	name = compile_name(compile, p);
	TRY(compile_rate(compile, p));
	TRY(cost_compile(compile, p->cost, p->burst, "more than the burst: every request would be refused",
			 &p->price));
	TRY(compile_store(compile, p));
	TRY(name);
	identify(compile, p);
	return key;
}

/* ---- requests ---- */

/* A limit that only reports counts for itself, and so does what is a gateway's share of one. */
static uint64_t find_key(const struct rate_limit *p, const struct view *view, bool is_share)
{
	uint64_t own[] = { p->id, (uint64_t)view->is_report | (uint64_t)is_share << 1 };

	return rate_key_hash(
		&p->key, view,
		hash_bytes((str) { (const char *)own, sizeof own }, rate_table_seed(view->effects->rates)));
}

static struct shared_take *find_shared(const struct rate_limit *p, const struct view *view)
{
	struct shared_take *shared = ARENA_NEW(view->arena, struct shared_take);

	rate_key_share(&p->key, view, p->digest, shared->key);
	shared->gcra = &p->gcra;
	shared->sync = p->sync;
	return shared;
}

static void stand(struct rate_taken *taken, const struct rate_standing *standing)
{
	taken->taken.left = standing->left;
	taken->taken.until_whole = standing->until_whole;
}

static result take_shared(struct view *view, const struct rate_taken *taken, int64_t cost,
			  struct rate_standing *ret_standing)
{
	taken->shared->cost = cost;
	return view->effects->take(view->effects->self, view, taken->shared, ret_standing);
}

static struct rate_standing take_here(const struct view *view, const struct rate_taken *taken, uint64_t cost)
{
	return rate_table_take(view->effects->rates, taken->key, view_now(view), taken->gcra, cost);
}

static void give_back(struct limit_taken *limit_taken, struct view *view, wall_time now)
{
	struct rate_taken *taken = (struct rate_taken *)limit_taken;
	struct rate_standing standing;
	uint64_t cost = taken->cost;

	if (!cost)
		return;
	taken->cost = 0;
	if (taken->shared) {
		if (!failed(take_shared(view, taken, -(int64_t)cost, &standing)))
			stand(taken, &standing);
		return; /* lost, if it could not be given; time brings it back */
	}
	rate_table_give_back(view->effects->rates, taken->key, now, taken->gcra, cost);
	standing = take_here(view, taken, 0);
	stand(taken, &standing);
}

static struct rate_taken *remember(const struct rate_limit *p, struct view *view)
{
	struct rate_taken *taken = ARENA_NEW(view->arena, struct rate_taken);

	*taken = (struct rate_taken) { .gcra = &p->gcra };
	taken->taken = (struct limit_taken) { .label = &p->label,
					      .policy = p->policy,
					      .is_silent = view->is_report || !p->headers,
					      .give_back = give_back };
	if (p->store.where == LIMIT_SHARED && view->effects->take)
		taken->shared = find_shared(p, view);
	else
		taken->key = find_key(p, view, false);
	limit_remember(view, &taken->taken);
	return taken;
}

static enum verdict decide(const struct rate_limit *p, struct view *view, struct rate_taken *taken,
			   uint64_t cost, const struct rate_standing *standing)
{
	stand(taken, standing);
	if (standing->is_admitted) {
		taken->cost = cost;
		return POLICY_CONTINUE;
	}
	limit_give_back_all(view);
	return limit_refuse(view, &p->label, REASON_RATE_LIMITED, standing->until_enough);
}

/* Its share of a limit that gateways should have counted together. */
static enum verdict count_share(const struct rate_limit *p, struct view *view, struct rate_taken *taken,
				uint64_t cost)
{
	struct gcra *share = ARENA_NEW(view->arena, struct gcra);
	struct rate_standing standing;

	*share = gcra_share(&p->gcra, taken->shared->gateways, cost);
	taken->gcra = share;
	taken->shared = NULL;
	taken->key = find_key(p, view, true);
	standing = take_here(view, taken, cost);
	return decide(p, view, taken, cost, &standing);
}

static enum verdict rate_limit_request(const void *self, struct view *view)
{
	const struct rate_limit *p = self;
	struct rate_taken *taken = remember(p, view);
	uint64_t cost = cost_find(&p->price, view);
	struct rate_standing standing;
	result_value took = OK;

	if (taken->shared)
		took = take_shared(view, taken, (int64_t)cost, &standing);
	else
		standing = take_here(view, taken, cost);
	if (took.kind == ERROR_CANCELLED)
		return view_abandon(view);
	if (!failed(took))
		return decide(p, view, taken, cost, &standing);
	if (p->store.on_failure == LIMIT_COUNTS)
		return count_share(p, view, taken, cost);
	return limit_go_without(view, &taken->taken, &p->store);
}

/* ---- answers ---- */

static void rate_limit_response(const void *self, struct view *view)
{
	(void)self;
	limit_tell(view);
}

static bool rate_limit_needs_principal(const void *self)
{
	const struct rate_limit *p = self;

	return rate_key_needs_principal(&p->key) || cost_needs_principal(&p->price);
}

static str rate_limit_describe(const void *self, struct arena *arena)
{
	const struct rate_limit *p = self;
	str limit = unit_print_rate(arena, p->limit), by = arena_join_list(arena, &p->by, STR(", "));
	str store = limit_store_describe(&p->store, arena);

	return arena_printf(arena, "%.*s, %lld at once, by %.*s%.*s", STR_ARG(limit), (long long)p->burst,
			    STR_ARG(by), STR_ARG(store));
}

static const struct policy_risk risks[] = { { "limit", RISK_MORE }, { "burst", RISK_MORE },
					    { "by", RISK_ANY },     { "cost", RISK_ANY },
					    { "store", RISK_MORE }, { "on_failure", RISK_MORE },
					    { "sync", RISK_MORE },  { 0 } };

const struct policy policy_rate_limit = {
	.name = "rate_limit",
	.doc = "Bounds how often somebody may ask.",
	.size = sizeof(struct rate_limit),
	.fields = policy_rate_limit_fields,
	.compile = rate_limit_compile,
	.on_request = rate_limit_request,
	.on_response = rate_limit_response,
	.needs_principal = rate_limit_needs_principal,
	.describe = rate_limit_describe,
	.risks = risks,
	.page = "Whoever has rested long enough may ask `burst` times at once; from then on requests come "
		"back at "
		"the pace of `limit`, one by one and not all together when a window ends (GCRA). Between any "
		"two "
		"instants nobody gets more than the burst and what the pace gives in between, counted "
		"exactly, by "
		"all workers together.\n"
		"\n"
		"Who is refused gets 429 (`rate_limited`) with `Retry-After`, and a problem document of type "
		"`https://iana.org/assignments/http-problem-types#quota-exceeded`; callers of gRPC get "
		"status 8. "
		"It costs nothing to be refused, by this limit or by a later one: a limit always recovers, "
		"whatever is asked.\n"
		"\n"
		"**Who counts as one** is said by `by`: an address (IPv6 by its /64, for who has one has all "
		"of "
		"it), a consumer, a field, a claim, a route, an API, or a list of these as one key. By "
		"`consumer`, "
		"who is not known counts by address. All requests without the field or the claim count as "
		"one; a "
		"field that stands on several lines counts as the one line that it means. A limit by "
		"consumer or "
		"claim stands behind the policy that authenticates; `check` warns where it does not. "
		"Fields are the client's to choose: a limit by one of them bounds those who do not cheat. "
		"Those by "
		"which services are told who asks and from where (`X-User`, `X-Consumer-*`, "
		"`X-Forwarded-For`, "
		"`X-Real-IP`, ...) are taken away from what clients send, on every route: they are missing, "
		"and "
		"all "
		"count as one, unless a policy before has set them. Behind a trusted proxy, `client_ip` is "
		"the address that it told.\n"
		"\n"
		"What is written once is one limit, wherever it applies: one in `defaults`, or one of "
		"`policies` "
		"that several APIs use, counts them all together, unless `by` has `api` or `route`. A reload "
		"that "
		"leaves it where it is, with the same `limit`, `burst`, `by` and `cost`, keeps its counts; "
		"any "
		"other one begins afresh, and so does another process.\n"
		"\n"
		"**What it costs**: `cost: 10`, or an expression, such as `request.method == \"POST\" ? 5 : "
		"1`. "
		"What is missing or negative costs 1. With 0 a request passes and takes nothing; with more "
		"than "
		"the burst it is always refused, and not told to come again.\n"
		"\n"
		"**What clients are told**, on every answer behind the limit: `RateLimit-Policy: "
		"\"default\";q=100;w=60`, 100 in 60 seconds, and `RateLimit: \"default\";r=50;t=30`, 50 left "
		"now, "
		"and all of the burst back in 30 seconds. A time that is no whole number of seconds is told "
		"by the "
		"least multiple that is: `10/1500ms` as `q=20;w=3`. Several limits give several members: "
		"give "
		"each a `name`. What a service itself says in these fields stays.\n"
		"\n"
		"With `report: true` it counts for itself, refuses nobody and tells nothing.\n"
		"\n"
		"**Several gateways** count together where the configuration has a Redis "
		"([`store`](#store)): "
		"each request is one call of a script there, which decides by the clock of that server, so "
		"that the limit holds for all gateways together whatever their own clocks say. They share a "
		"limit that stands at the same place in their files and says the same. `on_failure` says "
		"what "
		"holds while Redis does not answer within `store.timeout`: `local` lets each gateway count "
		"for itself, with `limit` and `burst` divided by the number of gateways that were last seen "
		"there (what costs more than that share of the burst still passes after a rest); `allow` "
		"lets everybody pass; `deny` answers 503 (`limit_unavailable`). What a Redis that is slow "
		"counts after that time stays counted. When several calls in a row "
		"had no answer nobody waits any more, until Redis answers again.\n"
		"\n"
		"**With `sync: 100ms`** a worker takes ahead on Redis what it has lately seen asked for, at "
		"most "
		"what `limit` gives in that time, and lets requests pass out of that for as long, without "
		"asking. Redis still never gives more than the limit, so in any time *T* at most the burst "
		"and what `limit` gives in *T* and `sync` together is admitted, by all gateways together. "
		"The price is on the other side: what one worker has taken ahead another cannot have, so "
		"somebody may be refused while up to `limit` times `sync` is unused with each other worker, "
		"for at most that time.\n"
		"\n"
		"A process keeps 1,048,576 counts, 16 MiB when all are in use. Beyond that, and seldom from "
		"a fifth "
		"of it on, the count that would have been over soonest goes for a new one before its time: "
		"`gatehouse_rate_limit_evictions_total`.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    path: /orders\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - rate_limit: { limit: 10/1m, burst: 3 }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: three at once\n"
		   "    request: { url: \"http://gw.test/orders\" }\n"
		   "    repeat: 3\n"
		   "    expect: { status: 200, headers: { RateLimit-Policy: '\"default\";q=10;w=60', "
		   "RateLimit: '\"default\";r=0;t=18' } }\n"
		   "  - name: and not a fourth\n"
		   "    request: { url: \"http://gw.test/orders\" }\n"
		   "    repeat: 4\n"
		   "    meanwhile: { status: 200 }\n"
		   "    expect: { status: 429, reason: rate_limited, headers: { Retry-After: \"6\" } }\n"
		   "  - name: one every six seconds goes on for ever\n"
		   "    request: { url: \"http://gw.test/orders\" }\n"
		   "    repeat: 100\n"
		   "    advance: 6s\n"
		   "    expect: { status: 200 }\n",
};
