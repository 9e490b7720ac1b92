/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gradient: how many requests at once a service can do with, learnt from how long they take.
 *
 * A service that has more than it can do at once does not do more: it takes longer. So the time that requests
 * take is held against the time that they take when the service is not pressed (the base): where it is more
 * than a quarter longer, the limit goes down by as much, by half at most; and each time a little is added to
 * it, its square root, so that it finds out when there could be more. That is done for windows of a tenth of
 * a second, or as much longer as a request takes, or ten of them come.
 *
 * The base is seen whenever less than half of the limit is in use. Where that has not been so for half a
 * minute, the limit is a quarter of itself until ten requests that began since have told it: a service that
 * has become slower for good is not taken for one that is pressed, nor the other way round.
 */
#pragma once

#include "base/time.h"

#define GRADIENT_LEAST UINT64_C(4) /* what a limit does not go below */

struct gradient {
	double limit;
	double base; /* nanoseconds; 0: not known yet */
	/* The window. */
	wall_time began; /* 0: with the first sample */
	double sum;      /* of the times of so many samples */
	uint64_t samples, peak;
	wall_time seen;  /* when the base was */
	bool is_probing; /* the window is one with a quarter of the limit */
};

/* One request that was answered. */
struct gradient_sample {
	wall_time began, now;
	uint64_t under_way; /* together with it */
	uint64_t most;      /* what the limit must not exceed */
};

void gradient_init(struct gradient *gradient);

uint64_t gradient_limit(const struct gradient *gradient, uint64_t most);
/* At this moment; at most `most`. */

void gradient_add(struct gradient *gradient, const struct gradient_sample *sample);
/* What began before the window of a probe says nothing in it; what took no time says nothing at all. */
