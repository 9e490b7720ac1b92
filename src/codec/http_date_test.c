/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/http_date.h"

struct date_row {
	int64_t seconds;
	const char *text;
};

static void prints_dates(void **state)
{
	static const struct date_row rows[] = {
		{ 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },
		{ 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ -5, "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ 951782399, "Mon, 28 Feb 2000 23:59:59 GMT" },
		{ 951782400, "Tue, 29 Feb 2000 00:00:00 GMT" },
		{ 1735689599, "Tue, 31 Dec 2024 23:59:59 GMT" },
		{ 1767225600, "Thu, 01 Jan 2026 00:00:00 GMT" },
		{ 4107542400, "Mon, 01 Mar 2100 00:00:00 GMT" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char out[HTTP_DATE_LEN];

		assert_int_equal(http_date_print(rows[i].seconds * SECOND, out), HTTP_DATE_LEN);
		assert_text(((str) { out, HTTP_DATE_LEN }), rows[i].text);
		http_date_print(rows[i].seconds * SECOND + (rows[i].seconds >= 0) * 999999999, out);
		assert_text(((str) { out, HTTP_DATE_LEN }), rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
