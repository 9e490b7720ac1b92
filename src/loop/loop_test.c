/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/assert.h"
#include "loop/loop.h"
#include "loop/post.h"

/* A source that counts, and does what the test asks when it is called. */
struct probe {
	struct source source;
	unsigned calls;
	struct probe *closes; /* another one, or itself */
	struct probe *reopens;
	bool is_released;
};

static void probe_on_ready(struct source *source);

static void probe_open(struct loop *loop, struct probe *probe, int fd)
{
	result_value opened = source_open(loop, &probe->source, fd, probe_on_ready);

	assert_false(failed(opened));
	assert_int_equal(probe->source.ready, 0);
}

static void probe_release(void *memory)
{
	((struct probe *)memory)->is_released = true;
}

static void probe_on_ready(struct source *source)
{
	struct probe *probe = (struct probe *)(void *)source;
	struct loop *loop = source->loop;

	assert_true(source->fd >= 0);
	assert_false(probe->is_released);
	probe->calls++;
	if (probe->closes && probe->closes->source.fd >= 0) {
		source_close(&probe->closes->source);
		loop_retire(loop, probe->closes, probe_release);
		assert_false(probe->closes->is_released);
	}
	if (probe->reopens) {
		int pair[2];

		assert_int_equal(pipe2(pair, O_NONBLOCK), 0);
		probe_open(loop, probe->reopens, pair[0]);
		close(pair[1]);
		probe->reopens = NULL;
	}
}

static struct loop *make_loop(void)
{
	struct loop *loop;
	result_value opened = loop_new(&loop);

	ASSERT(!failed(opened));
	return loop;
}

static void make_pair(int pair[2])
{
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
}

static void put_byte(int fd)
{
	ASSERT(write(fd, "x", 1) == 1);
}

static void readiness_comes_once_an_edge(void **state)
{
	struct loop *loop = make_loop();
	struct probe probe = { .calls = 0 };
	int pair[2];

	(void)state;
	make_pair(pair);
	probe_open(loop, &probe, pair[0]);
	loop_turn(loop, 0);
	assert_int_equal(probe.calls, 1);
	assert_int_equal(probe.source.ready, READY_WRITE);
	loop_turn(loop, 0);
	assert_int_equal(probe.calls, 1);
	put_byte(pair[1]);
	loop_turn(loop, 0);
	assert_int_equal(probe.calls, 2);
	assert_int_equal(probe.source.ready, READY_WRITE | READY_READ);
	loop_turn(loop, 0); /* the byte is still there, but it is no news */
	assert_int_equal(probe.calls, 2);
	put_byte(pair[1]);
	loop_turn(loop, 0);
	assert_int_equal(probe.calls, 3);
	source_close(&probe.source);
	close(pair[1]);
	loop_free(&loop);
	assert_null(loop);
}

enum ending { SHUT, CLOSE };

static const struct {
	const char *name;
	enum ending ending;
	unsigned want;
} hangup_cases[] = {
	{ "a half-closed peer", SHUT, READY_READ | READY_HANGUP },
	{ "a closed peer", CLOSE, READY_READ | READY_WRITE | READY_HANGUP },
};

static void a_hang_up_is_readable(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hangup_cases / sizeof *hangup_cases; i++) {
		struct loop *loop = make_loop();
		struct probe probe = { .calls = 0 };
		int pair[2];

		make_pair(pair);
		probe_open(loop, &probe, pair[0]);
		loop_turn(loop, 0);
		probe.source.ready = 0;
		if (hangup_cases[i].ending == SHUT)
			shutdown(pair[1], SHUT_WR);
		else
			close(pair[1]);
		loop_turn(loop, 0);
		if ((probe.source.ready & hangup_cases[i].want) != hangup_cases[i].want)
			fail_msg("%s: %u", hangup_cases[i].name, probe.source.ready);
		source_close(&probe.source);
		if (hangup_cases[i].ending == SHUT)
			close(pair[1]);
		loop_free(&loop);
	}
}

