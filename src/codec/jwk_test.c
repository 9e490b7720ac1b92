/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: which are taken, and what for. A set keeps those that it can use; one key by itself is told of.
 */
#include "codec/jwk.h"

#include <stdio.h>

#include "base/testing.h"
#include "codec/json.h"

enum { ARENA_MAX = 1024 * 1024 };

/* clang-format off */
/* RFC 7638 section 3.1. */
#define N \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_B" \
	"JECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_F" \
	"DW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4" \
	"vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
/* RFC 7515, appendix A.3. */
#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
/* RFC 8037, appendix A.2. */
#define D "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
/* Of 1024 bits; of 2048 but even; of 8200. */
#define N_WEAK \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcE"
#define N_EVEN \
	"wsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLC" \
	"wsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLC" \
	"wsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLC" \
	"wsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwg"
#define N_LARGE \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB" \
	"wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcE"
#define PEM_RSA \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAt3Nfe1Uff+tT1aidyxqV\n" \
	"LGGq7mt8GEl243Kj7S7+ox3llORPVM60R8Clt9Dn6+cMklAkI1928KPRPUezACh6\n" \
	"Ec0dTl5gAJen5wTdezp0YRUNcXMuV6mBPj2A67ETg3KbK/nAMFSCvdauCnlx/2j6\n" \
	"I0OK5fGN0ExUkphVSC+XTesdak0tgjUutptXe2LtOg4sYU95KVgqiREcqjgPe6et\n" \
	"/xG2jtc5+Tp61ojKEk+09LAA4Js0msjinAVJNmk/FcbPlyaFlu0HiiIyoVQ3QV8v\n" \
	"UnACw6javF5jby0ZyVfVzqynjHYwf56EzLuHjq9VbRELuLGEgiydwSE2fjwh2Gjv\n" \
	"QQIDAQAB\n" \
	"-----END PUBLIC KEY-----\n"
#define PEM_EC \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEwDRXoPrfe03zvtyg5qbWn8oC/Wr8\n" \
	"BLC19AZKxvuwuNMkf11RvbMnLU/NdXckTIk8YS37ZNGkftK9tycZQ8IpDg==\n" \
	"-----END PUBLIC KEY-----\n"
#define PEM_ED \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MCowBQYDK2VwAyEAyk+d/zYfJ6gR3h8tzZtSGJhpkIqkhS7q+o1dnQI2IuI=\n" \
	"-----END PUBLIC KEY-----\n"
#define PEM_SECP256K1 \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEnB1n6apRskMJmn0OCLsquq9oejc//tFs\n" \
	"019ltP9vnK5QQOKLzuTkC3J3x5CtxUyY6pArCMS28M80gXzP7MOpuw==\n" \
	"-----END PUBLIC KEY-----\n"
#define PEM_WEAK \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQClV4lHLdS/65E+sb1Eg4fXqWWh\n" \
	"m9KIaPKbok+wmWJ/UOFtf3jFu54rsNSCaMGMgYTc6GXTlKb5kf9oJa2vUU6UbqZa\n" \
	"bXFsjlgPKtXdeo8i0mEnXIzX0QXCmnDmpZ9UAq6t+YANQ6q8dWwz7z3D37p9L1Gp\n" \
	"hkUlF/HEldEanv7POwIDAQAB\n" \
	"-----END PUBLIC KEY-----\n"
#define PEM_PRIVATE \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"MHcCAQEEIJKonBmB6d4H6Arf6jZa9NCKUXnBHZd9FJ46axrFZ7pUoAoGCCqGSM49\n" \
	"AwEHoUQDQgAEwDRXoPrfe03zvtyg5qbWn8oC/Wr8BLC19AZKxvuwuNMkf11RvbMn\n" \
	"LU/NdXckTIk8YS37ZNGkftK9tycZQ8IpDg==\n" \
	"-----END EC PRIVATE KEY-----\n"
/* clang-format on */

#define RSA(n, more) "{\"kty\":\"RSA\",\"n\":\"" n "\",\"e\":\"AQAB\"" more "}"
#define EC(crv, x, y, more) "{\"kty\":\"EC\",\"crv\":\"" crv "\",\"x\":\"" x "\",\"y\":\"" y "\"" more "}"
#define OKP(crv, x, more) "{\"kty\":\"OKP\",\"crv\":\"" crv "\",\"x\":\"" x "\"" more "}"
#define ALL_RSA                                                                                      \
	(JOSE_BIT(JOSE_RS256) | JOSE_BIT(JOSE_RS384) | JOSE_BIT(JOSE_RS512) | JOSE_BIT(JOSE_PS256) | \
	 JOSE_BIT(JOSE_PS384) | JOSE_BIT(JOSE_PS512))

