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

struct explain_question {
	struct snapshot *snapshot;
	const struct rehearsal_request *request;
	wall_time now;                                                /* as if it came then */
	const struct stand_in *(*stand_in)(void *self, str upstream); /* see rehearsal_options */
	void *self;
};

enum explained explain_request(const struct explain_question *question, FILE *to);
/* EXPLAINED_REFUSED when it is no request that could be routed. */
