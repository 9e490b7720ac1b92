/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "fiber/stack.h"

static void a_cold_stack_is_empty_and_used_again(void **state)
{
	struct stack first, second;
	struct stacks stacks;

	(void)state;
	stacks_init(&stacks, 16 * 1024);
	assert_false(failed(stacks_take(&stacks, &first)));
	assert_int_equal(first.high - first.low, 16 * 1024);
	first.low[0] = first.high[-1] = 'x';
	stacks_chill(&stacks, &first);
	assert_false(failed(stacks_take(&stacks, &second)));
	assert_ptr_equal(first.low, second.low);
	assert_int_equal(second.low[0], 0);
	assert_int_equal(second.high[-1], 0);
	stacks_reap(&stacks); /* one is in use: nothing goes */
	assert_non_null(stacks.slabs);
	second.low[0] = 'y';
	stacks_chill(&stacks, &second);
	stacks_reap(&stacks);
	assert_null(stacks.slabs);
	assert_null(stacks.cold);
	stacks_fini(&stacks);
}

static void a_full_slab_takes_a_stack_back(void **state)
{
	struct stack stack = { 0 }, again;
	struct stacks stacks;

	(void)state;
	stacks_init(&stacks, 1);
	for (unsigned i = 0; i < SLAB_STACKS; i++)
		assert_false(failed(stacks_take(&stacks, &stack)));
	stacks_chill(&stacks, &stack);
	assert_false(failed(stacks_take(&stacks, &again)));
	assert_ptr_equal(again.low, stack.low);
	assert_null(stacks.slabs->next);
	stacks_fini(&stacks);
}

static void guard_pages_are_found(void **state)
{
	struct stack stack = { 0 }, hit;
	struct stacks stacks;

	(void)state;
	stacks_init(&stacks, 1);
	assert_int_equal(stacks.size, stacks.page);
	for (unsigned i = 0; i < SLAB_STACKS + 3; i++)
		assert_false(failed(stacks_take(&stacks, &stack)));
	assert_true(stacks_find_guard(&stacks, stack.low - 1, &hit));
	assert_ptr_equal(hit.low, stack.low);
	assert_true(stacks_find_guard(&stacks, stack.low - stacks.page, &hit));
	assert_false(stacks_find_guard(&stacks, stack.low - stacks.page - 1, &hit));
	assert_false(stacks_find_guard(&stacks, stack.low, &hit));
	assert_false(stacks_find_guard(&stacks, stack.high - 1, &hit));
	assert_false(stacks_find_guard(&stacks, NULL, &hit));
	assert_false(stacks_find_guard(&stacks, &stacks, &hit));
	stacks_fini(&stacks);
}

/* No address space for another slab: it says so, and what there is stays in order. */
static void without_memory_it_is_an_error(void **state)
{
	struct rlimit before, none;
	struct stacks stacks;
	struct stack stack;

	(void)state;
	stacks_init(&stacks, 64 * 1024);
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = (struct rlimit) { 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	assert_int_equal(stacks_take(&stacks, &stack).kind, ERROR_SYSTEM);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_null(stacks.slabs);
	assert_false(failed(stacks_take(&stacks, &stack)));
	stacks_fini(&stacks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cold_stack_is_empty_and_used_again),
		cmocka_unit_test(a_full_slab_takes_a_stack_back),
		cmocka_unit_test(guard_pages_are_found),
		cmocka_unit_test(without_memory_it_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
