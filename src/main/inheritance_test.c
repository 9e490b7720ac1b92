/* SPDX-License-Identifier: Apache-2.0 */
#include "main/inheritance.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/testing.h"

/* Listens on a port of its own. */
static int listen_somewhere(struct address *ret_bound)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct address at;

	assert_true(address_of_ip(STR("127.0.0.1"), 0, &at));
	assert_int_equal(bind(fd, &at.any, at.len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_true(address_of_socket(fd, ret_bound));
	return fd;
}

static struct address any_port(void)
{
	struct address at;

	assert_true(address_of_ip(STR("127.0.0.1"), 0, &at));
	return at;
}

/* What another process says, as this one would hear it. */
static void set_own(const struct bequest *bequest)
{
	assert_true(str_starts(str_of(bequest->text), STR("GATEHOUSE_SOCKETS=")));
	setenv("GATEHOUSE_SOCKETS", bequest->text + strlen("GATEHOUSE_SOCKETS="), 1);
}

static void test_nothing_is_inherited(void **state)
{
	struct inheritance inherited;
	struct address wanted = any_port();
	bool is_foreign;

	(void)state;
	inheritance_open(&inherited);
	assert_int_equal(inherited.count, 0);
	assert_int_equal(inheritance_take(&inherited, STR("main"), &wanted, &is_foreign), -1);
	assert_int_equal(inheritance_take(NULL, STR("main"), &wanted, &is_foreign), -1);
	inheritance_close(&inherited, NULL);
}

static const char *const names[] = { "main", "", "a,b:c", "100%", "na\xc3\xafve \"x\"", "%41", "%" };

static void test_names_come_through(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct bequest bequest;
		struct inheritance inherited;
		struct address bound, wanted = any_port();
		bool is_foreign = true;
		int fd = listen_somewhere(&bound);

		bequest_open(&bequest);
		bequest_add(&bequest, fd, str_of(names[i]), false);
		bequest_close(&bequest);
		set_own(&bequest);
		inheritance_open(&inherited);
		assert_int_equal(inherited.count, 1);
		assert_text(inherited.at[0].name, names[i]);
		assert_null(getenv("GATEHOUSE_SOCKETS"));
		assert_int_equal(inheritance_take(&inherited, str_of(names[i]), &wanted, &is_foreign), fd);
		assert_false(is_foreign);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_int_equal(inheritance_take(&inherited, str_of(names[i]), &wanted, &is_foreign), -1);
		inheritance_close(&inherited, NULL);
		bequest_free(&bequest);
		close(fd);
	}
}

static void test_a_place_counts_more_than_a_name(void **state)
{
	struct bequest bequest;
	struct inheritance inherited;
	struct address first, second, elsewhere;
	bool is_foreign;
	int a = listen_somewhere(&first), b = listen_somewhere(&second);

	(void)state;
	bequest_open(&bequest);
	bequest_add(&bequest, a, STR("one"), false);
	bequest_add(&bequest, b, STR("two"), false);
	bequest_close(&bequest);
	set_own(&bequest);
	inheritance_open(&inherited);
	assert_true(address_of_ip(STR("127.0.0.2"), 0, &elsewhere));
	assert_int_equal(inheritance_take(&inherited, STR("one"), &elsewhere, &is_foreign), -1);
	assert_int_equal(inheritance_take(&inherited, STR("renamed"), &second, &is_foreign), b);
	assert_int_equal(inheritance_take(&inherited, STR("two"), &first, &is_foreign), a);
	inheritance_close(&inherited, NULL);
	bequest_free(&bequest);
	close(a);
	close(b);
}

