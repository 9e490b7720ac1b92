/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault: delays or refuses some requests, so that it can be tried out what clients and services do then.
 *
 * One draw decides for both: whoever is refused was delayed before. A request that is waiting holds a fiber
 * and its connection, no more; it ends with its client. Yields while it delays.
 */
#include "policy/policy.h"

struct fault {
	duration delay;
	int64_t abort, percent;
};

const struct field policy_fault_fields[] = {
	FIELD_DURATION(struct fault, delay, "delay", "0s", 0, 5 * MINUTE, "How long a request waits."),
	FIELD_INT(struct fault, abort, "abort", NULL, 400, 599,
		  "The status that a request is then refused with; none: it goes on."),
	FIELD_INT(struct fault, percent, "percent", "100", 0, 100,
		  "Percent of the requests that it happens to, picked at random."),
	FIELD_END
};

static result fault_compile(struct policy_compile *compile, void *self)
{
	const struct fault *p = self;

	if (p->delay || p->abort || node_find(compile->node, STR("delay")) ||
	    node_find(compile->node, STR("abort")))
		return OK;
	return policy_reject(compile, NULL, "want `delay`, `abort` or both");
}

static bool is_drawn(const struct fault *p, const struct view *view)
{
	return p->percent >= 100 || (int64_t)(view->effects->random(view->effects->self) % 100) < p->percent;
}

static enum verdict fault_request(const void *self, struct view *view)
{
	const struct fault *p = self;
	struct answer answer = { .reason = REASON_FAULT_INJECTED, .status = (int)p->abort };
	result_value slept = OK;

	if (!is_drawn(p, view))
		return POLICY_CONTINUE;
	if (p->delay && !view->is_report)
		slept = view->effects->sleep(view->effects->self, view, p->delay);
	if (failed(slept))
		return view_abandon(view);
	return p->abort ? view_answer(view, &answer) : POLICY_CONTINUE;
}

static str fault_describe(const void *self, struct arena *arena)
{
	const struct fault *p = self;
	str delay = unit_print_duration(arena, p->delay);
	str status = p->abort ? arena_printf(arena, ", then %lld", (long long)p->abort) : (str) { 0 };

	return arena_printf(arena, "%lld %% of requests wait %.*s%.*s", (long long)p->percent, STR_ARG(delay),
			    STR_ARG(status));
}

const struct policy policy_fault = {
	.name = "fault",
	.doc = "Delays or refuses some requests, to try out what then happens.",
	.size = sizeof(struct fault),
	.fields = policy_fault_fields,
	.compile = fault_compile,
	.on_request = fault_request,
	.describe = fault_describe,
	.page = "A request that it happens to waits for `delay`, and is then refused with `abort` if "
		"that is given; the log says `fault_injected`. A `timeout` that stands before it counts "
		"the delay too. With `when` it happens to some clients only, such as those of a test.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    path: /orders\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - fault: { delay: 300ms, abort: 503 }\n"
		   "        when: 'request.headers[\"X-Rehearsal\"] == \"fault\"'\n"
		   "---\n"
		   "cases:\n"
		   "  - name: a rehearsal\n"
		   "    request: { url: \"http://gw.test/orders\", headers: { X-Rehearsal: fault } }\n"
		   "    expect: { status: 503, reason: fault_injected }\n"
		   "  - name: and everybody else\n"
		   "    request: { url: \"http://gw.test/orders\" }\n"
		   "    expect: { status: 200, upstream: orders }\n",
};
