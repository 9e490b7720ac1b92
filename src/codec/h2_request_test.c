/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A head is written here as a text: "name: value" lines with LF, of which the first may begin with ':'. Each
 * is given in memory of its own, which is overwritten at once, because the fields are only lent.
 */
#include "codec/h2_request.h"

#include "base/testing.h"

static const struct h1_limits limits = {
	.request_line = 64, .field = 40, .name = 20, .head = 200, .fields = 6
};

struct fixture {
	struct block_pool pool;
	struct arena arena;
	struct h2_head head;
	struct http_request request;
};

static void give(struct h2_head *head, str name, str value)
{
	size_t len = name.len + value.len;
	char *bytes = malloc(len + 1);
	struct buf room = buf_over(bytes, len);

	assert_non_null(bytes);
	buf_put(&room, name);
	buf_put(&room, value);
	h2_head_add(head, str_slice(buf_str(&room), 0, name.len), str_skip(buf_str(&room), name.len));
	memset(bytes, '#', len);
	free(bytes);
}

/* The name ends at the first ':' that is not its first byte; one blank after it is not the value's. */
static void give_line(struct h2_head *head, str line)
{
	size_t at = 0;

	assert_true(str_find(str_skip(line, 1), ':', &at));
	give(head, str_slice(line, 0, at + 1), str_skip(line, at + 3));
}

static void give_lines(struct h2_head *head, const char *text)
{
	str rest = str_of(text), line;

	while (str_cut(rest, '\n', &line, &rest))
		give_line(head, line);
}

static void open_fixture(struct fixture *f, bool is_trailers)
{
	*f = (struct fixture) { 0 };
	block_pool_init(&f->pool, 4, 1 << 20);
	arena_init(&f->arena, &f->pool, 1 << 20);
	h2_head_init(&f->head, &f->arena, &limits, is_trailers);
}

static void close_fixture(struct fixture *f)
{
	arena_fini(&f->arena);
	block_pool_fini(&f->pool);
}

static enum h1_error make(struct fixture *f, const char *text, struct h2_request_options options)
{
	open_fixture(f, false);
	give_lines(&f->head, text);
	return h2_request_make(&f->head, &options, &f->request);
}

#define GET ":method: GET\n:scheme: http\n:path: /\n:authority: gw.test\n"
#define POST ":method: POST\n:scheme: http\n:path: /\n:authority: gw.test\n"

struct refusal {
	const char *text;
	enum h1_error error;
};

