/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: what the gateway would do with a request, told to people; by the same admission, router and
 * policies as live traffic, with nothing sent anywhere.
 *
 * It has no rules of its own. Where it and live traffic could differ (clock, random numbers, the client)
 * stands in one place, the rehearsal.
 */
#pragma once

#include <stdio.h>

#include "proxy/snapshot.h"

enum explained { EXPLAINED_MATCHED, EXPLAINED_NO_ROUTE, EXPLAINED_REFUSED };

enum explained explain_head(const struct snapshot *snapshot, str head, FILE *to);
/* head: a request's head as it would stand on the wire of the first listener. EXPLAINED_REFUSED when it is no
 * request that could be routed. */
