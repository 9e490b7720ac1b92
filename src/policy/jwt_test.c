/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows: a policy, what a token says, what is thought of it. The tokens are signed by the secret of the
 * configuration, so that what they say is all that can be wrong; forged ones are in codec/jws_test.c.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "auth/consumers.h"
#include "auth/key_set.h"
#include "auth/token_mint.h"
#include "auth/verified_tokens.h"
#include "base/testing.h"
#include "codec/base64url.h"
#include "codec/jwk.h"
#include "policy/policy_testing.h"
#include "policy/principal.h"

enum { TOKENS = 16, TEXT_MAX = 4096 };

#define SECRET "an-example-of-a-secret-that-is-long"
#define OTHER_SECRET "another-example-of-a-secret-for-this"
#define HEADER "{\"alg\":\"HS256\"}"

/* The bench's clock stands at 1767323045. */
#define GOOD "\"iss\":\"me\",\"aud\":\"gw\",\"exp\":1767323105,\"sub\":\"acme\""

#define JWT(more) "[ jwt: { issuer: me, audience: gw, secret: " SECRET more " } ]"
#define PLAIN JWT("")

#define RFC_9068                                                                     \
	"[ jwt: { issuer: \"https://authorization-server.example.com/\", audience: " \
	"\"https://rs.example.com/\", "                                              \
	"types: [at+jwt], require: [sub, client_id, iat, jti], secret: " SECRET      \
	" }, authorize: { scopes: [openid, profile, reademail] } ]"
#define RFC_9068_HEADER "{\"typ\":\"at+JWT\",\"alg\":\"HS256\",\"kid\":\"RjEwOwOA\"}"
#define RFC_9068_CLAIMS                                                                \
	"\"iss\":\"https://authorization-server.example.com/\",\"sub\":\"5ba552d67\"," \
	"\"aud\":\"https://rs.example.com/\",\"iat\":1618354090,"                      \
	"\"jti\":\"dbe39bf3a3ba4238a513f51d6e1691c4\",\"client_id\":\"s6BhdRkqt3\","   \
	"\"scope\":\"openid profile reademail\",\"exp\":"

/* A token with this header and these claims, signed by the secret, in room. */
static const char *sign(const char *header, const char *claims, const char *secret, char room[TEXT_MAX])
{
	struct buf out = buf_over(room, TEXT_MAX - 1);
	unsigned char code[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	base64url_encode(str_of(header), &out);
	buf_put_char(&out, '.');
	base64url_encode(str_of(claims), &out);
	assert_non_null(HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)room, out.len,
			     code, &len));
	buf_put_char(&out, '.');
	base64url_encode((str) { (const char *)code, len }, &out);
	assert_false(buf_overflowed(&out));
	room[out.len] = 0;
	return room;
}

struct scene {
	struct bench *bench;
	struct consumers *consumers;
	char token[TEXT_MAX], fields[2 * TEXT_MAX];
};

static void scene_begin(struct scene *scene, const char *policies)
{
	static str groups[] = { STR_INIT("staff") };
	const struct consumer_config acme = { .entry = { .name = STR("acme") }, .groups = { groups, 1 } };

	scene->bench = bench_new(policies);
	assert_int_equal(diagnostics_errors(scene->bench->diagnostics), 0);
	scene->bench->auth.tokens = verified_tokens_new(TOKENS, NULL);
	scene->consumers = bench_consumers(&acme, 1);
}

static void scene_end(struct scene *scene)
{
	view_release(&scene->bench->view);
	verified_tokens_free(&scene->bench->auth.tokens);
	consumers_unref(&scene->consumers);
	bench_free(&scene->bench);
}

static void begin_exchange(struct scene *scene, const char *target, const char *fields)
{
	view_release(&scene->bench->view);
	bench_ask(scene->bench, target, fields);
	scene->bench->view.consumers = scene->consumers;
}

/* With a field before the token; and more fields. */
static void prepare(struct scene *scene, const char *before, const char *header, const char *claims,
		    const char *secret, const char *more)
{
	snprintf(scene->fields, sizeof scene->fields, "%s%s\n%s", before,
		 sign(header, claims, secret, scene->token), more);
	begin_exchange(scene, "GET /", scene->fields);
}

