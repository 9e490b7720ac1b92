/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/staple.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "tls/x509_text.h"

static const duration standard = 7 * DAY;

struct staple {
	OCSP_RESPONSE *response;
	OCSP_BASICRESP *basic;
};

static void staple_fini(struct staple *staple)
{
	OCSP_BASICRESP_free(staple->basic);
	OCSP_RESPONSE_free(staple->response);
	ERR_clear_error();
}

static result staple_read(struct staple *staple, str bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.ptr;

	staple->response = d2i_OCSP_RESPONSE(NULL, &at, (long)bytes.len);
	if (!staple->response)
		return error_make(ERROR_MALFORMED, "this is no OCSP response in DER");
	if (OCSP_response_status(staple->response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		return error_make(ERROR_INVALID, "the CA's OCSP response says that it has no answer");
	staple->basic = OCSP_response_get1_basic(staple->response);
	if (!staple->basic)
		return error_make(ERROR_MALFORMED, "this is an OCSP response of an unknown kind");
	return OK;
}

/* By the serial number: the CA's name stands in it as a hash of which there are several kinds. */
static OCSP_SINGLERESP *find(const struct staple *staple, const struct certificate *certificate)
{
	for (int i = 0; i < OCSP_resp_count(staple->basic); i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(staple->basic, i);
		OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single);
		ASN1_INTEGER *serial = NULL;

		if (OCSP_id_get0_info(NULL, NULL, NULL, &serial, id) &&
		    ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate->leaf)) == 0)
			return single;
	}
	return NULL;
}

result staple_check(str bytes, const struct certificate *certificate, wall_time *ret_until)
{
	__attribute__((cleanup(staple_fini))) struct staple staple = { 0 };
	ASN1_GENERALIZEDTIME *made = NULL, *until = NULL;
	OCSP_SINGLERESP *single;
	int status;

	TRY(staple_read(&staple, bytes));
	single = find(&staple, certificate);
	if (!single)
		return error_make(ERROR_INVALID, "the OCSP response is for another certificate");
	status = OCSP_single_get0_status(single, NULL, NULL, &made, &until);
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return error_make(ERROR_INVALID, "the OCSP response says that the certificate was revoked");
	if (status != V_OCSP_CERTSTATUS_GOOD)
		return error_make(ERROR_INVALID,
				  "the OCSP response says that the CA knows no such certificate");
	*ret_until = until ? x509_time(until) : deadline_after(x509_time(made), standard);
	return OK;
}