static const struct {
	const char *json;
	unsigned fits; /* 0: it is not taken */
} keys[] = {
	{ RSA(N, ""), ALL_RSA },
	{ EC("P-256", X, Y, ""), JOSE_BIT(JOSE_ES256) },
	{ OKP("Ed25519", D, ""), JOSE_BIT(JOSE_EDDSA) },
	{ RSA(N, ",\"alg\":\"PS384\""), JOSE_BIT(JOSE_PS384) },
	{ RSA(N, ",\"use\":\"sig\",\"key_ops\":[\"verify\"]"), ALL_RSA },
	{ RSA(N, ",\"key_ops\":[\"encrypt\",\"verify\"],\"x5c\":1"), ALL_RSA },
	/* pinned to what it cannot do */
	{ RSA(N, ",\"alg\":\"HS256\""), 0 },
	{ RSA(N, ",\"alg\":\"ES256\""), 0 },
	{ RSA(N, ",\"alg\":\"none\""), 0 },
	{ RSA(N, ",\"alg\":\"rs256\""), 0 },
	{ RSA(N, ",\"alg\":\"RSA-OAEP\""), 0 },
	{ RSA(N, ",\"alg\":[\"RS256\"]"), 0 },
	{ EC("P-256", X, Y, ",\"alg\":\"ES384\""), 0 },
	{ OKP("Ed25519", D, ",\"alg\":\"ES256\""), 0 },
	/* for something else */
	{ RSA(N, ",\"use\":\"enc\""), 0 },
	{ RSA(N, ",\"use\":[\"sig\"]"), 0 },
	{ RSA(N, ",\"key_ops\":[]"), 0 },
	{ RSA(N, ",\"key_ops\":[\"sign\"]"), 0 },
	{ RSA(N, ",\"key_ops\":\"verify\""), 0 },
	/* numbers that are none of such a key */
	{ RSA(N_WEAK, ""), 0 },
	{ RSA(N_EVEN, ""), 0 },
	{ RSA(N_LARGE, ""), 0 },
	{ RSA("", ""), 0 },
	{ RSA("AQ==", ""), 0 },
	{ "{\"kty\":\"RSA\",\"n\":\"" N "\"}", 0 },
	{ "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AQ\"}", 0 },
	{ "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AA\"}", 0 },
	{ "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"Ag\"}", 0 },
	{ "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AQABAQABAQAB\"}", 0 },
	{ "{\"kty\":\"RSA\",\"n\":1,\"e\":\"AQAB\"}", 0 },
	{ EC("P-256", X, X, ""), 0 },
	{ EC("P-256", X, "", ""), 0 },
	{ EC("P-256", X, "AAAA", ""), 0 },
	{ EC("P-256", X, Y "AA", ""), 0 },
	{ EC("P-384", X, Y, ""), 0 },
	{ EC("secp256k1", X, Y, ""), 0 },
	{ EC("prime256v1", X, Y, ""), 0 },
	{ OKP("Ed25519", "AAAA", ""), 0 },
	{ OKP("Ed448", D, ""), 0 },
	{ OKP("X25519", D, ""), 0 },
	/* no public keys */
	{ "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i\"}", 0 },
	{ "{\"kty\":\"rsa\",\"n\":\"" N "\",\"e\":\"AQAB\"}", 0 },
	{ "{\"n\":\"" N "\",\"e\":\"AQAB\"}", 0 },
	{ "{}", 0 },
	{ "[]", 0 },
	{ "1", 0 },
	{ "null", 0 },
};

/* Each alone, and each before one that is good, which stays whatever stands beside it. */
static void takes_keys_for_what_they_fit(void **state)
{
	char text[4096];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		struct jwk_set *set;
		size_t taken = keys[i].fits != 0;

		snprintf(text, sizeof text, "{\"keys\":[%s,%s]}", keys[i].json, OKP("Ed25519", D, ""));
		assert_row(!failed(jwk_set_parse(str_of(text), &set)), i, keys[i].json);
		assert_row(jwk_set_count(set) == taken + 1, i, keys[i].json);
		if (taken)
			assert_row(jwk_set_at(set, 0)->fits == keys[i].fits, i, keys[i].json);
		assert_int_equal(jwk_set_at(set, taken)->fits, JOSE_BIT(JOSE_EDDSA));
		jwk_set_unref(&set);
		assert_null(set);
	}
}

