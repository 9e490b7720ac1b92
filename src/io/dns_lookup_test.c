/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookups of the server in the loop: all that it says, with the time to live.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/testing.h"
#include "io/dns.h"
#include "io/dns_testing.h"

enum { SERVFAIL = 2 };

struct scene {
	struct world world;
	struct server server;
	struct dns *dns;
	struct arena arena;
};

static void scene_open(struct scene *scene, duration patience)
{
	struct resolver_options options = { .patience = patience, .tries = 1 };
	char servers[32];
	uint16_t port;

	arena_init(&scene->arena, NULL, SIZE_MAX / 2);
	world_open(&scene->world);
	port = server_open(&scene->server, &scene->world);
	assert_true(snprintf(servers, sizeof servers, "127.0.0.1:%u", port) > 0);
	options.servers = servers;
	assert_false(failed(dns_new_with(scene->world.fibers, &options, &scene->dns)));
}

static void scene_close(struct scene *scene)
{
	dns_free(&scene->dns);
	server_close(&scene->server);
	world_run(&scene->world);
	world_close(&scene->world);
	arena_fini(&scene->arena);
}

struct asker {
	struct scene *scene;
	str name;
	enum dns_kind kind;
	deadline until;
	struct fiber *fiber;
	result_value got;
	const struct dns_records *last;
	struct dns_records records;
	bool is_done;
};

static void asks(struct fiber *self, void *argument)
{
	struct asker *asker = argument;
	struct scene *scene = asker->scene;

	asker->fiber = self;
	asker->got = dns_lookup(scene->dns, asker->name, asker->kind, 8080, asker->until, asker->last,
				&scene->arena, &asker->records);
	asker->is_done = true;
}

static void ask_and_wait(struct asker *asker, struct scene *scene, const char *name, enum dns_kind kind,
			 const struct dns_records *last)
{
	*asker = (struct asker) {
		.scene = scene, .name = str_of(name), .kind = kind, .until = DEADLINE_NEVER, .last = last
	};
	world_start(&scene->world, asks, asker);
	while (!asker->is_done)
		loop_turn(scene->world.loop, DEADLINE_NEVER);
}

static void print_records(const struct dns_records *records, struct buf *out)
{
	for (size_t i = 0; i < records->count; i++) {
		address_print(&records->at[i].address, out);
		buf_put_char(out, '/');
		buf_put_u64(out, records->at[i].priority);
		buf_put_char(out, '/');
		buf_put_u64(out, records->at[i].weight);
		buf_put_char(out, ' ');
	}
}

static const struct {
	const char *name;
	enum dns_kind kind;
	enum error_kind want;
	unsigned ttl;
	const char *records;
	size_t missed;
} cases[] = {
	{ "one.test", DNS_ADDRESSES, ERROR_NONE, 30, "10.0.0.1:8080/0/1 " },
	{ "both.test", DNS_ADDRESSES, ERROR_NONE, 30,
	  "10.0.0.1:8080/0/1 10.0.0.2:8080/0/1 [fd00::a00:1]:8080/0/1 [fd00::a00:2]:8080/0/1 " },
	{ "short.test", DNS_ADDRESSES, ERROR_NONE, 0, "10.0.0.1:8080/0/1 " },
	{ "long.test", DNS_ADDRESSES, ERROR_NONE, 86400, "10.0.0.1:8080/0/1 " },
	{ "empty.test", DNS_ADDRESSES, ERROR_MISSING, 0, "" },
	{ "gone.test", DNS_ADDRESSES, ERROR_MISSING, 0, "" },
	{ "broken.test", DNS_ADDRESSES, ERROR_REFUSED, 0, "" },
	{ "_web.test", DNS_ADDRESSES, ERROR_MISSING, 0, "" },
	{ "", DNS_ADDRESSES, ERROR_MISSING, 0, "" },
	{ "_web.test", DNS_SERVICES, ERROR_NONE, 20,
	  "10.0.0.1:8001/1/5 10.0.0.1:8002/2/7 10.0.0.2:8002/2/7 [fd00::a00:1]:8002/2/7 "
	  "[fd00::a00:2]:8002/2/7 " },
	{ "_fast.test", DNS_SERVICES, ERROR_NONE, 2, "10.0.0.1:8001/0/0 " },
	{ "_slow.test", DNS_SERVICES, ERROR_NONE, 0, "10.0.0.1:8001/0/0 " },
	{ "_half.test", DNS_SERVICES, ERROR_NONE, 20, "10.0.0.1:8002/0/1 " },
	{ "_not.test", DNS_SERVICES, ERROR_MISSING, 0, "" },
	{ "_lost.test", DNS_SERVICES, ERROR_MISSING, 0, "" },
	{ "_torn.test", DNS_SERVICES, ERROR_NONE, 20, "10.0.0.1:8001/0/1 ", .missed = 1 },
	{ "_down.test", DNS_SERVICES, ERROR_REFUSED, 0, "", .missed = 1 },
	{ "one.test", DNS_SERVICES, ERROR_MISSING, 0, "" },
	{ "gone.test", DNS_SERVICES, ERROR_MISSING, 0, "" },
	{ "broken.test", DNS_SERVICES, ERROR_REFUSED, 0, "" },
};

