/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret_name.h"

#include "base/buf.h"
#include "codec/uri.h"

/* Beyond this a name is no name. */
enum { NAME_MAX_LENGTH = 256 };

/* Folded; NULL ends a list. */
static const char *const usual_parts[] = { "token",     "secret",     "passw",         "pwd",
					   "apikey",    "credential", "authorization", "privatekey",
					   "assertion", "passphrase", "accesskey",     "originverify",
					   NULL };
static const char *const usual_names[] = { "key", NULL };
static const char *const doubtful_parts[] = { "cookie", "signature", "session", NULL };
static const char *const doubtful_names[] = { "auth", "jwt", "code", "sig", NULL };
static const char *const doubtful_ends[] = { "key", "auth", NULL };
static const char *const plain_names[] = { "idempotencykey", "cachekey",        "sortkey",
					   "maxtokens",      "secwebsocketkey", NULL };
/* Of options alone: as a parameter it is somebody's word for anything. */
static const char *const doubtful_options[] = { "keys", "basic", NULL };

static bool fold(str name, struct buf *out)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] != '-' && name.ptr[i] != '_' && name.ptr[i] != '.')
			buf_put_char(out, ascii_lower(name.ptr[i]));
	return !buf_overflowed(out);
}

static uint32_t initial_of(char c)
{
	return UINT32_C(1) << ((unsigned)c & 31);
}

/* Nearly no place of a name begins any of them, and the access log asks for each parameter. */
static bool has_part(str name, const char *const *parts)
{
	uint32_t initials = 0;

	for (const char *const *part = parts; *part; part++)
		initials |= initial_of(**part);
	for (; name.len; name = str_skip(name, 1)) {
		if (!(initials & initial_of(name.ptr[0])))
			continue;
		for (const char *const *part = parts; *part; part++)
			if (str_starts(name, str_of(*part)))
				return true;
	}
	return false;
}

static bool is_among(str name, const char *const *names)
{
	for (; *names; names++)
		if (str_eq_nocase(name, str_of(*names)))
			return true;
	return false;
}

/* Whether a word begins at a place behind the first. */
static bool begins_word(str name, size_t at)
{
	char before = name.ptr[at - 1], first = name.ptr[at];

	return memchr("-_.", before, 3) || (before >= 'a' && before <= 'z' && first >= 'A' && first <= 'Z');
}

/* "X-Functions-Key" and "subscriptionKey", and not "monkey". */
static bool ends_in(str name, const char *const *words)
{
	for (; *words; words++) {
		str word = str_of(*words);

		if (name.len > word.len && begins_word(name, name.len - word.len) &&
		    str_eq_nocase(str_skip(name, name.len - word.len), word))
			return true;
	}
	return false;
}

static enum secret_name judge(str name)
{
	char bytes[NAME_MAX_LENGTH];
	struct buf room = buf_over(bytes, sizeof bytes);
	bool is_name = fold(name, &room);
	str folded = buf_str(&room);

	if (is_name && is_among(folded, plain_names))
		return SECRET_NAME_NONE;
	if (!is_name || is_among(folded, usual_names) || has_part(folded, usual_parts))
		return SECRET_NAME_USUAL;
	if (ends_in(name, doubtful_ends) || is_among(folded, doubtful_names) ||
	    has_part(folded, doubtful_parts))
		return SECRET_NAME_DOUBTFUL;
	return SECRET_NAME_NONE;
}

enum secret_name secret_name_judge(str name)
{
	return is_among(name, doubtful_options) ? SECRET_NAME_DOUBTFUL : judge(name);
}

enum secret_name secret_name_judge_encoded(str encoded)
{
	char bytes[NAME_MAX_LENGTH];
	struct buf room = buf_over(bytes, sizeof bytes);

	return judge(encoded.len > sizeof bytes ? encoded : uri_decode(encoded, true, &room));
}
