/* SPDX-License-Identifier: Apache-2.0 */
/* JSON on its way to a client: commas, escapes, pieces, and clients that do not take it; and the
 * configuration in it without its secrets. */
#include "admin/json_stream.h"

#include <unistd.h>

#include "admin/config_json.h"
#include "config/document.h"
#include "http/small_server_testing.h"

enum { FIELDS_MAX = 8 };

static const struct h1_limits limits = {
	.request_line = 128, .field = 128, .name = 32, .head = 512, .fields = FIELDS_MAX
};

struct desk {
	struct world world;
	struct small_server *server;
	struct address at;
	void (*print)(struct desk *desk, struct json_stream *json);
	const struct node *root;
	result_value ended;
	unsigned pieces;
};

static result serve(struct small_exchange *exchange)
{
	struct desk *desk = exchange->owner;
	struct http_response response = { .status = 200, .framing = HTTP_CHUNKED };
	struct json_stream json;

	small_exchange_begin(exchange, &response);
	json_begin(&json, exchange);
	desk->print(desk, &json);
	desk->ended = json_end(&json);
	desk->pieces = json.pieces;
	return desk->ended;
}

static void desk_open(struct desk *desk, duration patience)
{
	struct small_server_options options = { .limits = &limits,
						.connections = 4,
						.patience = patience,
						.whole = MINUTE,
						.serve = serve,
						.owner = desk };
	int fd = testing_listen(&desk->at);

	world_open(&desk->world);
	options.fibers = desk->world.fibers;
	options.blocks = &desk->world.pool;
	assert_false(failed(small_server_open(&options, fd, &desk->server)));
}

static void desk_close(struct desk *desk)
{
	do {
		small_server_cut(desk->server);
		testing_turn(&desk->world, 1);
	} while (small_server_connections(desk->server));
	small_server_free(&desk->server);
	world_close(&desk->world);
}

/* What a client of HTTP/1.0 gets, to which the end of the connection is the end. The caller frees it. */
static char *body_of(struct desk *desk, const char *method)
{
	char request[64];
	struct buf head = buf_over(request, sizeof request);
	char *answer, *body;

	buf_put(&head, str_of(method));
	buf_put(&head, STR(" / HTTP/1.0\r\n\r\n"));
	answer = testing_ask(&desk->world, &desk->at, buf_str(&head));
	body = strstr(answer, "\r\n\r\n");
	assert_non_null(body);
	memmove(answer, body + 4, strlen(body + 4) + 1);
	return answer;
}

static void print_all_kinds(struct desk *desk, struct json_stream *json)
{
	(void)desk;
	json_open(json, '{');
	json_pair(json, "text", STR("a \"quoted\" \\ one\n\x01\xff\xc3\xa9"));
	json_pair_number(json, "number", UINT64_MAX);
	json_pair_bool(json, "yes", true);
	json_pair_bool(json, "no", false);
	json_key(json, STR("nothing"));
	json_raw(json, STR("null"));
	json_open_at(json, "list", '[');
	json_number(json, 0);
	json_open(json, '{');
	json_close(json, '}');
	json_open(json, '[');
	json_close(json, ']');
	json_text(json, (str) { 0 });
	json_close(json, ']');
	json_pair(json, "", STR("last"));
	json_close(json, '}');
}

static void test_all_kinds(void **state)
{
	struct desk desk = { .print = print_all_kinds };
	char *body;

	(void)state;
	desk_open(&desk, MINUTE);
	body = body_of(&desk, "GET");
	assert_string_equal(
		body, "{\"text\":\"a \\\"quoted\\\" \\\\ one\\u000a\\u0001\\ufffd\xc3\xa9\",\"number\":"
		      "18446744073709551615,\"yes\":true,\"no\":false,\"nothing\":null,\"list\":[0,{},[],"
		      "\"\"],\"\":\"last\"}\n");
	free(body);
	body = body_of(&desk, "HEAD");
	assert_string_equal(body, "");
	free(body);
	desk_close(&desk);
}

enum { LONG = 300 * 1000 };

