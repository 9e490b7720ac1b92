/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/h1_print.h"

static struct http_field some_fields[] = {
	{ .name = STR_INIT("Host"), .value = STR_INIT("gw.test"), .id = HTTP_HOST },
	{ .name = STR_INIT("X-Gone"), .value = STR_INIT("1"), .removed = true },
	{ .name = STR_INIT("x-empty"), .value = { 0 } },
};

static const struct http_request request = {
	.method_text = STR_INIT("GET"),
	.target = STR_INIT("/as/it/came"),
	.version = HTTP_1_0,
	.fields = { .at = some_fields, .count = 3, .max = 3 },
};

static const struct http_response response = {
	.status = 404,
	.version = HTTP_1_0,
	.fields = { .at = some_fields, .count = 2, .max = 3 },
};

static const char request_text[] = "GET /new?q HTTP/1.1\r\nHost: gw.test\r\nx-empty: \r\n\r\n";
static const char response_text[] = "HTTP/1.1 404 Not Found\r\nHost: gw.test\r\n\r\n";

static void prints_heads(void **state)
{
	struct http_response own = response;
	char bytes[256];
	struct buf out = buf_over(bytes, sizeof bytes);

	(void)state;
	h1_request_print(&out, &request, STR("/new?q"));
	assert_text(buf_str(&out), request_text);
	out = buf_over(bytes, sizeof bytes);
	h1_response_print(&out, &response);
	assert_text(buf_str(&out), response_text);
	own.reason = STR("Gone fishing");
	own.fields.count = 0;
	out = buf_over(bytes, sizeof bytes);
	h1_response_print(&out, &own);
	assert_text(buf_str(&out), "HTTP/1.1 404 Gone fishing\r\n\r\n");
	own = (struct http_response) { .status = 299 };
	out = buf_over(bytes, sizeof bytes);
	h1_response_print(&out, &own);
	assert_text(buf_str(&out), "HTTP/1.1 299 \r\n\r\n");
}

static void prints_behind_what_is_there(void **state)
{
	char bytes[64];
	struct buf out = buf_over(bytes, sizeof bytes);

	(void)state;
	buf_put(&out, STR("0\r\n"));
	h1_fields_print(&out, &response.fields);
	assert_text(buf_str(&out), "0\r\nHost: gw.test\r\n\r\n");
}

/* With every size that is too small, the buffer says so, and holds a beginning without holes. */
static void never_prints_past_the_room(void **state)
{
	(void)state;
	for (size_t max = 0; max <= sizeof request_text; max++) {
		char *bytes = test_malloc(max + 1);
		struct buf out = buf_over(bytes, max);

		h1_request_print(&out, &request, STR("/new?q"));
		assert_int_equal(buf_overflowed(&out), max < sizeof request_text - 1);
		assert_true(str_starts(((str) { request_text, sizeof request_text - 1 }), buf_str(&out)));
		out = buf_over(bytes, max);
		h1_response_print(&out, &response);
		assert_int_equal(buf_overflowed(&out), max < sizeof response_text - 1);
		assert_true(str_starts(((str) { response_text, sizeof response_text - 1 }), buf_str(&out)));
		test_free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_heads),
		cmocka_unit_test(prints_behind_what_is_there),
		cmocka_unit_test(never_prints_past_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
