/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script keeps "microseconds:rest", since a double, which is what numbers are there, holds microseconds
 * since 1970 exactly and nanoseconds not. What is used of a burst is counted from now on, and so is small.
 * More than a whole burst is of a clock that was put back, or of a larger limit: it is cut once, and stays
 * so.
 */
#include "store/redis_gcra.h"

enum { FRACTION_BITS = 16, PER_MICROSECOND = 1000, FINE_PER_MICROSECOND = 1000000 };

static const int64_t number_max = INT64_C(9000000000000000000);

/* ARGV: units in a microsecond, units that one costs, units of the burst, need, want. */
const str redis_gcra_source =
	STR_INIT("local time = redis.call('TIME')\n"
		 "local now = time[1] * 1000000 + time[2]\n"
		 "local unit, interval, whole = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
		 "local need, want = tonumber(ARGV[4]), tonumber(ARGV[5])\n"
		 "local function keep(used)\n"
		 "  redis.call('SET', KEYS[1], string.format('%.0f:%.0f', now + math.floor(used / unit), "
		 "used % unit),\n"
		 "    'PX', string.format('%.0f', math.ceil(used / unit / 1000) + 1))\n"
		 "end\n"
		 "local used = 0\n"
		 "local at, rest = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):(%d+)$')\n"
		 "if at then\n"
		 "  used = math.max((at - now) * unit + rest, 0)\n"
		 "end\n"
		 "if used > whole then\n"
		 "  used = whole\n"
		 "  keep(used)\n"
		 "end\n"
		 "local granted = math.min(want, math.floor((whole - used) / interval))\n"
		 "if granted < need then return { 0, 0, used } end\n"
		 "if granted == 0 then return { 1, 0, used } end\n"
		 "used = math.max(used + granted * interval, 0)\n"
		 "if used == 0 then\n"
		 "  redis.call('DEL', KEYS[1])\n"
		 "else\n"
		 "  keep(used)\n"
		 "end\n"
		 "return { 1, granted, used }\n");

/* A limit in the script's units. */
struct scale {
	int64_t unit; /* in a microsecond */
	int64_t interval, whole;
};

/* What is too long to be told apart is cut to what a number holds. */
static int64_t bounded(unsigned __int128 number)
{
	return number > (unsigned __int128)number_max ? number_max : (int64_t)number;
}

static struct scale scale_of(const struct gcra *gcra)
{
	unsigned __int128 microsecond = (unsigned __int128)MICROSECOND << FRACTION_BITS;
	struct scale scale = { .unit = gcra->interval < microsecond ? FINE_PER_MICROSECOND
								    : PER_MICROSECOND };
	unsigned __int128 interval = gcra->interval * (unsigned __int128)(scale.unit / PER_MICROSECOND);

	interval = (interval + (1U << FRACTION_BITS) - 1) >> FRACTION_BITS;
	scale.interval = bounded(interval);
	scale.whole = bounded(interval * gcra->burst);
	return scale;
}

/* Rounded up: who waits so long finds it done. */
static duration duration_of(const struct scale *scale, int64_t units)
{
	int64_t per_nanosecond = scale->unit / PER_MICROSECOND;

	return units / per_nanosecond + (units % per_nanosecond > 0);
}

static struct rate_standing standing_of(const struct scale *scale, const struct redis_gcra_take *take,
					bool is_admitted, int64_t used)
{
	struct rate_standing standing = { .is_admitted = is_admitted,
					  .until_whole = duration_of(scale, used),
					  .until_enough = -1 };

	if (used < scale->whole)
		standing.left = (uint64_t)((scale->whole - used) / scale->interval);
	if (is_admitted || take->need > scale->whole / scale->interval)
		return standing;
	used -= scale->whole - take->need * scale->interval;
	standing.until_enough = duration_of(scale, used > 0 ? used : 0);
	return standing;
}

/* A call under way. */
struct taking {
	const struct redis_gcra_take *take;
	struct scale scale;
	struct redis_gcra_taken *taken;
};

static bool read_taken(void *self, const struct redis_answer *answer)
{
	const struct taking *taking = self;
	const struct redis_gcra_take *take = taking->take;
	int64_t is_admitted = answer->at[0], granted = answer->at[1], used = answer->at[2];

	if (answer->count != 3 || is_admitted < 0 || is_admitted > 1 || granted > take->want ||
	    granted < (is_admitted ? take->need : 0) || used < 0 || used > number_max)
		return false;
	taking->taken->granted = granted;
	taking->taken->standing = standing_of(&taking->scale, take, is_admitted, used);
	return true;
}

result redis_gcra_run(struct redis *redis, const struct redis_script *script,
		      const struct redis_gcra_take *take, deadline until, struct redis_gcra_taken *ret_taken)
{
	struct scale scale = scale_of(take->gcra);
	char digits[5][REDIS_NUMBER_MAX];
	str arguments[] = { redis_number(scale.unit, digits[0]), redis_number(scale.interval, digits[1]),
			    redis_number(scale.whole, digits[2]), redis_number(take->need, digits[3]),
			    redis_number(take->want, digits[4]) };
	struct taking taking = { take, scale, ret_taken };
	struct redis_call call = { script, &take->key, 1, arguments, 5, read_taken, &taking };

	return redis_run(redis, &call, until);
}