/* Two ready sources in one batch, each of which closes the other: only one is called. */
static void a_closed_source_hears_nothing_of_its_batch(void **state)
{
	struct loop *loop = make_loop();
	struct probe a = { .calls = 0 }, b = { .calls = 0 };
	int pair[2];

	(void)state;
	make_pair(pair);
	a.closes = &b;
	b.closes = &a;
	probe_open(loop, &a, pair[0]);
	probe_open(loop, &b, pair[1]);
	loop_turn(loop, 0);
	assert_int_equal(a.calls + b.calls, 1);
	assert_int_equal(a.is_released + b.is_released, 1);
	source_close(a.is_released ? &b.source : &a.source);
	loop_free(&loop);
}

/* The struct of the closed one is used again at once: what the batch says of the old descriptor is not for
 * it. */
static void a_reopened_source_hears_nothing_of_its_past(void **state)
{
	struct loop *loop = make_loop();
	struct probe a = { .calls = 0 }, b = { .calls = 0 };
	struct probe *kept, *reopened;
	int pair[2];

	(void)state;
	make_pair(pair);
	a.reopens = a.closes = &b;
	b.reopens = b.closes = &a;
	probe_open(loop, &a, pair[0]);
	probe_open(loop, &b, pair[1]);
	loop_turn(loop, 0);
	assert_int_equal(a.calls + b.calls, 1);
	kept = a.calls ? &a : &b;
	reopened = a.calls ? &b : &a;
	assert_int_equal(reopened->source.ready, 0);
	source_close(&kept->source);
	source_close(&reopened->source);
	loop_free(&loop);
}

/* A child has a copy of every descriptor until it has become another program, which is a little later than
 * whoever started it goes on. */
static void a_closed_source_hears_nothing_though_a_copy_is_open(void **state)
{
	struct loop *loop = make_loop();
	struct probe probe = { .calls = 0 };
	int pair[2], copy;

	(void)state;
	make_pair(pair);
	copy = dup(pair[0]);
	assert_true(copy >= 0);
	probe_open(loop, &probe, pair[0]);
	loop_turn(loop, 0);
	source_close(&probe.source);
	probe.calls = 0;
	put_byte(pair[1]);
	loop_turn(loop, 0);
	assert_int_equal(probe.calls, 0);
	close(copy);
	close(pair[1]);
	loop_free(&loop);
}

static void a_source_may_close_itself(void **state)
{
	struct loop *loop = make_loop();
	struct probe probe = { .calls = 0 };
	int pair[2];

	(void)state;
	make_pair(pair);
	probe.closes = &probe;
	probe_open(loop, &probe, pair[0]);
	loop_turn(loop, 0);
	assert_int_equal(probe.calls, 1);
	assert_true(probe.is_released);
	close(pair[1]);
	loop_free(&loop);
}

static void a_moved_descriptor_tells_the_new_source_everything(void **state)
{
	struct loop *loop = make_loop();
	struct probe from = { .calls = 0 }, to = { .calls = 0 };
	result_value moved;
	int pair[2];

	(void)state;
	make_pair(pair);
	probe_open(loop, &from, pair[0]);
	put_byte(pair[1]);
	loop_turn(loop, 0);
	moved = source_move(&from.source, &to.source, probe_on_ready);
	assert_false(failed(moved));
	assert_int_equal(from.source.fd, -1);
	loop_turn(loop, 0);
	assert_int_equal(from.calls, 1);
	assert_int_equal(to.calls, 1);
	assert_int_equal(to.source.ready, READY_READ | READY_WRITE);
	moved = source_move(&from.source, &to.source, probe_on_ready); /* it is closed */
	assert_int_equal(moved.kind, ERROR_SYSTEM);
	to.source.fd = pair[0];
	source_close(&to.source);
	close(pair[1]);
	loop_free(&loop);
}

static void a_regular_file_is_refused_and_stays_open(void **state)
{
	struct loop *loop = make_loop();
	struct probe probe;
	result_value opened;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	opened = source_open(loop, &probe.source, fd, probe_on_ready);
	assert_int_equal(opened.kind, ERROR_SYSTEM);
	assert_int_equal(opened.sys, EPERM);
	assert_int_equal(probe.source.fd, -1);
	assert_int_equal(close(fd), 0);
	loop_free(&loop);
}

