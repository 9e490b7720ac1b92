/* SPDX-License-Identifier: Apache-2.0 */
/*
 * introspection: lets in who bears a token that its issuer says is good (RFC 7662).
 *
 * The token means nothing to the gateway: the issuer is asked, by the gateway's own name, and what it answers
 * are the claims. An answer serves for `cache`, but for no longer than the token's own `exp`, which is looked
 * at with each request; a "no" serves as long, so that a bad token cannot be used to keep the issuer busy.
 *
 * An answer that says neither yes nor no, also that the gateway may not ask, is the gateway's trouble (503)
 * and no judgement on who asks.
 */
#include "auth/claims.h"
#include "codec/json.h"
#include "codec/scan.h"
#include "codec/url.h"
#include "policy/credential.h"
#include "policy/fetch_json.h"
#include "policy/fetch_trouble.h"
#include "policy/identity_fields.h"
#include "policy/oauth_client.h"
#include "policy/token_parties.h"
#include "policy/wish.h"

enum {
	REQUIRE_MAX = 100,
	TOKEN_MAX = 8 * 1024,
	BODY_MAX = 64 * 1024,
	STANDARD_CLAIMS_MAX = 64, /* of those that a case leaves out: their names, and `true` */
	ENCODED = 3,              /* bytes for one, at most, where it is written as %XX */
	STATUS_OK = 200,          /* RFC 7662 section 2.2 knows no other */
};

struct introspection {
	str url, client_id, client_secret;
	str_list audiences; /* empty: no matter for whom */
	str issuer;
	struct credential_place from;
	bool strip;
	duration cache, timeout;
	str_list require;
	struct pair_list forward;
	str consumer;
	/* Compiled. */
	const struct destination *to;
	str authorization;
};

const struct field policy_introspection_fields[] = {
	FIELD_STR_REQUIRED(
		struct introspection, url, "url",
		"The issuer's introspection endpoint, such as `https://id.example.com/introspect`."),
	FIELD_STR_REQUIRED(struct introspection, client_id, "client_id",
			   "The name by which the issuer knows the gateway."),
	FIELD_STR_REQUIRED(struct introspection, client_secret, "client_secret",
			   "The secret that goes with it, better from `${file:PATH}`; sent as HTTP Basic."),
	FIELD_CUSTOM(struct introspection, audiences, "audience", str_list, &field_texts_form,
		     "For whom a token must be made: the answer's `aud` is, or has, one of these; `any`, and "
		     "none: no matter."),
	FIELD_STR(struct introspection, issuer, "issuer", NULL,
		  "Who must have made it: the answer's `iss`, to the letter; none: no matter."),
	FIELD_OBJECT(struct introspection, from, "from", struct credential_place, credential_place_fields,
		     "Where the token is; without it behind `Bearer` in `Authorization`."),
	FIELD_BOOL(struct introspection, strip, "strip", "false",
		   "Whether the upstream does not get the token."),
	FIELD_DURATION(
		struct introspection, cache, "cache", "30s", 0, HOUR,
		"How long an answer serves for the same token, and so how long a revoked one may go on; "
		"never beyond the token's `exp`; `0s`: every request asks."),
	FIELD_DURATION(struct introspection, timeout, "timeout", "5s", MILLISECOND, MINUTE,
		       "How long an answer is waited for, all in all."),
	FIELD_STRS(struct introspection, require, "require", 0, REQUIRE_MAX,
		   "Members that the answer must have, such as `sub`."),
	FIELD_PAIRS(
		struct introspection, forward, "forward", FORWARD_MAX,
		"Fields that the upstream gets, each from a member of the answer, such as `X-User: sub`; no "
		"client can send them. A list is joined by `,`, an object is left out."),
	FIELD_STR(struct introspection, consumer, "consumer", NULL,
		  "The member that names the consumer, such as `client_id`; a token of nobody who is "
		  "configured "
		  "is refused."),
	FIELD_END
};

/* ---- compiling ---- */

/* Not an error: an opaque token may be of an issuer that has this one service only. */
static void check_audience(struct policy_compile *compile, struct introspection *p)
{
	if (!p->audiences.len)
		diagnostic_warning(
			compile->reader->diagnostics, compile->node,
			"without \"audience\" a token that was made for another service is taken as "
			"well; `audience: any` says that this is meant");
	if (audience_is_any(&p->audiences))
		p->audiences.len = 0;
}

