/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers: sets, adds and removes fields of requests and of answers.
 *
 * In this order: remove, set, add. A field that is set is the only one of its name afterwards, and there is
 * none when the value is empty: what a client sent never stands in for what is missing. On answers a field
 * whose value cannot be written is left out. Refuses a request when a value of it holds a control
 * character; never yields.
 */
#include "policy/field_edit.h"

struct headers_side {
	struct pair_list set, add;
	str_list remove;
	struct field_values set_values, add_values; /* compiled */
};

struct headers {
	struct headers_side request, response;
};

static const struct field side_fields[] = {
	FIELD_PAIRS(struct headers_side, set, "set", 100,
		    "Names and values; whatever had such a name is gone. `${...}` is filled in."),
	FIELD_PAIRS(struct headers_side, add, "add", 100,
		    "Names and values, beside what is there. `${...}` is filled in."),
	FIELD_STRS(struct headers_side, remove, "remove", 0, 100,
		   "Names, in letters of any case; `X-Internal-*` stands for all that begin so. `_` and `.` "
		   "are taken for `-`, as some services take them: `X-Role` removes `X_Role` too."),
	FIELD_END
};

const struct field policy_headers_fields[] = {
	FIELD_OBJECT(struct headers, request, "request", struct headers_side, side_fields,
		     "What the upstream gets."),
	FIELD_OBJECT(struct headers, response, "response", struct headers_side, side_fields,
		     "What the client gets."),
	FIELD_END
};

static const char via_stays[] = "Via stays in requests: by it one that comes round again is found out";

/* RFC 9110 section 7.6.3. In answers nobody goes by it. */
static bool check_via(struct reader *reader, const struct headers_side *request, const struct node *remove)
{
	bool is_kept = true;

	for (const struct node *item = remove ? remove->first : NULL; item; item = item->next) {
		if (!field_is_named(STR("Via"), item->text) || str_eq(item->text, STR("*")))
			continue;
		diagnostic_error(reader->diagnostics, item, "%s", via_stays);
		is_kept = false;
	}
	for (size_t i = 0; i < request->set.len; i++) {
		if (!field_is_named(STR("Via"), request->set.at[i].name))
			continue;
		diagnostic_error_key(reader->diagnostics, request->set.at[i].node, "%s", via_stays);
		is_kept = false;
	}
	return is_kept;
}

static bool compile_side(struct reader *reader, const struct node *node, unsigned options,
			 struct headers_side *side)
{
	result_value set = field_values_compile(reader, &side->set, options, &side->set_values);
	result_value add = field_values_compile(reader, &side->add, options, &side->add_values);
	result_value remove = field_names_check(reader, node_find(node, STR("remove")));

	return !failed(set) && !failed(add) && !failed(remove);
}

static result headers_compile(struct policy_compile *compile, void *self)
{
	struct headers *p = self;
	const struct node *request = node_find(compile->node, STR("request"));
	bool is_good = compile_side(compile->reader, request, 0, &p->request);

	is_good &= check_via(compile->reader, &p->request, node_find(request, STR("remove")));
	is_good &= compile_side(compile->reader, node_find(compile->node, STR("response")), VALUE_OF_ANSWER,
				&p->response);
	return is_good ? OK : error_make(ERROR_INVALID, "the fields are wrong");
}

/* The order is the manual's. The first error, when all that can be written is. */
static result apply(const struct headers_side *side, const struct view *view, struct http_fields *fields)
{
	result_value set, added;

	field_names_remove(&side->remove, fields);
	set = field_values_set(&side->set_values, view, fields);
	added = field_values_add(&side->add_values, view, fields);
	return failed(set) ? set : added;
}

static bool is_edited(const struct headers_side *side, str name)
{
	for (size_t i = 0; i < side->remove.len; i++)
		if (field_is_named(name, side->remove.at[i]))
			return true;
	for (size_t i = 0; i < side->set.len; i++)
		if (field_is_named(name, side->set.at[i].name))
			return true;
	return false;
}

/* What the gateway says itself it prints behind all policies: where one has taken it out, a field that is
 * removed stands for that. */