static enum reason run(struct scene *scene)
{
	enum verdict verdict = bench_request(scene->bench);
	enum reason reason = scene->bench->view.answer.reason;

	assert_true((verdict == POLICY_CONTINUE) == (reason == REASON_NONE));
	return reason;
}

static enum reason ask(struct scene *scene, const char *claims, const char *secret)
{
	prepare(scene, "Authorization: Bearer ", HEADER, claims, secret, "");
	return run(scene);
}

static const struct {
	const char *policies, *header, *claims;
	enum reason want;
} rows[] = {
	{ PLAIN, HEADER, "{" GOOD "}", REASON_NONE },
	{ PLAIN, "{\"alg\":\"HS512\"}", "{" GOOD "}", REASON_TOKEN_KEY_UNKNOWN }, /* the secret is short */
	{ PLAIN, "{\"alg\":\"RS256\"}", "{" GOOD "}", REASON_TOKEN_ALGORITHM },
	{ PLAIN, "{\"alg\":\"none\"}", "{" GOOD "}", REASON_TOKEN_ALGORITHM },
	{ PLAIN, "{}", "{" GOOD "}", REASON_TOKEN_ALGORITHM },
	{ JWT(", algorithms: [HS512]"), HEADER, "{" GOOD "}", REASON_TOKEN_ALGORITHM },
	{ PLAIN, "{\"alg\":\"HS256\",\"kid\":\"any\"}", "{" GOOD "}", REASON_NONE }, /* it has no name */
	{ PLAIN, "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "{" GOOD "}", REASON_TOKEN_MALFORMED },
	{ PLAIN, HEADER, "[]", REASON_TOKEN_MALFORMED },
	{ PLAIN, HEADER, "{" GOOD ",\"sub\":\"root\"}", REASON_TOKEN_MALFORMED },

	/* Who made it, and for whom. */
	{ PLAIN, HEADER, "{\"iss\":\"Me\",\"aud\":\"gw\",\"exp\":1767323105}", REASON_TOKEN_ISSUER },
	{ PLAIN, HEADER, "{\"iss\":[\"me\"],\"aud\":\"gw\",\"exp\":1767323105}", REASON_TOKEN_ISSUER },
	{ PLAIN, HEADER, "{\"aud\":\"gw\",\"exp\":1767323105}", REASON_TOKEN_ISSUER },
	{ PLAIN, HEADER, "{\"iss\":\"me\",\"aud\":\"gw2\",\"exp\":1767323105}", REASON_TOKEN_AUDIENCE },
	{ PLAIN, HEADER, "{\"iss\":\"me\",\"aud\":[],\"exp\":1767323105}", REASON_TOKEN_AUDIENCE },
	{ PLAIN, HEADER, "{\"iss\":\"me\",\"exp\":1767323105}", REASON_TOKEN_AUDIENCE },
	{ PLAIN, HEADER, "{\"iss\":\"me\",\"aud\":[\"a\",\"gw\"],\"exp\":1767323105}", REASON_NONE },
	{ "[ jwt: { audience: any, secret: " SECRET " } ]", HEADER, "{\"exp\":1767323105}", REASON_NONE },

	/* When: with 30 s between the clocks. */
	{ PLAIN, HEADER, "{\"iss\":\"me\",\"aud\":\"gw\"}", REASON_TOKEN_EXPIRED },
	{ PLAIN, HEADER, "{\"iss\":\"me\",\"aud\":\"gw\",\"exp\":1767323015}", REASON_TOKEN_EXPIRED },
	{ PLAIN, HEADER, "{\"iss\":\"me\",\"aud\":\"gw\",\"exp\":1767323016}", REASON_NONE },
	{ PLAIN, HEADER, "{\"iss\":\"me\",\"aud\":\"gw\",\"exp\":\"1767323105\"}", REASON_TOKEN_CLAIMS },
	{ PLAIN, HEADER, "{" GOOD ",\"nbf\":1767323076}", REASON_TOKEN_NOT_YET_VALID },
	{ PLAIN, HEADER, "{" GOOD ",\"nbf\":1767323075}", REASON_NONE },
	{ PLAIN, HEADER, "{" GOOD ",\"iat\":1767323076}", REASON_TOKEN_NOT_YET_VALID },
	{ JWT(", skew: 0s"), HEADER, "{" GOOD ",\"nbf\":1767323046}", REASON_TOKEN_NOT_YET_VALID },
	{ JWT(", skew: 0s"), HEADER, "{\"iss\":\"me\",\"aud\":\"gw\",\"exp\":1767323045}",
	  REASON_TOKEN_EXPIRED },

	/* What it is, and what else it says. */
	{ PLAIN, "{\"alg\":\"HS256\",\"typ\":\"application/AT+jwt\"}", "{" GOOD "}", REASON_NONE },
	{ PLAIN, "{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}", "{" GOOD "}", REASON_TOKEN_TYPE },
	{ PLAIN, "{\"alg\":\"HS256\",\"typ\":\"application/\"}", "{" GOOD "}", REASON_TOKEN_TYPE },
	{ JWT(", types: [at+jwt]"), HEADER, "{" GOOD "}", REASON_TOKEN_TYPE },
	{ JWT(", types: [at+jwt]"), "{\"alg\":\"HS256\",\"typ\":\"jwt\"}", "{" GOOD "}", REASON_TOKEN_TYPE },
	{ JWT(", types: [at+jwt]"), "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", "{" GOOD "}", REASON_NONE },
	/* RFC 9068 section 3, the claims of its example but for when it expires; and as it stands there. */
	{ RFC_9068, RFC_9068_HEADER, "{" RFC_9068_CLAIMS "1767323105}", REASON_NONE },
	{ RFC_9068, RFC_9068_HEADER, "{" RFC_9068_CLAIMS "1639528912}", REASON_TOKEN_EXPIRED },
	{ RFC_9068, HEADER, "{" RFC_9068_CLAIMS "1767323105}", REASON_TOKEN_TYPE },

	{ JWT(", require: [a.b]"), HEADER, "{" GOOD ",\"a\":{\"b\":false}}", REASON_NONE },
	{ JWT(", require: [a.b]"), HEADER, "{" GOOD ",\"a\":{\"b\":null}}", REASON_TOKEN_CLAIMS },
	{ JWT(", require: [a.b]"), HEADER, "{" GOOD ",\"a\":[\"b\"]}", REASON_TOKEN_CLAIMS },
	{ JWT(", claims: { t: [a, 7] }"), HEADER, "{" GOOD ",\"t\":7}", REASON_NONE },
	{ JWT(", claims: { t: [a, 7] }"), HEADER, "{" GOOD ",\"t\":[\"x\",\"a\"]}", REASON_NONE },
	{ JWT(", claims: { t: [a, 7] }"), HEADER, "{" GOOD ",\"t\":\"A\"}", REASON_TOKEN_CLAIMS },
	{ JWT(", claims: { t: [a, 7] }"), HEADER, "{" GOOD "}", REASON_TOKEN_CLAIMS },
	{ JWT(", claims: { t: a, u: b }"), HEADER, "{" GOOD ",\"t\":\"a\",\"u\":\"c\"}",
	  REASON_TOKEN_CLAIMS },
	{ JWT(", consumer: sub"), HEADER, "{" GOOD "}", REASON_NONE },
	{ JWT(", consumer: org"), HEADER, "{" GOOD ",\"org\":\"globex\"}", REASON_TOKEN_CONSUMER_UNKNOWN },
	{ JWT(", consumer: org"), HEADER, "{" GOOD "}", REASON_TOKEN_CONSUMER_UNKNOWN },
	{ JWT(", bound: certificate"), HEADER, "{" GOOD "}", REASON_TOKEN_BINDING },

	/* Bound to what nobody looks at. */
	{ PLAIN, HEADER, "{" GOOD ",\"cnf\":{\"jkt\":\"x\"}}", REASON_TOKEN_BINDING },
	{ PLAIN, HEADER, "{" GOOD ",\"cnf\":{\"x5t#S256\":\"x\"}}", REASON_TOKEN_BINDING },
	{ PLAIN, HEADER, "{" GOOD ",\"cnf\":{\"x5t#S256\":7}}", REASON_TOKEN_BINDING },
	{ PLAIN, HEADER, "{" GOOD ",\"cnf\":{}}", REASON_TOKEN_BINDING },
	{ PLAIN, HEADER, "{" GOOD ",\"cnf\":{\"jwk\":{\"kty\":\"EC\"}}}", REASON_TOKEN_BINDING },
	{ PLAIN, HEADER, "{" GOOD ",\"cnf\":\"x\"}", REASON_TOKEN_BINDING },
	{ PLAIN, HEADER, "{" GOOD ",\"cnf\":null}", REASON_NONE },
	{ JWT(", bound: ignore"), HEADER, "{" GOOD ",\"cnf\":{\"jkt\":\"x\"}}", REASON_NONE },
};

/* Twice: what is remembered is held against the policy like what is new. */
static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scene scene;

		scene_begin(&scene, rows[i].policies);
		for (int again = 0; again < 2; again++) {
			enum reason got;

			prepare(&scene, "Authorization: Bearer ", rows[i].header, rows[i].claims, SECRET, "");
			got = run(&scene);
			if (got != rows[i].want ||
			    view_is_authenticated(&scene.bench->view) != (got == REASON_NONE))
				fail_msg("row %zu: %.*s", i, STR_ARG(reason_word(got)));
		}
		scene_end(&scene);
	}
}

