/* SPDX-License-Identifier: Apache-2.0 */
/* One thread first: bounds, the order of a queue, every way out of it. Then several, each with a loop. */
#include "store/slot_table.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/testing.h"
#include "fiber/testing.h"

enum { FEW_KEYS = 1024 };

/* ---- without a queue ---- */

static void as_many_as_may_and_no_more(void **state)
{
	struct slot_table *table = slot_table_new(FEW_KEYS);
	struct slot_wish wish = { .key = 7, .limit = 3 }, other = { .key = 8, .limit = 1 };
	struct slot slots[3], one;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 3; i++)
			assert_true(slot_take(table, &wish, &slots[i]));
		assert_false(slot_take(table, &wish, &one));
		assert_true(slot_take(table, &other, &one));
		assert_int_equal(slot_table_counts(table).taken, 4);
		slot_give_back(&slots[1]);
		assert_true(slot_take(table, &wish, &slots[1]));
		for (size_t i = 0; i < 3; i++)
			slot_give_back(&slots[i]);
		slot_give_back(&one);
		assert_int_equal(slot_table_counts(table).taken, 0);
	}
	slot_table_free(&table);
}

/* What another configuration says holds at once for those that come, and for nobody who is there. */
static void a_limit_may_change(void **state)
{
	struct slot_table *table = slot_table_new(FEW_KEYS);
	struct slot_wish wish = { .key = 7, .limit = 3 };
	struct slot slots[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_true(slot_take(table, &wish, &slots[i]));
	wish.limit = 2;
	slot_give_back(&slots[0]);
	assert_false(slot_take(table, &wish, &slots[0]));
	slot_give_back(&slots[1]);
	assert_true(slot_take(table, &wish, &slots[0]));
	slot_give_back(&slots[0]);
	slot_give_back(&slots[2]);
	slot_table_free(&table);
}

/* Keys are many, and each is gone when nobody has a slot of it. All of one part here. */
static void keys_make_room_for_others(void **state)
{
	struct slot_table *table = slot_table_new(FEW_KEYS);
	struct slot slots[FEW_KEYS / 256], one;

	(void)state;
	for (uint64_t round = 0; round < 100; round++) {
		for (uint64_t i = 0; i < COUNT_OF(slots); i++)
			assert_true(slot_take(table,
					      &(struct slot_wish) { .key = (round * 8 + i) << 8, .limit = 1 },
					      &slots[i]));
		assert_false(slot_take(table, &(struct slot_wish) { .key = 0xffffff00, .limit = 1 }, &one));
		for (size_t i = 0; i < COUNT_OF(slots); i++)
			slot_give_back(&slots[i]);
	}
	slot_table_free(&table);
}

/* ---- queues ---- */

/* A table with one slot, which is taken, and those who want it. */
struct scene {
	struct world world;
	struct slot_table *table;
	struct slot_inbox inbox;
	struct slot held;
	char order[64]; /* a letter for each who was served; '!' before one who was not, '-' who was late */
};

struct actor {
	struct scene *scene;
	struct fiber *fiber;
	struct slot_wish wish;
	deadline until;
	char name;
	bool keeps; /* does not give back */
	struct slot slot;
};

static void note(struct scene *scene, char letter)
{
	scene->order[strlen(scene->order)] = letter;
}

static void act(struct fiber *self, void *argument)
{
	struct actor *actor = argument;
	struct scene *scene = actor->scene;
	result_value waited;

	actor->fiber = self;
	waited = slot_wait(scene->table, &actor->wish, &scene->inbox, self, actor->until, &actor->slot);
	if (failed(waited))
		note(scene, waited.kind == ERROR_LIMIT ? '!' : waited.kind == ERROR_TIMEOUT ? '-' : '*');
	note(scene, actor->name);
	if (!failed(waited) && !actor->keeps)
		slot_give_back(&actor->slot);
}

static void scene_open(struct scene *scene)
{
	*scene = (struct scene) { .table = slot_table_new(FEW_KEYS) };
	world_open(&scene->world);
	scene->inbox.loop = scene->world.loop;
	assert_true(slot_take(scene->table, &(struct slot_wish) { .key = 1, .limit = 1 }, &scene->held));
}

static void scene_close(struct scene *scene, const char *order)
{
	world_run(&scene->world);
	assert_string_equal(scene->order, order);
	assert_int_equal(slot_table_counts(scene->table).taken, 0);
	assert_int_equal(slot_table_counts(scene->table).waiting, 0);
	world_close(&scene->world);
	slot_table_free(&scene->table);
}

static struct actor actor_of(struct scene *scene, char name, int64_t priority)
{
	return (struct actor) { .scene = scene,
				.name = name,
				.wish = { .key = 1, .limit = 1, .queue = 3, .priority = priority },
				.until = DEADLINE_NEVER };
}

static void who_comes_first_is_served_first(void **state)
{
	struct scene scene;
	struct actor actors[3];

	(void)state;
	scene_open(&scene);
	for (size_t i = 0; i < 3; i++) {
		actors[i] = actor_of(&scene, (char)('a' + i), 0);
		world_start(&scene.world, act, &actors[i]);
	}
	assert_int_equal(slot_table_counts(scene.table).waiting, 3);
	assert_string_equal(scene.order, "");
	slot_give_back(&scene.held);
	scene_close(&scene, "abc");
}

/* Who finds the queue full goes, unless its priority is greater than the last one's. */
static void priorities_go_first_and_stay_longest(void **state)
{
	static const int64_t priorities[] = { 0, 5, 0, 0, -1, 5, 9 };
	struct scene scene;
	struct actor actors[COUNT_OF(priorities)];

	(void)state;
	scene_open(&scene);
	for (size_t i = 0; i < COUNT_OF(priorities); i++) {
		actors[i] = actor_of(&scene, (char)('a' + i), priorities[i]);
		world_start(&scene.world, act, &actors[i]);
		world_turn(&scene.world);
	}
	slot_give_back(&scene.held);
	scene_close(&scene, "!d!e!c!agbf");
}

/* Also where everybody who comes later could be faster: a slot has its next owner already. */
static void nobody_passes_a_queue(void **state)
{
	struct scene scene;
	struct actor first;
	struct slot one;

	(void)state;
	scene_open(&scene);
	first = actor_of(&scene, 'a', 0);
	first.keeps = true;
	world_start(&scene.world, act, &first);
	slot_give_back(&scene.held);
	assert_false(slot_take(scene.table, &(struct slot_wish) { .key = 1, .limit = 1 }, &one));
	world_run(&scene.world);
	slot_give_back(&first.slot);
	scene_close(&scene, "a");
}

static void who_is_late_or_gone_leaves_the_queue(void **state)
{
	struct scene scene;
	struct actor late, gone, next;

	(void)state;
	scene_open(&scene);
	late = actor_of(&scene, 'l', 0);
	late.until = 1;
	gone = actor_of(&scene, 'g', 0);
	next = actor_of(&scene, 'n', 0);
	world_start(&scene.world, act, &late);
	world_start(&scene.world, act, &gone);
	world_start(&scene.world, act, &next);
	while (!scene.order[0])
		loop_turn(scene.world.loop, deadline_after(time_monotonic(), MILLISECOND));
	fiber_cancel(gone.fiber);
	assert_int_equal(slot_table_counts(scene.table).waiting, 1);
	slot_give_back(&scene.held);
	scene_close(&scene, "-l*gn");
}

/* Between a slot's coming and its owner's hearing of it: that one is cancelled, or its time is up. */
static void a_slot_that_was_given_is_not_lost(void **state)
{
	struct scene scene;
	struct actor gone, next;

	(void)state;
	scene_open(&scene);
	gone = actor_of(&scene, 'g', 0);
	next = actor_of(&scene, 'n', 0);
	world_start(&scene.world, act, &gone);
	world_start(&scene.world, act, &next);
	slot_give_back(&scene.held);
	fiber_cancel(gone.fiber);
	scene_close(&scene, "*gn");
}

static void a_greater_limit_lets_the_queue_in(void **state)
{
	struct scene scene;
	struct actor first, second;

	(void)state;
	scene_open(&scene);
	first = actor_of(&scene, 'a', 0);
	second = actor_of(&scene, 'b', 0);
	first.wish.limit = 1;
	second.wish.limit = 2;
	second.wish.priority = 1;
	world_start(&scene.world, act, &first);
	world_start(&scene.world, act, &second);
	world_turn(&scene.world);
	assert_string_equal(scene.order, "b");
	slot_give_back(&scene.held);
	scene_close(&scene, "ba");
}

/* A limit that is learnt comes down with what takes long, stays when nobody is there, and goes when there is
 * no other room. */
static void a_limit_that_is_learnt(void **state)
{
	struct slot_table *table = slot_table_new(1);
	struct slot_wish wish = { .key = 256, .limit = 100, .is_adaptive = true };
	struct slot slots[20], one;
	size_t held;

	(void)state;
	assert_int_equal(slot_table_learnt(table, wish.key, 100), 0);
	for (size_t i = 0; i < COUNT_OF(slots); i++)
		assert_true(slot_take(table, &wish, &slots[i]));
	assert_false(slot_take(table, &wish, &one));
	assert_int_equal(slot_table_learnt(table, wish.key, 100), COUNT_OF(slots));
	assert_int_equal(slot_table_learnt(table, wish.key, 7), 7);
	for (wall_time i = 1; i < 200; i++) /* ever longer */
		slot_learn(&slots[0], i * SECOND, i * SECOND + i * i * MILLISECOND, 100);
	for (size_t i = 0; i < COUNT_OF(slots); i++)
		slot_give_back(&slots[i]);
	for (size_t i = 0; i < 4; i++) /* as many as there always may be */
		assert_true(slot_take(table, &wish, &slots[i]));
	for (held = 4; held < COUNT_OF(slots) && slot_take(table, &wish, &slots[held]);)
		held++;
	assert_true(held < 15);
	assert_int_equal(slot_table_learnt(table, wish.key, 100), held);
	while (held)
		slot_give_back(&slots[--held]);
	assert_true(slot_take(table, &(struct slot_wish) { .key = 512, .limit = 1 }, &one));
	assert_false(slot_take(table, &wish, &slots[0]));
	assert_int_equal(slot_table_learnt(table, 512, 100), 0); /* nothing to learn */
	slot_give_back(&one);
	slot_table_free(&table);
}

/* ---- threads ---- */

enum { THREADS = 4, FIBERS = 32, TURNS = 200, SLOTS = 3 };

struct crowd {
	struct slot_table *table;
	atomic_int inside, most, served, refused, late;
};

struct member {
	struct crowd *crowd;
	struct world *world;
	struct slot_inbox *inbox;
};

static void enter(struct crowd *crowd)
{
	int inside = atomic_fetch_add(&crowd->inside, 1) + 1, most = atomic_load(&crowd->most);

	while (inside > most && !atomic_compare_exchange_weak(&crowd->most, &most, inside))
		continue;
	atomic_fetch_add(&crowd->served, 1);
}

/* Some wait for ever, some for a moment; some are cancelled by nobody, for that is told above. */
static void come_again(struct fiber *self, void *argument)
{
	struct member *member = argument;
	struct crowd *crowd = member->crowd;

	for (int turn = 0; turn < TURNS; turn++) {
		struct slot_wish wish = {
			.key = 1, .limit = SLOTS, .queue = THREADS * FIBERS / 2, .priority = turn % 3
		};
		deadline until = turn % 5 ? DEADLINE_NEVER
					  : deadline_after(loop_now(member->world->loop), MILLISECOND);
		struct slot slot;
		result_value waited = slot_wait(crowd->table, &wish, member->inbox, self, until, &slot);

		if (failed(waited)) {
			atomic_fetch_add(waited.kind == ERROR_LIMIT ? &crowd->refused : &crowd->late, 1);
			fiber_step_aside(self);
			continue;
		}
		enter(crowd);
		fiber_step_aside(self);
		atomic_fetch_sub(&crowd->inside, 1);
		slot_give_back(&slot);
	}
}

static void *be_many(void *argument)
{
	struct world world;
	struct slot_inbox inbox = { 0 };
	struct member member = { argument, &world, &inbox };

	world_open(&world);
	inbox.loop = world.loop;
	for (int i = 0; i < FIBERS; i++)
		world_start(&world, come_again, &member);
	world_run(&world);
	world_close(&world);
	return NULL;
}

static void threads_share_a_queue(void **state)
{
	struct crowd crowd = { .table = slot_table_new(FEW_KEYS) };
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, be_many, &crowd), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_true(crowd.most <= SLOTS);
	assert_int_equal(crowd.served + crowd.refused + crowd.late, THREADS * FIBERS * TURNS);
	assert_true(crowd.served > 0 && crowd.refused > 0);
	assert_int_equal(slot_table_counts(crowd.table).taken, 0);
	assert_int_equal(slot_table_counts(crowd.table).waiting, 0);
	slot_table_free(&crowd.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_may_and_no_more),
		cmocka_unit_test(a_limit_may_change),
		cmocka_unit_test(keys_make_room_for_others),
		cmocka_unit_test(who_comes_first_is_served_first),
		cmocka_unit_test(priorities_go_first_and_stay_longest),
		cmocka_unit_test(nobody_passes_a_queue),
		cmocka_unit_test(who_is_late_or_gone_leaves_the_queue),
		cmocka_unit_test(a_slot_that_was_given_is_not_lost),
		cmocka_unit_test(a_greater_limit_lets_the_queue_in),
		cmocka_unit_test(a_limit_that_is_learnt),
		cmocka_unit_test(threads_share_a_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
