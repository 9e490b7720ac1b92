/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn: wait, read the clock, deliver the batch of events, fire timers, run what was posted, bury
 * the dead. Events come before timers, so that what arrived in time is not told that it is late.
 *
 * How late the loop is, it finds out as a client does: after a turn that took long it rings its own bell (the
 * eventfd of wake-ups), whose event stands in the kernel's queue behind all that is ready already, and
 * takes the time until it hears it. A loop that is not busy never does.
 */
#include "loop/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "loop/post.h"
#include "loop/wheel.h"

enum { BATCH = 512 };

#define LONG_TURN (2 * MILLISECOND)

struct grave {
	void *memory;
	void (*release)(void *memory);
};

struct loop {
	int epoll;
	int at, count; /* of the batch under way: what is before `at` has been delivered */
	deadline now;
	wall_time wall_offset; /* wall clock less monotonic clock */
	deadline wall_refresh; /* when the offset is to be read again */
	atomic_bool stopping;
	bool is_rough;      /* the kernel sleeps for whole milliseconds */
	struct source wake; /* an eventfd, edge-triggered and so never read */
	deadline rung;      /* when the bell was rung that has not been heard yet; 0: none was */
	duration lag;       /* what the last look at it said */
	struct posts posts;
	struct turn_end *ends; /* of the turn under way */
	struct grave *graves;  /* grows to the largest number of closes in a turn */
	size_t grave_count, grave_max;
	struct loop_orphan *orphans;
	struct wheel wheel;
	struct epoll_event batch[BATCH];
};

static void loop_read_clock(struct loop *loop)
{
	loop->now = time_monotonic();
	if (loop->now < loop->wall_refresh)
		return;
	loop->wall_offset = time_wall() - loop->now;
	loop->wall_refresh = loop->now + SECOND;
}

static result source_control(struct source *source, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(source->loop->epoll, operation, source->fd, &event) < 0)
		return error_system("epoll refused the descriptor", errno);
	return OK;
}

static result source_register(struct loop *loop, struct source *source, int fd, source_fn on_ready,
			      uint32_t events)
{
	result_value opened;

	*source = (struct source) { .fd = fd, .on_ready = on_ready, .loop = loop };
	opened = source_control(source, EPOLL_CTL_ADD, events);
	if (failed(opened))
		source->fd = -1;
	return opened;
}

static const uint32_t edge_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
static const uint32_t level_events = EPOLLIN | EPOLLEXCLUSIVE;

/* The event itself is all that was wanted: it ended the wait, or was the bell. */
static void loop_woken(struct source *source)
{
	struct loop *loop = source->loop;

	source->ready = 0;
	if (!loop->rung)
		return;
	loop->lag = time_monotonic() - loop->rung;
	loop->rung = 0;
}

static result loop_open_wake(struct loop *loop)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	result_value opened;

	if (fd < 0)
		return error_system("no eventfd", errno);
	opened = source_register(loop, &loop->wake, fd, loop_woken, EPOLLIN | EPOLLET);
	if (failed(opened))
		close(fd);
	return opened;
}

result loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof *loop);
	result_value opened;

	ASSERT(loop);
	loop->wake.fd = -1;
	posts_init(&loop->posts);
	loop_read_clock(loop);
	wheel_init(&loop->wheel, loop->now);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	opened = loop->epoll < 0 ? error_system("no epoll", errno) : loop_open_wake(loop);
	if (failed(opened))
		loop_free(&loop);
	*ret_loop = loop;
	return opened;
}

static void loop_bury(struct loop *loop)
{
	for (size_t i = 0; i < loop->grave_count; i++)
		loop->graves[i].release(loop->graves[i].memory);
	loop->grave_count = 0;
}

