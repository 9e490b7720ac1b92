/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discoveries that ask the DNS server of io/dns_testing.h, in the same loop. Its zones change under their
 * hands; a test lets the next question come at once instead of waiting for a time to live.
 */
#include <pthread.h>
#include <stdio.h>

#include "base/testing.h"
#include "io/dns_testing.h"
#include "upstream/discovery.c"

enum { ARENA_MAX = 1 << 22, SERVFAIL = 2, NXDOMAIN = 3 };

struct scene {
	struct world world;
	struct server server;
	struct dns *dns;
	struct endpoints *endpoints;
	struct discoveries *discoveries;
	struct zone zones[8];
	unsigned changes;
	char address[32]; /* of the server */
	struct arena arena;
};

static void on_changed(void *owner)
{
	((struct scene *)owner)->changes++;
}

static void scene_open(struct scene *scene)
{
	struct resolver_options options = { .patience = 30 * SECOND, .tries = 1 };
	uint16_t port;

	*scene = (struct scene) { 0 };
	arena_init(&scene->arena, NULL, ARENA_MAX);
	world_open(&scene->world);
	port = server_open(&scene->server, &scene->world);
	scene->server.zones = scene->zones;
	assert_true(snprintf(scene->address, sizeof scene->address, "127.0.0.1:%u", port) > 0);
	options.servers = scene->address;
	assert_false(failed(dns_new_with(scene->world.fibers, &options, &scene->dns)));
	scene->endpoints = endpoints_new();
	scene->discoveries = discoveries_new(scene->endpoints);
}

static void scene_run(struct scene *scene)
{
	discoveries_run(scene->discoveries, &(struct discoveries_options) { .fibers = scene->world.fibers,
									    .dns = scene->dns,
									    .on_change = on_changed,
									    .owner = scene });
}

static void scene_close(struct scene *scene)
{
	discoveries_stop(scene->discoveries);
	discoveries_free(&scene->discoveries);
	assert_int_equal(endpoints_count(scene->endpoints), 0);
	endpoints_free(&scene->endpoints);
	dns_free(&scene->dns);
	server_close(&scene->server);
	world_run(&scene->world);
	world_close(&scene->world);
	arena_fini(&scene->arena);
}

/* As it would be read from a configuration. */
static struct discovery *make(struct scene *scene, const char *yaml)
{
	struct discovery_config config = { 0 };
	struct reader reader = { .arena = &scene->arena, .diagnostics = diagnostics_new(&scene->arena) };
	struct document *document;
	struct discovery *discovery = NULL;

	assert_false(failed(document_parse(&scene->arena, STR("t.yaml"), str_of(yaml), NULL,
					   reader.diagnostics, &document)));
	reader.document = document;
	fields_read(&reader, document_root(document), discovery_fields, &config);
	assert_false(failed(
		discovery_get(&reader, scene->discoveries, document_root(document), &config, &discovery)));
	return discovery;
}

/* "10.0.0.1:80*1 10.0.0.2:80*3b ": endpoint, weight, whether it is a backup. */
static const char *roster_text(struct scene *scene, struct discovery *discovery)
{
	struct roster *roster = discovery_roster(discovery);
	struct buf out = arena_open(&scene->arena, 1024);

	for (size_t i = 0; i < roster->count; i++) {
		buf_put(&out, roster->members[i].endpoint->text);
		buf_put_char(&out, '*');
		buf_put_u64(&out, roster->members[i].weight);
		buf_put(&out, roster->members[i].is_backup ? STR("b ") : STR(" "));
	}
	buf_put_char(&out, 0);
	roster_unref(&roster);
	return arena_close(&scene->arena, &out).ptr;
}

static void turn(struct scene *scene)
{
	loop_turn(scene->world.loop, DEADLINE_NEVER);
}

static void wait_for_answers(struct scene *scene)
{
	while (!discoveries_are_answered(scene->discoveries))
		turn(scene);
}

/* The next question, now, and until it is answered. */
static void ask_again(struct scene *scene, struct discovery *discovery)
{
	discovery->asks_at = 0;
	fiber_wake(discovery->fiber);
	while (discovery->asks_at == 0)
		turn(scene);
}

static void wait_for_change(struct scene *scene, unsigned changes)
{
	while (scene->changes < changes)
		turn(scene);
	assert_int_equal(scene->changes, changes);
}

/* ---- answers ---- */

