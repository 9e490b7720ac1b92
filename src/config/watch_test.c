/* SPDX-License-Identifier: Apache-2.0 */
#include "config/watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing.h"

/* A folder with files that are watched:
 *
 *     main.yaml               a file
 *     conf.d/a.yaml           found by the pattern conf.d/ *.yaml
 *     volume/gatehouse.yaml   a link to ..data/gatehouse.yaml, ..data a link to the folder 1
 *     current/app.yaml        current is a link to the folder releases/1
 *     absent/none.yaml        not there
 */
struct probe {
	struct arena arena;
	struct loop *loop;
	struct watch *watch;
	struct file_list list;
	unsigned told;
	char folder[64];
};

static void run(struct probe *probe, const char *command)
{
	str line = arena_printf(&probe->arena, "cd %s && (%s)", probe->folder, command);

	assert_int_equal(system(line.ptr), 0);
}

static void on_change(void *owner)
{
	((struct probe *)owner)->told++;
}

static str path_of(struct probe *probe, const char *name)
{
	return arena_printf(&probe->arena, "%s/%s", probe->folder, name);
}

static void list_all(struct probe *probe)
{
	static const char *const names[] = { "main.yaml", "conf.d/a.yaml", "volume/gatehouse.yaml",
					     "current/app.yaml", "absent/none.yaml" };

	file_list_init(&probe->list, &probe->arena);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		file_list_note(&probe->list, path_of(probe, names[i]));
	file_list_note_pattern(&probe->list, path_of(probe, "conf.d/*.yaml"));
	file_list_note_pattern(&probe->list, path_of(probe, "later.d/*.yaml"));
	file_list_note_pattern(&probe->list, path_of(probe, "teams/*/t.yaml"));
}

static int probe_set_up(void **state)
{
	struct probe *probe = calloc(1, sizeof *probe);

	snprintf(probe->folder, sizeof probe->folder, "/tmp/watch-test-XXXXXX");
	assert_non_null(mkdtemp(probe->folder));
	arena_init(&probe->arena, NULL, 64 << 20);
	run(probe,
	    "echo 1 > main.yaml; mkdir conf.d teams teams/a; echo 1 > conf.d/a.yaml;"
	    "mkdir -p volume/1 volume/2; echo 1 > volume/1/gatehouse.yaml; echo 2 > volume/2/gatehouse.yaml;"
	    "ln -s 1 volume/..data; ln -s ..data/gatehouse.yaml volume/gatehouse.yaml;"
	    "mkdir -p releases/1 releases/2; echo 1 > releases/1/app.yaml; echo 2 > releases/2/app.yaml;"
	    "ln -s releases/1 current; echo log > access.log");
	assert_false(failed(loop_new(&probe->loop)));
	assert_false(failed(watch_new(probe->loop, on_change, probe, &probe->watch)));
	list_all(probe);
	assert_false(failed(watch_files(probe->watch, &probe->list, false)));
	*state = probe;
	return 0;
}

static int probe_tear_down(void **state)
{
	struct probe *probe = *state;

	watch_free(&probe->watch);
	loop_free(&probe->loop);
	run(probe, "rm -r ../$(basename $PWD)");
	arena_fini(&probe->arena);
	free(probe);
	return 0;
}

/* So long it takes to be sure that nothing is told. */
#define UNTOLD (1200 * MILLISECOND)

static void turn_until(struct probe *probe, unsigned told, duration patience)
{
	deadline until = deadline_after(time_monotonic(), patience);

	while (probe->told < told && time_monotonic() < until)
		loop_turn(probe->loop, until);
}

/* What somebody does, and whether the configuration may be another one then. */
static const struct {
	const char *command;
	bool is_told;
} deeds[] = {
	{ "echo 2 > main.yaml", true },
	{ "echo 2 >> main.yaml", true },
	{ "echo 2 > main.tmp; mv main.tmp main.yaml", true },    /* vim, and most tools */
	{ "mv main.yaml main.yaml~; echo 2 > main.yaml", true }, /* vi with backups */
	{ "rm main.yaml", true },
	{ "chmod a-r main.yaml", true },
	{ "echo 2 > conf.d/b.yaml", true },
	{ "rm conf.d/a.yaml", true },
	{ "mv conf.d conf.old; mkdir conf.d; echo 2 > conf.d/a.yaml", true },
	{ "mkdir later.d; sleep 0.3; echo 1 > later.d/x.yaml", true },
	{ "mkdir teams/b; sleep 0.3; echo 1 > teams/b/t.yaml", true },
	{ "echo 1 > teams/a/t.yaml", true },
	{ "mkdir absent; sleep 0.3; echo 1 > absent/none.yaml", true },
	{ "ln -s 2 volume/..next; mv -T volume/..next volume/..data", true }, /* Kubernetes */
	{ "echo 3 > volume/1/gatehouse.yaml", true },
	{ "ln -s releases/2 next; mv -T next current", true },
	{ "echo 3 > releases/1/app.yaml", true },
	{ "echo more >> access.log", false },
	{ "touch other.txt conf.d/readme; rm other.txt", false },
	{ "echo 1 > volume/2/gatehouse.yaml", false },
	{ "cat main.yaml conf.d/a.yaml", false },
	{ "true", false },
};