/* What was systemd's is its listener's wherever it is bound, and stays somebody else's. */
static void test_who_bound_it_is_handed_on(void **state)
{
	struct bequest bequest;
	struct inheritance inherited;
	struct address first, second, elsewhere;
	bool is_foreign = false;
	int a = listen_somewhere(&first), b = listen_somewhere(&second);

	(void)state;
	bequest_open(&bequest);
	bequest_add(&bequest, a, STR("main"), true);
	bequest_add(&bequest, b, STR("!other"), false);
	bequest_close(&bequest);
	set_own(&bequest);
	inheritance_open(&inherited);
	assert_true(address_of_ip(STR("127.0.0.2"), 1, &elsewhere));
	assert_int_equal(inheritance_take(&inherited, STR("other"), &elsewhere, &is_foreign), -1);
	assert_int_equal(inheritance_take(&inherited, STR("!other"), &elsewhere, &is_foreign), -1);
	assert_int_equal(inheritance_take(&inherited, STR("main"), &elsewhere, &is_foreign), a);
	assert_true(is_foreign);
	inheritance_close(&inherited, NULL);
	bequest_free(&bequest);
	close(a);
}

static void test_what_nobody_took_is_closed(void **state)
{
	struct bequest bequest;
	struct inheritance inherited;
	struct address bound;
	int fd = listen_somewhere(&bound);

	(void)state;
	bequest_open(&bequest);
	bequest_add(&bequest, fd, STR("main"), false);
	bequest_close(&bequest);
	set_own(&bequest);
	inheritance_open(&inherited);
	inheritance_close(&inherited, NULL);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	bequest_free(&bequest);
}

/* As often as it is asked for: once. Not what a manager calls by the name, and not as a socket. */
static void test_a_secret_comes_through_once(void **state)
{
	struct bequest bequest;
	struct inheritance inherited;
	struct address bound, wanted = any_port();
	struct arena arena;
	bool is_foreign;
	str secret;
	int fd = listen_somewhere(&bound);

	(void)state;
	arena_init(&arena, NULL, 1 << 20);
	bequest_open(&bequest);
	bequest_add(&bequest, fd, STR("/secret"), true);
	bequest_add_secret(&bequest, STR("/secret"), (str) { "a\0b", 3 });
	bequest_close(&bequest);
	set_own(&bequest);
	inheritance_open(&inherited);
	assert_false(inheritance_take_secret(&inherited, STR("/other"), &arena, &secret));
	assert_true(inheritance_take_secret(&inherited, STR("/secret"), &arena, &secret));
	assert_int_equal(secret.len, 3);
	assert_memory_equal(secret.ptr, "a\0b", 3);
	assert_false(inheritance_take_secret(&inherited, STR("/secret"), &arena, &secret));
	assert_int_equal(inheritance_take(&inherited, STR("/secret"), &wanted, &is_foreign), fd);
	inheritance_close(&inherited, NULL);
	bequest.secret = -1; /* in one process both are the same descriptor */
	bequest_free(&bequest);
	arena_fini(&arena);
	close(fd);
}

/* What is no file, or an empty one, is none. */
static void test_what_holds_no_secret(void **state)
{
	struct bequest bequest;
	struct inheritance inherited;
	struct address bound;
	struct arena arena;
	str secret;
	int fd = listen_somewhere(&bound), pipes[2];

	(void)state;
	arena_init(&arena, NULL, 1 << 20);
	assert_int_equal(pipe(pipes), 0);
	bequest_open(&bequest);
	bequest_add(&bequest, fd, STR("/a"), false);
	bequest_add(&bequest, pipes[0], STR("/b"), false);
	bequest_add_secret(&bequest, STR("/c"), (str) { 0 });
	bequest_close(&bequest);
	set_own(&bequest);
	inheritance_open(&inherited);
	assert_int_equal(inherited.count, 3);
	for (const char *const *name = (const char *const[]) { "/a", "/b", "/c", NULL }; *name; name++)
		assert_false(inheritance_take_secret(&inherited, str_of(*name), &arena, &secret));
	inheritance_close(&inherited, NULL);
	bequest.secret = -1; /* closed as what nobody could read */
	bequest_free(&bequest);
	arena_fini(&arena);
	close(pipes[1]);
}

static const char *const nonsense[] = { "",           ",",    ":",    "x:y", "3", "-1:main", "99999999999:a",
					"200:nobody", ",,:,", "1e1:a" };

static void test_what_makes_no_sense_is_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(nonsense); i++) {
		struct inheritance inherited;

		setenv("GATEHOUSE_SOCKETS", nonsense[i], 1);
		inheritance_open(&inherited);
		assert_row(inherited.count == 0, i, nonsense[i]);
		inheritance_close(&inherited, NULL);
	}
}