static const struct {
	const char *name, *yaml;
	struct zone zone, target;
	const char *want;
} answers[] = {
	{ "one address",
	  "{ dns: app.test, port: 80 }",
	  { .name = "app.test", .a = 1, .ttl = 30 },
	  { 0 },
	  "10.0.0.1:80*1 " },
	{ "both families",
	  "{ dns: app.test, port: 80 }",
	  { .name = "app.test", .a = 2, .aaaa = 1, .ttl = 30 },
	  { 0 },
	  "10.0.0.1:80*1 10.0.0.2:80*1 [fd00::a00:1]:80*1 " },
	{ "capitals",
	  "{ dns: App.Test, port: 80 }",
	  { .name = "app.test", .a = 1, .ttl = 30 },
	  { 0 },
	  "10.0.0.1:80*1 " },
	{ "no address", "{ dns: app.test, port: 80 }", { .name = "app.test", .ttl = 30 }, { 0 }, "" },
	{ "no such name",
	  "{ dns: app.test, port: 80 }",
	  { .name = "app.test", .code = NXDOMAIN },
	  { 0 },
	  "" },
	{ "a service",
	  "{ dns: _app.test, type: SRV }",
	  { .name = "_app.test", .ttl = 30, .services = { { 5, 7, 8001, "host.test" } } },
	  { .name = "host.test", .a = 1, .ttl = 30 },
	  "10.0.0.1:8001*7 " },
	{ "a weight of zero is little",
	  "{ dns: _app.test, type: SRV }",
	  { .name = "_app.test",
	    .ttl = 30,
	    .services = { { 5, 0, 8001, "host.test" }, { 5, 9, 8002, "host.test" } } },
	  { .name = "host.test", .a = 1, .ttl = 30 },
	  "10.0.0.1:8001*1 10.0.0.1:8002*9 " },
	{ "those with a higher number are backup",
	  "{ dns: _app.test, type: SRV }",
	  { .name = "_app.test",
	    .ttl = 30,
	    .services = { { 20, 1, 8001, "host.test" },
			  { 10, 1, 8002, "host.test" },
			  { 30, 1, 8003, "host.test" } } },
	  { .name = "host.test", .a = 1, .ttl = 30 },
	  "10.0.0.1:8001*1b 10.0.0.1:8002*1 10.0.0.1:8003*1b " },
	{ "named twice, by its better half",
	  "{ dns: _app.test, type: SRV }",
	  { .name = "_app.test",
	    .ttl = 30,
	    .services = { { 20, 8, 8001, "host.test" },
			  { 10, 2, 8001, "host.test" },
			  { 10, 3, 8001, "host.test" } } },
	  { .name = "host.test", .a = 1, .ttl = 30 },
	  "10.0.0.1:8001*5 " },
	{ "a target that is gone is left out",
	  "{ dns: _app.test, type: SRV }",
	  { .name = "_app.test",
	    .ttl = 30,
	    .services = { { 1, 1, 8001, "gone.test" }, { 2, 1, 8002, "host.test" } } },
	  { .name = "host.test", .a = 1, .ttl = 30 },
	  "10.0.0.1:8002*1 " },
	{ "the service is not there",
	  "{ dns: _app.test, type: SRV }",
	  { .name = "_app.test", .ttl = 30, .services = { { 0, 0, 0, "" } } },
	  { 0 },
	  "" },
};

static void answers_become_rosters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		struct scene scene;
		struct discovery *discovery;

		scene_open(&scene);
		scene.zones[0] = answers[i].zone;
		scene.zones[1] = answers[i].target;
		scene_run(&scene);
		discovery = make(&scene, answers[i].yaml);
		assert_string_equal(roster_text(&scene, discovery), ""); /* nobody before the first answer */
		wait_for_answers(&scene);
		if (strcmp(roster_text(&scene, discovery), answers[i].want) != 0)
			fail_msg("%s: %s", answers[i].name, roster_text(&scene, discovery));
		wait_for_change(&scene, 1);
		discovery_unref(&discovery);
		scene_close(&scene);
	}
}