static void another_secret_signs_nothing(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene, PLAIN);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(ask(&scene, "{" GOOD "}", OTHER_SECRET), REASON_TOKEN_SIGNATURE);
		assert_int_equal(ask(&scene, "{" GOOD "}", SECRET), REASON_NONE);
	}
	scene_end(&scene);
}

/* RFC 6750 section 3: an error only where there was a token. */
static void challenges(void **state)
{
	static const struct {
		const char *policies, *fields;
		enum reason want;
		const char *challenge;
	} challenged[] = {
		{ PLAIN, "", REASON_TOKEN_MISSING, "Bearer" },
		{ PLAIN, "Authorization: Basic a.b.c\n", REASON_TOKEN_MISSING, "Bearer" },
		{ PLAIN, "Authorization: Bearer\n", REASON_TOKEN_MISSING, "Bearer" },
		{ PLAIN, "X-Token: a.b.c\n", REASON_TOKEN_MISSING, "Bearer" },
		{ PLAIN, "Authorization: bearer a.b.c\n", REASON_TOKEN_MALFORMED,
		  "Bearer error=\"invalid_token\"" },
		{ PLAIN, "Authorization: Bearer a\nAuthorization: Bearer a\n", REASON_TOKEN_MALFORMED,
		  "Bearer error=\"invalid_token\"" },
		{ JWT(", realm: all"), "", REASON_TOKEN_MISSING, "Bearer realm=\"all\"" },
		{ JWT(", realm: all"), "Authorization: Bearer a.b\n", REASON_TOKEN_MALFORMED,
		  "Bearer realm=\"all\", error=\"invalid_token\"" },
		{ JWT(", bound: dpop"), "Authorization: Bearer a.b.c\n", REASON_TOKEN_MISSING, "DPoP" },
		{ JWT(", bound: dpop"), "Authorization: DPoP a.b.c\n", REASON_TOKEN_MALFORMED,
		  "DPoP error=\"invalid_token\"" },
		{ JWT(", from: { header: X-Token }"), "X-Token: a.b.c\n", REASON_TOKEN_MALFORMED,
		  "Bearer error=\"invalid_token\"" },
		{ JWT(", from: { cookie: t }"), "Cookie: t=a; t=b\n", REASON_TOKEN_MALFORMED,
		  "Bearer error=\"invalid_token\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(challenged); i++) {
		struct scene scene;
		const struct view *view;

		scene_begin(&scene, challenged[i].policies);
		view = &scene.bench->view;
		begin_exchange(&scene, "GET /", challenged[i].fields);
		if (run(&scene) != challenged[i].want ||
		    !str_eq(http_fields_value(&view->answer.fields, HTTP_WWW_AUTHENTICATE),
			    str_of(challenged[i].challenge)))
			fail_msg("row %zu: %.*s %s", i, STR_ARG(reason_word(view->answer.reason)),
				 bench_fields(scene.bench, &view->answer.fields));
		scene_end(&scene);
	}
}

static void the_upstream_is_told(void **state)
{
	struct scene scene;
	const struct principal *principal;

	(void)state;
	scene_begin(&scene, JWT(", from: { header: X-T }, strip: true, consumer: sub, "
				"forward: { X-User: sub, X-Org: org.id, X-None: none }"));
	prepare(&scene, "X-T: ", HEADER, "{" GOOD ",\"org\":{\"id\":7}}", SECRET,
		"X-Org: root\nX-None: root\nX-Other: 1\n");
	assert_int_equal(run(&scene), REASON_NONE);
	assert_string_equal(bench_fields(scene.bench, &scene.bench->request.fields),
			    "X-Other: 1\nX-User: acme\nX-Org: 7\n");
	assert_string_equal(scene.bench->managed, "X-User;X-Org;X-None;");
	principal = scene.bench->view.principal;
	assert_true(str_eq(principal->method, STR("jwt")) && str_eq(principal->consumer, STR("acme")));
	assert_true(principal->groups.kind == OPERAND_LIST && principal->claims.kind == OPERAND_MAP);
	scene_end(&scene);
}

static void to_report_changes_nothing(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene, "[ { jwt: { issuer: me, audience: gw, secret: " SECRET
			    ", forward: { X-User: sub } }, report: true } ]");
	assert_int_equal(ask(&scene, "{" GOOD "}", SECRET), REASON_NONE);
	assert_false(view_is_authenticated(&scene.bench->view));
	assert_null(http_fields_find(&scene.bench->request.fields, STR("X-User")));
	assert_int_equal(ask(&scene, "{" GOOD "}", OTHER_SECRET), REASON_NONE);
	assert_string_equal(bench_text(scene.bench, scene.bench->view.reported), "jwt=token_signature");
	scene_end(&scene);
}