/* Of systemd's: who they are meant for, how many, and their names. Descriptors 3 and on. */
static const struct {
	const char *pid, *count, *names;
	size_t inherited;
} systemd[] = {
	{ "self", "1", "main", 1 },  { "self", "2", "main:other", 2 }, { "self", "2", "main", 2 },
	{ "self", "1", NULL, 1 },    { "self", "0", "", 0 },           { "1", "1", "main", 0 },
	{ "x", "1", "main", 0 },     { NULL, "1", "main", 0 },         { "self", "x", "main", 0 },
	{ "self", NULL, "main", 0 }, { "self", "-1", "main", 0 },
};

static void set_or_not(const char *name, const char *value)
{
	char pid[24];

	snprintf(pid, sizeof pid, "%d", (int)getpid());
	unsetenv(name);
	if (value)
		setenv(name, strcmp(value, "self") == 0 ? pid : value, 1);
}

static void test_systemd_says_for_whom(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(systemd); i++) {
		struct inheritance inherited;

		for (int fd = 3; fd < 5; fd++)
			if (fcntl(fd, F_GETFD) < 0)
				assert_int_equal(dup2(0, fd), fd);
		set_or_not("LISTEN_PID", systemd[i].pid);
		set_or_not("LISTEN_FDS", systemd[i].count);
		set_or_not("LISTEN_FDNAMES", systemd[i].names);
		inheritance_open(&inherited);
		assert_row(inherited.count == systemd[i].inherited, i, systemd[i].pid ? systemd[i].pid : "");
		assert_null(getenv("LISTEN_PID"));
		assert_null(getenv("LISTEN_FDS"));
		assert_null(getenv("LISTEN_FDNAMES"));
		if (inherited.count == 2) {
			assert_text(inherited.at[0].name, "main");
			assert_text(inherited.at[1].name, i == 1 ? "other" : "");
			assert_true(inherited.at[0].is_by_name);
		}
		for (size_t j = 0; j < inherited.count; j++)
			inherited.at[j].fd = -1; /* they may be somebody else's in this process */
		inheritance_close(&inherited, NULL);
	}
}

static void test_where_is_as_wanted(void **state)
{
	static const struct {
		const char *wanted, *bound;
		bool is_same_name, is_as_wanted;
	} rows[] = {
		{ "127.0.0.1:80", "127.0.0.1:80", false, true },
		{ "127.0.0.1:80", "127.0.0.1:81", true, false },
		{ "127.0.0.1:0", "127.0.0.1:81", true, true },
		{ "127.0.0.1:0", "127.0.0.1:81", false, false },
		{ "127.0.0.1:0", "127.0.0.2:81", true, false },
		{ "[::1]:0", "[::1]:81", true, true },
		{ "[::1]:0", "127.0.0.1:81", true, false },
		{ "unix:/a", "unix:/a", false, true },
		{ "unix:/a", "unix:/b", true, false },
		{ "0.0.0.0:80", "127.0.0.1:80", true, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct address_text text;
		struct address wanted, bound;

		assert_false(failed(address_text_parse(str_of(rows[i].wanted), &text)));
		assert_true(address_of_text(&text, &wanted));
		assert_false(failed(address_text_parse(str_of(rows[i].bound), &text)));
		assert_true(address_of_text(&text, &bound));
		assert_row(address_is_bound_as_wanted(&wanted, &bound, rows[i].is_same_name) ==
				   rows[i].is_as_wanted,
			   i, rows[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_inherited),
		cmocka_unit_test(test_names_come_through),
		cmocka_unit_test(test_a_place_counts_more_than_a_name),
		cmocka_unit_test(test_who_bound_it_is_handed_on),
		cmocka_unit_test(test_what_nobody_took_is_closed),
		cmocka_unit_test(test_a_secret_comes_through_once),
		cmocka_unit_test(test_what_holds_no_secret),
		cmocka_unit_test(test_what_makes_no_sense_is_nothing),
		cmocka_unit_test(test_systemd_says_for_whom),
		cmocka_unit_test(test_where_is_as_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
