/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward_auth: another service decides: what it answers with 2xx lets the request pass, anything else is the
 * client's answer.
 *
 * The service is told what was asked (X-Forwarded-Method, -Proto, -Host, -Uri, -For) and given the fields
 * that it needs to know who asks; never the body. What it says of the caller goes to the upstream in the
 * fields of `forward`, and from nowhere else: a client's own end here, also when the service does not name
 * them. It is asked with them where `headers` says so: an Authorization may be looked at and then replaced.
 *
 * A refusal is one from its first byte: a body that is too large, too slow or broken off takes nothing of it
 * back. No answer at all is a failure, and `on_failure` says what becomes of it.
 */
#include "auth/consumers.h"
#include "codec/http_field.h"
#include "policy/fetch_trouble.h"
#include "policy/field_edit.h"
#include "policy/identity_fields.h"
#include "policy/principal.h"

enum {
	SENT_MAX = 32,
	OWN_FIELDS = 5, /* X-Forwarded-* */
	SENT_FIELDS_MAX = 256,
	BODY_MAX = 64 * 1024,
};

enum { FAILURE_DENY, FAILURE_ALLOW };

static const char *const failure_words[] = { "deny", "allow", NULL };

struct forward_auth {
	str url;
	str_list headers, forward;
	str consumer;
	duration timeout, cache;
	int on_failure;
	const struct destination *to; /* compiled */
};

const struct field policy_forward_auth_fields[] = {
	FIELD_STR_REQUIRED(struct forward_auth, url, "url",
			   "Whom to ask, by GET, such as `http://127.0.0.1:9000/check`."),
	FIELD_STRS_DEFAULT(struct forward_auth, headers, "headers", "[Authorization, Cookie]", 0, SENT_MAX,
			   "Fields of the request that the service gets."),
	FIELD_STRS(struct forward_auth, forward, "forward", 0, FORWARD_MAX,
		   "Fields of its answer that the upstream gets; no client can send them."),
	FIELD_STR(struct forward_auth, consumer, "consumer", NULL,
		  "The field of its answer that names the consumer, such as `X-Auth-User`."),
	FIELD_DURATION(struct forward_auth, timeout, "timeout", "5s", MILLISECOND, MINUTE,
		       "How long its answer is waited for, all in all."),
	FIELD_DURATION(
		struct forward_auth, cache, "cache", "0s", 0, HOUR,
		"How long a 2xx answer serves for requests that ask the same; `0s`: every one is asked."),
	FIELD_ENUM(struct forward_auth, on_failure, "on_failure", failure_words, "deny",
		   "What becomes of a request when the service gives no answer."),
	FIELD_END
};

/* ---- compiling ---- */

static bool check_names(struct policy_compile *compile, const char *key)
{
	const struct node *list = node_find(compile->node, str_of(key));
	bool is_good = true;

	for (const struct node *item = list ? list->first : NULL; item; item = item->next) {
		const char *wrong = field_name_wrong(item->text);

		if (wrong)
			diagnostic_error(compile->reader->diagnostics, item, "%s", wrong);
		is_good &= !wrong;
	}
	return is_good;
}

static result forward_auth_compile(struct policy_compile *compile, void *self)
{
	struct forward_auth *p = self;
	const struct policy_hooks *hooks = compile->hooks;
	const struct node *url = node_find(compile->node, STR("url"));
	bool is_good = check_names(compile, "headers");

	is_good &= check_names(compile, "forward");
	if (url && hooks)
		p->to = hooks->find_url(hooks->owner, url);
	policy_warn_open(
		compile, "url",
		"credentials that go by http can be read, and answers made, by whoever is in between: use "
		"https");
	for (size_t i = 0; hooks && i < p->forward.len; i++)
		if (!identity_is_clients_own(p->forward.at[i]))
			hooks->manage(hooks->owner, p->forward.at[i]);
	return is_good && p->to ? OK : error_make(ERROR_INVALID, "nobody can be asked that way");
}

/* ---- asking ---- */

/* What there is no room for is not sent: the service then sees less of the request, never more. */
static void add(struct http_fields *fields, enum http_name id, str name, str value)
{
	result_value added = http_fields_add(fields, id, name, value);

	(void)added;
}

