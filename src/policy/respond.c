/* SPDX-License-Identifier: Apache-2.0 */
/*
 * respond: answers by itself; nothing that stands after it runs, and no upstream is asked.
 *
 * For fixed answers, maintenance pages and closed doors. Never yields.
 */
#include "policy/field_edit.h"

enum { FIELDS_MAX = 32 };

struct respond {
	int64_t status;
	struct pair_list headers;
	str body;
	const struct node *json;
	/* Compiled. */
	struct field_values fields;
	struct value content; /* of body or json */
	str content_type;
};

static const struct field_form json_form = {
	.manual = "any value; it is sent as JSON",
	.schema = "{}",
	.read = field_keep_node,
};

const struct field policy_respond_fields[] = {
	FIELD_INT(struct respond, status, "status", "200", 200, 599, "The status code."),
	FIELD_PAIRS(struct respond, headers, "headers", FIELDS_MAX / 2,
		    "Fields of the answer. `${...}` is filled in."),
	FIELD_STR(struct respond, body, "body", NULL,
		  "A text, sent as `text/plain` unless `headers` say otherwise. `${...}` is filled in."),
	FIELD_CUSTOM(struct respond, json, "json", const struct node *, &json_form,
		     "The body as a value, sent as `application/json`. `${...}` in its texts is filled in."),
	FIELD_END
};

/* RFC 9110 section 6.4.1. */
static bool has_no_content(int64_t status)
{
	return http_status_has_no_body(status) || status == 205;
}

/* The type goes by what the body is given as; a Content-Type among the headers takes its place. */
static result compile_content(struct policy_compile *compile, struct respond *p)
{
	const struct node *body = node_find(compile->node, STR("body"));

	if (p->json && body)
		return policy_reject(compile, "body", "an answer has either a body or json");
	if ((p->json || p->body.len) && has_no_content(p->status))
		return policy_reject(compile, "status", "an answer with this status has no body");
	if (p->json) {
		p->content_type = STR("application/json");
		return value_compile_json(compile->reader, p->json, 0, &p->content);
	}
	if (p->body.len)
		p->content_type = STR("text/plain; charset=utf-8");
	return value_compile(compile->reader, body, VALUE_TEXT, 0, &p->content);
}

static result respond_compile(struct policy_compile *compile, void *self)
{
	struct respond *p = self;
	result_value fields = field_values_compile(compile->reader, &p->headers, 0, &p->fields);

	TRY(compile_content(compile, p));
	for (size_t i = 0; i < p->fields.count; i++)
		if (p->fields.at[i].id == HTTP_CONTENT_TYPE)
			p->content_type = (str) { 0 };
	return fields;
}

static enum verdict respond_request(const void *self, struct view *view)
{
	const struct respond *p = self;
	struct answer answer = { .reason = REASON_RESPOND,
				 .status = (int)p->status,
				 .content_type = p->content_type };
	result_value made = value_expand(&p->content, view, NULL, &answer.body);

	answer.fields.at = ARENA_ARRAY(view->arena, struct http_field, FIELDS_MAX);
	answer.fields.max = FIELDS_MAX;
	if (!failed(made))
		made = field_values_set(&p->fields, view, &answer.fields);
	return failed(made) ? value_refuse(view, made) : view_answer(view, &answer);
}

const struct policy policy_respond = {
	.name = "respond",
	.doc = "Answers by itself.",
	.size = sizeof(struct respond),
	.fields = policy_respond_fields,
	.compile = respond_compile,
	.on_request = respond_request,
	.always_answers = true,
	.page = "Nothing that stands behind it runs, and no upstream is asked. With `json` the texts in "
		"it are filled in and escaped, so that it stays JSON whatever comes from outside.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "apis:\n"
		   "  closed:\n"
		   "    path: /orders\n"
		   "    policies:\n"
		   "      - respond: { status: 503, headers: { Retry-After: \"3600\" }, json: { message: "
		   "\"back in an hour\", asked: \"${request.path}\" } }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: it says why\n"
		   "    request: { url: \"http://gw.test/orders/7\" }\n"
		   "    expect: { status: 503, reason: respond, headers: { Retry-After: \"3600\", "
		   "Content-Type: application/json } }\n",
};
