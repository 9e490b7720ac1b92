/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload does to a worker: requests end as they began, connections notice nothing unless their
 * listener is gone, and what nobody needs any more is let go.
 */
#include "proxy/door.h"

#include <unistd.h>

#include "proxy/proxy_testing.h"

#define A "a: { address: \"127.0.0.1:0\" }"
#define LISTENERS(more) "listeners: { " more " }\n"
#define UPSTREAM "upstreams: { u: { endpoints: [\"127.0.0.1:%u\"] } }\n"
#define ALL "apis: { all: { upstream: u } }\n"
#define PLAIN LISTENERS(A) UPSTREAM ALL
#define TWO LISTENERS(A ", b: { address: \"127.0.0.1:0\" }") UPSTREAM ALL
#define ONLY_B LISTENERS("b: { address: \"127.0.0.1:0\" }") UPSTREAM ALL
#define NO_ROUTE LISTENERS(A) UPSTREAM "apis: { all: { path: /else, upstream: u } }\n"
#define SAYS(text)   \
	LISTENERS(A) \
	"apis: { all: { policies: [ { respond: { status: 200, body: " text " } } ] } }\n"
#define SHORT LISTENERS("a: { address: \"127.0.0.1:0\", limits: { request_line: 64 } }") UPSTREAM ALL
#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define LONG_GET                                                                                           \
	"GET /a/0123456789012345678901234567890123456789012345678901234567890123456789 HTTP/1.1\r\nHost: " \
	"h\r\n\r\n"
#define PUT "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nbody"
#define DONE "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"

static const struct play answers = { "\r\n\r\n", DONE, 0, false, 0, true };
/* It answers when the second half of PUT's body has come. */
static const struct play waits = { "rest", DONE, 0, false, 0, true };

static void turns(struct house *house, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		house_step(house);
}

/* Another request on the connection that is there; what was heard before is forgotten. */
static void ask_again(struct house *house, const char *asks)
{
	house->client.said = 0;
	house->client.heard = 0;
	house->asks = asks;
}

/* Until this was heard, whatever else. */
static void hears(struct house *house, const char *text)
{
	deadline late = deadline_after(time_monotonic(), 10 * SECOND);

	while (!str_contains(house_heard(house), str_of(text))) {
		if (time_monotonic() > late)
			fail_msg("no \"%s\" in: %.*s", text, STR_ARG(house_heard(house)));
		house_step(house);
	}
}

static void is_closed(struct house *house)
{
	deadline late = deadline_after(time_monotonic(), 10 * SECOND);

	while (house->client.fd >= 0) {
		assert_true(time_monotonic() < late);
		house_step(house);
	}
}

static void end(struct house *house)
{
	house_hang_up(house);
	assert_true(house_settle(house));
	house_close(house); /* asserts that no edition is left */
	house_free(house);
}

/* ---- connections ---- */

static void an_idle_connection_asks_by_the_new_configuration(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &answers);
	house_connect(&house, GET);
	hears(&house, "done");
	house_reload(&house, SAYS("new"));
	turns(&house, 5);
	assert_int_equal(house.editions, 1);
	ask_again(&house, GET);
	hears(&house, "new");
	house_reload(&house, SHORT);
	ask_again(&house, LONG_GET);
	hears(&house, "HTTP/1.1 414 ");
	end(&house);
}

/* And the next on the same connection has the new one. */
static void a_request_under_way_ends_as_it_began(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &waits);
	house_connect(&house, PUT);
	turns(&house, 20);
	assert_int_equal(house.peer_count, 1);
	house_reload(&house, NO_ROUTE);
	turns(&house, 5);
	assert_int_equal(house.editions, 2);
	house.asks = PUT "rest";
	hears(&house, "done");
	turns(&house, 5);
	assert_int_equal(house.editions, 1);
	ask_again(&house, GET);
	hears(&house, "HTTP/1.1 404 ");
	end(&house);
}

static void a_head_that_was_half_read_is_finished(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &answers);
	house_connect(&house, "GET /a HT");
	turns(&house, 5);
	house_reload(&house, SAYS("new"));
	turns(&house, 5);
	assert_int_equal(house.editions, 2);
	house.asks = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
	hears(&house, "done");
	end(&house);
}

static void a_kept_connection_to_the_upstream_is_kept(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &answers);
	house_connect(&house, GET);
	hears(&house, "done");
	for (unsigned i = 0; i < 5; i++) {
		house_reload(&house, i % 2 ? PLAIN : TWO);
		ask_again(&house, GET);
		hears(&house, "done");
	}
	assert_int_equal(house.peer_count, 1);
	end(&house);
}

static void one_to_an_upstream_that_is_gone_is_closed(void **state)
{
	deadline late = deadline_after(time_monotonic(), 10 * SECOND);
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &answers);
	house_connect(&house, GET);
	hears(&house, "done");
	house_reload(&house, SAYS("new"));
	while (house.peers[0].fd >= 0) {
		assert_true(time_monotonic() < late);
		house_step(&house);
	}
	assert_int_equal(endpoints_count(house.identities.endpoints), 0);
	end(&house);
}

/* ---- doors ---- */

static void a_new_door_is_open(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &answers);
	house_reload(&house, TWO);
	turns(&house, 2);
	assert_int_equal(house.worker->door_count, 2);
	house.listener = 1;
	house_connect(&house, GET);
	hears(&house, "done");
	assert_int_equal(house.worker->doors[1]->connection_count, 1);
	end(&house);
}

