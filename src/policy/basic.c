/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basic: lets in consumers by name and password (RFC 7617).
 *
 * Passwords are kept as Argon2id hashes, which take long to check: that is done beside the worker, by one
 * thread for each, and what came of it is remembered. Where too many wait, the answer is 503. A name that
 * nobody has takes as long as a wrong password. Yields.
 */
#include <openssl/crypto.h>

#include "auth/auth_worker.h"
#include "auth/password.h"
#include "auth/verified_passwords.h"
#include "codec/base64.h"
#include "policy/consumer_check.h"
#include "policy/credential.h"
#include "policy/identity_fields.h"
#include "policy/principal.h"

enum { CREDENTIAL_MAX = 2 * PASSWORD_MAX };

struct basic {
	str realm;
	bool strip;
	struct pair_list forward;
	str challenge; /* compiled */
};

static const struct credential_place place = { .header = STR_INIT("Authorization"),
					       .id = HTTP_AUTHORIZATION };

const struct field policy_basic_fields[] = {
	FIELD_STR(struct basic, realm, "realm", "gateway", "What browsers say that the password is for."),
	FIELD_BOOL(struct basic, strip, "strip", "true",
		   "Whether the upstream does not get name and password."),
	FIELD_PAIRS(struct basic, forward, "forward", FORWARD_MAX,
		    "Fields that the upstream gets, each from the consumer: `name`, `groups` or "
		    "`label.NAME`; no client "
		    "can send them."),
	FIELD_END
};

static result basic_compile(struct policy_compile *compile, void *self)
{
	struct basic *p = self;
	str parts[] = { STR("Basic realm=\""), p->realm, STR("\", charset=\"UTF-8\"") };

	policy_check_credential(compile, CONSUMER_PASSWORD);
	TRY(credential_check_realm(compile, p->realm));
	p->challenge = arena_join(compile->reader->arena, parts, 3);
	return consumer_fields_compile(compile, &p->forward);
}

/* ---- the credential ---- */

struct login {
	str name, password;
};

/* What stands behind the scheme, not yet decoded; another scheme is none of this policy's. */
static enum credential_found find_value(const struct view *view, str *ret_value)
{
	enum credential_found found = credential_find(&place, view, ret_value);

	if (found == CREDENTIAL_NONE || !credential_in_scheme(*ret_value, STR("Basic"), ret_value))
		return CREDENTIAL_NONE;
	return found;
}

/* The password is in the clear then, in the arena: the caller's to wipe. What turns out to be no login may
 * hold one, too. */
static enum reason find_login(const struct view *view, struct login *ret_login)
{
	str value;
	struct base64_decoder decoder = { 0 };
	struct buf out;
	enum credential_found found = find_value(view, &value);

	if (found == CREDENTIAL_NONE)
		return REASON_PASSWORD_MISSING;
	if (found == CREDENTIAL_MANY || value.len > CREDENTIAL_MAX)
		return REASON_PASSWORD_WRONG;
	out = buf_over(arena_bytes(view->arena, value.len), value.len);
	if (!failed(base64_decode(&decoder, &value, &out)) && !value.len &&
	    base64_decode_is_whole(&decoder) &&
	    str_cut(buf_str(&out), ':', &ret_login->name, &ret_login->password))
		return REASON_NONE;
	OPENSSL_cleanse(out.bytes, out.max);
	return REASON_PASSWORD_WRONG;
}

/* Also what cannot be decoded is a try to log in. */
static bool basic_recognises(const void *self, const struct view *view)
{
	str value;

	(void)self;
	return find_value(view, &value) != CREDENTIAL_NONE;
}

static str basic_place(const void *self, struct arena *arena)
{
	(void)self;
	(void)arena;
	return STR("header authorization basic");
}

/* ---- whether it is right ---- */

struct check {
	str password, hash;
	bool is_right;
};

static void check_password(void *argument)
{
	struct check *check = argument;

	check->is_right = password_is(check->password, check->hash);
}

/* The slices of the check stay good while the thread works: the fiber waits for it. */
static enum reason find_out(struct view *view, const struct login *login, str hash)
{
	const struct effects *effects = view->effects;
	struct verified_passwords *known = view->auth->passwords;
	struct check check = { .password = login->password, .hash = hash };
	unsigned char digest[PASSWORD_DIGEST_LEN];
	enum password_verdict verdict;
	result_value worked;