static void records_come_with_their_time(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, 30 * SECOND);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[1024];
		struct buf records = buf_over(text, sizeof text);
		struct asker asker;

		ask_and_wait(&asker, &scene, cases[i].name, cases[i].kind, NULL);
		if (asker.got.kind != cases[i].want)
			fail_msg("%s: %s", cases[i].name, error_name(asker.got.kind));
		if (!failed(asker.got))
			assert_int_equal(asker.records.ttl, cases[i].ttl * SECOND);
		print_records(&asker.records, &records);
		if (!str_eq(buf_str(&records), str_of(cases[i].records)))
			fail_msg("%s: %.*s", cases[i].name, STR_ARG(buf_str(&records)));
		assert_row(asker.records.missed == cases[i].missed, i, cases[i].name);
	}
	scene_close(&scene);
}

static void of_a_crowd_the_lowest_are_taken(void **state)
{
	struct scene scene;
	struct asker asker;
	char text[ADDRESS_TEXT_MAX];
	struct buf last = buf_over(text, sizeof text);

	(void)state;
	scene_open(&scene, 30 * SECOND);
	ask_and_wait(&asker, &scene, "crowd.test", DNS_ADDRESSES, NULL);
	assert_int_equal(asker.got.kind, ERROR_NONE);
	assert_int_equal(asker.records.count, DNS_RECORDS_MAX);
	assert_true(asker.records.is_cut);
	address_print(&asker.records.at[DNS_RECORDS_MAX - 1].address, &last);
	assert_true(str_eq(buf_str(&last), STR("10.0.1.0:8080")));
	scene_close(&scene);
}

/* Also of services, those with the lowest priority first. */
static void of_crowds_those_that_serve_are_taken(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	scene_open(&scene, 30 * SECOND);
	ask_and_wait(&asker, &scene, "_crowds.test", DNS_SERVICES, NULL);
	assert_int_equal(asker.got.kind, ERROR_NONE);
	assert_int_equal(asker.records.count, DNS_RECORDS_MAX);
	assert_int_equal(asker.records.at[0].priority, 10);
	assert_int_equal(asker.records.at[1].priority, 20);
	assert_true(asker.records.is_cut);
	scene_close(&scene);
}

/* However many ports it has; and each is asked for once. */
static void a_target_that_is_silent_leaves_time_for_the_others(void **state)
{
	struct scene scene;
	struct asker asker = { .scene = &scene, .name = STR("_mute.test"), .kind = DNS_SERVICES };
	char text[128];
	struct buf records = buf_over(text, sizeof text);

	(void)state;
	scene_open(&scene, 30 * SECOND);
	asker.until = world_in(&scene.world, 2 * SECOND);
	world_start(&scene.world, asks, &asker);
	while (!asker.is_done)
		loop_turn(scene.world.loop, DEADLINE_NEVER);
	assert_int_equal(asker.got.kind, ERROR_NONE);
	assert_int_equal(asker.records.missed, 1);
	assert_int_equal(scene.server.questions, 2);
	print_records(&asker.records, &records);
	if (!str_eq(buf_str(&records), STR("10.0.0.1:8002/1/1 10.0.0.1:8003/1/1 ")))
		fail_msg("%.*s", STR_ARG(buf_str(&records)));
	scene_close(&scene);
}