static const struct refusal refusals[] = {
	/* Pseudo-fields: RFC 9113 sections 8.3 and 8.3.1. */
	{ "", H1_ERROR_METHOD },
	{ ":scheme: http\n:path: /\n:authority: gw.test\n", H1_ERROR_METHOD },
	{ ":method: GET\n:path: /\n:authority: gw.test\n", H1_ERROR_PSEUDO_FIELDS },
	{ ":method: GET\n:scheme: http\n:authority: gw.test\n", H1_ERROR_PSEUDO_FIELDS },
	{ GET ":method: GET\n", H1_ERROR_PSEUDO_FIELDS },
	{ GET ":authority: gw.test\n", H1_ERROR_PSEUDO_FIELDS },
	{ GET ":path: /\n", H1_ERROR_PSEUDO_FIELDS },
	{ GET ":status: 200\n", H1_ERROR_PSEUDO_FIELDS },
	{ GET ":Path: /\n", H1_ERROR_PSEUDO_FIELDS },
	{ GET "::x: /\n", H1_ERROR_PSEUDO_FIELDS },
	{ ":method: GET\naccept: a\n:scheme: http\n:path: /\n:authority: gw.test\n", H1_ERROR_PSEUDO_FIELDS },
	{ ":method: G T\n:scheme: http\n:path: /\n:authority: gw.test\n", H1_ERROR_METHOD },
	{ ":method: \n:scheme: http\n:path: /\n:authority: gw.test\n", H1_ERROR_METHOD },
	{ ":method: GET\n:scheme: ftp\n:path: /\n:authority: gw.test\n", H1_ERROR_SCHEME },
	{ ":method: GET\n:scheme: \n:path: /\n:authority: gw.test\n", H1_ERROR_SCHEME },
	{ ":method: GET\n:scheme: http\n:path: \n:authority: gw.test\n", H1_ERROR_TARGET },
	{ ":method: GET\n:scheme: http\n:path: a\n:authority: gw.test\n", H1_ERROR_TARGET_FORM },
	{ ":method: GET\n:scheme: http\n:path: *\n:authority: gw.test\n", H1_ERROR_TARGET_FORM },
	{ ":method: OPTIONS\n:scheme: http\n:path: **\n:authority: gw.test\n", H1_ERROR_TARGET_FORM },
	{ ":method: GET\n:scheme: http\n:path: http://gw.test/\n:authority: gw.test\n",
	  H1_ERROR_TARGET_FORM },
	{ ":method: GET\n:scheme: http\n:path: /a b\n:authority: gw.test\n", H1_ERROR_TARGET },
	{ ":method: GET\n:scheme: http\n:path: /a#b\n:authority: gw.test\n", H1_ERROR_TARGET },
	{ ":method: GET\n:scheme: http\n:path: /a\rb\n:authority: gw.test\n", H1_ERROR_TARGET },
	/* Whom it is for. */
	{ ":method: GET\n:scheme: http\n:path: /\n", H1_ERROR_HOST_MISSING },
	{ ":method: GET\n:scheme: http\n:path: /\n:authority: \n", H1_ERROR_HOST },
	{ ":method: GET\n:scheme: http\n:path: /\n:authority: me@gw.test\n", H1_ERROR_HOST },
	{ ":method: GET\n:scheme: http\n:path: /\n:authority: gw.test:\n", H1_ERROR_NONE },
	{ ":method: GET\n:scheme: http\n:path: /\n:authority: gw.test:0\n", H1_ERROR_HOST },
	{ GET "host: other.test\n", H1_ERROR_HOST_CONFLICT },
	{ GET "host: gw.test:81\n", H1_ERROR_HOST_CONFLICT },
	{ GET "host: gw.test\nhost: gw.test\n", H1_ERROR_FIELD_REPEATED },
	/* CONNECT: section 8.5. */
	{ ":method: CONNECT\n:scheme: http\n:path: /\n:authority: gw.test:1\n", H1_ERROR_PSEUDO_FIELDS },
	{ ":method: CONNECT\n:path: /\n:authority: gw.test:1\n", H1_ERROR_PSEUDO_FIELDS },
	{ ":method: CONNECT\n", H1_ERROR_PSEUDO_FIELDS },
	{ ":method: CONNECT\n:authority: \n", H1_ERROR_TARGET },
	{ ":method: CONNECT\n:authority: gw.test\n", H1_ERROR_TARGET },
	{ ":method: CONNECT\n:scheme: http\n:path: /\n:authority: gw.test\n:protocol: websocket\n",
	  H1_ERROR_PSEUDO_FIELDS },
	{ GET ":protocol: websocket\n", H1_ERROR_PSEUDO_FIELDS },
	/* Fields: section 8.2. */
	{ GET "Accept: a\n", H1_ERROR_FIELD_CASE },
	{ GET "x-Mine: a\n", H1_ERROR_FIELD_CASE },
	{ GET "x-forwarded-For: a\n", H1_ERROR_FIELD_CASE },
	{ GET "x mine: a\n", H1_ERROR_FIELD_NAME },
	{ GET "x\x80: a\n", H1_ERROR_FIELD_NAME },
	{ GET "accept:  a\n", H1_ERROR_FIELD_BLANK },
	{ GET "accept: a\t\n", H1_ERROR_FIELD_BLANK },
	{ GET "accept: a\rb\n", H1_ERROR_FIELD_VALUE },
	{ GET "accept: a\x7f\n", H1_ERROR_FIELD_VALUE },
	{ GET "connection: close\n", H1_ERROR_FIELD_CONNECTION },
	{ GET "keep-alive: 1\n", H1_ERROR_FIELD_CONNECTION },
	{ GET "proxy-connection: close\n", H1_ERROR_FIELD_CONNECTION },
	{ GET "transfer-encoding: chunked\n", H1_ERROR_FIELD_CONNECTION },
	{ GET "upgrade: websocket\n", H1_ERROR_FIELD_CONNECTION },
	{ GET "http2-settings: AA\n", H1_ERROR_FIELD_CONNECTION },
	{ GET "te: gzip\n", H1_ERROR_FIELD_CONNECTION },
	{ GET "te: trailers, gzip\n", H1_ERROR_FIELD_CONNECTION },
	{ GET "authorization: a\nauthorization: a\n", H1_ERROR_FIELD_REPEATED },
	{ GET "expect: something\n", H1_ERROR_EXPECTATION },
	/* Framing. */
	{ GET "content-length: 1\n", H1_ERROR_LENGTH_CONFLICT },
	{ GET "content-length: +0\n", H1_ERROR_LENGTH },
	{ GET "content-length: 0, 0\n", H1_ERROR_LENGTH },
	{ GET "content-length: 0\ncontent-length: 0\n", H1_ERROR_LENGTH_REPEATED },
	/* The first that is wrong decides. */
	{ GET "x mine: a\nAccept: a\n", H1_ERROR_FIELD_NAME },
	{ ":scheme: ftp\nAccept: a\n", H1_ERROR_FIELD_CASE },
};

