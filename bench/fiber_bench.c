/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What loop and fibers cost: nanoseconds a call, the best of several rounds, since a busy machine only ever
 * adds; and bytes for each fiber at rest.
 *
 *   meson setup /tmp/build-bench --buildtype=release -Dbenches=true && ninja -C /tmp/build-bench fiber_bench
 *   /tmp/build-bench/fiber_bench
 *
 * With -Dfiber_switch=portable for the portable switch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fiber/context.h"
#include "fiber/testing.h"
#include "io/socket.h"

enum { ROUNDS = 25, CALLS = 100000, IDLE = 10000, STACK = 64 * 1024, TIMERS = 10000 };

/* The best processor time of a round, for one of its calls. */
struct best {
	duration began;
	double nanoseconds;
};

static duration processor_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

static void best_begin(struct best *best)
{
	best->began = processor_time();
}

static void best_end(struct best *best, unsigned calls)
{
	double nanoseconds = (double)(processor_time() - best->began) / calls;

	if (best->nanoseconds == 0 || nanoseconds < best->nanoseconds)
		best->nanoseconds = nanoseconds;
}

static void best_print(const struct best *best, const char *what)
{
	printf("%-64s %8.1f ns\n", what, best->nanoseconds);
}

struct bounce {
	struct context main, other;
};

static void bounce_run(void *argument)
{
	struct bounce *bounce = argument;

	for (;;)
		context_switch(&bounce->other, &bounce->main);
}

static void bench_switch(void)
{
	struct bounce bounce;
	struct best best = { 0 };
	char *stack = aligned_alloc(64, STACK);

	context_prepare(&bounce.other, stack, STACK, bounce_run, &bounce);
	for (unsigned round = 0; round < ROUNDS; round++) {
		best_begin(&best);
		for (unsigned i = 0; i < CALLS; i++)
			context_switch(&bounce.main, &bounce.other);
		best_end(&best, 2 * CALLS);
	}
	best_print(&best, "a switch between two stacks");
	free(stack);
}

static void does_nothing(struct fiber *self, void *argument)
{
	(void)self, (void)argument;
}

static void bench_start(struct world *world)
{
	struct best best = { 0 };

	for (unsigned round = 0; round < ROUNDS; round++) {
		best_begin(&best);
		for (unsigned i = 0; i < CALLS; i++)
			world_start(world, does_nothing, NULL);
		best_end(&best, CALLS);
	}
	best_print(&best, "a fiber started and finished, on a warm stack");
}

struct sleeper {
	struct world *world;
	struct fiber *fiber;
	bool has_deadline, stop;
};

static void parks(struct fiber *self, void *argument)
{
	struct sleeper *sleeper = argument;
	result_value parked = OK;

	sleeper->fiber = self;
	while (!sleeper->stop && !failed(parked))
		parked = fiber_park(self, sleeper->has_deadline ? world_in(sleeper->world, MINUTE)
								: DEADLINE_NEVER);
}

static void bench_park(struct world *world, bool has_deadline, const char *what)
{
	struct sleeper sleeper = { .world = world, .has_deadline = has_deadline };
	struct best best = { 0 };

	world_start(world, parks, &sleeper);
	for (unsigned round = 0; round < ROUNDS; round++) {
		best_begin(&best);
		for (unsigned i = 0; i < CALLS; i++)
			fiber_wake(sleeper.fiber);
		best_end(&best, CALLS);
	}
	sleeper.stop = true;
	fiber_wake(sleeper.fiber);
	best_print(&best, what);
}

