/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cors: tells browsers whose pages may ask, by what method and with which fields (Fetch standard,
 * section 3.2).
 *
 * A preflight is answered here, before any other policy: it bears no credentials, so that nobody could be
 * authenticated. It is routed by the method that it asks about. All other answers, also those that the
 * gateway makes, are given the fields without which a page could not read them. It is the browser that keeps
 * others out: a request of an origin that is not listed goes on, for same-origin requests have an Origin too.
 * Never yields.
 */
#include "policy/cors_origin.h"
#include "policy/field_edit.h"

enum { WORDS_MAX = 100, ANSWER_FIELDS = 3 };

/* Methods, or names of fields; none is any. */
struct words {
	str_list list;
	bool is_any;
	str text; /* joined */
};

struct cors {
	struct cors_origins origins;
	str_list method_list, header_list, expose_list;
	bool credentials;
	duration max_age;
	/* Compiled. */
	struct words methods, headers;
	str expose_text, max_age_text;
};

const struct field policy_cors_fields[] = {
	FIELD_CUSTOM_REQUIRED(
		struct cors, origins, "origins", struct cors_origins, &cors_origins_form,
		"Whose pages may ask; `https://*.example.com` is every host under `example.com`."),
	FIELD_STRS(struct cors, method_list, "methods", 1, WORDS_MAX,
		   "The methods that they may use; none: any that the route takes."),
	FIELD_STRS(struct cors, header_list, "headers", 0, WORDS_MAX,
		   "The fields that they may send; none: any."),
	FIELD_STRS(struct cors, expose_list, "expose", 0, WORDS_MAX,
		   "The fields of an answer that they may read, beside those that any page may."),
	FIELD_BOOL(struct cors, credentials, "credentials", "false",
		   "Whether they may send cookies and other credentials, and read what comes back."),
	FIELD_DURATION(struct cors, max_age, "max_age", "10m", 0, DAY,
		       "How long a browser may remember what a preflight was answered."),
	FIELD_END
};

/* "*" alone is any, as it is for browsers; but it is answered with what was asked for, because beside
 * credentials they take it for a name. */
static result compile_words(struct policy_compile *compile, const char *key, const str_list *list,
			    struct words *ret_words)
{
	const struct node *node = node_find(compile->node, str_of(key));
	bool is_star = list->len == 1 && str_eq(list->at[0], STR("*"));

	*ret_words = (struct words) { .list = *list,
				      .is_any = is_star || !node || node->kind == NODE_NULL,
				      .text = arena_join_list(compile->reader->arena, list, STR(", ")) };
	for (size_t i = 0; i < list->len && !is_star; i++)
		if (!http_is_token(list->at[i]) || str_eq(list->at[i], STR("*")))
			return policy_reject(compile, key, "want names, or \"*\" alone");
	return OK;
}

/* Fetch section 4.6 knows them in capitals; a method of one's own is as it is written. */
static result check_methods(struct policy_compile *compile, const struct cors *p)
{
	for (size_t i = 0; i < p->method_list.len; i++)
		for (int method = HTTP_GET; method < HTTP_METHODS; method++) {
			str known = http_method_text((enum http_method)method);

			if (str_eq_nocase(p->method_list.at[i], known) &&
			    !str_eq(p->method_list.at[i], known))
				return policy_reject(compile, "methods",
						     "methods are written in capitals, as GET");
		}
	return OK;
}

static result cors_compile(struct policy_compile *compile, void *self)
{
	struct cors *p = self;
	struct words expose;
	result_value steps[] = {
		compile_words(compile, "methods", &p->method_list, &p->methods),
		check_methods(compile, p),
		compile_words(compile, "headers", &p->header_list, &p->headers),
		compile_words(compile, "expose", &p->expose_list, &expose),
	};

	p->expose_text = expose.text;
	p->max_age_text = arena_printf(compile->reader->arena, "%lld", (long long)(p->max_age / SECOND));
	if (p->credentials && p->origins.is_any)
		return policy_reject(
			compile, "credentials",
			"with `origins: \"*\"` any page could use a visitor's credentials: list the origins");
	if (p->credentials && str_eq(expose.text, STR("*")))
		return policy_reject(compile, "expose",
				     "beside credentials browsers take * for a name: list the fields");
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (failed(steps[i]))
			return steps[i];
	return OK;
}

