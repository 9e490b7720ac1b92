/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the echo server says: the request as JSON, as many bytes as asked for, events one after the other.
 */
#include "base/testing.h"
#include "fiber/testing.h"
#include "main/echo_answer.h"

enum { FIELDS_MAX = 4, BYTES_PIECE = 64 * 1024 };

struct bench {
	struct world world;
	struct arena arena;
	struct http_field fields[FIELDS_MAX];
	struct http_request head;
	struct echo_request request;
	struct echo_answer answer;
	struct fiber *fiber;
	result_value made;
	bool is_done;
	deadline ended;
};

static void bench_open(struct bench *bench, const char *method, const char *target, const char *body)
{
	*bench = (struct bench) { .fields = {
					  { .name = STR_INIT("Host"), .value = STR_INIT("h") },
					  { .name = STR_INIT("X-\"A\""), .value = STR_INIT("\xff\x01") } } };
	world_open(&bench->world);
	arena_init(&bench->arena, NULL, 1 << 22);
	bench->head =
		(struct http_request) { .method = http_method_find(str_of(method)),
					.method_text = str_of(method),
					.target = str_of(target),
					.fields = { .at = bench->fields, .count = 2, .max = FIELDS_MAX } };
	bench->request = (struct echo_request) {
		.arena = &bench->arena, .head = &bench->head, .body = str_of(body), .body_bytes = strlen(body)
	};
}

static void bench_close(struct bench *bench)
{
	arena_fini(&bench->arena);
	world_close(&bench->world);
}

static void make(struct fiber *self, void *argument)
{
	struct bench *bench = argument;

	bench->fiber = self;
	bench->made = echo_answer_make(&bench->request, self, bench->world.loop, &bench->answer);
	bench->ended = loop_now(bench->world.loop);
	bench->is_done = true;
}

static void bench_make(struct bench *bench)
{
	world_start(&bench->world, make, bench);
	world_run(&bench->world);
	assert_false(failed(bench->made));
}

static const struct {
	const char *name, *target;
	int status;
	enum echo_kind kind;
	enum http_framing framing;
	uint64_t length; /* of ECHO_BYTES */
} rows[] = {
	{ "plain", "/a", 200, ECHO_TEXT, HTTP_LENGTH, 0 },
	{ "a status", "/status/404", 404, ECHO_TEXT, HTTP_LENGTH, 0 },
	{ "a status with a query", "/status/503?x", 503, ECHO_TEXT, HTTP_LENGTH, 0 },
	{ "a status without a body", "/status/204", 204, ECHO_TEXT, HTTP_NO_BODY, 0 },
	{ "another", "/status/304", 304, ECHO_TEXT, HTTP_NO_BODY, 0 },
	{ "no status of ours", "/status/199", 200, ECHO_TEXT, HTTP_LENGTH, 0 },
	{ "no status at all", "/status/600", 200, ECHO_TEXT, HTTP_LENGTH, 0 },
	{ "a word", "/status/ok", 200, ECHO_TEXT, HTTP_LENGTH, 0 },
	{ "no number", "/status/", 200, ECHO_TEXT, HTTP_LENGTH, 0 },
	{ "bytes", "/bytes/1000", 200, ECHO_BYTES, HTTP_LENGTH, 1000 },
	{ "no bytes", "/bytes/0", 200, ECHO_BYTES, HTTP_LENGTH, 0 },
	{ "many bytes", "/bytes/1073741824?x", 200, ECHO_BYTES, HTTP_LENGTH, 1 << 30 },
	{ "too many to count", "/bytes/99999999999999999999", 200, ECHO_TEXT, HTTP_LENGTH, 0 },
	{ "events", "/sse", 200, ECHO_EVENTS, HTTP_CHUNKED, 0 },
	{ "events elsewhere", "/sse/x", 200, ECHO_TEXT, HTTP_LENGTH, 0 },
	{ "no delay", "/delay/0", 200, ECHO_TEXT, HTTP_LENGTH, 0 },
	{ "a delay that is none", "/delay/x", 200, ECHO_TEXT, HTTP_LENGTH, 0 },
	{ "a delay beyond an hour", "/delay/3600001", 200, ECHO_TEXT, HTTP_LENGTH, 0 },
};

static void the_path_says_what_is_answered(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench bench;

		bench_open(&bench, "GET", rows[i].target, "");
		bench_make(&bench);
		assert_row(bench.answer.response.status == rows[i].status, i, rows[i].name);
		assert_row(bench.answer.kind == rows[i].kind, i, rows[i].name);
		assert_row(bench.answer.response.framing == rows[i].framing, i, rows[i].name);
		if (rows[i].kind == ECHO_BYTES)
			assert_row(bench.answer.response.length == rows[i].length, i, rows[i].name);
		else if (rows[i].framing == HTTP_LENGTH)
			assert_row(bench.answer.response.length == bench.answer.text.len, i, rows[i].name);
		bench_close(&bench);
	}
}

