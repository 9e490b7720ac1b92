/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script keeps "end:count". It has no calendar, so it reckons: years begin in March there, in which the
 * leap day is the last one, and months are 153 days to five. The first day of the next month is that of the
 * month in which the first day of this one and 31 more fall. Where the clock was put back over the end of a
 * window, the one that had begun goes on: nobody has two.
 */
#include "store/redis_quota.h"

/* ARGV: the window's seconds or 0, limit, cost, and of what is given back the window that it was taken of. */
const str redis_quota_source =
	STR_INIT("local time = redis.call('TIME')\n"
		 "local now, period = tonumber(time[1]), tonumber(ARGV[1])\n"
		 "local limit, cost = tonumber(ARGV[2]), tonumber(ARGV[3])\n"
		 "local floor = math.floor\n"
		 "local function month(day)\n"
		 "  local of_era = (day + 719468) % 146097\n"
		 "  local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524)\n"
		 "    - floor(of_era / 146096)) / 365)\n"
		 "  local of_year = of_era - 365 * year - floor(year / 4) + floor(year / 100)\n"
		 "  local of_march = floor((5 * of_year + 2) / 153)\n"
		 "  return day - of_year + floor((153 * of_march + 2) / 5)\n"
		 "end\n"
		 "local last = now - now % math.max(period, 1) + period\n"
		 "if period == 0 then last = month(month(floor(now / 86400)) + 31) * 86400 end\n"
		 "local used = 0\n"
		 "local at, count = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):(%d+)$')\n"
		 "local wait, after = (last - now) * 1000000 - time[2], last + period\n"
		 "if period == 0 then after = month(floor(last / 86400) + 31) * 86400 end\n"
		 "at = at and tonumber(at)\n"
		 "if at == after then last, wait = after, (after - last) * 1000000 end\n"
		 "if at == last then used = tonumber(count) end\n"
		 "local left = math.max(limit - used, 0)\n"
		 "if cost > left then return { 0, left, last, wait } end\n"
		 "if cost < 0 and tonumber(ARGV[4]) ~= last then cost = 0 end\n"
		 "if cost == 0 then return { 1, left, last, wait } end\n"
		 "used = math.max(used + cost, 0)\n"
		 "redis.call('SET', KEYS[1], string.format('%.0f:%.0f', last, used), 'EX', last - now + 60)\n"
		 "return { 1, math.max(limit - used, 0), last, wait }\n");

enum { ANSWERS = 4 };

bool redis_quota_read(const struct redis_quota_ask *ask, const struct redis_answer *answer,
		      struct redis_quota_taken *ret_taken)
{
	int64_t is_admitted = answer->at[0], left = answer->at[1], end = answer->at[2], wait = answer->at[3];

	if (answer->count != ANSWERS || is_admitted < 0 || is_admitted > 1 || left < 0 ||
	    (uint64_t)left > ask->limit || end <= 0 || end > INT64_MAX / SECOND)
		return false;
	ret_taken->window = quota_window_of(ask->period, (end - 1) * SECOND);
	if (ret_taken->window.end != end || wait <= 0 ||
	    wait > (end - ret_taken->window.begin) * (SECOND / MICROSECOND))
		return false; /* it is about no window of this quota */
	ret_taken->until_end = wait * MICROSECOND;
	ret_taken->standing = (struct quota_standing) { is_admitted, (uint64_t)left };
	return true;
}

/* A call under way. */
struct taking {
	const struct redis_quota_ask *ask;
	struct redis_quota_taken *taken;
};

static bool read_taken(void *self, const struct redis_answer *answer)
{
	const struct taking *taking = self;

	return redis_quota_read(taking->ask, answer, taking->taken);
}

result redis_quota_run(struct redis *redis, const struct redis_script *script,
		       const struct redis_quota_ask *ask, deadline until, struct redis_quota_taken *ret_taken)
{
	char digits[4][REDIS_NUMBER_MAX];
	str arguments[] = { redis_number(ask->period, digits[0]),
			    redis_number((int64_t)ask->limit, digits[1]), redis_number(ask->cost, digits[2]),
			    redis_number(ask->window, digits[3]) };
	struct taking taking = { ask, ret_taken };
	struct redis_call call = { script, &ask->key, 1, arguments, 4, read_taken, &taking };

	return redis_run(redis, &call, until);
}
