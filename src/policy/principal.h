/* SPDX-License-Identifier: Apache-2.0 */
/*
 * principal: who asks, as an authentication found out; for whoever authenticates to fill.
 *
 * Everything lives in the exchange's arena or the snapshot.
 */
#pragma once

#include "policy/operand.h"

struct principal {
	str consumer;                  /* empty: nobody that the configuration knows */
	struct operand groups, labels; /* of the consumer: a list of texts, a map of texts; or missing */
	struct operand claims;         /* a map of whatever the token says; or missing */
	str certificate_subject;       /* empty: there was no certificate */
};