static void the_request_is_told_as_json(void **state)
{
	struct piece piece;
	struct bench bench;

	(void)state;
	bench_open(&bench, "PUT", "/a/b?c=d&e", "a \"body\"\n");
	bench_make(&bench);
	assert_false(failed(echo_answer_next(&bench.answer, NULL, 0, &piece)));
	assert_true(piece.is_last);
	assert_true(str_starts(piece.bytes,
			       STR("{\n  \"method\": \"PUT\",\n  \"path\": \"/a/b\",\n  "
				   "\"query\": \"c=d&e\",\n  \"headers\": [\n    [\"Host\", \"h\"],\n"
				   "    [\"X-\\\"A\\\"\", \"")));
	assert_true(str_ends(piece.bytes, STR("\"body\": \"a \\\"body\\\"\\n\",\n  \"body_bytes\": 9\n}\n")));
	assert_null(memchr(piece.bytes.ptr, 1, piece.bytes.len)); /* a control byte is escaped */
	bench_close(&bench);
}

/* Whatever is asked with: the room is reckoned for the worst case. */
static void the_worst_bytes_fit(void **state)
{
	static char body[20000];
	struct bench bench;

	(void)state;
	memset(body, 1, sizeof body - 1);
	bench_open(&bench, "POST", "/", body);
	bench_make(&bench);
	assert_true(str_ends(bench.answer.text, STR("\"body_bytes\": 19999\n}\n")));
	assert_true(bench.answer.text.len > 6 * 19999);
	bench_close(&bench);
}

static void bytes_come_in_pieces(void **state)
{
	static const size_t takes[] = { SIZE_MAX, 1000, 65536 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(takes); i++) {
		struct piece piece = { 0 };
		struct bench bench;
		size_t total = 0, used = 0;

		bench_open(&bench, "GET", "/bytes/200000", "");
		bench_make(&bench);
		do {
			total += used;
			assert_false(failed(echo_answer_next(&bench.answer, NULL, used, &piece)));
			assert_true(piece.bytes.len <= BYTES_PIECE);
			assert_int_equal(piece.is_last, piece.bytes.len == 200000 - total);
			used = piece.bytes.len < takes[i] ? piece.bytes.len : takes[i];
		} while (used);
		assert_int_equal(total, 200000);
		bench_close(&bench);
	}
}

static void text_that_did_not_go_is_given_again(void **state)
{
	struct piece first, rest;
	struct bench bench;

	(void)state;
	bench_open(&bench, "GET", "/", "");
	bench_make(&bench);
	assert_false(failed(echo_answer_next(&bench.answer, NULL, 0, &first)));
	assert_false(failed(echo_answer_next(&bench.answer, NULL, 10, &rest)));
	assert_true(str_eq(rest.bytes, str_skip(first.bytes, 10)));
	assert_false(failed(echo_answer_next(&bench.answer, NULL, rest.bytes.len, &rest)));
	assert_int_equal(rest.bytes.len, 0);
	assert_true(rest.is_last);
	bench_close(&bench);
}

static void no_body_for_head(void **state)
{
	struct piece piece;
	struct bench bench;

	(void)state;
	bench_open(&bench, "HEAD", "/bytes/10", "");
	bench_make(&bench);
	bench.answer.is_headless = true;
	assert_false(failed(echo_answer_next(&bench.answer, NULL, 0, &piece)));
	assert_true(piece.is_last && piece.bytes.len == 0);
	assert_int_equal(bench.answer.response.length, 10);
	bench_close(&bench);
}

/* The first event comes at once; the next one is waited for, a second, unless somebody is gone. */
static void take_events(struct fiber *self, void *argument)
{
	struct bench *bench = argument;
	struct piece piece;

	bench->fiber = self;
	bench->made = echo_answer_next(&bench->answer, self, 0, &piece);
	assert_text(piece.bytes, "data: {\"event\": 1}\n\n");
	assert_false(piece.is_last);
	bench->made = echo_answer_next(&bench->answer, self, piece.bytes.len, &piece);
	bench->is_done = true;
}

static void events_wait_and_can_be_cancelled(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, "GET", "/sse", "");
	bench_make(&bench);
	bench.is_done = false;
	world_start(&bench.world, take_events, &bench);
	world_turn(&bench.world);
	assert_false(bench.is_done);
	fiber_cancel(bench.fiber);
	world_run(&bench.world);
	assert_true(bench.is_done);
	assert_int_equal(bench.made.kind, ERROR_CANCELLED);
	bench_close(&bench);
}

static void a_delay_is_a_delay_and_can_be_cancelled(void **state)
{
	struct bench bench;
	deadline began;

	(void)state;
	bench_open(&bench, "GET", "/delay/5", "");
	began = loop_now(bench.world.loop);
	bench_make(&bench);
	assert_true(bench.ended - began >= 5 * MILLISECOND);
	bench_close(&bench);
	bench_open(&bench, "GET", "/delay/3600000", "");
	world_start(&bench.world, make, &bench);
	assert_false(bench.is_done);
	fiber_cancel(bench.fiber);
	world_run(&bench.world);
	assert_int_equal(bench.made.kind, ERROR_CANCELLED);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_path_says_what_is_answered),
		cmocka_unit_test(the_request_is_told_as_json),
		cmocka_unit_test(the_worst_bytes_fit),
		cmocka_unit_test(bytes_come_in_pieces),
		cmocka_unit_test(text_that_did_not_go_is_given_again),
		cmocka_unit_test(no_body_for_head),
		cmocka_unit_test(events_wait_and_can_be_cancelled),
		cmocka_unit_test(a_delay_is_a_delay_and_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
