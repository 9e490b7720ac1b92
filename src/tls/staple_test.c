/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of which OCSP responses clients could have any use.
 */
#include "tls/staple.h"

#include <openssl/ocsp.h>
#include <openssl/pem.h>

#include "base/testing.h"
#include "tls/tls_testing.h"

struct office {
	struct arena arena;
	struct tls_pair authority;
	struct certificate root, leaf, other;
};

static void read_pair(struct office *office, const struct tls_pair *by, struct tls_issue what,
		      struct certificate *ret_certificate, struct tls_pair *ret_pair)
{
	*ret_pair = tls_issue(&office->arena, by, what);
	assert_false(failed(certificate_init(ret_certificate, NULL, ret_pair->certificate, ret_pair->key)));
}

static void office_open(struct office *office)
{
	struct tls_pair ignored;

	arena_init(&office->arena, NULL, 1 << 24);
	read_pair(office, NULL, (struct tls_issue) { .subject = "A", .is_authority = true }, &office->root,
		  &office->authority);
	read_pair(office, &office->authority, (struct tls_issue) { .names = "DNS:a.test" }, &office->leaf,
		  &ignored);
	read_pair(office, &office->authority, (struct tls_issue) { .names = "DNS:b.test" }, &office->other,
		  &ignored);
}

static void office_close(struct office *office)
{
	certificate_fini(&office->root);
	certificate_fini(&office->leaf);
	certificate_fini(&office->other);
	arena_fini(&office->arena);
}

struct saying {
	int answer; /* OCSP_RESPONSE_STATUS_... */
	int status; /* V_OCSP_CERTSTATUS_... */
	int until;  /* seconds from now; 0: not said */
	bool is_of_other;
};

static str respond(struct office *office, struct saying what)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	const struct certificate *of = what.is_of_other ? &office->other : &office->leaf;
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), of->leaf, office->root.leaf);
	ASN1_TIME *now = X509_gmtime_adj(NULL, -60), *until = X509_gmtime_adj(NULL, what.until);
	bool is_revoked = what.status == V_OCSP_CERTSTATUS_REVOKED;
	OCSP_RESPONSE *response;
	unsigned char *der = NULL;
	int len;
	str copy;

	assert_non_null(OCSP_basic_add1_status(basic, id, what.status, 0, is_revoked ? now : NULL, now,
					       what.until ? until : NULL));
	assert_int_equal(OCSP_basic_sign(basic, office->root.leaf, office->root.key, EVP_sha256(), NULL, 0),
			 1);
	response = OCSP_response_create(what.answer,
					what.answer == OCSP_RESPONSE_STATUS_SUCCESSFUL ? basic : NULL);
	len = i2d_OCSP_RESPONSE(response, &der);
	assert_true(len > 0);
	copy = arena_str(&office->arena, (str) { (const char *)der, (size_t)len });
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(now);
	ASN1_TIME_free(until);
	return copy;
}

static const struct {
	const char *name;
	struct saying what;
	const char *want; /* NULL: it is good */
} rows[] = {
	{ "good", { .until = 3600 }, NULL },
	{ "good, once", { .until = -10 }, NULL },
	{ "good for no said time", { .until = 0 }, NULL },
	{ "no answer",
	  { .answer = OCSP_RESPONSE_STATUS_TRYLATER, .until = 1 },
	  "the CA's OCSP response says that it has no answer" },
	{ "another's",
	  { .until = 3600, .is_of_other = true },
	  "the OCSP response is for another certificate" },
	{ "revoked",
	  { .status = V_OCSP_CERTSTATUS_REVOKED, .until = 3600 },
	  "the OCSP response says that the certificate was revoked" },
	{ "unknown",
	  { .status = V_OCSP_CERTSTATUS_UNKNOWN, .until = 3600 },
	  "the OCSP response says that the CA knows no such certificate" },
};

static void only_what_a_client_can_use_is_good(void **state)
{
	struct office office;

	(void)state;
	office_open(&office);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		wall_time until = 0, now = time_wall();
		duration wanted = rows[i].what.until ? rows[i].what.until * SECOND : 7 * DAY;
		result_value checked = staple_check(respond(&office, rows[i].what), &office.leaf, &until);

		if (rows[i].want) {
			assert_row(failed(checked) && strcmp(checked.why, rows[i].want) == 0, i,
				   checked.why ? checked.why : "good");
			continue;
		}
		assert_row(!failed(checked), i, rows[i].name);
		assert_row(until > now + wanted - HOUR && until < now + wanted + HOUR, i, rows[i].name);
	}
	office_close(&office);
}

static void what_is_none_is_told(void **state)
{
	struct office office;
	wall_time until;
	str whole;

	(void)state;
	office_open(&office);
	whole = respond(&office, (struct saying) { .until = 3600 });
	for (size_t len = 0; len < whole.len; len += 7)
		assert_true(failed(staple_check(str_slice(whole, 0, len), &office.leaf, &until)));
	assert_int_equal(staple_check(STR("nothing"), &office.leaf, &until).kind, ERROR_MALFORMED);
	assert_int_equal(staple_check((str) { 0 }, &office.leaf, &until).kind, ERROR_MALFORMED);
	assert_int_equal(staple_check(office.authority.certificate, &office.leaf, &until).kind,
			 ERROR_MALFORMED);
	office_close(&office);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_a_client_can_use_is_good),
		cmocka_unit_test(what_is_none_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
