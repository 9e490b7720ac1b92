/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeout: bounds the time that a request may take in all, from its first byte to the last one of its answer.
 * It can only narrow what holds already (`timeouts.total` of the upstream, another timeout). Never answers
 * itself, never yields.
 */
#include "policy/policy.h"

struct timeout {
	duration total;
};

const struct field policy_timeout_fields[] = {
	FIELD_DURATION_REQUIRED(struct timeout, total, "total", MILLISECOND, DAY,
				"From the request's first byte to the answer's last; beyond it 504."),
	FIELD_END
};

static enum verdict timeout_request(const void *self, struct view *view)
{
	const struct timeout *p = self;

	view_limit_time(view, p->total);
	return POLICY_CONTINUE;
}

static str timeout_describe(const void *self, struct arena *arena)
{
	return unit_print_duration(arena, ((const struct timeout *)self)->total);
}

static const struct policy_risk risks[] = { { "total", RISK_MORE }, { 0 } };

const struct policy policy_timeout = {
	.name = "timeout",
	.doc = "Bounds the time that a request may take in all.",
	.size = sizeof(struct timeout),
	.fields = policy_timeout_fields,
	.on_request = timeout_request,
	.describe = timeout_describe,
	.risks = risks,
	.page = "All tries of the request and their waits are within it, and policies that wait. When "
		"time is up before the answer has begun, the client gets 504, and the log says what was "
		"waited for (`upstream_timeout`, `upstream_connect_timeout`, `total_timeout`, ...). An "
		"answer that has begun is cut off, unless it is a stream of events (`text/event-stream`): "
		"that is in time when its head is. Nor does it bound a WebSocket once that is open. Do "
		"not use it where other answers go on for long. Of several timeouts the shortest holds.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    path: /orders\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - timeout: { total: 5s }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: an answer in time\n"
		   "    request: { url: \"http://gw.test/orders\" }\n"
		   "    expect: { status: 200, upstream: orders }\n",
};