static result take_out_own(const struct headers_side *side, struct view *view)
{
	static const enum http_name own[] = { HTTP_FORWARDED, HTTP_X_FORWARDED_FOR, HTTP_X_FORWARDED_PROTO,
					      HTTP_X_FORWARDED_HOST, HTTP_X_FORWARDED_PORT };
	struct http_fields *fields = &view->request->fields;

	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		if (!is_edited(side, http_name_text(own[i])) || http_fields_get(fields, own[i]))
			continue;
		TRY(http_fields_add(fields, own[i], http_name_text(own[i]), (str) { 0 }));
		fields->at[fields->count - 1].removed = true;
	}
	if (is_edited(side, view->request_id_header) && !http_fields_find(fields, view->request_id_header))
		view->request_id_header = (str) { 0 };
	return OK;
}

static enum verdict headers_request(const void *self, struct view *view)
{
	const struct headers *p = self;
	result_value applied;

	if (view->is_report)
		return POLICY_CONTINUE;
	applied = apply(&p->request, view, &view->request->fields);
	if (!failed(applied))
		applied = take_out_own(&p->request, view);
	return failed(applied) ? value_refuse(view, applied) : POLICY_CONTINUE;
}

/* An answer is not refused for a field: the service has done its work, and what it did cannot be undone. */
static void headers_response(const void *self, struct view *view)
{
	const struct headers *p = self;
	result_value applied;

	if (view->is_report)
		return;
	applied = apply(&p->response, view, &view->response->fields);
	(void)applied;
}

/* What is not set or removed any more comes from whoever sends it: to services from clients, and the other
 * way. What is set in answers is the service's own where nobody sets it, and no rule. */
static const struct policy_risk risks[] = { { "request.set", RISK_FEWER_NAMES, "request.remove" },
					    { "request.remove", RISK_FEWER_NAMES, "request.set" },
					    { "response.remove", RISK_FEWER_NAMES, "response.set" },
					    { 0 } };

const struct policy policy_headers = {
	.name = "headers",
	.doc = "Sets, adds and removes fields of requests and answers.",
	.size = sizeof(struct headers),
	.fields = policy_headers_fields,
	.compile = headers_compile,
	.on_request = headers_request,
	.on_response = headers_response,
	.risks = risks,
	.is_its_options = true,
	.page = "What is removed goes first, then `set`, then `add`. A field that is set is the only "
		"one of its name afterwards; when its value comes out empty, or as blanks, there is none, so "
		"that what a client sent never stands in for what is missing. Fields that belong to the "
		"connection or frame the message (`Connection`, `Content-Length`, ...) are out of "
		"reach, and `Host` is changed by `rewrite`.\n"
		"\n"
		"What the gateway itself tells services (`Forwarded`, `X-Forwarded-*`, the request's id) can "
		"be removed too, or set to something else; but for the id, which `request_id` is for. "
		"`remove: [Forwarded, \"X-Forwarded-*\", X-Request-ID]` tells somebody else's service "
		"nothing of your clients. `Via` stays in requests, for by it one that comes round again is "
		"found out; in answers it may be removed.\n"
		"\n"
		"Trailers (fields behind a body) are not looked at, in requests or in answers: what is "
		"removed here may still come as one. Taken out there, without being asked for, is what has "
		"no place there (`Authorization`, `Cookie`, ...) and what no client may say: names of "
		"identities that are in wide use, and whatever a policy forwards.\n"
		"\n"
		"A line end or another control character in a value refuses the request with 400 "
		"(`value_invalid`). Of an answer only that one field is left out: the service has done "
		"its work.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    path: /orders\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - headers:\n"
		   "          request: { set: { X-Client: \"${client.ip}\" }, remove: [\"X-Internal-*\"] }\n"
		   "          response: { set: { Cache-Control: no-store }, remove: [Server] }\n"
		   "---\n"
		   "upstreams: { orders: { headers: { Server: orders/1.2 } } }\n"
		   "cases:\n"
		   "  - name: the service is told who asks\n"
		   "    request: { url: \"http://gw.test/orders\", client_ip: 203.0.113.9, headers: { "
		   "X-Client: me, X-Internal-Role: admin } }\n"
		   "    expect:\n"
		   "      status: 200\n"
		   "      forwarded: { headers: { X-Client: 203.0.113.9 }, absent: [X-Internal-Role] }\n"
		   "      headers: { Cache-Control: no-store }\n"
		   "      absent: [Server]\n",
};
