/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wish: what authenticators have in common that make a credential for a case of `gatehouse test`: what the
 * case says comes first, and only what it leaves out is filled in, so that it names only what it is about.
 */
#pragma once

#include "policy/credential.h"

struct buf wish_open(const struct credential_wish *wish, size_t room);
/* The claims of the case as JSON, with room for as many bytes more, and open at their end. */

bool wish_begin_claim(const struct credential_wish *wish, str name, struct buf *out);
/* False, and nothing is put: the case has said something of it, be it null. Its value is for the caller. */

void wish_put_text(const struct credential_wish *wish, str name, str value, struct buf *out);
/* Nothing where it is empty. A character takes six bytes at most. */

void wish_put_time(const struct credential_wish *wish, str name, int64_t seconds, struct buf *out);

str wish_close(const struct credential_wish *wish, struct buf *out);

str wish_line(const struct credential_place *from, str token, struct arena *arena);
/* The line of a head that bears it. Empty: it would stand in the query. */
