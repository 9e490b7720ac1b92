/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/failure.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

/* By which kind a failure is told, and whether the words are those of the certificate's check. */
struct row {
	int reason;
	enum error_kind kind;
	const char *words;
};

#define ALERT(name) (SSL_AD_REASON_OFFSET + SSL_AD_##name)

static const struct row rows[] = {
	{ SSL_R_HTTP_REQUEST, ERROR_MALFORMED, "the client speaks plain HTTP where TLS is spoken" },
	{ SSL_R_HTTPS_PROXY_REQUEST, ERROR_MALFORMED, "the client takes this for a plain HTTP proxy" },
	{ SSL_R_WRONG_VERSION_NUMBER, ERROR_MALFORMED, "the peer does not speak TLS here" },
	{ SSL_R_UNSUPPORTED_PROTOCOL, ERROR_REFUSED, "the peer has no version of TLS that is allowed here" },
	{ SSL_R_NO_SHARED_CIPHER, ERROR_REFUSED, "the client has no cipher in common with the listener" },
	{ SSL_R_NO_SUITABLE_KEY_SHARE, ERROR_REFUSED, "the client has no group in common with the listener" },
	{ SSL_R_NO_SUITABLE_GROUPS, ERROR_REFUSED, "the client has no group in common with the listener" },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, ERROR_REFUSED,
	  "the peer has no signature algorithm that fits the certificate" },
	{ SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, ERROR_REFUSED,
	  "the peer has no signature algorithm that is safe" },
	{ SSL_R_NO_APPLICATION_PROTOCOL, ERROR_REFUSED,
	  "the client speaks none of the listener's protocols (ALPN)" },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, ERROR_REFUSED,
	  "the client sent no certificate, and one is required" },
	{ ALERT(CLOSE_NOTIFY), ERROR_CLOSED, "the peer ended the connection in the TLS handshake" },
	{ ALERT(HANDSHAKE_FAILURE), ERROR_REFUSED,
	  "the peer refused the TLS handshake (alert handshake_failure)" },
	{ ALERT(BAD_CERTIFICATE), ERROR_REFUSED,
	  "the peer finds our certificate bad (alert bad_certificate)" },
	{ ALERT(CERTIFICATE_EXPIRED), ERROR_REFUSED,
	  "the peer finds our certificate expired (alert certificate_expired)" },
	{ ALERT(CERTIFICATE_UNKNOWN), ERROR_REFUSED,
	  "the peer does not accept our certificate (alert certificate_unknown)" },
	{ ALERT(UNKNOWN_CA), ERROR_REFUSED,
	  "the peer does not know the authority behind our certificate (alert unknown_ca)" },
	{ ALERT(ACCESS_DENIED), ERROR_REFUSED, "the peer denies access (alert access_denied)" },
	{ ALERT(PROTOCOL_VERSION), ERROR_REFUSED,
	  "the peer allows none of our versions of TLS (alert protocol_version)" },
	{ ALERT(UNRECOGNIZED_NAME), ERROR_REFUSED,
	  "the peer does not know the server name (alert unrecognized_name)" },
	{ ALERT(NO_APPLICATION_PROTOCOL), ERROR_REFUSED,
	  "the peer speaks none of our protocols (alert no_application_protocol)" },
	{ SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, ERROR_REFUSED,
	  "the peer requires a certificate (alert certificate_required)" },
};

/* Those that X509 says and that happen; the others keep its words, which mean little without these in front.
 */
static const struct {
	int error;
	const char *words;
} certificate_rows[] = {
	{ X509_V_ERR_CERT_HAS_EXPIRED, "the peer's certificate has expired" },
	{ X509_V_ERR_CERT_NOT_YET_VALID, "the peer's certificate is not valid yet" },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
	  "the peer's certificate is signed by itself and not trusted" },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "the authority of the peer's certificate is not trusted" },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "the authority of the peer's certificate is not known" },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
	  "the authority of the peer's certificate is not known" },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
	  "the authority of the peer's certificate is not known" },
	{ X509_V_ERR_HOSTNAME_MISMATCH, "the peer's certificate is for another name" },
	{ X509_V_ERR_IP_ADDRESS_MISMATCH, "the peer's certificate is for another address" },
	{ X509_V_ERR_INVALID_PURPOSE, "the peer's certificate is not for this purpose" },
	{ X509_V_ERR_CERT_CHAIN_TOO_LONG, "the chain of the peer's certificate is too long" },
	{ X509_V_ERR_CERT_SIGNATURE_FAILURE, "the signature of the peer's certificate is wrong" },
	{ X509_V_ERR_EE_KEY_TOO_SMALL, "the key of the peer's certificate is too small" },
	{ X509_V_ERR_CA_KEY_TOO_SMALL, "a key in the chain of the peer's certificate is too small" },
	{ X509_V_ERR_CA_MD_TOO_WEAK, "a signature in the chain of the peer's certificate is too weak" },
};

static const char *certificate_words(const SSL *ssl)
{
	long error = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;

	for (size_t i = 0; i < sizeof certificate_rows / sizeof *certificate_rows; i++)
		if (certificate_rows[i].error == error)
			return certificate_rows[i].words;
	return error == X509_V_OK ? "the peer's certificate is not accepted"
				  : X509_verify_cert_error_string(error);
}

static result of_reason(const SSL *ssl, unsigned long code)
{
	int reason = ERR_GET_REASON(code);
	const char *words = ERR_reason_error_string(code);

	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return error_make(ERROR_REFUSED, certificate_words(ssl));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].reason == reason)
			return error_make(rows[i].kind, rows[i].words);
	return error_make(reason >= SSL_AD_REASON_OFFSET ? ERROR_REFUSED : ERROR_MALFORMED,
			  words ? words : "the TLS handshake failed");
}

/* The first of several tells most: the others say that it failed because of it. */
result tls_failure(const SSL *ssl)
{
	unsigned long code = ERR_peek_error();
	result_value why = error_make(ERROR_MALFORMED, "OpenSSL failed without words");

	if (code && ERR_GET_LIB(code) == ERR_LIB_SSL)
		why = of_reason(ssl, code);
	else if (code && ERR_reason_error_string(code))
		why = error_make(ERROR_MALFORMED, ERR_reason_error_string(code));
	ERR_clear_error();
	return why;
}

const char *tls_failure_words(const SSL *ssl)
{
	return tls_failure(ssl).why;
}

bool tls_failure_is_alert(void)
{
	unsigned long code = ERR_peek_last_error();

	return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET;
}
