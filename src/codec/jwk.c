/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwk: each kind of key reads its members and makes a key of OpenSSL's; what fits is said with it.
 */
#include "codec/jwk.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "codec/base64url.h"
#include "codec/json.h"
#include "codec/jwk_context.h"
#include "codec/sha256.h"

enum {
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 8192, /* more costs the gateway more than it gives */
	EXPONENT_MAX = 8,    /* bytes; likewise */
	NUMBER_MAX = RSA_BITS_MAX / 8,
	COORDINATE_MAX = 66,
	EDWARDS_MAX = 57,
	SET_TEXT_MAX = 1024 * 1024,
	ARENA_MAX = 64 * 1024 * 1024,
	PEM_BLOCKS_MAX = 16,
};

#define FITS_RSA                                                                                     \
	(JOSE_BIT(JOSE_RS256) | JOSE_BIT(JOSE_RS384) | JOSE_BIT(JOSE_RS512) | JOSE_BIT(JOSE_PS256) | \
	 JOSE_BIT(JOSE_PS384) | JOSE_BIT(JOSE_PS512))

/* The curves of RFC 7518 section 6.2.1.1, and what OpenSSL calls them. Each has one algorithm (section
 * 3.4), so a key cannot be talked into a shorter digest. */
struct curve {
	const char *name, *group;
	size_t coordinate;
	unsigned fits;
};

static const struct curve curves[] = {
	{ "P-256", "prime256v1", 32, JOSE_BIT(JOSE_ES256) },
	{ "P-384", "secp384r1", 48, JOSE_BIT(JOSE_ES384) },
	{ "P-521", "secp521r1", 66, JOSE_BIT(JOSE_ES512) },
};

/* The curves of RFC 8037 that sign; X25519 and X448 are for key agreement, and so are none here. */
struct edwards {
	const char *name;
	int type;
	size_t len;
};

static const struct edwards edwards_curves[] = {
	{ "Ed25519", EVP_PKEY_ED25519, 32 },
	{ "Ed448", EVP_PKEY_ED448, 57 },
};

/* Whatever its keys point to is the arena's, but for OpenSSL's keys, which are counted by themselves. */
struct jwk_set {
	struct arena arena;
	struct jwk *at;
	size_t count;
	_Atomic uint32_t references;
};

/* OpenSSL leaves a list of errors behind for each key that it does not like; TLS, which looks at the same
 * list of the thread, would take them for its own. */
static result_value wrong(const char *why)
{
	ERR_clear_error();
	return error_make(ERROR_MALFORMED, why);
}

/* ---- members ---- */

/* A member in base64url, of at most max bytes. */
static result read_bytes(const struct operand *json, str name, unsigned char *bytes, size_t max,
			 size_t *ret_len)
{
	str text = json_find_text(json, name);
	struct buf out = buf_over((char *)bytes, max);

	if (!text.len || base64url_decoded_len(text.len) > max)
		return wrong("a member of the key is missing or too long");
	TRY(base64url_decode(text, &out));
	*ret_len = out.len;
	return OK;
}

/* ---- kinds of keys ---- */

/* Lets OpenSSL make a public key of what was read; it refuses a point that is not on its curve. The
 * members stay the caller's. */
static result key_from(const char *type, OSSL_PARAM_BLD *members, EVP_PKEY **ret_key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(members);
	int made = context && params && EVP_PKEY_fromdata_init(context) == 1
			   ? EVP_PKEY_fromdata(context, ret_key, EVP_PKEY_PUBLIC_KEY, params)
			   : 0;

	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(context);
	return made == 1 ? OK : wrong("the key's numbers are none of such a key");
}

/* With an exponent of 1 any text is its own signature, and an even modulus is no product of two primes. What
 * is left, is_strong() measures. */