/* ---- keys that change ---- */

/* An issuer that is asked for its keys, and where it keeps them. */
struct issuer {
	struct key_set *keys;
	struct token_mint *mint;
	bool answers;
	enum error_kind fails;
	int asked;
};

static result answer(void *self, struct view *view, struct key_set *keys, duration time)
{
	struct issuer *issuer = self;

	(void)view;
	assert_true(time > 0);
	issuer->asked++;
	if (issuer->answers)
		key_set_publish(keys, key_set_take(issuer->keys));
	return issuer->fails ? error_make(issuer->fails, "no answer") : OK;
}

static void issuer_begin(struct issuer *issuer, struct scene *scene)
{
	*issuer = (struct issuer) { .mint = token_mint_new() };
	scene_begin(scene, "[ jwt: { issuer: me, audience: gw } ]");
	assert_false(failed(
		key_sets_get(scene->bench->key_sets, KEYS_AT_URL, STR("https://id.test"), &issuer->keys)));
}

static void issuer_end(struct issuer *issuer, struct scene *scene)
{
	token_mint_free(&issuer->mint);
	key_set_unref(&issuer->keys);
	scene_end(scene);
}

static void prepare_issuers(struct issuer *issuer, struct scene *scene)
{
	struct arena arena;
	str token;

	arena_init(&arena, NULL, (size_t)1 << 20);
	/* By EdDSA the same text has the same signature: the token is remembered. */
	assert_false(failed(token_mint_sign(issuer->mint, issuer->keys, JOSE_BIT(JOSE_EDDSA), STR("JWT"),
					    STR("{" GOOD "}"), &arena, &token)));
	snprintf(scene->fields, sizeof scene->fields, "Authorization: Bearer %.*s\n", STR_ARG(token));
	arena_fini(&arena);
	begin_exchange(scene, "GET /", scene->fields);
	scene->bench->effects.refresh_keys = answer;
	scene->bench->effects.self = issuer;
}

