/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate: a certificate with its chain and its key, read from PEM and checked against each other.
 *
 * The bytes are what is kept and shared; the parsed form belongs to one thread at a time, because OpenSSL
 * counts references to it. So `check` and the control thread parse to see whether a pair is good, and each
 * worker once more for itself.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/arena.h"
#include "base/result.h"
#include "base/time.h"

struct certificate {
	X509 *leaf;
	STACK_OF(X509) * chain; /* without the leaf; may be empty */
	EVP_PKEY *key;          /* NULL where only the chain was read */
	wall_time not_before, not_after;
	bool is_key_to_blame; /* after certificate_init() has failed: for the key, not for the chain */
};

result certificate_init(struct certificate *certificate, OSSL_LIB_CTX *library, str chain, str key);
/* PEM both: the leaf first, then the authorities between it and the root; the key in PKCS#8 or one of the
 * older forms, not encrypted. They may be the same bytes. The library is OpenSSL's context for whoever uses
 * it; NULL is the default. ERROR_MALFORMED and ERROR_INVALID with words for an operator: what is not there,
 * damaged, encrypted, or does not belong together; is_key_to_blame says which of the two it is about. Nothing
 * to finish after an error. */

void certificate_fini(struct certificate *certificate);

STACK_OF(X509) * certificates_read(str pem, OSSL_LIB_CTX *library, bool *ret_is_damaged);
/* Every certificate in a text, the caller's; none is an empty stack. NULL: one of them is damaged, which
 * *ret_is_damaged says, or there is no memory. */

str_list certificate_names(const struct certificate *certificate, struct arena *arena);
/* The DNS names in subjectAltName in lower case, wildcards as "*.example.com"; without any, the common name
 * (RFC 6125 section 6.4.4). Names that cannot be asked for by SNI are left out. In the arena. */

str certificate_complaint(const struct certificate *certificate, wall_time now, struct arena *arena);
/* "expired on 2026-01-02T03:04:05Z", "not valid before ..."; empty when it is good at that time. In the
 * arena. */

str certificate_subject(const struct certificate *certificate, struct arena *arena);
str certificate_issuer(const struct certificate *certificate, struct arena *arena);
/* As text by RFC 4514. In the arena. */

str certificate_serial(const struct certificate *certificate, struct arena *arena);
/* In hexadecimal, upper case. In the arena. */

const char *certificate_key_type(const struct certificate *certificate);
/* "RSA", "EC", "ED25519" and so on. Lives for ever. */
