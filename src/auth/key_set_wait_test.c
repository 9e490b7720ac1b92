/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for keys: fibers of several threads, one that fetches, and those that have gone before it is
 * over.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "auth/key_set.h"
#include "base/testing.h"
#include "fiber/testing.h"

enum { THREADS = 3, WAITERS = 50 };

static struct jwk_set *secret_of(const char *text)
{
	return jwk_set_from_secret(STR(""), str_of(text));
}

static void end_with(struct key_set *set, const char *secret)
{
	const struct key_set_fetched fetched = { .keys = secret ? secret_of(secret) : NULL,
						 .content = str_of(secret) };

	key_set_end(set, &fetched, time_monotonic());
}

static void count(void *owner)
{
	atomic_fetch_add((atomic_int *)owner, 1);
}

struct scene {
	struct key_sets *sets;
	struct key_set *set;
	atomic_int wanted, finished;
};

static void scene_begin(struct scene *scene)
{
	*scene = (struct scene) { .sets = key_sets_new() };
	assert_false(failed(key_sets_get(scene->sets, KEYS_AT_URL, STR("https://a.test/keys"), &scene->set)));
	key_sets_tell(scene->sets, count, &scene->wanted);
}

static void scene_end(struct scene *scene)
{
	key_set_unref(&scene->set);
	key_sets_free(&scene->sets);
}

/* ---- when a fetch may begin ---- */

static void a_set_is_due_at_first_and_then_in_time(void **state)
{
	struct scene scene;
	deadline now = time_monotonic();

	(void)state;
	scene_begin(&scene);
	assert_true(key_set_begin(scene.set, now));
	assert_false(key_set_begin(scene.set, now)); /* it is under way */
	end_with(scene.set, "one");
	assert_false(key_set_is_failing(scene.set));
	assert_false(key_set_begin(scene.set, now));
	assert_true(key_set_begin(scene.set, now + HOUR + SECOND));
	end_with(scene.set, NULL);
	assert_true(key_set_is_failing(scene.set));
	assert_int_not_equal(key_set_version(scene.set), 0); /* the last ones hold on */
	assert_false(key_set_begin(scene.set, time_monotonic()));
	assert_true(key_set_begin(scene.set, time_monotonic() + 2 * SECOND)); /* and again, soon */
	end_with(scene.set, "one");
	assert_false(key_set_is_failing(scene.set));
	scene_end(&scene);
}

static void the_same_keys_are_no_change(void **state)
{
	struct scene scene;
	uint64_t version;

	(void)state;
	scene_begin(&scene);
	assert_true(key_set_begin(scene.set, time_monotonic()));
	end_with(scene.set, "one");
	version = key_set_version(scene.set);
	assert_true(key_set_begin(scene.set, time_monotonic() + DAY));
	end_with(scene.set, "one");
	assert_int_equal(key_set_version(scene.set), version);
	assert_true(key_set_begin(scene.set, time_monotonic() + DAY));
	end_with(scene.set, "two");
	assert_int_not_equal(key_set_version(scene.set), version);
	scene_end(&scene);
}

static void stale_keys_do_not_hold_for_ever(void **state)
{
	const struct key_set_fetched nothing = { 0 };
	struct scene scene;
	deadline later = time_monotonic() + KEY_SET_STALE + MINUTE;

	(void)state;
	scene_begin(&scene);
	assert_true(key_set_begin(scene.set, time_monotonic()));
	end_with(scene.set, "one");
	assert_true(key_set_begin(scene.set, later));
	key_set_end(scene.set, &nothing, later);
	assert_int_equal(key_set_version(scene.set), 0);
	assert_null(key_set_take(scene.set));
	scene_end(&scene);
}

/* ---- who waits ---- */

struct asking {
	struct scene *scene;
	struct loop *loop;
	duration patience;
	struct fiber *fiber;
	result_value got;
	bool is_over;
};

static void ask(struct fiber *self, void *argument)
{
	struct asking *asking = argument;

	asking->fiber = self;
	asking->got = key_set_wait(asking->scene->set, asking->loop, self,
				   deadline_after(time_monotonic(), asking->patience));
	asking->is_over = true;
}

static void nobody_waits_for_what_may_not_begin(void **state)
{
	struct scene scene;
	struct world world;
	struct asking asking = { .scene = &scene, .patience = HOUR };

	(void)state;
	scene_begin(&scene);
	world_open(&world);
	asking.loop = world.loop;
	assert_true(key_set_begin(scene.set, time_monotonic()));
	end_with(scene.set, "one");
	world_start(&world, ask, &asking); /* this one may have it begin */
	assert_false(asking.is_over);
	assert_int_equal(scene.wanted, 1);
	assert_true(key_set_begin(scene.set, time_monotonic()));
	end_with(scene.set, "one");
	world_run(&world);
	assert_true(asking.is_over && !failed(asking.got));
	asking.is_over = false;
	world_start(&world, ask, &asking); /* and none so soon after it */
	assert_true(asking.is_over && !failed(asking.got));
	assert_int_equal(scene.wanted, 1);
	world_close(&world);
	scene_end(&scene);
}