static void level_sources_repeat_and_pause(void **state)
{
	struct loop *loop = make_loop();
	struct probe probe = { .calls = 0 };
	int pair[2];

	(void)state;
	make_pair(pair);
	assert_false(failed(source_open_level(loop, &probe.source, pair[0], probe_on_ready)));
	loop_turn(loop, 0);
	assert_int_equal(probe.calls, 0); /* reads only */
	put_byte(pair[1]);
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	assert_int_equal(probe.calls, 2);
	source_pause(&probe.source);
	source_pause(&probe.source);
	loop_turn(loop, 0);
	assert_int_equal(probe.calls, 2);
	source_resume(&probe.source);
	source_resume(&probe.source);
	loop_turn(loop, 0);
	assert_int_equal(probe.calls, 3);
	source_close(&probe.source);
	close(pair[1]);
	loop_free(&loop);
}

struct alarm {
	struct timer timer;
	struct loop *loop;
	deadline fired_at;
	unsigned fired;
};

static void alarm_on_due(struct timer *timer)
{
	struct alarm *alarm = (struct alarm *)(void *)timer;

	alarm->fired++;
	alarm->fired_at = loop_now(alarm->loop);
}

static void the_loop_sleeps_until_a_timer(void **state)
{
	static const duration waits[] = { -HOUR, 0, 1, MILLISECOND, 3 * MILLISECOND + 1, 70 * MILLISECOND };
	struct loop *loop = make_loop();

	(void)state;
	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
		struct alarm alarm = { .timer.on_due = alarm_on_due, .loop = loop };
		deadline due = loop_now(loop) + waits[i];
		unsigned turns = 0;

		timer_set(loop, &alarm.timer, due);
		assert_int_equal(alarm.fired, 0);
		for (; !alarm.fired; turns++)
			loop_turn(loop, DEADLINE_NEVER);
		assert_true(alarm.fired_at >= due);
		assert_in_range(turns, 1, 4); /* one, and one for each level of the wheel on the way */
	}
	loop_free(&loop);
}

/* What others do on the machine only adds to it, so the best of several tells. */
static void a_timer_is_a_fraction_of_a_millisecond_late(void **state)
{
	struct loop *loop = make_loop();
	duration least = SECOND;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		struct alarm alarm = { .timer.on_due = alarm_on_due, .loop = loop };
		deadline due = loop_now(loop) + 1100 * MICROSECOND;

		timer_set(loop, &alarm.timer, due);
		while (!alarm.fired)
			loop_turn(loop, DEADLINE_NEVER);
		if (alarm.fired_at - due < least)
			least = alarm.fired_at - due;
	}
	assert_true(least < 500 * MICROSECOND);
	loop_free(&loop);
}

static void a_turn_ends_at_its_deadline(void **state)
{
	struct loop *loop = make_loop();
	deadline until = loop_now(loop) + 3 * MILLISECOND;

	(void)state;
	loop_turn(loop, until);
	assert_true(loop_now(loop) >= until);
	loop_turn(loop, 0);
	loop_free(&loop);
}

static void the_clocks_agree(void **state)
{
	struct loop *loop = make_loop();
	wall_time before = time_wall(), seen;

	(void)state;
	loop_turn(loop, 0);
	seen = loop_wall(loop);
	assert_true(seen > before - SECOND);
	assert_true(seen < time_wall() + SECOND);
	assert_true(loop_now(loop) <= time_monotonic());
	loop_free(&loop);
}

enum { THREADS = 4, POSTS = 5000 };

struct poster {
	struct loop *loop;
	unsigned *ran;
	unsigned refused;
};

static void count_up(void *argument)
{
	++*(unsigned *)argument;
}

static void *poster_run(void *argument)
{
	struct poster *poster = argument;

	for (unsigned i = 0; i < POSTS;) {
		if (!failed(loop_post(poster->loop, count_up, poster->ran)))
			i++;
		else
			poster->refused++;
	}
	return NULL;
}

/* None is lost, whether the loop sleeps or not when it comes. */
static void posts_from_other_threads_all_run(void **state)
{
	struct loop *loop = make_loop();
	struct poster posters[THREADS];
	pthread_t threads[THREADS];
	unsigned ran = 0;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		posters[i] = (struct poster) { loop, &ran, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, poster_run, &posters[i]), 0);
	}
	while (ran < THREADS * POSTS)
		loop_turn(loop, DEADLINE_NEVER);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(ran, THREADS * POSTS);
	loop_free(&loop);
}

