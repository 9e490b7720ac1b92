/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota: so much in a month, or in windows of days, kept over restarts.
 *
 * The counting is the table's (store/quota_table.h), or that of all gateways together (effects.take_quota),
 * and where that cannot be had what on_failure says; the windows are those of the calendar or of the clock.
 * Here is who counts as one, what a request costs, and what the client is told. What is written once is one
 * quota, wherever it applies: it is known by its place in the configuration, its windows, whom it counts and
 * what requests cost, and not by its number, so that one which is raised in the middle of a month goes on.
 *
 * Yields where gateways count together, and nowhere else: what outlives the process is written by somebody
 * else (store/quota_keeper.h).
 */
#include "base/hash.h"
#include "codec/sha256.h"
#include "config/field_compare.h"
#include "policy/cost.h"
#include "policy/limit.h"
#include "policy/rate_key.h"
#include "store/quota_table.h"
#include "store/quota_window.h"
#include "store/rate_table.h"

struct quota {
	struct rate limit; /* a period of 0: months of the calendar */
	str_list by;
	const struct node *cost;
	str name;
	bool headers;
	struct limit_store store;
	/* Compiled. */
	struct rate_key key;
	uint64_t id;                      /* of this quota, among all others */
	unsigned char digest[SHA256_LEN]; /* the same for other processes */
	struct cost price;
	struct limit_label label;
};

struct quota_taken {
	struct limit_taken taken; /* first */
	uint64_t limit;
	struct quota_ask ask;        /* limit: all of it, or a gateway's share */
	struct shared_quota *shared; /* it is counted by all gateways together; NULL: here, by ask */
	bool is_taken;               /* and can be given back */
};

static void read_limit(struct reader *reader, const struct node *node, void *ret_member)
{
	static const str month = STR_INIT("/1mo");
	struct rate *limit = ret_member;
	uint64_t number;
	struct rate rate;

	if (node->kind == NODE_SCALAR && str_ends(node->text, month) &&
	    str_to_u64(str_slice(node->text, 0, node->text.len - month.len), (uint64_t)RATE_BURST_MAX,
		       &number))
		*limit = (struct rate) { .number = (int64_t)number };
	else if (node->kind != NODE_SCALAR || !unit_parse_rate(node->text, &rate))
		diagnostic_error(
			reader->diagnostics, node,
			"want a number of requests by a time, such as 10000/1d, or by a month, such as "
			"1000000/1mo; read %.*s",
			STR_ARG(diagnostic_read(reader->diagnostics, node)));
	else if (field_read_rate(reader, node, RATE_SPEED_MAX, limit) && limit->period % SECOND)
		diagnostic_error(reader->diagnostics, node, "want a time of whole seconds");
}

static str print_limit(struct arena *arena, struct rate limit)
{
	return limit.period ? unit_print_rate(arena, limit)
			    : arena_printf(arena, "%lld/1mo", (long long)limit.number);
}

/* Months have no length of their own, by which to tell whether they are more than so many days. */
static void compare_limits(struct arena *arena, const void *before, const void *after,
			   struct field_difference *ret_difference)
{
	struct rate one = *(const struct rate *)before, other = *(const struct rate *)after;
	str old = print_limit(arena, one), new = print_limit(arena, other);

	*ret_difference = field_compare_rates(one, other);
	if (!one.period != !other.period)
		ret_difference->is_ordered = false;
	else if (!ret_difference->after)
		return;
	ret_difference->words = arena_printf(arena, "%.*s -> %.*s", STR_ARG(old), STR_ARG(new));
}

static const struct field_form limit_form = {
	.manual = "a rate, or a number by `1mo`",
	.schema = "{\"anyOf\": [{\"$ref\": \"#/$defs/interpolated\"}, {\"type\": \"string\", \"pattern\": "
		  "\"^[1-9][0-9]*/[1-9][0-9]*(ms|s|m|h|d|mo)$\"}]}",
	.read = read_limit,
	.compare = compare_limits,
};

const struct field policy_quota_fields[] = {
	FIELD_CUSTOM_REQUIRED(
		struct quota, limit, "limit", struct rate, &limit_form,
		"How much in which window, such as `10000/1d`, `1000000/30d` or `1000000/1mo`."),
	FIELD_CUSTOM_DEFAULT(
		struct quota, by, "by", str_list, &field_texts_form, "consumer",
		"Who counts as one: `consumer`, `client_ip`, `header:NAME`, `claim:PATH`, `route`, `api`, "
		"or several of them together."),
	FIELD_CUSTOM_DEFAULT(struct quota, cost, "cost", const struct node *, &cost_form, "1",
			     "What a request takes of the quota."),
	FIELD_STR(struct quota, name, "name", "quota", "What answers call it."),
	FIELD_BOOL(struct quota, headers, "headers", "true",
		   "Whether answers tell how things stand, in `RateLimit-Policy` and `RateLimit`."),
	LIMIT_STORE_FIELDS(struct quota, store),
	FIELD_END
};

