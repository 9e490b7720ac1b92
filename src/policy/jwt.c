/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt: lets in who bears a signed token of an issuer that is trusted, and tells the upstream who that is.
 *
 * What is trusted stands in the configuration: issuers, their keys, the algorithms that fit these, for whom a
 * token must be made. A token can only fail to meet it. Where it was looked for, why it was refused, is for
 * the log; the client hears what RFC 6750 asks for and no more.
 *
 * A request goes no further while there are no keys of its issuer (503), and waits for them a little.
 */
#include "auth/auth_worker.h"
#include "auth/dpop.h"
#include "codec/json.h"
#include "policy/identity_fields.h"
#include "policy/jwt_private.h"

enum { ISSUERS_MAX = 100, WORDS_MAX = 100 };

static const char *const bound_words[] = { "no", "certificate", "dpop", "ignore", NULL };

#define ISSUER_FIELDS(S, in)                                                                                 \
	FIELD_STR(S, in issuer, "issuer", NULL, "Who makes the tokens: their `iss`, to the letter."),        \
		FIELD_CUSTOM(S, in audiences, "audience", str_list, &field_texts_form,                       \
			     "For whom a token must be made: its `aud` is, or has, one of these; `any`: no " \
			     "matter."),                                                                     \
		FIELD_STR(S, in jwks, "jwks", NULL,                                                          \
			  "The issuer's keys: a URL, or `file:PATH` with a JWK Set or PEM; none of `jwks`, " \
			  "`keys` and `secret`: where the issuer's metadata say that they are (OpenID "      \
			  "Connect Discovery)."),                                                            \
		FIELD_STRS(S, in key_files, "keys", 1, JWT_KEY_FILES_MAX,                                    \
			   "Files with its public keys or certificates, in PEM; read when the "              \
			   "configuration is."),                                                             \
		FIELD_STR(S, in secret, "secret", NULL,                                                      \
			  "What it shares with the gateway, for HS256, HS384 and HS512; at least 32 bytes, " \
			  "better "                                                                          \
			  "from `${file:PATH}`."),                                                           \
		FIELD_ENUMS(S, in algorithms, "algorithms", jose_algorithm_words,                            \
			    "Those that a token may be signed by; none: those that fit the keys.")

const struct field policy_jwt_issuer_fields[] = { ISSUER_FIELDS(struct jwt_issuer, ), FIELD_END };

const struct field policy_jwt_fields[] = {
	ISSUER_FIELDS(struct jwt, one.),
	FIELD_LIST(struct jwt, issuers, "issuers", struct jwt_issuer, policy_jwt_issuer_fields, NULL, 1,
		   ISSUERS_MAX, "Several issuers instead; each token is held against the one that it names."),
	FIELD_OBJECT(struct jwt, from, "from", struct credential_place, credential_place_fields,
		     "Where the token is; without it behind `Bearer` in `Authorization`."),
	FIELD_BOOL(struct jwt, strip, "strip", "false", "Whether the upstream does not get the token."),
	FIELD_DURATION(struct jwt, skew, "skew", "30s", 0, 10 * MINUTE, "How far clocks may be apart."),
	FIELD_BOOL(struct jwt, requires_expiry, "require_expiry", "true",
		   "Whether a token without `exp`, which would be good for ever, is refused."),
	FIELD_STRS_DEFAULT(struct jwt, types, "types", "[at+jwt, JWT]", 1, WORDS_MAX,
			   "What a token may say that it is (`typ`); one that does not say is a `JWT`. "
			   "`[at+jwt]` takes access tokens of RFC 9068 only."),
	FIELD_STRS(struct jwt, require, "require", 0, WORDS_MAX, "Claims that must be there."),
	FIELD_CUSTOM(struct jwt, claims, "claims", struct claim_rules, &claim_rules_form,
		     "Claims that must have, or hold in their list, one of the values."),
	FIELD_PAIRS(struct jwt, forward, "forward", FORWARD_MAX,
		    "Fields that the upstream gets, each from a claim, such as `X-User: sub` or `X-Org: "
		    "org.id`; no client can send them. A list is joined by `,`, an object is left out."),
	FIELD_STR(struct jwt, consumer, "consumer", NULL,
		  "The claim that names the consumer, such as `sub`; a token of nobody who is configured is "
		  "refused."),
	FIELD_STR(struct jwt, revoked, "revoked", NULL,
		  "A file with what is good no longer, a line for each: `jti ID` or `sub NAME`; in force "
		  "within a "
		  "second of a change."),
	FIELD_ENUM(
		struct jwt, bound, "bound", bound_words, "no",
		"What the sender must prove to have, so that a stolen token is of no use: the key of its "
		"`certificate` (RFC 8705), or that of a `dpop` proof (RFC 9449). With `no` a token that is "
		"bound to a key is refused, for nobody looks whether its bearer has it; `ignore` takes it."),
	FIELD_STR(struct jwt, realm, "realm", NULL, "What `WWW-Authenticate` says is protected."),
	FIELD_END
};

