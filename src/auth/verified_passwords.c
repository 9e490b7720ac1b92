/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verified_passwords: each question has one place, which the next question of that place takes. What is
 * forgotten is only checked again.
 *
 * The name, the password and the hash are one digest, by a key of this process: a dump of the memory has
 * neither passwords nor anything that a table of common passwords could be held against without the key.
 * With the hash in it, a password that was changed is another question at once.
 */
#include "auth/verified_passwords.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/random.h"

enum { PLACES = 4096, KEY_LEN = 32 };

struct place {
	unsigned char digest[PASSWORD_DIGEST_LEN];
	enum password_verdict verdict; /* PASSWORD_UNKNOWN: free */
};

struct verified_passwords {
	unsigned char key[KEY_LEN];
	struct place places[PLACES];
};

struct verified_passwords *verified_passwords_new(void)
{
	struct verified_passwords *passwords = calloc(1, sizeof *passwords);

	ASSERT(passwords);
	random_bytes(passwords->key, sizeof passwords->key);
	return passwords;
}

void verified_passwords_free(struct verified_passwords **address)
{
	if (*address)
		OPENSSL_cleanse(*address, sizeof **address);
	free(*address);
	*address = NULL;
}

static void add(EVP_MD_CTX *context, str part)
{
	uint64_t len = part.len; /* in front of each, so that no two questions are one */

	ASSERT(EVP_DigestUpdate(context, &len, sizeof len) == 1);
	ASSERT(EVP_DigestUpdate(context, part.ptr, part.len) == 1);
}

void verified_passwords_digest(const struct verified_passwords *passwords, str name, str password, str hash,
			       unsigned char ret_digest[PASSWORD_DIGEST_LEN])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned len;

	ASSERT(context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
	add(context, name);
	add(context, password);
	add(context, hash);
	ASSERT(EVP_DigestFinal_ex(context, digest, &len) == 1);
	EVP_MD_CTX_free(context);
	ASSERT(HMAC(EVP_sha256(), passwords->key, KEY_LEN, digest, len, ret_digest, &len) &&
	       len == PASSWORD_DIGEST_LEN);
	OPENSSL_cleanse(digest, sizeof digest);
}

/* The digest is as good as random, so any eight bytes of it are a hash. */
static size_t place_of(const unsigned char digest[PASSWORD_DIGEST_LEN])
{
	uint64_t number;

	memcpy(&number, digest, sizeof number);
	return number % PLACES;
}

/* Also what was wrong is remembered: otherwise one bad password, sent again and again, would keep the
 * thread busy that checks the good ones. */
enum password_verdict verified_passwords_find(const struct verified_passwords *passwords,
					      const unsigned char digest[PASSWORD_DIGEST_LEN])
{
	const struct place *place = &passwords->places[place_of(digest)];

	return CRYPTO_memcmp(place->digest, digest, PASSWORD_DIGEST_LEN) == 0 ? place->verdict
									      : PASSWORD_UNKNOWN;
}

void verified_passwords_add(struct verified_passwords *passwords,
			    const unsigned char digest[PASSWORD_DIGEST_LEN], enum password_verdict verdict)
{
	struct place *place = &passwords->places[place_of(digest)];

	memcpy(place->digest, digest, PASSWORD_DIGEST_LEN);
	place->verdict = verdict;
}