static str asked_uri(const struct view *view)
{
	str parts[] = { view->path, STR("?"), view->query };

	return view->query.len ? arena_join(view->arena, parts, 3) : view->path;
}

/* The gateway's own first, so that they are there whatever the client sends. */
static void fill_question(const struct forward_auth *p, const struct view *view, struct http_fields *fields)
{
	const struct http_fields *from = &view->request->fields;

	add(fields, HTTP_X_FORWARDED_FAMILY, STR("X-Forwarded-Method"), view->request->method_text);
	add(fields, HTTP_X_FORWARDED_PROTO, STR("X-Forwarded-Proto"), view->scheme);
	add(fields, HTTP_X_FORWARDED_HOST, STR("X-Forwarded-Host"), view->authority);
	add(fields, HTTP_X_FORWARDED_FAMILY, STR("X-Forwarded-Uri"), asked_uri(view));
	if (view->client_ip.len)
		add(fields, HTTP_X_FORWARDED_FOR, STR("X-Forwarded-For"), view->client_ip);
	for (size_t i = 0; i < p->headers.len; i++)
		for (size_t j = 0; j < from->count; j++)
			if (!from->at[j].removed && str_eq_nocase(from->at[j].name, p->headers.at[i]))
				add(fields, from->at[j].id, from->at[j].name, from->at[j].value);
}

static result ask(const struct forward_auth *p, struct view *view, struct fetch_answer *ret_answer)
{
	struct http_fields fields = { .at = ARENA_ARRAY(view->arena, struct http_field, SENT_FIELDS_MAX),
				      .max = SENT_FIELDS_MAX };
	struct fetch_request request = { .to = p->to,
					 .method = HTTP_GET,
					 .fields = &fields,
					 .timeout = p->timeout,
					 .body_max = BODY_MAX,
					 .remembers = p->cache };

	fill_question(p, view, &fields);
	return view_fetch(view, &request, ret_answer);
}

/* ---- what came of it ---- */

/* The service's word takes the place of the client's; also where it says nothing. */
static result forward_fields(const struct forward_auth *p, struct view *view,
			     const struct fetch_answer *answer)
{
	struct http_fields *to = &view->request->fields;

	for (size_t i = 0; i < p->forward.len; i++) {
		for (size_t j = 0; j < answer->fields.count; j++) {
			const struct http_field *field = &answer->fields.at[j];

			if (!field->removed && field->value.len &&
			    str_eq_nocase(field->name, p->forward.at[i]))
				TRY(http_fields_add(to, http_name_find(p->forward.at[i]), p->forward.at[i],
						    field->value));
		}
	}
	return OK;
}

/* What it answered, as it did; where it said nothing, or not all of it, stand words of the gateway's own,
 * which are not of its type. */
static enum verdict pass_refusal(struct view *view, const struct fetch_answer *answer)
{
	struct answer refusal = { .reason = REASON_AUTH_DENIED,
				  .status = answer->status,
				  .body = answer->body,
				  .fields = answer->fields };

	if (!refusal.body.len) {
		http_fields_remove(&refusal.fields, HTTP_CONTENT_TYPE);
		http_fields_remove(&refusal.fields, HTTP_CONTENT_ENCODING);
	}
	return view_answer(view, &refusal);
}

/* `on_failure: allow`: the log tells that nobody has decided. */
static enum verdict pass_undecided(struct view *view)
{
	view_report(view, STR("forward_auth"), REASON_AUTH_UNAVAILABLE);
	return POLICY_CONTINUE;
}

/* Said twice it is nobody's name. */
static str find_consumer(const struct forward_auth *p, const struct fetch_answer *answer)
{
	str name = { 0 };
	size_t count = 0;

	for (size_t i = 0; p->consumer.len && i < answer->fields.count; i++) {
		const struct http_field *field = &answer->fields.at[i];

		if (field->removed || !field->value.len || !str_eq_nocase(field->name, p->consumer))
			continue;
		name = field->value;
		count++;
	}
	return count == 1 ? name : (str) { 0 };
}