/* ---- compiling ---- */

static void warn(struct policy_compile *compile, const char *key, const char *why)
{
	const struct node *node = node_find(compile->node, str_of(key));

	diagnostic_warning(compile->reader->diagnostics, node ? node : compile->node, "%s", why);
}

/* Goes on after a mistake, as far as something can be looked at, so that all are told at once. */
static result jwt_compile(struct policy_compile *compile, void *self)
{
	struct jwt *p = self;
	result_value place = credential_place_compile(compile, "from", "Authorization", &p->from);
	result_value forward = claims_fields_compile(compile, &p->forward);
	result_value realm = credential_check_realm(compile, p->realm);

	if (p->revoked.len && compile->hooks)
		p->revocations = compile->hooks->find_revocations(compile->hooks->owner,
								  node_find(compile->node, STR("revoked")));
	if (!p->requires_expiry)
		warn(compile, "require_expiry",
		     "a token without exp is good for ever: whoever steals it keeps it");
	if (p->bound == BOUND_IGNORE)
		warn(compile, "bound", "a token that is bound to a key is taken from whoever bears it");
	if (p->bound == BOUND_CERTIFICATE && compile->hooks && compile->hooks->asks_for_no_certificate)
		warn(compile, "bound",
		     "no listener asks for certificates: want client_ca and client_certificate in the `tls` "
		     "of "
		     "one");
	TRY(realm);
	TRY(jwt_issuers_compile(compile, p));
	if (p->revoked.len && !p->revocations)
		return error_make(ERROR_INVALID, "what is revoked cannot be known");
	TRY(place);
	return forward;
}

/* ---- the token ---- */

static str scheme_of(const struct jwt *p)
{
	return p->bound == BOUND_DPOP ? STR("DPoP") : STR("Bearer");
}

static enum reason find_token(const struct jwt *p, const struct view *view, str *ret_token)
{
	return credential_find_token(&p->from, scheme_of(p), view, ret_token);
}

static bool jwt_recognises(const void *self, const struct view *view)
{
	str token;

	return find_token(self, view, &token) != REASON_TOKEN_MISSING;
}

static str jwt_place(const void *self, struct arena *arena)
{
	const struct jwt *p = self;

	return credential_place_text(&p->from, scheme_of(p), arena);
}

static bool is_about_token(enum reason reason)
{
	return reason != REASON_NONE && reason != REASON_TOKEN_MISSING;
}

/* RFC 6750 section 3, RFC 9449 section 7.1. Without a token there is no error to tell. */
static str challenge(const struct jwt *p, struct view *view, enum reason reason)
{
	str parts[6];
	size_t count = 0;

	parts[count++] = scheme_of(p);
	if (p->realm.len) {
		parts[count++] = STR(" realm=\"");
		parts[count++] = p->realm;
		parts[count++] = STR("\"");
	}
	if (is_about_token(reason)) {
		parts[count++] = p->realm.len ? STR(", ") : STR(" ");
		parts[count++] = STR("error=\"invalid_token\"");
	}
	return arena_join(view->arena, parts, count);
}

static str jwt_challenge(const void *self, struct view *view)
{
	return challenge(self, view, REASON_NONE);
}

/* ---- possession ---- */

/* RFC 9449 section 4.3. A proof that stands twice is none. A report takes none: the policy that refuses must
 * find it new. */
static enum reason check_proof(const struct jwt *p, struct view *view, str token,
			       const struct operand *claims)
{
	static const struct credential_place place = { .header = STR_INIT("DPoP"), .id = HTTP_DPOP };
	struct operand confirmation = json_find(claims, STR("cnf"));
	struct dpop_request request = {
		.token = token,
		.bound = json_find_text(&confirmation, STR("jkt")),
		.method = view->request->method_text,
		.scheme = view->scheme,
		.authority = view->authority,
		.path = view->path,
		.now = view_now(view),
		.max_age = 5 * MINUTE,
		.skew = p->skew,
	};

	if (credential_find(&place, view, &request.proof) != CREDENTIAL_ONE)
		return REASON_TOKEN_BINDING;
	return dpop_check(&request, view->arena, view->is_report ? NULL : view->auth->replays);
}

/* ---- what comes of it ---- */

static void jwt_strip(const void *self, struct view *view)
{
	const struct jwt *p = self;

	if (p->strip)
		credential_strip(&p->from, view);
}

