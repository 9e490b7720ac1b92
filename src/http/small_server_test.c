/* SPDX-License-Identifier: Apache-2.0 */
/* Requests one after the other, those that break the rules, and clients that keep others waiting. */
#include "http/small_server.h"

#include <unistd.h>

#include "http/small_server_testing.h"
#include "tls/server_context.h"
#include "tls/tls_testing.h"

enum { CONNECTIONS = 3, BODY_MAX = 100, FIELDS_MAX = 8 };

static const struct h1_limits limits = {
	.request_line = 128, .field = 128, .name = 32, .head = 512, .fields = FIELDS_MAX
};

struct desk {
	struct world world;
	struct small_server *server;
	struct address at;
	unsigned served, failed;
	bool waits; /* the function that serves does so until it is cancelled */
	struct tls_scratch scratch;
	struct small_tls tls; /* without a scratch: they come in the clear */
	struct tls_server_context *context;
	enum error_kind told; /* of the last handshake that failed */
};

/* Answers with the target and the body, in two pieces; not to /fail, and without reading the body to /refuse.
 * Only /open has no claim to its place. */
static result serve(struct small_exchange *exchange)
{
	struct desk *desk = exchange->owner;
	struct http_response response = { .status = 200, .framing = HTTP_CHUNKED };
	char text[BODY_MAX + 1];
	struct buf body = buf_over(text, sizeof text);
	struct piece piece = { 0 };

	desk->served++;
	desk->failed++;
	if (!str_eq(exchange->request->target, STR("/open")))
		small_exchange_keep(exchange);
	if (desk->waits)
		TRY(fiber_sleep(exchange->fiber, DEADLINE_NEVER));
	if (str_eq(exchange->request->target, STR("/fail")))
		return error_make(ERROR_INVALID, "as it was asked for");
	if (str_eq(exchange->request->target, STR("/refuse"))) {
		response.status = 403;
		return small_exchange_answer(exchange, &response, STR("no"));
	}
	while (!piece.is_last) {
		TRY(small_exchange_read(exchange, &piece));
		buf_put(&body, piece.bytes);
	}
	small_exchange_begin(exchange, &response);
	TRY(small_exchange_send(exchange, exchange->request->target, false));
	TRY(small_exchange_send(exchange, STR("+"), false));
	TRY(small_exchange_send(exchange, buf_str(&body), true));
	desk->failed--;
	return OK;
}

static void desk_open(struct desk *desk, duration patience, duration whole)
{
	struct small_server_options options = {
		.limits = &limits,
		.connections = CONNECTIONS,
		.body = BODY_MAX,
		.patience = patience,
		.whole = whole,
		.serve = serve,
		.owner = desk,
	};
	int fd = testing_listen(&desk->at);

	world_open(&desk->world);
	options.fibers = desk->world.fibers;
	options.blocks = &desk->world.pool;
	if (desk->tls.scratch) {
		assert_false(failed(tls_scratch_init(&desk->scratch, &desk->world.pool)));
		options.tls = &desk->tls;
	}
	assert_false(failed(small_server_open(&options, fd, &desk->server)));
}

