/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_fetch: metadata are believed only when they name the issuer that was asked (OpenID Connect
 * Discovery 1.0 section 4.3, RFC 8414 section 3.3), and keys only over TLS, unless the issuer itself is not.
 */
#include "proxy/key_fetch.h"

#include "auth/issuer.h"
#include "codec/json.h"

enum { BODY_MAX = 1024 * 1024, FIELDS_MAX = 1 };

struct asking {
	struct courier *courier;
	struct tls_client_identity *web;
	struct arena *arena;
	deadline until;
};

static result ask(const struct asking *asking, str url, struct courier_answer *ret_answer)
{
	struct http_field at[FIELDS_MAX];
	struct http_fields fields = { .at = at, .max = FIELDS_MAX };

	TRY(http_fields_add(&fields, HTTP_ACCEPT, STR("Accept"), STR("application/json")));
	return courier_ask(asking->courier, asking->arena,
			   &(struct courier_request) { .url = url,
						       .method = HTTP_GET,
						       .fields = &fields,
						       .web = asking->web,
						       .until = asking->until,
						       .body_max = BODY_MAX },
			   ret_answer);
}

/* Cache-Control: max-age (RFC 9111 section 5.2.2.1). 0: nothing was said. */
static duration lifetime_of(const struct http_fields *fields)
{
	static const str name = STR_INIT("max-age=");
	str rest = http_fields_value(fields, HTTP_CACHE_CONTROL), directive;
	uint64_t seconds;

	while (str_next(&rest, ',', &directive))
		if (str_eq_nocase(str_slice(directive, 0, name.len), name) &&
		    str_to_u64(str_skip(directive, name.len), UINT64_MAX, &seconds))
			return seconds < (uint64_t)(DAY / SECOND) ? (duration)seconds * SECOND : DAY;
	return 0;
}

static result fetch_keys(const struct asking *asking, str url, struct key_set_fetched *ret_fetched)
{
	struct courier_answer answer;

	TRY(ask(asking, url, &answer));
	if (answer.status != 200)
		return error_make(ERROR_MALFORMED, "the answer is not 200");
	if (!answer.is_body_whole)
		return error_make(ERROR_MALFORMED, "the answer is too large, or broke off");
	TRY(jwk_set_parse(answer.body, &ret_fetched->keys));
	if (!jwk_set_count(ret_fetched->keys)) {
		jwk_set_unref(&ret_fetched->keys);
		return error_make(ERROR_MALFORMED, "none of the keys can verify a signature");
	}
	ret_fetched->content = answer.body;
	ret_fetched->lifetime = lifetime_of(&answer.fields);
	return OK;
}

/* ---- metadata ---- */

static result read_metadata(str issuer, const struct courier_answer *answer, struct arena *arena,
			    str *ret_url)
{
	struct operand metadata;

	if (answer->status != 200 || !answer->is_body_whole ||
	    failed(json_parse(arena, answer->body, &metadata)))
		return error_make(ERROR_MALFORMED, "the issuer's metadata cannot be had");
	if (!str_eq(json_find_text(&metadata, STR("issuer")), issuer))
		return error_make(ERROR_DENIED, "the metadata are another issuer's");
	*ret_url = json_find_text(&metadata, STR("jwks_uri"));
	if (!issuer_may_name(issuer, *ret_url))
		return error_make(ERROR_DENIED, "the metadata say no secure place for the keys");
	return OK;
}

static result discover(const struct asking *asking, str issuer, str *ret_url)
{
	struct courier_answer answer;

	TRY(ask(asking, issuer_metadata_url(asking->arena, issuer), &answer));
	if (answer.status >= 400 && answer.status < 500) /* it speaks OAuth alone, perhaps */
		TRY(ask(asking, issuer_oauth_metadata_url(asking->arena, issuer), &answer));
	return read_metadata(issuer, &answer, asking->arena, ret_url);
}

result key_fetch(struct courier *courier, struct tls_client_identity *web, const struct key_set *set,
		 struct arena *arena, deadline until, struct key_set_fetched *ret_fetched)
{
	const struct asking asking = { courier, web, arena, until };
	str url = key_set_url(set);

	*ret_fetched = (struct key_set_fetched) { 0 };
	if (key_set_origin(set) == KEYS_OF_ISSUER)
		TRY(discover(&asking, url, &url));
	return fetch_keys(&asking, url, ret_fetched);
}
