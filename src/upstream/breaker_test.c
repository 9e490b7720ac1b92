/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds that are exact with any number of threads, and a queue that forgets nobody.
 */
#include "upstream/breaker.h"

#include "base/testing.h"
#include "fiber/testing.h"

enum { THREADS = 4, FIBERS = 40, ROUNDS = 200, CONNECTIONS = 3 };

/* ---- requests ---- */

static void requests_end_at_their_bound(void **state)
{
	static const struct breaker_bounds three = { .requests = 3 }, none = { .requests = 0 };
	struct breaker breaker = { 0 };

	(void)state;
	breaker_init(&breaker);
	for (unsigned i = 0; i < 3; i++)
		assert_true(breaker_begin_request(&breaker, &three));
	assert_false(breaker_begin_request(&breaker, &three));
	assert_true(breaker_begin_request(&breaker, &none));
	assert_int_equal(breaker.requests, 3);
	breaker_end_request(&breaker, &three);
	assert_true(breaker_begin_request(&breaker, &three));
	assert_false(breaker_begin_request(&breaker, &three));
	breaker_fini(&breaker);
}

struct user {
	pthread_t thread;
	struct breaker *breaker;
	_Atomic uint32_t *inside, *highest;
	unsigned begun;
};

static void raise_to(_Atomic uint32_t *highest, uint32_t value)
{
	uint32_t now = atomic_load(highest);

	while (now < value && !atomic_compare_exchange_weak(highest, &now, value))
		continue;
}

static void *use_requests(void *argument)
{
	static const struct breaker_bounds two = { .requests = 2 };
	struct user *user = argument;

	for (unsigned i = 0; i < 20000; i++) {
		if (!breaker_begin_request(user->breaker, &two))
			continue;
		raise_to(user->highest, atomic_fetch_add(user->inside, 1) + 1);
		atomic_fetch_sub(user->inside, 1);
		breaker_end_request(user->breaker, &two);
		user->begun++;
	}
	return NULL;
}

