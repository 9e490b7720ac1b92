/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/oauth_client.h"

#include "codec/base64.h"
#include "policy/value.h"

enum { ENCODED = 3 }; /* bytes for one, at most, where it is written as %XX */

/* Both are in the form's coding before they are joined, or a colon in one would be the other's. */
str oauth_client_authorization(struct arena *arena, str id, str secret)
{
	struct buf pair = arena_open(arena, ENCODED * (id.len + secret.len) + 1), out;
	struct base64_encoder encoder = { 0 };
	str rest;

	value_put_encoded(&pair, id);
	buf_put_char(&pair, ':');
	value_put_encoded(&pair, secret);
	rest = arena_close(arena, &pair);
	out = arena_open(arena, sizeof "Basic " + (rest.len / BASE64_GROUP_BYTES + 1) * BASE64_GROUP);
	buf_put(&out, STR("Basic "));
	base64_encode(&encoder, &rest, &out);
	base64_encode_end(&encoder, &out);
	return arena_close(arena, &out);
}

result oauth_client_fields(struct http_fields *fields, str authorization)
{
	TRY(http_fields_add(fields, HTTP_CONTENT_TYPE, STR("Content-Type"),
			    STR("application/x-www-form-urlencoded")));
	TRY(http_fields_add(fields, HTTP_ACCEPT, STR("Accept"), STR("application/json")));
	return authorization.len
		       ? http_fields_add(fields, HTTP_AUTHORIZATION, STR("Authorization"), authorization)
		       : OK;
}

void oauth_put_parameter(struct buf *out, const char *name, str value)
{
	if (out->len)
		buf_put_char(out, '&');
	buf_put(out, str_of(name));
	buf_put_char(out, '=');
	value_put_encoded(out, value);
}
