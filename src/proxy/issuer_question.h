/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issuer_question: what an exchange asks of issuers while it waits: keys anew, and URLs of their metadata.
 */
#pragma once

#include "policy/policy.h"

result issuer_refresh_keys(void *self, struct view *view, struct key_set *keys, duration time);
/* effects.refresh_keys of an exchange. Yields. */

result issuer_fetch_url(void *self, struct view *view, const struct url_request *request,
			struct fetch_answer *ret_answer);
/* effects.fetch_url. Yields. */
