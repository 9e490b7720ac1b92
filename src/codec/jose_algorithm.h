/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jose_algorithm: the signatures of JOSE (RFC 7518 section 3.1, RFC 8037): one row each. "none" is not among
 * them, and so cannot be had.
 */
#pragma once

#include "base/str.h"

enum jose_algorithm {
	JOSE_UNKNOWN,
	JOSE_RS256,
	JOSE_RS384,
	JOSE_RS512,
	JOSE_PS256,
	JOSE_PS384,
	JOSE_PS512,
	JOSE_ES256,
	JOSE_ES384,
	JOSE_ES512,
	JOSE_EDDSA,
	JOSE_HS256,
	JOSE_HS384,
	JOSE_HS512,
	JOSE_ALGORITHMS,
};

enum jose_family { JOSE_RSA, JOSE_RSA_PSS, JOSE_ECDSA, JOSE_EDWARDS, JOSE_HMAC };

struct jose_algorithm_row {
	str name;
	enum jose_family family;
	const char *digest; /* as OpenSSL calls it; NULL: part of the algorithm */
	unsigned size;      /* bytes: of half a signature of ECDSA; of the digest otherwise; 0: by the key */
};

const struct jose_algorithm_row *jose_algorithm_row(enum jose_algorithm algorithm);
/* Not of JOSE_UNKNOWN. */

enum jose_algorithm jose_algorithm_find(str name);
/* Case matters (RFC 7515 section 4.1.1). JOSE_UNKNOWN: none is called so. */

#define JOSE_BIT(algorithm) (1u << (algorithm))
#define JOSE_SYMMETRIC (JOSE_BIT(JOSE_HS256) | JOSE_BIT(JOSE_HS384) | JOSE_BIT(JOSE_HS512))
#define JOSE_ASYMMETRIC (JOSE_BIT(JOSE_HS256) - JOSE_BIT(JOSE_RS256))

extern const char *const jose_algorithm_words[];
/* For options: the index is that of the enumeration, less one. Ended by NULL. */