/* The service is trusted: whom it lets pass is known to it, and whom it names need not be configured here. */
static void identify(const struct forward_auth *p, struct view *view, const struct fetch_answer *answer)
{
	struct principal *principal = view_identify(view, STR("forward_auth"));
	struct consumer named = { .name = find_consumer(p, answer) };
	const struct consumer *known = consumers_find(view->consumers, named.name);

	if (!named.name.len)
		return;
	view_set_consumer(principal, known ? known : &named);
}

static enum verdict forward_auth_request(const void *self, struct view *view)
{
	const struct forward_auth *p = self;
	struct fetch_answer answer;
	result_value asked;

	asked = ask(p, view, &answer);
	if (!view->is_report)
		field_names_remove(&p->forward, &view->request->fields);
	if (asked.kind == ERROR_CANCELLED)
		return view_answer(view, &(struct answer) { 0 }); /* nobody is there to read one */
	if (failed(asked)) {
		fetch_tell_failure(view, "forward_auth", p->url, asked);
		return p->on_failure == FAILURE_ALLOW ? pass_undecided(view)
						      : view_refuse(view, REASON_AUTH_UNAVAILABLE);
	}
	if (answer.status < 200 || answer.status >= 300)
		return pass_refusal(view, &answer);
	identify(p, view, &answer);
	if (!view->is_report && failed(forward_fields(p, view, &answer)))
		return view_refuse(view, REASON_AUTH_UNAVAILABLE);
	return POLICY_CONTINUE;
}

/* Another service may decide in another way, also when it is sent other fields; a name that is not forwarded
 * any more is no longer kept from clients either. */
static const struct policy_risk risks[] = { { "url", RISK_ANY },
					    { "headers", RISK_ANY_NAME },
					    { "forward", RISK_FEWER_NAMES },
					    { "consumer", RISK_ANY_NAME },
					    { "cache", RISK_MORE },
					    { "on_failure", RISK_MORE },
					    { 0 } };

const struct policy policy_forward_auth = {
	.name = "forward_auth",
	.doc = "Asks another service whether a request may pass.",
	.size = sizeof(struct forward_auth),
	.fields = policy_forward_auth_fields,
	.compile = forward_auth_compile,
	.on_request = forward_auth_request,
	.risks = risks,
	.authenticates = true,
	.page = "The service gets a GET at its `url`, with the fields of `headers` and what was asked in "
		"`X-Forwarded-Method`, `X-Forwarded-Proto`, `X-Forwarded-Host`, `X-Forwarded-Uri` and "
		"`X-Forwarded-For`. The request's body stays here.\n"
		"\n"
		"A 2xx answer lets the request pass. Any other answer goes to the client as it is: its "
		"status, its fields (`WWW-Authenticate`, `Location`, `Set-Cookie`) and its body up to 64 "
		"KiB; the log says `auth_denied`. When the service gives no answer (it is down, too "
		"slow, or says what is no HTTP) the client gets 503 and the log says `auth_unavailable`; "
		"`on_failure: allow` lets the request pass without the fields of `forward`, and its line "
		"in the log has `reported`. A refusal is never taken for a failure.\n"
		"\n"
		"Whom it lets pass is known from then on, so that `authorize` can stand behind it; its "
		"`consumer` field names who that is: one of `consumers`, with groups and labels, or a name "
		"alone. A name that is said twice is none.\n"
		"\n"
		"Names in `forward` are managed: they are removed from what clients send, on every "
		"route, also when they are written with `_` or `.` for `-`. Names that clients have a "
		"use of their own for (such as `Authorization`) are replaced on the routes of this "
		"policy only.\n"
		"\n"
		"With `cache`, 2xx answers are remembered by everything that the service was sent, so "
		"also by the path: each worker keeps up to 1,024, of at most 16 KiB each. Refusals are "
		"never remembered.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - forward_auth: { url: \"http://127.0.0.1:9100/check\", forward: [X-Auth-User] }\n"
		   "---\n"
		   "upstreams:\n"
		   "  \"http://127.0.0.1:9100\": { status: 204, headers: { X-Auth-User: alice } }\n"
		   "cases:\n"
		   "  - name: the service's word reaches the upstream, the client's own does not\n"
		   "    request: { url: \"http://gw.test/\", headers: { X-Auth-User: mallory } }\n"
		   "    expect: { status: 200, forwarded: { headers: { X-Auth-User: alice } } }\n",
};
