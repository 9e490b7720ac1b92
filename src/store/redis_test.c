/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and a server that a test scripts, in one loop: who gets which reply, what becomes of those who
 * wait when it is late, breaks or talks nonsense, and that nobody waits for one that is not there.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/container.h"
#include "base/testing.h"
#include "fiber/testing.h"
#include "io/listener.h"
#include "io/socket.h"
#include "store/redis_connection.h"
#include "store/redis_private.h"

enum { CALLERS_MAX = 64, HEARD_MAX = 64 * 1024 };

/* Answers PING by itself unless it is mute; all else is the test's. */
struct server {
	struct listener listener;
	struct address bound;
	struct world *world;
	int fd; /* of the newest connection; -1: none */
	unsigned connections;
	bool is_mute;
	char heard[HEARD_MAX];
	size_t len;
};

static void on_accept(struct listener *listener, int fd, const struct address *peer)
{
	struct server *server = listener->owner;

	(void)peer;
	if (server->fd >= 0)
		close(server->fd);
	server->fd = fd;
	server->connections++;
}

static void on_trouble(struct listener *listener, result_value why)
{
	(void)listener;
	fail_msg("%s", why.why);
}

static void server_open(struct server *server, struct world *world)
{
	struct address at;
	int fd;

	*server = (struct server) { .world = world, .fd = -1 };
	assert_true(address_of_ip(STR("127.0.0.1"), 0, &at));
	assert_false(failed(listener_bind(&at, &fd, &server->bound)));
	assert_false(
		failed(listener_open(&server->listener, world->loop, fd, on_accept, on_trouble, server)));
}

static void server_say(struct server *server, const char *words)
{
	assert_int_equal(write(server->fd, words, strlen(words)), (ssize_t)strlen(words));
}

static void server_cut(struct server *server)
{
	close(server->fd);
	server->fd = -1;
}

static void server_close(struct server *server)
{
	if (server->fd >= 0)
		server_cut(server);
	listener_close(&server->listener);
}

/* Takes what came; PING is answered, and not heard. */
static void server_hear(struct server *server)
{
	static const char ping[] = "*1\r\n$4\r\nPING\r\n";
	ssize_t got;
	char *at;

	if (server->fd < 0)
		return;
	got = read(server->fd, server->heard + server->len, HEARD_MAX - 1 - server->len);
	server->len += got > 0 ? (size_t)got : 0;
	server->heard[server->len] = '\0';
	at = strstr(server->heard, ping);
	if (!at)
		return;
	server->len -= strlen(ping);
	memmove(at, at + strlen(ping), strlen(at + strlen(ping)) + 1);
	if (!server->is_mute)
		server_say(server, "+PONG\r\n");
}

struct setup {
	struct world world;
	struct server server;
	struct tls_scratch tls;
	struct random random;
	struct journal *journal;
	struct redis_places *places;
	struct redis_place *place;
	struct redis_clients *clients;
	char address[32];
	FILE *said;
};

static void turn(struct setup *s)
{
	loop_turn(s->world.loop, deadline_after(time_monotonic(), MILLISECOND));
	server_hear(&s->server);
}

static struct setup *open_setup(void)
{
	struct setup *s = calloc(1, sizeof *s);
	str address;

	assert_non_null(s);
	world_open(&s->world);
	server_open(&s->server, &s->world);
	random_init(&s->random);
	s->said = tmpfile();
	assert_non_null(s->said);
	s->journal = journal_new_on(fileno(s->said), JOURNAL_INFO);
	s->places = redis_places_new();
	snprintf(s->address, sizeof s->address, "127.0.0.1:%u", address_port(&s->server.bound));
	address = str_of(s->address);
	s->place = redis_places_get(s->places, &(struct redis_options) { .addresses = &address,
									 .address_count = 1,
									 .timeout = 200 * MILLISECOND,
									 .prefix = STR("test") });
	/* The census is taken for good, so that only tests speak. */
	atomic_store(&s->place->census_due, DEADLINE_NEVER);
	redis_place_list(s->place);
	s->clients = redis_clients_new(&(struct redis_means) {
		.fibers = s->world.fibers, .tls = &s->tls, .journal = s->journal, .random = &s->random });
	return s;
}