static enum verdict jwt_request(const void *self, struct view *view)
{
	const struct jwt *p = self;
	struct jwt_found found;
	const struct operand *claims;
	str text;
	enum reason reason = find_token(p, view, &text);

	if (reason == REASON_NONE)
		reason = jwt_verify(p, view, text, &found);
	if (reason == REASON_NONE) {
		reason = jwt_check(p, view, &found);
		jwt_tell(p, view, &found, (str) { 0 }, reason);
	}
	claims = reason == REASON_NONE ? &found.token->claims : NULL;
	if (claims && p->bound == BOUND_DPOP)
		reason = check_proof(p, view, text, claims);
	if (reason == REASON_NONE)
		reason = claims_identify(view, STR("jwt"), claims, p->consumer);
	if (reason != REASON_NONE)
		return view_refuse_credential(view, reason, challenge(p, view, reason));
	jwt_strip(p, view);
	return claims_fields_set(&p->forward, view, claims);
}

static const struct authenticator authenticator = { .recognises = jwt_recognises,
						    .place = jwt_place,
						    .strip = jwt_strip,
						    .challenge = jwt_challenge,
						    .make = jwt_make };

static const struct policy_risk risks[] = {
	{ "issuer", RISK_ANY },   { "audience", RISK_MORE },
	{ "jwks", RISK_ANY },     { "keys", RISK_ANY },
	{ "secret", RISK_ANY },   { "algorithms", RISK_MORE_OR_NONE },
	{ "issuers", RISK_ANY },  { "from.header", RISK_ANY_NAME },
	{ "from", RISK_ANY },     { "strip", RISK_FEWER },
	{ "skew", RISK_MORE },    { "require_expiry", RISK_FEWER },
	{ "types", RISK_MORE },   { "require", RISK_FEWER },
	{ "claims", RISK_ANY },   { "forward", RISK_FEWER },
	{ "consumer", RISK_ANY }, { "revoked", RISK_FEWER },
	{ "bound", RISK_ANY },    { 0 },
};

const struct policy policy_jwt = {
	.name = "jwt",
	.doc = "Lets in who bears a signed token (JWT) of an issuer that is trusted.",
	.size = sizeof(struct jwt),
	.fields = policy_jwt_fields,
	.compile = jwt_compile,
	.on_request = jwt_request,
	.authenticates = true,
	.authenticator = &authenticator,
	.risks = risks,
	.page = "A token is taken when it has a signature that one of the issuer's keys makes, by an "
		"algorithm "
		"that fits the key and stands in `algorithms`, when it names the `issuer`, is made for the "
		"`audience`, is in force (`exp`, `nbf`, `iat`), is of one of the `types`, and what "
		"`require`, "
		"`claims` and `bound` ask for holds. Unsigned tokens do not exist here; keys that a token "
		"brings or "
		"points to (`jwk`, `jku`, `x5u`) are not looked at; a token that wants something to be "
		"understood (`crit`) is refused, and so is one that says a thing twice.\n"
		"\n"
		"A request without a token gets 401 with `WWW-Authenticate: Bearer`, one with a bad token "
		"`error=\"invalid_token\"`; which part was bad stands in the log only: `token_missing`, "
		"`token_malformed`, `token_signature`, `token_key_unknown`, `token_algorithm`, "
		"`token_issuer`, "
		"`token_audience`, `token_expired`, `token_not_yet_valid`, `token_type`, `token_claims`, "
		"`token_revoked`, `token_binding`, `token_replayed`, `token_consumer_unknown`, "
		"`token_too_large` (over 16 "
		"KiB). "
		"While there are no keys of its issuer (never had, or too old), the answer is 503 "
		"`auth_unavailable`.\n"
		"\n"
		"Each worker remembers tokens whose signature it has verified, as long as the keys stay the "
		"same; times and everything else are checked with each request. There are 4,096 places for "
		"them, and one that takes more than 16 KiB when it is parsed has none: 64 MiB a worker at "
		"the "
		"most.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "apis:\n"
		   "  orders:\n"
		   "    upstream: orders\n"
		   "    policies:\n"
		   "      - jwt:\n"
		   "          issuer: https://id.example.com\n"
		   "          audience: orders\n"
		   "          secret: \"${JWT_SECRET:-only an example: take 32 random bytes}\"\n"
		   "          forward: { X-User: sub }\n"
		   "---\n"
		   "cases:\n"
		   "  - name: an order needs a token\n"
		   "    request: { url: \"http://gw.test/\", headers: { X-User: mallory } }\n"
		   "    expect: { status: 401, reason: token_missing }\n",
};
