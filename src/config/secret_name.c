/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret_name.h"

#include "base/buf.h"

/* Beyond this a name is no name. */
enum { NAME_MAX_FOLDED = 256 };

/* Folded; NULL ends a list. */
static const char *const usual_parts[] = { "token",      "secret",        "passw",      "pwd",       "apikey",
					   "credential", "authorization", "privatekey", "assertion", NULL };
static const char *const usual_names[] = { "key", NULL };
static const char *const doubtful_parts[] = { "cookie", "signature", "session", NULL };
static const char *const doubtful_names[] = { "keys", "auth", "basic", NULL };

static bool fold(str name, struct buf *out)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] != '-' && name.ptr[i] != '_' && name.ptr[i] != '.')
			buf_put_char(out, ascii_lower(name.ptr[i]));
	return !buf_overflowed(out);
}

static bool is_among(str name, const char *const *names, const char *const *parts)
{
	for (; *names; names++)
		if (str_eq(name, str_of(*names)))
			return true;
	for (; *parts; parts++)
		if (str_contains(name, str_of(*parts)))
			return true;
	return false;
}

/* "X-Functions-Key", and not "monkey". */
static bool ends_in_key(str name)
{
	size_t len = sizeof "-key" - 1;

	return name.len >= len && memchr("-_.", name.ptr[name.len - len], 3) &&
	       str_eq_nocase(str_skip(name, name.len - len + 1), STR("key"));
}

enum secret_name secret_name_judge(str name)
{
	char bytes[NAME_MAX_FOLDED];
	struct buf room = buf_over(bytes, sizeof bytes);

	if (!fold(name, &room) || is_among(buf_str(&room), usual_names, usual_parts))
		return SECRET_NAME_USUAL;
	if (ends_in_key(name) || is_among(buf_str(&room), doubtful_names, doubtful_parts))
		return SECRET_NAME_DOUBTFUL;
	return SECRET_NAME_NONE;
}
