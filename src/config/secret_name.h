/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_name: which values are secrets, by the names that they stand under.
 */
#pragma once

#include "base/str.h"

enum secret_name {
	SECRET_NAME_NONE,
	SECRET_NAME_DOUBTFUL, /* a secret, or what leads to one: `keys` may be paths */
	SECRET_NAME_USUAL,
};

enum secret_name secret_name_judge(str name);
/* Case, '-', '_' and '.' make no difference, but before a last word "key". What is too long to be a name is a
 * usual one. */
