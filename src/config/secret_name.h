/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_name: which values are secrets, by the names that they stand under: options, fields of a message,
 * parameters of a URL, cookies. The one list of these names, for whatever is shown or logged.
 */
#pragma once

#include "base/str.h"

enum secret_name {
	SECRET_NAME_NONE,
	SECRET_NAME_DOUBTFUL, /* a secret, or what leads to one: `keys` may be paths, a `code` a number */
	SECRET_NAME_USUAL,
};

enum secret_name secret_name_judge(str name);
/* Case, '-', '_' and '.' make no difference, but where a last word "key" or "auth" begins ("X-Key",
 * "someKey"). What is too long to be a name is a usual one. */

enum secret_name secret_name_judge_encoded(str encoded);
/* The same of a parameter's name as it stands in a query, where `keys` and `basic` say nothing. */
