/* SPDX-License-Identifier: Apache-2.0 */
#include "main/notify.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/testing.h"
#include "base/time.h"

/* A manager that listens at an abstract address. */
struct manager {
	int fd;
	char heard[256];
};

static int manager_set_up(void **state)
{
	struct manager *manager = calloc(1, sizeof *manager);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char name[64];
	int len = snprintf(name, sizeof name, "@gatehouse-notify-test-%d", (int)getpid());

	manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memcpy(at.sun_path + 1, name + 1, (size_t)len - 1);
	assert_int_equal(bind(manager->fd, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	*state = manager;
	return 0;
}

static int manager_tear_down(void **state)
{
	struct manager *manager = *state;

	close(manager->fd);
	free(manager);
	unsetenv("NOTIFY_SOCKET");
	return 0;
}

/* The next word, or none. */
static str hear(struct manager *manager)
{
	ssize_t got = recv(manager->fd, manager->heard, sizeof manager->heard, 0);

	return (str) { manager->heard, got > 0 ? (size_t)got : 0 };
}

static void test_each_word(void **state)
{
	struct manager *manager = *state;

	notify_ready();
	assert_text(hear(manager), "READY=1");
	notify_stopping();
	assert_text(hear(manager), "STOPPING=1");
	notify_main_process(4711);
	assert_text(hear(manager), "MAINPID=4711");
	assert_text(hear(manager), "");
}

static void test_a_reload_says_when(void **state)
{
	struct manager *manager = *state;
	uint64_t before = (uint64_t)(time_monotonic() / MICROSECOND), when;
	str word, number;

	notify_reloading();
	assert_true(str_cut(hear(manager), '\n', &word, &number));
	assert_text(word, "RELOADING=1");
	assert_true(str_starts(number, STR("MONOTONIC_USEC=")));
	assert_true(str_to_u64(str_skip(number, 15), UINT64_MAX, &when));
	assert_true(when >= before && when <= (uint64_t)(time_monotonic() / MICROSECOND));
}

static const char longest[] = "/a/path/that/is/longer/than/the/address/of/a/socket/may/be/and/says/so/again/"
			      "and/again/and/again/and/again";
static const char *const addresses[] = { "", "@", "x", "relative/path", "/nowhere/at/all", longest };

static void test_nobody_is_told_where_nobody_is(void **state)
{
	struct manager *manager = *state;

	unsetenv("NOTIFY_SOCKET");
	notify_ready();
	for (size_t i = 0; i < COUNT_OF(addresses); i++) {
		setenv("NOTIFY_SOCKET", addresses[i], 1);
		notify_ready();
		assert_row(hear(manager).len == 0, i, addresses[i]);
	}
}

/* A manager that does not read does not hold anybody up. */
static void test_a_full_queue_is_not_waited_for(void **state)
{
	struct manager *manager = *state;

	for (int i = 0; i < 10000; i++)
		notify_ready();
	assert_text(hear(manager), "READY=1");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, manager_set_up, manager_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_each_word),
		TEST(test_a_reload_says_when),
		TEST(test_nobody_is_told_where_nobody_is),
		TEST(test_a_full_queue_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
