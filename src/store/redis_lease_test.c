/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases against a bucket that stands in for Redis: whatever several workers are asked for, no more gets in
 * than the burst and what the limit gives in the time and a period.
 */
#include "base/random.h"
#include "base/testing.h"
#include "store/redis_lease.h"

enum { WORKERS = 6 };

static const duration period = 100 * MILLISECOND;

/* What the script does, in memory. */
struct bucket {
	struct gcra gcra;
	unsigned __int128 paid; /* when all is */
	unsigned asked;
};

static struct redis_gcra_taken ask_bucket(struct bucket *bucket, deadline now, int64_t need, int64_t want)
{
	__int128 ticks = (__int128)now << 16, interval = (__int128)bucket->gcra.interval;
	__int128 used = (__int128)bucket->paid > ticks ? (__int128)bucket->paid - ticks : 0;
	int64_t there = (int64_t)(((__int128)bucket->gcra.whole - used) / interval);
	struct redis_gcra_taken taken = { .granted = there < want ? there : want };

	bucket->asked++;
	taken.standing.is_admitted = taken.granted >= need;
	if (!taken.standing.is_admitted)
		taken.granted = 0;
	used += taken.granted * interval;
	bucket->paid = (unsigned __int128)(ticks + (used > 0 ? used : 0));
	taken.standing.left = (uint64_t)(((__int128)bucket->gcra.whole - used) / interval);
	taken.standing.until_enough = -1;
	if (need <= (int64_t)bucket->gcra.burst)
		taken.standing.until_enough =
			(duration)((used + need * interval - (__int128)bucket->gcra.whole + 65535) >> 16);
	return taken;
}

static struct redis_lease_take take_of(const struct bucket *bucket, deadline now, int64_t cost)
{
	static const unsigned char key[REDIS_LEASE_KEY_LEN] = "0123456789abcdef";

	return (struct redis_lease_take) {
		.key = key, .gcra = &bucket->gcra, .period = period, .now = now, .cost = cost
	};
}

static bool admits(struct redis_leases *leases, struct bucket *bucket, deadline now, int64_t cost)
{
	struct redis_lease_take take = take_of(bucket, now, cost);
	struct redis_lease_asked asked;
	struct redis_gcra_taken taken;

	if (redis_lease_give(leases, &take, &taken.standing))
		return taken.standing.is_admitted;
	redis_lease_ask(leases, &take, &asked);
	taken = ask_bucket(bucket, now, asked.need, asked.want);
	redis_lease_keep(leases, &take, &asked, &taken);
	return taken.standing.is_admitted;
}

static struct bucket bucket_of(int64_t number, uint64_t burst)
{
	struct bucket bucket = { 0 };

	assert_true(gcra_make((struct rate) { number, SECOND }, burst, &bucket.gcra));
	return bucket;
}

/* In any stretch of time that ends at the last of them. */
static void assert_bounded(const deadline *times, size_t count, const struct bucket *bucket)
{
	for (size_t first = 0; first < count; first += 1 + count / 500) {
		unsigned __int128 time = (unsigned __int128)(times[count - 1] - times[first] + period) << 16;

		assert_true(count - first <=
			    bucket->gcra.burst + (uint64_t)(time / bucket->gcra.interval) + 1);
	}
}

static void several_workers_admit_no_more_than_the_limit(void **state)
{
	static const struct {
		int64_t number;
		uint64_t burst;
		duration pause; /* between two requests */
	} rows[] = {
		{ 1000, 1000, 50 * MICROSECOND }, { 1000, 1, 50 * MICROSECOND },
		{ 1000, 10, MILLISECOND },        { 10, 10, MILLISECOND },
		{ 100, 1000, 10 * MICROSECOND },  { 1000, 100, 10 * MILLISECOND },
	};
	static deadline times[200000];
	struct random random = { 1, 2 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bucket bucket = bucket_of(rows[i].number, rows[i].burst);
		struct redis_leases *leases[WORKERS];
		deadline now = SECOND;
		size_t count = 0, requests = 100000;

		for (size_t worker = 0; worker < WORKERS; worker++)
			leases[worker] = redis_leases_new();
		for (size_t request = 0; request < requests; request++, now += rows[i].pause)
			if (admits(leases[random_below(&random, WORKERS)], &bucket, now, 1)) {
				times[count++] = now;
				if (count % 1000 == 0)
					assert_bounded(times, count, &bucket);
			}
		assert_bounded(times, count, &bucket);
		assert_true(count > 0);
		for (size_t worker = 0; worker < WORKERS; worker++)
			redis_leases_free(&leases[worker]);
	}
}

