/* SPDX-License-Identifier: Apache-2.0 */
#include "main/loader.h"

#include "base/testing.h"
#include "main/control.h"

static const char good[] = "listeners: { main: { address: 127.0.0.1:0 } }\n";

struct bench {
	struct control control;
	struct loader loader;
	struct identities identities;
};

/* One fiber that loads. */
struct loading {
	struct bench *bench;
	struct fiber *fiber;
	struct loader_job job;
	result_value run;
	bool has_begun, has_ended;
};

static int bench_set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof *bench);

	assert_false(failed(control_init(&bench->control, NULL)));
	bench->loader.loop = bench->control.loop;
	identities_init(&bench->identities);
	*state = bench;
	return 0;
}

static int bench_tear_down(void **state)
{
	struct bench *bench = *state;

	control_settle(&bench->control);
	control_fini(&bench->control);
	identities_fini(&bench->identities);
	free(bench);
	return 0;
}

static void run(struct fiber *self, void *argument)
{
	struct loading *loading = argument;

	loading->fiber = self;
	loading->has_begun = true;
	loading->run = loader_run(&loading->bench->loader, self, &loading->job);
	loading->has_ended = true;
}

static void start(struct bench *bench, struct loading *loading, const char *text)
{
	*loading = (struct loading) { .bench = bench };
	loading->job = (struct loader_job) { .name = STR("t.yaml"),
					     .text = str_of(text),
					     .identities = &bench->identities };
	assert_false(failed(fiber_start(bench->control.fibers, run, loading)));
	assert_true(loading->has_begun);
}

static void test_loads_while_the_loop_turns(void **state)
{
	struct bench *bench = *state;
	struct loading loading;

	start(bench, &loading, good);
	assert_false(loading.has_ended);
	control_settle(&bench->control);
	assert_true(loading.has_ended);
	assert_false(failed(loading.run));
	assert_false(failed(loading.job.loaded));
	assert_int_equal(loading.job.snapshot->listener_count, 1);
	snapshot_unref(&loading.job.snapshot);
}

static void test_tells_what_is_wrong(void **state)
{
	struct bench *bench = *state;
	struct loading loading;

	start(bench, &loading, "nonsense: 1\n");
	control_settle(&bench->control);
	assert_false(failed(loading.run));
	assert_int_equal(loading.job.loaded.kind, ERROR_INVALID);
	assert_true(diagnostics_errors(loading.job.diagnostics) > 0);
	snapshot_unref(&loading.job.snapshot);
}

static void test_reads_a_file_where_there_is_no_text(void **state)
{
	struct bench *bench = *state;
	struct loading loading;

	start(bench, &loading, "");
	control_settle(&bench->control);
	assert_true(failed(loading.job.loaded)); /* t.yaml is not there */
	assert_int_equal(loading.job.snapshot->files.count, 1);
	snapshot_unref(&loading.job.snapshot);
}

static void test_one_waits_for_the_other(void **state)
{
	struct bench *bench = *state;
	struct loading loadings[5];

	for (size_t i = 0; i < COUNT_OF(loadings); i++)
		start(bench, &loadings[i], good);
	control_settle(&bench->control);
	for (size_t i = 0; i < COUNT_OF(loadings); i++) {
		assert_false(failed(loadings[i].run));
		assert_false(failed(loadings[i].job.loaded));
		snapshot_unref(&loadings[i].job.snapshot);
	}
}

/* The thread writes into the job: it must not go before. */
static void test_is_awaited_when_cancelled(void **state)
{
	struct bench *bench = *state;
	struct loading loading;

	start(bench, &loading, good);
	fiber_cancel(loading.fiber);
	control_settle(&bench->control);
	assert_false(failed(loading.run));
	assert_non_null(loading.job.snapshot);
	snapshot_unref(&loading.job.snapshot);
}

static void test_is_not_begun_when_cancelled_in_the_queue(void **state)
{
	struct bench *bench = *state;
	struct loading first, second, third;

	start(bench, &first, good);
	start(bench, &second, good);
	start(bench, &third, good);
	fiber_cancel(second.fiber);
	assert_int_equal(second.run.kind, ERROR_CANCELLED);
	assert_null(second.job.snapshot);
	control_settle(&bench->control);
	assert_non_null(third.job.snapshot);
	snapshot_unref(&first.job.snapshot);
	snapshot_unref(&third.job.snapshot);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, bench_set_up, bench_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_loads_while_the_loop_turns),
		TEST(test_tells_what_is_wrong),
		TEST(test_reads_a_file_where_there_is_no_text),
		TEST(test_one_waits_for_the_other),
		TEST(test_is_awaited_when_cancelled),
		TEST(test_is_not_begun_when_cancelled_in_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
