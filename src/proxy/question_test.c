/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "proxy/question.h"

static const struct {
	const char *url;
	bool is_good, is_secure;
	const char *host, *target;
} urls[] = {
	{ "http://h.test/a?b", true, false, "h.test", "/a?b" },
	{ "https://h.test:8443/a", true, true, "h.test:8443", "/a" },
	{ "https://h.test", true, true, "h.test", "/" },
	{ "http://h.test?x", true, false, "h.test", "?x" },
	{ "http://[::1]:80/", true, false, "[::1]:80", "/" },
	{ "/a?b", true, false, "", "/a?b" },
	{ "*", true, false, "", "*" },
	{ "", false, false, NULL, NULL },
	{ "a/b", false, false, NULL, NULL },
	{ "http://", false, false, NULL, NULL },
	{ "https:///a", false, false, NULL, NULL },
	{ "http://?a", false, false, NULL, NULL },
	{ "HTTP://h/", false, false, NULL, NULL },
	{ "ftp://h/", false, false, NULL, NULL },
	{ "http:/h/", false, false, NULL, NULL },
	{ "**", false, false, NULL, NULL },
};

static void urls_are_taken_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		struct question question = { 0 };
		bool is_good = question_set_url(&question, str_of(urls[i].url));

		if (is_good != urls[i].is_good || question.is_secure != urls[i].is_secure)
			if (urls[i].is_good || is_good)
				fail_msg("row %zu: %s", i, urls[i].url);
		if (!is_good)
			continue;
		assert_text(question.host, urls[i].host);
		assert_text(question.target, urls[i].target);
	}
}

static const struct {
	const char *url, *headers[3];
	size_t body; /* 0: none */
	const char *want;
} heads[] = {
	{ "/a", { NULL }, 0, "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n" },
	{ "http://h/a", { "A: b", "A: c" }, 0, "GET /a HTTP/1.1\r\nA: b\r\nA: c\r\nHost: h\r\n\r\n" },
	{ "http://h/a", { "hOST: other" }, 0, "GET /a HTTP/1.1\r\nhOST: other\r\n\r\n" },
	{ "http://h?q", { NULL }, 0, "GET /?q HTTP/1.1\r\nHost: h\r\n\r\n" },
	{ "/a", { NULL }, 3, "GET /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n" },
	{ "/a",
	  { "content-length: 9" },
	  3,
	  "GET /a HTTP/1.1\r\ncontent-length: 9\r\nHost: localhost\r\n\r\n" },
	{ "/a",
	  { "Transfer-Encoding: chunked" },
	  3,
	  "GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: localhost\r\n\r\n" },
	{ "/a", { "no colon" }, 0, "GET /a HTTP/1.1\r\nno colon\r\nHost: localhost\r\n\r\n" },
};

static void heads_stand_as_on_the_wire(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		struct question question = { .method = STR("GET") };

		assert_true(question_set_url(&question, str_of(heads[i].url)));
		for (size_t h = 0; h < 3 && heads[i].headers[h]; h++)
			question.headers[question.header_count++] = str_of(heads[i].headers[h]);
		assert_text(question_print(&question, heads[i].body > 0, heads[i].body, &arena),
			    heads[i].want);
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(heads_stand_as_on_the_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
