/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are asked of the small DNS server of dns_testing.h, which lives in the same loop.
 * The cache is included as source, so that a test can let an answer expire without waiting for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "fiber/testing.h"
#include "io/dns.c"
#include "io/dns_testing.h"

struct scene {
	struct world world;
	struct server server;
	struct dns *dns;
};

/* Patience is for servers that answer, however busy the machine is. */
static void scene_open_with(struct scene *scene, duration patience)
{
	struct resolver_options options = { .patience = patience, .tries = 1 };
	char servers[32];
	uint16_t port;

	world_open(&scene->world);
	port = server_open(&scene->server, &scene->world);
	assert_true(snprintf(servers, sizeof servers, "127.0.0.1:%u", port) > 0);
	options.servers = servers;
	assert_false(failed(dns_new_with(scene->world.fibers, &options, &scene->dns)));
}

static void scene_open(struct scene *scene)
{
	scene_open_with(scene, 30 * SECOND);
}

static void scene_close(struct scene *scene)
{
	dns_free(&scene->dns);
	server_close(&scene->server);
	world_run(&scene->world);
	world_close(&scene->world);
}

struct asker {
	struct scene *scene;
	const char *name;
	struct fiber *fiber;
	deadline until;
	result_value got;
	struct dns_answer answer;
	bool is_done;
};

static void asks(struct fiber *self, void *argument)
{
	struct asker *asker = argument;

	asker->fiber = self;
	asker->is_done = false;
	asker->got = dns_resolve(asker->scene->dns, str_of(asker->name), 8080, asker->until, &asker->answer);
	asker->is_done = true;
}

static void ask_and_wait(struct asker *asker, struct scene *scene, const char *name)
{
	*asker = (struct asker) { .scene = scene, .name = name, .until = DEADLINE_NEVER };
	world_start(&scene->world, asks, asker);
	while (!asker->is_done)
		loop_turn(scene->world.loop, DEADLINE_NEVER);
}

static struct dns_entry *entry_of(struct scene *scene, const char *name)
{
	return dns_find(scene->dns, name, strlen(name), hash_bytes(str_of(name), scene->dns->seed));
}

static void expire(struct scene *scene, const char *name)
{
	entry_of(scene, name)->expires = 0;
}

static const struct {
	const char *name;
	enum error_kind want;
	size_t count;
	const char *first, *last;
	duration ttl; /* at most this, and at least a second less */
	bool is_silent;
} cases[] = {
	{ "one.test", ERROR_NONE, 1, "10.0.0.1:8080", "10.0.0.1:8080", 30 * SECOND },
	{ "ONE.Test", ERROR_NONE, 1, "10.0.0.1:8080", "10.0.0.1:8080", 30 * SECOND },
	{ "both.test", ERROR_NONE, 4, "10.0.0.1:8080", "[fd00::a00:2]:8080", 30 * SECOND },
	{ "six.test", ERROR_NONE, 1, "[fd00::a00:1]:8080", "[fd00::a00:1]:8080", 30 * SECOND },
	{ "many.test", ERROR_NONE, 16, "10.0.0.1:8080", "10.0.0.16:8080", 30 * SECOND },
	{ "big.test", ERROR_NONE, 12, "10.0.0.1:8080", "10.0.0.12:8080", 30 * SECOND },
	{ "short.test", ERROR_NONE, 1, "10.0.0.1:8080", "10.0.0.1:8080", 1 * SECOND },
	{ "long.test", ERROR_NONE, 1, "10.0.0.1:8080", "10.0.0.1:8080", 60 * SECOND },
	{ "10.1.2.3", ERROR_NONE, 1, "10.1.2.3:8080", "10.1.2.3:8080", 0 },
	{ "::1", ERROR_NONE, 1, "[::1]:8080", "[::1]:8080", 0 },
	{ "empty.test", ERROR_MISSING, 0, NULL, NULL, 1 * SECOND },
	{ "gone.test", ERROR_MISSING, 0, NULL, NULL, 1 * SECOND },
	{ "unheard-of.test", ERROR_MISSING, 0, NULL, NULL, 1 * SECOND },
	{ "broken.test", ERROR_REFUSED, 0, NULL, NULL, 1 * SECOND },
	{ "closed.test", ERROR_REFUSED, 0, NULL, NULL, 1 * SECOND },
	{ "silent.test", ERROR_REFUSED, 0, NULL, NULL, 1 * SECOND, true },
	{ "a..test", ERROR_MISSING, 0, NULL, NULL, 1 * SECOND },
	{ "", ERROR_MISSING, 0, NULL, NULL, 0 },
};

static void address_check(const char *name, const struct address *address, const char *want)
{
	char text[ADDRESS_TEXT_MAX];
	struct buf out = buf_over(text, sizeof text);

	address_print(address, &out);
	if (!str_eq(buf_str(&out), str_of(want)))
		fail_msg("%s: %.*s", name, STR_ARG(buf_str(&out)));
}

