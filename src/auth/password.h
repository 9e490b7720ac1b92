/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password: hashes of passwords, by Argon2id (RFC 9106), slow and large on purpose: tens of milliseconds and
 * tens of megabytes each. Never on a worker's thread.
 */
#pragma once

#include "base/buf.h"
#include "base/result.h"

enum { PASSWORD_MAX = 1024, PASSWORD_HASH_MAX = 256 };

result password_hash(str password, struct buf *out);
/* With a salt of its own: "$argon2id$v=19$m=...". out must have PASSWORD_HASH_MAX. ERROR_LIMIT: too long;
 * ERROR_SYSTEM: no memory. */

bool password_is(str password, str hash);
/* Whether the hash, as password_hash() prints it, is of this password. False also when it cannot be found
 * out. An empty hash takes as long as a usual one and is nobody's: by waiting nobody learns which names there
 * are. */

bool password_hash_is_good(str hash);
/* Whether it can be read, and costs no more than is reasonable. */

bool password_hash_is_usual(str hash);
/* Whether it is good, and costs what those of password_hash() do. */