static result read_rsa(const struct operand *json, struct jwk *jwk)
{
	unsigned char modulus[NUMBER_MAX], exponent[EXPONENT_MAX];
	size_t modulus_len, exponent_len;
	OSSL_PARAM_BLD *members;
	BIGNUM *n, *e;
	result_value made = wrong("the key's numbers are none of such a key");

	TRY(read_bytes(json, STR("n"), modulus, sizeof modulus, &modulus_len));
	TRY(read_bytes(json, STR("e"), exponent, sizeof exponent, &exponent_len));
	members = OSSL_PARAM_BLD_new();
	n = BN_bin2bn(modulus, (int)modulus_len, NULL);
	e = BN_bin2bn(exponent, (int)exponent_len, NULL);
	if (members && n && e && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e) &&
	    OSSL_PARAM_BLD_push_BN(members, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(members, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		made = key_from("RSA", members, &jwk->key);
	OSSL_PARAM_BLD_free(members);
	BN_free(n);
	BN_free(e);
	jwk->fits = FITS_RSA;
	return made;
}

static const struct curve *find_curve(str name)
{
	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
		if (str_eq(name, str_of(curves[i].name)))
			return &curves[i];
	return NULL;
}

/* Coordinates are as long as the field (RFC 7518 section 6.2.1.2); that they are on the curve, OpenSSL
 * checks. */
static result read_ec(const struct operand *json, struct jwk *jwk)
{
	const struct curve *curve = find_curve(json_find_text(json, STR("crv")));
	unsigned char point[1 + 2 * COORDINATE_MAX] = { 4 };
	size_t x, y;
	OSSL_PARAM_BLD *members;
	result_value made = wrong("the key's point is none of its curve");

	if (!curve)
		return wrong("the key's curve is not known");
	TRY(read_bytes(json, STR("x"), point + 1, curve->coordinate, &x));
	TRY(read_bytes(json, STR("y"), point + 1 + curve->coordinate, curve->coordinate, &y));
	if (x != curve->coordinate || y != curve->coordinate)
		return made;
	members = OSSL_PARAM_BLD_new();
	if (members &&
	    OSSL_PARAM_BLD_push_utf8_string(members, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(members, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x + y) == 1)
		made = key_from("EC", members, &jwk->key);
	OSSL_PARAM_BLD_free(members);
	jwk->fits = curve->fits;
	return made;
}

/* RFC 8037 section 2: the curve's name and the bytes of the key, of exactly its length. */
static result read_okp(const struct operand *json, struct jwk *jwk)
{
	str name = json_find_text(json, STR("crv"));
	unsigned char bytes[EDWARDS_MAX];
	size_t len;

	jwk->fits = JOSE_BIT(JOSE_EDDSA);
	TRY(read_bytes(json, STR("x"), bytes, sizeof bytes, &len));
	for (size_t i = 0; i < sizeof edwards_curves / sizeof *edwards_curves; i++) {
		const struct edwards *curve = &edwards_curves[i];

		if (str_eq(name, str_of(curve->name)) && len == curve->len)
			jwk->key = EVP_PKEY_new_raw_public_key(curve->type, NULL, bytes, len);
	}
	return jwk->key ? OK : wrong("the key's curve is not known, or the key is none of it");
}

/* ---- one key ---- */

/* RFC 7517 sections 4.2 and 4.3. What is there and says something else is no key for signatures, also
 * where it is of a wrong type: it was not meant for this. */
static bool may_verify(const struct operand *json)
{
	struct operand use = json_find(json, STR("use")), operations = json_find(json, STR("key_ops"));

	if (use.kind != OPERAND_MISSING && !(use.kind == OPERAND_STRING && str_eq(use.text, STR("sig"))))
		return false;
	if (operations.kind == OPERAND_MISSING)
		return true;
	for (size_t i = 0; operations.kind == OPERAND_LIST && i < operations.list.count; i++) {
		const struct operand *operation = &operations.list.at[i];

		if (operation->kind == OPERAND_STRING && str_eq(operation->text, STR("verify")))
			return true;
	}
	return false;
}

/* Whether it is met on the way of the powers round the prime, which ends where it began, at 1. */
static bool is_power_of_65537(unsigned long residue, unsigned long prime)
{
	unsigned long power = 1;

	do {
		if (power == residue)
			return true;
		power = power * (65537 % prime) % prime;
	} while (power != 1);
	return false;
}

/* Made by a chip whose primes can be guessed (CVE-2017-15361): by each small prime, what is left of the
 * modulus is a power of 65537. Of other keys one in a hundred million looks so. */
static bool is_guessable(const EVP_PKEY *key)
{
	static const unsigned char primes[] = { 3,   5,   7,   11,  13,  17,  19,  23,  29,  31,
						37,  41,  43,  47,  53,  59,  61,  67,  71,  73,
						79,  83,  89,  97,  101, 103, 107, 109, 113, 127,
						131, 137, 139, 149, 151, 157, 163, 167 };
	BIGNUM *modulus = NULL;
	bool is_so = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1;

	for (size_t i = 0; is_so && i < sizeof primes; i++)
		is_so = is_power_of_65537(BN_mod_word(modulus, primes[i]), primes[i]);
	BN_free(modulus);
	return is_so;
}

/* Curves are as strong as their names say; RSA keys come in all sizes (RFC 7518 section 3.3). */
static bool is_strong(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	return EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
	       (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX && !is_guessable(key));
}

static result read_kind(const struct operand *json, struct jwk *jwk)
{
	str kind = json_find_text(json, STR("kty"));

	if (str_eq(kind, STR("RSA")))
		return read_rsa(json, jwk);
	if (str_eq(kind, STR("EC")))
		return read_ec(json, jwk);
	if (str_eq(kind, STR("OKP")))
		return read_okp(json, jwk);
	return wrong("the kind of the key is not known");
}

/* An algorithm that it names is the only one that it may be used with. */
static void pin(const struct operand *json, struct jwk *jwk)
{
	struct operand algorithm = json_find(json, STR("alg"));

	if (algorithm.kind != OPERAND_MISSING)
		jwk->fits &=
			algorithm.kind == OPERAND_STRING ? JOSE_BIT(jose_algorithm_find(algorithm.text)) : 0;
}

/* On failure nothing is held. The private members of a JWK (`d` and others) are not looked at: in a set of
 * public keys they are the issuer's mistake, and make nobody stronger. */
static result read_public(const struct operand *json, struct arena *arena, struct jwk *jwk)
{
	*jwk = (struct jwk) { .kid = arena_str(arena, json_find_text(json, STR("kid"))) };
	TRY(read_kind(json, jwk));
	pin(json, jwk);
	if (is_strong(jwk->key) && jwk->fits && may_verify(json))
		return OK;
	jwk_drop(jwk);
	return wrong("the key is too weak, or not for signatures");
}

result jwk_read(const struct operand *json, struct arena *arena, struct jwk *ret_jwk)
{
	if (json_find(json, STR("d")).kind != OPERAND_MISSING ||
	    json_find(json, STR("k")).kind != OPERAND_MISSING)
		return error_make(ERROR_DENIED, "the key bears what nobody else should have");
	return read_public(json, arena, ret_jwk);
}

void jwk_drop(struct jwk *jwk)
{
	jwk_context_drop(jwk);
	EVP_PKEY_free(jwk->key);
	jwk->key = NULL;
}

/* ---- sets ---- */

/* The array is made for all, for keys are given out by address and must not move. */
static struct jwk_set *set_new(size_t max)
{
	struct jwk_set *set = calloc(1, sizeof *set);

	ASSERT(set);
	arena_init(&set->arena, NULL, ARENA_MAX);
	set->at = ARENA_ARRAY(&set->arena, struct jwk, max);
	atomic_init(&set->references, 1);
	return set;
}

/* A key that cannot be used is passed over and not an error (RFC 7517 section 5): an issuer may publish a
 * kind of key that is newer than the gateway, and tokens by its other keys stay good. */
static result fill(const struct operand *json, struct jwk_set **ret_set)
{
	struct operand keys = json_find(json, STR("keys"));
	struct jwk_set *set;

	if (keys.kind != OPERAND_LIST)
		return error_make(ERROR_MALFORMED, "that is no JWK Set: it has no list of keys");
	if (keys.list.count > JWK_SET_MAX)
		return error_make(ERROR_LIMIT, "the JWK Set has too many keys");
	set = set_new(keys.list.count);
	for (size_t i = 0; i < keys.list.count; i++) {
		result_value read = read_public(&keys.list.at[i], &set->arena, &set->at[set->count]);

		if (!failed(read))
			jwk_context_prepare(&set->at[set->count++]);
	}
	*ret_set = set;
	return OK;
}

result jwk_set_parse(str json, struct jwk_set **ret_set)
{
	struct arena arena;
	struct operand root;
	result_value parsed;

	if (json.len > SET_TEXT_MAX)
		return error_make(ERROR_LIMIT, "the JWK Set is too large");
	arena_init(&arena, NULL, ARENA_MAX);
	parsed = json_parse(&arena, json, &root);
	if (!failed(parsed))
		parsed = fill(&root, ret_set);
	arena_fini(&arena);
	return parsed;
}

/* ---- PEM ---- */

/* PEM says nothing of what a key is for, so it fits whatever its kind does. 0: no algorithm of JOSE. */
static unsigned fits_of(const EVP_PKEY *key)
{
	char group[32];
	size_t len;

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return FITS_RSA;
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return JOSE_BIT(JOSE_EDDSA);
	case EVP_PKEY_EC:
		if (EVP_PKEY_get_group_name(key, group, sizeof group, &len) != 1)
			return 0;
		for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
			if (str_eq((str) { group, len }, str_of(curves[i].group)))
				return curves[i].fits;
		return 0;
	default:
		return 0;
	}
}

/* A certificate stands for its key alone: who signed it, and how long it lasts, was weighed by whoever put
 * it into the configuration. NULL: no public key. */
static EVP_PKEY *key_of_block(const char *name, const unsigned char *der, long len)
{
	const unsigned char *at = der;
	EVP_PKEY *key = NULL;
	X509 *certificate;

	if (str_eq(str_of(name), STR(PEM_STRING_PUBLIC)))
		return d2i_PUBKEY(NULL, &at, len);
	if (str_eq(str_of(name), STR(PEM_STRING_RSA_PUBLIC)))
		return d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, len);
	if (!str_eq(str_of(name), STR(PEM_STRING_X509)))
		return NULL;
	certificate = d2i_X509(NULL, &at, len);
	if (certificate)
		key = X509_get_pubkey(certificate);
	X509_free(certificate);
	return key;
}

/* Takes the key. */
static result add_key(struct jwk_set *set, str kid, EVP_PKEY *key)
{
	struct jwk *jwk = &set->at[set->count];

	*jwk = (struct jwk) { .kid = arena_str(&set->arena, kid), .fits = fits_of(key), .key = key };
	if (jwk->fits && is_strong(key)) {
		jwk_context_prepare(jwk);
		set->count++;
		return OK;
	}
	jwk_drop(jwk);
	return wrong("the key is too weak, or of a kind that JOSE does not have");
}

static const char *why_no_key(const char *name)
{
	return str_ends(str_of(name), STR("PRIVATE KEY"))
		       ? "this is a private key: `openssl pkey -pubout` makes the public one of it"
		       : "want public keys or certificates in PEM";
}

static result read_block(struct jwk_set *set, str kid, BIO *from, bool *ret_is_end)
{
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	const char *why;
	long len;
	EVP_PKEY *key;

	*ret_is_end = PEM_read_bio(from, &name, &header, &der, &len) != 1;
	if (*ret_is_end)
		return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
			       ? OK
			       : wrong("the PEM is broken");
	key = key_of_block(name, der, len);
	why = why_no_key(name);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	if (!key)
		return wrong(why);
	if (set->count == PEM_BLOCKS_MAX) {
		EVP_PKEY_free(key);
		return error_make(ERROR_LIMIT, "too many keys in one file");
	}
	return add_key(set, kid, key);
}

result jwk_set_from_pem(str kid, str pem, struct jwk_set **ret_set)
{
	struct jwk_set *set = set_new(PEM_BLOCKS_MAX);
	BIO *from = BIO_new_mem_buf(pem.len ? pem.ptr : "", pem.len > SET_TEXT_MAX ? 0 : (int)pem.len);
	bool is_end = false;
	result_value read = OK;

	ASSERT(from);
	while (!is_end && !failed(read))
		read = read_block(set, kid, from, &is_end);
	BIO_free(from);
	ERR_clear_error();
	if (!failed(read) && !set->count)
		read = error_make(ERROR_MALFORMED, "there is no public key or certificate in PEM");
	if (failed(read))
		jwk_set_unref(&set);
	else
		*ret_set = set;
	return read;
}

struct jwk_set *jwk_set_from_secret(str kid, str secret)
{
	struct jwk_set *set = set_new(1);

	set->count = 1;
	set->at[0] =
		(struct jwk) { .kid = arena_str(&set->arena, kid), .secret = arena_str(&set->arena, secret) };
	for (enum jose_algorithm i = JOSE_HS256; i <= JOSE_HS512; i++)
		if (secret.len >= jose_algorithm_row(i)->size)
			set->at[0].fits |= JOSE_BIT(i);
	return set;
}

/* Keys are shared by reference; names, secrets and contexts are made anew, so that either set may end
 * first. */
struct jwk_set *jwk_set_join(struct jwk_set *const *sets, size_t count)
{
	struct jwk_set *joined;
	size_t all = 0;

	for (size_t i = 0; i < count; i++)
		all += sets[i]->count;
	joined = set_new(all);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < sets[i]->count; j++) {
			struct jwk *jwk = &joined->at[joined->count++];

			*jwk = sets[i]->at[j];
			jwk->kid = arena_str(&joined->arena, jwk->kid);
			jwk->secret = arena_str(&joined->arena, jwk->secret);
			memset(jwk->ready, 0, sizeof jwk->ready); /* those are the other's */
			if (jwk->key)
				EVP_PKEY_up_ref(jwk->key);
			jwk_context_prepare(jwk);
		}
	return joined;
}

