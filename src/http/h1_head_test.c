/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What heads of both sides have in common: fields that move to where they may grow, and lines that are
 * printed behind those of the message.
 */
#include "base/testing.h"
#include "codec/h1_print.h"
#include "http/h1_head.h"
#include "http/http_testing.h"

enum { TEXT_MAX = 1024 };

static const struct {
	const char *name;
	enum http_framing framing;
	uint64_t length;
	const char *want;
} end_rows[] = {
	{ "no body", HTTP_NO_BODY, 0, "\r\n" },
	{ "no body, though a length is told", HTTP_NO_BODY, 9, "\r\n" },
	{ "a length", HTTP_LENGTH, 5, "Content-Length: 5\r\n\r\n" },
	{ "a length of nothing", HTTP_LENGTH, 0, "Content-Length: 0\r\n\r\n" },
	{ "the greatest length", HTTP_LENGTH, UINT64_MAX, "Content-Length: 18446744073709551615\r\n\r\n" },
	{ "chunks", HTTP_CHUNKED, 0, "Transfer-Encoding: chunked\r\n\r\n" },
	{ "chunks, though a length is told", HTTP_CHUNKED, 7, "Transfer-Encoding: chunked\r\n\r\n" },
	{ "until close", HTTP_UNTIL_CLOSE, 0, "\r\n" },
};

static void a_head_ends_with_its_framing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(end_rows); i++) {
		char text[TEXT_MAX];
		struct buf out = buf_over(text, sizeof text);

		h1_end_head(&out, end_rows[i].framing, end_rows[i].length);
		assert_text(buf_str(&out), end_rows[i].want);
	}
}

struct head_fields {
	struct http_field at[4];
	struct http_fields fields;
};

static void head_fields_make(struct head_fields *f)
{
	*f = (struct head_fields) { .at = {
					    { .name = STR_INIT("Content-Length"),
					      .value = STR_INIT("7"),
					      .id = HTTP_CONTENT_LENGTH },
					    { .name = STR_INIT("Transfer-Encoding"),
					      .value = STR_INIT("chunked"),
					      .id = HTTP_TRANSFER_ENCODING },
					    { .name = STR_INIT("X-A"), .value = STR_INIT("1") },
					    { .name = STR_INIT("X-B"),
					      .value = STR_INIT("2"),
					      .removed = true },
				    } };
	f->fields = (struct http_fields) { .at = f->at, .count = 4, .max = 4 };
}

/* What a peer said of the framing never passes: it is said anew. */
static void a_request_is_framed_anew(void **state)
{
	char text[TEXT_MAX];
	struct buf out = buf_over(text, sizeof text);
	struct head_fields f;
	struct http_request request = { .method = HTTP_POST,
					.method_text = STR_INIT("POST"),
					.version = HTTP_1_0 };

	(void)state;
	head_fields_make(&f);
	request.fields = f.fields;
	h1_begin_request(&out, &request, STR("/new?q"));
	h1_line_print(&out, STR("Via"), STR("1.1 x"));
	h1_end_head(&out, HTTP_LENGTH, 3);
	assert_text(buf_str(&out),
		    "POST /new?q HTTP/1.1\r\nX-A: 1\r\nVia: 1.1 x\r\nContent-Length: 3\r\n\r\n");
}

static const struct {
	enum http_framing framing;
	const char *want;
} response_rows[] = {
	{ HTTP_NO_BODY, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-A: 1\r\n\r\n" },
	{ HTTP_LENGTH, "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 3\r\n\r\n" },
	{ HTTP_CHUNKED, "HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n" },
	{ HTTP_UNTIL_CLOSE, "HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n" },
};

static void an_answer_is_framed_anew(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(response_rows); i++) {
		char text[TEXT_MAX];
		struct buf out = buf_over(text, sizeof text);
		struct head_fields f;
		struct http_response response = { .status = 200, .framing = response_rows[i].framing };

		head_fields_make(&f);
		response.fields = f.fields;
		h1_begin_response(&out, &response);
		h1_end_head(&out, response.framing, 3);
		assert_text(buf_str(&out), response_rows[i].want);
	}
}

/* Whoever prints into too little room is told, and nothing is written beside it. */
static void a_head_that_does_not_fit_overflows(void **state)
{
	struct head_fields f;
	struct http_response response = { .status = 200, .framing = HTTP_LENGTH };

	(void)state;
	for (size_t size = 0; size < sizeof "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 3\r\n\r\n" - 1;
	     size++) {
		char *room = malloc(size + 1);
		struct buf out = buf_over(room, size);

		head_fields_make(&f);
		response.fields = f.fields;
		h1_begin_response(&out, &response);
		h1_end_head(&out, HTTP_LENGTH, 3);
		assert_true(buf_overflowed(&out));
		free(room);
	}
}

static void fields_move_out_of_the_shared_array(void **state)
{
	struct http_field shared[4] = { { .name = STR_INIT("A") }, { .name = STR_INIT("B") } };
	struct h1_fields_place place = { shared, 4 };
	struct http_fields fields = { .at = shared, .max = 4 };
	struct http_field *kept;
	struct wire wire;

	(void)state;
	wire_open(&wire, STR(""), (struct pace) { 0 });
	h1_fields_keep(&fields, &place, &wire.arena);
	assert_ptr_equal(fields.at, shared); /* there is nothing to keep */
	fields.count = 2;
	h1_fields_keep(&fields, &place, &wire.arena);
	assert_ptr_not_equal(fields.at, shared);
	assert_int_equal(fields.max, 4);
	memset(shared, '!', sizeof shared);
	assert_text(fields.at[1].name, "B");
	kept = fields.at;
	h1_fields_keep(&fields, &place, &wire.arena);
	assert_ptr_equal(fields.at, kept); /* once is enough */
	h1_fields_adopt(&fields, &wire.arena);
	assert_text(fields.at[0].name, "A");
	assert_int_equal(fields.count, 2);
	assert_true(fields.max > 2);
	assert_ptr_equal(fields.arena, &wire.arena);
	wire_close(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_ends_with_its_framing),
		cmocka_unit_test(a_request_is_framed_anew),
		cmocka_unit_test(an_answer_is_framed_anew),
		cmocka_unit_test(a_head_that_does_not_fit_overflows),
		cmocka_unit_test(fields_move_out_of_the_shared_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
