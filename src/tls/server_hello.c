/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenSSL asks in a handshake. First of all, before it looks at a ticket or chooses a version, it asks
 * what to make of the ClientHello: that is where the name picks the certificates and the policy, and where
 * the session is bound to name and policy. RFC 6066 section 3 wants no session resumed under another name.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "codec/host.h"
#include "tls/server_private.h"

enum { HOST_NAME = 0 };

static struct tls_choice *choice_of(const SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static bool take_u16(str *bytes, size_t *ret_value)
{
	if (bytes->len < 2)
		return false;
	*ret_value = (size_t)(unsigned char)bytes->ptr[0] * 256 + (unsigned char)bytes->ptr[1];
	*bytes = str_skip(*bytes, 2);
	return true;
}

/* RFC 6066 section 3: a list with one name of one type. OpenSSL refuses afterwards what is formed otherwise.
 */
static str server_name(SSL *ssl)
{
	const unsigned char *bytes;
	size_t len, list, name;
	str rest;

	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &len))
		return (str) { 0 };
	rest = (str) { (const char *)bytes, len };
	if (!take_u16(&rest, &list) || list != rest.len || !rest.len || rest.ptr[0] != HOST_NAME)
		return (str) { 0 };
	rest = str_skip(rest, 1);
	if (!take_u16(&rest, &name) || name != rest.len)
		return (str) { 0 };
	return rest;
}

static bool bind_session(SSL *ssl, const struct tls_choice *choice, str name)
{
	unsigned char bytes[TLS_BINDING + HOST_LEN_MAX], binding[TLS_BINDING];
	size_t len = name.len <= HOST_LEN_MAX ? name.len : 0;

	memcpy(bytes, choice->trust->binding, TLS_BINDING);
	for (size_t i = 0; i < len; i++)
		bytes[TLS_BINDING + i] = (unsigned char)ascii_lower(name.ptr[i]);
	return EVP_Digest(bytes, TLS_BINDING + len, binding, NULL, choice->context->digest, NULL) &&
	       SSL_set_session_id_context(ssl, binding, sizeof binding);
}

static int verify_mode(enum tls_demand demand)
{
	switch (demand) {
	case TLS_DEMAND_OPTIONAL:
		return SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE;
	case TLS_DEMAND_REQUIRED:
		return SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	case TLS_DEMAND_NONE:
		break;
	}
	return SSL_VERIFY_NONE;
}

/* All that SSL_new() has copied from the context that it began with. */
static bool choose(SSL *ssl, const struct tls_choice *choice)
{
	const struct tls_trust *trust = choice->trust;

	if (!SSL_set_SSL_CTX(ssl, choice->ssl) || !SSL_set_min_proto_version(ssl, trust->minimum))
		return false;
	SSL_set_verify(ssl, verify_mode(trust->demand), NULL);
	SSL_set_verify_depth(ssl, trust->depth);
	return true;
}

static int on_client_hello(SSL *ssl, int *alert, void *argument)
{
	struct tls_server_context *context = argument;
	str name = server_name(ssl);
	bool is_known;
	struct tls_choice *choice = tls_server_context_find(context, name, &is_known);

	if ((choice == choice_of(ssl) || choose(ssl, choice)) && bind_session(ssl, choice, name))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

/* A name is acknowledged only when it made a difference. */
static int on_server_name(SSL *ssl, int *alert, void *argument)
{
	struct tls_choice *choice = argument;
	bool is_known;

	(void)alert;
	tls_server_context_find(choice->context, str_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)),
				&is_known);
	return is_known ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* The listener's order decides. RFC 7301 section 3.2: without overlap a fatal alert. */
static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
			unsigned in_len, void *argument)
{
	const struct tls_server_context *context = argument;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_len, (const unsigned char *)context->protocols.ptr,
				  (unsigned)context->protocols.len, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* The staple of the certificate that was chosen. */
static int on_status(SSL *ssl, void *argument)
{
	const struct tls_choice *choice = argument;
	const X509 *leaf = SSL_get_certificate(ssl);

	for (size_t i = 0; i < choice->count; i++) {
		str staple = choice->offers[i]->staple;
		unsigned char *copy;

		if (choice->offers[i]->certificate.leaf != leaf || !staple.len)
			continue;
		copy = OPENSSL_memdup(staple.ptr, staple.len);
		if (!copy)
			return SSL_TLSEXT_ERR_ALERT_FATAL;
		SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple.len);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static bool ticket_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac,
						  sizeof key->mac),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, parameters);
}

/* OpenSSL seals by the one, then computes the other over it. 0: it is no ticket of ours; 2: renew it, as
 * always with TLS 1.3, whose tickets are used once (RFC 8446 appendix C.4). */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		     EVP_MAC_CTX *mac, int is_sealing)
{
	struct tls_server_context *context = choice_of(ssl)->context;
	struct ticket_reader *tickets = &context->tickets;
	const struct ticket_key *current = ticket_reader_current(tickets), *key = current;

	if (is_sealing) {
		memcpy(name, key->name, sizeof key->name);
		if (RAND_bytes_ex(context->library, iv, (size_t)EVP_CIPHER_get_iv_length(context->cipher),
				  0) != 1)
			return -1;
		if (!EVP_EncryptInit_ex2(cipher, context->cipher, key->cipher, iv, NULL))
			return -1;
		return ticket_mac(mac, key) ? 1 : -1;
	}
	key = ticket_reader_find(tickets, name);
	if (!key)
		return 0;
	if (!EVP_DecryptInit_ex2(cipher, context->cipher, key->cipher, iv, NULL) || !ticket_mac(mac, key))
		return -1;
	return key == current && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
}

/* A client whose certificate has expired since must show another one. */
static SSL_TICKET_RETURN on_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_len,
				   SSL_TICKET_STATUS status, void *argument)
{
	const X509 *peer = session ? SSL_SESSION_get0_peer(session) : NULL;

	(void)ssl, (void)name, (void)name_len, (void)argument;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (peer && X509_cmp_current_time(X509_get0_notAfter(peer)) <= 0)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void tls_server_hello_install(struct tls_choice *choice)
{
	struct tls_server_context *context = choice->context;
	SSL_CTX *ssl = choice->ssl;

	SSL_CTX_set_app_data(ssl, choice);
	SSL_CTX_set_verify(ssl, verify_mode(choice->trust->demand), NULL);
	SSL_CTX_set_verify_depth(ssl, choice->trust->depth);
	SSL_CTX_set_client_hello_cb(ssl, on_client_hello, context);
	SSL_CTX_set_tlsext_servername_callback(ssl, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ssl, choice);
	SSL_CTX_set_tlsext_status_cb(ssl, on_status);
	SSL_CTX_set_tlsext_status_arg(ssl, choice);
	if (context->protocols.len)
		SSL_CTX_set_alpn_select_cb(ssl, on_protocols, context);
	if (context->has_tickets) {
		SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
		SSL_CTX_set_session_ticket_cb(ssl, NULL, on_opened, NULL);
	}
}
