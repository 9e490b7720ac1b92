/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token costs that no worker knows: taken apart, read and verified, beside OpenSSL's own verification
 * of the same bytes by the same key. CPU time, the best of several rounds.
 *
 *     meson setup build -Dbenches=true && ninja -C build jose_bench && build/jose_bench
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "codec/base64url.h"
#include "codec/json.h"
#include "codec/jws.h"

enum { ROUNDS = 15, TOKENS_OF_A_ROUND = 1000, RSA_BITS = 2048, TEXT_MAX = 4096 };

#define HEADER "{\"alg\":\"%s\",\"kid\":\"bench-1\",\"typ\":\"JWT\"}"
#define PAYLOAD                                                                                   \
	"{\"iss\":\"https://"                                                                     \
	"id.bench\",\"aud\":\"bench\",\"sub\":\"user-1\",\"jti\":\"0123456789abcdef\",\"iat\":1," \
	"\"exp\":4102444800,\"scope\":\"orders:read orders:write\",\"org\":\"acme\"}"

struct subject {
	const char *algorithm;
	EVP_PKEY *key;
	struct jwk_set *keys;
	char token[TEXT_MAX];
	size_t len;
};

static double cpu_microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void put_part(struct buf *out, const char *text)
{
	base64url_encode(str_of(text), out);
}

static void make_token(struct subject *subject)
{
	struct buf out = buf_over(subject->token, sizeof subject->token);
	char header[256];
	unsigned char signature[1024];
	size_t len = sizeof signature;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	snprintf(header, sizeof header, HEADER, subject->algorithm);
	put_part(&out, header);
	buf_put_char(&out, '.');
	put_part(&out, PAYLOAD);
	ASSERT(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, subject->key) == 1);
	ASSERT(EVP_DigestSign(context, signature, &len, (const unsigned char *)out.bytes, out.len) == 1);
	EVP_MD_CTX_free(context);
	buf_put_char(&out, '.');
	base64url_encode((str) { (const char *)signature, len }, &out);
	ASSERT(!buf_overflowed(&out));
	subject->len = out.len;
}

static void make_keys(struct subject *subject)
{
	BIO *pem = BIO_new(BIO_s_mem());
	char *text;
	long len;

	ASSERT(PEM_write_bio_PUBKEY(pem, subject->key) == 1);
	len = BIO_get_mem_data(pem, &text);
	ASSERT(!failed(jwk_set_from_pem(STR("bench-1"), (str) { text, (size_t)len }, &subject->keys)));
	BIO_free(pem);
}

static void ours(const struct subject *subject)
{
	struct arena arena;
	struct jws jws;
	struct operand claims;

	arena_init(&arena, NULL, 1024 * 1024);
	ASSERT(!failed(jws_split((str) { subject->token, subject->len }, &arena, &jws)));
	ASSERT(!failed(json_parse(&arena, jws.payload, &claims)));
	ASSERT(jws_verify(&jws, jwk_set_next(subject->keys, jws.kid, jws.algorithm, NULL)));
	arena_fini(&arena);
}

static void openssls(const struct subject *subject, const struct jws *jws)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	ASSERT(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, subject->key) == 1);
	ASSERT(EVP_DigestVerify(context, (const unsigned char *)jws->signature.ptr, jws->signature.len,
				(const unsigned char *)jws->signed_text.ptr, jws->signed_text.len) == 1);
	EVP_MD_CTX_free(context);
}

/* Both in each round, so that both have the same machine. */
static void measure(const struct subject *subject)
{
	double best_ours = 1e9, best_openssls = 1e9;
	struct arena arena;
	struct jws jws;

	arena_init(&arena, NULL, 1024 * 1024);
	ASSERT(!failed(jws_split((str) { subject->token, subject->len }, &arena, &jws)));
	for (unsigned round = 0; round < ROUNDS; round++) {
		double start = cpu_microseconds(), middle, end;

		for (unsigned i = 0; i < TOKENS_OF_A_ROUND; i++)
			ours(subject);
		middle = cpu_microseconds();
		for (unsigned i = 0; i < TOKENS_OF_A_ROUND; i++)
			openssls(subject, &jws);
		end = cpu_microseconds();
		best_ours = middle - start < best_ours ? middle - start : best_ours;
		best_openssls = end - middle < best_openssls ? end - middle : best_openssls;
	}
	printf("%s: %.2f us a token, OpenSSL's EVP_DigestVerify %.2f us, %.2f of it\n", subject->algorithm,
	       best_ours / TOKENS_OF_A_ROUND, best_openssls / TOKENS_OF_A_ROUND, best_ours / best_openssls);
	arena_fini(&arena);
}

int main(void)
{
	struct subject subject = { .algorithm = "RS256", .key = EVP_RSA_gen(RSA_BITS) };

	make_keys(&subject);
	make_token(&subject);
	measure(&subject);
	jwk_set_unref(&subject.keys);
	EVP_PKEY_free(subject.key);
	return 0;
}
