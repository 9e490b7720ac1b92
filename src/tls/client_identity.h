/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_identity: who a TLS connection to a service is made as, and whom it believes.
 *
 * Authorities, the name that is wanted, the own certificate, whether anything is checked, and what is
 * spoken above: what two connections must have in common, to the last byte, before one may stand for the
 * other. A kept connection or a session never goes from one identity to another. Found by a digest of
 * all of it, so a configuration that is loaded again with the same files has the same identities, and one
 * whose files have changed has others.
 *
 * Immutable and counted. The parsed certificates are shared by all threads; contexts are each worker's own
 * (client_context.h).
 */
#pragma once

#include "base/registry.h"
#include "tls/certificate.h"

struct tls_client_options {
	str ca;               /* PEM; empty: the authorities of the system */
	str certificate, key; /* PEM, the certificate with its chain; both or neither */
	str server_name;      /* empty: the host that is connected to */
	str protocols;    /* for ALPN, in its wire form: a length and a name, each; empty: none is offered */
	bool is_verified; /* false: whoever answers is believed */
};

/* What of the options cannot be used. */
enum tls_client_part { TLS_CLIENT_CA, TLS_CLIENT_CERTIFICATE, TLS_CLIENT_KEY };

struct tls_client_identity {
	struct registered registered; /* first; its name is the digest */
	str server_name, protocols;
	bool is_verified;
	X509_STORE *authorities;      /* NULL: nothing is verified */
	struct certificate own;       /* without a leaf: none is shown */
	bool is_partial_chain_enough; /* each given authority is an anchor, the system's are so when they are
					 roots */
	_Atomic uint32_t
		listings; /* upstreams that speak as it; without one what is kept of it is of no use */
};

struct tls_client_identities;

struct tls_client_identities *tls_client_identities_new(void);
/* All of a process. */

void tls_client_identities_free(struct tls_client_identities **identities);
/* When nobody has an identity any more. Clears the address, accepts NULL. */

result tls_client_identities_get(struct tls_client_identities *identities,
				 const struct tls_client_options *options, enum tls_client_part *ret_wrong,
				 struct tls_client_identity **ret_identity);
/* Finds or makes it, from any thread but a worker's (it parses, and reads the system's authorities); the
 * caller has it until tls_client_identity_unref(). ERROR_INVALID with what is wrong with *ret_wrong;
 * ERROR_LIMIT: more than 65536 of them. */

size_t tls_client_identities_count(struct tls_client_identities *identities);

bool tls_client_has_system_authorities(void);
/* Whether the system has any: a file or a folder where OpenSSL looks for them. */

struct tls_client_identity *tls_client_identity_ref(struct tls_client_identity *identity);
void tls_client_identity_unref(struct tls_client_identity **identity);
/* From any thread. The last one frees it; clears the address, accepts NULL. */

static inline bool tls_client_identity_is_listed(const struct tls_client_identity *identity)
{
	return atomic_load_explicit(&identity->listings, memory_order_relaxed) > 0;
}
