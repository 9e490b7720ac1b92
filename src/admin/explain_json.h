/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_json: an explanation as JSON, without secrets (proxy/mask.h), as `gatehouse explain` prints it.
 */
#pragma once

#include "admin/request.h"
#include "proxy/explain.h"

result explain_json_answer(struct admin_request *request, str method, str url, const struct explanation *told,
			   struct arena *arena);
/* Yields. url: as it was asked. The arena, without a bound, is for what is made on the way. */
