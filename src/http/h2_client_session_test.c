/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exchanges that share a session have to do with each other: windows, bounds, the end of all; and what a
 * session does with a peer that wears it out.
 */
#include <stdio.h>

#include "http/h2_asking_testing.h"

enum { SHARED_MAX = H2_CLIENT_STREAMS, BIG = 3 * 1024 * 1024 };

/* ---- the beginning ---- */

struct starting {
	struct h2_scene *scene;
	struct fiber *fiber;
	deadline until;
	bool is_done;
	result_value got;
};

static void start_run(struct fiber *self, void *argument)
{
	struct starting *starting = argument;

	starting->fiber = self;
	starting->got = h2_client_start(starting->scene->h2, starting->until);
	starting->is_done = true;
}

static void start(struct starting *starting, struct h2_scene *scene)
{
	*starting = (struct starting) { .scene = scene, .until = world_in(&scene->world, MINUTE) };
	world_start(&scene->world, start_run, starting);
	h2_scene_turn(scene);
}

static const struct {
	const char *name, *script;
	enum error_kind want;
} beginnings[] = {
	{ "settings", "S", ERROR_NONE },
	{ "settings that say something", "S 3=7 4=100", ERROR_NONE },
	{ "another frame first", "P 12345678", ERROR_MALFORMED },
	{ "an acknowledgement first", "s", ERROR_MALFORMED },
	{ "HTTP/1", "X 485454502f312e31203430302042616420526571756573740d0a0d0a", ERROR_MALFORMED },
	{ "TLS", "X 15030300020246", ERROR_CLOSED },
	{ "its end", "!", ERROR_CLOSED },
	{ "half a frame and its end", "X 000000;!", ERROR_CLOSED },
	{ "an impossible window", "S 4=4294967295", ERROR_MALFORMED },
	{ "an impossible frame size", "S 5=1", ERROR_MALFORMED },
};

static void it_stands_when_the_peer_has_spoken(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
		struct h2_scene scene = { 0 };
		struct starting starting;

		h2_scene_open_silent(&scene);
		assert_true(str_starts(h2_heard(&scene), STR("SETTINGS 2=0 3=0 4=262144 6=65536\n"
							     "WINDOW_UPDATE 0 ")));
		assert_int_equal(h2_client_room(scene.h2), 0);
		start(&starting, &scene);
		assert_row(!starting.is_done, i, beginnings[i].name);
		h2_say(&scene, beginnings[i].script);
		if (!starting.is_done)
			h2_say(&scene, "!");
		assert_row(starting.is_done, i, beginnings[i].name);
		assert_row(starting.got.kind == beginnings[i].want, i, beginnings[i].name);
		assert_row(scene.is_over == failed(starting.got), i, beginnings[i].name);
		h2_scene_close(&scene);
	}
}

static void waiting_for_it_ends_in_time_or_when_cancelled(void **state)
{
	struct h2_scene scene = { 0 };
	struct starting starting;

	(void)state;
	h2_scene_open_silent(&scene);
	start(&starting, &scene);
	fiber_cancel(starting.fiber);
	h2_scene_turn(&scene);
	assert_int_equal(starting.got.kind, ERROR_CANCELLED);
	starting = (struct starting) { .scene = &scene, .until = world_in(&scene.world, 3 * MILLISECOND) };
	world_start(&scene.world, start_run, &starting);
	world_run(&scene.world);
	assert_int_equal(starting.got.kind, ERROR_TIMEOUT);
	h2_scene_close(&scene);
}

/* ---- many at a time ---- */

static void streams_do_not_get_mixed_up(void **state)
{
	struct asked *asked[SHARED_MAX];
	struct h2_scene scene = { 0 };
	char want[64];

	(void)state;
	h2_scene_open(&scene);
	for (unsigned i = 0; i < SHARED_MAX; i++) {
		assert_int_equal(h2_client_room(scene.h2), SHARED_MAX - i);
		asked[i] = ASK(&scene, .head = NULL);
	}
	assert_int_equal(h2_client_room(scene.h2), 0);
	for (unsigned i = 0; i < SHARED_MAX; i++) {
		snprintf(want, sizeof want, "H%u :status=200;D%u one-", 2 * i + 1, 2 * i + 1);
		h2_say(&scene, want);
	}
	for (unsigned i = SHARED_MAX; i-- > 0;) {
		snprintf(want, sizeof want, "D%u. two-%u", 2 * i + 1, i);
		h2_say(&scene, want);
	}
	for (unsigned i = 0; i < SHARED_MAX; i++) {
		snprintf(want, sizeof want, "200|chunked|one-two-%u", i);
		assert_text(told(asked[i]), want);
		forget(&asked[i]);
	}
	assert_int_equal(h2_client_room(scene.h2), SHARED_MAX);
	h2_scene_close(&scene);
}