static void desk_close(struct desk *desk)
{
	do {
		small_server_cut(desk->server);
		testing_turn(&desk->world, 1);
	} while (small_server_connections(desk->server));
	small_server_free(&desk->server);
	assert_null(desk->server);
	tls_server_context_free(&desk->context);
	if (desk->tls.scratch)
		tls_scratch_fini(&desk->scratch);
	world_close(&desk->world);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define LAST(target) "GET " target " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

static void test_requests(void **state)
{
	static const struct {
		const char *name, *request, *answer;
	} rows[] = {
		{ "one", LAST("/a"),
		  "HTTP/1.1 200 OK\r\nConnection: close\r\n" CHUNKED "\r\n2\r\n/a\r\n1\r\n+\r\n0\r\n\r\n" },
		{ "two", GET("/a") LAST("/b"),
		  "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n2\r\n/a\r\n1\r\n+\r\n0\r\n\r\n"
		  "HTTP/1.1 200 OK\r\nConnection: close\r\n" CHUNKED "\r\n2\r\n/b\r\n1\r\n+\r\n0\r\n\r\n" },
		{ "HTTP/1.0", "GET /a HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n/a+" },
		{ "HEAD", "HEAD /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nConnection: close\r\n" CHUNKED "\r\n" },
		{ "a body",
		  "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody",
		  "HTTP/1.1 200 OK\r\nConnection: close\r\n" CHUNKED
		  "\r\n2\r\n/a\r\n1\r\n+\r\n4\r\nbody\r\n0\r\n\r\n" },
		{ "a body in chunks",
		  "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" CHUNKED
		  "\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nConnection: close\r\n" CHUNKED
		  "\r\n2\r\n/a\r\n1\r\n+\r\n4\r\nbody\r\n0\r\n\r\n" },
		{ "leave to send",
		  "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\n" CHUNKED
		  "\r\n0\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nConnection: close\r\n" CHUNKED "\r\n2\r\n/a\r\n1\r\n+\r\n0\r\n\r\n" },

		{ "a body that nobody wants",
		  "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nbo",
		  "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno" },
		{ "a body that is too large", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\nb",
		  "" },
		{ "a failure", GET("/fail") GET("/a"), "" },
		{ "no request", "\x16\x03\x01\r\n\r\n",
		  "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" },
		{ "two lengths",
		  "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab" GET("/b"),
		  "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" },
		{ "too many fields",
		  "GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\nH:\r\nI:\r\n\r\n",
		  "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: "
		  "0\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct desk desk = { 0 };
		char *answer;

		desk_open(&desk, MINUTE, MINUTE);
		answer = testing_ask(&desk.world, &desk.at, str_of(rows[i].request));
		if (strcmp(answer, rows[i].answer) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, answer);
		free(answer);
		desk_close(&desk);
	}
}

/* A client that waits for leave gets it before it has sent its body. */
static void test_leave_to_send(void **state)
{
	struct desk desk = { 0 };
	char text[64] = "", *answer;
	int fd;

	(void)state;
	desk_open(&desk, MINUTE, MINUTE);
	fd = testing_connect(&desk.at);
	testing_send(fd, STR("PUT /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\n"
			     "Content-Length: 1\r\n\r\n"));
	while (recv(fd, text, sizeof text - 1, 0) <= 0)
		testing_turn(&desk.world, 1);
	assert_string_equal(text, "HTTP/1.1 100 Continue\r\n\r\n");
	testing_send(fd, STR("b"));
	answer = testing_receive(&desk.world, fd);
	assert_non_null(strstr(answer, "1\r\nb\r\n0\r\n"));
	free(answer);
	desk_close(&desk);
}

/* Whoever has connected and says nothing gives way to somebody new, the first of them first. */
static void test_those_who_wait_make_room(void **state)
{
	struct desk desk = { 0 };
	int idle[CONNECTIONS];
	char *answer, *nothing;

	(void)state;
	desk_open(&desk, MINUTE, MINUTE);
	for (size_t i = 0; i < CONNECTIONS; i++) {
		idle[i] = testing_connect(&desk.at);
		testing_send(idle[i], STR("GET / HT"));
		while (small_server_connections(desk.server) <= i)
			testing_turn(&desk.world, 1);
	}
	answer = testing_ask(&desk.world, &desk.at, STR(LAST("/a")));
	assert_non_null(strstr(answer, "200 OK"));
	nothing = testing_receive(&desk.world, idle[0]);
	assert_string_equal(nothing, "");
	assert_int_equal(small_server_connections(desk.server), CONNECTIONS - 1);
	free(answer);
	free(nothing);
	desk_close(&desk);
	close(idle[1]);
	close(idle[2]);
}

/* Half of a further head behind a request holds no place either, nor does one that anybody may ask. */
static void test_no_place_without_a_claim(void **state)
{
	static const struct {
		const char *name, *request;
		bool waits;
	} rows[] = {
		{ "the next head has begun", GET("/a") "G", false },
		{ "at work, for anybody", GET("/open"), true },
		{ "half of a body, for anybody",
		  "POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nb", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct desk desk = { .waits = rows[i].waits };
		int held[CONNECTIONS];
		char *answer;

		desk_open(&desk, MINUTE, MINUTE);
		for (size_t j = 0; j < CONNECTIONS; j++) {
			held[j] = testing_connect(&desk.at);
			testing_send(held[j], str_of(rows[i].request));
			while (desk.served <= j)
				testing_turn(&desk.world, 1);
		}
		desk.waits = false;
		for (size_t j = 0; j < CONNECTIONS; j++) {
			answer = testing_ask(&desk.world, &desk.at, STR(LAST("/a")));
			assert_row(strstr(answer, "200 OK"), i, rows[i].name);
			free(answer);
		}
		assert_int_equal(small_server_connections(desk.server), CONNECTIONS - 1);
		desk_close(&desk);
		for (size_t j = 0; j < CONNECTIONS; j++)
			close(held[j]);
	}
}

/* Who has a claim keeps the place while it is served, however long ago it came. */
static void test_a_claim_keeps_the_place(void **state)
{
	struct desk desk = { .waits = true };
	int fds[CONNECTIONS];
	char *nothing;

	(void)state;
	desk_open(&desk, MINUTE, MINUTE);
	for (size_t i = 0; i < CONNECTIONS; i++) {
		fds[i] = testing_connect(&desk.at);
		testing_send(fds[i], i == 1 ? STR(GET("/open")) : STR(GET("/a")));
		while (desk.served <= i)
			testing_turn(&desk.world, 1);
	}
	for (size_t i = 0; i < 2; i++) {
		int late = testing_connect(&desk.at);

		testing_send(late, STR(GET("/a")));
		testing_turn(&desk.world, 5);
		close(late);
	}
	nothing = testing_receive(&desk.world, fds[1]);
	assert_string_equal(nothing, "");
	assert_int_equal(desk.served, CONNECTIONS + 1);
	free(nothing);
	desk_close(&desk);
	close(fds[0]);
	close(fds[2]);
}

/* Where all are at work a new one is let go at once. */
static void test_all_at_work(void **state)
{
	struct desk desk = { .waits = true };
	int busy[CONNECTIONS];
	char *nothing;

	(void)state;
	desk_open(&desk, MINUTE, MINUTE);
	for (size_t i = 0; i < CONNECTIONS; i++) {
		busy[i] = testing_connect(&desk.at);
		testing_send(busy[i], STR(GET("/a")));
	}
	while (desk.served < CONNECTIONS)
		testing_turn(&desk.world, 1);
	nothing = testing_ask(&desk.world, &desk.at, STR(GET("/b")));
	assert_string_equal(nothing, "");
	assert_int_equal(desk.served, CONNECTIONS);
	assert_int_equal(small_server_connections(desk.server), CONNECTIONS);
	free(nothing);
	desk_close(&desk);
	assert_int_equal(desk.failed, CONNECTIONS);
	for (size_t i = 0; i < CONNECTIONS; i++)
		close(busy[i]);
}

/* A head that drips, a body that does not come, an answer that takes for ever. */
static void test_deadlines(void **state)
{
	static const struct {
		const char *name, *request;
		duration patience, whole;
		bool waits;
	} rows[] = {
		{ "nothing comes", "", 20 * MILLISECOND, MINUTE, false },
		{ "half of a head", "GET / HT", 20 * MILLISECOND, MINUTE, false },
		{ "no second request", GET("/a"), 20 * MILLISECOND, MINUTE, false },
		{ "half of a body", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nb",
		  20 * MILLISECOND, MINUTE, false },
		{ "too long as a whole", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nb", MINUTE,
		  20 * MILLISECOND, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct desk desk = { 0 };
		char *answer;

		desk_open(&desk, rows[i].patience, rows[i].whole);
		answer = testing_ask(&desk.world, &desk.at, str_of(rows[i].request));
		assert_row(!strstr(answer, "408"), i, rows[i].name);
		assert_int_equal(small_server_connections(desk.server), 0);
		free(answer);
		desk_close(&desk);
	}
}

/* What is under way finishes, and says that nothing follows; who waits is let go; nobody is let in. */
static void test_finish(void **state)
{
	struct desk desk = { 0 };
	int waiting, busy, late;
	char *answer, *nothing;

	(void)state;
	desk_open(&desk, MINUTE, MINUTE);
	waiting = testing_connect(&desk.at);
	testing_send(waiting, STR(GET("/a")));
	busy = testing_connect(&desk.at);
	testing_send(busy, STR("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nb"));
	while (desk.served < 2 || small_server_connections(desk.server) < 2)
		testing_turn(&desk.world, 1);
	small_server_finish(desk.server);
	nothing = testing_receive(&desk.world, waiting);
	assert_null(strstr(nothing, "close"));
	testing_send(busy, STR("c" GET("/b")));
	answer = testing_receive(&desk.world, busy);
	assert_non_null(strstr(answer, "Connection: close"));
	assert_null(strstr(answer, "/b"));
	late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(late, &desk.at.any, desk.at.len), -1);
	close(late);
	free(answer);
	free(nothing);
	desk_close(&desk);
}

static bool wants_tls(void *owner, struct tls_server_context **ret_context)
{
	*ret_context = ((struct desk *)owner)->context;
	return true;
}

static void tell(void *owner, const struct address *peer, result_value why)
{
	assert_int_equal(peer->any.sa_family, AF_INET);
	((struct desk *)owner)->told = why.kind;
}

static void desk_open_with_tls(struct desk *desk, bool has_certificate, duration patience)
{
	struct arena arena;
	struct tls_pair pair;
	struct tls_entry entry = { .minimum = TLS1_2_VERSION };
	size_t index;

	*desk = (struct desk) { .tls = { &desk->scratch, wants_tls, tell } };
	desk_open(desk, patience, MINUTE);
	if (!has_certificate)
		return;
	arena_init(&arena, NULL, 1 << 20);
	pair = tls_issue(&arena, NULL, (struct tls_issue) { .subject = "a", .names = "DNS:a.test" });
	entry.certificate = pair.certificate;
	entry.key = pair.key;
	assert_false(failed(
		tls_server_context_new(&(struct tls_server_options) { .listener = STR("desk"),
								      .entries = &entry,
								      .count = 1,
								      .library = desk->scratch.library },
				       &desk->context, &index)));
	arena_fini(&arena);
}

/* Nobody is served who has not shaken hands, and each way of not doing so ends. */
static void test_no_handshake(void **state)
{
	static const char *const clear = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
					 "Content-Type: text/plain\r\nContent-Length: 27\r\n\r\n"
					 "This address speaks https.\n";
	const struct {
		const char *name, *sent, *answer;
		bool has_certificate;
		enum error_kind told;
	} rows[] = {
		{ "in the clear", GET("/a") GET("/b"), clear, true, ERROR_MALFORMED },
		{ "in the clear, and no certificate", GET("/a"), clear, false, ERROR_MALFORMED },
		{ "no certificate to show", "\x16\x03\x01", "", false, ERROR_SYSTEM },
		{ "nothing comes", "", "", true, ERROR_TIMEOUT },
		{ "half of a record", "\x16\x03\x01", "", true, ERROR_TIMEOUT },
		{ "no TLS", "\x01\x02\x03\x04\x05\x06\x07", NULL, true, ERROR_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct desk desk;
		char *answer;

		desk_open_with_tls(&desk, rows[i].has_certificate, 50 * MILLISECOND);
		answer = testing_ask(&desk.world, &desk.at, str_of(rows[i].sent));
		if (rows[i].answer)
			assert_string_equal(answer, rows[i].answer);
		assert_row(!strstr(answer, "200"), i, rows[i].name);
		assert_row(desk.told == rows[i].told, i, rows[i].name);
		assert_row(!desk.served && !small_server_connections(desk.server), i, rows[i].name);
		free(answer);
		desk_close(&desk);
	}
}

/* They hold no place that somebody else needs. */
static void test_handshakes_make_room(void **state)
{
	struct desk desk;
	int idle[CONNECTIONS + 1];
	char *nothing;

	(void)state;
	desk_open_with_tls(&desk, true, MINUTE);
	for (size_t i = 0; i < CONNECTIONS + 1; i++) {
		idle[i] = testing_connect(&desk.at);
		testing_send(idle[i], STR("\x16\x03"));
		testing_turn(&desk.world, 3);
	}
	assert_int_equal(small_server_connections(desk.server), CONNECTIONS);
	assert_int_equal(desk.told, ERROR_CANCELLED);
	nothing = testing_receive(&desk.world, idle[0]);
	assert_string_equal(nothing, "");
	free(nothing);
	desk_close(&desk);
	for (size_t i = 1; i < CONNECTIONS + 1; i++)
		close(idle[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_leave_to_send),
		cmocka_unit_test(test_those_who_wait_make_room),
		cmocka_unit_test(test_no_place_without_a_claim),
		cmocka_unit_test(test_a_claim_keeps_the_place),
		cmocka_unit_test(test_all_at_work),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_no_handshake),
		cmocka_unit_test(test_handshakes_make_room),
	};

	return cmocka_run_group_tests_name("small_server", tests, NULL, NULL);
}