static result introspection_compile(struct policy_compile *compile, void *self)
{
	struct introspection *p = self;
	const struct policy_hooks *hooks = compile->hooks;
	const struct node *url = node_find(compile->node, STR("url"));
	result_value place = credential_place_compile(compile, "from", "Authorization", &p->from);

	check_audience(compile, p);
	if (url && hooks)
		p->to = hooks->find_url(hooks->owner, url);
	policy_warn_open(
		compile, "url",
		"client_secret and tokens that go by http can be read, and answers made, by whoever is in "
		"between: use https");
	p->authorization = oauth_client_authorization(compile->reader->arena, p->client_id, p->client_secret);
	TRY(claims_fields_compile(compile, &p->forward));
	TRY(place);
	return p->to ? OK : error_make(ERROR_INVALID, "nobody can be asked that way");
}

/* ---- the token ---- */

/* b64token of RFC 6750 section 2.1. */
static bool is_token_text(str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!scan_is(text.ptr[i], SCAN_UNRESERVED) && text.ptr[i] != '+' && text.ptr[i] != '/' &&
		    text.ptr[i] != '=')
			return false;
	return text.len;
}

static enum reason find_token(const struct introspection *p, const struct view *view, str *ret_token)
{
	enum reason reason = credential_find_token(&p->from, STR("Bearer"), view, ret_token);

	if (reason != REASON_NONE)
		return reason;
	if (ret_token->len > TOKEN_MAX)
		return REASON_TOKEN_TOO_LARGE;
	return is_token_text(*ret_token) ? REASON_NONE : REASON_TOKEN_MALFORMED;
}

static bool introspection_recognises(const void *self, const struct view *view)
{
	str token;

	return find_token(self, view, &token) != REASON_TOKEN_MISSING;
}

static str introspection_place(const void *self, struct arena *arena)
{
	const struct introspection *p = self;

	return credential_place_text(&p->from, STR("Bearer"), arena);
}

static str introspection_challenge(const void *self, struct view *view)
{
	(void)self;
	(void)view;
	return STR("Bearer");
}

/* RFC 6750 section 3. Without a token there is no error to tell. */
static str challenge_of(enum reason reason)
{
	return reason == REASON_TOKEN_MISSING ? STR("Bearer") : STR("Bearer error=\"invalid_token\"");
}

/* ---- asking ---- */

/* Section 2.1 of RFC 7662. */
static str print_question(str token, struct arena *arena)
{
	struct buf out =
		arena_open(arena, ENCODED * token.len + sizeof "token=&token_type_hint=access_token");

	oauth_put_parameter(&out, "token", token);
	oauth_put_parameter(&out, "token_type_hint", STR("access_token"));
	return arena_close(arena, &out);
}

/* Yes or no: anything else is trouble, which may pass. */
static bool is_verdict(void *json, struct arena *arena, const struct fetch_answer *answer)
{
	return answer->status == STATUS_OK &&
	       json_find(fetch_json_parse(json, arena, answer), STR("active")).kind == OPERAND_BOOL;
}

static result ask(const struct introspection *p, struct view *view, str token, struct fetch_json *json,
		  struct fetch_answer *ret_answer)
{
	struct http_field room[OAUTH_CLIENT_FIELDS];
	struct http_fields fields = { .at = room, .max = OAUTH_CLIENT_FIELDS };
	struct fetch_request request = { .to = p->to,
					 .method = HTTP_POST,
					 .fields = &fields,
					 .body = print_question(token, view->arena),
					 .timeout = p->timeout,
					 .body_max = BODY_MAX,
					 .remembers = p->cache,
					 .is_of_use = is_verdict,
					 .self = json };

	TRY(oauth_client_fields(&fields, p->authorization));
	return view_fetch(view, &request, ret_answer);
}

/* ---- the answer ---- */

/* As the issuer says that it is good now, it is past `nbf`; but it may run out while the answer serves. */
static enum reason check_expiry(const struct operand *claims, wall_time now)
{
	struct operand expiry = json_find(claims, STR("exp"));
	wall_time expires;