static void the_peers_limit_is_kept(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *first, *second;

	(void)state;
	h2_scene_open(&scene);
	h2_say(&scene, "S 3=2");
	assert_int_equal(h2_client_room(scene.h2), 2);
	first = ASK(&scene, .head = NULL);
	second = ASK(&scene, .head = NULL);
	assert_int_equal(h2_client_room(scene.h2), 0);
	h2_say(&scene, "S 3=1");
	forget(&first);
	assert_int_equal(h2_client_room(scene.h2), 0);
	forget(&second);
	assert_int_equal(h2_client_room(scene.h2), 1);
	h2_say(&scene, "S 3=0");
	assert_int_equal(h2_client_room(scene.h2), 0);
	h2_say(&scene, "S 3=4294967295");
	assert_int_equal(h2_client_room(scene.h2), SHARED_MAX);
	h2_scene_close(&scene);
}

static void one_end_is_everybodys(void **state)
{
	static const struct {
		const char *script, *first, *second, *third;
	} rows[] = {
		{ "!", "200|chunked|hi!closed", "200|chunked|whole", "!closed" },
		{ "G3 0", "200|chunked|hi", "200|chunked|whole", "!refused" },
		{ "G3 0;!", "200|chunked|hi!closed", "200|chunked|whole", "!refused" },
		{ "W0 0", "200|chunked|hi!malformed", "200|chunked|whole", "!malformed" },
		{ "X 485454502f312e31", "200|chunked|hi", "200|chunked|whole", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct h2_scene scene = { 0 };
		struct asked *asked[3];

		h2_scene_open(&scene);
		for (unsigned at = 0; at < 3; at++)
			asked[at] = ASK(&scene, .head = NULL);
		h2_say(&scene, "H1 :status=200;D1 hi;H3 :status=200;D3. whole");
		h2_say(&scene, rows[i].script);
		assert_text(told(asked[0]), rows[i].first);
		assert_text(told(asked[1]), rows[i].second);
		assert_text(told(asked[2]), rows[i].third);
		for (unsigned at = 0; at < 3; at++)
			forget(&asked[at]);
		h2_scene_close(&scene);
	}
}

/* What cannot be written has not been asked; only the peer's word or its silence can tell for the others. */
static void what_was_not_written_was_not_asked(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *big, *late;
	static char body[BIG];

	(void)state;
	h2_scene_open(&scene);
	h2_say(&scene, "S 4=16777216;W0 16777216");
	scene.is_deaf = true;
	big = ASK(&scene, .framing = HTTP_LENGTH, .length = BIG, .body = { body, BIG });
	assert_non_null(big->writer);
	late = ASK(&scene, .head = NULL);
	h2_say(&scene, "!");
	assert_text(told(big), "!closed");
	assert_text(told(late), "!refused");
	forget(&big);
	forget(&late);
	h2_scene_close(&scene);
}

static void a_session_that_is_left_ends_with_its_streams(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *asked;

	(void)state;
	h2_scene_open(&scene);
	asked = ASK(&scene, .head = NULL);
	h2_heard(&scene);
	h2_client_leave(scene.h2);
	assert_text(h2_heard(&scene), "GOAWAY 0\n");
	assert_true(h2_client_is_over(scene.h2));
	assert_int_equal(h2_client_room(scene.h2), 0);
	assert_false(scene.is_over);
	h2_say(&scene, "H1 :status=200;D1. hi");
	assert_text(told(asked), "200|chunked|hi");
	forget(&asked);
	h2_scene_turn(&scene);
	assert_true(scene.is_over);
	h2_scene_close(&scene);
}

static void nobody_is_kept_where_ids_are_used_up(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *asked;

	(void)state;
	h2_scene_open(&scene);
	h2_client_set_next_id(scene.h2, INT32_MAX - 2000);
	assert_false(h2_client_is_over(scene.h2));
	asked = ASK(&scene, .head = NULL);
	forget(&asked);
	h2_client_set_next_id(scene.h2, INT32_MAX - 2);
	assert_true(h2_client_is_over(scene.h2));
	assert_int_equal(h2_client_room(scene.h2), 0);
	h2_scene_close(&scene);
}

/* ---- giving up ---- */

static void giving_up_is_told(void **state)
{
	static const struct {
		const char *script, *want;
	} rows[] = {
		{ "P 12345678", "PING ack\nRST_STREAM 1 8\n" },
		{ "H1 :status=200;D1 hi", "RST_STREAM 1 8\n" },
		{ "H1. :status=200", "RST_STREAM 1 0\n" },
		{ "H1 :status=200;D1. hi", "RST_STREAM 1 0\n" },
		{ "R1 2", "" },
		{ "!", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct h2_scene scene = { 0 };
		struct asked *asked;
		str heard;

		h2_scene_open(&scene);
		h2_say(&scene, "S 4=0"); /* so that the body never goes */
		asked = ASK(&scene, .framing = HTTP_LENGTH, .length = 5, .body = STR("hello"));
		h2_heard(&scene);
		h2_say(&scene, rows[i].script);
		forget(&asked);
		heard = h2_heard(&scene);
		assert_text(heard, rows[i].want);
		h2_scene_close(&scene);
	}
}

/* What is still on its way to who has given up disturbs nobody, and the connection's window comes back. */
static void what_comes_after_is_dropped(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *asked;

	(void)state;
	h2_scene_open(&scene);
	asked = ASK(&scene, .head = NULL);
	forget(&asked);
	h2_say(&scene, "H1 :status=200;D1 *16000;D1 *16000;R1 8");
	asked = ASK(&scene, .head = NULL);
	h2_say(&scene, "H3 :status=200;D3. hi");
	assert_text(told(asked), "200|chunked|hi");
	forget(&asked);
	assert_false(scene.is_over);
	h2_scene_close(&scene);
}

/* ---- windows ---- */

static void a_body_goes_as_the_windows_allow(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *asked;
	static char body[BIG];

	(void)state;
	h2_scene_open(&scene);
	h2_say(&scene, "S 4=10");
	asked = ASK(&scene, .framing = HTTP_LENGTH, .length = 100, .body = { body, 100 });
	assert_int_equal(h2_data_heard(&scene), 10);
	h2_say(&scene, "W1 5");
	assert_int_equal(h2_data_heard(&scene), 15);
	h2_say(&scene, "S 4=30"); /* changes what is open, too */
	assert_int_equal(h2_data_heard(&scene), 35);
	h2_say(&scene, "S 4=0;W1 1");
	assert_int_equal(h2_data_heard(&scene), 35);
	h2_say(&scene, "W1 1000");
	assert_int_equal(h2_data_heard(&scene), 100);
	assert_null(asked->writer);
	forget(&asked);
	h2_say(&scene, "S 4=2147483647");
	asked = ASK(&scene, .framing = HTTP_LENGTH, .length = BIG, .body = { body, BIG });
	assert_int_equal(h2_data_heard(&scene), 65535);
	h2_say(&scene, "W0 1000");
	assert_int_equal(h2_data_heard(&scene), 66535);
	h2_say(&scene, "W0 100000000");
	assert_int_equal(h2_data_heard(&scene), 100 + BIG);
	assert_null(asked->writer);
	forget(&asked);
	h2_scene_close(&scene);
}

/* What the peer lets go at a time goes to each in turn. */
static void uploads_take_turns(void **state)
{
	static const char *const turns[] = { "DATA 1 *1000\n", "DATA 3 *1000\n", "DATA 5 *1000\n" };
	struct h2_scene scene = { 0 };
	struct asked *asked[COUNT_OF(turns)];
	static char body[BIG];

	(void)state;
	h2_scene_open(&scene);
	h2_say(&scene, "S 4=2147483647");
	for (size_t i = 0; i < COUNT_OF(turns); i++)
		asked[i] = ASK(&scene, .framing = HTTP_LENGTH, .length = BIG, .body = { body, BIG });
	h2_heard(&scene);
	for (size_t i = 0; i < 3 * COUNT_OF(turns); i++) {
		h2_say(&scene, "W0 1000");
		assert_text(h2_heard(&scene), turns[i % COUNT_OF(turns)]);
	}
	for (size_t i = 0; i < COUNT_OF(turns); i++)
		forget(&asked[i]);
	h2_scene_close(&scene);
}

static void a_window_of_nothing_is_waited_for_in_time(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *asked;

	(void)state;
	h2_scene_open(&scene);
	h2_say(&scene, "S 4=0");
	asked = ASK(&scene, .framing = HTTP_LENGTH, .length = 5, .body = STR("hello"),
		    .until = world_in(&scene.world, 3 * MILLISECOND));
	world_run(&scene.world);
	assert_int_equal(asked->sent.kind, ERROR_TIMEOUT);
	assert_text(told(asked), "!timeout");
	forget(&asked);
	h2_scene_close(&scene);
}

/* Some bytes are read of the first, and all of the second: the first's window stays shut. */
static void who_reads_slowly_holds_up_nobody(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *slow, *fast;

	(void)state;
	h2_scene_open(&scene);
	slow = ASK(&scene, .reads_max = 10);
	fast = ASK(&scene, .head = NULL);
	h2_say(&scene, "H1 :status=200;H3 :status=200");
	for (unsigned i = 0; i < 16; i++)
		h2_say(&scene, "D1 *16384");
	h2_heard(&scene);
	for (unsigned i = 0; i < 32; i++)
		h2_say(&scene, "D3 *16384");
	assert_true(str_contains(h2_heard(&scene), STR("WINDOW_UPDATE 3 ")));
	h2_say(&scene, "D3. end");
	assert_true(fast->is_done);
	assert_true(str_ends(told(fast), STR("xxend")));
	assert_false(slow->is_done);
	h2_say(&scene, "D1 x");                            /* beyond its window */
	assert_text(h2_heard(&scene), "RST_STREAM 1 3\n"); /* FLOW_CONTROL_ERROR */
	forget(&slow);
	forget(&fast);
	h2_scene_close(&scene);
}

/* Half of the connection's window, and more: also for a stream that nobody reads, it is opened again. */
static void the_connections_window_comes_back(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *slow, *fast;

	(void)state;
	h2_scene_open(&scene);
	slow = ASK(&scene, .reads_max = 1);
	fast = ASK(&scene, .head = NULL);
	h2_say(&scene, "H1 :status=200;H3 :status=200;D1 *16384");
	for (unsigned sent = 0; sent <= H2_CLIENT_CONNECTION_WINDOW / 2; sent += 16384)
		h2_say(&scene, "D3 *16384");
	assert_true(str_contains(h2_heard(&scene), STR("WINDOW_UPDATE 0 ")));
	forget(&slow);
	forget(&fast);
	h2_scene_close(&scene);
}

static void no_memory_ends_one_stream(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *poor, *other;
	size_t max;

	(void)state;
	h2_scene_open(&scene);
	poor = ASK(&scene, .head = NULL);
	other = ASK(&scene, .head = NULL);
	h2_say(&scene, "H1 :status=200;H3 :status=200");
	max = scene.world.pool.max;
	scene.world.pool.max = BLOCK_MEDIUM;
	poor->reads_max = 1;
	h2_say(&scene, "D1 *10;D1 *16000;D1 *16000");
	scene.world.pool.max = max;
	h2_say(&scene, "D3. hi");
	assert_text(told(other), "200|chunked|hi");
	assert_true(str_contains(h2_heard(&scene), STR("RST_STREAM 1 8\n")));
	forget(&poor);
	forget(&other);
	h2_scene_close(&scene);
}

/* ---- what wears out ---- */

static const struct {
	const char *name, *script;
	unsigned times;
	bool is_borne;
} floods[] = {
	{ "settings", "S 4=1", 1000, false },
	{ "some settings", "S 4=1", 20, true },
	{ "pings", "P 12345678", 5000, false },
	{ "some pings", "P 12345678", 500, true },
	{ "pings of no question", "p 12345678", 5000, false },
	{ "resets of nobody", "R1 8", 5000, false },
	{ "windows", "W0 1", 5000, false },
	{ "windows of who is gone", "W1 1", 5000, false },
	{ "frames that nobody knows",
	  "F99 0 "
	  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	  10000, false },
	{ "priorities", "F2 1 12345", 5000, false },
	{ "empty data", "D3", 5000, false },
	{ "data of a byte", "D3 x", 5000, true },
	{ "data for who is gone", "D1 x", 5000, true },
	{ "interim heads", "H3 :status=103", 500, false },
};

/* The first stream is given up, the second waits. */
static void a_flood_ends_the_session(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(floods); i++) {
		struct h2_scene scene = { 0 };
		struct asked *gone, *waits;
		bool is_over = false;

		h2_scene_open(&scene);
		gone = ASK(&scene, .head = NULL);
		waits = ASK(&scene, .head = NULL);
		forget(&gone);
		if (floods[i].script[0] == 'D')
			h2_say(&scene, "H3 :status=200");
		for (unsigned at = 0; at < floods[i].times && !is_over; at++) {
			h2_say_quickly(&scene, floods[i].script);
			is_over = at % 50 == 49 && (h2_scene_turn(&scene), scene.is_over || waits->is_done);
		}
		h2_scene_turn(&scene);
		assert_row((scene.is_over || waits->is_done) == !floods[i].is_borne, i, floods[i].name);
		if (!floods[i].is_borne)
			assert_row(str_ends(told(waits), STR("!malformed")), i, floods[i].name);
		forget(&waits);
		h2_scene_close(&scene);
	}
}

/* A peer that reads nothing while it asks for answers fills no memory. */
static void answers_that_nobody_reads_are_bounded(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *asked;

	(void)state;
	h2_scene_open(&scene);
	asked = ASK(&scene, .head = NULL);
	scene.is_deaf = true;
	for (unsigned i = 0; i < 20000 && !scene.is_over; i++)
		h2_say_quickly(&scene, "P 12345678");
	h2_scene_turn(&scene);
	assert_true(scene.is_over);
	forget(&asked);
	h2_scene_close(&scene);
}

static void a_head_without_end_is_bounded(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *asked;

	(void)state;
	h2_scene_open(&scene);
	asked = ASK(&scene, .head = NULL);
	h2_say(&scene, "h1 :status=200");
	for (unsigned i = 0; i < 10000 && !asked->is_done; i++)
		h2_say(&scene, "c1 a=b");
	assert_true(asked->is_done);
	assert_text(told(asked), "!malformed");
	forget(&asked);
	h2_scene_close(&scene);
}

/* ---- silence ---- */

static bool turn_until_over(struct h2_scene *scene)
{
	deadline end = world_in(&scene->world, 20 * SECOND);

	while (!scene->is_over && loop_now(scene->world.loop) < end)
		loop_turn(scene->world.loop, end);
	return scene->is_over;
}

static void a_silent_peer_is_asked_and_given_up(void **state)
{
	struct h2_scene scene = { .silence = MILLISECOND };
	struct asked *asked;

	(void)state;
	h2_scene_open(&scene);
	asked = ASK(&scene, .head = NULL);
	assert_true(turn_until_over(&scene));
	assert_text(told(asked), "!reset");
	assert_true(str_contains(h2_heard(&scene), STR("PING\n")));
	forget(&asked);
	h2_scene_close(&scene);
}

static void an_idle_peer_may_be_silent(void **state)
{
	struct h2_scene scene = { 0 };
	struct asked *first, *second;

	(void)state;
	h2_scene_open(&scene);
	first = ASK(&scene, .head = NULL);
	second = ASK(&scene, .head = NULL);
	h2_say(&scene, "H1. :status=200");
	forget(&first);
	assert_true(h2_client_is_watched(scene.h2));
	h2_say(&scene, "H3. :status=200");
	forget(&second);
	assert_false(h2_client_is_watched(scene.h2));
	h2_scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_stands_when_the_peer_has_spoken),
		cmocka_unit_test(waiting_for_it_ends_in_time_or_when_cancelled),
		cmocka_unit_test(streams_do_not_get_mixed_up),
		cmocka_unit_test(the_peers_limit_is_kept),
		cmocka_unit_test(one_end_is_everybodys),
		cmocka_unit_test(what_was_not_written_was_not_asked),
		cmocka_unit_test(a_session_that_is_left_ends_with_its_streams),
		cmocka_unit_test(nobody_is_kept_where_ids_are_used_up),
		cmocka_unit_test(giving_up_is_told),
		cmocka_unit_test(what_comes_after_is_dropped),
		cmocka_unit_test(a_body_goes_as_the_windows_allow),
		cmocka_unit_test(uploads_take_turns),
		cmocka_unit_test(a_window_of_nothing_is_waited_for_in_time),
		cmocka_unit_test(who_reads_slowly_holds_up_nobody),
		cmocka_unit_test(the_connections_window_comes_back),
		cmocka_unit_test(no_memory_ends_one_stream),
		cmocka_unit_test(a_flood_ends_the_session),
		cmocka_unit_test(answers_that_nobody_reads_are_bounded),
		cmocka_unit_test(a_head_without_end_is_bounded),
		cmocka_unit_test(a_silent_peer_is_asked_and_given_up),
		cmocka_unit_test(an_idle_peer_may_be_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
