/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mirror: some requests also go to another upstream, whose answers nobody gets: to see how a new version
 * takes the traffic of the old one.
 *
 * The policy only says that this request is one of them; the copy is made and sent by whoever has the body.
 * Never answers, never yields, never fails.
 */
#include "policy/policy.h"

struct mirror {
	str upstream;
	int64_t percent;
	bool compare;
	const struct destination *to; /* compiled */
};

const struct field policy_mirror_fields[] = {
	FIELD_STR_REQUIRED(struct mirror, upstream, "upstream", "The upstream that gets the copies."),
	FIELD_INT(struct mirror, percent, "percent", "100", 0, 100,
		  "Percent of the requests that are copied, picked at random."),
	FIELD_BOOL(struct mirror, compare, "compare", "false",
		   "Whether both answers are compared, by their status and body."),
	FIELD_END
};

static result mirror_compile(struct policy_compile *compile, void *self)
{
	struct mirror *p = self;
	const struct policy_hooks *hooks = compile->hooks;
	const struct node *upstream = node_find(compile->node, STR("upstream"));

	if (upstream && hooks)
		p->to = hooks->find_upstream(hooks->owner, upstream);
	return p->to ? OK : error_make(ERROR_INVALID, "there is nobody to send copies to");
}

static enum verdict mirror_request(const void *self, struct view *view)
{
	const struct mirror *p = self;
	const struct effects *effects = view->effects;

	if (effects->mirror && !view->is_report &&
	    effects->random(effects->self) % 100 < (uint64_t)p->percent)
		effects->mirror(effects->self, view, p->to, p->compare);
	return POLICY_CONTINUE;
}

const struct policy policy_mirror = {
	.name = "mirror",
	.doc = "Sends copies of requests to another upstream.",
	.size = sizeof(struct mirror),
	.fields = policy_mirror_fields,
	.compile = mirror_compile,
	.on_request = mirror_request,
	.page = "The copy is what the upstream gets, with the changes of all policies, and is sent once, "
		"without a retry, when the request has gone. Nobody waits for it: a mirror that is slow, "
		"down or broken changes nothing for clients, and its answers are read and dropped. A "
		"request that never reached its upstream, or was answered by a policy, is not copied.\n"
		"\n"
		"A body is copied up to the listener's `limits.replay` (64 KiB); a request with a larger "
		"one is not copied, nor one for whose copy there is no memory left. Each worker has at "
		"most 256 copies under way; what comes beyond is not copied either.\n"
		"\n"
		"With `compare` the copy leaves when the client has its answer, and differences are "
		"written to the gateway's own log with the request's id, at most ten a second: another "
		"status, or another body. `Set-Cookie`, `Date` and other fields are not looked at.\n"
		"\n"
		"Copies have the effects of requests: point mirrors of anything but reads at a service "
		"that may be written to.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams:\n"
		   "  orders: { endpoints: [127.0.0.1:9000] }\n"
		   "  orders-next: { endpoints: [127.0.0.1:9001] }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - mirror: { upstream: orders-next, percent: 10, compare: true }\n"
		   "        when: 'request.method == \"GET\"'\n"
		   "---\n"
		   "cases:\n"
		   "  - name: the client gets the answer of the upstream\n"
		   "    request: { url: \"http://gw.test/\" }\n"
		   "    expect: { status: 200, upstream: orders }\n",
};
