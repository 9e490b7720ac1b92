/* SPDX-License-Identifier: Apache-2.0 */
#include "base/result.h"

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
