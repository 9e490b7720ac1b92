/* SPDX-License-Identifier: Apache-2.0 */
/* Which sockets go on from one configuration to the next, which are bound, and what happens when one cannot
 * be. */
#include "main/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/testing.h"
#include "io/listener.h"

enum { WORKERS = 2 };

/* Listeners as a snapshot has them, and what came of them. */
struct bench {
	struct snapshot snapshot;
	struct listener_snapshot listeners[4];
	struct sockets *sockets;
	char path[64];
};

static int bench_set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof *bench);

	snprintf(bench->path, sizeof bench->path, "/tmp/sockets-test-%d.sock", (int)getpid());
	bench->snapshot.listeners = bench->listeners;
	*state = bench;
	return 0;
}

/* Each descriptor once: those that go on stand in both. */
static void close_all(const struct sockets *sockets)
{
	for (size_t i = 0; sockets && i < sockets->count; i++)
		for (size_t j = 0; j < sockets->workers; j++)
			close(sockets->at[i].fds[j]);
}

static int bench_tear_down(void **state)
{
	struct bench *bench = *state;

	close_all(bench->sockets);
	sockets_free(&bench->sockets);
	unlink(bench->path);
	free(bench);
	return 0;
}

static void want(struct bench *bench, const char *name, const char *address)
{
	struct listener_snapshot *listener = &bench->listeners[bench->snapshot.listener_count++];
	struct address_text text;

	listener->name = str_of(name);
	assert_false(failed(address_text_parse(str_of(address), &text)));
	assert_true(address_of_text(&text, &listener->address));
}

/* Instead of what was wanted before; the outcome is not taken over. */
static result_value bind_again(struct bench *bench, struct sockets **ret_sockets)
{
	return sockets_bind(&(struct sockets_options) { .snapshot = &bench->snapshot,
							.workers = WORKERS,
							.before = bench->sockets },
			    ret_sockets);
}

static void begin(struct bench *bench)
{
	struct sockets *sockets;

	assert_false(failed(bind_again(bench, &sockets)));
	bench->sockets = sockets;
	bench->snapshot.listener_count = 0;
}