/* A target has its own last answer: by the ports and weights of this one. */
static void who_cannot_be_found_is_where_it_was(void **state)
{
	struct zone zones[] = { { .name = "_app.test",
				  .ttl = 20,
				  .services = { { 1, 1, 8001, "a.test" }, { 1, 1, 8002, "b.test" } } },
				{ "a.test", .a = 2, .ttl = 30 },
				{ "b.test", .a = 1, .ttl = 30 },
				{ 0 } };
	struct asker first, second, third;
	struct scene scene;
	char text[256];
	struct buf records = buf_over(text, sizeof text);

	(void)state;
	scene_open(&scene, 30 * SECOND);
	scene.server.zones = zones;
	ask_and_wait(&first, &scene, "_app.test", DNS_SERVICES, NULL);
	zones[1].code = SERVFAIL;
	zones[0].services[0] = (struct zone_service) { 2, 9, 8009, "a.test" };
	scene.server.uses_other_addresses = true;
	ask_and_wait(&second, &scene, "_app.test", DNS_SERVICES, &first.records);
	zones[2].code = SERVFAIL;
	ask_and_wait(&third, &scene, "_app.test", DNS_SERVICES, &second.records);
	assert_int_equal(second.records.missed, 1);
	assert_int_equal(third.records.missed, 2);
	assert_int_equal(third.got.kind, ERROR_NONE);
	print_records(&second.records, &records);
	buf_put_char(&records, '|');
	print_records(&third.records, &records);
	if (!str_eq(buf_str(&records), STR("10.1.0.1:8002/1/1 10.0.0.1:8009/2/9 10.0.0.2:8009/2/9 |"
					   "10.1.0.1:8002/1/1 10.0.0.1:8009/2/9 10.0.0.2:8009/2/9 ")))
		fail_msg("%.*s", STR_ARG(buf_str(&records)));
	scene_close(&scene);
}

static void every_lookup_is_a_question(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	scene_open(&scene, 30 * SECOND);
	for (unsigned i = 1; i <= 3; i++) {
		ask_and_wait(&asker, &scene, "long.test", DNS_ADDRESSES, NULL);
		assert_int_equal(scene.server.questions, i);
	}
	scene_close(&scene);
}

/* Whoever leaves before the answer: it comes, and goes nowhere. */
static void the_asker_may_leave(void **state)
{
	static const enum dns_kind kinds[] = { DNS_ADDRESSES, DNS_SERVICES };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene scene;
		struct asker cancelled, late, patient;

		scene_open(&scene, 30 * MILLISECOND);
		scene.server.is_silent = true;
		cancelled = (struct asker) {
			.scene = &scene, .name = STR("_web.test"), .kind = kinds[i], .until = DEADLINE_NEVER
		};
		late = patient = cancelled;
		late.until = 0;
		world_start(&scene.world, asks, &cancelled);
		world_start(&scene.world, asks, &late);
		world_start(&scene.world, asks, &patient);
		fiber_cancel(cancelled.fiber);
		assert_int_equal(cancelled.got.kind, ERROR_CANCELLED);
		while (!patient.is_done)
			loop_turn(scene.world.loop, DEADLINE_NEVER);
		assert_int_equal(late.got.kind, ERROR_TIMEOUT);
		assert_int_equal(patient.got.kind, ERROR_REFUSED);
		scene_close(&scene);
	}
}

/* The resolver goes with a question in the air. */
static void questions_in_the_air_end_with_it(void **state)
{
	struct scene scene;
	struct asker asker;

	(void)state;
	scene_open(&scene, 30 * SECOND);
	asker = (struct asker) { .scene = &scene, .name = STR("silent.test"), .until = DEADLINE_NEVER };
	world_start(&scene.world, asks, &asker);
	fiber_cancel(asker.fiber);
	assert_true(asker.is_done);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_with_their_time),
		cmocka_unit_test(of_a_crowd_the_lowest_are_taken),
		cmocka_unit_test(of_crowds_those_that_serve_are_taken),
		cmocka_unit_test(a_target_that_is_silent_leaves_time_for_the_others),
		cmocka_unit_test(who_cannot_be_found_is_where_it_was),
		cmocka_unit_test(every_lookup_is_a_question),
		cmocka_unit_test(the_asker_may_leave),
		cmocka_unit_test(questions_in_the_air_end_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