static str field_of(const struct view *view, enum http_name id)
{
	return view_sent_value(view, id);
}

static bool have(const struct words *words, str word, bool (*eq)(str a, str b))
{
	for (size_t i = 0; i < words->list.len && !words->is_any; i++)
		if (eq(words->list.at[i], word))
			return true;
	return words->is_any;
}

static bool same(str a, str b)
{
	return str_eq(a, b);
}

/* Names only; browsers send them in one field, in lower case and sorted. */
static bool may_send(const struct cors *p, str asked)
{
	str name;

	while (str_next(&asked, ',', &name))
		if (name.len && (!http_is_token(name) || !have(&p->headers, name, str_eq_nocase)))
			return false;
	return true;
}

/* For the console of the page's author; it tells no more than the list would. */
static str why_denied(const struct cors *p, const struct view *view)
{
	str method = field_of(view, HTTP_ACCESS_CONTROL_REQUEST_METHOD);

	if (!cors_origins_have(&p->origins, field_of(view, HTTP_ORIGIN)))
		return STR("Pages of this origin may not ask.");
	if (!http_is_token(method) || !have(&p->methods, method, same))
		return STR("Pages of other origins may not use this method.");
	if (http_fields_count(&view->request->fields, HTTP_ACCESS_CONTROL_REQUEST_HEADERS) > 1 ||
	    !may_send(p, field_of(view, HTTP_ACCESS_CONTROL_REQUEST_HEADERS)))
		return STR("Pages of other origins may not send one of these fields.");
	return (str) { 0 };
}

static void put(struct http_fields *fields, enum http_name id, str value)
{
	result_value added = value.len ? http_fields_add(fields, id, http_name_text(id), value) : OK;

	(void)added; /* without room, the answer goes without */
}

/* The fields that all answers have are added to this one too, by on_response. */
static enum verdict cors_preflight(const void *self, struct view *view)
{
	const struct cors *p = self;
	str method = field_of(view, HTTP_ACCESS_CONTROL_REQUEST_METHOD);
	str headers = field_of(view, HTTP_ACCESS_CONTROL_REQUEST_HEADERS);
	str why = why_denied(p, view);
	struct answer answer = { .reason = why.len ? REASON_CORS_DENIED : REASON_CORS_PREFLIGHT,
				 .detail = why };

	if (why.len)
		return view_answer(view, &answer);
	answer.fields.at = ARENA_ARRAY(view->arena, struct http_field, ANSWER_FIELDS);
	answer.fields.max = ANSWER_FIELDS;
	put(&answer.fields, HTTP_ACCESS_CONTROL_ALLOW_METHODS, p->methods.is_any ? method : p->methods.text);
	put(&answer.fields, HTTP_ACCESS_CONTROL_ALLOW_HEADERS, p->headers.is_any ? headers : p->headers.text);
	put(&answer.fields, HTTP_ACCESS_CONTROL_MAX_AGE, p->max_age_text);
	return view_answer(view, &answer);
}

/* What a cache must tell apart. A preflight's answer goes by all that was asked. */
static void vary(const struct cors *p, const struct view *view)
{
	struct http_fields *fields = &view->response->fields;

	if (!p->origins.is_any)
		field_vary_add(fields, STR("Origin"));
	if (!view_is_preflight(view))
		return;
	field_vary_add(fields, STR("Access-Control-Request-Method"));
	field_vary_add(fields, STR("Access-Control-Request-Headers"));
}