/* ---- compiling ---- */

static result compile_limit(struct policy_compile *compile, const struct quota *p)
{
	if (p->limit.number > 0 && p->limit.number <= RATE_BURST_MAX)
		return OK;
	return policy_reject(compile, "limit", "want a number from 1 to 1000000000000");
}

/* Not by a seed, which is the table's. */
static void identify(const struct policy_compile *compile, struct quota *p)
{
	struct arena *arena = compile->reader->arena;
	str place = limit_place(compile->node, arena), by = arena_join_list(arena, &p->by, STR(" "));
	str cost = cost_text(p->cost);
	str all = arena_printf(arena, "%.*s window %lld by %.*s cost %.*s", STR_ARG(place),
			       (long long)p->limit.period, STR_ARG(by), STR_ARG(cost));

	p->id = hash_bytes(all, 0);
	sha256_digest(all, p->digest);
}

static result quota_compile(struct policy_compile *compile, void *self)
{
	struct quota *p = self;
	result_value key = rate_key_compile(compile, "by", &p->by, &p->key), name;

	if (!p->limit.number && diagnostics_errors(compile->reader->diagnostics))
		return error_make(ERROR_INVALID, "there is no limit"); /* reported */
	name = limit_label_compile(compile, p->name, &p->label);
	TRY(compile_limit(compile, p));
	TRY(cost_compile(compile, p->cost, p->limit.number,
			 "more than the limit: every request would be refused", &p->price));
	TRY(limit_store_compile(compile, &p->store));
	TRY(name);
	identify(compile, p);
	return key;
}

/* ---- requests ---- */

/* A quota that only reports counts for itself. */
static uint64_t find_key(const struct quota *p, const struct view *view)
{
	uint64_t own[] = { p->id, view->is_report };

	return rate_key_hash(
		&p->key, view,
		hash_bytes((str) { (const char *)own, sizeof own }, quota_table_seed(view->effects->quotas)));
}

static struct shared_quota *find_shared(const struct quota *p, const struct view *view)
{
	struct shared_quota *shared = ARENA_NEW(view->arena, struct shared_quota);

	rate_key_share(&p->key, view, p->digest, shared->key);
	shared->period = p->limit.period / SECOND;
	shared->limit = (uint64_t)p->limit.number;
	return shared;
}

static void stand(struct quota_taken *taken, const struct view *view, struct quota_window window,
		  duration until_end, uint64_t left)
{
	taken->taken.policy = limit_policy_print(taken->taken.label, taken->limit,
						 (uint64_t)(window.end - window.begin), view->arena);
	taken->taken.until_whole = until_end;
	taken->taken.left = left;
}

/* The one place where it is counted by all gateways together, and undone; and below where it is here. */
static result count_shared(struct quota_taken *taken, struct view *view, int64_t cost, bool *ret_is_admitted)
{
	struct shared_quota *shared = taken->shared;
	struct quota_standing standing;

	shared->cost = cost;
	TRY(view->effects->take_quota(view->effects->self, view, shared, &standing));
	stand(taken, view, shared->window, shared->until_end, standing.left);
	*ret_is_admitted = standing.is_admitted;
	return OK;
}

static bool count_here(const struct quota *p, struct quota_taken *taken, struct view *view)
{
	wall_time now = view_now(view);
	struct quota_window window = quota_window_of(p->limit.period / SECOND, now);
	struct quota_standing standing;

	taken->ask.key = find_key(p, view);
	taken->ask.window = window.end;
	taken->ask.now = now / SECOND;
	standing = quota_table_take(view->effects->quotas, &taken->ask);
	stand(taken, view, window, window.end * SECOND - now, standing.left);
	return standing.is_admitted;
}

