/* SPDX-License-Identifier: Apache-2.0 */
/*
 * concurrency: so many requests at once, and a bounded queue for those beyond.
 *
 * The counting is the table's (store/slot_table.h); here is who counts as one, who goes first, and what the
 * client is told. A slot is held until the exchange ends, however it ends; where that becomes a WebSocket,
 * until it is closed. What is written once is one limit, wherever it applies: it is known by its place in the
 * configuration and by whom it counts, so that a reload which changes its number still knows what is under
 * way. Yields while a request waits.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "policy/expression.h"
#include "policy/limit.h"
#include "policy/rate_key.h"
#include "store/slot_table.h"

enum { SLOTS_MAX = 1000000, QUEUE_MAX = 10000, ADAPTIVE_MOST = 1000 };

struct concurrency {
	int64_t limit, queue;
	duration queue_timeout;
	str_list by;
	const struct node *priority;
	bool adaptive;
	/* Compiled. */
	struct rate_key key;
	uint64_t id;                          /* of this limit, among all others */
	const struct expression *priority_of; /* NULL: it is the same for every request */
};

/* What an exchange has of it. */
struct held_slot {
	struct view_lasting lasting; /* first */
	struct slot slot;
	const struct concurrency *policy;
	wall_time began;
	bool is_learnt; /* what it can tell the table, or there is nothing */
};

static void compare_priorities(struct arena *arena, const void *before, const void *after,
			       struct field_difference *ret_difference)
{
	expression_compare(arena, *(const struct node *const *)before, *(const struct node *const *)after,
			   EXPRESSION_INT, ret_difference);
}

static const struct field_form priority_form = {
	.manual = "an [expression](#expressions), or a number",
	.schema = "{\"type\": [\"string\", \"number\"]}",
	.read = field_keep_node,
	.compare = compare_priorities,
};

const struct field policy_concurrency_fields[] = {
	FIELD_INT(struct concurrency, limit, "limit", NULL, 1, SLOTS_MAX,
		  "How many requests at once; with `adaptive` at most, and 1000 without it."),
	FIELD_CUSTOM(struct concurrency, by, "by", str_list, &field_texts_form,
		     "Who counts as one: `client_ip`, `consumer`, `header:NAME`, `claim:PATH`, `route`, "
		     "`api`, or "
		     "several of them together; without it all requests do."),
	FIELD_INT(struct concurrency, queue, "queue", "0", 0, QUEUE_MAX,
		  "How many more may wait until one of these has ended."),
	FIELD_DURATION(struct concurrency, queue_timeout, "queue_timeout", "1s", MILLISECOND, 5 * MINUTE,
		       "How long one waits at most."),
	FIELD_CUSTOM(struct concurrency, priority, "priority", const struct node *, &priority_form,
		     "Who goes first in the queue: the greater number; without it, and where it is missing, "
		     "it is 0."),
	FIELD_BOOL(struct concurrency, adaptive, "adaptive", "false",
		   "Whether the limit is learnt from how long the service takes."),
	FIELD_END
};

/* ---- compiling ---- */

/* Not by its numbers: what is under way counts whatever they become. */
static uint64_t identify(const struct policy_compile *compile, const struct concurrency *p)
{
	struct arena *arena = compile->reader->arena;
	str place = limit_place(compile->node, arena), by = arena_join_list(arena, &p->by, STR(" "));

	return hash_bytes(arena_printf(arena, "%.*s by %.*s", STR_ARG(place), STR_ARG(by)), 0);
}

/* Clients cannot make the gateway learn something for each name that they think of. */
static result compile_limit(struct policy_compile *compile, struct concurrency *p)
{
	if (p->adaptive && rate_key_is_of_clients(&p->key))
		return policy_reject(
			compile, "by",
			"with `adaptive` want `api`, `route` or nothing: it is the service that is "
			"learnt about, not its clients");
	if (p->adaptive && !p->limit)
		p->limit = ADAPTIVE_MOST;
	if (!p->limit && !node_find(compile->node, STR("limit")))
		return policy_reject(compile, NULL, "want `limit`, or `adaptive: true`");
	return OK;
}

static result concurrency_compile(struct policy_compile *compile, void *self)
{
	struct concurrency *p = self;
	result_value key = rate_key_compile(compile, "by", &p->by, &p->key);

	TRY(compile_limit(compile, p));
	if (p->priority)
		TRY(expression_compile(compile, p->priority, EXPRESSION_INT, &p->priority_of));
	p->id = identify(compile, p);
	return key;
}

/* ---- requests ---- */