/* While the command sleeps, the loop must run. */
static void start(struct probe *probe, const char *command)
{
	str line = arena_printf(&probe->arena, "cd %s && (%s) >/dev/null &", probe->folder, command);

	assert_int_equal(system(line.ptr), 0);
}

static void test_tells_what_people_do_to_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(deeds); i++) {
		void *own;
		struct probe *probe;

		probe_set_up(&own);
		probe = own;
		start(probe, deeds[i].command);
		turn_until(probe, 1, deeds[i].is_told ? 10 * SECOND : UNTOLD);
		assert_row((probe->told > 0) == deeds[i].is_told, i, deeds[i].command);
		probe_tear_down(&own);
	}
}

static void test_many_changes_are_told_together(void **state)
{
	struct probe *probe = *state;

	run(probe, "for i in 1 2 3 4 5 6 7 8 9; do echo $i > main.yaml; echo $i > conf.d/$i.yaml; done");
	turn_until(probe, 1, 10 * SECOND);
	turn_until(probe, 2, UNTOLD);
	assert_int_equal(probe->told, 1);
}

static void test_tells_again(void **state)
{
	struct probe *probe = *state;

	for (unsigned i = 1; i <= 3; i++) {
		run(probe, "echo x >> main.yaml");
		turn_until(probe, i, 10 * SECOND);
		assert_int_equal(probe->told, i);
	}
}

/* Between reading a file and watching it, it may be written: no event tells of that. */
static void test_tells_what_changed_before_it_was_watched(void **state)
{
	struct probe *probe = *state;
	struct file_list list;

	file_list_init(&list, &probe->arena);
	file_list_note(&list, path_of(probe, "main.yaml"));
	run(probe, "echo later >> main.yaml");
	assert_false(failed(watch_files(probe->watch, &list, false)));
	turn_until(probe, 1, 10 * SECOND);
	assert_int_equal(probe->told, 1);
}

static void test_others_are_kept_or_forgotten(void **state)
{
	struct probe *probe = *state;
	struct file_list list;

	file_list_init(&list, &probe->arena);
	file_list_note(&list, path_of(probe, "main.yaml"));
	assert_false(failed(watch_files(probe->watch, &list, true)));
	run(probe, "echo 2 > conf.d/a.yaml");
	turn_until(probe, 1, 10 * SECOND);
	assert_int_equal(probe->told, 1);
	assert_false(failed(watch_files(probe->watch, &list, false)));
	run(probe, "echo 3 > conf.d/a.yaml");
	turn_until(probe, 2, UNTOLD);
	assert_int_equal(probe->told, 1);
}

/* Somebody writes into the folder all the time: the change is told nevertheless. */
static void test_a_busy_folder_does_not_hide_a_change(void **state)
{
	struct probe *probe = *state;
	deadline until = deadline_after(time_monotonic(), 20 * SECOND);

	run(probe, "echo 2 > main.yaml");
	while (!probe->told && time_monotonic() < until) {
		int fd = open(path_of(probe, "busy").ptr, O_WRONLY | O_CREAT, 0600);

		close(fd);
		loop_turn(probe->loop, deadline_after(time_monotonic(), 20 * MILLISECOND));
	}
	assert_int_equal(probe->told, 1);
}

static void test_a_ring_of_links_is_no_end(void **state)
{
	struct probe *probe = *state;
	struct file_list list;

	run(probe, "ln -s ring2 ring1; ln -s ring1 ring2");
	file_list_init(&list, &probe->arena);
	file_list_note(&list, path_of(probe, "ring1"));
	file_list_note(&list, path_of(probe, "ring1/ring2/x"));
	assert_false(failed(watch_files(probe->watch, &list, false)));
	run(probe, "rm ring1; echo 1 > ring1");
	turn_until(probe, 1, 10 * SECOND);
	assert_int_equal(probe->told, 1);
}

/* What somebody does who rests in between: half of it is not to be told. */
static void test_what_is_half_written_is_not_told(void **state)
{
	static const char *const commands[] = {
		"echo 2 > main.yaml; sleep 0.4; echo 2 >> main.yaml", /* two that write, one behind the other
								       */
		"(echo 2; sleep 0.4; echo 2) > conf.d/b.yaml",        /* a new one, told when it is made */
		"(echo 2; echo > other.txt; sleep 0.4; echo 2) > main.yaml", /* and what is beside it */
		"echo 2 > main.yaml; sleep 0.4; echo 2 > conf.d/a.yaml",     /* two that belong together */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		void *own;
		struct probe *probe;

		probe_set_up(&own);
		probe = own;
		start(probe, commands[i]);
		turn_until(probe, 1, 10 * SECOND);
		turn_until(probe, 2, UNTOLD);
		assert_row(probe->told == 1, i, commands[i]);
		probe_tear_down(&own);
	}
}

static void test_free_accepts_nothing(void **state)
{
	struct watch *watch = NULL;

	(void)state;
	watch_free(&watch);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, probe_set_up, probe_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tells_what_people_do_to_files),
		TEST(test_many_changes_are_told_together),
		TEST(test_tells_again),
		TEST(test_tells_what_changed_before_it_was_watched),
		TEST(test_others_are_kept_or_forgotten),
		TEST(test_a_busy_folder_does_not_hide_a_change),
		TEST(test_a_ring_of_links_is_no_end),
		cmocka_unit_test(test_what_is_half_written_is_not_told),
		cmocka_unit_test(test_free_accepts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