static void give_back(struct limit_taken *limit_taken, struct view *view, wall_time now)
{
	struct quota_taken *taken = (struct quota_taken *)limit_taken;
	bool is_admitted;

	(void)now; /* the window is the one that it was taken of */
	if (!taken->is_taken)
		return;
	taken->is_taken = false;
	if (taken->shared) {
		result_value given = count_shared(taken, view, -(int64_t)taken->ask.cost, &is_admitted);

		(void)given; /* lost, if it could not be given */
		return;
	}
	quota_table_give_back(view->effects->quotas, &taken->ask);
	taken->taken.left += taken->ask.cost;
}

static struct quota_taken *remember(const struct quota *p, struct view *view)
{
	struct quota_taken *taken = ARENA_NEW(view->arena, struct quota_taken);

	taken->limit = (uint64_t)p->limit.number;
	taken->ask = (struct quota_ask) { .limit = taken->limit, .cost = cost_find(&p->price, view) };
	taken->taken = (struct limit_taken) { .label = &p->label,
					      .is_silent = view->is_report || !p->headers,
					      .give_back = give_back };
	if (p->store.where == LIMIT_SHARED && view->effects->take_quota)
		taken->shared = find_shared(p, view);
	limit_remember(view, &taken->taken);
	return taken;
}

static enum verdict decide(const struct quota *p, struct quota_taken *taken, struct view *view,
			   bool is_admitted)
{
	bool is_possible = taken->ask.cost <= taken->limit;

	taken->is_taken = is_admitted;
	if (is_admitted)
		return POLICY_CONTINUE;
	limit_give_back_all(view);
	return limit_refuse(view, &p->label, REASON_QUOTA_EXCEEDED,
			    is_possible ? taken->taken.until_whole : -1);
}

/* Its share of a quota that gateways should have counted together; one at least. */
static enum verdict count_share(const struct quota *p, struct quota_taken *taken, struct view *view)
{
	unsigned gateways = taken->shared->gateways;

	taken->ask.limit = gateways < taken->limit ? taken->limit / gateways : 1;
	taken->shared = NULL;
	return decide(p, taken, view, count_here(p, taken, view));
}

static enum verdict quota_request(const void *self, struct view *view)
{
	const struct quota *p = self;
	struct quota_taken *taken = remember(p, view);
	result_value counted;
	bool is_admitted;

	if (!taken->shared)
		return decide(p, taken, view, count_here(p, taken, view));
	counted = count_shared(taken, view, (int64_t)taken->ask.cost, &is_admitted);
	if (!failed(counted))
		return decide(p, taken, view, is_admitted);
	if (counted.kind == ERROR_CANCELLED)
		return view_abandon(view);
	if (p->store.on_failure == LIMIT_COUNTS)
		return count_share(p, taken, view);
	return limit_go_without(view, &taken->taken, &p->store);
}

static void quota_response(const void *self, struct view *view)
{
	(void)self;
	limit_tell(view);
}

static bool quota_needs_principal(const void *self)
{
	const struct quota *p = self;

	return rate_key_needs_principal(&p->key) || cost_needs_principal(&p->price);
}

static str quota_describe(const void *self, struct arena *arena)
{
	const struct quota *p = self;
	str limit = print_limit(arena, p->limit), by = arena_join_list(arena, &p->by, STR(", "));
	str store = limit_store_describe(&p->store, arena);

	return arena_printf(arena, "%.*s by %.*s%.*s", STR_ARG(limit), STR_ARG(by), STR_ARG(store));
}

static const struct policy_risk risks[] = { { "limit", RISK_MORE },      { "by", RISK_ANY },
					    { "cost", RISK_ANY },        { "store", RISK_MORE },
					    { "on_failure", RISK_MORE }, { 0 } };

