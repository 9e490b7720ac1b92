/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jws: the compact serialization of RFC 7515, taken apart and verified.
 *
 * Taking apart believes nothing: it says what the header says. Verifying asks the key whether it may be used
 * with that algorithm (RFC 8725 section 3.1), and only then looks at the signature; so `alg` picks among
 * what a key fits, and never makes a public key a secret. The signed text is that of the token, never one
 * that was printed again.
 */
#include "codec/jws.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.h"
#include "codec/base64url.h"
#include "codec/json.h"
#include "codec/jwk_context.h"

enum { COORDINATE_MAX = 66, DER_MAX = 2 * COORDINATE_MAX + 16 };

/* ---- taking apart ---- */

static result decode(str text, struct arena *arena, str *ret_bytes)
{
	size_t len = base64url_decoded_len(text.len);
	struct buf out = buf_over(arena_bytes(arena, len + 1), len);

	TRY(base64url_decode(text, &out));
	*ret_bytes = buf_str(&out);
	return OK;
}

/* Also one that is null, which json_find() takes for missing. */
static bool has_member(const struct operand *header, str name)
{
	const struct json_object *object = json_object_of(header);

	for (size_t i = 0; object && i < object->count; i++)
		if (str_eq(object->at[i].name, name))
			return true;
	return false;
}

/* Empty where it is missing, and also where it is empty: nobody is called so. */
static result read_text(const struct operand *header, str name, str *ret_text)
{
	struct operand value = json_find(header, name);

	*ret_text = value.kind == OPERAND_STRING ? value.text : (str) { 0 };
	if (value.kind == OPERAND_STRING || !has_member(header, name))
		return OK;
	return error_make(ERROR_MALFORMED, "a member of the token's header is no text");
}

/* `crit` lists what must be understood (RFC 7515 section 4.1.11); nothing beyond the RFC is, so its being
 * there is enough. Keys and addresses of keys in the header (`jwk`, `jku`, `x5c`, `x5u`) are not looked
 * at: whoever made the token would bring along the key to believe. */
static result read_header(str text, struct arena *arena, struct jws *jws)
{
	str json, algorithm;

	TRY(decode(text, arena, &json));
	TRY(json_parse(arena, json, &jws->header));
	if (jws->header.kind != OPERAND_MAP)
		return error_make(ERROR_MALFORMED, "the token's header is no object");
	if (has_member(&jws->header, STR("crit")))
		return error_make(ERROR_MALFORMED, "the token's header wants something to be understood");
	TRY(read_text(&jws->header, STR("alg"), &algorithm));
	TRY(read_text(&jws->header, STR("kid"), &jws->kid));
	TRY(read_text(&jws->header, STR("typ"), &jws->type));
	jws->algorithm = jose_algorithm_find(algorithm);
	return OK;
}

result jws_split(str token, struct arena *arena, struct jws *ret_jws)
{
	str header, payload, signature, rest;

	*ret_jws = (struct jws) { 0 };
	if (token.len > JWS_MAX || arena_left(arena) < 2 * JWS_MAX)
		return error_make(ERROR_LIMIT, "the token is too large");
	if (!str_cut(token, '.', &header, &rest) || !str_cut(rest, '.', &payload, &signature))
		return error_make(ERROR_MALFORMED, "a token has three parts");
	ret_jws->signed_text = str_slice(token, 0, header.len + 1 + payload.len);
	TRY(read_header(header, arena, ret_jws));
	TRY(decode(payload, arena, &ret_jws->payload));
	return decode(signature, arena, &ret_jws->signature);
}

/* ---- verifying ---- */

/* The two halves as OpenSSL wants them, a sequence in DER (RFC 7518 section 3.4). 0: they are none. */
static int ecdsa_der(const struct jws *jws, size_t half, unsigned char *der)
{
	const unsigned char *bytes = (const unsigned char *)jws->signature.ptr;
	ECDSA_SIG *signature;
	BIGNUM *r, *s;
	int len = 0;

	if (jws->signature.len != 2 * half)
		return 0;
	signature = ECDSA_SIG_new();
	r = BN_bin2bn(bytes, (int)half, NULL);
	s = BN_bin2bn(bytes + half, (int)half, NULL);
	ASSERT(signature && r && s && ECDSA_SIG_set0(signature, r, s) == 1);
	if (i2d_ECDSA_SIG(signature, NULL) <= DER_MAX)
		len = i2d_ECDSA_SIG(signature, &der);
	ECDSA_SIG_free(signature);
	return len;
}

/* An empty signature is none by any algorithm; OpenSSL is not asked about it. */
static bool verify_by_key(const struct jws *jws, const struct jose_algorithm_row *row, const struct jwk *jwk)
{
	unsigned char der[DER_MAX];
	const unsigned char *signature = (const unsigned char *)jws->signature.ptr;
	size_t len = jws->signature.len;
	EVP_MD_CTX *context;
	bool is_good;

	if (row->family == JOSE_ECDSA) {
		len = (size_t)ecdsa_der(jws, row->size, der);
		signature = der;
	}
	if (!len)
		return false;
	context = jwk_context_new(jwk, jws->algorithm);
	is_good = context &&
		  EVP_DigestVerify(context, signature, len, (const unsigned char *)jws->signed_text.ptr,
				   jws->signed_text.len) == 1;
	EVP_MD_CTX_free(context);
	ERR_clear_error(); /* or TLS takes what is left for its own */
	return is_good;
}

/* Compared in constant time, or the code could be guessed byte by byte. A shortened one is not taken. */
static bool verify_by_secret(const struct jws *jws, const struct jose_algorithm_row *row, str secret)
{
	unsigned char code[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!HMAC(EVP_get_digestbyname(row->digest), secret.ptr, (int)secret.len,
		  (const unsigned char *)jws->signed_text.ptr, jws->signed_text.len, code, &len))
		return false;
	return len == jws->signature.len && CRYPTO_memcmp(code, jws->signature.ptr, len) == 0;
}

/* No reason is given: wrong is wrong, and the difference would be of use to one side only. */
bool jws_verify(const struct jws *jws, const struct jwk *jwk)
{
	const struct jose_algorithm_row *row;

	if (jws->algorithm == JOSE_UNKNOWN || !(jwk->fits & JOSE_BIT(jws->algorithm)))
		return false;
	row = jose_algorithm_row(jws->algorithm);
	if (row->family == JOSE_HMAC)
		return verify_by_secret(jws, row, jwk->secret);
	return verify_by_key(jws, row, jwk);
}
