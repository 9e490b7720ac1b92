/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake of a TLS stream, and what was agreed on in it.
 *
 * Each flight is sent before the peer's next is waited for. An alert for a peer that is refused goes out as
 * far as it goes at once: nobody waits for that.
 */
#include <openssl/err.h>

#include "tls/failure.h"
#include "tls/stream_private.h"

/* The queue may hold what others left there, and it is needed for the words. */
static result handshake_step(struct tls_stream *tls, bool *ret_is_over)
{
	result_value refused, flushed;

	tls_stream_enter(tls);
	ERR_clear_error();
	*ret_is_over = SSL_do_handshake(tls->ssl) == 1;
	if (*ret_is_over || tls_stream_wants_more(tls))
		return OK;
	refused = tls_failure(tls->ssl);
	tls->broken = refused.why;
	flushed = tls_stream_flush(tls, STREAM_AT_ONCE);
	(void)flushed;
	return refused;
}

static result handshake_receive(struct tls_stream *tls, deadline until)
{
	/* Not because of what OpenSSL holds: of bytes that are no record it may hold some and want more. */
	result_value received = tls_stream_receive(tls, until);

	if (received.kind == ERROR_CLOSED && tls->is_touched)
		return error_make(ERROR_RESET, "the peer left in the middle of the TLS handshake");
	if (received.kind == ERROR_CLOSED)
		return error_make(ERROR_CLOSED, "the peer left before the TLS handshake");
	return received;
}

result tls_stream_handshake(struct tls_stream *tls, deadline until)
{
	bool is_over = false;

	if (SSL_is_server(tls->ssl) && !tls_record_here(intake_data(&tls->in)))
		TRY(handshake_receive(tls, until));
	for (;;) {
		TRY(handshake_step(tls, &is_over));
		TRY(tls_stream_flush(tls, until));
		if (is_over)
			return OK;
		TRY(handshake_receive(tls, until));
	}
}

str tls_stream_version(const struct tls_stream *tls)
{
	return str_of(SSL_get_version(tls->ssl));
}

str tls_stream_alpn(const struct tls_stream *tls)
{
	const unsigned char *name;
	unsigned len;

	SSL_get0_alpn_selected(tls->ssl, &name, &len);
	return (str) { (const char *)name, len };
}

str tls_stream_server_name(const struct tls_stream *tls)
{
	return str_of(SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name));
}

bool tls_stream_is_resumed(const struct tls_stream *tls)
{
	return SSL_session_reused(tls->ssl);
}