/* Long texts, and what escapes to six times its length, cross the borders of pieces. */
static void print_much(struct desk *desk, struct json_stream *json)
{
	char *text = malloc(LONG);

	(void)desk;
	memset(text, 'x', LONG);
	json_open(json, '[');
	json_text(json, (str) { text, LONG });
	memset(text, 1, LONG);
	json_text(json, (str) { text, LONG });
	for (size_t i = 0; i < LONG / 10; i++)
		json_number(json, i);
	for (size_t i = 0; i < LONG; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	json_text(json, (str) { text, LONG });
	memset(text, 0x80, LONG); /* no beginning of a character anywhere */
	json_text(json, (str) { text, LONG });
	json_close(json, ']');
	free(text);
}

static void test_much(void **state)
{
	struct desk desk = { .print = print_much };
	char *body;
	size_t len;

	(void)state;
	desk_open(&desk, MINUTE);
	body = body_of(&desk, "GET");
	len = strlen(body);
	assert_true(len > 14 * LONG && len < 16 * LONG);
	assert_true(desk.pieces > 20);
	assert_int_equal(strncmp(body, "[\"xxx", 5), 0);
	assert_string_equal(body + len - 9, "\\ufffd\"]\n");
	assert_non_null(strstr(body, "x\",\"\\u0001\\u0001"));
	assert_non_null(strstr(body, "\\u0001\",0,1,2,3"));
	assert_non_null(strstr(body, ",29999,\"\xc3\xa9\xc3\xa9"));
	free(body);
	desk_close(&desk);
}

/* A client that takes nothing ends it, and what was to follow is not made. */
static void print_for_ever(struct desk *desk, struct json_stream *json)
{
	(void)desk;
	json_open(json, '[');
	while (!failed(json->sent))
		json_number(json, 1);
	json_close(json, ']');
}

static void test_a_client_that_takes_nothing(void **state)
{
	struct desk desk = { .print = print_for_ever };
	int fd;

	(void)state;
	desk_open(&desk, 20 * MILLISECOND);
	fd = testing_connect(&desk.at);
	testing_send(fd, STR("GET / HTTP/1.0\r\n\r\n"));
	while (!failed(desk.ended))
		testing_turn(&desk.world, 1);
	assert_int_equal(desk.ended.kind, ERROR_TIMEOUT);
	close(fd);
	desk_close(&desk);
}

/* ---- the configuration ---- */

static void print_root(struct desk *desk, struct json_stream *json)
{
	config_json_put(json, desk->root);
}

static const char *environment(const char *name, void *argument)
{
	(void)argument;
	return strcmp(name, "WORD") == 0 ? "a-secret" : NULL;
}

static void assert_config(const char *yaml, const char *json)
{
	struct desk desk = { .print = print_root };
	struct document_options options = { .environment = environment };
	struct diagnostics *diagnostics;
	struct document *document;
	struct arena arena;
	char *body;

	arena_init(&arena, NULL, SIZE_MAX / 2);
	diagnostics = diagnostics_new(&arena);
	assert_false(failed(
		document_parse(&arena, STR("t.yaml"), str_of(yaml), &options, diagnostics, &document)));
	desk.root = document_root(document);
	desk_open(&desk, MINUTE);
	body = body_of(&desk, "GET");
	if (strncmp(body, json, strlen(json)) != 0 || strcmp(body + strlen(json), "\n") != 0)
		fail_msg("%s\nis %snot %s", yaml, body, json);
	free(body);
	desk_close(&desk);
	arena_fini(&arena);
}

static void test_configuration(void **state)
{
	static const struct {
		const char *yaml, *json;
	} rows[] = {
		{ "", "{}" },
		{ "a: 1\nb: '1'\nc: true\nd: 'true'\ne: 010\nf: 1.5\ng:\nh: 5s\ni: 99999999999",
		  "{\"a\":1,\"b\":\"1\",\"c\":true,\"d\":\"true\",\"e\":\"010\",\"f\":\"1.5\",\"g\":null,"
		  "\"h\":\"5s\",\"i\":"
		  "\"99999999999\"}" },
		{ "a: [1, {b: c}, []]", "{\"a\":[1,{\"b\":\"c\"},[]]}" },

		{ "a: ${WORD}\nb: x${WORD}y\nc: '${WORD}'\nd: ${NONE:-default}\ne: [\"${WORD}\"]",
		  "{\"a\":\"***\",\"b\":\"***\",\"c\":\"***\",\"d\":\"***\",\"e\":[\"***\"]}" },
		{ "admin: { token: 'sha256:00' }", "{\"admin\":{\"token\":\"***\"}}" },
		{ "headers: { set: { Authorization: x, X-API-Key: y, X-Auth-Token: z, Cookie: c, X-Plain: p "
		  "} }",
		  "{\"headers\":{\"set\":{\"Authorization\":\"***\",\"X-API-Key\":\"***\",\"X-Auth-Token\":"
		  "\"***\",\"Cookie\":"
		  "\"***\",\"X-Plain\":\"p\"}}}" },
		{ "tls: { certificate: a.pem, key: a.key }",
		  "{\"tls\":{\"certificate\":\"a.pem\",\"key\":\"***\"}}" },
		{ "consumers: { acme: { api_keys: [a, b], basic: { password: c }, labels: { plan: gold } } }",
		  "{\"consumers\":{\"acme\":{\"api_keys\":[\"***\",\"***\"],\"basic\":{\"password\":\"***\"},"
		  "\"labels\":{\"plan\":"
		  "\"gold\"}}}}" },
		{ "match: { cookies: { sid: x }, query: { access_token: y, page: z } }",
		  "{\"match\":{\"cookies\":{\"sid\":\"***\"},\"query\":{\"access_token\":\"***\",\"page\":"
		  "\"z\"}}}" },
		{ "a: 'http://me:pw@host/'\nb: 'Bearer x'\nc: 'basic eA=='\nd: 'http://host/a@b'\ne: "
		  "'$argon2id$v=19'",
		  "{\"a\":\"***\",\"b\":\"***\",\"c\":\"***\",\"d\":\"http://host/a@b\",\"e\":\"***\"}" },
		{ "x: { client_secret: 5, secret: false, credentials: true }",
		  "{\"x\":{\"client_secret\":\"***\",\"secret\":false,\"credentials\":true}}" },

		{ "apis: { tokens: { path: /t, routes: { session: { match: { path: /s } } } } }",
		  "{\"apis\":{\"tokens\":{\"path\":\"/t\",\"routes\":{\"session\":{\"match\":{\"path\":\"/"
		  "s\"}}}}}}" },
		{ "policies: { token-check: { api_key: { from: { header: X-Key } } } }",
		  "{\"policies\":{\"token-check\":{\"api_key\":{\"from\":{\"header\":\"X-Key\"}}}}}" },
		{ "apis: { a: { policies: [ { basic: { realm: r } } ] } }",
		  "{\"apis\":{\"a\":{\"policies\":[{\"basic\":{\"realm\":\"r\"}}]}}}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_config(rows[i].yaml, rows[i].json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_much),
		cmocka_unit_test(test_a_client_that_takes_nothing),
		cmocka_unit_test(test_configuration),
	};

	return cmocka_run_group_tests_name("json_stream", tests, NULL, NULL);
}
