/* SPDX-License-Identifier: Apache-2.0 */
#include "base/result.h"

#include <errno.h>
#include <stddef.h>

bool error_is_passing(result_value why)
{
	static const int passing[] = { EMFILE, ENFILE, ENOMEM, EAGAIN, EIO };

	for (size_t i = 0; why.kind == ERROR_SYSTEM && i < sizeof passing / sizeof *passing; i++)
		if (why.sys == passing[i])
			return true;
	return false;
}

const char *error_name(enum error_kind kind)
{
	static const char *const names[] = {
		[ERROR_NONE] = "ok",         [ERROR_CLOSED] = "closed",       [ERROR_RESET] = "reset",
		[ERROR_REFUSED] = "refused", [ERROR_TIMEOUT] = "timeout",     [ERROR_CANCELLED] = "cancelled",
		[ERROR_LIMIT] = "limit",     [ERROR_MALFORMED] = "malformed", [ERROR_MISSING] = "missing",
		[ERROR_INVALID] = "invalid", [ERROR_SYSTEM] = "system",       [ERROR_UNTRUSTED] = "untrusted",
		[ERROR_DENIED] = "denied",   [ERROR_BUSY] = "busy",
	};

	return names[kind];
}
