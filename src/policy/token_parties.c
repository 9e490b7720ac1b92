/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/token_parties.h"

#include "auth/claims.h"

bool audience_is_any(const str_list *audiences)
{
	return audiences->len == 1 && str_eq(audiences->at[0], STR("any"));
}

bool token_is_from(const struct operand *claims, str issuer)
{
	struct operand name = json_find(claims, STR("iss"));

	return name.kind == OPERAND_STRING && str_eq(name.text, issuer);
}

static void tell(const struct view *view, const char *policy, const struct operand *claims, const char *claim,
		 const str_list *wanted)
{
	str is, want;

	if (!view->effects->hears_details)
		return;
	is = claims_text(claims, str_of(claim), view->arena);
	want = arena_join_list(view->arena, wanted, STR(", "));
	view_tell(view, TELL_DETAIL, "%s: `%s` is %.*s, wanted %.*s", policy, claim,
		  STR_ARG(is.len ? is : STR("missing")), STR_ARG(want));
}

void token_tell_issuer(const struct view *view, const char *policy, const struct operand *claims,
		       const str_list *wanted)
{
	tell(view, policy, claims, "iss", wanted);
}

void token_tell_audience(const struct view *view, const char *policy, const struct operand *claims,
			 const str_list *wanted)
{
	tell(view, policy, claims, "aud", wanted);
}