static void close_setup(struct setup *s)
{
	redis_clients_stop(s->clients);
	while (fibers_alive(s->world.fibers))
		turn(s);
	redis_clients_free(&s->clients);
	redis_place_unlist(s->place);
	redis_place_unref(&s->place);
	redis_places_free(&s->places);
	server_close(&s->server);
	turn(s);
	journal_free(&s->journal);
	fclose(s->said);
	world_close(&s->world);
	free(s);
}

/* Lines that were said with these words. */
static unsigned count_said(const struct setup *s, const char *words)
{
	char line[JOURNAL_LINE_MAX + 1];
	unsigned count = 0;

	rewind(s->said);
	while (fgets(line, sizeof line, s->said))
		count += strstr(line, words) != NULL;
	return count;
}

/* ---- who calls ---- */

struct caller {
	struct setup *setup;
	const char *key;
	duration time;
	bool is_over;
	result_value ran;
	struct redis_answer answer;
	struct fiber *fiber;
};

static bool read_any(void *self, const struct redis_answer *answer)
{
	*(struct redis_answer *)self = *answer;
	return true;
}

static void call(struct fiber *self, void *argument)
{
	struct caller *caller = argument;
	struct setup *s = caller->setup;
	struct redis_script script;
	str key = str_of(caller->key);
	struct redis_call asked = { &script, &key, 1, NULL, 0, read_any, &caller->answer };
	struct redis *redis = redis_clients_get(s->clients, s->place);

	caller->fiber = self;
	redis_script_init(&script, STR("return {1}"));
	caller->ran = redis_run(redis, &asked, deadline_after(loop_now(s->world.loop), caller->time));
	caller->is_over = true;
	caller->fiber = NULL;
}

static void begin(struct setup *s, struct caller *caller, const char *key, duration time)
{
	*caller = (struct caller) { .setup = s, .key = key, .time = time };
	world_start(&s->world, call, caller);
}

static void finish(struct setup *s, const struct caller *callers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		while (!callers[i].is_over)
			turn(s);
}

static unsigned count_heard(const struct server *server, const char *words)
{
	unsigned count = 0;

	for (const char *at = server->heard; (at = strstr(at, words)); at++)
		count++;
	return count;
}

static void hear(struct setup *s, const char *words, unsigned count)
{
	while (count_heard(&s->server, words) < count)
		turn(s);
}

/* ---- tests ---- */

static void replies_go_to_who_asked(void **state)
{
	struct setup *s = open_setup();
	struct caller callers[CALLERS_MAX];
	char keys[CALLERS_MAX][16];

	(void)state;
	for (int i = 0; i < CALLERS_MAX; i++) {
		snprintf(keys[i], sizeof keys[i], "key-%d", i);
		begin(s, &callers[i], keys[i], MINUTE);
	}
	hear(s, "EVALSHA", CALLERS_MAX);
	for (int i = 0; i < CALLERS_MAX; i++) {
		char reply[64];

		snprintf(reply, sizeof reply, "*2\r\n:%d\r\n:-%d\r\n", i, i);
		server_say(&s->server, reply);
		if (i % 7 == 0)
			turn(s);
	}
	finish(s, callers, CALLERS_MAX);
	for (int i = 0; i < CALLERS_MAX; i++) {
		assert_false(failed(callers[i].ran));
		assert_int_equal(callers[i].answer.count, 2);
		assert_int_equal(callers[i].answer.at[0], i);
		assert_int_equal(callers[i].answer.at[1], -i);
	}
	assert_int_equal(s->server.connections, 1);
	assert_int_equal(s->place->outcomes[REDIS_ANSWERED], CALLERS_MAX);
	close_setup(s);
}

static void what_comes_too_late_is_dropped(void **state)
{
	struct setup *s = open_setup();
	struct caller callers[3];

	(void)state;
	begin(s, &callers[0], "a", MINUTE);
	hear(s, "EVALSHA", 1);
	begin(s, &callers[1], "b", 50 * MILLISECOND);
	begin(s, &callers[2], "c", MINUTE);
	hear(s, "EVALSHA", 3);
	finish(s, &callers[1], 1);
	assert_int_equal(callers[1].ran.kind, ERROR_TIMEOUT);
	server_say(&s->server, "*1\r\n:1\r\n*1\r\n:2\r\n*1\r\n:3\r\n");
	finish(s, callers, 3);
	assert_int_equal(callers[0].answer.at[0], 1);
	assert_int_equal(callers[2].answer.at[0], 3);
	assert_int_equal(count_said(s, ""), 0);
	close_setup(s);
}

