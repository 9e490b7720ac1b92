/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_scratch: what the TLS streams of one thread take turns with, so that an idle one holds nothing of it.
 *
 * Ciphertext is received into one scratch and sent from another; both work as that of base/intake.h does,
 * except that they are not evacuated by a park but by the next stream that wants them. OpenSSL reaches them
 * through one BIO for all streams of the thread: it acts for the stream that is `current`, which is set
 * before each call into OpenSSL. The BIO never waits and never touches the network, hence one recv before and
 * one send after, whatever OpenSSL does in between.
 */
#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>

#include "base/intake.h"

struct tls_stream;

enum {
	TLS_RECORD_CONTENT = 16 * 1024, /* RFC 8446 section 5.1 */
	TLS_RECORDS_AT_ONCE = 4,        /* sent by one call */
};

struct tls_scratch {
	struct scratch in, out; /* ciphertext */
	struct block_pool
		overflow; /* for what the peer does not take: answers go out also at the worker's limit */
	char *content;    /* TLS_RECORD_CONTENT: short parts are joined here for one record */
	BIO *bio;
	BIO_METHOD *method;
	OSSL_LIB_CTX *library; /* OpenSSL's tables for this thread: those of all threads are behind locks */
	struct tls_stream *current;
};

result tls_scratch_init(struct tls_scratch *scratch, struct block_pool *pool);
/* The pool is the worker's: what has come and is not decrypted yet counts there. ERROR_SYSTEM when there is
 * no memory. */

void tls_scratch_fini(struct tls_scratch *scratch);
/* Every stream over it must be finished, and every context made with its library freed. */
