/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body_limit: refuses bodies that are too large: at once when a request says how large its body is, else as
 * soon as more has come. It can only narrow what the listener allows. Never yields.
 */
#include "policy/policy.h"

struct body_limit {
	uint64_t size;
};

const struct field policy_body_limit_fields[] = {
	FIELD_SIZE_REQUIRED(struct body_limit, size, "size", 0, INT64_MAX,
			    "Largest body; beyond it 413. The listener's `limits.body` holds as well."),
	FIELD_END
};

static enum verdict body_limit_request(const void *self, struct view *view)
{
	const struct body_limit *p = self;

	return view_limit_body(view, p->size);
}

static const struct policy_risk risks[] = { { "size", RISK_MORE }, { 0 } };

const struct policy policy_body_limit = {
	.name = "body_limit",
	.doc = "Refuses bodies that are too large.",
	.size = sizeof(struct body_limit),
	.fields = policy_body_limit_fields,
	.on_request = body_limit_request,
	.risks = risks,
	.page = "A body whose length is told is refused before a byte of it is read or a service is "
		"asked. Of one in chunks the service may have been sent the beginning; the connection to "
		"it is closed then. Of several limits the smallest holds.\n"
		"\n"
		"The answer is 413; the log says `body_too_large`.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    path: /orders\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - body_limit: { size: 8 }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: an order that fits\n"
		   "    request: { method: POST, url: \"http://gw.test/orders\", body: 12345678 }\n"
		   "    expect: { status: 200, upstream: orders }\n"
		   "  - name: and one that does not\n"
		   "    request: { method: POST, url: \"http://gw.test/orders\", body: 123456789 }\n"
		   "    expect: { status: 413, reason: body_too_large }\n",
};
