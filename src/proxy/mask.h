/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mask: what is told of an exchange, by `explain`, the admin address and cases, without its secrets.
 *
 * A secret is what the files had from ${NAME} or ${file:PATH}, because that is where secrets are kept: it is
 * masked wherever it shows. They are gathered once, and nothing is made of them for each text that is told.
 * In URLs parameters are masked by their names, as in the access log. Rather too much is masked than too
 * little: whoever looks can see the files where they may.
 */
#pragma once

#include "base/map.h"
#include "policy/policy.h"

struct mask {
	const struct mask *base;             /* what this one masks is masked too; NULL: nothing */
	const struct policy_chain *policies; /* that were added last */
	str_list redact;                     /* of the access log */
	struct arena *arena;
	struct map known; /* secrets, each once */
	struct map begun; /* their first bytes: those that begin so */
};

void mask_init(struct mask *mask, const struct mask *base, str_list redact, struct arena *arena);
/* Masks nothing yet. The arena and the base must live as long; the arena has no bound of its own, as what is
 * taken goes by the files. */

void mask_add_node(struct mask *mask, const struct node *node);
/* What it and those beneath it had from outside; not what a default stood for. NULL: nothing. The node must
 * live as long as the mask. */

void mask_add_policies(struct mask *mask, const struct policy_chain *policies);
/* The same of their options. NULL: nothing. */

str mask_words(const struct mask *mask, str words, struct arena *arena);
/* With "***" for what was added, as it is, percent-encoded, or escaped as in JSON or in the log; also for the
 * beginning of it at the end of the words. What overlaps or touches is masked as one. Not for less than four
 * bytes. */

str mask_query(const struct mask *mask, str query, struct arena *arena);
/* The values of parameters whose names are those of secrets; escaped as in the access log. */

str mask_url(const struct mask *mask, str url, struct arena *arena);
/* The same of a whole URL, and without userinfo and fragment. */

bool mask_is_for_all(const struct mask *mask);
/* Whether what the policies have written into a URL may be a credential: one of them takes something from
 * outside, from a field or parameter of the request, or from a consumer's label. */
