/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL is given whole records only. So it never holds a part of one, which would cost a buffer of 17 KiB
 * for as long as the rest takes, and what it wants next is always the header of a record.
 */
#include "tls/scratch.h"

#include <limits.h>
#include <stdlib.h>

#include "base/assert.h"
#include "tls/stream_private.h"

static int bio_read(BIO *bio, char *out, size_t size, size_t *ret_count)
{
	struct tls_stream *tls = ((struct tls_scratch *)BIO_get_data(bio))->current;
	size_t count;

	BIO_clear_retry_flags(bio);
	if (!tls->record_left)
		tls->record_left = tls_record_here(intake_data(&tls->in));
	count = size < tls->record_left ? size : tls->record_left;
	*ret_count = count;
	if (!count) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(out, intake_data(&tls->in).ptr, count);
	intake_consume(&tls->in, count);
	tls->record_left -= count;
	return 1;
}

/* Takes everything: how much there may be is decided by whoever calls OpenSSL. */
static int bio_write(BIO *bio, const char *bytes, size_t size, size_t *ret_count)
{
	struct tls_stream *tls = ((struct tls_scratch *)BIO_get_data(bio))->current;

	BIO_clear_retry_flags(bio);
	for (*ret_count = 0; *ret_count < size;) {
		size_t left = size - *ret_count, room;
		char *at;

		if (failed(intake_room(&tls->out, &at, &room)))
			return 0;
		room = room < left ? room : left;
		memcpy(at, bytes + *ret_count, room);
		intake_add(&tls->out, room);
		*ret_count += room;
	}
	return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static result bio_open(struct tls_scratch *scratch)
{
	scratch->library = OSSL_LIB_CTX_new();
	scratch->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "gatehouse");
	if (!scratch->library || !scratch->method || !BIO_meth_set_read_ex(scratch->method, bio_read) ||
	    !BIO_meth_set_write_ex(scratch->method, bio_write) ||
	    !BIO_meth_set_ctrl(scratch->method, bio_ctrl))
		return error_make(ERROR_SYSTEM, "no memory for TLS");
	scratch->bio = BIO_new_ex(scratch->library, scratch->method);
	if (!scratch->bio)
		return error_make(ERROR_SYSTEM, "no memory for TLS");
	BIO_set_data(scratch->bio, scratch);
	BIO_set_init(scratch->bio, 1);
	return OK;
}

static void bio_close(struct tls_scratch *scratch)
{
	BIO_free(scratch->bio);
	BIO_meth_free(scratch->method);
	OSSL_LIB_CTX_free(scratch->library);
	scratch->bio = NULL;
	scratch->method = NULL;
	scratch->library = NULL;
}

result tls_scratch_init(struct tls_scratch *scratch, struct block_pool *pool)
{
	result_value opened;

	*scratch = (struct tls_scratch) { .current = NULL };
	opened = bio_open(scratch);
	if (failed(opened)) {
		bio_close(scratch);
		return opened;
	}
	block_pool_init(&scratch->overflow, 16, SIZE_MAX / 2);
	block_pool_charge(&scratch->overflow, pool->allowance);
	scratch_init(&scratch->in, pool);
	scratch_init(&scratch->out, &scratch->overflow);
	scratch->content = malloc(TLS_RECORD_CONTENT);
	ASSERT(scratch->content);
	return OK;
}

void tls_scratch_fini(struct tls_scratch *scratch)
{
	free(scratch->content);
	scratch_fini(&scratch->out);
	scratch_fini(&scratch->in);
	block_pool_fini(&scratch->overflow);
	bio_close(scratch);
}
