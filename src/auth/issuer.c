/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/issuer.h"

#include "codec/url.h"

static str without_slash(str issuer)
{
	return str_ends(issuer, STR("/")) ? str_slice(issuer, 0, issuer.len - 1) : issuer;
}

str issuer_metadata_url(struct arena *arena, str issuer)
{
	str parts[] = { without_slash(issuer), STR("/.well-known/openid-configuration") };

	return arena_join(arena, parts, 2);
}

str issuer_oauth_metadata_url(struct arena *arena, str issuer)
{
	struct url url;

	if (url_parse(without_slash(issuer), &url))
		return (str) { 0 };
	return arena_join(
		arena, (str[]) { url.origin, STR("/.well-known/oauth-authorization-server"), url.target }, 3);
}

bool issuer_may_name(str issuer, str url)
{
	struct url parsed;

	return !url_parse(url, &parsed) && (parsed.is_secure || str_starts(issuer, STR("http://")));
}
