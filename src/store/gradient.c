/* SPDX-License-Identifier: Apache-2.0 */
#include "store/gradient.h"

#include <math.h>

enum { FIRST_LIMIT = 20, SAMPLES = 10 };

static const duration window_least = 100 * MILLISECOND, window_most = 5 * SECOND, probe_every = 30 * SECOND;
static const double tolerance = 1.25, probed_share = 0.25, base_share = 0.125;

void gradient_init(struct gradient *gradient)
{
	*gradient = (struct gradient) { .limit = FIRST_LIMIT };
}

uint64_t gradient_limit(const struct gradient *gradient, uint64_t most)
{
	double share = gradient->is_probing ? probed_share : 1;
	uint64_t limit = (uint64_t)(gradient->limit * share);

	if (limit < GRADIENT_LEAST)
		limit = GRADIENT_LEAST;
	return limit < most ? limit : most;
}

static double within(double value, double least, double most)
{
	return value < least ? least : value > most ? most : value;
}

static void move_limit(struct gradient *gradient, double time, uint64_t most)
{
	double slope = within(tolerance * gradient->base / time, 0.5, 1);
	double limit = gradient->limit * slope + sqrt(gradient->limit);

	gradient->limit = within(limit, (double)GRADIENT_LEAST, (double)most);
}

/* The base goes down at once, and up by a share of the way. */
static void see_base(struct gradient *gradient, double time, double share, wall_time now)
{
	if (!gradient->base || time < gradient->base)
		gradient->base = time;
	else
		gradient->base += (time - gradient->base) * share;
	gradient->seen = now;
}

static bool is_pressed(const struct gradient *gradient)
{
	return (double)gradient->peak * 2 > gradient->limit;
}

static void learn(struct gradient *gradient, wall_time now, uint64_t most)
{
	double time = gradient->sum / (double)gradient->samples;

	if (gradient->is_probing) {
		see_base(gradient, time, 1, now);
	} else if (!gradient->base || !is_pressed(gradient)) {
		see_base(gradient, time, base_share, now);
	} else {
		if (time < gradient->base)
			gradient->base = time;
		move_limit(gradient, time, most);
	}
}

static void begin_window(struct gradient *gradient, wall_time now)
{
	gradient->is_probing = !gradient->is_probing && now - gradient->seen >= probe_every;
	gradient->began = now;
	gradient->sum = 0;
	gradient->samples = 0;
	gradient->peak = 0;
}

/* Not before what the last change of the limit has led to can be seen. */
static bool is_window_over(const struct gradient *gradient, wall_time now)
{
	duration age = now - gradient->began;

	if (age >= window_most)
		return true;
	return age >= window_least && gradient->samples >= SAMPLES &&
	       (double)age >= gradient->sum / (double)gradient->samples;
}

void gradient_add(struct gradient *gradient, const struct gradient_sample *sample)
{
	duration time = sample->now - sample->began;

	if (time > 0 && !(gradient->is_probing && sample->began < gradient->began)) {
		gradient->sum += (double)time;
		gradient->samples++;
	}
	if (sample->under_way > gradient->peak)
		gradient->peak = sample->under_way;
	if (!gradient->began || sample->now < gradient->began) /* the clock was set back */
		gradient->began = gradient->seen = sample->now;
	if (!is_window_over(gradient, sample->now))
		return;
	if (gradient->samples)
		learn(gradient, sample->now, sample->most);
	begin_window(gradient, sample->now);
}