struct jwk_set *jwk_set_ref(struct jwk_set *set)
{
	atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
	return set;
}

void jwk_set_unref(struct jwk_set **address)
{
	struct jwk_set *set = *address;

	*address = NULL;
	if (!set || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < set->count; i++) {
		OPENSSL_cleanse((void *)(uintptr_t)set->at[i].secret.ptr, set->at[i].secret.len);
		jwk_drop(&set->at[i]);
	}
	arena_fini(&set->arena);
	free(set);
}

size_t jwk_set_count(const struct jwk_set *set)
{
	return set->count;
}

const struct jwk *jwk_set_at(const struct jwk_set *set, size_t index)
{
	ASSERT(index < set->count);
	return &set->at[index];
}

const struct jwk *jwk_set_next(const struct jwk_set *set, str kid, enum jose_algorithm algorithm,
			       const struct jwk *after)
{
	for (const struct jwk *jwk = after ? after + 1 : set->at; jwk < set->at + set->count; jwk++)
		if (jwk->fits & JOSE_BIT(algorithm) && (!kid.len || !jwk->kid.len || str_eq(jwk->kid, kid)))
			return jwk;
	return NULL;
}

/* ---- thumbprints ---- */

/* Required members in the order of their names (RFC 7638 section 3.2). */
static const struct {
	str kind, members[4];
} required[] = {
	{ STR_INIT("RSA"), { STR_INIT("e"), STR_INIT("kty"), STR_INIT("n") } },
	{ STR_INIT("EC"), { STR_INIT("crv"), STR_INIT("kty"), STR_INIT("x"), STR_INIT("y") } },
	{ STR_INIT("OKP"), { STR_INIT("crv"), STR_INIT("kty"), STR_INIT("x") } },
};