static void no_thread_gets_one_more(void **state)
{
	struct user users[THREADS] = { 0 };
	_Atomic uint32_t inside = 0, highest = 0;
	unsigned begun = 0;
	struct breaker breaker = { 0 };

	(void)state;
	breaker_init(&breaker);
	for (unsigned i = 0; i < THREADS; i++) {
		users[i] = (struct user) { .breaker = &breaker, .inside = &inside, .highest = &highest };
		assert_int_equal(pthread_create(&users[i].thread, NULL, use_requests, &users[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(users[i].thread, NULL);
		begun += users[i].begun;
	}
	assert_in_range(begun, 1, THREADS * 20000);
	assert_in_range(highest, 1, 2);
	assert_int_equal(breaker.requests, 0);
	breaker_fini(&breaker);
}

/* ---- the queue ---- */

/* A worker whose connections serve one request each. */
struct office {
	struct breaker_desk desk; /* first */
	struct world world;
	const struct breaker_bounds *bounds;
	_Atomic uint32_t *inside, *highest;
	duration patience;
	unsigned served, refused, cancelled, asked;
	struct fiber *first; /* that came */
	bool stays;          /* who has a place keeps it */
};

static void on_asked(struct breaker_desk *desk)
{
	((struct office *)desk)->asked++;
}

static void office_open(struct office *office, struct breaker *breaker, const struct breaker_bounds *bounds)
{
	*office = (struct office) { .bounds = bounds, .patience = 20 * SECOND };
	world_open(&office->world);
	breaker_desk_open(&office->desk, breaker, office->world.fibers, on_asked);
}

static void office_close(struct office *office)
{
	breaker_desk_deafen(&office->desk);
	assert_true(breaker_desk_close(&office->desk));
	world_close(&office->world);
}

/* As a pool does: at once where there is room and nobody waits, else when its turn comes. */
static result seek(struct office *office)
{
	bool has_entered = false, is_next = false;
	deadline until = world_in(&office->world, office->patience);

	while (!has_entered) {
		if ((is_next || !breaker_desk_has_queue(&office->desk)) &&
		    breaker_desk_enter(&office->desk, office->bounds))
			break;
		TRY(breaker_desk_wait(&office->desk, office->bounds, is_next, until, &has_entered));
		is_next = true;
	}
	return OK;
}

static void visit(struct fiber *self, void *argument)
{
	struct office *office = argument;
	result_value sought;

	office->first = office->first ? office->first : self;
	sought = seek(office);
	office->refused += sought.kind == ERROR_BUSY;
	office->cancelled += sought.kind == ERROR_CANCELLED;
	if (failed(sought))
		return;
	office->served++;
	if (office->stays)
		return;
	if (office->inside)
		raise_to(office->highest, atomic_fetch_add(office->inside, 1) + 1);
	fiber_step_aside(self);
	if (office->inside)
		atomic_fetch_sub(office->inside, 1);
	breaker_desk_leave(&office->desk);
}

static void visit_often(struct fiber *self, void *argument)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		visit(self, argument);
}

static void who_waits_is_served_in_order(void **state)
{
	static const struct breaker_bounds bounds = { .connections = 2, .pending = 3 };
	struct breaker breaker = { 0 };
	struct office office;

	(void)state;
	breaker_init(&breaker);
	office_open(&office, &breaker, &bounds);
	office.stays = true;
	for (unsigned i = 0; i < 7; i++)
		world_start(&office.world, visit, &office);
	assert_int_equal(office.served, 2);
	assert_int_equal(office.refused, 2); /* more than may wait */
	assert_int_equal(breaker.pending, 3);
	for (unsigned left = 3; left > 0; left--) {
		breaker_desk_leave(&office.desk);
		world_turn(&office.world);
		assert_int_equal(office.served, 6 - left);
		assert_int_equal(breaker.pending, left - 1);
		assert_int_equal(breaker.connections, 2);
	}
	breaker_desk_leave(&office.desk);
	assert_false(breaker_desk_close(&office.desk)); /* one is there still */
	breaker_desk_leave(&office.desk);
	office_close(&office);
	breaker_fini(&breaker);
}

static void waiting_ends_with_its_time(void **state)
{
	static const struct breaker_bounds bounds = { .connections = 1, .pending = 8 };
	struct breaker breaker = { 0 };
	struct office office;

	(void)state;
	breaker_init(&breaker);
	office_open(&office, &breaker, &bounds);
	assert_true(breaker_desk_enter(&office.desk, &bounds));
	office.patience = 20 * MILLISECOND;
	for (unsigned i = 0; i < 8; i++)
		world_start(&office.world, visit, &office);
	world_run(&office.world);
	assert_int_equal(office.refused, 8);
	assert_int_equal(breaker.pending, 0);
	breaker_desk_leave(&office.desk);
	assert_int_equal(breaker.connections, 0);
	office_close(&office);
	breaker_fini(&breaker);
}

/* Called and cancelled in one turn: what it was called for, a place or something kept, is the next one's. */
static void what_one_was_called_for_is_not_lost_with_him(void **state)
{
	static const struct breaker_bounds bounds = { .connections = 1, .pending = 8 };
	struct breaker breaker = { 0 };
	struct office office;

	(void)state;
	for (unsigned is_place = 0; is_place < 2; is_place++) {
		breaker_init(&breaker);
		office_open(&office, &breaker, &bounds);
		assert_true(breaker_desk_enter(&office.desk, &bounds));
		world_start(&office.world, visit, &office);
		world_start(&office.world, visit, &office);
		if (is_place)
			breaker_desk_leave(&office.desk);
		else
			assert_true(breaker_desk_call(&office.desk));
		fiber_cancel(office.first);
		assert_int_equal(office.cancelled, 1);
		assert_int_equal(breaker.pending, 0); /* the other is called */
		if (!is_place)
			breaker_desk_leave(&office.desk);
		world_run(&office.world);
		assert_int_equal(office.served, 1);
		assert_int_equal(breaker.connections, 0);
		office_close(&office);
		breaker_fini(&breaker);
	}
}

/* Nobody else waits here, but there: this worker is asked to part with it. */
static void what_nobody_here_waits_for_goes_to_another_worker(void **state)
{
	static const struct breaker_bounds bounds = { .connections = 1, .pending = 8 };
	struct breaker breaker = { 0 };
	struct office here, there;

	(void)state;
	breaker_init(&breaker);
	office_open(&here, &breaker, &bounds);
	office_open(&there, &breaker, &bounds);
	assert_true(breaker_desk_enter(&here.desk, &bounds));
	world_start(&there.world, visit, &there);
	world_turn(&here.world);
	assert_int_equal(here.asked, 1); /* by whoever came to wait there */
	world_start(&here.world, visit, &here);
	assert_true(breaker_desk_call(&here.desk));
	fiber_cancel(here.first);
	assert_int_equal(here.cancelled, 1);
	world_turn(&here.world);
	assert_int_equal(here.asked, 2);
	breaker_desk_leave(&here.desk);
	world_run(&there.world);
	assert_int_equal(there.served, 1);
	office_close(&here);
	office_close(&there);
	breaker_fini(&breaker);
}

/* A connection that goes makes room where there are fewest; and who has none asks who has. */
static void workers_come_to_equal_shares(void **state)
{
	static const struct breaker_bounds bounds = { .connections = 4, .pending = 8 };
	struct breaker breaker = { 0 };
	struct office rich, poor;

	(void)state;
	breaker_init(&breaker);
	office_open(&rich, &breaker, &bounds);
	office_open(&poor, &breaker, &bounds);
	rich.stays = poor.stays = true;
	for (unsigned i = 0; i < 8; i++)
		world_start(&rich.world, visit, &rich);
	for (unsigned i = 0; i < 4; i++)
		world_start(&poor.world, visit, &poor);
	assert_int_equal(rich.desk.connections, 4);
	world_turn(&rich.world);
	assert_int_equal(rich.asked, 1);
	assert_false(breaker_desk_call(&rich.desk)); /* it has four more than one that waits */
	for (unsigned i = 0; i < 3; i++) {
		breaker_desk_leave(&rich.desk);
		world_turn(&rich.world);
		world_turn(&poor.world);
	}
	assert_int_equal(rich.desk.connections, 2);
	assert_int_equal(poor.desk.connections, 2);
	assert_true(breaker_desk_call(&rich.desk)); /* what it has is its own */
	rich.patience = poor.patience = 0;
	while (breaker.connections || breaker.pending) {
		if (rich.desk.connections)
			breaker_desk_leave(&rich.desk);
		if (poor.desk.connections)
			breaker_desk_leave(&poor.desk);
		world_turn(&rich.world);
		world_turn(&poor.world);
	}
	world_run(&rich.world);
	world_run(&poor.world);
	assert_int_equal(rich.served + poor.served, 12);
	office_close(&rich);
	office_close(&poor);
	breaker_fini(&breaker);
}

/* A worker on its thread; it closes when all have ended, for the others may call it until then. */
struct branch {
	struct office office;
	pthread_t thread;
	pthread_barrier_t *end;
	struct breaker *breaker;
	_Atomic uint32_t *inside, *highest;
};

static void *run_branch(void *argument)
{
	static const struct breaker_bounds bounds = { .connections = CONNECTIONS,
						      .pending = THREADS * FIBERS };
	struct branch *branch = argument;

	office_open(&branch->office, branch->breaker, &bounds);
	branch->office.inside = branch->inside;
	branch->office.highest = branch->highest;
	for (unsigned i = 0; i < FIBERS; i++)
		world_start(&branch->office.world, visit_often, &branch->office);
	world_run(&branch->office.world);
	pthread_barrier_wait(branch->end);
	office_close(&branch->office);
	return NULL;
}

/* Every visit of every thread comes to its end, and at no moment are there more than may be. */
static void threads_share_one_bound(void **state)
{
	_Atomic uint32_t inside = 0, highest = 0;
	struct branch branches[THREADS];
	struct breaker breaker = { 0 };
	pthread_barrier_t end;

	(void)state;
	breaker_init(&breaker);
	pthread_barrier_init(&end, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		branches[i] = (struct branch) {
			.end = &end, .breaker = &breaker, .inside = &inside, .highest = &highest
		};
		assert_int_equal(pthread_create(&branches[i].thread, NULL, run_branch, &branches[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(branches[i].thread, NULL);
		assert_int_equal(branches[i].office.served, FIBERS * ROUNDS);
		assert_int_equal(branches[i].office.refused, 0);
	}
	pthread_barrier_destroy(&end);
	assert_in_range(highest, 1, CONNECTIONS);
	assert_int_equal(breaker.connections, 0);
	assert_int_equal(breaker.pending, 0);
	breaker_fini(&breaker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_end_at_their_bound),
		cmocka_unit_test(no_thread_gets_one_more),
		cmocka_unit_test(who_waits_is_served_in_order),
		cmocka_unit_test(waiting_ends_with_its_time),
		cmocka_unit_test(what_one_was_called_for_is_not_lost_with_him),
		cmocka_unit_test(what_nobody_here_waits_for_goes_to_another_worker),
		cmocka_unit_test(workers_come_to_equal_shares),
		cmocka_unit_test(threads_share_one_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
