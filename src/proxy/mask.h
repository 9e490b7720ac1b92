/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mask: what is told of an exchange, by `explain`, the admin address and cases, without its secrets.
 *
 * A secret is what the files had from ${NAME} or ${file:PATH}, because that is where secrets are kept: it is
 * masked wherever it shows. In URLs parameters are masked by their names, as in the access log. Rather too
 * much is masked than too little: whoever looks can see the files where they may.
 */
#pragma once

#include "policy/policy.h"

enum { MASK_NODES = 2 };

struct mask {
	const struct policy_chain *policies;  /* that ran; NULL: none */
	const struct node *nodes[MASK_NODES]; /* of the files, that went into it as well; NULL: nothing */
	str_list redact;                      /* of the access log */
};

str mask_words(const struct mask *mask, str words, struct arena *arena);
/* With "***" for what the policies and the nodes had from outside, as it is or percent-encoded; also for the
 * beginning of it at the end of the words. Not for less than four bytes. */

str mask_query(const struct mask *mask, str query, struct arena *arena);
/* The values of parameters whose names are those of secrets; escaped as in the access log. */

str mask_url(const struct mask *mask, str url, struct arena *arena);
/* The same of a whole URL, and without userinfo and fragment. */

bool mask_is_for_all(const struct mask *mask);
/* Whether what the policies have written into a URL may be a credential: one of them takes something from
 * outside, from a field or parameter of the request, or from a consumer's label. */
