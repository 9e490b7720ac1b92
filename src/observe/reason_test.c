/* SPDX-License-Identifier: Apache-2.0 */
/* The table of reasons keeps its own rules, and has every word that another room uses. */
#include "observe/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec/h1.h"

/* RFC 9209 section 2.3, those that a gateway can use. */
static const char *const proxy_errors[] = {
	"dns_timeout",
	"dns_error",
	"destination_not_found",
	"destination_unavailable",
	"destination_ip_prohibited",
	"destination_ip_unroutable",
	"connection_refused",
	"connection_terminated",
	"connection_timeout",
	"connection_read_timeout",
	"connection_write_timeout",
	"connection_limit_reached",
	"tls_protocol_error",
	"tls_certificate_error",
	"tls_alert_received",
	"http_request_error",
	"http_request_denied",
	"http_response_incomplete",
	"http_response_header_section_size",
	"http_response_header_size",
	"http_response_body_size",
	"http_response_trailer_section_size",
	"http_response_trailer_size",
	"http_response_transfer_coding",
	"http_response_content_coding",
	"http_response_timeout",
	"http_upgrade_failed",
	"http_protocol_error",
	"proxy_internal_response",
	"proxy_internal_error",
	"proxy_configuration_error",
	"proxy_loop_detected",
};

static bool is_word(str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || (s.ptr[i] >= '0' && s.ptr[i] <= '9' && i > 0) ||
		      (s.ptr[i] == '_' && i > 0)))
			return false;
	return s.len > 0;
}

static void words_are_words_and_found(void **state)
{
	(void)state;
	for (int i = REASON_NONE + 1; i < REASONS; i++) {
		assert_true(is_word(reason_word(i)));
		/* Also: no word stands twice. */
		assert_int_equal(reason_find(reason_word(i)), i);
	}
}

static void unknown_words_are_none(void **state)
{
	static const char *const words[] = {
		"", "unknown", "NO_ROUTE", "no_route ", "no_rout", "no_route\n"
	};

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_int_equal(reason_find(str_of(words[i])), REASON_NONE);
	assert_int_equal(reason_find((str) { "no_route\0", 9 }), REASON_NONE);
}

static void statuses_are_final_ones(void **state)
{
	(void)state;
	assert_int_equal(reason_status(REASON_NONE), 0);
	for (int i = REASON_NONE + 1; i < REASONS; i++)
		assert_in_range(reason_status(i), 200, 599);
}

static void errors_of_proxy_status_are_registered(void **state)
{
	(void)state;
	for (int i = REASON_NONE; i < REASONS; i++) {
		str error = reason_proxy_error(i);
		bool is_known = error.len == 0;

		for (size_t j = 0; j < sizeof proxy_errors / sizeof *proxy_errors; j++)
			is_known |= str_eq(error, str_of(proxy_errors[j]));
		assert_true(is_known);
	}
}

static void a_fault_behind_us_has_an_error(void **state)
{
	(void)state;
	for (int i = REASON_NONE + 1; i < REASONS; i++) {
		if (reason_status(i) >= 500)
			assert_true(reason_proxy_error(i).len > 0);
		if (str_starts(reason_word(i), STR("upstream_")))
			assert_in_range(reason_status(i), 502, 504);
	}
}

static void details_are_sentences(void **state)
{
	(void)state;
	for (int i = REASON_NONE + 1; i < REASONS; i++) {
		str detail = reason_detail(i);

		if (reason_status(i) >= 400)
			assert_true(str_ends(detail, STR(".")));
		for (size_t j = 0; j < detail.len; j++)
			assert_in_range(detail.ptr[j], ' ', '~');
		assert_false(str_contains(detail, STR("\"")));
	}
}

/* Of those that clients cannot tell apart. */
static void each_refusal_has_its_own_meaning(void **state)
{
	(void)state;
	for (int i = REASON_NONE + 1; i < REASONS; i++) {
		assert_int_equal(reason_meaning(i).len > 0, reason_detail(i).len > 0);
		if (reason_status(i) != 401 && reason_status(i) != 403)
			continue;
		assert_true(str_ends(reason_meaning(i), STR(".")));
		for (int j = REASON_NONE + 1; j < i; j++)
			assert_false(str_eq(reason_meaning(i), reason_meaning(j)));
	}
	assert_string_equal(reason_detail(REASON_TOKEN_AUDIENCE).ptr, reason_detail(REASON_KEY_MISSING).ptr);
}

static void titles_are_there_where_the_status_has_no_phrase(void **state)
{
	(void)state;
	for (int i = REASON_NONE + 1; i < REASONS; i++)
		assert_true(reason_title(i).len || http_status_text(reason_status(i)).len);
}

static void the_parser_and_the_table_agree(void **state)
{
	(void)state;
	for (int i = H1_ERROR_NONE + 1; i < H1_ERRORS; i++)
		assert_int_not_equal(reason_find(h1_error_reason(i)), REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_words_and_found),
		cmocka_unit_test(unknown_words_are_none),
		cmocka_unit_test(statuses_are_final_ones),
		cmocka_unit_test(errors_of_proxy_status_are_registered),
		cmocka_unit_test(a_fault_behind_us_has_an_error),
		cmocka_unit_test(details_are_sentences),
		cmocka_unit_test(each_refusal_has_its_own_meaning),
		cmocka_unit_test(titles_are_there_where_the_status_has_no_phrase),
		cmocka_unit_test(the_parser_and_the_table_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
