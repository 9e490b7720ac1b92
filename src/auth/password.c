/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password: Argon2id by libargon2, in the text form that other tools write, too.
 *
 * It takes long on purpose, and so is never called on a worker's thread. What a hash may ask for is bounded
 * when the configuration is read: a quarter of a gigabyte, four threads and about a second, or one login
 * could take all memory and hold up the end of the process.
 */
#include "auth/password.h"

#include <argon2.h>
#include <string.h>

#include "base/random.h"

/* RFC 9106 section 4, the second recommended option, in one lane: each would be a thread. */
enum { PASSES = 3, KIBIBYTES = 64 * 1024, LANES = 1, SALT_LEN = 16, HASH_LEN = 32 };

enum {
	KIBIBYTES_MAX = 256 * 1024,
	PASSES_MAX = 100,
	LANES_MAX = 4,
	WORK_MAX = 1024 * 1024, /* kibibytes of all passes */
	KIBIBYTES_A_LANE = 8,   /* at least (RFC 9106 section 3.1) */
};

static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Of no password that anybody has; costs what password_hash() makes. */
static const char nobody[] =
	"$argon2id$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

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

/* A name that nobody has, whose hash is empty, is checked against one that nobody has either: so it takes
 * as long, and does not tell which names there are. */
bool password_is(str password, str hash)
{
	char text[PASSWORD_HASH_MAX];

	if (password.len > PASSWORD_MAX || hash.len >= sizeof text)
		return false;
	if (!hash.len) {
		(void)argon2id_verify(nobody, password.ptr, password.len);
		return false;
	}
	memcpy(text, hash.ptr, hash.len);
	text[hash.len] = '\0';
	return argon2id_verify(text, password.ptr, password.len) == ARGON2_OK;
}

/* ",m=65536" and its like. */
static bool read_parameter(str *rest, str name, uint64_t max, uint64_t *ret_value)
{
	str digits, after;

	if (!str_starts(*rest, name) ||
	    !str_cut(str_skip(*rest, name.len), name.ptr[0] == 'p' ? '$' : ',', &digits, &after))
		return false;
	*rest = after;
	return str_to_u64(digits, max, ret_value) && *ret_value;
}

/* Base64 without padding, as the form has it. */
static bool is_base64(str text, size_t least)
{
	for (size_t i = 0; i < text.len; i++)
		if (!strchr(base64_letters, text.ptr[i]) || !text.ptr[i])
			return false;
	return text.len >= least && text.len % 4 != 1;
}

bool password_hash_is_good(str hash)
{
	static const str prefix = STR_INIT("$argon2id$v=19$");
	str rest = str_skip(hash, prefix.len), salt, digest;
	uint64_t kibibytes, passes, lanes;

	return hash.len < PASSWORD_HASH_MAX && str_starts(hash, prefix) &&
	       read_parameter(&rest, STR("m="), KIBIBYTES_MAX, &kibibytes) &&
	       read_parameter(&rest, STR("t="), PASSES_MAX, &passes) &&
	       read_parameter(&rest, STR("p="), LANES_MAX, &lanes) && kibibytes * passes <= WORK_MAX &&
	       kibibytes >= KIBIBYTES_A_LANE * lanes && str_cut(rest, '$', &salt, &digest) &&
	       is_base64(salt, SALT_LEN / 2) && is_base64(digest, SALT_LEN);
}