void loop_free(struct loop **address)
{
	struct loop *loop = *address;

	if (!loop)
		return;
	*address = NULL;
	while (loop->orphans)
		loop->orphans->dispose(loop->orphans);
	loop_bury(loop);
	ASSERT(wheel_is_empty(&loop->wheel));
	if (loop->wake.fd >= 0)
		source_close(&loop->wake);
	if (loop->epoll >= 0)
		close(loop->epoll);
	posts_fini(&loop->posts);
	free(loop->graves);
	free(loop);
}

static void loop_poke(struct loop *loop)
{
	int kept = errno; /* it may be a signal handler that stops the loop */
	uint64_t one = 1;
	ssize_t written = write(loop->wake.fd, &one, sizeof one);

	(void)written; /* fails only when 2^64 - 2 wake-ups came before */
	errno = kept;
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stopping, true);
	loop_poke(loop);
}

result loop_post(struct loop *loop, post_fn fn, void *argument)
{
	bool was_empty;

	TRY(posts_put(&loop->posts, (struct post) { fn, argument }, &was_empty));
	if (was_empty)
		loop_poke(loop);
	return OK;
}

/* How long this turn may sleep; without a timer there is always something to look at in an hour. */
static duration loop_patience(struct loop *loop, deadline until)
{
	duration wait;

	if (posts_waiting(&loop->posts) || loop->ends || atomic_load(&loop->stopping))
		return 0;
	wait = deadline_min(until, wheel_next(&loop->wheel)) - loop->now;
	if (wait <= 0)
		return 0;
	return wait < HOUR ? wait : HOUR;
}

/* By whole milliseconds, rounded up, so that it does not wake in vain just before. */
static int loop_wait_roughly(struct loop *loop, duration wait)
{
	return epoll_wait(loop->epoll, loop->batch, BATCH, (int)((wait + MILLISECOND - 1) / MILLISECOND));
}

/* Kernels before 5.11 do not know the exact call, and sandboxes that are as old forbid it. */
static int loop_wait(struct loop *loop, duration wait)
{
	struct timespec exact = { wait / SECOND, wait % SECOND };
	int count;

	if (loop->is_rough)
		return loop_wait_roughly(loop, wait);
	count = epoll_pwait2(loop->epoll, loop->batch, BATCH, &exact, NULL);
	if (count >= 0 || (errno != ENOSYS && errno != EPERM))
		return count;
	loop->is_rough = true;
	return loop_wait_roughly(loop, wait);
}

static unsigned ready_of(uint32_t events)
{
	unsigned ready = 0;

	if (events & EPOLLIN)
		ready |= READY_READ;
	if (events & EPOLLOUT)
		ready |= READY_WRITE;
	if (events & EPOLLRDHUP)
		ready |= READY_READ | READY_HANGUP;
	if (events & (EPOLLHUP | EPOLLERR))
		ready |= READY_READ | READY_WRITE | READY_HANGUP;
	return ready;
}

static void loop_deliver(struct loop *loop)
{
	while (loop->at < loop->count) {
		struct epoll_event *event = &loop->batch[loop->at++];
		struct source *source = event->data.ptr;

		if (!source)
			continue;
		source->ready |= ready_of(event->events);
		source->on_ready(source);
	}
	loop->at = loop->count = 0;
}

void loop_at_turn_end(struct loop *loop, struct turn_end *end)
{
	if (end->is_set)
		return;
	end->is_set = true;
	end->next = loop->ends;
	loop->ends = end;
}

static void loop_end_turn(struct loop *loop)
{
	while (loop->ends) {
		struct turn_end *end = loop->ends;

		loop->ends = end->next;
		end->is_set = false;
		end->on_end(end);
	}
}

/* While the bell is not heard, it alone tells. */
static void loop_look_at_lag(struct loop *loop)
{
	deadline now = time_monotonic();

	if (loop->rung)
		return;
	if (now - loop->now < LONG_TURN) {
		loop->lag = now - loop->now;
		return;
	}
	loop->rung = now;
	loop_poke(loop);
}

duration loop_lag(const struct loop *loop)
{
	duration unheard = loop->rung ? loop->now - loop->rung : 0;

	return unheard > loop->lag ? unheard : loop->lag;
}