static void the_time_to_live_has_bounds(void **state)
{
	static const struct {
		unsigned ttl, code;
		duration want;
	} rows[] = { { 0, 0, 1 * SECOND },        { 1, 0, 1 * SECOND },   { 2, 0, 2 * SECOND },
		     { 60, 0, 60 * SECOND },      { 61, 0, 60 * SECOND }, { 86400, 0, 60 * SECOND },
		     { 30, NXDOMAIN, 1 * SECOND } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scene scene;
		struct discovery *discovery;
		deadline now;

		scene_open(&scene);
		scene.zones[0] =
			(struct zone) { "app.test", .a = 1, .ttl = rows[i].ttl, .code = rows[i].code };
		scene_run(&scene);
		discovery = make(&scene, "{ dns: app.test, port: 80 }");
		wait_for_answers(&scene);
		now = loop_now(scene.world.loop);
		assert_in_range(discovery->asks_at - now, rows[i].want - SECOND / 2, rows[i].want);
		discovery_unref(&discovery);
		scene_close(&scene);
	}
}

/* ---- changes ---- */

static void a_change_is_told_once(void **state)
{
	struct scene scene;
	struct discovery *first, *second;

	(void)state;
	scene_open(&scene);
	scene.zones[0] = (struct zone) { "a.test", .a = 1, .ttl = 30 };
	scene.zones[1] = (struct zone) { "b.test", .a = 1, .ttl = 30 };
	scene_run(&scene);
	first = make(&scene, "{ dns: a.test, port: 80 }");
	second = make(&scene, "{ dns: b.test, port: 80 }");
	wait_for_answers(&scene);
	wait_for_change(&scene, 1); /* of both */
	ask_again(&scene, first);
	assert_false(scene.discoveries->has_changed); /* the same answer is none */
	scene.server.uses_other_addresses = true;
	ask_again(&scene, first);
	assert_string_equal(roster_text(&scene, first), "10.1.0.1:80*1 ");
	assert_string_equal(roster_text(&scene, second), "10.0.0.1:80*1 ");
	wait_for_change(&scene, 2);
	discovery_unref(&first);
	discovery_unref(&second);
	scene_close(&scene);
}

/* Name servers turn their answers round from one to the next. */
static void another_order_is_no_change(void **state)
{
	const struct zone_service one = { 0, 1, 8001, "one.test" }, two = { 0, 2, 8002, "one.test" };
	struct scene scene;
	struct discovery *discovery;

	(void)state;
	scene_open(&scene);
	scene.zones[0] = (struct zone) { .name = "_app.test", .ttl = 30, .services = { one, two } };
	scene_run(&scene);
	discovery = make(&scene, "{ dns: _app.test, type: SRV }");
	wait_for_answers(&scene);
	wait_for_change(&scene, 1);
	scene.zones[0].services[0] = two;
	scene.zones[0].services[1] = one;
	ask_again(&scene, discovery);
	assert_false(scene.discoveries->has_changed);
	assert_string_equal(roster_text(&scene, discovery), "10.0.0.1:8001*1 10.0.0.1:8002*2 ");
	discovery_unref(&discovery);
	scene_close(&scene);
}

/* Who has the old roster keeps it, and its endpoints. */
static void rosters_outlive_the_answer(void **state)
{
	struct scene scene;
	struct discovery *discovery;
	struct roster *old;

	(void)state;
	scene_open(&scene);
	scene.zones[0] = (struct zone) { "app.test", .a = 2, .ttl = 30 };
	scene_run(&scene);
	discovery = make(&scene, "{ dns: app.test, port: 80 }");
	wait_for_answers(&scene);
	old = discovery_roster(discovery);
	scene.zones[0].a = 1;
	ask_again(&scene, discovery);
	assert_int_equal(old->count, 2);
	assert_true(endpoint_is_listed(old->members[1].endpoint));
	roster_unref(&old);
	assert_int_equal(endpoints_count(scene.endpoints), 1);
	discovery_unref(&discovery);
	scene_close(&scene);
}

static void the_last_answer_serves_while_dns_is_down(void **state)
{
	struct scene scene;
	struct discovery *discovery;

	(void)state;
	scene_open(&scene);
	scene.zones[0] = (struct zone) { "app.test", .a = 1, .ttl = 30 };
	scene_run(&scene);
	discovery = make(&scene, "{ dns: app.test, port: 80 }");
	wait_for_answers(&scene);
	wait_for_change(&scene, 1);
	scene.server.is_down = true;
	for (unsigned i = 0; i < 3; i++) {
		ask_again(&scene, discovery);
		assert_int_equal(discovery->trouble, TROUBLE_ALL);
		assert_in_range(discovery->asks_at - loop_now(scene.world.loop), SECOND / 2, SECOND);
		assert_string_equal(roster_text(&scene, discovery), "10.0.0.1:80*1 ");
		assert_false(scene.discoveries->has_changed);
	}
	scene.server.is_down = false;
	scene.zones[0].a = 2;
	ask_again(&scene, discovery);
	assert_int_equal(discovery->trouble, TROUBLE_NONE);
	assert_string_equal(roster_text(&scene, discovery), "10.0.0.1:80*1 10.0.0.2:80*1 ");
	wait_for_change(&scene, 2);
	discovery_unref(&discovery);
	scene_close(&scene);
}

