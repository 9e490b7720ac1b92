/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found in a token and what is wanted, for who has a token in hand and wonders why it is refused.
 */
#include "auth/claims.h"
#include "codec/json.h"
#include "policy/fetch_trouble.h"
#include "policy/jwt_private.h"
#include "policy/token_parties.h"

static str said(const struct view *view, const struct jwt_found *found, const char *claim)
{
	str text = claims_text(&found->token->claims, str_of(claim), view->arena);

	return text.len ? text : STR("missing");
}

static void tell_issuer(const struct jwt *jwt, const struct view *view, const struct jwt_found *found)
{
	str *names = ARENA_ARRAY(view->arena, str, jwt->issuers.len);
	str_list list = { names, jwt->issuers.len };

	for (size_t i = 0; i < list.len; i++)
		names[i] = jwt->issuers.at[i].issuer;
	token_tell_issuer(view, "jwt", &found->token->claims, &list);
}

static void tell_type(const struct jwt *jwt, const struct view *view, const struct jwt_found *found)
{
	str want = arena_join_list(view->arena, &jwt->types, STR(", "));

	view_tell(view, TELL_DETAIL, "jwt: `typ` is %.*s, wanted %.*s",
		  STR_ARG(found->token->type.len ? found->token->type : STR("missing")), STR_ARG(want));
}

static void tell_times(const struct view *view, const struct jwt_found *found)
{
	str exp = said(view, found, "exp"), nbf = said(view, found, "nbf"), iat = said(view, found, "iat");

	view_tell(view, TELL_DETAIL, "jwt: it is %lld; `exp` is %.*s, `nbf` %.*s, `iat` %.*s",
		  (long long)(view_now(view) / SECOND), STR_ARG(exp), STR_ARG(nbf), STR_ARG(iat));
}

static void tell_keys(const struct view *view, const struct jwt_found *found, str kid)
{
	view_tell(view, TELL_DETAIL,
		  "jwt: `kid` is %.*s: no key of %.*s has that name and fits the algorithm",
		  STR_ARG(kid.len ? kid : STR("missing")), STR_ARG(found->issuer->issuer));
}

void jwt_tell(const struct jwt *jwt, const struct view *view, const struct jwt_found *found, str kid,
	      enum reason reason)
{
	if (!view->effects->hears_details)
		return;
	if (reason == REASON_TOKEN_ISSUER)
		tell_issuer(jwt, view, found);
	else if (reason == REASON_TOKEN_AUDIENCE)
		token_tell_audience(view, "jwt", &found->token->claims, &found->issuer->audiences);
	else if (reason == REASON_TOKEN_TYPE)
		tell_type(jwt, view, found);
	else if (reason == REASON_TOKEN_EXPIRED || reason == REASON_TOKEN_NOT_YET_VALID)
		tell_times(view, found);
	else if (reason == REASON_TOKEN_KEY_UNKNOWN)
		tell_keys(view, found, kid);
	else if (reason == REASON_AUTH_UNAVAILABLE)
		fetch_tell_supposed(view, "jwt", "the keys", found->issuer->issuer);
}
