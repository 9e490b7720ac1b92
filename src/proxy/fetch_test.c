/* SPDX-License-Identifier: Apache-2.0 */
/* However many requests wait for what policies ask, so many questions are under way, to whomever. */
#include "proxy/fetch.h"

#include "proxy/issuer_question.h"
#include "proxy/proxy_testing.h"

#define CONFIGURATION                                         \
	"listeners: { main: { address: \"127.0.0.1:0\" } }\n" \
	"apis: { all: { policies: [ respond: {} ] } }\n"

static void so_many_at_a_time(void **state)
{
	struct worker worker = { .fetches = 0 };
	size_t count = 0;

	(void)state;
	while (!failed(fetch_enter(&worker)))
		count++;
	assert_int_equal(count, 1024);
	assert_int_equal(fetch_enter(&worker).kind, ERROR_LIMIT);
	fetch_leave(&worker);
	assert_int_equal(fetch_enter(&worker).kind, ERROR_NONE);
}

static bool stays(const struct server *server)
{
	(void)server;
	return false;
}

/* A token endpoint counts like any other service; a question that fails is over. */
static void also_of_issuers(void **state)
{
	static struct desk desk;
	struct view *view = &desk.exchange.view;
	struct url_request request = { .url = STR("http://127.0.0.1:9/token"), .timeout = SECOND };
	static const struct server_ops ops = { .is_client_gone = stays };
	struct body_source body = { .max = 0 };
	struct server server = { .ops = &ops, .body = &body };
	struct fetch_answer answer;

	(void)state;
	desk_open(&desk, CONFIGURATION);
	desk_ask(&desk, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "192.0.2.1");
	assert_false(failed(loop_new(&desk.worker.loop)));
	desk.exchange.server = &server;
	while (!failed(fetch_enter(&desk.worker)))
		;
	assert_int_equal(issuer_fetch_url(NULL, view, &request, &answer).kind, ERROR_LIMIT);
	fetch_leave(&desk.worker);
	request.url = STR("none");
	assert_int_equal(issuer_fetch_url(NULL, view, &request, &answer).kind, ERROR_INVALID);
	assert_int_equal(desk.worker.fetches, 1023);
	loop_free(&desk.worker.loop);
	desk_close(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_at_a_time),
		cmocka_unit_test(also_of_issuers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
