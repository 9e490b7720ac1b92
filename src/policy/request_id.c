/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_id: every request has an id, and both sides are told it.
 *
 * The id is made when the exchange begins, so that the log has one also for what is refused early. This
 * policy says in which field it travels, keeps a client's own where that is trusted, and puts it on the
 * answer. Ids go to logs and to services, so one from outside must look like an id. Never answers, never
 * yields.
 */
#include "policy/field_edit.h"

enum { ID_MAX = 128 };

struct request_id {
	str header;
	bool trust;
	enum http_name id; /* of the header */
};

const struct field policy_request_id_fields[] = {
	FIELD_STR(struct request_id, header, "header", "X-Request-ID",
		  "The field that bears the id, both ways."),
	FIELD_BOOL(struct request_id, trust, "trust", "false",
		   "Whether an id that the client sent is kept: up to 128 letters, digits and `-._~:/+=@`."),
	FIELD_END
};

static result request_id_compile(struct policy_compile *compile, void *self)
{
	struct request_id *p = self;
	const char *wrong = field_name_wrong(p->header);

	p->id = http_name_find(p->header);
	if (p->id == HTTP_VIA)
		wrong = "Via tells which way a request has come, and is not replaced";
	return wrong ? policy_reject(compile, "header", wrong) : OK;
}

/* What any log, shell or URL can carry without quoting. */
static bool is_id(str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool is_letter = ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';

		if (!is_letter && !(c >= '0' && c <= '9') && !(c && strchr("-._~:/+=@", c)))
			return false;
	}
	return text.len > 0 && text.len <= ID_MAX;
}

/* The client's own, when it sent one and only one. */
static str id_of_client(const struct request_id *p, const struct view *view)
{
	const struct http_fields *fields = &view->request->fields;
	str found = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < fields->count; i++) {
		if (fields->at[i].removed || !str_eq_nocase(fields->at[i].name, p->header))
			continue;
		found = fields->at[i].value;
		count++;
	}
	return count == 1 && is_id(found) ? found : (str) { 0 };
}

static enum verdict request_id_request(const void *self, struct view *view)
{
	const struct request_id *p = self;
	str own = p->trust ? id_of_client(p, view) : (str) { 0 };

	if (view->is_report)
		return POLICY_CONTINUE;
	if (own.len)
		view->request_id = own;
	view->request_id_header = p->header;
	return POLICY_CONTINUE;
}

/* With more fields than fit, the answer goes without. */
static void request_id_response(const void *self, struct view *view)
{
	const struct request_id *p = self;
	result_value set;

	if (view->is_report)
		return;
	set = http_fields_set(&view->response->fields, p->id, p->header, view->request_id);
	(void)set;
}

static const struct policy_risk risks[] = { { "trust", RISK_MORE }, { 0 } };

const struct policy policy_request_id = {
	.name = "request_id",
	.doc = "Gives every request an id, or keeps the one that a trusted client sent, and tells it to both "
	       "sides.",
	.size = sizeof(struct request_id),
	.fields = policy_request_id_fields,
	.compile = request_id_compile,
	.on_request = request_id_request,
	.on_response = request_id_response,
	.risks = risks,
	.is_its_options = true,
	.page = "Every request has an id, also without this policy: it is in the log, in problem "
		"documents (`instance`) and in `X-Request-ID` for the service. This policy names the "
		"field and tells the client as well. With `trust` a client's own id is kept when it "
		"sent one that looks like an id; otherwise it is replaced. A request that is refused before "
		"its policies are asked (405, 413 by `limits.body`) has the gateway's own id all the same, "
		"in "
		"the answer as in the log.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    path: /orders\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - request_id: { header: X-Correlation-ID, trust: true }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: a client's own id is kept\n"
		   "    request: { url: \"http://gw.test/orders\", headers: { X-Correlation-ID: order-7 } }\n"
		   "    expect:\n"
		   "      status: 200\n"
		   "      forwarded: { headers: { X-Correlation-ID: order-7 } }\n"
		   "      headers: { X-Correlation-ID: order-7 }\n"
		   "  - name: what is no id is replaced\n"
		   "    request: { url: \"http://gw.test/orders\", headers: { X-Correlation-ID: \"a b\" } }\n"
		   "    expect: { status: 200, headers: { X-Correlation-ID: \"~^[0-9a-f]{32}$\" } }\n",
};
