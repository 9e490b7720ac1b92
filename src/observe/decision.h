/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decision: what one policy did with one request, as the metrics count it and explain tells it.
 */
#pragma once

enum decision {
	DECISION_CONTINUE, /* it ran and let the request go on */
	DECISION_ANSWER,   /* it answered itself: refusals, redirects, preflights */
	DECISION_REPORT,   /* it would have answered, but for `report: true` */
	DECISION_SKIP,     /* its `when` did not hold */
	DECISIONS,
};

extern const char *const decision_words[DECISIONS];
/* The index is that of the enumeration. */