	if (expiry.kind == OPERAND_MISSING)
		return REASON_NONE;
	if (!claims_read_date(&expiry, &expires))
		return REASON_TOKEN_CLAIMS;
	return expires > now ? REASON_NONE : REASON_TOKEN_EXPIRED;
}

/* As jwt asks of what stands in a token itself. */
static enum reason check_parties(const struct introspection *p, const struct view *view,
				 const struct operand *claims)
{
	if (p->issuer.len && !token_is_from(claims, p->issuer)) {
		token_tell_issuer(view, "introspection", claims, &(str_list) { &p->issuer, 1 });
		return REASON_TOKEN_ISSUER;
	}
	if (p->audiences.len && !claims_is_for(claims, &p->audiences)) {
		token_tell_audience(view, "introspection", claims, &p->audiences);
		return REASON_TOKEN_AUDIENCE;
	}
	return REASON_NONE;
}

static enum reason check_claims(const struct introspection *p, const struct view *view,
				const struct operand *claims)
{
	struct operand active = json_find(claims, STR("active"));
	enum reason reason;

	if (active.kind != OPERAND_BOOL) {
		view_tell(view, TELL_TROUBLE,
			  "introspection: the answer of %.*s does not say whether the token is `active`",
			  STR_ARG(url_without_query(p->url)));
		return REASON_AUTH_UNAVAILABLE;
	}
	if (!active.boolean)
		return REASON_TOKEN_INACTIVE;
	if (claims_are_bound(claims)) /* to what nobody looks at here */
		return REASON_TOKEN_BINDING;
	reason = check_parties(p, view, claims);
	if (reason != REASON_NONE)
		return reason;
	for (size_t i = 0; i < p->require.len; i++)
		if (json_find_path(claims, p->require.at[i]).kind == OPERAND_MISSING)
			return REASON_TOKEN_CLAIMS;
	return check_expiry(claims, view_now(view));
}

/* Only a whole answer is one; what broke off might have said anything. */
static enum reason introspect(const struct introspection *p, struct view *view, str token,
			      struct operand *ret_claims)
{
	struct fetch_json json = { 0 };
	struct fetch_answer answer;
	result_value asked = ask(p, view, token, &json, &answer);

	if (asked.kind == ERROR_CANCELLED)
		return REASON_CLIENT_ABORTED;
	if (failed(asked)) {
		fetch_tell_failure(view, "introspection", p->url, asked);
		return REASON_AUTH_UNAVAILABLE;
	}
	if (answer.is_supposed) {
		fetch_tell_supposed(view, "introspection", "the answers", p->url);
		return REASON_AUTH_UNAVAILABLE;
	}
	if (answer.status != STATUS_OK || !answer.is_body_whole) {
		fetch_tell_answer(view, "introspection", p->url, &answer);
		return REASON_AUTH_UNAVAILABLE;
	}
	*ret_claims = *fetch_json_parse(&json, view->arena, &answer);
	return check_claims(p, view, ret_claims);
}

/* ---- what comes of it ---- */

static void introspection_strip(const void *self, struct view *view)
{
	const struct introspection *p = self;

	if (p->strip)
		credential_strip(&p->from, view);
}

/* The token says nothing: what the case says of it is the issuer's answer. */
static str introspection_make(const void *self, const struct credential_wish *wish)
{
	const struct introspection *p = self;
	str audience = p->audiences.len ? p->audiences.at[0] : (str) { 0 };
	struct buf out = wish_open(wish, 6 * (p->issuer.len + audience.len) + STANDARD_CLAIMS_MAX);

	if (wish_begin_claim(wish, STR("active"), &out))
		buf_put(&out, STR("true"));
	wish_put_text(wish, STR("iss"), p->issuer, &out);
	wish_put_text(wish, STR("aud"), audience, &out);
	*wish->voucher = (struct credential_voucher) { p->to, wish_close(wish, &out) };
	return wish_line(&p->from, STR("of-this-case"), wish->arena);
}

static enum verdict introspection_request(const void *self, struct view *view)
{
	const struct introspection *p = self;
	struct operand claims = { 0 };
	str token;
	enum reason reason = find_token(p, view, &token);

