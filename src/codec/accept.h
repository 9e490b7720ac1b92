/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accept: the weights of an Accept-* field (RFC 9110 section 12.4.2): which of the words that a server has
 * to offer the client would rather get.
 */
#pragma once

#include "base/str.h"

enum {
	ACCEPT_MISSING = -1, /* the list says nothing of the word */
	ACCEPT_BEST = 1000,  /* q=1, also where no weight is given */
};

int accept_weight(str list, str word);
/* 0 (refused) to ACCEPT_BEST: what the list says of the word, case folded; of "*" when it does not name it;
 * ACCEPT_MISSING without either. A word that is listed twice has the lower weight, a weight that cannot be
 * understood is 0: in doubt nothing is sent that the client may not want. */