/* Of a service each target has its own last answer, and serves as long as the service names it. */
static void targets_that_cannot_be_found_stay(void **state)
{
	static const struct {
		const char *who;
		unsigned code[3];
		bool has_moved, is_whole;
		const char *want;
		duration retry;
	} rows[] = {
		{ "none yet", { SERVFAIL, SERVFAIL, SERVFAIL }, false, false, "", 0 },
		{ "the last", { SERVFAIL, SERVFAIL, 0 }, false, false, "10.0.0.1:8003*1 ", SECOND },
		{ "as many",
		  { SERVFAIL, 0, 0 },
		  false,
		  false,
		  "10.0.0.1:8002*1 10.0.0.1:8003*1 ",
		  2 * SECOND },
		{ "others",
		  { 0, SERVFAIL, SERVFAIL },
		  true,
		  false,
		  "10.0.0.1:8002*1 10.0.0.1:8003*1 10.1.0.1:8001*1 ",
		  3 * SECOND },
		{ "no longer any",
		  { SERVFAIL, SERVFAIL, SERVFAIL },
		  false,
		  false,
		  "10.0.0.1:8002*1 10.0.0.1:8003*1 10.1.0.1:8001*1 ",
		  3 * SECOND },
		{ "one is gone",
		  { SERVFAIL, NXDOMAIN, SERVFAIL },
		  true,
		  false,
		  "10.0.0.1:8003*1 10.1.0.1:8001*1 ",
		  3 * SECOND },
		{ "all", { 0, 0, 0 }, true, true, "10.1.0.1:8001*1 10.1.0.1:8002*1 10.1.0.1:8003*1 ", 0 },
		{ "and none",
		  { SERVFAIL, SERVFAIL, SERVFAIL },
		  false,
		  false,
		  "10.1.0.1:8001*1 10.1.0.1:8002*1 10.1.0.1:8003*1 ",
		  SECOND },
	};
	static const char *const names[] = { "a.test", "b.test", "c.test" };
	struct scene scene;
	struct discovery *discovery = NULL;

	(void)state;
	scene_open(&scene);
	scene.zones[3] = (struct zone) { .name = "_app.test", .ttl = 3 };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		scene.zones[3].services[i] = (struct zone_service) { 0, 1, (uint16_t)(8001 + i), names[i] };
	scene_run(&scene);
	for (size_t row = 0; row < COUNT_OF(rows); row++) {
		for (size_t i = 0; i < COUNT_OF(names); i++)
			scene.zones[i] =
				(struct zone) { names[i], .a = 1, .ttl = 30, .code = rows[row].code[i] };
		scene.server.uses_other_addresses = rows[row].has_moved;
		if (discovery)
			ask_again(&scene, discovery);
		else
			discovery = make(&scene, "{ dns: _app.test, type: SRV }");
		while (discovery->asks_at == 0)
			turn(&scene);
		if (strcmp(roster_text(&scene, discovery), rows[row].want) != 0)
			fail_msg("%s: %s", rows[row].who, roster_text(&scene, discovery));
		assert_row(discovery->retry == rows[row].retry, row, rows[row].who);
		assert_row(!discovery->trouble == rows[row].is_whole, row, rows[row].who);
		assert_row(discoveries_are_answered(scene.discoveries) == (*rows[row].want != 0), row,
			   rows[row].who);
	}
	discovery_unref(&discovery);
	scene_close(&scene);
}

static void servers_of_its_own_are_asked(void **state)
{
	struct scene scene;
	struct server other;
	struct discovery *discovery;
	char yaml[128];
	uint16_t port;

	(void)state;
	scene_open(&scene);
	port = server_open(&other, &scene.world);
	other.uses_other_addresses = true;
	scene_run(&scene);
	assert_true(snprintf(yaml, sizeof yaml, "{ dns: one.test, port: 80, servers: [\"127.0.0.1:%u\"] }",
			     port) > 0);
	discovery = make(&scene, yaml);
	wait_for_answers(&scene);
	assert_string_equal(roster_text(&scene, discovery), "10.1.0.1:80*1 ");
	assert_int_equal(scene.server.questions, 0);
	discovery_unref(&discovery);
	server_close(&other);
	scene_close(&scene);
}

