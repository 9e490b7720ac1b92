/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: what the gateway would do with a request, told to people; by the same admission, router and
 * policies as live traffic, with nothing sent anywhere.
 *
 * It has no rules of its own, and no way of its own to run an exchange: see rehearsal.h.
 */
#pragma once

#include <stdio.h>

#include "proxy/rehearsal.h"

enum explained { EXPLAINED_MATCHED, EXPLAINED_NO_ROUTE, EXPLAINED_REFUSED };

enum explained explain_request(struct snapshot *snapshot, const struct rehearsal_request *request,
			       wall_time now, FILE *to);
/* As if it came now. EXPLAINED_REFUSED when it is no request that could be routed. */
