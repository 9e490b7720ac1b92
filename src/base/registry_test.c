/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that come and go: what is found, who is the last, which numbers are given, and what threads see of
 * it.
 */
#include "base/registry.h"

#include <stdio.h>

#include "base/random.h"
#include "base/testing.h"

enum { MAX = 1000, THREADS = 4 };

struct thing {
	struct registered registered; /* first */
	char name[16];
};

/* What the registry asked for. */
static _Atomic int made, freed;

static result thing_make(void *owner, str name, struct registered **ret_made)
{
	struct thing *thing = calloc(1, sizeof *thing);

	assert_ptr_equal(owner, &made);
	if (str_eq(name, STR("bad"))) {
		free(thing);
		return error_make(ERROR_MALFORMED, "bad");
	}
	memcpy(thing->name, name.ptr, name.len);
	thing->registered.name = (str) { thing->name, name.len };
	atomic_fetch_add(&made, 1);
	*ret_made = &thing->registered;
	return OK;
}

static void thing_free(struct registered *registered)
{
	atomic_fetch_add(&freed, 1);
	free(registered);
}

static void open(struct registry *registry)
{
	made = freed = 0;
	registry_init(registry, MAX, thing_make, thing_free, &made);
}

static struct registered *get(struct registry *registry, unsigned name)
{
	struct registered *got;
	char text[16];
	int len = snprintf(text, sizeof text, "n%u", name);

	assert_int_equal(registry_get(registry, (str) { text, (size_t)len }, &got).kind, ERROR_NONE);
	return got;
}

static void a_name_is_one_thing_until_nobody_has_it(void **state)
{
	struct registry registry;
	struct registered *first, *again;

	(void)state;
	open(&registry);
	first = get(&registry, 1);
	again = get(&registry, 1);
	assert_ptr_equal(first, again);
	registered_ref(again);
	registered_unref(first);
	registered_unref(first);
	assert_int_equal(freed, 0);
	assert_int_equal(registry_count(&registry), 1);
	registered_unref(first);
	assert_int_equal(freed, 1);
	assert_int_equal(registry_count(&registry), 0);
	registered_unref(get(&registry, 1));
	assert_int_equal(made, 2);
	registry_fini(&registry);
}

static void what_cannot_be_made_leaves_nothing(void **state)
{
	struct registry registry;
	struct registered *got;

	(void)state;
	open(&registry);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(registry_get(&registry, STR("bad"), &got).kind, ERROR_MALFORMED);
		assert_null(got);
		assert_int_equal(registry_count(&registry), 0);
	}
	got = get(&registry, 1);
	assert_int_equal(got->number, 0);
	registered_unref(got);
	registry_fini(&registry);
}

/* Numbers stay below the number of things that there were at a time, and no two share one. */
static void numbers_are_small_and_ones_own(void **state)
{
	struct registered *have[MAX] = { 0 };
	bool is_used[MAX];
	struct random random = { 5, 6 };
	struct registry registry;

	(void)state;
	open(&registry);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned name = (unsigned)random_below(&random, 300);

		if (have[name])
			registered_unref(have[name]);
		have[name] = have[name] ? NULL : get(&registry, name);
		if (round % 1000)
			continue;
		memset(is_used, 0, sizeof is_used);
		for (unsigned i = 0; i < 300; i++) {
			if (!have[i])
				continue;
			assert_true(have[i]->number < 300);
			assert_false(is_used[have[i]->number]);
			is_used[have[i]->number] = true;
		}
	}
	for (unsigned i = 0; i < 300; i++)
		if (have[i])
			registered_unref(have[i]);
	assert_int_equal(made, freed);
	registry_fini(&registry);
}

static void there_is_a_bound_at_a_time(void **state)
{
	struct registered *have[MAX], *one_more;
	struct registry registry;

	(void)state;
	open(&registry);
	for (unsigned i = 0; i < MAX; i++)
		have[i] = get(&registry, i);
	assert_int_equal(registry_get(&registry, STR("more"), &one_more).kind, ERROR_LIMIT);
	assert_null(one_more);
	assert_ptr_equal(get(&registry, 7), have[7]);
	registered_unref(have[7]);
	registered_unref(have[7]);
	assert_int_equal(registry_get(&registry, STR("more"), &have[7]).kind, ERROR_NONE);
	for (unsigned i = 0; i < MAX; i++)
		registered_unref(have[i]);
	registry_fini(&registry);
}

static void *come_and_go(void *argument)
{
	struct registry *registry = argument;

	for (unsigned i = 0; i < 20000; i++) {
		struct registered *got = get(registry, i % 3);

		registered_ref(got);
		registered_unref(got);
		registered_unref(got);
	}
	return NULL;
}

/* Finding something meets its last letting go, all the time. */
static void threads_may_come_and_go(void **state)
{
	pthread_t threads[THREADS];
	struct registry registry;

	(void)state;
	open(&registry);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &registry), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(registry_count(&registry), 0);
	assert_int_equal(made, freed);
	registry_fini(&registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_one_thing_until_nobody_has_it),
		cmocka_unit_test(what_cannot_be_made_leaves_nothing),
		cmocka_unit_test(numbers_are_small_and_ones_own),
		cmocka_unit_test(there_is_a_bound_at_a_time),
		cmocka_unit_test(threads_may_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