/* What JSON would have to escape has no one way to be written, and so no thumbprint; members that a key
 * needs are never so. */
static bool is_plain(str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == '"' || text.ptr[i] == '\\')
			return false;
	return text.len;
}

/* Without blanks, in the order that the caller keeps (RFC 7638 section 3.3). */
static result put_member(struct buf *out, const struct operand *json, str name)
{
	str value = json_find_text(json, name);

	if (!is_plain(value))
		return error_make(ERROR_MALFORMED, "a member of the key is missing");
	buf_put(out, out->len > 1 ? STR(",\"") : STR("\""));
	buf_put(out, name);
	buf_put(out, STR("\":\""));
	buf_put(out, value);
	buf_put(out, STR("\""));
	return OK;
}

result jwk_thumbprint(const struct operand *json, struct buf *out)
{
	str kind = json_find_text(json, STR("kty"));
	char bytes[2 * NUMBER_MAX];
	struct buf text = buf_over(bytes, sizeof bytes);

	buf_put_char(&text, '{');
	for (size_t i = 0; i < sizeof required / sizeof *required; i++)
		for (size_t j = 0; j < 4 && str_eq(kind, required[i].kind); j++)
			if (required[i].members[j].len)
				TRY(put_member(&text, json, required[i].members[j]));
	buf_put_char(&text, '}');
	if (text.len <= 2 || buf_overflowed(&text))
		return error_make(ERROR_MALFORMED, "a key of an unknown kind, or too large");
	sha256_put_base64url(buf_str(&text), out);
	return OK;
}
