/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota: so much in a month, or in windows of days, kept over restarts.
 *
 * The counting is the table's (store/quota_table.h), the windows are those of the calendar or of the clock;
 * here is who counts as one, what a request costs, and what the client is told. What is written once is one
 * quota, wherever it applies: it is known by its place in the configuration, its windows, whom it counts and
 * what requests cost, and not by its number, so that one which is raised in the middle of a month goes on.
 *
 * Never yields: what outlives the process is written by somebody else (store/quota_keeper.h).
 */
#include "base/hash.h"
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
	/* Compiled. */
	struct rate_key key;
	uint64_t id; /* of this quota, among all others */
	struct cost price;
	struct limit_label label;
};

struct quota_taken {
	struct limit_taken taken; /* first */
	struct quota_ask ask;     /* cost: what can be given back */
};

static void read_limit(struct reader *reader, const struct node *node, void *ret_member)
{
	static const str month = STR_INIT("/1mo");
	struct rate *limit = ret_member;
	uint64_t number;

	if (node->kind == NODE_SCALAR && str_ends(node->text, month) &&
	    str_to_u64(str_slice(node->text, 0, node->text.len - month.len), (uint64_t)RATE_BURST_MAX,
		       &number))
		*limit = (struct rate) { .number = (int64_t)number };
	else if (field_read_rate(reader, node, RATE_SPEED_MAX, limit) && limit->period % SECOND)
		diagnostic_error(reader->diagnostics, node, "want a time of whole seconds");
}

static const struct field_form limit_form = {
	.manual = "a rate, or a number by `1mo`",
	.schema = "{\"anyOf\": [{\"$ref\": \"#/$defs/interpolated\"}, {\"type\": \"string\", \"pattern\": "
		  "\"^[1-9][0-9]*/[1-9][0-9]*(ms|s|m|h|d|mo)$\"}]}",
	.read = read_limit,
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
static uint64_t identify(const struct policy_compile *compile, const struct quota *p)
{
	struct arena *arena = compile->reader->arena;
	str place = limit_place(compile->node, arena), by = arena_join_list(arena, &p->by, STR(" "));
	str cost = cost_text(p->cost);

	return hash_bytes(arena_printf(arena, "%.*s window %lld by %.*s cost %.*s", STR_ARG(place),
				       (long long)p->limit.period, STR_ARG(by), STR_ARG(cost)),
			  0);
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
	TRY(name);
	p->id = identify(compile, p);
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

/* The one place where it is counted, and the one below where that is undone. */
static struct quota_standing count(struct view *view, const struct quota_ask *ask)
{
	return quota_table_take(view->effects->quotas, ask);
}

static void give_back(struct limit_taken *limit_taken, struct view *view, wall_time now)
{
	struct quota_taken *taken = (struct quota_taken *)limit_taken;

	(void)now; /* the window is the one that it was taken of */
	if (!taken->ask.cost)
		return;
	quota_table_give_back(view->effects->quotas, &taken->ask);
	taken->taken.left += taken->ask.cost;
	taken->ask.cost = 0;
}

static struct quota_taken *remember(const struct quota *p, struct view *view, struct quota_window window,
				    wall_time now)
{
	struct quota_taken *taken = ARENA_NEW(view->arena, struct quota_taken);
	uint64_t length = (uint64_t)(window.end - window.begin);

	taken->ask = (struct quota_ask) { .key = find_key(p, view),
					  .window = window.end,
					  .now = now / SECOND,
					  .limit = (uint64_t)p->limit.number,
					  .cost = cost_find(&p->price, view) };
	taken->taken = (struct limit_taken) { .label = &p->label,
					      .policy = limit_policy_print(&p->label, taken->ask.limit,
									   length, view->arena),
					      .until_whole = window.end * SECOND - now,
					      .is_silent = view->is_report || !p->headers,
					      .give_back = give_back };
	limit_remember(view, &taken->taken);
	return taken;
}

static enum verdict quota_request(const void *self, struct view *view)
{
	const struct quota *p = self;
	wall_time now = view->effects->wall(view->effects->self);
	struct quota_window window = quota_window_of(p->limit.period / SECOND, now);
	struct quota_taken *taken = remember(p, view, window, now);
	struct quota_standing standing = count(view, &taken->ask);
	bool is_possible = taken->ask.cost <= taken->ask.limit;

	taken->taken.left = standing.left;
	if (standing.is_admitted)
		return POLICY_CONTINUE;
	taken->ask.cost = 0;
	limit_give_back_all(view);
	return limit_refuse(view, &p->label, REASON_QUOTA_EXCEEDED,
			    is_possible ? taken->taken.until_whole : -1);
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

static const struct policy_risk risks[] = {
	{ "limit", RISK_ANY }, { "by", RISK_ANY }, { "cost", RISK_ANY }, { 0 }
};

const struct policy policy_quota = {
	.name = "quota",
	.doc = "Bounds how much somebody may ask for in days or months, kept over restarts.",
	.size = sizeof(struct quota),
	.fields = policy_quota_fields,
	.compile = quota_compile,
	.on_request = quota_request,
	.on_response = quota_response,
	.needs_principal = quota_needs_principal,
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
		"**Kept over restarts**: the counts are written to the file of [`quotas`](#quotas) (SQLite, "
		"WAL), every "
		"second and when the gateway ends, and no request waits for that. A process that is killed "
		"loses what "
		"its last second has counted. During a replacement (SIGUSR2) both processes add to one file: "
		"nothing "
		"is lost or counted twice, and each hears within a second of what the other has counted for "
		"a key that "
		"it counts too; until then both may admit the same rest. Where the file cannot be written "
		"(full, read-only, "
		"damaged, locked), a line of the journal says so once, and counting goes on in memory until "
		"it can. "
		"Without a file quotas begin afresh with each process, and `check` warns of it.\n"
		"\n"
		"A reload or a restart that leaves the quota where it is, with the same window, `by` and "
		"`cost`, keeps "
		"its counts, also when it changes the number; named quotas (`policies`) stay where they are "
		"best. "
		"A count is kept by a hash of whom it is of: no name or address is in the file.\n"
		"\n"
		"A process keeps 1,048,576 counts at hand, 40 MiB when all are in use. Beyond that those "
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
