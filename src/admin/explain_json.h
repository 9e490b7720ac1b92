/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_json: an explanation as JSON, without secrets.
 *
 * In URLs, values are masked as in the log. What policies have put there is masked as a whole where one of
 * them takes something from outside, from a field or parameter of the request, or from a consumer's label: it
 * may be a credential. In the words of policies, what was taken from outside is masked. Better too much than
 * too little, as with the configuration (config_json.h).
 */
#pragma once

#include "admin/request.h"
#include "proxy/explain.h"

result explain_json_answer(struct admin_request *request, str method, str url,
			   const struct explanation *told);
/* Yields. url: as it was asked. */
