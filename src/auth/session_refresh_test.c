/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/session_refresh.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/testing.h"

enum { ARENA_MAX = 1024 * 1024, THREADS = 4, TOKENS = 200 };

#define NOW (1000 * SECOND)

struct desk {
	struct arena arena;
	struct session_refreshes *refreshes;
	str session;
};

static int set_up(void **state)
{
	struct desk *desk = calloc(1, sizeof *desk);

	assert_non_null(desk);
	arena_init(&desk->arena, NULL, ARENA_MAX);
	desk->refreshes = session_refreshes_new();
	*state = desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	session_refreshes_free(&desk->refreshes);
	assert_null(desk->refreshes);
	session_refreshes_free(&desk->refreshes);
	arena_fini(&desk->arena);
	free(desk);
	return 0;
}

static enum session_turn begin(struct desk *desk, const char *token, deadline now)
{
	desk->session = (str) { 0 };
	return session_refresh_begin(desk->refreshes, str_of(token), now, &desk->arena, &desk->session);
}

static void end(struct desk *desk, const char *token, deadline now, enum session_outcome outcome)
{
	session_refresh_end(desk->refreshes, str_of(token), now, outcome, STR("sealed"));
}

static void one_asks_and_the_others_get_it(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(begin(desk, "a", NOW), SESSION_TURN_MINE);
	assert_int_equal(begin(desk, "a", NOW), SESSION_TURN_WAIT);
	assert_int_equal(begin(desk, "b", NOW), SESSION_TURN_MINE);
	end(desk, "a", NOW + SECOND, SESSION_RENEWED);
	assert_int_equal(begin(desk, "a", NOW + SECOND), SESSION_TURN_DONE);
	assert_text(desk->session, "sealed");
	assert_int_equal(begin(desk, "b", NOW + SECOND), SESSION_TURN_WAIT);
	assert_int_equal(begin(desk, "a", NOW + 60 * SECOND), SESSION_TURN_DONE);
	assert_int_equal(begin(desk, "a", NOW + 62 * SECOND), SESSION_TURN_MINE);
	assert_text(desk->session, "");
}

static void a_no_is_a_no_for_all(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(begin(desk, "a", NOW), SESSION_TURN_MINE);
	end(desk, "a", NOW, SESSION_DENIED);
	assert_int_equal(begin(desk, "a", NOW), SESSION_TURN_OVER);
	assert_int_equal(begin(desk, "a", NOW + SECOND), SESSION_TURN_OVER);
}

static void who_gets_no_answer_lets_the_next_try(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(begin(desk, "a", NOW), SESSION_TURN_MINE);
	end(desk, "a", NOW, SESSION_DROPPED);
	assert_int_equal(begin(desk, "a", NOW), SESSION_TURN_MINE);
	assert_int_equal(begin(desk, "a", NOW), SESSION_TURN_WAIT);
}

static void who_gives_no_answer_has_a_pause(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(begin(desk, "a", NOW), SESSION_TURN_MINE);
	end(desk, "a", NOW, SESSION_UNANSWERED);
	assert_int_equal(begin(desk, "a", NOW + 4 * SECOND), SESSION_TURN_NEVER);
	assert_int_equal(begin(desk, "a", NOW + 5 * SECOND), SESSION_TURN_MINE);
}

/* And what comes late does not undo what is there. */
static void who_never_comes_back_loses_the_turn(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(begin(desk, "a", NOW), SESSION_TURN_MINE);
	assert_int_equal(begin(desk, "a", NOW + 14 * SECOND), SESSION_TURN_WAIT);
	assert_int_equal(begin(desk, "a", NOW + 15 * SECOND), SESSION_TURN_MINE);
	end(desk, "a", NOW + 16 * SECOND, SESSION_RENEWED);
	end(desk, "a", NOW + 17 * SECOND, SESSION_DENIED);
	assert_int_equal(begin(desk, "a", NOW + 18 * SECOND), SESSION_TURN_DONE);
	end(desk, "nobody's", NOW, SESSION_RENEWED);
	assert_int_equal(begin(desk, "nobody's", NOW), SESSION_TURN_MINE);
}

static void only_so_many_are_under_way(void **state)
{
	struct desk *desk = *state;
	int mine = 0, never = 0;
	char token[16];

	for (int i = 0; i < 3 * 4 * SESSION_REFRESH_SETS; i++) {
		enum session_turn turn;

		snprintf(token, sizeof token, "t%d", i);
		turn = begin(desk, token, NOW);
		mine += turn == SESSION_TURN_MINE;
		never += turn == SESSION_TURN_NEVER;
	}
	assert_true(mine > 3 * SESSION_REFRESH_SETS && mine <= 4 * SESSION_REFRESH_SETS);
	assert_int_equal(mine + never, 3 * 4 * SESSION_REFRESH_SETS);
	/* Outcomes make room, turns do not. */
	for (int i = 0; i < 3 * 4 * SESSION_REFRESH_SETS; i++) {
		snprintf(token, sizeof token, "t%d", i);
		end(desk, token, NOW, SESSION_RENEWED);
	}
	for (int i = 0; i < 100; i++) {
		snprintf(token, sizeof token, "u%d", i);
		assert_int_equal(begin(desk, token, NOW), SESSION_TURN_MINE);
		end(desk, token, NOW, SESSION_DENIED);
	}
}

struct crowd {
	struct session_refreshes *refreshes;
	atomic_int turns;
};

static void *refresh_all(void *argument)
{
	struct crowd *crowd = argument;
	struct arena arena;
	char token[16];

	arena_init(&arena, NULL, ARENA_MAX);
	for (int i = 0; i < TOKENS; i++) {
		str session, name = { token, (size_t)snprintf(token, sizeof token, "t%d", i) };

		if (session_refresh_begin(crowd->refreshes, name, NOW, &arena, &session) != SESSION_TURN_MINE)
			continue;
		atomic_fetch_add(&crowd->turns, 1);
		session_refresh_end(crowd->refreshes, name, NOW, SESSION_RENEWED, STR("sealed"));
	}
	arena_fini(&arena);
	return NULL;
}

static void threads_refresh_each_once(void **state)
{
	struct desk *desk = *state;
	struct crowd crowd = { .refreshes = desk->refreshes };
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, refresh_all, &crowd), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.turns, TOKENS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_asks_and_the_others_get_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_no_is_a_no_for_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_gets_no_answer_lets_the_next_try, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_gives_no_answer_has_a_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_never_comes_back_loses_the_turn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_so_many_are_under_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(threads_refresh_each_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
