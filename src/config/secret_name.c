/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret_name.h"

#include "base/buf.h"
#include "codec/uri.h"

/* Beyond this a name is no name. */
enum { NAME_MAX_LENGTH = 256 };

/* Folded; NULL ends a list. */
static const char *const usual_parts[] = { "token",      "secret",        "passw",      "pwd",       "apikey",
					   "credential", "authorization", "privatekey", "assertion", NULL };
static const char *const usual_names[] = { "key", NULL };
static const char *const doubtful_parts[] = { "cookie", "signature", "session", NULL };
static const char *const doubtful_names[] = { "keys", "auth", "basic", "jwt", "code", "sig", NULL };
static const char *const doubtful_ends[] = { "key", "auth", NULL };

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

static bool is_among(str name, const char *const *names, const char *const *parts)
{
	for (; *names; names++)
		if (str_eq(name, str_of(*names)))
			return true;
	return has_part(name, parts);
}

/* "X-Functions-Key", and not "monkey". */
static bool ends_in(str name, const char *const *words)
{
	for (; *words; words++) {
		str word = str_of(*words);

		if (name.len > word.len && memchr("-_.", name.ptr[name.len - word.len - 1], 3) &&
		    str_eq_nocase(str_skip(name, name.len - word.len), word))
			return true;
	}
	return false;
}

enum secret_name secret_name_judge(str name)
{
	char bytes[NAME_MAX_LENGTH];
	struct buf room = buf_over(bytes, sizeof bytes);

	if (!fold(name, &room) || is_among(buf_str(&room), usual_names, usual_parts))
		return SECRET_NAME_USUAL;
	if (ends_in(name, doubtful_ends) || is_among(buf_str(&room), doubtful_names, doubtful_parts))
		return SECRET_NAME_DOUBTFUL;
	return SECRET_NAME_NONE;
}

enum secret_name secret_name_judge_encoded(str encoded)
{
	char bytes[NAME_MAX_LENGTH];
	struct buf room = buf_over(bytes, sizeof bytes);

	return secret_name_judge(encoded.len > sizeof bytes ? encoded : uri_decode(encoded, true, &room));
}
