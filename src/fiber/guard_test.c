/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each case crashes a child, and looks at how it ended and what it said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "fiber/fiber_private.h"
#include "fiber/testing.h"

/* Volatile and returned, so that no compiler makes a loop of it. */
__attribute__((noinline)) static unsigned runs_deep(volatile unsigned depth)
{
	volatile char frame[512];

	if (depth == 0)
		return 1;
	frame[0] = (char)depth;
	return runs_deep(depth - 1) + (unsigned char)frame[0];
}

static void overflows(struct fiber *self, void *argument)
{
	(void)self, (void)argument;
	runs_deep(1000 * 1000);
}

static void overflows_after_a_park(struct fiber *self, void *argument)
{
	result_value slept = fiber_sleep(self, 0);

	(void)slept;
	overflows(self, argument);
}

static void uses_half(struct fiber *self, void *argument)
{
	volatile char half[32 * 1024];

	(void)self, (void)argument;
	for (size_t i = 0; i < sizeof half; i += 512)
		half[i] = 1;
	_exit(half[0] == 1 ? 42 : 1);
}

static void follows_a_wild_pointer(struct fiber *self, void *argument)
{
	volatile uintptr_t wild = 16;

	(void)self, (void)argument;
	*(volatile char *)wild = 1;
}

static void parks(struct fiber *self, void *argument)
{
	result_value parked = fiber_park(self, DEADLINE_NEVER);

	(void)parked, (void)argument;
}

static void handled_before(int number)
{
	(void)number;
	_exit(43);
}

static const struct {
	const char *name;
	fiber_fn fn;
	bool is_guarded, is_handled_before;
	int want_signal, want_status;
	const char *want_text;
} cases[] = {
	{ "running over is named", overflows, true, false, SIGABRT, 0,
	  "fiber 3 ran over its stack of 65536 bytes" },
	{ "also after a park", overflows_after_a_park, true, false, SIGABRT, 0,
	  "fiber 3 ran over its stack" },
	{ "without the handler it is a fault", overflows, false, false, SIGSEGV, 0, "" },
	{ "half a stack is fine", uses_half, true, false, 0, 42, "" },
	{ "another fault is a fault", follows_a_wild_pointer, true, false, SIGSEGV, 0, "" },
	{ "another fault goes where it went before", follows_a_wild_pointer, true, true, 0, 43, "" },
	{ "running over does not", overflows, true, true, SIGABRT, 0, "fiber 3 ran over its stack" },
};

/* The third of three fibers does it. */
static _Noreturn void child(size_t i, int output)
{
	const struct rlimit no_core = { 0, 0 };
	struct fibers_options options = { .stack_size = 64 * 1024 };
	struct fiber_guard guard;
	struct world world;

	setrlimit(RLIMIT_CORE, &no_core);
	dup2(output, STDERR_FILENO);
	signal(SIGABRT, SIG_DFL);
	signal(SIGSEGV, cases[i].is_handled_before ? handled_before : SIG_DFL);
	if (cases[i].is_guarded) {
		if (failed(fiber_guard_install(&guard)))
			_exit(1);
		options.guard = &guard;
	}
	world_open_with(&world, &options);
	world_start(&world, parks, NULL);
	world_start(&world, parks, NULL);
	world_start(&world, cases[i].fn, NULL);
	for (;;)
		world_turn(&world);
}

static void faults_end_as_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[4096];
		size_t len;
		int status;
		FILE *output = tmpfile();
		pid_t pid = fork();

		assert_non_null(output);
		if (pid == 0)
			child(i, fileno(output));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		rewind(output);
		len = fread(text, 1, sizeof text, output);
		fclose(output);
		if ((WIFSIGNALED(status) ? WTERMSIG(status) : 0) != cases[i].want_signal ||
		    (WIFEXITED(status) ? WEXITSTATUS(status) : 0) != cases[i].want_status ||
		    !str_contains((str) { text, len }, str_of(cases[i].want_text)))
			fail_msg("%s: status %x, %.*s", cases[i].name, (unsigned)status, (int)len, text);
	}
}

/* The thread gets back the signal stack it had. */
static void the_signal_stack_is_put_back(void **state)
{
	struct fiber_guard guard = { 0 };
	struct fibers_options options = { .guard = &guard };
	struct world world;
	stack_t before, during, after;

	(void)state;
	assert_int_equal(sigaltstack(NULL, &before), 0);
	world_open_with(&world, &options);
	assert_int_equal(sigaltstack(NULL, &during), 0);
	assert_ptr_not_equal(during.ss_sp, before.ss_sp);
	assert_int_equal(during.ss_flags & SS_DISABLE, 0);
	world_close(&world);
	assert_int_equal(sigaltstack(NULL, &after), 0);
	assert_ptr_equal(after.ss_sp, before.ss_sp);
	assert_int_equal(after.ss_flags, before.ss_flags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_end_as_they_should),
		cmocka_unit_test(the_signal_stack_is_put_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