static void refuses_what_is_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		struct fixture f;
		enum h1_error error = make(&f, refusals[i].text, (struct h2_request_options) { 0 });

		assert_row(error == refusals[i].error, i, refusals[i].text);
		close_fixture(&f);
	}
}

static void refuses_bytes_that_no_line_can_hold(void **state)
{
	static const char bytes[] = { '\0', '\n', '\r', 0x01, 0x1f, 0x7f };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bytes); i++) {
		char value[] = { 'a', bytes[i], 'b' }, name[] = { 'x', bytes[i], 'y' };
		struct fixture f;

		open_fixture(&f, false);
		give(&f.head, STR("x-mine"), (str) { value, sizeof value });
		assert_int_equal(f.head.error, H1_ERROR_FIELD_VALUE);
		close_fixture(&f);
		open_fixture(&f, false);
		give(&f.head, (str) { name, sizeof name }, STR("a"));
		assert_int_equal(f.head.error, H1_ERROR_FIELD_NAME);
		close_fixture(&f);
	}
}

static void refuses_a_field_without_a_name(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f, false);
	h2_head_add(&f.head, (str) { 0 }, STR("a"));
	assert_int_equal(f.head.error, H1_ERROR_FIELD_NAME);
	close_fixture(&f);
}

/* A line of exactly so many bytes. */
static void give_sized(struct h2_head *head, const char *name, size_t value_len)
{
	char value[256];

	memset(value, 'v', sizeof value);
	give(head, str_of(name), (str) { value, value_len });
}

static enum h1_error sized(const char *name, size_t value_len, unsigned times)
{
	struct h2_request_options options = { 0 };
	enum h1_error error;
	struct fixture f;

	open_fixture(&f, false);
	give_lines(&f.head, GET);
	for (unsigned i = 0; i < times; i++)
		give_sized(&f.head, name, value_len);
	error = h2_request_make(&f.head, &options, &f.request);
	close_fixture(&f);
	return error;
}

static void keeps_its_limits_to_the_byte(void **state)
{
	(void)state;
	assert_int_equal(sized("abc", 35, 1), H1_ERROR_NONE);
	assert_int_equal(sized("abc", 36, 1), H1_ERROR_FIELD_LONG);
	assert_int_equal(sized("abcdefghijklmnopqrst", 1, 1), H1_ERROR_NONE);
	assert_int_equal(sized("abcdefghijklmnopqrstu", 1, 1), H1_ERROR_FIELD_NAME_LONG);
	/* Host is the sixth. */
	assert_int_equal(sized("abc", 1, 5), H1_ERROR_NONE);
	assert_int_equal(sized("abc", 1, 7), H1_ERROR_FIELDS_MANY);
	assert_int_equal(sized("abc", 33, 5), H1_ERROR_NONE);
	assert_int_equal(sized("abc", 34, 5), H1_ERROR_HEAD_LONG);
	/* Crumbs are one field, and as one not too long. */
	assert_int_equal(sized("cookie", 1, 9), H1_ERROR_NONE);
	assert_int_equal(sized("cookie", 1, 12), H1_ERROR_FIELD_LONG);
}