static void a_busy_key_is_seldom_asked_for(void **state)
{
	struct bucket bucket = bucket_of(100000, 100000);
	struct redis_leases *leases = redis_leases_new();
	deadline now = SECOND;
	unsigned count = 0;

	(void)state;
	for (int i = 0; i < 50000; i++, now += 20 * MICROSECOND) /* for a second, half of the limit */
		count += admits(leases, &bucket, now, 1);
	assert_int_equal(count, 50000);
	assert_true(bucket.asked < 50);
	redis_leases_free(&leases);
}

static void a_key_that_comes_seldom_loses_nothing(void **state)
{
	struct bucket bucket = bucket_of(10, 10);
	struct redis_leases *leases[] = { redis_leases_new(), redis_leases_new(), redis_leases_new() };
	deadline now = SECOND;

	(void)state;
	for (int i = 0; i < 300; i++, now += 125 * MILLISECOND) /* eight a second, of ten */
		assert_true(admits(leases[i % 3], &bucket, now, 1));
	for (size_t i = 0; i < 3; i++)
		redis_leases_free(&leases[i]);
}

static void a_refusal_is_remembered_for_what_costs_as_much(void **state)
{
	struct bucket bucket = bucket_of(10, 10);
	struct redis_leases *leases = redis_leases_new();
	unsigned asked;

	(void)state;
	assert_true(admits(leases, &bucket, SECOND, 8));
	assert_false(admits(leases, &bucket, SECOND, 5));
	asked = bucket.asked;
	assert_false(admits(leases, &bucket, SECOND + 1, 5));
	assert_int_equal(bucket.asked, asked);
	assert_true(admits(leases, &bucket, SECOND + 2, 2));
	assert_false(admits(leases, &bucket, SECOND + 3, 11)); /* never */
	assert_false(admits(leases, &bucket, SECOND + 4, 1));
	assert_true(admits(leases, &bucket, 2 * SECOND + 4, 1));
	redis_leases_free(&leases);
}

/* Each has taken ahead 64, in steps of twice as much, and rests; then one takes all that there is before the
 * others come, who have what they did not need. */
static size_t admitted_with_a_rest(duration rest)
{
	struct bucket bucket = bucket_of(1000, 1000);
	struct redis_leases *leases[WORKERS];
	deadline now = SECOND;
	size_t count = 0;

	for (size_t worker = 0; worker < WORKERS; worker++)
		leases[worker] = redis_leases_new();
	for (size_t i = 0; i < 64 * WORKERS; i++)
		count += admits(leases[i % WORKERS], &bucket, now, 1);
	now += rest;
	for (size_t i = 0; i < 2000 * WORKERS; i++)
		count += admits(leases[i / 2000], &bucket, now, 1);
	for (size_t worker = 0; worker < WORKERS; worker++)
		redis_leases_free(&leases[worker]);
	return count;
}

/* Time gives everything back to everybody: what was left over must not be given back once more. */
static void a_rest_lets_in_no_more(void **state)
{
	(void)state;
	for (duration rest = 0; rest <= 4 * period; rest += period / 10)
		assert_in_range(admitted_with_a_rest(rest), 0,
				1000 + (size_t)((rest + period) / MILLISECOND) + 1);
	/* The burst is there again, and 64 of each were before. */
	assert_in_range(admitted_with_a_rest(20 * SECOND), 64 * WORKERS + 1000,
			64 * WORKERS + 1000 + 100 + 1);
}

/* Two ask at a time: what was left counts for one of them alone, and a failure leaves the other what is his.
 */
static void two_at_a_time(void **state)
{
	struct bucket bucket = bucket_of(100, 100);
	struct redis_leases *leases = redis_leases_new();
	struct redis_lease_take take = take_of(&bucket, SECOND, 1);
	struct redis_lease_asked first, second;
	struct redis_gcra_taken taken;

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_true(admits(leases, &bucket, SECOND, 1));
	take.now = SECOND + period;
	redis_lease_ask(leases, &take, &first);
	redis_lease_ask(leases, &take, &second);
	assert_true(first.credit > 0 && first.need == 1 - first.credit);
	assert_true(second.credit == 0 && second.need == 1 && second.want == 1);
	redis_lease_fail(leases, &take);
	taken = ask_bucket(&bucket, take.now, second.need, second.want);
	redis_lease_keep(leases, &take, &second, &taken);
	assert_true(taken.standing.is_admitted);
	assert_false(redis_lease_give(leases, &take, &taken.standing));
	redis_leases_free(&leases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_workers_admit_no_more_than_the_limit),
		cmocka_unit_test(a_busy_key_is_seldom_asked_for),
		cmocka_unit_test(a_key_that_comes_seldom_loses_nothing),
		cmocka_unit_test(a_refusal_is_remembered_for_what_costs_as_much),
		cmocka_unit_test(a_rest_lets_in_no_more),
		cmocka_unit_test(two_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
