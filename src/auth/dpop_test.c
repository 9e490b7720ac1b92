/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/dpop.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "auth/jose_testing.h"
#include "auth/replay_cache.h"
#include "base/testing.h"
#include "codec/json.h"
#include "codec/jwk.h"

enum { ARENA_MAX = 1024 * 1024 };

#define NOW ((wall_time)1562262618 * SECOND)

/* RFC 9449 section 7.1, figures 12 and 13. */
static const char rfc_proof[] =
	"eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZ"
	"OXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIs"
	"ImNydiI6IlAtMjU2In19."
	"eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJj"
	"ZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05y"
	"V0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-"
	"yqyVnmcw6"
	"Fy1dqd-jfxSYoMxhAJpLjA";

static const struct dpop_request rfc_request = {
	.proof = { rfc_proof, sizeof rfc_proof - 1 },
	.token = STR_INIT("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
	.bound = STR_INIT("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
	.method = STR_INIT("GET"),
	.scheme = STR_INIT("https"),
	.authority = STR_INIT("resource.example.org"),
	.path = STR_INIT("/protectedresource"),
	.now = NOW,
	.max_age = MINUTE,
	.skew = 5 * SECOND,
};

struct desk {
	struct arena arena;
	struct replay_cache *seen;
	EVP_PKEY *key;
	char jwk[128], bound[64];
};

static int set_up(void **state)
{
	struct desk *desk = calloc(1, sizeof *desk);
	struct operand json;
	struct buf bound;
	str key;

	assert_non_null(desk);
	arena_init(&desk->arena, NULL, ARENA_MAX);
	desk->seen = replay_cache_new(0);
	desk->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	key = jose_public_key(&desk->arena, desk->key);
	snprintf(desk->jwk, sizeof desk->jwk, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%.*s\"}",
		 STR_ARG(key));
	bound = buf_over(desk->bound, sizeof desk->bound - 1);
	assert_false(failed(json_parse(&desk->arena, str_of(desk->jwk), &json)));
	assert_false(failed(jwk_thumbprint(&json, &bound)));
	*state = desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	EVP_PKEY_free(desk->key);
	replay_cache_free(&desk->seen);
	arena_fini(&desk->arena);
	free(desk);
	return 0;
}

/* A proof of the desk's key; header: what stands in it beside the key. */
static str prove(struct desk *desk, const char *header, const char *jwk, const char *claims)
{
	str head = arena_printf(&desk->arena, "{%s,\"jwk\":%s}", header, jwk);

	return jose_sign(&desk->arena, desk->key, head, str_of(claims));
}

static struct dpop_request request_of(const struct desk *desk, str proof)
{
	struct dpop_request request = rfc_request;

	request.proof = proof;
	request.bound = str_of(desk->bound);
	return request;
}

#define HEADER "\"typ\":\"dpop+jwt\",\"alg\":\"EdDSA\""
#define URL "https://resource.example.org/protectedresource"
#define ATH "\"ath\":\"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo\""
#define CLAIMS(jti, htm, htu, iat) \
	"{\"jti\":" jti ",\"htm\":\"" htm "\",\"htu\":\"" htu "\",\"iat\":" iat "," ATH "}"
#define FOR(htu) CLAIMS("\"" htu "\"", "GET", htu, "1562262618")

static void the_example_of_the_rfc_is_good_once(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(dpop_check(&rfc_request, &desk->arena, desk->seen), REASON_NONE);
	assert_int_equal(dpop_check(&rfc_request, &desk->arena, desk->seen), REASON_TOKEN_REPLAYED);
}

/* It is still new to who asks with one. */
static void without_a_memory_a_proof_is_not_taken(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(dpop_check(&rfc_request, &desk->arena, NULL), REASON_NONE);
	assert_int_equal(dpop_check(&rfc_request, &desk->arena, desk->seen), REASON_NONE);
}

static void the_example_is_for_one_request(void **state)
{
	struct desk *desk = *state;
	struct dpop_request rows[12];

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		rows[i] = rfc_request;
	rows[0].method = STR("POST");
	rows[1].scheme = STR("http");
	rows[2].authority = STR("resource.example.org:8443");
	rows[3].authority = STR("other.example.org");
	rows[4].path = STR("/protectedresource/");
	rows[5].token = STR("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxu");
	rows[6].bound = STR("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4i");
	rows[7].now = NOW + MINUTE;
	rows[8].now = NOW - 6 * SECOND;
	rows[9].proof = (str) { 0 };
	rows[10].proof.len--;
	rows[11].bound = (str) { 0 };
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(dpop_check(&rows[i], &desk->arena, desk->seen) == REASON_TOKEN_BINDING, i,
			   "one thing is another");
	/* Nothing of it was taken for the use that it is good for. */
	assert_int_equal(dpop_check(&rfc_request, &desk->arena, desk->seen), REASON_NONE);
}

static void urls_are_compared_by_what_they_mean(void **state)
{
	static const char *const rows[] = {
		FOR(URL),
		FOR("HTTPS://Resource.Example.ORG:443/protectedresource"),
		FOR(URL "?query=1"),
		FOR(URL "#fragment"),
		FOR("https://resource.example.org/x/../%70rotectedresource"),
		CLAIMS("\"fraction\"", "GET", URL, "1562262618.5"),
		CLAIMS("\"ahead\"", "GET", URL, "1562262623"),
		CLAIMS("\"old\"", "GET", URL, "1562262559"),
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct dpop_request request = request_of(desk, prove(desk, HEADER, desk->jwk, rows[i]));

		assert_row(dpop_check(&request, &desk->arena, desk->seen) == REASON_NONE, i, rows[i]);
		assert_row(dpop_check(&request, &desk->arena, desk->seen) == REASON_TOKEN_REPLAYED, i,
			   rows[i]);
	}
}

static void claims_that_prove_nothing_are_refused(void **state)
{
	static const char *const rows[] = {
		"{}",
		"[]",
		"null",
		"{",
		CLAIMS("\"\"", "GET", URL, "1562262618"),
		CLAIMS("7", "GET", URL, "1562262618"),
		CLAIMS("\"a\"", "get", URL, "1562262618"),
		CLAIMS("\"a\"", "", URL, "1562262618"),
		CLAIMS("\"a\"", "GET", URL, "\"1562262618\""),
		CLAIMS("\"a\"", "GET", URL, "null"),
		CLAIMS("\"a\"", "GET", URL, "-1"),
		CLAIMS("\"a\"", "GET", URL, "1e300"),
		CLAIMS("\"a\"", "GET", URL, "9223372036854775807"),
		CLAIMS("\"a\"", "GET", URL, "1562262558"),
		CLAIMS("\"a\"", "GET", URL, "1562262624"),
		FOR(""),
		FOR("/protectedresource"),
		FOR("https:/resource.example.org/protectedresource"),
		FOR("https://resource.example.org"),
		FOR("https://user@resource.example.org/protectedresource"),
		FOR("https://resource.example.org/protectedresource/../%"),
		FOR("//resource.example.org/protectedresource"),
		"{\"jti\":\"a\",\"htm\":\"GET\",\"htu\":\"" URL "\",\"iat\":1562262618}",
		"{\"jti\":\"a\",\"htm\":\"GET\",\"htu\":\"" URL "\",\"iat\":1562262618,\"ath\":\"fUHy\"}",
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct dpop_request request = request_of(desk, prove(desk, HEADER, desk->jwk, rows[i]));

		assert_row(dpop_check(&request, &desk->arena, desk->seen) == REASON_TOKEN_BINDING, i,
			   rows[i]);
	}
}

/* The key is that of the token, and the header says no more than it may. */
static void headers_that_prove_nothing_are_refused(void **state)
{
	static const char *const rows[] = {
		"\"alg\":\"EdDSA\"",
		"\"typ\":\"JWT\",\"alg\":\"EdDSA\"",
		"\"typ\":\"dpop+jwt\"",
		"\"typ\":\"dpop+jwt\",\"alg\":\"none\"",
		"\"typ\":\"dpop+jwt\",\"alg\":\"HS256\"",
		"\"typ\":\"dpop+jwt\",\"alg\":\"ES256\"",
		HEADER ",\"crit\":[\"jwk\"]",
		HEADER ",\"jwk\":{}",
	};
	struct desk *desk = *state;
	struct dpop_request request;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		request = request_of(desk, prove(desk, rows[i], desk->jwk, FOR(URL)));
		assert_row(dpop_check(&request, &desk->arena, desk->seen) == REASON_TOKEN_BINDING, i,
			   rows[i]);
	}
	request = request_of(desk, prove(desk, HEADER, "{}", FOR(URL)));
	assert_int_equal(dpop_check(&request, &desk->arena, desk->seen), REASON_TOKEN_BINDING);
	request = request_of(desk, prove(desk, HEADER, "\"key\"", FOR(URL)));
	assert_int_equal(dpop_check(&request, &desk->arena, desk->seen), REASON_TOKEN_BINDING);
}

/* The right key in the header, and a signature by another. */
static void the_key_must_have_signed_it(void **state)
{
	struct desk *desk = *state;
	EVP_PKEY *own = desk->key;
	struct dpop_request request;
	str private_key;

	desk->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	request = request_of(desk, prove(desk, HEADER, desk->jwk, FOR(URL)));
	EVP_PKEY_free(desk->key);
	desk->key = own;
	assert_int_equal(dpop_check(&request, &desk->arena, desk->seen), REASON_TOKEN_BINDING);

	/* RFC 9449 section 4.3, item 7. */
	private_key = arena_printf(&desk->arena, "%.*s,\"d\":\"AAAA\"}",
				   STR_ARG(str_slice(str_of(desk->jwk), 0, strlen(desk->jwk) - 1)));
	request = request_of(desk, prove(desk, HEADER, private_key.ptr, FOR(URL)));
	assert_int_equal(dpop_check(&request, &desk->arena, desk->seen), REASON_TOKEN_BINDING);
}

/* Where nothing more can be remembered, nothing gets through. */
static void a_full_memory_lets_nobody_in(void **state)
{
	struct desk *desk = *state;

	for (int i = 0; i < 100000; i++) {
		str thing = { (const char *)&i, sizeof i };

		(void)replay_cache_add(desk->seen, &thing, 1, NOW + HOUR, NOW);
	}
	assert_int_equal(dpop_check(&rfc_request, &desk->arena, desk->seen), REASON_AUTH_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_example_of_the_rfc_is_good_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_memory_a_proof_is_not_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_example_is_for_one_request, set_up, tear_down),
		cmocka_unit_test_setup_teardown(urls_are_compared_by_what_they_mean, set_up, tear_down),
		cmocka_unit_test_setup_teardown(claims_that_prove_nothing_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(headers_that_prove_nothing_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_key_must_have_signed_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_memory_lets_nobody_in, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
