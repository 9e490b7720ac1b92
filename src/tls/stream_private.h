/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The insides of a TLS stream, for stream.c, handshake.c and scratch.c.
 */
#pragma once

#include "tls/stream.h"

size_t tls_record_here(str bytes);
/* How many bytes of the record at the front OpenSSL may have: all of it once it is whole, else 0. What cannot
 * be a record is given as it is, for OpenSSL to say what is wrong with it. */

void tls_stream_enter(struct tls_stream *tls);
/* Before each call into OpenSSL. */

bool tls_stream_wants_more(const struct tls_stream *tls);
/* After a call into OpenSSL that did not succeed: it lacks bytes. Otherwise it failed for good. */

result tls_stream_receive(struct tls_stream *tls, deadline until);
/* Yields. More ciphertext, at least some, until a record is whole. ERROR_CLOSED, ERROR_RESET and so on of the
 * stream below.
 */

result tls_stream_push(struct tls_stream *tls, deadline until);
/* Yields. One send of what is to go out: see stream_send(). */

result tls_stream_flush(struct tls_stream *tls, deadline until);
/* Yields. Sends until nothing is left to go out. */