static void refuses_what_is_no_set(void **state)
{
	static const char *const rows[] = {
		"",
		"{}",
		"[]",
		"1",
		"{\"keys\":{}}",
		"{\"keys\":null}",
		"{\"keys\":\"\"}",
		"{\"keys\":[}",
		"{\"keys\":[],\"keys\":[]}",
		"{\"Keys\":[]}",
		OKP("Ed25519", D, ""),
	};
	static char many[4 * JWK_SET_MAX + 64], large[1024 * 1024 + 1];
	struct buf out = buf_over(many, sizeof many);
	struct jwk_set *set;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(jwk_set_parse(str_of(rows[i]), &set).kind == ERROR_MALFORMED, i, rows[i]);
	buf_put(&out, STR("{\"keys\":["));
	for (int i = 0; i < JWK_SET_MAX; i++)
		buf_put(&out, STR("{},"));
	buf_put(&out, STR("{}]}"));
	assert_int_equal(jwk_set_parse(buf_str(&out), &set).kind, ERROR_LIMIT);
	memset(large, ' ', sizeof large);
	memcpy(large, "{\"keys\":[]}", 11);
	assert_int_equal(jwk_set_parse((str) { large, sizeof large }, &set).kind, ERROR_LIMIT);
	assert_false(failed(jwk_set_parse((str) { large, 1024 }, &set)));
	assert_int_equal(jwk_set_count(set), 0);
	assert_null(jwk_set_next(set, STR(""), JOSE_RS256, NULL));
	jwk_set_unref(&set);
	jwk_set_unref(&set);
}

static const struct {
	const char *pem;
	size_t count; /* 0: refused */
	unsigned fits;
} pems[] = {
	{ PEM_RSA, 1, ALL_RSA },
	{ PEM_EC, 1, JOSE_BIT(JOSE_ES256) },
	{ PEM_ED, 1, JOSE_BIT(JOSE_EDDSA) },
	{ "a word before\n" PEM_ED PEM_RSA, 2, JOSE_BIT(JOSE_EDDSA) },
	{ "", 0, 0 },
	{ "no PEM", 0, 0 },
	{ PEM_PRIVATE, 0, 0 },
	{ PEM_ED PEM_PRIVATE, 0, 0 },
	{ PEM_WEAK, 0, 0 },
	{ PEM_SECP256K1, 0, 0 },
	{ PEM_ED PEM_WEAK, 0, 0 },
	{ "-----BEGIN PUBLIC KEY-----\n", 0, 0 },
	{ PEM_ED "-----BEGIN PUBLIC KEY-----\nAAAA", 0, 0 },
	{ "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", 0, 0 },
	{ "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0, 0 },
};

static void reads_public_keys_in_pem(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(pems); i++) {
		struct jwk_set *set;
		result_value read = jwk_set_from_pem(STR("k"), str_of(pems[i].pem), &set);

		if (!pems[i].count) {
			assert_row(read.kind == ERROR_MALFORMED, i, pems[i].pem);
			continue;
		}
		assert_row(!failed(read) && jwk_set_count(set) == pems[i].count, i, pems[i].pem);
		assert_row(jwk_set_at(set, 0)->fits == pems[i].fits, i, pems[i].pem);
		assert_true(str_eq(jwk_set_at(set, 0)->kid, STR("k")));
		jwk_set_unref(&set);
	}
}

static void a_private_key_is_called_one(void **state)
{
	struct jwk_set *set;
	result_value read = jwk_set_from_pem(STR(""), STR(PEM_PRIVATE), &set);

	(void)state;
	assert_true(failed(read));
	assert_non_null(strstr(read.why, "this is a private key"));
}

static void a_secret_is_as_long_as_the_digest(void **state)
{
	static const struct {
		size_t len;
		unsigned fits;
	} rows[] = {
		{ 0, 0 },
		{ 31, 0 },
		{ 32, JOSE_BIT(JOSE_HS256) },
		{ 47, JOSE_BIT(JOSE_HS256) },
		{ 48, JOSE_BIT(JOSE_HS256) | JOSE_BIT(JOSE_HS384) },
		{ 63, JOSE_BIT(JOSE_HS256) | JOSE_BIT(JOSE_HS384) },
		{ 64, JOSE_SYMMETRIC },
	};
	char secret[64] = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct jwk_set *set = jwk_set_from_secret(STR(""), (str) { secret, rows[i].len });

		assert_row(jwk_set_at(set, 0)->fits == rows[i].fits, i, "secret");
		jwk_set_unref(&set);
	}
}