static void take(struct bench *bench, struct sockets *sockets)
{
	sockets_free(&bench->sockets);
	bench->sockets = sockets;
	bench->snapshot.listener_count = 0;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_every_worker_has_one(void **state)
{
	struct bench *bench = *state;
	const struct listening *a, *b;

	want(bench, "a", "127.0.0.1:0");
	want(bench, "b", "127.0.0.1:0");
	begin(bench);
	a = &bench->sockets->at[0];
	b = &bench->sockets->at[1];
	assert_true(address_port(&a->bound) && address_port(&b->bound));
	assert_int_not_equal(address_port(&a->bound), address_port(&b->bound));
	assert_int_not_equal(a->fds[0], a->fds[1]);
	assert_true(a->from == SIZE_MAX);
}

static void test_the_same_listeners_go_on(void **state)
{
	struct bench *bench = *state;
	struct sockets *sockets;
	int fd;

	want(bench, "a", "127.0.0.1:0");
	want(bench, "b", "127.0.0.1:0");
	begin(bench);
	fd = bench->sockets->at[0].fds[1];
	want(bench, "b", "127.0.0.1:0");
	want(bench, "a", "127.0.0.1:0");
	assert_false(failed(bind_again(bench, &sockets)));
	assert_int_equal(sockets->at[0].from, 1);
	assert_int_equal(sockets->at[1].from, 0);
	assert_int_equal(sockets->at[1].fds[1], fd);
	assert_true(sockets_have(sockets, 0) && sockets_have(sockets, 1) && !sockets_have(sockets, 2));
	take(bench, sockets);
}

static void test_a_new_name_at_the_same_place_goes_on(void **state)
{
	struct bench *bench = *state;
	struct sockets *sockets;
	char address[32];

	want(bench, "a", "127.0.0.1:0");
	begin(bench);
	/* As if its port had been asked for. */
	bench->sockets->at[0].wanted = bench->sockets->at[0].bound;
	snprintf(address, sizeof address, "127.0.0.1:%u", address_port(&bench->sockets->at[0].bound));
	want(bench, "b", address);
	assert_false(failed(bind_again(bench, &sockets)));
	assert_int_equal(sockets->at[0].from, 0);
	take(bench, sockets);
}

static void test_another_name_at_any_port_is_another(void **state)
{
	struct bench *bench = *state;
	struct sockets *sockets;
	int before;

	want(bench, "a", "127.0.0.1:0");
	begin(bench);
	before = bench->sockets->at[0].fds[0];
	want(bench, "b", "127.0.0.1:0");
	assert_false(failed(bind_again(bench, &sockets)));
	assert_true(sockets->at[0].from == SIZE_MAX);
	assert_false(sockets_have(sockets, 0));
	assert_true(is_open(before)); /* the workers close it, when they have let in who waits */
	close_all(bench->sockets);
	take(bench, sockets);
}

static void test_one_that_cannot_be_bound_leaves_nothing(void **state)
{
	struct bench *bench = *state;
	struct sockets *sockets;
	int next = dup(0);

	close(next);
	want(bench, "a", "127.0.0.1:0");
	want(bench, "b", "192.0.2.1:80"); /* nobody's here */
	assert_int_equal(bind_again(bench, &sockets).kind, ERROR_SYSTEM);
	assert_null(sockets);
	assert_int_equal(dup(0), next);
	close(next);
}

static void test_a_failure_leaves_those_before(void **state)
{
	struct bench *bench = *state;
	struct sockets *sockets;

	want(bench, "a", "127.0.0.1:0");
	begin(bench);
	want(bench, "a", "127.0.0.1:0");
	want(bench, "b", "192.0.2.1:80");
	assert_true(failed(bind_again(bench, &sockets)));
	assert_true(is_open(bench->sockets->at[0].fds[0]));
	bench->snapshot.listener_count = 0;
}

static void test_a_port_of_somebody_else_is_in_use(void **state)
{
	struct bench *bench = *state;
	struct sockets *sockets;
	struct address at, bound;
	char address[32];
	int fd;

	assert_true(address_of_ip(STR("127.0.0.1"), 0, &at));
	assert_false(
		failed(listener_bind(&at, &fd, &bound))); /* with SO_REUSEPORT, as a second gateway would */
	snprintf(address, sizeof address, "127.0.0.1:%u", address_port(&bound));
	want(bench, "a", address);
	assert_int_equal(bind_again(bench, &sockets).sys, EADDRINUSE);
	close(fd);
}

static void test_two_at_one_place_are_refused(void **state)
{
	struct bench *bench = *state;
	struct sockets *sockets;
	char address[96];

	snprintf(address, sizeof address, "unix:%s", bench->path);
	want(bench, "a", address);
	want(bench, "b", address);
	assert_int_equal(bind_again(bench, &sockets).sys, EADDRINUSE);
}

static void test_a_path_is_shared_and_taken_away(void **state)
{
	struct bench *bench = *state;
	char address[96];

	snprintf(address, sizeof address, "unix:%s", bench->path);
	want(bench, "a", address);
	begin(bench);
	assert_int_not_equal(bench->sockets->at[0].fds[0], bench->sockets->at[0].fds[1]);
	assert_int_equal(access(bench->path, F_OK), 0);
	sockets_remove(&bench->sockets->at[0], NULL);
	assert_int_not_equal(access(bench->path, F_OK), 0);
}

static void test_a_path_of_systemds_is_left_alone(void **state)
{
	struct bench *bench = *state;
	char address[96];

	snprintf(address, sizeof address, "unix:%s", bench->path);
	want(bench, "a", address);
	begin(bench);
	bench->sockets->at[0].is_foreign = true;
	sockets_remove(&bench->sockets->at[0], NULL);
	assert_int_equal(access(bench->path, F_OK), 0);
}

static void test_inherited_sockets_come_first(void **state)
{
	struct bench *bench = *state;
	struct address at, bound;
	struct inherited one = { .name = STR_INIT("a") };
	struct inheritance inherited = { &one, 1 };
	struct sockets *sockets;

	assert_true(address_of_ip(STR("127.0.0.1"), 0, &at));
	assert_false(failed(listener_bind(&at, &one.fd, &bound)));
	want(bench, "a", "127.0.0.1:0");
	assert_false(failed(sockets_bind(&(struct sockets_options) { .snapshot = &bench->snapshot,
								     .workers = WORKERS,
								     .inherited = &inherited },
					 &sockets)));
	assert_int_equal(one.fd, -1);
	assert_true(address_eq(&sockets->at[0].bound, &bound));
	assert_true(is_open(sockets->at[0].fds[1])); /* the second worker's is bound beside it */
	take(bench, sockets);
}

static void test_free_accepts_nothing(void **state)
{
	struct sockets *sockets = NULL;

	(void)state;
	sockets_free(&sockets);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, bench_set_up, bench_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_every_worker_has_one),
		TEST(test_the_same_listeners_go_on),
		TEST(test_a_new_name_at_the_same_place_goes_on),
		TEST(test_another_name_at_any_port_is_another),
		TEST(test_one_that_cannot_be_bound_leaves_nothing),
		TEST(test_a_failure_leaves_those_before),
		TEST(test_a_port_of_somebody_else_is_in_use),
		TEST(test_two_at_one_place_are_refused),
		TEST(test_a_path_is_shared_and_taken_away),
		TEST(test_a_path_of_systemds_is_left_alone),
		TEST(test_inherited_sockets_come_first),
		cmocka_unit_test(test_free_accepts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