/* A limit that only reports counts for itself. */
static uint64_t key_of(const struct concurrency *p, const struct view *view, const struct slot_table *slots)
{
	uint64_t own[] = { p->id, view->is_report };
	uint64_t seed = hash_bytes((str) { (const char *)own, sizeof own }, slot_table_seed(slots));

	return rate_key_hash(&p->key, view, seed);
}

/* One that only reports lets nobody wait. */
static struct slot_wish wish_of(const struct concurrency *p, const struct view *view)
{
	struct slot_wish wish = { .key = key_of(p, view, view->effects->slots),
				  .limit = (uint64_t)p->limit,
				  .is_adaptive = p->adaptive,
				  .queue = view->is_report ? 0 : (uint64_t)p->queue };

	if (p->priority_of && !expression_number(p->priority_of, view, &wish.priority))
		wish.priority = 0;
	return wish;
}

static void release(struct view_lasting *lasting)
{
	struct held_slot *held = (struct held_slot *)lasting;

	slot_give_back(&held->slot);
	free(held);
}

static void hold(const struct concurrency *p, struct view *view, const struct slot *slot)
{
	struct held_slot *held = calloc(1, sizeof *held);

	ASSERT(held);
	held->lasting.release = release;
	held->slot = *slot;
	held->policy = p;
	held->began = view_now(view);
	held->is_learnt = !p->adaptive;
	view_hold_on(view, &held->lasting);
}

/* Whoever has too much under way himself is told so; where others have, it is the service that is busy. */
static enum verdict refuse(const struct concurrency *p, struct view *view, enum reason reason)
{
	struct answer answer = { .reason = reason,
				 .status = rate_key_is_of_clients(&p->key) ? 429 : 0,
				 .fields = limit_retry_after(view->arena, SECOND) };

	limit_give_back_all(view);
	return view_answer(view, &answer);
}

static enum verdict concurrency_request(const void *self, struct view *view)
{
	const struct concurrency *p = self;
	const struct effects *effects = view->effects;
	struct slot_wish wish = wish_of(p, view);
	struct slot slot;
	result_value taken = effects->take_slot(effects->self, view, &wish, p->queue_timeout, &slot);

	switch (taken.kind) {
	case ERROR_NONE:
		hold(p, view, &slot);
		return POLICY_CONTINUE;
	case ERROR_CANCELLED:
		return view_abandon(view);
	case ERROR_TIMEOUT:
		return refuse(p, view, REASON_CONCURRENCY_QUEUE_TIMEOUT);
	default:
		return refuse(p, view, REASON_CONCURRENCY_LIMITED);
	}
}

/* ---- answers ---- */

static struct held_slot *find_held(const struct concurrency *p, const struct view *view)
{
	for (struct view_lasting *lasting = view->lasting; lasting; lasting = lasting->next) {
		struct held_slot *held = (struct held_slot *)lasting;

		if (lasting->release == release && held->policy == p && !held->is_learnt)
			return held;
	}
	return NULL;
}

/* A service that fails at once is not quick, and what it was not asked tells nothing of it; that it took too
 * long does. */
static bool tells_of_service(const struct view *view)
{
	int status = view->response->status;

	return view->response_body ? status < 500 : view->endpoint.len && status == 504;
}

/* The head of the answer is there: how long a body takes is the client's affair as well. */
static void concurrency_response(const void *self, struct view *view)
{
	const struct concurrency *p = self;
	struct held_slot *held = find_held(p, view);

	if (!held)
		return;
	held->is_learnt = true;
	if (tells_of_service(view))
		slot_learn(&held->slot, held->began, view_now(view), (uint64_t)p->limit);
}

static bool concurrency_needs_principal(const void *self)
{
	const struct concurrency *p = self;

	return rate_key_needs_principal(&p->key) ||
	       (p->priority_of && expression_needs_principal(p->priority_of));
}

static str concurrency_describe(const void *self, struct arena *arena)
{
	const struct concurrency *p = self;
	str by = arena_join_list(arena, &p->by, STR(", "));

	return arena_printf(arena, "%s%lld at once%s%.*s, %lld may wait",
			    p->adaptive ? "learnt, at most " : "", (long long)p->limit, by.len ? " by " : "",
			    STR_ARG(by), (long long)p->queue);
}

/* No key of an adaptive limit is about more than where a request goes. */
static uint64_t concurrency_learnt_limit(const struct policy_instance *instance,
					 const struct route_names *names, struct slot_table *slots)
{
	const struct concurrency *p = instance->self;
	struct view view = { .names = names, .is_report = instance->is_report };

	return p->adaptive ? slot_table_learnt(slots, key_of(p, &view, slots), (uint64_t)p->limit) : 0;
}

static const struct policy_risk risks[] = {
	{ "limit", RISK_MORE }, { "adaptive", RISK_ANY },       { "by", RISK_ANY },
	{ "queue", RISK_MORE }, { "queue_timeout", RISK_MORE }, { 0 }
};

