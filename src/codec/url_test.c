/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/url.h"

#include "base/testing.h"

static void takes_urls_apart(void **state)
{
	static const struct {
		const char *text, *origin, *name, *authority, *target;
		bool is_secure;
		uint16_t port;
	} rows[] = {
		{ "http://a.test", "http://a.test", "a.test", "a.test", "", false, 80 },
		{ "https://a.test", "https://a.test", "a.test", "a.test", "", true, 443 },
		{ "https://A.test:8443/b?c=d", "https://A.test:8443", "A.test", "A.test:8443", "/b?c=d", true,
		  8443 },
		{ "http://a.test:443/", "http://a.test:443", "a.test", "a.test:443", "/", false, 443 },
		{ "http://127.0.0.1:9000/check", "http://127.0.0.1:9000", "127.0.0.1", "127.0.0.1:9000",
		  "/check", false, 9000 },
		{ "https://[::1]:9/x", "https://[::1]:9", "[::1]", "[::1]:9", "/x", true, 9 },
		{ "http://a.test?b=/c", "http://a.test", "a.test", "a.test", "?b=/c", false, 80 },
		{ "http://a.test/b@c:d//e", "http://a.test", "a.test", "a.test", "/b@c:d//e", false, 80 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct url url;
		const char *wrong = url_parse(str_of(rows[i].text), &url);

		assert_row(!wrong, i, rows[i].text);
		assert_text(url.origin, rows[i].origin);
		assert_text(url.host.name, rows[i].name);
		assert_text(url.authority, rows[i].authority);
		assert_text(url.target, rows[i].target);
		assert_row(url.is_secure == rows[i].is_secure && url.port == rows[i].port, i, rows[i].text);
	}
}

static void refuses_what_is_none(void **state)
{
	static const str rows[] = {
		STR_INIT(""),
		STR_INIT("a.test"),
		STR_INIT("/a"),
		STR_INIT("//a.test/b"),
		STR_INIT("ftp://a.test/"),
		STR_INIT("HTTP://a.test/"),
		STR_INIT("http:/a.test/"),
		STR_INIT("http://"),
		STR_INIT("http:///a"),
		STR_INIT("http://:80/"),
		STR_INIT("http://a.test:/"),
		STR_INIT("http://a.test:0/"),
		STR_INIT("http://a.test:65536/"),
		STR_INIT("http://a.test:8x/"),
		STR_INIT("http://user@a.test/"),
		STR_INIT("http://user:secret@a.test/"),
		STR_INIT("http://a.test/#top"),
		STR_INIT("http://a.test#top"),
		STR_INIT("http://a.test/a b"),
		STR_INIT("http://a.test/\r\nX: y"),
		STR_INIT("http://a.test/\0b"),
		STR_INIT("http://a.test/\xc3\xa9"),
		STR_INIT("http://a.test\\b/"),
		STR_INIT("http://[::1/"),
		STR_INIT(" http://a.test/"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct url url;

		assert_row(url_parse(rows[i], &url) != NULL, i, rows[i].ptr);
	}
}

static void long_ones_are_bounded(void **state)
{
	static char text[URL_MAX + 1] = "http://a.test/";
	struct url url;

	(void)state;
	memset(text + strlen(text), 'a', sizeof text - strlen(text));
	assert_null(url_parse((str) { text, URL_MAX }, &url));
	assert_non_null(url_parse((str) { text, URL_MAX + 1 }, &url));
}

static void the_query_is_not_told(void **state)
{
	(void)state;
	assert_text(url_without_query(STR("https://a/b?key=c?d")), "https://a/b");
	assert_text(url_without_query(STR("https://a/b")), "https://a/b");
	assert_text(url_without_query(STR("")), "");
}

static void open_ones_are_known(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ "http://id.example.com/i", true },
		{ "https://id.example.com/i", false },
		{ "http://10.0.0.1:80", true },
		{ "http://127.0.0.1:80", false },
		{ "http://[::1]/", false },
		{ "http://localhost/", false },
		{ "http://127.0.0.1.example/", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct url url;

		assert_null(url_parse(str_of(rows[i].text), &url));
		assert_row(url_is_open(&url) == rows[i].want, i, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_urls_apart),      cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(the_query_is_not_told), cmocka_unit_test(open_ones_are_known),
		cmocka_unit_test(long_ones_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
