/* SPDX-License-Identifier: Apache-2.0 */
/* A service that does so much at once, and takes longer by as much as it has more: in time that is only
 * counted. */
#include "store/gradient.h"

#include "base/testing.h"

enum { UNDER_WAY_MAX = 2000, MOST = 1000 };

struct request {
	wall_time began, ends;
};

struct service {
	struct gradient gradient;
	wall_time now;
	duration time;     /* of a request, when it is not pressed */
	uint64_t capacity; /* at once */
	uint64_t demand;   /* clients that want something all the time */
	struct request at[UNDER_WAY_MAX];
	size_t count;
	uint64_t least, most; /* limits seen */
};

static void begin(struct service *service)
{
	uint64_t limit = gradient_limit(&service->gradient, MOST);

	while (service->count < limit && service->count < service->demand) {
		double load = (double)(service->count + 1) / (double)service->capacity;
		duration time = (duration)((double)service->time * (load > 1 ? load : 1));

		service->at[service->count++] = (struct request) { service->now, service->now + time };
	}
}

static struct request next_end(struct service *service)
{
	size_t next = 0;
	struct request request;

	for (size_t i = 1; i < service->count; i++)
		if (service->at[i].ends < service->at[next].ends)
			next = i;
	request = service->at[next];
	service->at[next] = service->at[--service->count];
	return request;
}

static void run(struct service *service, duration time)
{
	wall_time until = service->now + time;

	service->least = UINT64_MAX;
	service->most = 0;
	while (service->now < until) {
		uint64_t limit;
		struct request ended;

		begin(service);
		ended = next_end(service);
		service->now = ended.ends;
		gradient_add(&service->gradient, &(struct gradient_sample) { .began = ended.began,
									     .now = service->now,
									     .under_way = service->count + 1,
									     .most = MOST });
		limit = gradient_limit(&service->gradient, MOST);
		if (!service->gradient.is_probing && limit < service->least)
			service->least = limit;
		if (limit > service->most)
			service->most = limit;
	}
}

static void open_service(struct service *service, uint64_t capacity, duration time)
{
	*service = (struct service) {
		.now = 1000 * SECOND, .capacity = capacity, .time = time, .demand = UNDER_WAY_MAX - 1
	};
	gradient_init(&service->gradient);
}

/* Never less than the service can do, and not much more. */
static void assert_fits(const struct service *service)
{
	if (service->least < service->capacity || service->most > service->capacity * 17 / 10 + 20)
		fail_msg("limits from %llu to %llu for %llu", (unsigned long long)service->least,
			 (unsigned long long)service->most, (unsigned long long)service->capacity);
}

static void it_finds_what_a_service_can_do(void **state)
{
	static const struct {
		uint64_t capacity;
		duration time;
	} rows[] = {
		{ 10, 10 * MILLISECOND },   { 100, 100 * MILLISECOND }, { 50, 20 * MILLISECOND },
		{ 100, 300 * MILLISECOND }, { 200, 100 * MILLISECOND }, { 20, SECOND },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct service service;

		open_service(&service, rows[i].capacity, rows[i].time);
		run(&service, MINUTE);
		run(&service, 2 * MINUTE); /* and stays there */
		assert_fits(&service);
	}
}

static void it_comes_down_with_the_service_and_recovers(void **state)
{
	struct service service;

	(void)state;
	open_service(&service, 100, 50 * MILLISECOND);
	run(&service, MINUTE);
	service.capacity = 30;
	run(&service, 3 * SECOND);
	run(&service, 3 * MINUTE);
	assert_fits(&service);
	service.capacity = 100;
	run(&service, 10 * SECOND);
	run(&service, 3 * MINUTE);
	assert_fits(&service);
}

/* Twice as slow is twice as slow: at first it is taken for too much, and then for what it is. */
static void a_service_that_is_slower_for_good(void **state)
{
	struct service service;

	(void)state;
	open_service(&service, 100, 50 * MILLISECOND);
	run(&service, 45 * SECOND);
	service.time = 100 * MILLISECOND;
	run(&service, 4 * SECOND);
	assert_true(service.least < 20);
	run(&service, MINUTE);
	run(&service, MINUTE);
	assert_fits(&service);
	service.time = 50 * MILLISECOND;
	run(&service, MINUTE); /* faster for good is seen by the next probe */
	run(&service, MINUTE);
	assert_fits(&service);
}

/* Where there is little demand nothing is learnt of what could be more. */
static void it_does_not_grow_without_demand(void **state)
{
	struct service service;

	(void)state;
	open_service(&service, 100, 50 * MILLISECOND);
	service.demand = 5;
	run(&service, MINUTE);
	assert_int_equal(service.least, 20);
	assert_int_equal(service.most, 20);
	assert_false(service.gradient.is_probing);
}

static void bounds_hold(void **state)
{
	struct service service;

	(void)state;
	open_service(&service, 100000, 200 * MILLISECOND);
	run(&service, MINUTE);
	assert_int_equal(service.most, MOST);
	assert_int_equal(gradient_limit(&service.gradient, 7), 7);
	service.capacity = 1;
	run(&service, 10 * MINUTE);
	run(&service, MINUTE);
	assert_true(service.least >= GRADIENT_LEAST);
	assert_true(service.most <= 4 * GRADIENT_LEAST);
	assert_int_equal(gradient_limit(&service.gradient, 2), 2);
}

/* Samples of no time, of the time before, of a clock that was set back. */
static void odd_samples_do_no_harm(void **state)
{
	struct gradient gradient;

	(void)state;
	gradient_init(&gradient);
	for (int i = 0; i < 1000; i++) {
		gradient_add(&gradient, &(struct gradient_sample) { .began = (1000 + i) * SECOND,
								    .now = (1000 + i) * SECOND,
								    .under_way = 20,
								    .most = MOST });
		gradient_add(&gradient,
			     &(struct gradient_sample) {
				     .began = 0, .now = (500 - i) * SECOND, .under_way = 20, .most = MOST });
	}
	assert_true(gradient_limit(&gradient, MOST) >= GRADIENT_LEAST);
	assert_true(gradient_limit(&gradient, MOST) <= MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_finds_what_a_service_can_do),
		cmocka_unit_test(it_comes_down_with_the_service_and_recovers),
		cmocka_unit_test(a_service_that_is_slower_for_good),
		cmocka_unit_test(it_does_not_grow_without_demand),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(odd_samples_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
