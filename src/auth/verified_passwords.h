/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verified_passwords: what one worker has found out lately about names and passwords, so that not each
 * request costs tens of milliseconds.
 *
 * Neither is kept: what is, is a keyed digest of name, password and hash together, by a key that nobody has
 * but this process. With another hash in the configuration it is another question. A fixed number of places.
 */
#pragma once

#include "base/str.h"

enum password_verdict { PASSWORD_UNKNOWN, PASSWORD_RIGHT, PASSWORD_WRONG };

enum { PASSWORD_DIGEST_LEN = 32 };

struct verified_passwords;

struct verified_passwords *verified_passwords_new(void);
void verified_passwords_free(struct verified_passwords **passwords);
/* Clears the address, accepts NULL. */

void verified_passwords_digest(const struct verified_passwords *passwords, str name, str password, str hash,
			       unsigned char ret_digest[PASSWORD_DIGEST_LEN]);

enum password_verdict verified_passwords_find(const struct verified_passwords *passwords,
					      const unsigned char digest[PASSWORD_DIGEST_LEN]);

void verified_passwords_add(struct verified_passwords *passwords,
			    const unsigned char digest[PASSWORD_DIGEST_LEN], enum password_verdict verdict);
/* In the place of another. */