	verified_passwords_digest(known, login->name, login->password, hash, digest);
	verdict = verified_passwords_find(known, digest);
	if (verdict == PASSWORD_UNKNOWN) {
		worked = effects->work ? effects->work(effects->self, view, check_password, &check)
				       : error_make(ERROR_LIMIT, "nobody has time for it");
		if (failed(worked))
			return worked.kind == ERROR_CANCELLED ? REASON_CLIENT_ABORTED
							      : REASON_AUTH_UNAVAILABLE;
		verdict = check.is_right ? PASSWORD_RIGHT : PASSWORD_WRONG;
		verified_passwords_add(known, digest, verdict);
	}
	return verdict == PASSWORD_RIGHT ? REASON_NONE : REASON_PASSWORD_WRONG;
}

static void basic_strip(const void *self, struct view *view)
{
	const struct basic *p = self;

	if (p->strip && basic_recognises(p, view)) /* the field may bear another scheme */
		credential_strip(&place, view);
}

static enum verdict basic_request(const void *self, struct view *view)
{
	const struct basic *p = self;
	const struct consumer *consumer = NULL;
	struct login login;
	enum reason reason = find_login(view, &login);

	if (reason == REASON_NONE) {
		consumer = consumers_find(view->consumers, login.name);
		reason = find_out(view, &login, consumer ? consumer->password : (str) { 0 });
		OPENSSL_cleanse((void *)(uintptr_t)login.password.ptr, login.password.len);
	}
	if (reason != REASON_NONE)
		return view_refuse_credential(view, reason, p->challenge);
	view_set_consumer(view_identify(view, STR("basic")), consumer);
	basic_strip(p, view);
	return consumer_fields_set(&p->forward, view, consumer);
}

static str basic_challenge(const void *self, struct view *view)
{
	(void)view;
	return ((const struct basic *)self)->challenge;
}

static const struct authenticator authenticator = { .recognises = basic_recognises,
						    .place = basic_place,
						    .strip = basic_strip,
						    .challenge = basic_challenge };

static const struct policy_risk risks[] = { { "strip", RISK_FEWER }, { "forward", RISK_FEWER }, { 0 } };

const struct policy policy_basic = {
	.name = "basic",
	.doc = "Lets in consumers by name and password.",
	.size = sizeof(struct basic),
	.fields = policy_basic_fields,
	.compile = basic_compile,
	.on_request = basic_request,
	.authenticates = true,
	.authenticator = &authenticator,
	.risks = risks,
	.page = "The name is the consumer's, the password one whose hash stands in `basic` of the consumer: "
		"`gatehouse password hash` makes it (Argon2id). Checking one takes tens of milliseconds and "
		"64 MiB; each "
		"worker has one thread for it, keeps what came of the last few thousand, and answers 503 "
		"`auth_unavailable` where more than 64 requests wait. Without a password the answer is 401 "
		"`password_missing`, otherwise `password_wrong`, also when nobody has the name.\n"
		"\n"
		"Passwords are for people and old clients; programs are better off with `api_key` or "
		"`jwt`.\n",
	.example = "listeners: { public: { address: 127.0.0.1:8080 } }\n"
		   "upstreams: { orders: { endpoints: [127.0.0.1:9000] } }\n"
		   "consumers:\n"
		   "  alice:\n"
		   "    basic:\n"
		   "      password: "
		   "\"$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$ZjuxTRTmUWCgNQMRIh7/"
		   "aDCqz4MyT2v6KrQ6ZyXs7hE\"\n"
		   "apis:\n"
		   "  orders:\n"
		   "    upstream: orders\n"
		   "    policies: [basic: { realm: orders, forward: { X-User: name } }]\n"
		   "---\n"
		   "cases:\n"
		   "  - name: the right password\n"
		   "    request: { url: \"http://gw.test/\", headers: { Authorization: Basic "
		   "YWxpY2U6c2VjcmV0 } }\n"
		   "    expect: { status: 200, forwarded: { headers: { X-User: alice }, absent: "
		   "[Authorization] } }\n"
		   "  - name: the wrong one\n"
		   "    request: { url: \"http://gw.test/\", headers: { Authorization: Basic "
		   "YWxpY2U6c2VjcmV1 } }\n"
		   "    expect: { status: 401, reason: password_wrong }\n",
};