/* ---- lives ---- */

static void the_same_question_is_shared(void **state)
{
	static const char *const others[] = { "{ dns: app.test, port: 81 }", "{ dns: app.test, type: SRV }",
					      "{ dns: app.test, port: 80, servers: [127.0.0.1] }",
					      "{ dns: app2.test, port: 80 }" };
	struct scene scene;
	struct discovery *discovery, *same, *other;

	(void)state;
	scene_open(&scene);
	discovery = make(&scene, "{ dns: app.test, port: 80 }");
	same = make(&scene, "{ port: 80, dns: APP.test, type: A }");
	assert_ptr_equal(same, discovery);
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		other = make(&scene, others[i]);
		assert_ptr_not_equal(other, discovery);
		discovery_unref(&other);
	}
	discovery_unref(&same);
	assert_null(same);
	assert_int_equal(scene.discoveries->count, 1);
	discovery_unref(&discovery);
	assert_int_equal(scene.discoveries->count, 0);
	scene_close(&scene);
}

/* Where nobody asks, the name stands for itself: for check, explain and test. */
static void a_name_stands_in_while_nobody_asks(void **state)
{
	struct scene scene;
	struct discovery *discovery;

	(void)state;
	scene_open(&scene);
	discovery = make(&scene, "{ dns: one.test, port: 80 }");
	assert_string_equal(roster_text(&scene, discovery), "one.test:80*1 ");
	scene_run(&scene);
	assert_string_equal(roster_text(&scene, discovery), "");
	wait_for_answers(&scene);
	assert_string_equal(roster_text(&scene, discovery), "10.0.0.1:80*1 ");
	discovery_unref(&discovery);
	scene_close(&scene);
}

/* Let go of in each state that it can be in. */
static void letting_go_ends_it(void **state)
{
	static const char *const names[] = { "{ dns: one.test, port: 80 }", "{ dns: silent.test, port: 80 }",
					     "{ dns: _mute.test, type: SRV }" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		for (unsigned turns = 0; turns < 6; turns++) {
			struct scene scene;
			struct discovery *discovery;

			scene_open(&scene);
			scene_run(&scene);
			discovery = make(&scene, names[i]);
			for (unsigned j = 0; j < turns; j++)
				world_turn(&scene.world);
			discovery_unref(&discovery);
			while (scene.discoveries->count)
				turn(&scene);
			assert_int_equal(scene.discoveries->unanswered, 0);
			scene_close(&scene);
		}
	}
}

/* One that is let go of and wanted again before its fiber has ended is another one. */
static void it_may_be_wanted_again(void **state)
{
	struct scene scene;
	struct discovery *discovery;

	(void)state;
	scene_open(&scene);
	scene_run(&scene);
	for (unsigned i = 0; i < 5; i++) {
		discovery = make(&scene, "{ dns: one.test, port: 80 }");
		if (i % 2)
			wait_for_answers(&scene);
		discovery_unref(&discovery);
	}
	discovery = make(&scene, "{ dns: one.test, port: 80 }");
	wait_for_answers(&scene);
	assert_string_equal(roster_text(&scene, discovery), "10.0.0.1:80*1 ");
	discovery_unref(&discovery);
	while (scene.discoveries->count)
		turn(&scene);
	scene_close(&scene);
}

/* Stopped while somebody has it: no fiber is left, the answer stays, and it goes with the last reference. */
static void stopping_ends_the_fibers(void **state)
{
	struct scene scene;
	struct discovery *answered, *waiting;

	(void)state;
	scene_open(&scene);
	scene_run(&scene);
	answered = make(&scene, "{ dns: one.test, port: 80 }");
	wait_for_answers(&scene);
	waiting = make(&scene, "{ dns: silent.test, port: 80 }");
	for (unsigned i = 0; i < 4; i++)
		world_turn(&scene.world);
	discoveries_stop(scene.discoveries);
	assert_int_equal(fibers_alive(scene.world.fibers), 0);
	assert_string_equal(roster_text(&scene, answered), "10.0.0.1:80*1 ");
	discovery_unref(&answered);
	discovery_unref(&waiting);
	assert_int_equal(scene.discoveries->count, 0);
	scene_close(&scene);
}