static enum reason ask_issuers(struct issuer *issuer, struct scene *scene)
{
	prepare_issuers(issuer, scene);
	return run(scene);
}

static void an_unknown_key_is_asked_for(void **state)
{
	struct issuer issuer;
	struct scene scene;

	(void)state;
	issuer_begin(&issuer, &scene);
	assert_int_equal(ask_issuers(&issuer, &scene), REASON_TOKEN_KEY_UNKNOWN);
	issuer.fails = ERROR_TIMEOUT;
	assert_int_equal(ask_issuers(&issuer, &scene), REASON_TOKEN_KEY_UNKNOWN);
	issuer.fails = ERROR_NONE;
	issuer.answers = true;
	assert_int_equal(ask_issuers(&issuer, &scene), REASON_NONE);
	assert_int_equal(ask_issuers(&issuer, &scene), REASON_NONE);
	assert_int_equal(issuer.asked, 3);
	issuer_end(&issuer, &scene);
}

/* 503: it is not the token's fault. */
static void keys_that_were_never_had(void **state)
{
	struct issuer issuer;
	struct scene scene;

	(void)state;
	issuer_begin(&issuer, &scene);
	key_set_publish(scene.bench->kept[0], NULL);
	issuer.fails = ERROR_TIMEOUT;
	assert_int_equal(ask_issuers(&issuer, &scene), REASON_AUTH_UNAVAILABLE);
	assert_int_equal(reason_status(REASON_AUTH_UNAVAILABLE), 503);
	issuer.fails = ERROR_CANCELLED;
	prepare_issuers(&issuer, &scene); /* the client has gone: there is nobody to answer */
	assert_int_equal(bench_request(scene.bench), POLICY_ANSWERED);
	assert_false(view_is_authenticated(&scene.bench->view));
	issuer.fails = ERROR_NONE;
	issuer.answers = true;
	assert_int_equal(ask_issuers(&issuer, &scene), REASON_NONE);
	assert_int_equal(issuer.asked, 3);
	issuer_end(&issuer, &scene);
}