static void bounds_the_line_as_http_1_does(void **state)
{
	static const struct {
		size_t path;
		enum h1_error error;
	} rows[] = { { 51, H1_ERROR_NONE },
		     { 52, H1_ERROR_REQUEST_LINE_LONG },
		     { 65, H1_ERROR_REQUEST_LINE_LONG } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct h2_request_options options = { 0 };
		struct fixture f;
		char path[128];

		memset(path, '/', sizeof path);
		open_fixture(&f, false);
		give_lines(&f.head, ":method: GET\n:scheme: http\n:authority: gw.test\n");
		give(&f.head, STR(":path"), (str) { path, rows[i].path });
		assert_int_equal(h2_request_make(&f.head, &options, &f.request), rows[i].error);
		close_fixture(&f);
	}
}

/* What was refused is still counted, for whoever bounds what one head may decode to. */
static void counts_on_after_an_error(void **state)
{
	struct fixture f;
	size_t before;

	(void)state;
	open_fixture(&f, false);
	give_lines(&f.head, GET "Bad: a\n");
	before = f.head.size;
	for (int i = 0; i < 100; i++)
		give_sized(&f.head, "cookie", 200);
	assert_int_equal(f.head.size - before, 100 * 210);
	assert_true(f.head.fields.count < 8);
	assert_int_equal(f.head.error, H1_ERROR_FIELD_CASE);
	close_fixture(&f);
}

static void makes_the_request_that_http_1_would(void **state)
{
	struct fixture f;
	const struct http_request *r = &f.request;

	(void)state;
	assert_int_equal(make(&f,
			      ":authority: GW.test:8080\n:method: PURGE\n:path: /a?b=c\n:scheme: https\n"
			      "accept: a b\nx-own: \nte: trailers\n",
			      (struct h2_request_options) { 0 }),
			 H1_ERROR_NONE);
	assert_int_equal(r->version, HTTP_2);
	assert_int_equal(r->method, HTTP_OTHER_METHOD);
	assert_text(r->method_text, "PURGE");
	assert_text(r->target, "/a?b=c");
	assert_text(r->host, "GW.test");
	assert_int_equal(r->framing, HTTP_NO_BODY);
	assert_true(r->keep_alive);
	assert_int_equal(r->fields.count, 4);
	assert_text(r->fields.at[0].name, "Accept");
	assert_text(r->fields.at[0].value, "a b");
	assert_text(r->fields.at[1].name, "x-own");
	assert_text(r->fields.at[1].value, "");
	assert_text(http_fields_value(&r->fields, HTTP_TE), "trailers");
	assert_text(http_fields_value(&r->fields, HTTP_HOST), "GW.test:8080");
	close_fixture(&f);
}

static void takes_host_for_authority(void **state)
{
	struct fixture f;

	(void)state;
	assert_int_equal(make(&f, ":method: GET\n:scheme: https\n:path: /\nhost: gw.test\n",
			      (struct h2_request_options) { 0 }),
			 H1_ERROR_NONE);
	assert_text(f.request.host, "gw.test");
	close_fixture(&f);
	assert_int_equal(make(&f,
			      ":method: GET\n:scheme: https\n:path: /\n:authority: gw.test:443\nhost: "
			      "GW.TEST\n",
			      (struct h2_request_options) { 0 }),
			 H1_ERROR_NONE);
	assert_int_equal(http_fields_count(&f.request.fields, HTTP_HOST), 1);
	close_fixture(&f);
}

static void joins_the_crumbs_of_a_cookie(void **state)
{
	struct fixture f;
	const struct http_fields *fields = &f.request.fields;

	(void)state;
	assert_int_equal(make(&f, GET "cookie: a=1\naccept: b\ncookie: c=2; d\ncookie: \ndnt: 1\n",
			      (struct h2_request_options) { 0 }),
			 H1_ERROR_NONE);
	assert_int_equal(fields->count, 4);
	assert_text(fields->at[0].value, "a=1; c=2; d; ");
	assert_text(fields->at[1].value, "b");
	assert_text(fields->at[2].value, "1");
	close_fixture(&f);
}

struct framing {
	const char *text;
	bool has_body;
	enum http_framing framing;
	uint64_t length;
	bool expects_continue;
};

static const struct framing framings[] = {
	{ POST, false, HTTP_NO_BODY, 0, false },
	{ POST "content-length: 0\n", false, HTTP_LENGTH, 0, false },
	{ POST, true, HTTP_CHUNKED, 0, false },
	{ POST "content-length: 12\n", true, HTTP_LENGTH, 12, false },
	{ POST "expect: 100-continue\n", true, HTTP_CHUNKED, 0, true },
	{ POST "expect: 100-Continue\ncontent-length: 3\n", true, HTTP_LENGTH, 3, true },
	{ POST "expect: 100-continue\n", false, HTTP_NO_BODY, 0, false },
};

