/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/http_head.h"

static void knows_methods(void **state)
{
	(void)state;
	for (unsigned method = HTTP_GET; method < HTTP_METHODS; method++)
		assert_int_equal(http_method_find(http_method_text((enum http_method)method)), method);
	assert_int_equal(http_method_find(STR("get")), HTTP_OTHER_METHOD);
	assert_int_equal(http_method_find(STR("GETS")), HTTP_OTHER_METHOD);
	assert_int_equal(http_method_find(STR("GE")), HTTP_OTHER_METHOD);
	assert_int_equal(http_method_find(STR("")), HTTP_OTHER_METHOD);
	assert_text(http_method_text(HTTP_OTHER_METHOD), "");
}

struct method_row {
	enum http_method method;
	bool is_safe, is_idempotent;
};

/* RFC 9110 section 9.2 and RFC 5789. */
static void knows_what_may_be_repeated(void **state)
{
	static const struct method_row rows[] = {
		{ HTTP_GET, true, true },       { HTTP_HEAD, true, true },
		{ HTTP_OPTIONS, true, true },   { HTTP_TRACE, true, true },
		{ HTTP_PUT, false, true },      { HTTP_DELETE, false, true },
		{ HTTP_POST, false, false },    { HTTP_PATCH, false, false },
		{ HTTP_CONNECT, false, false }, { HTTP_OTHER_METHOD, false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_row(http_method_is_safe(rows[i].method) == rows[i].is_safe, i, "safe");
		assert_row(http_method_is_idempotent(rows[i].method) == rows[i].is_idempotent, i,
			   "idempotent");
	}
}

static void knows_answers_without_a_body(void **state)
{
	(void)state;
	for (int status = 100; status < 600; status++)
		assert_int_equal(http_status_has_no_body(status),
				 status < 200 || status == 204 || status == 304);
}

static void knows_status_codes(void **state)
{
	int previous = 0;

	(void)state;
	assert_text(http_status_text(100), "Continue");
	assert_text(http_status_text(404), "Not Found");
	assert_text(http_status_text(511), "Network Authentication Required");
	for (int status = 0; status < 1000; status++)
		previous += http_status_text(status).len > 0;
	assert_int_equal(previous, 61);
	assert_text(http_status_text(299), "");
	assert_text(http_status_text(-1), "");
}

static void knows_versions(void **state)
{
	(void)state;
	assert_text(http_version_text(HTTP_1_0), "HTTP/1.0");
	assert_text(http_version_text(HTTP_1_1), "HTTP/1.1");
	assert_text(http_version_text(HTTP_2), "HTTP/2.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_versions),
		cmocka_unit_test(knows_methods),
		cmocka_unit_test(knows_what_may_be_repeated),
		cmocka_unit_test(knows_answers_without_a_body),
		cmocka_unit_test(knows_status_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