static void names_become_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scene scene;
		struct asker asker;
		duration ttl;

		scene_open_with(&scene, cases[i].is_silent ? 30 * MILLISECOND : 30 * SECOND);
		ask_and_wait(&asker, &scene, cases[i].name);
		if (asker.got.kind != cases[i].want || asker.answer.count != cases[i].count)
			fail_msg("%s: %s, %zu", cases[i].name, error_name(asker.got.kind),
				 asker.answer.count);
		if (cases[i].count) {
			address_check(cases[i].name, &asker.answer.at[0], cases[i].first);
			address_check(cases[i].name, &asker.answer.at[cases[i].count - 1], cases[i].last);
		}
		if (cases[i].ttl) {
			ttl = scene.dns->newest->expires - loop_now(scene.world.loop);
			assert_in_range(ttl, cases[i].ttl - SECOND, cases[i].ttl);
		} else {
			assert_int_equal(scene.dns->count, 0);
		}
		scene_close(&scene);
	}
}

static void a_name_with_a_zero_byte_or_too_long_is_none(void **state)
{
	static const char zero[] = "one.test\0.evil";
	char longest[300];
	struct scene scene;
	struct dns_answer answer;

	(void)state;
	memset(longest, 'a', sizeof longest);
	scene_open(&scene);
	assert_int_equal(dns_resolve(scene.dns, (str) { zero, sizeof zero - 1 }, 1, 0, &answer).kind,
			 ERROR_MISSING);
	assert_int_equal(dns_resolve(scene.dns, (str) { longest, sizeof longest }, 1, 0, &answer).kind,
			 ERROR_MISSING);
	assert_int_equal(scene.dns->count, 0);
	scene_close(&scene);
}

static void the_hosts_file_is_honoured(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	if (access("/etc/hosts", R_OK))
		skip(); /* an image of a system before its first start has none */
	scene_open(&scene);
	ask_and_wait(&asker, &scene, "localhost");
	assert_false(failed(asker.got));
	assert_true(asker.answer.count >= 1);
	assert_int_equal(scene.server.questions, 0);
	scene_close(&scene);
}

static void answers_and_failures_are_kept(void **state)
{
	static const struct {
		const char *name;
		enum error_kind want;
	} kept[] = { { "one.test", ERROR_NONE },
		     { "gone.test", ERROR_MISSING },
		     { "broken.test", ERROR_REFUSED } };

	(void)state;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		struct scene scene;
		struct asker asker;
		unsigned asked;

		scene_open(&scene);
		ask_and_wait(&asker, &scene, kept[i].name);
		asked = scene.server.questions;
		assert_true(asked >= 1);
		world_start(&scene.world, asks, &asker);
		assert_true(asker.is_done); /* without a wait */
		assert_int_equal(asker.got.kind, kept[i].want);
		assert_int_equal(scene.server.questions, asked);
		expire(&scene, kept[i].name);
		world_start(&scene.world, asks, &asker);
		while (!asker.is_done)
			loop_turn(scene.world.loop, DEADLINE_NEVER);
		assert_true(scene.server.questions > asked);
		assert_int_equal(asker.got.kind, kept[i].want);
		scene_close(&scene);
	}
}

static void many_askers_are_one_question(void **state)
{
	enum { ASKERS = 20 };
	struct asker askers[ASKERS];
	struct scene scene;

	(void)state;
	scene_open(&scene);
	for (unsigned i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker) { .scene = &scene, .name = "one.test", .until = DEADLINE_NEVER };
		world_start(&scene.world, asks, &askers[i]);
	}
	while (!askers[ASKERS - 1].is_done)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	assert_int_equal(scene.server.questions, 1);
	for (unsigned i = 0; i < ASKERS; i++) {
		assert_true(askers[i].is_done);
		assert_int_equal(askers[i].answer.count, 1);
	}
	scene_close(&scene);
}

static void those_who_leave_do_not_take_the_answer_along(void **state)
{
	struct asker cancelled, late, patient;
	struct scene scene;

	(void)state;
	scene_open_with(&scene, 30 * MILLISECOND);
	scene.server.is_silent = true;
	cancelled = (struct asker) { .scene = &scene, .name = "one.test", .until = DEADLINE_NEVER };
	late = patient = cancelled;
	late.until = 0; /* before any timer of the resolver */
	world_start(&scene.world, asks, &cancelled);
	world_start(&scene.world, asks, &late);
	world_start(&scene.world, asks, &patient);
	fiber_cancel(cancelled.fiber);
	assert_int_equal(cancelled.got.kind, ERROR_CANCELLED);
	while (!late.is_done)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	assert_int_equal(late.got.kind, ERROR_TIMEOUT);
	while (!patient.is_done)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	assert_int_equal(patient.got.kind, ERROR_REFUSED);
	scene_close(&scene);
}

