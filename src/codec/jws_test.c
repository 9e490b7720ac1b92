/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed tokens: the examples of the RFCs hold, and what is a letter away from them does not.
 */
#include "codec/jws.h"

#include <stdio.h>

#include "base/testing.h"
#include "codec/base64url.h"

enum { ARENA_MAX = 1024 * 1024 };

/* RFC 7515, appendix A.1: HS256. */
#define HS_KEY "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
#define HS_TOKEN                                                      \
	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."                   \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9" \
	"leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

/* Appendix A.2: RS256. */
#define RS_KEY                                                                                           \
	"{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-" \
	"4qPCJrcS2mJPM"                                                                                  \
	"EzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"             \
	"bSf63kpaSHSXndS5z5rexMdbBYUsLA9"                                                                \
	"e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-"         \
	"DWNmoudF8NAco9_h9iaGNj8q2et"                                                                    \
	"hFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}"
#define PAYLOAD \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RS_TOKEN                                                                                            \
	"eyJhbGciOiJSUzI1NiJ9." PAYLOAD                                                                     \
	".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"            \
	"O8W2Fp5jujGbds9uJ"                                                                                 \
	"dbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"                                                          \
	"nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_"                         \
	"dO--xi12jzDwusC-"                                                                                  \
	"eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_I" \
	"oypGlUPQGe77Rw"

/* Appendix A.3: ES256. */
#define ES_KEY                                                                                               \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_" \
	"FE"                                                                                                 \
	"zRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define ES_TOKEN                        \
	"eyJhbGciOiJFUzI1NiJ9." PAYLOAD \
	".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

/* RFC 8037, appendix A.4: Ed25519. */
#define ED_KEY "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define ED_TOKEN                                                    \
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." \
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

struct scene {
	struct arena arena;
	struct jwk_set *set;
};

static void scene_begin(struct scene *scene, const char *key)
{
	char text[2048];

	arena_init(&scene->arena, NULL, ARENA_MAX);
	if (key[0] == '{') {
		snprintf(text, sizeof text, "{\"keys\":[%s]}", key);
		assert_false(failed(jwk_set_parse(str_of(text), &scene->set)));
	} else {
		struct buf secret = buf_over(text, sizeof text);

		assert_false(failed(base64url_decode(str_of(key), &secret)));
		scene->set = jwk_set_from_secret(STR(""), buf_str(&secret));
	}
}

static void scene_end(struct scene *scene)
{
	jwk_set_unref(&scene->set);
	arena_fini(&scene->arena);
}

static bool holds(struct scene *scene, str token)
{
	struct jws jws;
	const struct jwk *jwk = NULL;

	if (failed(jws_split(token, &scene->arena, &jws)) || jws.algorithm == JOSE_UNKNOWN)
		return false;
	while ((jwk = jwk_set_next(scene->set, jws.kid, jws.algorithm, jwk)))
		if (jws_verify(&jws, jwk))
			return true;
	return false;
}

static const struct {
	const char *what, *key, *token;
	bool want;
} rows[] = {
	{ "RFC 7515 A.1", HS_KEY, HS_TOKEN, true },
	{ "RFC 7515 A.2", RS_KEY, RS_TOKEN, true },
	{ "RFC 7515 A.3", ES_KEY, ES_TOKEN, true },
	{ "RFC 8037 A.4", ED_KEY, ED_TOKEN, true },
	{ "another's key", RS_KEY, ES_TOKEN, false },
	{ "another's key", ES_KEY, ED_TOKEN, false },
	{ "another's key", ED_KEY, RS_TOKEN, false },
	{ "a secret for a public key", RS_KEY, HS_TOKEN, false },
	{ "a public key for a secret", HS_KEY, RS_TOKEN, false },
	{ "RFC 7515 A.5: unsecured", RS_KEY, "eyJhbGciOiJub25lIn0." PAYLOAD ".", false },
	{ "unsecured, for a secret", HS_KEY, "eyJhbGciOiJub25lIn0." PAYLOAD ".", false },
	{ "no signature", RS_KEY, "eyJhbGciOiJSUzI1NiJ9." PAYLOAD ".", false },
	{ "no signature", ES_KEY, "eyJhbGciOiJFUzI1NiJ9." PAYLOAD ".", false },
	{ "no signature", ED_KEY, "eyJhbGciOiJFZERTQSJ9." PAYLOAD ".", false },
	{ "no signature", HS_KEY, "eyJhbGciOiJIUzI1NiJ9." PAYLOAD ".", false },
	{ "r and s zero", ES_KEY,
	  "eyJhbGciOiJFUzI1NiJ9." PAYLOAD
	  ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	  false },
};

static void examples_hold_and_their_likes_do_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scene scene;

		scene_begin(&scene, rows[i].key);
		if (holds(&scene, str_of(rows[i].token)) != rows[i].want)
			fail_msg("row %zu, %s: %d", i, rows[i].what, !rows[i].want);
		scene_end(&scene);
	}
}

static const struct {
	const char *key, *token;
} examples[] = { { HS_KEY, HS_TOKEN }, { RS_KEY, RS_TOKEN }, { ES_KEY, ES_TOKEN }, { ED_KEY, ED_TOKEN } };

