/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/peer.h"

#include "tls/x509_text.h"

enum { NAMES_MAX = 64 };

const X509 *tls_peer_certificate(const struct tls_stream *tls)
{
	return SSL_get0_peer_certificate(tls->ssl);
}

str tls_peer_subject(const X509 *certificate, struct arena *arena)
{
	return certificate ? x509_name_text(X509_get_subject_name(certificate), arena) : (str) { 0 };
}

str_list tls_peer_names(const X509 *certificate, struct arena *arena)
{
	return certificate ? x509_alternative_names(certificate, arena, NAMES_MAX, false) : (str_list) { 0 };
}

str tls_peer_der(const X509 *certificate, struct arena *arena)
{
	unsigned char *at;
	str der = { 0 };
	int len = certificate ? i2d_X509(certificate, NULL) : 0;

	if (len > 0) {
		at = (unsigned char *)arena_bytes(arena, (size_t)len);
		der = (str) { (const char *)at, (size_t)len };
		i2d_X509(certificate, &at);
	}
	return der;
}
