/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jose_algorithm: one row for each of RFC 7518 section 3.1, and EdDSA (RFC 8037). `none` has no row: a token
 * that says so has an algorithm that is not known, and there is nothing to switch on that would take it.
 *
 * The size is that of the digest, but for ECDSA: there it is that of each half of the signature.
 */
#include "codec/jose_algorithm.h"

#include "base/assert.h"

static const struct jose_algorithm_row rows[JOSE_ALGORITHMS] = {
	[JOSE_RS256] = { STR_INIT("RS256"), JOSE_RSA, "SHA256", 32 },
	[JOSE_RS384] = { STR_INIT("RS384"), JOSE_RSA, "SHA384", 48 },
	[JOSE_RS512] = { STR_INIT("RS512"), JOSE_RSA, "SHA512", 64 },
	[JOSE_PS256] = { STR_INIT("PS256"), JOSE_RSA_PSS, "SHA256", 32 },
	[JOSE_PS384] = { STR_INIT("PS384"), JOSE_RSA_PSS, "SHA384", 48 },
	[JOSE_PS512] = { STR_INIT("PS512"), JOSE_RSA_PSS, "SHA512", 64 },
	[JOSE_ES256] = { STR_INIT("ES256"), JOSE_ECDSA, "SHA256", 32 },
	[JOSE_ES384] = { STR_INIT("ES384"), JOSE_ECDSA, "SHA384", 48 },
	[JOSE_ES512] = { STR_INIT("ES512"), JOSE_ECDSA, "SHA512", 66 },
	[JOSE_EDDSA] = { STR_INIT("EdDSA"), JOSE_EDWARDS, NULL, 0 },
	[JOSE_HS256] = { STR_INIT("HS256"), JOSE_HMAC, "SHA256", 32 },
	[JOSE_HS384] = { STR_INIT("HS384"), JOSE_HMAC, "SHA384", 48 },
	[JOSE_HS512] = { STR_INIT("HS512"), JOSE_HMAC, "SHA512", 64 },
};

const char *const jose_algorithm_words[] = { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
					     "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512", NULL };

const struct jose_algorithm_row *jose_algorithm_row(enum jose_algorithm algorithm)
{
	ASSERT(algorithm > JOSE_UNKNOWN && algorithm < JOSE_ALGORITHMS);
	return &rows[algorithm];
}

enum jose_algorithm jose_algorithm_find(str name)
{
	for (enum jose_algorithm i = JOSE_RS256; i < JOSE_ALGORITHMS; i++)
		if (str_eq(rows[i].name, name))
			return i;
	return JOSE_UNKNOWN;
}
