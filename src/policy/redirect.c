/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redirect: sends the client somewhere else; nothing that stands after it runs, and no upstream is asked.
 *
 * Where to is the configuration's to say: see value_url for what keeps a stranger from choosing the host.
 * Never yields.
 */
#include "policy/value_url.h"

struct redirect {
	str to;
	int64_t status;
	/* Compiled. */
	struct value to_value;
	str tail; /* of the host */
};

const struct field policy_redirect_fields[] = {
	FIELD_STR_REQUIRED(struct redirect, to, "to",
			   "A URL, or a path of the same host. `${...}` is filled in."),
	FIELD_INT(struct redirect, status, "status", "302", 301, 308,
		  "301 or 308 for good, 302 or 307 for now; with 307 and 308 the method stays the same."),
	FIELD_END
};

static result redirect_compile(struct policy_compile *compile, void *self)
{
	struct redirect *p = self;
	const struct node *to = node_find(compile->node, STR("to"));
	result_value compiled = value_compile(compile->reader, to, VALUE_URL, 0, &p->to_value);

	if (!failed(compiled) && p->to.len)
		compiled = value_url_check(compile->reader, to, &p->to_value, &p->tail);
	if (p->status <= 302 || p->status >= 307)
		return compiled;
	return policy_reject(compile, "status", "want 301, 302, 307 or 308");
}

/* "?${request.query}" without a query is nothing at all. */
static str without_empty_query(str url)
{
	return str_ends(url, STR("?")) ? str_slice(url, 0, url.len - 1) : url;
}

static enum verdict redirect_request(const void *self, struct view *view)
{
	const struct redirect *p = self;
	struct answer answer = { .reason = REASON_REDIRECT, .status = (int)p->status };
	str url;
	result_value made = value_expand(&p->to_value, view, NULL, &url);

	if (failed(made))
		return value_refuse(view, made);
	url = without_empty_query(url);
	if (!value_url_is_safe(url, p->tail))
		return view_refuse(view, REASON_REDIRECT_INVALID);
	answer.fields.at = ARENA_NEW(view->arena, struct http_field);
	answer.fields.max = 1;
	made = http_fields_add(&answer.fields, HTTP_LOCATION, STR("Location"), url);
	return failed(made) ? value_refuse(view, made) : view_answer(view, &answer);
}

const struct policy policy_redirect = {
	.name = "redirect",
	.doc = "Sends the client somewhere else.",
	.size = sizeof(struct redirect),
	.fields = policy_redirect_fields,
	.compile = redirect_compile,
	.on_request = redirect_request,
	.always_answers = true,
	.page = "Values from outside are percent-encoded where they stand; `${request.path}`, "
		"`${request.query}` and `${path.NAME}` are there as the client wrote them, and "
		"`${request.host}` where it is the URL's host. A `?` with nothing behind it is left out.\n"
		"\n"
		"Nobody but the configuration chooses the host: `to` is a path, or a URL whose host is "
		"written out, is `${request.host}`, or ends in a domain, as in "
		"`https://${path.tenant}.example.com`. What would come out as anything else "
		"(`//evil.test`) is refused with 400; the log says `redirect_invalid`.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "apis:\n"
		   "  moved:\n"
		   "    path: /shop\n"
		   "    policies:\n"
		   "      - redirect: { to: \"https://shop.example.com${request.path}?${request.query}\", "
		   "status: 308 }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: path and query come along\n"
		   "    request: { url: \"http://gw.test/shop/cart?item=7\" }\n"
		   "    expect: { status: 308, headers: { Location: "
		   "\"https://shop.example.com/shop/cart?item=7\" } }\n"
		   "  - name: without a query there is no question mark\n"
		   "    request: { url: \"http://gw.test/shop\" }\n"
		   "    expect: { status: 308, headers: { Location: \"https://shop.example.com/shop\" } }\n",
};
