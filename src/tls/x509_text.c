/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/x509_text.h"

#include <time.h>

enum { NAME_LEN_MAX = 2048 };

str x509_name_text(const X509_NAME *name, struct arena *arena)
{
	BIO *text = BIO_new(BIO_s_mem());
	str copy = { 0 };
	char *bytes;

	if (text &&
	    X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		long len = BIO_get_mem_data(text, &bytes);

		copy = arena_str(arena, (str) { bytes, len > 0 ? (size_t)len : 0 });
	}
	BIO_free(text);
	return copy;
}

static const struct {
	int type;
	str prefix;
} kinds[] = {
	{ GEN_DNS, STR_INIT("dns:") },
	{ GEN_URI, STR_INIT("uri:") },
	{ GEN_EMAIL, STR_INIT("email:") },
};

static str prefix_of(int type)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].type == type)
			return kinds[i].prefix;
	return (str) { 0 };
}

/* All three kinds are IA5Strings. */
static str text_of(const GENERAL_NAME *name)
{
	const ASN1_IA5STRING *text = name->d.ia5;
	str s = { (const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text) };

	return s.len && s.len <= NAME_LEN_MAX && !memchr(s.ptr, 0, s.len) ? s : (str) { 0 };
}

str_list x509_alternative_names(const X509 *certificate, struct arena *arena, size_t max, bool is_dns_only)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	size_t total = all ? (size_t)sk_GENERAL_NAME_num(all) : 0, count = 0;
	str *names = ARENA_ARRAY(arena, str, total < max ? total : max);

	for (int i = 0; i < (int)total && count < max; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
		str prefix = prefix_of(name->type), text;

		if (!prefix.len || (is_dns_only && name->type != GEN_DNS))
			continue;
		text = text_of(name);
		if (text.len)
			names[count++] =
				arena_join(arena, (str[]) { is_dns_only ? STR("") : prefix, text }, 2);
	}
	GENERAL_NAMES_free(all);
	return (str_list) { names, count };
}

wall_time x509_time(const ASN1_TIME *at)
{
	struct tm parts;
	wall_time nanoseconds;

	if (!ASN1_TIME_to_tm(at, &parts))
		return 0;
	return __builtin_mul_overflow((int64_t)timegm(&parts), SECOND, &nanoseconds) ? INT64_MAX
										     : nanoseconds;
}
