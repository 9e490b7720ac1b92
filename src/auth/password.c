/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password: Argon2id by libargon2, in the text form that other tools write, too.
 *
 * It takes long on purpose, and so is never called on a worker's thread. What a hash may ask for is bounded
 * when the configuration is read: a quarter of a gigabyte and about a second, or one login
 * could take all memory and hold up the end of the process.
 */
#include "auth/password.h"

#include <argon2.h>
#include <openssl/crypto.h>

#include "base/random.h"
#include "codec/base64.h"

/* RFC 9106 section 4, the second recommended option, in one lane: each would be a thread. */
enum { PASSES = 3, KIBIBYTES = 64 * 1024, LANES = 1, SALT_LEN = 16, HASH_LEN = 32 };

/* What is taken of others; the work is m times t. A lane has 8 KiB at least (RFC 9106 section 3.1). */
enum { KIBIBYTES_MAX = 256 * 1024, WORK_MAX = 1024 * 1024, LANES_MAX = 4, LANE_KIBIBYTES = 8 };
enum { SALT_LEAST = 8, HASH_LEAST = 12 };

/* Of no password that anybody has; costs what password_hash() makes. */
static const str nobody = STR_INIT(
	"$argon2id$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");

/* The salt makes two equal passwords two different hashes. */
result password_hash(str password, struct buf *out)
{
	unsigned char salt[SALT_LEN];
	char text[PASSWORD_HASH_MAX];
	int made;

	if (password.len > PASSWORD_MAX)
		return error_make(ERROR_LIMIT, "the password is too long");
	random_bytes(salt, sizeof salt);
	made = argon2id_hash_encoded(PASSES, KIBIBYTES, LANES, password.ptr, password.len, salt, sizeof salt,
				     HASH_LEN, text, sizeof text);
	if (made != ARGON2_OK)
		return error_make(ERROR_SYSTEM, argon2_error_message(made));
	buf_put(out, str_of(text));
	return OK;
}

/* ---- reading ---- */

/* A hash, taken apart. */
struct hash {
	uint64_t kibibytes, passes, lanes;
	unsigned char salt[PASSWORD_HASH_MAX], digest[PASSWORD_HASH_MAX];
	size_t salt_len, digest_len;
};

/* "m=65536," and its like. */
static bool read_parameter(str *rest, str name, char end, uint64_t *ret_value)
{
	str digits, after;

	if (!str_starts(*rest, name) || !str_cut(str_skip(*rest, name.len), end, &digits, &after))
		return false;
	*rest = after;
	return str_to_u64(digits, UINT32_MAX, ret_value) && *ret_value;
}

/* Without padding, as the form has it. */
static bool read_base64(str text, unsigned char room[PASSWORD_HASH_MAX], size_t *ret_len)
{
	struct base64_decoder decoder = { 0 };
	struct buf out = buf_over((char *)room, PASSWORD_HASH_MAX);
	str padding = str_slice(STR("=="), 0, (4 - text.len % 4) % 4);
	size_t at;

	if (str_find(text, '=', &at) || failed(base64_decode(&decoder, &text, &out)) ||
	    failed(base64_decode(&decoder, &padding, &out)))
		return false;
	*ret_len = buf_str(&out).len;
	return base64_decode_is_whole(&decoder);
}

static bool is_bounded(const struct hash *hash)
{
	return hash->lanes <= LANES_MAX && hash->kibibytes >= LANE_KIBIBYTES * hash->lanes &&
	       hash->kibibytes <= KIBIBYTES_MAX && hash->kibibytes * hash->passes <= WORK_MAX;
}

static bool read_hash(str text, struct hash *ret_hash)
{
	static const str prefix = STR_INIT("$argon2id$v=19$");
	str rest = str_skip(text, prefix.len), salt, digest;

	return text.len < PASSWORD_HASH_MAX && str_starts(text, prefix) &&
	       read_parameter(&rest, STR("m="), ',', &ret_hash->kibibytes) &&
	       read_parameter(&rest, STR("t="), ',', &ret_hash->passes) &&
	       read_parameter(&rest, STR("p="), '$', &ret_hash->lanes) && is_bounded(ret_hash) &&
	       str_cut(rest, '$', &salt, &digest) && read_base64(salt, ret_hash->salt, &ret_hash->salt_len) &&
	       read_base64(digest, ret_hash->digest, &ret_hash->digest_len) &&
	       ret_hash->salt_len >= SALT_LEAST && ret_hash->digest_len >= HASH_LEAST;
}

bool password_hash_is_good(str text)
{
	struct hash hash;

	return read_hash(text, &hash);
}

bool password_hash_is_usual(str text)
{
	struct hash hash;

	return read_hash(text, &hash) && hash.kibibytes == KIBIBYTES && hash.passes == PASSES &&
	       hash.lanes == LANES;
}

/* ---- checking ---- */

/* Lanes are computed one after the other: the thread that this runs on is all that is meant to work. */
static bool is_of(str password, struct hash *hash)
{
	unsigned char digest[PASSWORD_HASH_MAX];
	argon2_context context = { .out = digest,
				   .outlen = (uint32_t)hash->digest_len,
				   .pwd = (uint8_t *)(uintptr_t)password.ptr,
				   .pwdlen = (uint32_t)password.len,
				   .salt = hash->salt,
				   .saltlen = (uint32_t)hash->salt_len,
				   .t_cost = (uint32_t)hash->passes,
				   .m_cost = (uint32_t)hash->kibibytes,
				   .lanes = (uint32_t)hash->lanes,
				   .threads = 1,
				   .version = ARGON2_VERSION_13 };

	return argon2id_ctx(&context) == ARGON2_OK &&
	       CRYPTO_memcmp(digest, hash->digest, hash->digest_len) == 0;
}

/* A name that nobody has, whose hash is empty, is checked against one that nobody has either: so it takes
 * as long as a usual one, and does not tell which names there are. */
bool password_is(str password, str text)
{
	struct hash hash;

	return password.len <= PASSWORD_MAX && read_hash(text.len ? text : nobody, &hash) &&
	       is_of(password, &hash) && text.len;
}