struct waiter {
	struct scene *scene;
	deadline until;
	result_value waited;
	bool is_done;
};

static void waits(struct fiber *self, void *argument)
{
	struct waiter *waiter = argument;

	waiter->waited = discoveries_wait(waiter->scene->discoveries, self, waiter->until);
	waiter->is_done = true;
}

/* What DNS failed to say is no answer: who comes when it has failed waits too. */
static void first_answers_are_waited_for(void **state)
{
	static const struct {
		const char *yaml;
		duration patience;
		enum error_kind want;
		bool has_failed;
	} rows[] = {
		{ "{ dns: one.test, port: 80 }", MINUTE, ERROR_NONE },
		{ "{ dns: gone.test, port: 80 }", MINUTE, ERROR_NONE }, /* is an answer too */
		{ "{ dns: silent.test, port: 80 }", 10 * MILLISECOND, ERROR_TIMEOUT },
		{ "{ dns: broken.test, port: 80 }", 10 * MILLISECOND, ERROR_TIMEOUT, true },
		{ "{ dns: _torn.test, type: SRV }", MINUTE, ERROR_NONE },
		{ "{ dns: _down.test, type: SRV }", 10 * MILLISECOND, ERROR_TIMEOUT, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scene scene;
		struct discovery *discovery;
		struct waiter waiter = { .scene = &scene };

		scene_open(&scene);
		scene_run(&scene);
		discovery = make(&scene, rows[i].yaml);
		while (rows[i].has_failed && discovery->asks_at == 0)
			turn(&scene);
		waiter.until = world_in(&scene.world, rows[i].patience);
		world_start(&scene.world, waits, &waiter);
		assert_row(!waiter.is_done, i, rows[i].yaml);
		while (!waiter.is_done)
			turn(&scene);
		assert_row(waiter.waited.kind == rows[i].want, i, rows[i].yaml);
		discovery_unref(&discovery);
		while (scene.discoveries->count)
			turn(&scene);
		scene_close(&scene);
	}
}

/* ---- from another thread, as configurations are compiled ---- */

static void *makes_and_lets_go(void *argument)
{
	struct scene *scene = argument;
	char text[64];

	for (unsigned i = 0; i < 200; i++) {
		struct registered *registered;
		struct discovery *discovery;
		struct roster *roster;
		int len = snprintf(text, sizeof text, "A one.test %u ", 1 + i % 7);

		assert_false(failed(
			registry_get(&scene->discoveries->by_key, (str) { text, (size_t)len }, &registered)));
		discovery = (struct discovery *)registered;
		roster = discovery_roster(discovery);
		roster_unref(&roster);
		discovery_unref(&discovery);
	}
	return NULL;
}

static void another_thread_makes_and_lets_go(void **state)
{
	struct scene scene;
	struct discovery *kept;
	pthread_t thread;

	(void)state;
	scene_open(&scene);
	scene_run(&scene);
	kept = make(&scene, "{ dns: one.test, port: 3 }");
	assert_int_equal(pthread_create(&thread, NULL, makes_and_lets_go, &scene), 0);
	for (unsigned i = 0; i < 200; i++)
		world_turn(&scene.world);
	assert_int_equal(pthread_join(thread, NULL), 0);
	wait_for_answers(&scene);
	while (scene.discoveries->count > 1)
		turn(&scene);
	assert_string_equal(roster_text(&scene, kept), "10.0.0.1:3*1 ");
	discovery_unref(&kept);
	while (scene.discoveries->count)
		turn(&scene);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_become_rosters),
		cmocka_unit_test(the_time_to_live_has_bounds),
		cmocka_unit_test(a_change_is_told_once),
		cmocka_unit_test(another_order_is_no_change),
		cmocka_unit_test(rosters_outlive_the_answer),
		cmocka_unit_test(the_last_answer_serves_while_dns_is_down),
		cmocka_unit_test(targets_that_cannot_be_found_stay),
		cmocka_unit_test(servers_of_its_own_are_asked),
		cmocka_unit_test(the_same_question_is_shared),
		cmocka_unit_test(a_name_stands_in_while_nobody_asks),
		cmocka_unit_test(letting_go_ends_it),
		cmocka_unit_test(it_may_be_wanted_again),
		cmocka_unit_test(stopping_ends_the_fibers),
		cmocka_unit_test(first_answers_are_waited_for),
		cmocka_unit_test(another_thread_makes_and_lets_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