static void knows_where_the_body_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(framings); i++) {
		const struct framing *row = &framings[i];
		struct fixture f;

		assert_int_equal(
			make(&f, row->text, (struct h2_request_options) { .has_body = row->has_body }),
			H1_ERROR_NONE);
		assert_row(f.request.framing == row->framing, i, row->text);
		assert_row(f.request.length == row->length, i, row->text);
		assert_row(f.request.expects_continue == row->expects_continue, i, row->text);
		close_fixture(&f);
	}
}

static void takes_an_extended_connect_where_it_was_offered(void **state)
{
	struct h2_request_options options = { .has_body = true, .has_connect_protocol = true };
	struct fixture f;

	(void)state;
	assert_int_equal(make(&f,
			      ":method: CONNECT\n:protocol: websocket\n:scheme: https\n:path: /chat\n"
			      ":authority: gw.test\n",
			      options),
			 H1_ERROR_NONE);
	assert_text(f.request.protocol, "websocket");
	assert_text(f.request.target, "/chat");
	assert_text(f.request.host, "gw.test");
	assert_int_equal(f.request.method, HTTP_CONNECT);
	close_fixture(&f);
	assert_int_equal(make(&f, GET ":protocol: websocket\n", options), H1_ERROR_PSEUDO_FIELDS);
	close_fixture(&f);
	assert_int_equal(make(&f, ":method: CONNECT\n:protocol: websocket\n:authority: gw.test\n", options),
			 H1_ERROR_PSEUDO_FIELDS);
	close_fixture(&f);
	assert_int_equal(make(&f, ":method: CONNECT\n:authority: gw.test:443\n", options), H1_ERROR_NONE);
	assert_text(f.request.target, "gw.test:443");
	assert_int_equal(f.request.protocol.len, 0);
	close_fixture(&f);
}

/* The log tells what a refused request was. */
static void tells_what_was_refused(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, ":method: POST\n:path: /a\nBad: b\n", (struct h2_request_options) { 0 });
	assert_text(f.request.method_text, "POST");
	assert_text(f.request.target, "/a");
	close_fixture(&f);
	make(&f, ":method: P\rT\n:path: /a\n", (struct h2_request_options) { 0 });
	assert_int_equal(f.request.method_text.len, 0);
	close_fixture(&f);
}

static void makes_trailers_of_what_may_be_one(void **state)
{
	struct http_fields trailers;
	struct fixture f;

	(void)state;
	open_fixture(&f, true);
	give_lines(&f.head, "grpc-status: 0\nauthorization: a\nx-forwarded-for: b\nx-own: c\n");
	assert_int_equal(h2_trailers_make(&f.head, &trailers), H1_ERROR_NONE);
	assert_int_equal(trailers.count, 2);
	assert_text(trailers.at[0].name, "grpc-status");
	assert_text(trailers.at[1].value, "c");
	close_fixture(&f);
	open_fixture(&f, true);
	give_lines(&f.head, ":status: 200\n");
	assert_int_equal(h2_trailers_make(&f.head, &trailers), H1_ERROR_PSEUDO_FIELDS);
	close_fixture(&f);
	open_fixture(&f, true);
	give_lines(&f.head, "connection: close\n");
	assert_int_equal(h2_trailers_make(&f.head, &trailers), H1_ERROR_FIELD_CONNECTION);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(refuses_bytes_that_no_line_can_hold),
		cmocka_unit_test(refuses_a_field_without_a_name),
		cmocka_unit_test(keeps_its_limits_to_the_byte),
		cmocka_unit_test(bounds_the_line_as_http_1_does),
		cmocka_unit_test(counts_on_after_an_error),
		cmocka_unit_test(makes_the_request_that_http_1_would),
		cmocka_unit_test(takes_host_for_authority),
		cmocka_unit_test(joins_the_crumbs_of_a_cookie),
		cmocka_unit_test(knows_where_the_body_ends),
		cmocka_unit_test(takes_an_extended_connect_where_it_was_offered),
		cmocka_unit_test(tells_what_was_refused),
		cmocka_unit_test(makes_trailers_of_what_may_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
