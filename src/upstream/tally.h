/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally: what a row of checks says of an endpoint: nothing, that it is well, or that it is not.
 *
 * Of one that nobody knows yet the first check decides, either way. After that one check alone changes
 * nothing: so many in a row must say otherwise, or an endpoint at its limit would come and go all the time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum tally_word { TALLY_UNKNOWN, TALLY_HEALTHY, TALLY_UNHEALTHY };

struct tally {
	enum tally_word word;
	uint32_t against; /* checks in a row that say otherwise */
};

struct tally_limits {
	uint32_t healthy_after, unhealthy_after;
};

bool tally_hear(struct tally *tally, const struct tally_limits *limits, bool has_passed);
/* Another check. Whether the word has changed. */
