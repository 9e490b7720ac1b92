/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/tally.h"

static uint32_t needed(const struct tally *tally, const struct tally_limits *limits)
{
	switch (tally->word) {
	case TALLY_HEALTHY:
		return limits->unhealthy_after;
	case TALLY_UNHEALTHY:
		return limits->healthy_after;
	case TALLY_UNKNOWN:
	default:
		return 1;
	}
}

bool tally_hear(struct tally *tally, const struct tally_limits *limits, bool has_passed)
{
	enum tally_word says = has_passed ? TALLY_HEALTHY : TALLY_UNHEALTHY;

	if (says == tally->word) {
		tally->against = 0;
		return false;
	}
	if (++tally->against < needed(tally, limits))
		return false;
	*tally = (struct tally) { .word = says };
	return true;
}