static void who_is_cancelled_leaves_his_turn(void **state)
{
	struct setup *s = open_setup();
	struct caller callers[2];

	(void)state;
	begin(s, &callers[0], "a", MINUTE);
	begin(s, &callers[1], "b", MINUTE);
	hear(s, "EVALSHA", 2);
	fiber_cancel(callers[0].fiber);
	finish(s, &callers[0], 1);
	assert_int_equal(callers[0].ran.kind, ERROR_CANCELLED);
	server_say(&s->server, "*1\r\n:1\r\n*1\r\n:2\r\n");
	finish(s, callers, 2);
	assert_int_equal(callers[1].answer.at[0], 2);
	close_setup(s);
}

static void a_script_that_is_not_known_is_sent(void **state)
{
	struct setup *s = open_setup();
	struct caller caller;

	(void)state;
	begin(s, &caller, "a", MINUTE);
	hear(s, "EVALSHA", 1);
	server_say(&s->server, "-NOSCRIPT No matching script.\r\n");
	hear(s, "return {1}", 1);
	server_say(&s->server, "*1\r\n:1\r\n");
	finish(s, &caller, 1);
	assert_false(failed(caller.ran));
	close_setup(s);
}

static void all_hear_of_a_break_at_once(void **state)
{
	struct setup *s = open_setup();
	struct caller callers[8];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(callers); i++)
		begin(s, &callers[i], "a", MINUTE);
	hear(s, "EVALSHA", COUNT_OF(callers));
	server_cut(&s->server);
	finish(s, callers, COUNT_OF(callers));
	for (size_t i = 0; i < COUNT_OF(callers); i++)
		assert_true(callers[i].ran.kind == ERROR_CLOSED || callers[i].ran.kind == ERROR_RESET);
	close_setup(s);
}

/* Those that leave together count for little; when it goes on nobody waits, until another connection answers
 * in time. */
static void nobody_waits_for_one_that_stands_still(void **state)
{
	struct setup *s = open_setup();
	struct caller callers[6];

	(void)state;
	begin(s, &callers[0], "a", MINUTE);
	hear(s, "EVALSHA", 1);
	s->server.is_mute = true;
	for (size_t i = 1; i < 6; i++)
		begin(s, &callers[i], "a", 20 * MILLISECOND);
	finish(s, &callers[1], 5);
	assert_int_equal(callers[5].ran.kind, ERROR_TIMEOUT);
	assert_false(callers[0].is_over);
	while (!callers[0].is_over) { /* which is long before its minute has passed */
		begin(s, &callers[1], "a", 20 * MILLISECOND);
		finish(s, &callers[1], 1);
	}
	assert_true(failed(callers[0].ran));
	begin(s, &callers[0], "a", MINUTE);
	assert_true(callers[0].is_over);
	assert_int_equal(callers[0].ran.kind, ERROR_REFUSED);
	while (!count_said(s, "is not available: it does not answer in time"))
		turn(s);
	s->server.is_mute = false;
	while (!count_said(s, "is available again"))
		turn(s);
	assert_int_equal(count_said(s, "store:"), 2);
	close_setup(s);
}

static void nonsense_ends_the_connection(void **state)
{
	static const char *const replies[] = { "nonsense\r\n", "$99999999\r\n", ">1\r\n:1\r\n", "*99999\r\n",
					       "*1\r\n:1\r\n:1\r\n" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(replies); i++) {
		struct setup *s = open_setup();
		struct caller caller;

		begin(s, &caller, "a", MINUTE);
		hear(s, "EVALSHA", 1);
		server_say(&s->server, replies[i]);
		finish(s, &caller, 1);
		while (s->server.connections < 2)
			turn(s);
		assert_row(count_said(s, "is not available") == 1, i, replies[i]);
		close_setup(s);
	}
}