/* The second number of statm. */
static size_t resident(void)
{
	char line[256];
	uint64_t pages = 0;
	str rest, item;
	FILE *file = fopen("/proc/self/statm", "r");

	ASSERT(file && fgets(line, sizeof line, file));
	fclose(file);
	rest = str_of(line);
	ASSERT(str_next(&rest, ' ', &item) && str_next(&rest, ' ', &item) &&
	       str_to_u64(item, SIZE_MAX, &pages));
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void bench_idle(struct world *world)
{
	struct sleeper *sleepers = calloc(IDLE, sizeof *sleepers);
	struct best best = { 0 };
	size_t before;

	for (size_t i = 0; i < IDLE; i++)
		sleepers[i] = (struct sleeper) { .world = world, .stop = false };
	before = resident();
	best_begin(&best);
	for (size_t i = 0; i < IDLE; i++)
		world_start(world, parks, &sleepers[i]);
	best_end(&best, IDLE);
	best_print(&best, "a fiber started on a new stack, until it parks");
	printf("a parked fiber, one of %-41d %8zu B\n", IDLE, (resident() - before) / IDLE);
	for (size_t i = 0; i < IDLE; i++) {
		sleepers[i].stop = true;
		fiber_wake(sleepers[i].fiber);
	}
	free(sleepers);
}

static void timer_ignore(struct timer *timer)
{
	(void)timer;
}

static void bench_timers(struct world *world)
{
	struct timer *timers = calloc(TIMERS, sizeof *timers);
	struct best set = { 0 }, move = { 0 };

	for (unsigned i = 0; i < TIMERS; i++)
		timers[i].on_due = timer_ignore;
	for (unsigned round = 0; round < ROUNDS; round++) {
		deadline due = world_in(world, (duration)(round + 1) * SECOND);

		best_begin(&set);
		for (unsigned i = 0; i < TIMERS; i++)
			timer_set(world->loop, &timers[i], due + (duration)i * MILLISECOND);
		best_end(&set, TIMERS);
		best_begin(&move);
		for (unsigned i = 0; i < TIMERS; i++)
			timer_set(world->loop, &timers[i], due + MINUTE);
		best_end(&move, TIMERS);
		for (unsigned i = 0; i < TIMERS; i++)
			timer_clear(&timers[i]);
	}
	best_print(&set, "a timer armed");
	best_print(&move, "a timer moved later");
	free(timers);
}

/* One end answers each byte with a byte: what a turn, a fill and a send cost, system calls and all. */
struct echo {
	struct world *world;
	struct socket socket;
	size_t count;
};

static result echo_serve(struct echo *echo, struct intake *in)
{
	struct iovec part = { .iov_len = 1 };
	size_t sent;

	for (;;) {
		TRY(stream_fill(&echo->socket.stream, in, DEADLINE_NEVER));
		part.iov_base = in->at;
		TRY(stream_send(&echo->socket.stream, &part, 1, DEADLINE_NEVER, &sent));
		intake_consume(in, in->len);
		echo->count++;
	}
}

static void echo_run(struct fiber *self, void *argument)
{
	struct echo *echo = argument;
	struct intake in;
	result_value served;

	(void)self;
	intake_init(&in, &echo->world->scratch);
	served = echo_serve(echo, &in);
	(void)served;
	intake_fini(&in);
	stream_close(&echo->socket.stream);
}

static void bench_echo(struct world *world)
{
	enum { PAIRS = 64, TURNS = 500 };
	struct echo *echoes = calloc(PAIRS, sizeof *echoes);
	struct best best = { 0 };
	int pairs[PAIRS][2];
	char byte = 'x';

	for (unsigned i = 0; i < PAIRS; i++) {
		result_value opened;

		ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]) == 0);
		echoes[i].world = world;
		opened = socket_open(&echoes[i].socket, world->fibers, pairs[i][0]);
		ASSERT(!failed(opened));
		world_start(world, echo_run, &echoes[i]);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		duration spent = 0;

		for (unsigned turn = 0; turn < TURNS; turn++) {
			duration began;

			for (unsigned i = 0; i < PAIRS; i++)
				ASSERT(write(pairs[i][1], &byte, 1) == 1);
			began = processor_time();
			world_turn(world);
			spent += processor_time() - began;
			for (unsigned i = 0; i < PAIRS; i++)
				ASSERT(read(pairs[i][1], &byte, 1) == 1);
		}
		if (best.nanoseconds == 0 || (double)spent / (PAIRS * TURNS) < best.nanoseconds)
			best.nanoseconds = (double)spent / (PAIRS * TURNS);
	}
	best_print(&best, "a byte echoed on one of 64 Unix sockets, with its system calls");
	for (unsigned i = 0; i < PAIRS; i++)
		close(pairs[i][1]);
	world_run(world);
	free(echoes);
}

int main(void)
{
	struct world world;

	bench_switch();
	world_open(&world);
	bench_start(&world);
	bench_park(&world, false, "a park and a wake-up");
	bench_park(&world, true, "a park with a deadline and a wake-up");
	bench_idle(&world);
	bench_timers(&world);
	bench_echo(&world);
	world_close(&world);
	return 0;
}