static void who_has_gone_is_not_woken(void **state)
{
	struct scene scene;
	struct world world;
	struct asking late = { .scene = &scene, .patience = 0 }, gone = { .scene = &scene, .patience = HOUR };

	(void)state;
	scene_begin(&scene);
	world_open(&world);
	late.loop = gone.loop = world.loop;
	world_start(&world, ask, &late);
	world_start(&world, ask, &gone);
	while (!late.is_over)
		world_turn(&world);
	assert_int_equal(late.got.kind, ERROR_TIMEOUT);
	assert_false(gone.is_over);
	assert_true(key_set_begin(scene.set, time_monotonic()));
	end_with(scene.set, "one"); /* a post is on its way to who then goes */
	fiber_cancel(gone.fiber);
	world_run(&world);
	world_turn(&world);
	assert_true(gone.is_over);
	world_close(&world);
	scene_end(&scene);
}

static void who_waits_makes_it_urgent(void **state)
{
	struct scene scene;
	struct world world;
	struct asking asking = { .scene = &scene, .patience = HOUR };
	const struct key_set_fetched nothing = { 0 };
	deadline now = time_monotonic();

	(void)state;
	scene_begin(&scene);
	world_open(&world);
	asking.loop = world.loop;
	assert_true(str_eq(key_set_authority(scene.set), STR("a.test")));
	assert_int_equal(key_set_need(scene.set, now), KEYS_DUE);
	world_start(&world, ask, &asking);
	assert_int_equal(key_set_need(scene.set, now), KEYS_AWAITED);
	assert_true(key_set_begin(scene.set, now));
	assert_int_equal(key_set_need(scene.set, now), KEYS_NOT_NEEDED); /* it is under way */
	key_set_end(scene.set, &nothing, now - MINUTE);
	world_run(&world);
	assert_int_equal(key_set_need(scene.set, now - MINUTE), KEYS_NOT_NEEDED);
	assert_int_equal(key_set_need(scene.set, now), KEYS_DUE_AGAIN);
	world_start(&world, ask, &asking);
	assert_int_equal(key_set_need(scene.set, now), KEYS_AWAITED_AGAIN);
	assert_true(key_set_begin(scene.set, now));
	end_with(scene.set, "one");
	world_run(&world);
	assert_int_equal(key_set_need(scene.set, time_monotonic()), KEYS_NOT_NEEDED);
	assert_int_equal(key_set_need(scene.set, now + DAY), KEYS_DUE);
	world_close(&world);
	scene_end(&scene);
}

/* Two of three, from the front to the end of those who wait: the others are woken all the same. */
static void who_goes_takes_nobody_along(void **state)
{
	struct scene scene;
	struct world world;
	struct asking askings[WAITERS];
	size_t left = 0, gone = 0;

	(void)state;
	scene_begin(&scene);
	world_open(&world);
	for (size_t i = 0; i < WAITERS; i++) {
		askings[i] = (struct asking) { .scene = &scene, .loop = world.loop, .patience = HOUR };
		world_start(&world, ask, &askings[i]);
	}
	for (size_t i = WAITERS; i-- > 0;) /* who came last stands first, and his neighbour goes after him */
		if (i % 3 != 1)
			fiber_cancel(askings[i].fiber);
	world_turn(&world);
	for (size_t i = 0; i < WAITERS; i++) {
		assert_int_equal(askings[i].is_over, i % 3 != 1);
		gone += askings[i].is_over;
	}
	assert_true(key_set_begin(scene.set, time_monotonic()));
	end_with(scene.set, "one");
	world_run(&world);
	for (size_t i = 0; i < WAITERS; i++) {
		assert_true(askings[i].is_over);
		left += !failed(askings[i].got);
	}
	assert_int_equal(left, WAITERS - gone);
	world_close(&world);
	scene_end(&scene);
}

/* ---- several threads ---- */

static void *run_thread(void *argument)
{
	struct scene *scene = argument;
	struct asking askings[WAITERS];
	struct world world;
	size_t refused = 0;

	world_open(&world);
	for (size_t i = 0; i < WAITERS; i++) {
		askings[i] = (struct asking) { .scene = scene,
					       .loop = world.loop,
					       .patience = i % 10 ? HOUR : MILLISECOND };
		world_start(&world, ask, &askings[i]);
	}
	world_run(&world);
	for (size_t i = 0; i < WAITERS; i++)
		refused += failed(askings[i].got) && i % 10;
	world_close(&world);
	atomic_fetch_add(&scene->finished, 1);
	return refused ? scene : NULL;
}

static void all_of_all_threads_are_woken(void **state)
{
	struct scene scene;
	pthread_t threads[THREADS];
	void *refused;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		scene_begin(&scene);
		for (size_t i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &scene), 0);
		assert_true(key_set_begin(scene.set, time_monotonic()));
		end_with(scene.set, "one");
		while (atomic_load(&scene.finished) < THREADS) /* who came after that one asks for another */
			if (key_set_begin(scene.set, time_monotonic()))
				end_with(scene.set, "two");
		for (size_t i = 0; i < THREADS; i++) {
			assert_int_equal(pthread_join(threads[i], &refused), 0);
			assert_null(refused);
		}
		scene_end(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_is_due_at_first_and_then_in_time),
		cmocka_unit_test(the_same_keys_are_no_change),
		cmocka_unit_test(stale_keys_do_not_hold_for_ever),
		cmocka_unit_test(nobody_waits_for_what_may_not_begin),
		cmocka_unit_test(who_has_gone_is_not_woken),
		cmocka_unit_test(who_waits_makes_it_urgent),
		cmocka_unit_test(who_goes_takes_nobody_along),
		cmocka_unit_test(all_of_all_threads_are_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