/* DNS goes down: the old answer serves; comes back: the new one does. */
static void the_last_good_answer_serves_while_dns_is_down(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	scene_open(&scene);
	ask_and_wait(&asker, &scene, "one.test");
	scene.server.is_down = true;
	expire(&scene, "one.test");
	ask_and_wait(&asker, &scene, "one.test");
	assert_false(failed(asker.got));
	address_check("down", &asker.answer.at[0], "10.0.0.1:8080");
	expire(&scene, "one.test");
	world_start(&scene.world, asks, &asker);
	assert_true(asker.is_done); /* known to be down: at once, and asked behind that */
	assert_true(entry_of(&scene, "one.test")->is_asking);
	while (entry_of(&scene, "one.test")->is_asking)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	scene.server.is_down = false;
	scene.server.uses_other_addresses = true;
	expire(&scene, "one.test");
	ask_and_wait(&asker, &scene, "one.test");
	address_check("stale", &asker.answer.at[0], "10.0.0.1:8080");
	while (entry_of(&scene, "one.test")->is_asking)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	ask_and_wait(&asker, &scene, "one.test");
	address_check("back", &asker.answer.at[0], "10.1.0.1:8080");
	scene_close(&scene);
}

/* With a server that says nothing for long, an old answer is not waited for longer than a second. */
static void an_old_answer_beats_a_long_wait(void **state)
{
	struct scene scene;
	struct asker asker;
	struct dns_entry *entry;

	(void)state;
	scene_open(&scene);
	ask_and_wait(&asker, &scene, "one.test");
	entry = entry_of(&scene, "one.test");
	entry->expires = 0;
	entry->is_asking = true; /* as if its question were in the air */
	ask_and_wait(&asker, &scene, "one.test");
	assert_false(failed(asker.got));
	world_start(&scene.world, asks, &asker); /* the next one does not wait */
	assert_true(asker.is_done);
	assert_false(failed(asker.got));
	entry->is_asking = false;
	scene_close(&scene);
}

static void a_name_that_is_no_more_is_forgotten(void **state)
{
	struct scene scene;
	struct resolver_answer gone = { .status = error_make(ERROR_MISSING, "no such name") };
	struct asker asker;

	(void)state;
	scene_open(&scene);
	ask_and_wait(&asker, &scene, "one.test");
	entry_on_answer(entry_of(&scene, "one.test"), &gone);
	ask_and_wait(&asker, &scene, "one.test");
	assert_int_equal(asker.got.kind, ERROR_MISSING);
	assert_int_equal(asker.answer.count, 0);
	scene_close(&scene);
}

/* The table is full: the longest unasked name goes, but none that somebody waits for. */
static void names_are_bounded(void **state)
{
	struct scene scene;
	struct asker asker;
	struct dns_entry *entry = NULL;

	(void)state;
	scene_open(&scene);
	ask_and_wait(&asker, &scene, "one.test");
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		char name[32];
		int len = snprintf(name, sizeof name, "name-%u.test", i);

		assert_false(failed(dns_entry(scene.dns, (str) { name, (size_t)len }, &entry)));
		entry->is_asking = true;
	}
	assert_int_equal(scene.dns->count, NAMES_MAX);
	assert_null(entry_of(&scene, "one.test"));
	ask_and_wait(&asker, &scene, "one.test");
	assert_int_equal(asker.got.kind, ERROR_LIMIT);
	scene_close(&scene);
}

static void a_bad_list_of_servers_is_refused(void **state)
{
	const struct resolver_options options = { .servers = "not an address" };
	struct world world;
	struct dns *dns;

	(void)state;
	world_open(&world);
	assert_int_equal(dns_new_with(world.fibers, &options, &dns).kind, ERROR_INVALID);
	assert_null(dns);
	assert_false(failed(dns_new(world.fibers, &dns)));
	dns_free(&dns);
	dns_free(&dns);
	world_close(&world);
}

/* Freed with a question in the air: nobody waits for it, and nothing is left behind. */
static void questions_in_the_air_end_with_it(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	scene_open(&scene);
	asker = (struct asker) { .scene = &scene, .name = "silent.test", .until = DEADLINE_NEVER };
	world_start(&scene.world, asks, &asker);
	fiber_cancel(asker.fiber);
	assert_true(entry_of(&scene, "silent.test")->is_asking);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_addresses),
		cmocka_unit_test(a_name_with_a_zero_byte_or_too_long_is_none),
		cmocka_unit_test(the_hosts_file_is_honoured),
		cmocka_unit_test(answers_and_failures_are_kept),
		cmocka_unit_test(many_askers_are_one_question),
		cmocka_unit_test(those_who_leave_do_not_take_the_answer_along),
		cmocka_unit_test(the_last_good_answer_serves_while_dns_is_down),
		cmocka_unit_test(an_old_answer_beats_a_long_wait),
		cmocka_unit_test(a_name_that_is_no_more_is_forgotten),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(a_bad_list_of_servers_is_refused),
		cmocka_unit_test(questions_in_the_air_end_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
