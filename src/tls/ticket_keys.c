/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/ticket_keys.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/random.h"

enum { FORMAT = 1 };

/* Odd numbers of bytes would make it a matter of the compiler what is saved. */
_Static_assert(sizeof(struct ticket_key) == 80, "a ticket key has no gaps");

struct ticket_keys {
	pthread_mutex_t lock; /* of at[], and of those who change it */
	_Atomic uint64_t edition;
	struct ticket_key at[TICKET_KEYS];
};

struct ticket_keys *ticket_keys_new(void)
{
	struct ticket_keys *keys = calloc(1, sizeof *keys);

	ASSERT(keys);
	pthread_mutex_init(&keys->lock, NULL);
	random_bytes(keys->at, sizeof keys->at);
	atomic_store(&keys->edition, 1);
	return keys;
}

void ticket_keys_free(struct ticket_keys **keys)
{
	struct ticket_keys *gone = *keys;

	*keys = NULL;
	if (!gone)
		return;
	pthread_mutex_destroy(&gone->lock);
	OPENSSL_cleanse(gone->at, sizeof gone->at);
	free(gone);
}

void ticket_keys_rotate(struct ticket_keys *keys)
{
	pthread_mutex_lock(&keys->lock);
	keys->at[TICKET_PREVIOUS] = keys->at[TICKET_CURRENT];
	keys->at[TICKET_CURRENT] = keys->at[TICKET_NEXT];
	random_bytes(&keys->at[TICKET_NEXT], sizeof keys->at[TICKET_NEXT]);
	atomic_fetch_add(&keys->edition, 1);
	pthread_mutex_unlock(&keys->lock);
}

void ticket_keys_save(struct ticket_keys *keys, unsigned char out[TICKET_KEYS_SIZE])
{
	out[0] = FORMAT;
	pthread_mutex_lock(&keys->lock);
	memcpy(out + 1, keys->at, sizeof keys->at);
	pthread_mutex_unlock(&keys->lock);
}

result ticket_keys_load(struct ticket_keys *keys, str bytes)
{
	if (bytes.len != TICKET_KEYS_SIZE || bytes.ptr[0] != FORMAT)
		return error_make(ERROR_MALFORMED, "these are no ticket keys of this version");
	pthread_mutex_lock(&keys->lock);
	memcpy(keys->at, bytes.ptr + 1, sizeof keys->at);
	atomic_fetch_add(&keys->edition, 1);
	pthread_mutex_unlock(&keys->lock);
	return OK;
}

void ticket_reader_init(struct ticket_reader *reader, struct ticket_keys *keys)
{
	*reader = (struct ticket_reader) { .keys = keys };
}

void ticket_reader_fini(struct ticket_reader *reader)
{
	OPENSSL_cleanse(reader->copy, sizeof reader->copy);
}

static void reader_refresh(struct ticket_reader *reader)
{
	struct ticket_keys *keys = reader->keys;

	if (atomic_load_explicit(&keys->edition, memory_order_acquire) == reader->edition)
		return;
	pthread_mutex_lock(&keys->lock);
	memcpy(reader->copy, keys->at, sizeof reader->copy);
	reader->edition = atomic_load(&keys->edition);
	pthread_mutex_unlock(&keys->lock);
}

const struct ticket_key *ticket_reader_current(struct ticket_reader *reader)
{
	reader_refresh(reader);
	return &reader->copy[TICKET_CURRENT];
}

const struct ticket_key *ticket_reader_find(struct ticket_reader *reader, const unsigned char name[16])
{
	reader_refresh(reader);
	for (unsigned i = 0; i < TICKET_KEYS; i++)
		if (memcmp(reader->copy[i].name, name, sizeof reader->copy[i].name) == 0)
			return &reader->copy[i];
	return NULL;
}