/* What the service says of it goes: two Access-Control-Allow-Origin are as good as none. */
static void cors_response(const void *self, struct view *view)
{
	const struct cors *p = self;
	struct http_fields *fields = &view->response->fields;
	str origin = field_of(view, HTTP_ORIGIN);

	if (view->is_report)
		return;
	http_fields_remove(fields, HTTP_ACCESS_CONTROL_ALLOW_ORIGIN);
	http_fields_remove(fields, HTTP_ACCESS_CONTROL_ALLOW_CREDENTIALS);
	http_fields_remove(fields, HTTP_ACCESS_CONTROL_EXPOSE_HEADERS);
	vary(p, view);
	if (!cors_origins_have(&p->origins, origin))
		return;
	put(fields, HTTP_ACCESS_CONTROL_ALLOW_ORIGIN, p->origins.is_any ? STR("*") : origin);
	if (p->credentials)
		put(fields, HTTP_ACCESS_CONTROL_ALLOW_CREDENTIALS, STR("true"));
	if (view->answer.reason != REASON_CORS_PREFLIGHT)
		put(fields, HTTP_ACCESS_CONTROL_EXPOSE_HEADERS, p->expose_text);
}

static const struct policy_risk risks[] = { { "origins", RISK_MORE },     { "methods", RISK_MORE_OR_NONE },
					    { "headers", RISK_ANY_NAME }, { "expose", RISK_MORE },
					    { "credentials", RISK_MORE }, { 0 } };

const struct policy policy_cors = {
	.name = "cors",
	.doc = "Tells browsers whose pages may ask (CORS).",
	.size = sizeof(struct cors),
	.fields = policy_cors_fields,
	.compile = cors_compile,
	.on_preflight = cors_preflight,
	.on_response = cors_response,
	.risks = risks,
	.grants = true,
	.page = "A preflight (`OPTIONS` with `Origin` and `Access-Control-Request-Method`) is routed by "
		"the method that it asks about, and answered before any other policy runs, with 204 or "
		"403 (`cors_denied`); the service never sees it. Conditions on fields that a preflight "
		"does not bear, such as `Authorization`, do not hold for it: put `cors` on the API, not "
		"on such a route.\n"
		"\n"
		"Answers that the gateway makes itself (401, 405, 413, 503, ...) bear the fields as well, "
		"so that a page can read why it was refused; where only the method is wrong, by the "
		"policies of the route that takes another one. What is answered before it is known whose "
		"API is asked bears none: a head that cannot be understood (400, 431), a path that has no "
		"route (404), and 503 `overloaded` of a gateway that takes in nothing more. Fields that "
		"the service sends about CORS are replaced. Requests of other origins are not refused: it is "
		"the browser that keeps their "
		"pages from the answer.\n"
		"\n"
		"`Vary: Origin` is added unless all may ask. `origins: \"*\"` together with "
		"`credentials` is refused by `check`.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    path: /orders\n"
		   "    methods: [GET, POST]\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - cors:\n"
		   "          origins: [\"https://app.example.com\", \"https://*.preview.example.com\"]\n"
		   "          headers: [Content-Type, Authorization]\n"
		   "          credentials: true\n"
		   "---\n"
		   "cases:\n"
		   "  - name: a page may ask\n"
		   "    request:\n"
		   "      method: OPTIONS\n"
		   "      url: \"http://gw.test/orders\"\n"
		   "      headers: { Origin: \"https://app.example.com\", Access-Control-Request-Method: "
		   "POST }\n"
		   "    expect:\n"
		   "      status: 204\n"
		   "      reason: cors_preflight\n"
		   "      headers: { Access-Control-Allow-Origin: \"https://app.example.com\" }\n"
		   "  - name: others may not\n"
		   "    request:\n"
		   "      method: OPTIONS\n"
		   "      url: \"http://gw.test/orders\"\n"
		   "      headers: { Origin: \"https://evil.test\", Access-Control-Request-Method: POST }\n"
		   "    expect: { status: 403, reason: cors_denied, absent: [Access-Control-Allow-Origin] }\n"
		   "  - name: the answer may be read\n"
		   "    request:\n"
		   "      url: \"http://gw.test/orders\"\n"
		   "      headers: { Origin: \"https://pr-7.preview.example.com\" }\n"
		   "    expect:\n"
		   "      status: 200\n"
		   "      headers:\n"
		   "        Access-Control-Allow-Origin: \"https://pr-7.preview.example.com\"\n"
		   "        Access-Control-Allow-Credentials: \"true\"\n"
		   "        Vary: Origin\n",
};