const struct policy policy_quota = {
	.name = "quota",
	.doc = "Bounds how much somebody may ask for in days or months, kept over restarts.",
	.size = sizeof(struct quota),
	.fields = policy_quota_fields,
	.compile = quota_compile,
	.on_request = quota_request,
	.on_response = quota_response,
	.needs_principal = quota_needs_principal,
	.describe = quota_describe,
	.risks = risks,
	.page = "A quota is counted in windows, one after the other: `1mo` is a month of the calendar, in "
		"UTC; any "
		"other time begins anew at its multiples since 1970-01-01T00:00:00Z, so that `1d` is a day "
		"from "
		"midnight to midnight in UTC, and `30d` are thirty of them. When a window ends, all is there "
		"again. A limit on how fast is [`rate_limit`](#policies-rate_limit)'s: a quota may be used "
		"up in its "
		"first minute.\n"
		"\n"
		"Who has used it up gets 429 (`quota_exceeded`) with `Retry-After`, which is when the window "
		"ends, "
		"and a problem document of type "
		"`https://iana.org/assignments/http-problem-types#quota-exceeded`. It costs nothing to be "
		"refused, "
		"by this limit or by a later one. All workers count together, exactly. `by`, `cost`, "
		"`headers` and "
		"`report` are as with `rate_limit`, but that `by` is `consumer` unless it says otherwise. "
		"Answers tell "
		"`RateLimit-Policy: \"quota\";q=1000000;w=2592000` and `RateLimit: "
		"\"quota\";r=999999;t=86400`: so much "
		"is left, and so many seconds of the window.\n"
		"\n"
		"**Kept over restarts**: without a Redis, the counts are written to the file of "
		"[`quotas`](#quotas) (SQLite, WAL), every second and when the gateway ends, and no "
		"request waits for that. A process that is killed loses what its last second has counted. "
		"During a replacement (SIGUSR2) both processes add to one file: nothing is lost or "
		"counted twice, and each hears within a second of what the other has counted for a key "
		"that it counts too; until then both may admit the same rest. Where the file cannot be "
		"written (full, read-only, damaged, locked), a line of the journal says so once, and "
		"counting goes on in memory until it can; where it is removed, all goes into a new one. "
		"Without a file such quotas begin afresh with each process, and `check` warns of it.\n"
		"\n"
		"**Several gateways** count together where the configuration has a Redis "
		"([`store`](#store)), exactly: each request is one call of a script there, which finds "
		"the window by the clock of that server, so that no gateway's clock matters. They share a "
		"quota that stands at the same place in their files, with the same window, `by` and "
		"`cost`. Restarts of gateways lose nothing; a restart of Redis loses what Redis itself "
		"does not keep, so let it write its append-only file, and evict nothing "
		"(`maxmemory-policy noeviction`). A count goes a minute after its window has ended. "
		"`store: local` counts a quota in each gateway, as without a Redis.\n"
		"\n"
		"`on_failure` says what holds while Redis does not answer within `store.timeout`: `allow` "
		"lets everybody pass; `deny` answers 503 (`limit_unavailable`); "
		"`local` lets each gateway count its share for itself: `limit` divided by the number of "
		"gateways that were last seen there, 1 at least, in the same windows by its own clock. A "
		"share knows nothing of what Redis has counted, nor Redis of what shares have, but "
		"goes on when Redis is away again: so in one window all gateways together may admit "
		"up to twice the limit (and somewhat more where their number changes meanwhile), and "
		"who asks one gateway alone gets that one's share. What costs more than a "
		"share is refused. Shares are kept in the file of `quotas` where there is one; what Redis "
		"counts is not. What a Redis that is slow counts after that time stays counted.\n"
		"\n"
		"A reload or a restart that leaves the quota where it is, with the same window, `by` and "
		"`cost`, keeps its counts, also when it changes the number; named quotas (`policies`) "
		"stay where they are best. A count is kept by a hash of whom it is of: no name or address "
		"is in the file or on Redis.\n"
		"\n"
		"A process keeps 1,048,576 counts of its own at hand, 40 MiB when all are in use. Beyond "
		"that those "
		"that are "
		"written down give way, and are read back within a second of their next request; one that "
		"was not "
		"is lost: `gatehouse_quota_evictions_total`.\n",
	.example =
		"listeners: { public: { address: 127.0.0.1:8080 } }\n"
		"quotas: { file: quotas.db }\n"
		"upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		"apis:\n"
		"  orders:\n"
		"    path: /orders\n"
		"    upstream: orders\n"
		"    policies:\n"
		"      - quota: { limit: 3/1mo, by: client_ip }\n"
		"---\n"
		"clock: 2026-02-27T12:00:00Z\n"
		"cases:\n"
		"  - name: what is left of February\n"
		"    request: { url: \"http://gw.test/orders\" }\n"
		"    expect: { status: 200, headers: { RateLimit-Policy: '\"quota\";q=3;w=2419200', "
		"RateLimit: '\"quota\";r=2;t=129600' } }\n"
		"  - name: not a fourth time\n"
		"    request: { url: \"http://gw.test/orders\" }\n"
		"    repeat: 4\n"
		"    meanwhile: { status: 200 }\n"
		"    expect: { status: 429, reason: quota_exceeded, headers: { Retry-After: \"129600\" } }\n"
		"  - name: but in March\n"
		"    request: { url: \"http://gw.test/orders\" }\n"
		"    repeat: 4\n"
		"    advance: 12h\n"
		"    expect: { status: 200 }\n",
};
