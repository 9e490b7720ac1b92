/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_context: a table by the identities' numbers. Each context has a reference to its identity, so a
 * number in the table means the same identity for as long as it stands there.
 */
#include "tls/client_context.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/assert.h"
#include "codec/ip.h"
#include "tls/client_sessions.h"

enum { FIRST_CONTEXTS = 8, HOST_MAX = 255 };

/* RFC 9325 section 4.2, and behind it what services have that were not renewed for long: forward secrecy is
 * not given up. TLS 1.3 has its own. */
static const char tls12_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:"
				    "!aNULL:!eNULL:!PSK:!SRP:!CAMELLIA:!ARIA";

struct client_context {
	struct tls_client_identity *identity;
	SSL_CTX *context;
	struct client_sessions sessions;
};

struct tls_clients {
	struct client_context **contexts; /* by the identity's number; NULL: none yet */
	size_t count;
};

struct tls_clients *tls_clients_new(void)
{
	struct tls_clients *clients = calloc(1, sizeof *clients);

	ASSERT(clients);
	return clients;
}

/* Connections may outlive it; what they are given afterwards is nobody's. */
static void context_free(struct client_context *context)
{
	if (!context)
		return;
	SSL_CTX_set_app_data(context->context, NULL);
	SSL_CTX_free(context->context);
	client_sessions_clear(&context->sessions);
	tls_client_identity_unref(&context->identity);
	free(context);
}

void tls_clients_free(struct tls_clients **address)
{
	struct tls_clients *clients = *address;

	if (!clients)
		return;
	for (size_t i = 0; i < clients->count; i++)
		context_free(clients->contexts[i]);
	free(clients->contexts);
	free(clients);
	*address = NULL;
}

void tls_clients_sweep(struct tls_clients *clients)
{
	for (size_t i = 0; i < clients->count; i++) {
		struct client_context *context = clients->contexts[i];

		if (!context || tls_client_identity_is_listed(context->identity))
			continue;
		clients->contexts[i] = NULL;
		context_free(context);
	}
}

/* A ticket may come at any time while the connection is read. 1: the session is taken. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct client_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct tls_client_peer *peer = SSL_get_app_data(ssl);

	if (!context || !SSL_SESSION_is_resumable(session))
		return 0;
	client_sessions_add(&context->sessions, peer->name, session);
	return 1;
}

/* With TLS 1.3 the peer may refuse a certificate when the handshake is over for us. */
static void on_info(const SSL *ssl, int where, int alert)
{
	struct tls_client_peer *peer = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && alert >> 8 == SSL3_AL_FATAL)
		peer->has_refused = true;
}

static void set_trust(SSL_CTX *context, const struct tls_client_identity *identity)
{
	X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(context);

	if (!identity->is_verified) {
		SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
		return;
	}
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set1_cert_store(context, identity->authorities);
	X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
							    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (identity->is_partial_chain_enough)
		X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
}

static bool set_own(SSL_CTX *context, const struct tls_client_identity *identity)
{
	const struct certificate *own = &identity->own;

	return !own->leaf || SSL_CTX_use_cert_and_key(context, own->leaf, own->key, own->chain, 1) == 1;
}

static bool set_rules(SSL_CTX *context, const struct tls_client_identity *identity)
{
	const str *protocols = &identity->protocols;

	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, on_session);
	SSL_CTX_set_info_callback(context, on_info);
	/* SSL_CTX_set_alpn_protos() says 0 when it has done it. */
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(context, tls12_ciphers) == 1 &&
	       (!protocols->len || SSL_CTX_set_alpn_protos(context, (const unsigned char *)protocols->ptr,
							   (unsigned)protocols->len) == 0);
}

static result context_new(struct tls_client_identity *identity, OSSL_LIB_CTX *library,
			  struct client_context **ret_context)
{
	SSL_CTX *context = SSL_CTX_new_ex(library, NULL, TLS_client_method());

	ASSERT(context);
	set_trust(context, identity);
	if (!set_rules(context, identity) || !set_own(context, identity)) {
		SSL_CTX_free(context);
		ERR_clear_error();
		return error_make(ERROR_SYSTEM, "OpenSSL refuses the settings of an upstream");
	}
	*ret_context = calloc(1, sizeof **ret_context);
	ASSERT(*ret_context);
	(*ret_context)->context = context;
	(*ret_context)->identity = tls_client_identity_ref(identity);
	SSL_CTX_set_app_data(context, *ret_context);
	return OK;
}