static void strange_answers_are_errors(void **state)
{
	static const struct {
		const char *reply;
		enum error_kind kind;
	} rows[] = {
		{ "+OK\r\n", ERROR_INVALID },
		{ "$-1\r\n", ERROR_INVALID },
		{ "*1\r\n+a\r\n", ERROR_INVALID },
		{ "*1\r\n*1\r\n:1\r\n", ERROR_INVALID },
		{ "*9\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n", ERROR_INVALID },
		{ "-OOM command not allowed\r\n", ERROR_DENIED },
		{ "-MOVED 1 127.0.0.1:1\r\n", ERROR_DENIED }, /* of another slot */
		{ "-READONLY a replica\r\n", ERROR_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct setup *s = open_setup();
		struct caller caller;

		begin(s, &caller, "a", MINUTE);
		hear(s, "EVALSHA", 1);
		server_say(&s->server, rows[i].reply);
		finish(s, &caller, 1);
		assert_row(caller.ran.kind == rows[i].kind, i, rows[i].reply);
		close_setup(s);
	}
}

/* A server that sends to itself for ever; and one that names another, which is asked. */
static void redirections_end(void **state)
{
	struct setup *s = open_setup();
	struct caller caller;
	char moved[64];

	(void)state;
	snprintf(moved, sizeof moved, "-MOVED %u %s\r\n", redis_slot(STR("a")), s->address);
	begin(s, &caller, "a", 5 * SECOND);
	for (unsigned i = 1; !caller.is_over; turn(s))
		if (count_heard(&s->server, "EVALSHA") >= i) {
			server_say(&s->server, moved);
			i++;
		}
	assert_true(failed(caller.ran));
	close_setup(s);
}

static void a_worker_that_ends_tells_who_waits(void **state)
{
	struct setup *s = open_setup();
	struct caller callers[2];

	(void)state;
	begin(s, &callers[0], "a", MINUTE);
	hear(s, "EVALSHA", 1);
	begin(s, &callers[1], "b", MINUTE);
	redis_clients_stop(s->clients);
	finish(s, callers, 2);
	assert_int_equal(callers[0].ran.kind, ERROR_CLOSED);
	assert_int_equal(callers[1].ran.kind, ERROR_CLOSED);
	assert_null(redis_clients_get(s->clients, s->place));
	close_setup(s);
}

static void a_place_that_is_listed_no_more_is_left(void **state)
{
	struct setup *s = open_setup();
	struct caller caller;

	(void)state;
	begin(s, &caller, "a", MINUTE);
	hear(s, "EVALSHA", 1);
	server_say(&s->server, "*0\r\n");
	finish(s, &caller, 1);
	redis_place_unlist(s->place);
	while (fibers_alive(s->world.fibers))
		turn(s);
	redis_place_list(s->place);
	close_setup(s);
}

static void places_are_found_by_what_they_say(void **state)
{
	struct redis_places *places = redis_places_new();
	str one = STR("127.0.0.1:1"), other = STR("127.0.0.1:2");
	struct redis_options options = { .addresses = &one, .address_count = 1, .password = STR("a") };
	struct redis_place *first = redis_places_get(places, &options), *same, *another;

	(void)state;
	same = redis_places_get(places, &options);
	assert_ptr_equal(first, same);
	options.password = STR("b");
	another = redis_places_get(places, &options);
	assert_ptr_not_equal(first, another);
	redis_place_unref(&another);
	options.password = STR("a");
	options.addresses = &other;
	another = redis_places_get(places, &options);
	assert_ptr_not_equal(first, another);
	redis_place_unref(&another);
	redis_place_unref(&same);
	redis_place_unref(&first);
	redis_places_free(&places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_go_to_who_asked),
		cmocka_unit_test(what_comes_too_late_is_dropped),
		cmocka_unit_test(who_is_cancelled_leaves_his_turn),
		cmocka_unit_test(a_script_that_is_not_known_is_sent),
		cmocka_unit_test(all_hear_of_a_break_at_once),
		cmocka_unit_test(nobody_waits_for_one_that_stands_still),
		cmocka_unit_test(nonsense_ends_the_connection),
		cmocka_unit_test(strange_answers_are_errors),
		cmocka_unit_test(redirections_end),
		cmocka_unit_test(a_worker_that_ends_tells_who_waits),
		cmocka_unit_test(a_place_that_is_listed_no_more_is_left),
		cmocka_unit_test(places_are_found_by_what_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