/* Who is idle is sent away, and nobody gets in any more. */
static void a_door_that_is_gone_sends_its_clients_away(void **state)
{
	struct house house;
	struct peer other;

	(void)state;
	house_open(&house, TWO, &answers);
	house_connect(&house, GET); /* by a, which goes on */
	hears(&house, "done");
	other = house.client;
	house.client = (struct peer) { .fd = -1 };
	house.listener = 1;
	house_connect(&house, GET);
	hears(&house, "done");
	house_reload(&house, PLAIN);
	is_closed(&house);
	turns(&house, 2);
	assert_null(house.worker->closing);
	assert_int_equal(house.editions, 1);
	free(house.client.bytes);
	house.client = other;
	ask_again(&house, GET);
	hears(&house, "done");
	end(&house);
}

static void a_request_at_a_door_that_closes_is_answered(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &waits);
	house_connect(&house, PUT);
	turns(&house, 20);
	house_reload(&house, ONLY_B);
	turns(&house, 5);
	assert_non_null(house.worker->closing);
	assert_int_equal(house.editions, 2);
	house.asks = PUT "rest";
	hears(&house, "done");
	assert_true(str_contains(house_heard(&house), STR("Connection: close\r\n")));
	is_closed(&house);
	turns(&house, 2);
	assert_null(house.worker->closing);
	assert_int_equal(house.editions, 1);
	end(&house);
}

/* In the queue of a listener that is closed; without being let in they would be reset. */
static void who_waits_at_a_door_that_closes_is_let_in(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &answers);
	house_reload(&house, ONLY_B);
	memcpy(&house.bound[1], &house.worker->doors[0]->bound, sizeof house.bound[1]);
	house.listener = 1;
	house_connect(&house, GET);
	hears(&house, "done");
	assert_true(str_contains(house_heard(&house), STR("Connection: close\r\n")));
	is_closed(&house);
	end(&house);
}

static void doors_change_places(void **state)
{
	struct house house;
	struct door *a, *b;

	(void)state;
	house_open(&house, TWO, &answers);
	a = house.worker->doors[0];
	b = house.worker->doors[1];
	house_reload(&house, LISTENERS("c: { address: \"127.0.0.1:0\" }, b: { address: \"127.0.0.1:0\" }, " A)
				     UPSTREAM ALL);
	turns(&house, 2);
	assert_int_equal(house.worker->door_count, 3);
	assert_ptr_equal(house.worker->doors[2], a);
	assert_ptr_equal(house.worker->doors[1], b);
	assert_text(a->snapshot->name, "a");
	assert_text(b->snapshot->name, "b");
	for (house.listener = 0; house.listener < 3; house.listener++) {
		house_connect(&house, GET);
		hears(&house, "done");
	}
	end(&house);
}

/* ---- again and again ---- */

static void nothing_is_left_of_many_reloads(void **state)
{
	static const char *const configurations[] = { PLAIN, TWO, NO_ROUTE, SHORT, SAYS("new") };
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &waits);
	house_connect(&house, PUT);
	turns(&house, 20);
	for (unsigned i = 0; i < 300; i++) {
		house_reload(&house, configurations[i % COUNT_OF(configurations)]);
		if (i % 3)
			turns(&house, 1);
		assert_in_range(house.editions, 1, 5); /* the first, the last, and those not yet applied */
	}
	turns(&house, 2);
	assert_int_equal(house.editions, 2);
	house.asks = PUT "rest";
	hears(&house, "done");
	turns(&house, 5);
	assert_int_equal(house.editions, 1);
	end(&house);
}

static void count(void *owner)
{
	++*(unsigned *)owner;
}

/* The worker takes no more; what it was given is let go all the same, and it says so. */
static void a_worker_that_drains_changes_no_more(void **state)
{
	unsigned applied = 0;
	size_t from[1] = { 0 };
	int fd = -1, probe;
	struct address bound;
	struct house house;
	struct worker_change change = {
		.fds = &fd, .from = from, .bound = &bound, .on_applied = count, .owner = &applied
	};

	(void)state;
	house_open(&house, PLAIN, &waits);
	house_connect(&house, PUT);
	turns(&house, 20);
	worker_drain(house.worker);
	turns(&house, 2);
	assert_false(failed(listener_bind(&house.snapshot->listeners[0].address, &fd, &bound)));
	change.edition = house.edition;
	worker_apply(house.worker, &change);
	turns(&house, 2);
	assert_int_equal(applied, 1);
	probe = dup(fd);
	assert_int_equal(probe, -1); /* the socket is closed */
	house.asks = PUT "rest";
	hears(&house, "done");
	is_closed(&house);
	end(&house);
}

static void a_worker_that_has_ended_lets_go_of_what_it_was_told(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, PLAIN, &answers);
	house_reload(&house, TWO);
	house_reload(&house, NO_ROUTE);
	house_close(&house); /* asserts that no edition is left */
	house_free(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_connection_asks_by_the_new_configuration),
		cmocka_unit_test(a_request_under_way_ends_as_it_began),
		cmocka_unit_test(a_head_that_was_half_read_is_finished),
		cmocka_unit_test(a_kept_connection_to_the_upstream_is_kept),
		cmocka_unit_test(one_to_an_upstream_that_is_gone_is_closed),
		cmocka_unit_test(a_new_door_is_open),
		cmocka_unit_test(a_door_that_is_gone_sends_its_clients_away),
		cmocka_unit_test(a_request_at_a_door_that_closes_is_answered),
		cmocka_unit_test(who_waits_at_a_door_that_closes_is_let_in),
		cmocka_unit_test(doors_change_places),
		cmocka_unit_test(nothing_is_left_of_many_reloads),
		cmocka_unit_test(a_worker_that_drains_changes_no_more),
		cmocka_unit_test(a_worker_that_has_ended_lets_go_of_what_it_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