const struct policy policy_concurrency = {
	.name = "concurrency",
	.doc = "Bounds how many requests are under way at once.",
	.size = sizeof(struct concurrency),
	.fields = policy_concurrency_fields,
	.compile = concurrency_compile,
	.on_request = concurrency_request,
	.on_response = concurrency_response,
	.needs_principal = concurrency_needs_principal,
	.learnt_limit = concurrency_learnt_limit,
	.describe = concurrency_describe,
	.risks = risks,
	.page = "A request has one of `limit` slots from here until it has ended, whichever way: answered, "
		"failed, or given up by its client. So the service behind has never more than `limit` of "
		"them at once, counted exactly, by all workers together; and always as many, as long as "
		"there "
		"is demand. An event stream, or a call of gRPC, has its slot while it lasts, and a WebSocket "
		"until it is closed: give those a limit of their own. Tries after the first are the same "
		"request, and copies of `mirror` are none.\n"
		"\n"
		"**Who finds no slot** waits in a queue of `queue` places, for `queue_timeout` at most, and "
		"never "
		"longer than the request may take in all; a slot that becomes free is his in that same step. "
		"Who cannot wait is refused with 503 (`concurrency_limited`), who has waited in vain too "
		"(`concurrency_queue_timeout`), both with `Retry-After: 1`. Where `by` is about clients, it "
		"is "
		"429: that client has too much under way, whatever others do. Clients that go leave the "
		"queue. What limits before this one took is given back.\n"
		"\n"
		"**Who counts as one** is said by `by`, as in [`rate_limit`](#policies-rate_limit); without "
		"it, "
		"all requests that come to the limit do. What is written once is one limit, wherever it "
		"applies: to bound a service that several APIs use, name the policy in `policies` and have "
		"each of them `use` it. Limits by consumer or claim stand behind the policy that "
		"authenticates; `check` warns where they do not.\n"
		"\n"
		"**Who goes first** among those who wait is said by `priority`: the greater number, and "
		"among "
		"equals who came first. Who finds the queue full takes the last place in it from one with a "
		"smaller priority, who is refused instead. An expression tells requests apart, such as "
		"`consumer.labels[\"plan\"] == \"gold\" ? 1 : 0`; what is missing in it makes it 0.\n"
		"\n"
		"**With `adaptive: true`** the limit is learnt from the time that the service takes to the "
		"heads of its "
		"answers, where nobody knows what it can do, or that changes. As long as it takes no more "
		"than a "
		"quarter longer than when it is not pressed, the limit grows, by its square root in each "
		"window of a "
		"tenth of a second; beyond that it shrinks by as much, by half at most. It begins with 20, "
		"and stays "
		"between 4 and `limit` (1000). So a service that becomes slower gets less at once, within "
		"seconds, and "
		"more again when it has recovered. What it takes when it is not pressed is seen whenever "
		"less than half "
		"of the limit is in use; where that has not been for 30 seconds, a quarter of the limit is "
		"let in until "
		"ten answers have told it: give it a `queue` for that. Answers of 500 and more tell nothing, "
		"but for "
		"those that the service was too slow for (504). `by` may be `api` or `route` here, and "
		"nothing about "
		"clients.\n"
		"\n"
		"A reload that leaves the limit where it is, with the same `by`, still knows what is under "
		"way, "
		"also when it changes the numbers. Another process, after SIGUSR2, does not: until the old "
		"one "
		"has ended each has its own slots.\n"
		"\n"
		"With `report: true` it counts for itself, refuses nobody and lets nobody wait. Not more "
		"than "
		"262,144 keys have something under way at a time; further ones are refused. "
		"`gatehouse_concurrency_requests` tells how many requests have slots, and how many wait; "
		"`gatehouse_concurrency_limit{policy,api}` what limits that are learnt have come to, the "
		"smallest "
		"where an API has several of that name, and `GET /v1/apis` each of them (`limit`).\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "policies:\n"
		   "  orders-at-once: # one limit for both APIs\n"
		   "    concurrency: { limit: 100, queue: 50, queue_timeout: 500ms }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    path: /orders\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - concurrency: { limit: 10, by: client_ip } # none of them has more than a tenth\n"
		   "      - use: orders-at-once\n"
		   "  returns:\n"
		   "    path: /returns\n"
		   "    upstream: orders\n"
		   "    policies: [use: orders-at-once]\n"
		   "---\n"
		   "cases:\n"
		   "  - name: one after the other is never too much at once\n"
		   "    request: { url: \"http://gw.test/orders\" }\n"
		   "    repeat: 200\n"
		   "    expect: { status: 200, upstream: orders }\n",
};