/* Those of that name and those of none; each once; and sets that were joined outlive what they came of. */
static void finds_keys_by_name_and_algorithm(void **state)
{
	struct jwk_set *parts[3], *set;
	const struct jwk *jwk;

	(void)state;
	assert_false(failed(jwk_set_from_pem(STR("a"), STR(PEM_RSA), &parts[0])));
	assert_false(failed(jwk_set_from_pem(STR("b"), STR(PEM_RSA), &parts[1])));
	assert_false(failed(jwk_set_from_pem(STR(""), STR(PEM_RSA PEM_EC), &parts[2])));
	set = jwk_set_join(parts, 3);
	for (size_t i = 0; i < 3; i++)
		jwk_set_unref(&parts[i]);
	assert_int_equal(jwk_set_count(set), 4);
	jwk = jwk_set_next(set, STR("b"), JOSE_RS256, NULL);
	assert_ptr_equal(jwk, jwk_set_at(set, 1));
	jwk = jwk_set_next(set, STR("b"), JOSE_RS256, jwk);
	assert_ptr_equal(jwk, jwk_set_at(set, 2));
	assert_null(jwk_set_next(set, STR("b"), JOSE_RS256, jwk));
	assert_ptr_equal(jwk_set_next(set, STR("c"), JOSE_RS256, NULL), jwk_set_at(set, 2));
	assert_ptr_equal(jwk_set_next(set, STR(""), JOSE_RS256, NULL), jwk_set_at(set, 0));
	assert_ptr_equal(jwk_set_next(set, STR("a"), JOSE_ES256, NULL), jwk_set_at(set, 3));
	assert_null(jwk_set_next(set, STR("a"), JOSE_HS256, NULL));
	assert_null(jwk_set_next(set, STR(""), JOSE_UNKNOWN, NULL));
	jwk_set_unref(&set);
}

static const struct {
	const char *json;
	enum error_kind want;
} singles[] = {
	{ OKP("Ed25519", D, ""), ERROR_NONE },
	{ OKP("Ed25519", D, ",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\""), ERROR_DENIED },
	{ RSA(N, ",\"d\":\"AAAA\""), ERROR_DENIED },
	{ "{\"kty\":\"oct\",\"k\":\"AAAA\"}", ERROR_DENIED },
	{ "{\"kty\":\"oct\"}", ERROR_MALFORMED },
	{ RSA(N_WEAK, ""), ERROR_MALFORMED },
	{ EC("P-256", X, X, ""), ERROR_MALFORMED },
	{ "{}", ERROR_MALFORMED },
	{ "[]", ERROR_MALFORMED },
};

static void reads_a_key_by_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(singles); i++) {
		struct arena arena;
		struct operand json;
		struct jwk jwk = { 0 };
		result_value read;

		arena_init(&arena, NULL, ARENA_MAX);
		assert_false(failed(json_parse(&arena, str_of(singles[i].json), &json)));
		read = jwk_read(&json, &arena, &jwk);
		assert_row(read.kind == singles[i].want, i, singles[i].json);
		jwk_drop(&jwk);
		arena_fini(&arena);
	}
}

static const struct {
	const char *json, *want; /* NULL: it has none */
} thumbprints[] = {
	/* RFC 7638 section 3.1; RFC 8037, appendix A.3. */
	{ RSA(N, ",\"alg\":\"RS256\",\"kid\":\"2011-04-29\""),
	  "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
	{ OKP("Ed25519", D, ""), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
	{ OKP("Ed25519", D "\\\"", ""), NULL },
	{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", NULL },
	{ "{\"kty\":\"RSA\",\"n\":\"" N "\"}", NULL },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\"}", NULL },
	{ "{\"kty\":\"oct\",\"k\":\"AAAA\"}", NULL },
	{ "{}", NULL },
	{ "[]", NULL },
};

static void names_a_key_by_its_thumbprint(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(thumbprints); i++) {
		struct arena arena;
		struct operand json;
		char bytes[64];
		struct buf out = buf_over(bytes, sizeof bytes);
		result_value made;

		arena_init(&arena, NULL, ARENA_MAX);
		assert_false(failed(json_parse(&arena, str_of(thumbprints[i].json), &json)));
		made = jwk_thumbprint(&json, &out);
		assert_row(failed(made) == !thumbprints[i].want, i, thumbprints[i].json);
		if (thumbprints[i].want)
			assert_row(str_eq(buf_str(&out), str_of(thumbprints[i].want)), i,
				   thumbprints[i].json);
		arena_fini(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_private_key_is_called_one),
		cmocka_unit_test(takes_keys_for_what_they_fit),
		cmocka_unit_test(refuses_what_is_no_set),
		cmocka_unit_test(reads_public_keys_in_pem),
		cmocka_unit_test(a_secret_is_as_long_as_the_digest),
		cmocka_unit_test(finds_keys_by_name_and_algorithm),
		cmocka_unit_test(reads_a_key_by_itself),
		cmocka_unit_test(names_a_key_by_its_thumbprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