/* Two loops on two threads post to each other, and sleep until the other one has. */
struct player {
	struct loop *loop;
	struct player *other;
	unsigned left;
};

static void player_hit(void *argument)
{
	struct player *player = argument;

	if (player->left == 0 || --player->left == 0)
		loop_stop(player->loop);
	assert_false(failed(loop_post(player->other->loop, player_hit, player->other)));
}

static void *player_run(void *argument)
{
	loop_run(((struct player *)argument)->loop);
	return NULL;
}

static void a_sleeping_loop_is_woken_by_a_post(void **state)
{
	struct player a = { .loop = make_loop(), .left = 300 }, b = { .loop = make_loop(), .left = 300 };
	pthread_t thread;

	(void)state;
	a.other = &b;
	b.other = &a;
	assert_int_equal(pthread_create(&thread, NULL, player_run, &b), 0);
	assert_false(failed(loop_post(a.loop, player_hit, &a)));
	loop_run(a.loop);
	pthread_join(thread, NULL);
	loop_free(&a.loop);
	loop_free(&b.loop);
}

static void posts_are_bounded(void **state)
{
	struct loop *loop = make_loop();
	unsigned ran = 0;

	(void)state;
	for (unsigned i = 0; i < POSTS_MAX; i++)
		assert_false(failed(loop_post(loop, count_up, &ran)));
	assert_int_equal(loop_post(loop, count_up, &ran).kind, ERROR_LIMIT);
	loop_turn(loop, DEADLINE_NEVER);
	assert_int_equal(ran, POSTS_MAX);
	assert_false(failed(loop_post(loop, count_up, &ran)));
	loop_free(&loop); /* with one that never ran */
	assert_int_equal(ran, POSTS_MAX);
}

struct echo {
	struct loop *loop;
	unsigned ran;
};

static void post_again(void *argument)
{
	struct echo *echo = argument;

	echo->ran++;
	assert_false(failed(loop_post(echo->loop, post_again, echo)));
}

static void what_a_post_posts_runs_in_the_next_turn(void **state)
{
	struct echo echo = { .loop = make_loop() };

	(void)state;
	assert_false(failed(loop_post(echo.loop, post_again, &echo)));
	for (unsigned turn = 1; turn <= 3; turn++) {
		loop_turn(echo.loop, DEADLINE_NEVER);
		assert_int_equal(echo.ran, turn);
	}
	loop_free(&echo.loop);
}

static void *stopper_run(void *argument)
{
	loop_stop(argument);
	return NULL;
}

static void stopping_is_seen_whenever_it_comes(void **state)
{
	struct loop *loop = make_loop();
	pthread_t thread;

	(void)state;
	loop_stop(loop); /* before it runs */
	loop_run(loop);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(pthread_create(&thread, NULL, stopper_run, loop), 0);
		loop_run(loop);
		pthread_join(thread, NULL);
	}
	loop_free(&loop);
}

struct orphan {
	struct loop_orphan orphan;
	struct loop *loop;
	bool is_disposed, is_released;
};

static void orphan_release(void *memory)
{
	((struct orphan *)memory)->is_released = true;
}

static void orphan_dispose(struct loop_orphan *orphan)
{
	struct orphan *self = (struct orphan *)(void *)orphan;

	self->is_disposed = true;
	loop_disown(orphan);
	loop_retire(self->loop, self, orphan_release);
}

static void orphans_go_with_the_loop(void **state)
{
	struct loop *loop = make_loop();
	struct orphan orphans[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		orphans[i] = (struct orphan) { .orphan.dispose = orphan_dispose, .loop = loop };
		loop_adopt(loop, &orphans[i].orphan);
	}
	loop_disown(&orphans[1].orphan);
	loop_free(&loop);
	assert_true(orphans[0].is_disposed && orphans[0].is_released);
	assert_false(orphans[1].is_disposed);
	assert_true(orphans[2].is_disposed && orphans[2].is_released);
}

