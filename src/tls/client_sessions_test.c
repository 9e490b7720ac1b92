/* SPDX-License-Identifier: Apache-2.0 */
/* Which session a handshake may take up, and that there are never many. */
#include "base/testing.h"

#include <stdio.h>
#include <time.h>

#include "tls/client_sessions.h"

/* number: by which it is known again. */
static SSL_SESSION *session_of(int version, unsigned char number)
{
	SSL_SESSION *session = SSL_SESSION_new();

	assert_non_null(session);
	SSL_SESSION_set_protocol_version(session, version);
	SSL_SESSION_set1_id(session, &number, 1);
	SSL_SESSION_set_time(session, (long)time(NULL));
	SSL_SESSION_set_timeout(session, 3600);
	return session;
}

static void add(struct client_sessions *sessions, const char *peer, int version, unsigned char number)
{
	client_sessions_add(sessions, str_of(peer), session_of(version, number));
}

/* 0: none. */
static unsigned take(struct client_sessions *sessions, const char *peer)
{
	SSL_SESSION *session = client_sessions_take(sessions, str_of(peer));
	unsigned len, number = session ? SSL_SESSION_get_id(session, &len)[0] : 0;

	SSL_SESSION_free(session);
	return number;
}

static void a_ticket_of_tls_1_3_is_used_once(void **state)
{
	struct client_sessions sessions = { 0 };

	(void)state;
	add(&sessions, "a:1", TLS1_3_VERSION, 1);
	add(&sessions, "a:1", TLS1_3_VERSION, 2);
	assert_int_equal(take(&sessions, "a:1"), 2); /* the newest first */
	assert_int_equal(take(&sessions, "a:1"), 1);
	assert_int_equal(take(&sessions, "a:1"), 0);
	assert_int_equal(sessions.count, 0);
}

static void a_session_of_tls_1_2_serves_again(void **state)
{
	struct client_sessions sessions = { 0 };

	(void)state;
	add(&sessions, "a:1", TLS1_2_VERSION, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(&sessions, "a:1"), 1);
	client_sessions_clear(&sessions);
	assert_int_equal(take(&sessions, "a:1"), 0);
}

static void a_peer_gets_its_own(void **state)
{
	static const char *const others[] = { "a:2", "a:11", "a:", "b:1", "", "a:1 " };
	struct client_sessions sessions = { 0 };

	(void)state;
	add(&sessions, "a:1", TLS1_2_VERSION, 1);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_row(take(&sessions, others[i]) == 0, i, others[i]);
	add(&sessions, "b:1", TLS1_2_VERSION, 2);
	assert_int_equal(take(&sessions, "a:1"), 1);
	assert_int_equal(take(&sessions, "b:1"), 2);
	client_sessions_clear(&sessions);
}

static void of_a_peer_the_newest_two_stay(void **state)
{
	struct client_sessions sessions = { 0 };

	(void)state;
	add(&sessions, "b:1", TLS1_3_VERSION, 100);
	for (unsigned char i = 1; i <= 9; i++)
		add(&sessions, "a:1", TLS1_3_VERSION, i);
	assert_int_equal(sessions.count, 1 + CLIENT_SESSIONS_PEER_MAX);
	assert_int_equal(take(&sessions, "a:1"), 9);
	assert_int_equal(take(&sessions, "a:1"), 8);
	assert_int_equal(take(&sessions, "a:1"), 0);
	assert_int_equal(take(&sessions, "b:1"), 100);
	assert_null(sessions.newest);
	assert_null(sessions.oldest);
}

static void there_are_never_many(void **state)
{
	struct client_sessions sessions = { 0 };
	char peer[32];

	(void)state;
	for (int i = 0; i < 2 * CLIENT_SESSIONS_MAX; i++) {
		snprintf(peer, sizeof peer, "a:%d", i);
		add(&sessions, peer, TLS1_3_VERSION, 7);
		assert_true(sessions.count <= CLIENT_SESSIONS_MAX);
	}
	assert_int_equal(sessions.count, CLIENT_SESSIONS_MAX);
	assert_int_equal(take(&sessions, peer), 7);
	assert_int_equal(take(&sessions, "a:0"), 0); /* the oldest went */
	client_sessions_clear(&sessions);
	assert_int_equal(sessions.count, 0);
}

static void what_is_too_old_is_dropped(void **state)
{
	struct client_sessions sessions = { 0 };
	SSL_SESSION *session = session_of(TLS1_2_VERSION, 1);

	(void)state;
	add(&sessions, "a:1", TLS1_2_VERSION, 2);
	SSL_SESSION_set_time(session, (long)time(NULL) - 3600);
	client_sessions_add(&sessions, STR("a:1"), session);
	assert_int_equal(take(&sessions, "a:1"), 2);
	assert_int_equal(sessions.count, 1);
	session = session_of(TLS1_2_VERSION, 3);
	SSL_SESSION_set_time(session, (long)time(NULL) + 3600); /* the clock was set back */
	client_sessions_add(&sessions, STR("a:1"), session);
	assert_int_equal(take(&sessions, "a:1"), 2);
	client_sessions_clear(&sessions);
}

static void what_cannot_be_resumed_is_dropped(void **state)
{
	struct client_sessions sessions = { 0 };
	SSL_SESSION *session = session_of(TLS1_2_VERSION, 1);

	(void)state;
	SSL_SESSION_set1_id(session, (const unsigned char *)"", 0); /* and it has no ticket */
	client_sessions_add(&sessions, STR("a:1"), session);
	assert_int_equal(take(&sessions, "a:1"), 0);
	assert_int_equal(sessions.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_of_tls_1_3_is_used_once),
		cmocka_unit_test(a_session_of_tls_1_2_serves_again),
		cmocka_unit_test(a_peer_gets_its_own),
		cmocka_unit_test(of_a_peer_the_newest_two_stay),
		cmocka_unit_test(there_are_never_many),
		cmocka_unit_test(what_is_too_old_is_dropped),
		cmocka_unit_test(what_cannot_be_resumed_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