	if (reason == REASON_NONE)
		reason = introspect(p, view, token, &claims);
	if (reason == REASON_NONE)
		reason = claims_identify(view, STR("introspection"), &claims, p->consumer);
	if (reason != REASON_NONE)
		return view_refuse_credential(view, reason, challenge_of(reason));
	introspection_strip(p, view);
	return claims_fields_set(&p->forward, view, &claims);
}

static const struct authenticator authenticator = { .recognises = introspection_recognises,
						    .place = introspection_place,
						    .strip = introspection_strip,
						    .challenge = introspection_challenge,
						    .make = introspection_make };

static const struct policy_risk risks[] = {
	{ "url", RISK_ANY },
	{ "client_id", RISK_ANY },
	{ "issuer", RISK_FEWER },
	{ "audience", RISK_MORE_OR_NONE },
	{ "from.header", RISK_ANY_NAME },
	{ "from", RISK_ANY },
	{ "strip", RISK_FEWER },
	{ "cache", RISK_MORE },
	{ "require", RISK_FEWER },
	{ "forward", RISK_FEWER },
	{ "consumer", RISK_ANY },
	{ 0 },
};

const struct policy policy_introspection = {
	.name = "introspection",
	.doc = "Lets in who bears a token that its issuer, when asked, says is good.",
	.size = sizeof(struct introspection),
	.fields = policy_introspection_fields,
	.compile = introspection_compile,
	.on_request = introspection_request,
	.authenticates = true,
	.authenticator = &authenticator,
	.risks = risks,
	.page = "The issuer gets a POST at `url` with the token (RFC 7662), and the gateway's own name and "
		"secret "
		"as HTTP Basic. When it answers `active: true`, the members of its answer are the claims of "
		"who asks, for `authorize`, `${claim.NAME}` and `forward`. An issuer may know tokens that "
		"were made for other services and call them active as well: `audience` and `issuer` have "
		"the answer say in `aud` and `iss` for whom the token was made, and by whom; an answer "
		"that does not say is refused.\n"
		"\n"
		"A request without a token gets 401 with `WWW-Authenticate: Bearer` (`token_missing`), one "
		"with a "
		"bad token `error=\"invalid_token\"`; the log says which: `token_inactive`, `token_expired`, "
		"`token_issuer`, `token_audience`, "
		"`token_claims`, `token_binding` (it is bound to a key, which nobody asks for here), "
		"`token_consumer_unknown`, `token_malformed`, `token_too_large` (over 8 "
		"KiB). "
		"When the issuer cannot be asked, or answers with anything but 200 and a JSON object that "
		"says "
		"whether the token is `active`, also that it does not know the gateway, the answer is 503 "
		"`auth_unavailable`.\n"
		"\n"
		"Each worker remembers up to 1,024 answers, good and bad, of at most 16 KiB each with the "
		"question. Requests with a token that is being asked about wait for that answer.\n",
	.example =
		"listeners: { public: { address: 127.0.0.1:8080 } }\n"
		"upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		"apis:\n"
		"  orders:\n"
		"    upstream: orders\n"
		"    policies:\n"
		"      - introspection:\n"
		"          url: http://127.0.0.1:9100/introspect\n"
		"          client_id: gateway\n"
		"          client_secret: \"${ISSUER_SECRET:-only an example}\"\n"
		"          audience: orders\n"
		"          forward: { X-User: sub }\n"
		"---\n"
		"upstreams:\n"
		"  \"http://127.0.0.1:9100\":\n"
		"    status: 200\n"
		"    headers: { Content-Type: application/json }\n"
		"    body: '{\"active\": true, \"sub\": \"alice\", \"aud\": \"orders\"}'\n"
		"cases:\n"
		"  - name: the issuer says who it is\n"
		"    request: { url: \"http://gw.test/\", headers: { Authorization: Bearer opaque, X-User: "
		"mallory } }\n"
		"    expect: { status: 200, forwarded: { headers: { X-User: alice } } }\n"
		"  - name: without a token it is not asked\n"
		"    request: { url: \"http://gw.test/\" }\n"
		"    expect: { status: 401, reason: token_missing }\n",
};