void loop_turn(struct loop *loop, deadline until)
{
	int count = loop_wait(loop, loop_patience(loop, until));

	ASSERT(count >= 0 || errno == EINTR);
	loop->count = count > 0 ? count : 0;
	loop_read_clock(loop);
	wheel_turn(&loop->wheel);
	loop_deliver(loop);
	loop_end_turn(loop);
	wheel_fire(&loop->wheel, loop->now);
	if (posts_waiting(&loop->posts))
		posts_run(&loop->posts);
	loop_end_turn(loop); /* what the timers and the posts have set */
	if (loop->grave_count)
		loop_bury(loop);
	loop_look_at_lag(loop);
}

void loop_run(struct loop *loop)
{
	while (!atomic_load(&loop->stopping))
		loop_turn(loop, DEADLINE_NEVER);
	atomic_store(&loop->stopping, false);
}

deadline loop_now(const struct loop *loop)
{
	return loop->now;
}

wall_time loop_wall(const struct loop *loop)
{
	return loop->now + loop->wall_offset;
}

result source_open(struct loop *loop, struct source *source, int fd, source_fn on_ready)
{
	return source_register(loop, source, fd, on_ready, edge_events);
}

result source_open_level(struct loop *loop, struct source *source, int fd, source_fn on_ready)
{
	return source_register(loop, source, fd, on_ready, level_events);
}

/* An exclusive registration cannot be modified, only removed. */
void source_pause(struct source *source)
{
	result_value removed = source_control(source, EPOLL_CTL_DEL, 0);

	ASSERT(!failed(removed) || removed.sys == ENOENT);
}

void source_resume(struct source *source)
{
	result_value added = source_control(source, EPOLL_CTL_ADD, level_events);

	ASSERT(!failed(added) || added.sys == EEXIST);
}

/* The rest of the batch forgets the source: its memory may be reused before the batch ends. */
static void source_forget(struct source *source)
{
	struct loop *loop = source->loop;

	for (int i = loop->at; i < loop->count; i++)
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
}

result source_move(struct source *from, struct source *to, source_fn on_ready)
{
	result_value moved;

	*to = (struct source) { .fd = from->fd, .on_ready = on_ready, .loop = from->loop };
	moved = source_control(to, EPOLL_CTL_MOD, edge_events);
	if (failed(moved)) {
		to->fd = -1;
		return moved;
	}
	source_forget(from);
	from->fd = -1;
	from->ready = 0;
	return OK;
}

/* Closing alone would do, were it not for children: one that is just starting has a copy of the descriptor,
 * epoll goes by what both of them stand for, and would tell of it when the source is long gone. */
void source_close(struct source *source)
{
	ASSERT(source->fd >= 0);
	source_forget(source);
	epoll_ctl(source->loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	close(source->fd);
	source->fd = -1;
	source->ready = 0;
}

void loop_retire(struct loop *loop, void *memory, void (*release)(void *memory))
{
	if (loop->grave_count == loop->grave_max) {
		loop->grave_max = loop->grave_max ? loop->grave_max * 2 : 64;
		loop->graves = realloc(loop->graves, loop->grave_max * sizeof *loop->graves);
		ASSERT(loop->graves);
	}
	loop->graves[loop->grave_count++] = (struct grave) { memory, release };
}

void loop_adopt(struct loop *loop, struct loop_orphan *orphan)
{
	orphan->next = loop->orphans;
	orphan->link = &loop->orphans;
	if (orphan->next)
		orphan->next->link = &orphan->next;
	loop->orphans = orphan;
}

void loop_disown(struct loop_orphan *orphan)
{
	*orphan->link = orphan->next;
	if (orphan->next)
		orphan->next->link = orphan->link;
}

void timer_set(struct loop *loop, struct timer *timer, deadline due)
{
	wheel_set(&loop->wheel, timer, due, loop->now);
}