static void take_long(void *argument)
{
	deadline until = deadline_after(time_monotonic(), 20 * MILLISECOND);

	(void)argument;
	while (time_monotonic() < until)
		continue;
}

struct noted {
	struct loop *loop;
	duration lag;
};

static void note_lag(void *argument)
{
	struct noted *noted = argument;

	noted->lag = loop_lag(noted->loop);
}

/* As late as the bell is, which is heard in the turn after a long one; and what is over is forgotten. */
static void a_loop_knows_how_late_it_is(void **state)
{
	struct loop *loop = make_loop();
	struct noted noted = { .loop = loop };

	(void)state;
	loop_turn(loop, time_monotonic());
	assert_false(failed(loop_post(loop, take_long, NULL)));
	loop_turn(loop, time_monotonic()); /* rings */
	take_long(NULL);
	assert_false(failed(loop_post(loop, note_lag, &noted)));
	loop_turn(loop, DEADLINE_NEVER); /* hears it, at once */
	assert_true(noted.lag >= 20 * MILLISECOND);
	for (size_t i = 0; i < 1000 && loop_lag(loop) >= 20 * MILLISECOND; i++)
		loop_turn(loop, time_monotonic());
	assert_true(loop_lag(loop) < 20 * MILLISECOND);
	loop_free(&loop);
}

static void many_can_be_retired_in_a_turn(void **state)
{
	enum { DEAD = 1000 };
	struct probe *dead = calloc(DEAD, sizeof *dead);
	struct loop *loop = make_loop();

	(void)state;
	for (unsigned i = 0; i < DEAD; i++)
		loop_retire(loop, &dead[i], probe_release);
	assert_false(dead[0].is_released);
	loop_turn(loop, 0);
	for (unsigned i = 0; i < DEAD; i++)
		assert_true(dead[i].is_released);
	loop_free(&loop);
	free(dead);
}

/* More descriptors than fit into one batch. */
static void more_than_a_batch(void **state)
{
	enum { PAIRS = 300 };
	struct loop *loop = make_loop();
	struct probe *probes = calloc(2 * (size_t)PAIRS, sizeof *probes);

	(void)state;
	for (unsigned i = 0; i < PAIRS; i++) {
		int pair[2];

		make_pair(pair);
		probe_open(loop, &probes[2 * i], pair[0]);
		probe_open(loop, &probes[2 * i + 1], pair[1]);
	}
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	for (unsigned i = 0; i < 2 * PAIRS; i++) {
		assert_int_equal(probes[i].calls, 1);
		source_close(&probes[i].source);
	}
	loop_free(&loop);
	free(probes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readiness_comes_once_an_edge),
		cmocka_unit_test(a_hang_up_is_readable),
		cmocka_unit_test(a_closed_source_hears_nothing_of_its_batch),
		cmocka_unit_test(a_reopened_source_hears_nothing_of_its_past),
		cmocka_unit_test(a_closed_source_hears_nothing_though_a_copy_is_open),
		cmocka_unit_test(a_source_may_close_itself),
		cmocka_unit_test(a_moved_descriptor_tells_the_new_source_everything),
		cmocka_unit_test(a_regular_file_is_refused_and_stays_open),
		cmocka_unit_test(level_sources_repeat_and_pause),
		cmocka_unit_test(the_loop_sleeps_until_a_timer),
		cmocka_unit_test(a_timer_is_a_fraction_of_a_millisecond_late),
		cmocka_unit_test(a_turn_ends_at_its_deadline),
		cmocka_unit_test(the_clocks_agree),
		cmocka_unit_test(posts_from_other_threads_all_run),
		cmocka_unit_test(a_sleeping_loop_is_woken_by_a_post),
		cmocka_unit_test(posts_are_bounded),
		cmocka_unit_test(what_a_post_posts_runs_in_the_next_turn),
		cmocka_unit_test(stopping_is_seen_whenever_it_comes),
		cmocka_unit_test(orphans_go_with_the_loop),
		cmocka_unit_test(a_loop_knows_how_late_it_is),
		cmocka_unit_test(many_can_be_retired_in_a_turn),
		cmocka_unit_test(more_than_a_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