/* Each character changed to each of a few others, each place cut: none of them is a token any more. */
static void whatever_is_changed_does_not_hold(void **state)
{
	static const char others[] = "AQgw-_9=.+ ";

	(void)state;
	for (size_t row = 0; row < COUNT_OF(examples); row++) {
		size_t len = strlen(examples[row].token);
		struct scene scene;
		char text[2048];

		scene_begin(&scene, examples[row].key);
		for (size_t i = 0; i < len; i++) {
			memcpy(text, examples[row].token, len);
			assert_false(holds(&scene, (str) { text, i }));
			text[i] = others[i % (sizeof others - 1)];
			if (text[i] != examples[row].token[i] && holds(&scene, (str) { text, len }))
				fail_msg("row %zu: a change at %zu went unnoticed", row, i);
			arena_fini(&scene.arena);
		}
		scene_end(&scene);
	}
}

static const struct {
	const char *header;
	enum error_kind want;
} headers[] = {
	{ "{\"alg\":\"RS256\"}", ERROR_NONE },
	{ "{\"alg\":\"RS256\",\"kid\":\"a\",\"typ\":\"JWT\",\"jku\":\"http://x\",\"other\":[1]}",
	  ERROR_NONE },
	{ "{\"alg\":\"rs256\"}", ERROR_NONE }, /* taken apart, but of no known algorithm */
	{ "{}", ERROR_NONE },
	{ "", ERROR_MALFORMED },
	{ "[]", ERROR_MALFORMED },
	{ "\"RS256\"", ERROR_MALFORMED },
	{ "{\"alg\":\"RS256\"", ERROR_MALFORMED },
	{ "{\"alg\":\"RS256\"} x", ERROR_MALFORMED },
	{ "{\"alg\":\"RS256\",\"alg\":\"none\"}", ERROR_MALFORMED },
	{ "{\"alg\":\"RS256\",\"a\\u006cg\":\"none\"}", ERROR_MALFORMED },
	{ "{\"alg\":256}", ERROR_MALFORMED },
	{ "{\"alg\":[\"RS256\"]}", ERROR_MALFORMED },
	{ "{\"alg\":\"RS256\",\"kid\":1}", ERROR_MALFORMED },
	{ "{\"alg\":\"RS256\",\"kid\":null}", ERROR_MALFORMED },
	{ "{\"alg\":null}", ERROR_MALFORMED },
	{ "{\"alg\":\"RS256\",\"typ\":{}}", ERROR_MALFORMED },
	{ "{\"alg\":\"RS256\",\"crit\":[\"exp\"]}", ERROR_MALFORMED },
	{ "{\"alg\":\"RS256\",\"crit\":[]}", ERROR_MALFORMED },
	{ "{\"alg\":\"RS256\",\"crit\":null}", ERROR_MALFORMED },
	{ "{\"alg\":\"RS\\u0000256\"}", ERROR_MALFORMED },
	{ "{\"alg\":\"\xff\"}", ERROR_MALFORMED },
};

static void a_header_says_one_thing_in_one_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		struct arena arena;
		struct jws jws;
		char text[1024];
		struct buf out = buf_over(text, sizeof text);
		result_value split;

		arena_init(&arena, NULL, ARENA_MAX);
		base64url_encode(str_of(headers[i].header), &out);
		buf_put(&out, STR(".e30.AAAA"));
		split = jws_split(buf_str(&out), &arena, &jws);
		if (split.kind != headers[i].want)
			fail_msg("%s: %s", headers[i].header, error_name(split.kind));
		if (!failed(split))
			assert_int_equal(jws.algorithm, i < 2 ? JOSE_RS256 : JOSE_UNKNOWN);
		arena_fini(&arena);
	}
}

static void a_token_has_three_parts_and_a_bound(void **state)
{
	static const char *const wrong[] = { "",
					     ".",
					     "..",
					     "a",
					     "a.b",
					     "e30",
					     "e30.e30",
					     "e30.e30.e30.e30",
					     "e30.e30.AA=",
					     "e30.e30.AB",
					     " e30.e30.AA",
					     "e30.e30.AA\n" };
	struct arena arena;
	struct jws jws;
	static char large[JWS_MAX + 1];

	(void)state;
	arena_init(&arena, NULL, ARENA_MAX);
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		if (jws_split(str_of(wrong[i]), &arena, &jws).kind != ERROR_MALFORMED)
			fail_msg("\"%s\" was taken apart", wrong[i]);
	memset(large, 'A', sizeof large);
	memcpy(large, "e30.e30.", 8);
	assert_int_equal(jws_split((str) { large, sizeof large }, &arena, &jws).kind, ERROR_LIMIT);
	assert_int_equal(jws_split((str) { large, sizeof large - 1 }, &arena, &jws).kind, ERROR_NONE);
	arena_fini(&arena);
	arena_init(&arena, NULL, JWS_MAX);
	assert_int_equal(jws_split(STR("e30.e30.AA"), &arena, &jws).kind, ERROR_LIMIT);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_hold_and_their_likes_do_not),
		cmocka_unit_test(whatever_is_changed_does_not_hold),
		cmocka_unit_test(a_header_says_one_thing_in_one_way),
		cmocka_unit_test(a_token_has_three_parts_and_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