static void make_room(struct tls_clients *clients, size_t number)
{
	size_t wanted = clients->count ? clients->count : FIRST_CONTEXTS;

	if (number < clients->count)
		return;
	while (wanted <= number)
		wanted *= 2;
	clients->contexts = realloc(clients->contexts, wanted * sizeof(struct client_context *));
	ASSERT(clients->contexts);
	memset(clients->contexts + clients->count, 0,
	       (wanted - clients->count) * sizeof(struct client_context *));
	clients->count = wanted;
}

/* Identities come when a configuration does, which is when others go. */
static result context_of(struct tls_clients *clients, struct tls_client_identity *identity,
			 OSSL_LIB_CTX *library, struct client_context **ret_context)
{
	size_t number = identity->registered.number;

	if (number >= clients->count || !clients->contexts[number]) {
		tls_clients_sweep(clients);
		make_room(clients, number);
		TRY(context_new(identity, library, &clients->contexts[number]));
	}
	*ret_context = clients->contexts[number];
	ASSERT((*ret_context)->identity == identity);
	return OK;
}

/* The name is sent and checked without the dot of a full name (RFC 6066 section 3); an address is checked,
 * not sent. */
static bool set_name(SSL *ssl, bool is_verified, str name)
{
	X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);
	char text[HOST_MAX + 1];
	struct ip ip;

	if (str_ends(name, STR(".")))
		name.len--;
	if (!name.len || name.len > HOST_MAX)
		return !is_verified;
	memcpy(text, name.ptr, name.len);
	text[name.len] = 0;
	if (ip_parse(name, &ip))
		return X509_VERIFY_PARAM_set1_ip_asc(parameters, text) == 1;
	return SSL_set_tlsext_host_name(ssl, text) == 1 &&
	       X509_VERIFY_PARAM_set1_host(parameters, text, name.len) == 1;
}

static void resume(SSL *ssl, struct client_sessions *sessions, str peer)
{
	SSL_SESSION *session = client_sessions_take(sessions, peer);

	if (session)
		SSL_set_session(ssl, session);
	SSL_SESSION_free(session);
}

static bool offer_h1(SSL *ssl)
{
	static const unsigned char h1[] = "\x08http/1.1";

	return SSL_set_alpn_protos(ssl, h1, sizeof h1 - 1) == 0; /* it says 0 when it has done it */
}

result tls_clients_open(struct tls_clients *clients, struct tls_client_peer *peer, struct stream *below,
			struct tls_scratch *scratch, struct tls_stream *ret_tls)
{
	const struct tls_client_identity *identity = peer->identity;
	struct client_context *context;

	TRY(context_of(clients, peer->identity, scratch->library, &context));
	TRY(tls_stream_init(ret_tls, below, scratch, context->context, TLS_CLIENT));
	if (!set_name(ret_tls->ssl, identity->is_verified,
		      identity->server_name.len ? identity->server_name : peer->host)) {
		tls_stream_fini(ret_tls);
		ERR_clear_error();
		return error_make(ERROR_INVALID, "there is no name that a certificate could be verified for");
	}
	if (peer->wants_h1 && !offer_h1(ret_tls->ssl)) {
		tls_stream_fini(ret_tls);
		return error_make(ERROR_SYSTEM, "no memory for TLS");
	}
	SSL_set_app_data(ret_tls->ssl, peer);
	resume(ret_tls->ssl, &context->sessions, peer->name);
	return OK;
}

result tls_clients_handshake(struct tls_stream *tls, deadline until)
{
	const struct tls_client_peer *peer = SSL_get_app_data(tls->ssl);
	result_value shaken = tls_stream_handshake(tls, until);

	switch (shaken.kind) {
	case ERROR_CLOSED:
	case ERROR_RESET:
	case ERROR_REFUSED:
	case ERROR_MALFORMED:
		if (peer->has_refused)
			return error_make(ERROR_DENIED, shaken.why);
		if (peer->identity->is_verified && SSL_get_verify_result(tls->ssl) != X509_V_OK)
			return error_make(ERROR_UNTRUSTED, shaken.why);
		return error_make(ERROR_MALFORMED, shaken.why);
	default:
		return shaken;
	}
}
