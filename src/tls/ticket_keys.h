/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticket_keys: the keys that session tickets are sealed by: RFC 5077 section 4, RFC 8446 section 4.6.1.
 *
 * One set for all workers and, over a replacement, for both processes. New tickets are sealed by the current
 * key; those of the previous and of the next one are opened too, the next because another process may have
 * come to it already. The control thread rotates them. A worker reads its own copy, and only when the keys
 * have changed since does it take the lock to copy them anew. They are wiped wherever they are let go.
 */
#pragma once

#include <stdatomic.h>

#include "base/result.h"
#include "base/str.h"

struct ticket_key {
	unsigned char name[16];
	unsigned char cipher[32]; /* AES-256-CBC */
	unsigned char mac[32];    /* HMAC-SHA256 */
};

enum { TICKET_PREVIOUS, TICKET_CURRENT, TICKET_NEXT, TICKET_KEYS };

/* Sessions are good for so long, in seconds: rotate about every half of it. */
enum { TICKET_LIFETIME = 2 * 60 * 60 };

/* As bytes, for the process that takes over: a version and the keys. */
enum { TICKET_KEYS_SIZE = 1 + TICKET_KEYS * sizeof(struct ticket_key) };

struct ticket_keys;

struct ticket_keys *ticket_keys_new(void);
/* Random ones. */

void ticket_keys_free(struct ticket_keys **keys);
/* Takes the address, clears it, accepts NULL. Nobody may read them any more. */

void ticket_keys_rotate(struct ticket_keys *keys);
/* The next becomes the current one, the current the previous. From any thread. */

void ticket_keys_save(struct ticket_keys *keys, unsigned char out[TICKET_KEYS_SIZE]);
result ticket_keys_load(struct ticket_keys *keys, str bytes);
/* What ticket_keys_save() gave. ERROR_MALFORMED leaves them as they were. */

/* One worker's view of them. */
struct ticket_reader {
	struct ticket_keys *keys;
	uint64_t edition; /* of the copy; 0: none yet */
	struct ticket_key copy[TICKET_KEYS];
};

void ticket_reader_init(struct ticket_reader *reader, struct ticket_keys *keys);
void ticket_reader_fini(struct ticket_reader *reader);

const struct ticket_key *ticket_reader_current(struct ticket_reader *reader);
const struct ticket_key *ticket_reader_find(struct ticket_reader *reader, const unsigned char name[16]);
/* NULL when nobody has such a key (any more). Both are good until the next call. */