/* Whatever was remembered: the next request after the change is refused. */
static void a_key_that_is_gone_is_good_no_longer(void **state)
{
	struct issuer issuer;
	struct scene scene;
	struct jwk_set *none;

	(void)state;
	issuer_begin(&issuer, &scene);
	issuer.answers = true;
	assert_int_equal(ask_issuers(&issuer, &scene), REASON_NONE);
	issuer.answers = false;
	assert_int_equal(ask_issuers(&issuer, &scene), REASON_NONE);
	assert_false(failed(jwk_set_parse(STR("{\"keys\":[]}"), &none)));
	key_set_publish(scene.bench->kept[0], none);
	assert_int_equal(ask_issuers(&issuer, &scene), REASON_TOKEN_KEY_UNKNOWN);
	key_set_publish(scene.bench->kept[0], key_set_take(issuer.keys));
	assert_int_equal(ask_issuers(&issuer, &scene), REASON_NONE);
	key_set_publish(scene.bench->kept[0], NULL);
	assert_int_equal(ask_issuers(&issuer, &scene), REASON_AUTH_UNAVAILABLE);
	issuer_end(&issuer, &scene);
}

static void options_are_checked(void **state)
{
	static const struct bench_check checks[] = {
		{ PLAIN, "" },
		{ "[ jwt: { issuer: me, audience: orders, jwks: \"https://id.test/keys\" } ]", "" },
		{ "[ jwt: { issuer: me, audience: any, jwks: \"https://id.test/keys\" } ]", "somebody else" },
		{ "[ jwt: { issuer: me, audience: [any, x], jwks: \"https://id.test/keys\" } ]",
		  "a name like them" },
		{ "[ jwt: { issuers: [ { issuer: a, audience: x }, { issuer: b, audience: y, secret: " SECRET
		  " } ] } ]",
		  "" },
		{ "[ jwt: {} ]", "want an issuer, or its keys in jwks, keys or secret" },
		{ "[ jwt: { issuer: me } ]", "want the audience" },
		{ "[ jwt: { issuer: me, audience: [] } ]", "audience" },
		{ "[ jwt: { issuer: nobody, audience: gw } ]", "there are no keys" },
		{ JWT(", jwks: \"https://id.test/keys\""),
		  "[0].jwt.secret: only one of jwks, keys, secret may be given, not jwks and secret" },
		{ "[ jwt: { issuers: [ { issuer: a, audience: x, keys: [a], jwks: b } ] } ]",
		  "[0].jwt.issuers[0].keys: only one of jwks, keys, secret may be given, not jwks and keys" },
		{ "[ jwt: { issuer: me, audience: gw, secret: short } ]", "want at least 32 bytes" },
		{ JWT(", algorithms: [RS256]"), "a secret has the algorithms HS256" },
		{ JWT(", algorithms: [none]"), "algorithms" },
		{ JWT(", algorithms: [hs256]"), "algorithms" },
		{ "[ jwt: { issuer: me, audience: gw, algorithms: [HS256] } ]", "want a secret" },
		{ "[ jwt: { issuer: me, audience: gw, keys: [nothing.pem] } ]", "nothing.pem" },
		{ "[ jwt: { issuer: me, audience: gw, keys: ['file:rsa.pub'] } ]",
		  "keys[0]: want the path alone, without \"file:\"" },
		{ JWT(", issuers: [ { issuer: b, audience: y } ]"),
		  "want either one issuer beside, or a list of them" },
		{ "[ jwt: { issuers: [ { audience: x, secret: " SECRET " }, { issuer: b, audience: y } ] } ]",
		  "want the name of each issuer" },
		{ JWT(", require_expiry: false"), "a token without exp is good for ever" },
		{ JWT(", realm: 'a\"b'"), "want a text without quotes" },
		{ JWT(", realm: \"a\\nb\""), "want a text without quotes" },
		{ JWT(", skew: 11m"), "skew" },
		{ JWT(", types: []"), "types" },
		{ JWT(", claims: [a]"), "want a map of claims to their values" },
		{ JWT(", claims: {}"), "want a map of claims to their values" },
		{ JWT(", from: { header: A, cookie: a }"), "[0].jwt.from.cookie: only one of header, cookie, "
							   "query may be given, not header and cookie" },
		{ JWT(", forward: { \"X-*\": sub }"), "want the whole name of a field" },
		{ JWT(", forward: { Content-Length: sub }"), "this field is the connection's" },
		{ JWT(", forward: { X-User: '${claim.sub}' }"),
		  "forward.X-User: want the claim's name, such as sub" },
		{ JWT(", forward: { X-User: claims.sub }"), "warning: policies[0].jwt.forward.X-User: want "
							    "the claim's name alone; did you mean \"sub\"?" },
		{ JWT(", forward: { sub: X-User }"),
		  "forward.sub: this looks like a field's name: want FIELD: CLAIM" },
		{ JWT(", forward: { X-User: org.id, X-A: claimant, X-B: x-user }"), "" },
		{ JWT(", consumer: '${claim.sub}'"), "jwt.consumer: want the claim's name, such as sub" },
		{ JWT(", consumer: claim.sub"),
		  "jwt.consumer: want the claim's name alone; did you mean \"sub\"?" },
		{ JWT(", bound: maybe"), "bound" },
		{ JWT(", jku: x"),
		  "jku: unknown key; allowed: issuer, audience, jwks, keys, secret, algorithms, issuers," },
		{ JWT(", jwks_uri: x"), "jwks_uri: unknown key; here it is \"jwks\"" },
		{ JWT(", aud: x"), "here it is \"audience\"" },
		{ JWT(", leeway: 5s"), "here it is \"skew\"" },
		{ JWT(", scopes: [a]"),
		  "a policy after this one asks for scopes, authorize: { scopes: [...] }" },
	};

	(void)state;
	bench_assert_checks(checks, COUNT_OF(checks));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(another_secret_signs_nothing),
		cmocka_unit_test(challenges),
		cmocka_unit_test(the_upstream_is_told),
		cmocka_unit_test(to_report_changes_nothing),
		cmocka_unit_test(an_unknown_key_is_asked_for),
		cmocka_unit_test(keys_that_were_never_had),
		cmocka_unit_test(a_key_that_is_gone_is_good_no_longer),
		cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
