/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_stream: TLS as a stream above a stream, for either side of a connection.
 *
 * Embedded in whoever owns it, like the socket's stream below it. One recv brings ciphertext to the thread's
 * tls_scratch, out of which OpenSSL decrypts into the reader's intake; up to four records are encrypted and
 * then sent by one call. OpenSSL's buffers are freed whenever they are empty, so an idle connection holds
 * OpenSSL's structs for it and nothing else.
 *
 * Encrypting cannot be taken back. What was encrypted and is not yet sent is owed: stream_send() does not
 * report it until the peer's kernel has it, and expects the same bytes again at the front of what it is given
 * next, as every sender of a sequence of bytes does. A send that ended in a deadline or a cancellation may
 * have left half a record behind, so everything that is sent after that is ERROR_RESET. (Not so with
 * STREAM_AT_ONCE, whose user comes again.)
 *
 * A peer that ends the connection below without saying so in TLS (close_notify) has cut it off: ERROR_RESET.
 * Only who says so ends it: ERROR_CLOSED. RFC 8446 section 6.1.
 */
#pragma once

#include <openssl/ssl.h>

#include "io/stream.h"
#include "tls/scratch.h"

struct tls_stream {
	struct stream stream;
	struct stream *below; /* whose stream_close() closes it too */
	struct tls_scratch *scratch;
	SSL *ssl;
	struct intake in, out;     /* ciphertext: not yet decrypted, not yet sent */
	size_t record_left;        /* bytes at the front of `in` that belong to a whole record */
	size_t owed;               /* bytes of content in `out` that were not reported as sent */
	const char *broken;        /* why OpenSSL wants no more of this connection; NULL: it does */
	unsigned char contentless; /* records in a row that brought no content */
	bool is_cut;               /* a send was given up half-way */
	bool is_touched;           /* the peer has sent something */
};

enum { TLS_STREAM_BYTES = 24 * 1024 }; /* what one is charged: OpenSSL's structs, also within a handshake */

enum tls_side { TLS_CLIENT, TLS_SERVER };

result tls_stream_init(struct tls_stream *tls, struct stream *below, struct tls_scratch *scratch,
		       SSL_CTX *context, enum tls_side side);
/* Nothing is sent or read yet. The stream below stays its owner's until stream_close() of this one. What is
 * to be set for this connection only (a client's server name, a session) is set on tls->ssl before the
 * handshake. ERROR_SYSTEM, or ERROR_LIMIT by the allowance, when there is no memory: nothing to finish then.
 */

void tls_stream_fini(struct tls_stream *tls);
/* Frees everything but the stream below, which can be used on: to linger, for example. Does not say
 * close_notify: stream_shut() before it does. */

result tls_stream_handshake(struct tls_stream *tls, deadline until);
/* Yields. What the owner has read of it already may stand in tls->in. To its end, on both sides; what follows
 * is content. ERROR_CLOSED when the peer left without a word, ERROR_RESET when it left in the middle,
 * ERROR_MALFORMED for bytes that are no TLS, ERROR_REFUSED when the sides do not agree, a certificate is not
 * believed or the peer said so by an alert; ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_LIMIT. The words say what
 * an operator can do. After a failure only fini and close are of use; the peer was sent an alert where there
 * is one for it. */

static inline bool tls_is_in_the_clear(str first)
/* Whether who begins so speaks HTTP without TLS: with a method's letter; a record begins with a number below
 * 32. first: a byte at least. */
{
	return first.ptr[0] >= 'A' && first.ptr[0] <= 'Z';
}

str tls_stream_version(const struct tls_stream *tls);
/* "TLSv1.3", "TLSv1.2". Lives for ever. */

str tls_stream_alpn(const struct tls_stream *tls);
/* "h2", "http/1.1"; empty when none was agreed on. Lives as long as the stream. RFC 7301. */

str tls_stream_server_name(const struct tls_stream *tls);
/* The name that the client asked for (SNI), as it sent it; empty without one. Lives as long as the stream. */

bool tls_stream_is_resumed(const struct tls_stream *tls);
/* The handshake took up an earlier session. */
