/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The insides of a server context, for server_context.c (which makes it) and server_hello.c (which answers
 * OpenSSL's questions in a handshake).
 */
#pragma once

#include "base/map.h"
#include "tls/certificate.h"
#include "tls/server_context.h"

enum { TLS_BINDING = 32 }; /* bytes; also OpenSSL's limit of a session's context */

/* An entry with what it says read. */
struct tls_offer {
	struct certificate certificate;
	str_list names;
	str staple;
	const struct tls_entry *entry; /* while the context is made */
	struct tls_trust *trust;
};

/* A TLS policy: entries that say the same share it, and the authorities that they name. */
struct tls_trust {
	struct tls_trust *next;
	tls_policy policy;
	unsigned char binding[TLS_BINDING]; /* hash of listener and policy */
	enum tls_demand demand;
	int minimum, depth;
	X509_STORE *store;                 /* NULL: no certificates of clients */
	STACK_OF(X509_NAME) * authorities; /* their names, for the client to choose by */
};

/* The certificates of a set of names. */
struct tls_choice {
	struct tls_choice *next;
	struct tls_server_context *context;
	SSL_CTX *ssl;
	const struct tls_trust *trust;
	struct tls_offer *const *offers; /* one for each type of key */
	size_t count;
};

struct tls_server_context {
	unsigned references; /* its owner, and handshakes under way */
	struct arena arena;
	OSSL_LIB_CTX *library;
	struct tls_offer *offers;
	size_t count;
	struct tls_trust *trusts;
	struct tls_choice *choices, *fallback; /* of the first entry, for every other name */
	struct map names;                      /* to struct tls_choice; wildcards with "*." */
	str protocols;                         /* as RFC 7301 section 3.1 writes them */
	struct ticket_reader tickets;
	bool has_tickets;
	EVP_MD *digest;
	EVP_CIPHER *cipher;
};

struct tls_choice *tls_server_context_find(const struct tls_server_context *context, str host,
					   bool *ret_is_known);

void tls_server_hello_install(struct tls_choice *choice);
/* The callbacks. */
