/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/uri.h"

struct target_row {
	const char *target;
	enum http_method method;
	bool is_good, has_query;
	const char *authority, *path, *query;
};

static void takes_targets_apart(void **state)
{
	static const struct target_row rows[] = {
		{ "/", HTTP_GET, true, false, "", "/", "" },
		{ "/a/b?c=d?e", HTTP_GET, true, true, "", "/a/b", "c=d?e" },
		{ "/a?", HTTP_GET, true, true, "", "/a", "" },
		{ "//a", HTTP_GET, true, false, "", "//a", "" },
		{ "http://h/a?b", HTTP_GET, true, true, "h", "/a", "b" },
		{ "HTTPS://h:1", HTTP_GET, true, false, "h:1", "/", "" },
		{ "http://h?b/c", HTTP_GET, true, true, "h", "/", "b/c" },
		{ "http://u@h/", HTTP_GET, true, false, "u@h", "/", "" },
		{ "*", HTTP_OPTIONS, true, false, "", "*", "" },
		{ "h:443", HTTP_CONNECT, true, false, "h:443", "", "" },
		{ "*", HTTP_GET, false },
		{ "*x", HTTP_OPTIONS, false },
		{ "", HTTP_GET, false },
		{ "a/b", HTTP_GET, false },
		{ "?a", HTTP_GET, false },
		{ "h:443", HTTP_GET, false },
		{ "http:/h/", HTTP_GET, false },
		{ "http://", HTTP_GET, false },
		{ "http:///a", HTTP_GET, false },
		{ "http://?a", HTTP_GET, false },
		{ "ftp://h/", HTTP_GET, false },
		{ "://h/", HTTP_GET, false },
		{ "/a", HTTP_CONNECT, false },
		{ "http://h:1", HTTP_CONNECT, false },
		{ "", HTTP_CONNECT, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct uri uri;

		assert_row(uri_split(str_of(rows[i].target), rows[i].method, &uri) == rows[i].is_good, i,
			   rows[i].target);
		if (!rows[i].is_good)
			continue;
		assert_text(uri.authority, rows[i].authority);
		assert_text(uri.path, rows[i].path);
		assert_text(uri.query, rows[i].query);
		assert_row(uri.has_query == rows[i].has_query, i, rows[i].target);
	}
}

struct path_row {
	const char *path, *normal; /* NULL: refused */
};

static const struct path_row path_rows[] = {
	{ "/", "/" },
	{ "/a", "/a" },
	{ "/a/", "/a/" },
	{ "/a/b/c.json", "/a/b/c.json" },
	{ "/a-b_c~d!$&'()*+,;=:@/x", "/a-b_c~d!$&'()*+,;=:@/x" },
	{ "/.well-known/x", "/.well-known/x" },
	{ "/a/.b/..c/...", "/a/.b/..c/..." },
	{ "/a..", "/a.." },
	{ "//", "/" },
	{ "//a", "/a" },
	{ "/a//b", "/a/b" },
	{ "/a///b////", "/a/b/" },
	{ "/.", "/" },
	{ "/./", "/" },
	{ "/./a", "/a" },
	{ "/a/.", "/a/" },
	{ "/a/./b", "/a/b" },
	{ "/a/..", "/" },
	{ "/a/../", "/" },
	{ "/a/../b", "/b" },
	{ "/a/b/../../c", "/c" },
	{ "/a/b/..", "/a/" },
	{ "/a//../b", "/b" },
	{ "/a/../a", "/a" },
	{ "/a/../ab", "/ab" },
	{ "/public/a/./b/../c", "/public/a/c" },
	{ "//evil.test/..", "/" },
	{ "/%61dmin", "/admin" },
	{ "/%61%64%6D%69%6e/x", "/admin/x" },
	{ "/%7euser", "/~user" },
	{ "/%2e", "/" },
	{ "/a/%2e%2E/b", "/b" },
	{ "/a/%2e./b", "/b" },
	{ "/a/.%2e", "/" },
	{ "/v1%2e%2e/x", "/v1../x" },
	{ "/%252e%252e/a", "/%252e%252e/a" },
	{ "/a%2Bb+c", "/a%2Bb+c" },
	{ "/a%2bb", "/a%2Bb" },
	{ "/a%20b", "/a%20b" },
	{ "/%41b", "/Ab" },
	{ "/a%3ab", "/a%3Ab" },
	{ "/%01%7f%09", "/%01%7F%09" },
	{ "/%e2%82%ac", "/%E2%82%AC" },
	{ "/%C3%A9", "/%C3%A9" },
	{ "/%c2%80%df%bf", "/%C2%80%DF%BF" },
	{ "/%e0%a0%80", "/%E0%A0%80" },
	{ "/%ef%bc%8e%ef%bc%8e/a", "/%EF%BC%8E%EF%BC%8E/a" },
	{ "/%f0%9f%98%80", "/%F0%9F%98%80" },
	{ "/%f4%8f%bf%bf", "/%F4%8F%BF%BF" },
	{ "/%ed%9f%bf", "/%ED%9F%BF" },
	{ "/{id}", "/%7Bid%7D" },
	{ "/%7Bid%7d", "/%7Bid%7D" },
	{ "/a|b^c`d\"<>[]", "/a%7Cb%5Ec%60d%22%3C%3E%5B%5D" },
	{ "/a;x=1/b", "/a;x=1/b" },
	{ "/...;x", "/...;x" },
	{ "/.a;x", "/.a;x" },
	{ "/a.;x", "/a.;x" },
	{ "/0123456789abcdef/0123456789abcde/.", "/0123456789abcdef/0123456789abcde/" },
	{ "/0123456789abcd/./0123456789abcdef", "/0123456789abcd/0123456789abcdef" },
	{ "/0123456789abcd//0123456789abcdef", "/0123456789abcd/0123456789abcdef" },
	{ "/0123456789abcde/../0123456789abcdef", "/0123456789abcdef" },
	{ "", NULL },
	{ "a", NULL },
	{ "*", NULL },
	{ "?/", NULL },
	{ "/..", NULL },
	{ "/../a", NULL },
	{ "/a/../..", NULL },
	{ "/a/../../b", NULL },
	{ "/%2e%2e", NULL },
	{ "/./../a", NULL },
	{ "//..", NULL },
	{ "/a/../../../../etc", NULL },
	{ "/a\\b", NULL },
	{ "/..\\a", NULL },
	{ "/a?b", NULL },
	{ "/a#b", NULL },
	{ "/a b", NULL },
	{ "/a\x01", NULL },
	{ "/a\x7f", NULL },
	{ "/caf\xc3\xa9", NULL },
	{ "/%2F", NULL },
	{ "/%2f", NULL },
	{ "/a/..%2fadmin", NULL },
	{ "/%5C", NULL },
	{ "/%5c", NULL },
	{ "/%00", NULL },
	{ "/a%0Ab", NULL },
	{ "/%0d", NULL },
	{ "/%3F", NULL },
	{ "/%23", NULL },
	{ "/%", NULL },
	{ "/%2", NULL },
	{ "/a%4", NULL },
	{ "/%zz", NULL },
	{ "/%2g", NULL },
	{ "/%%41", NULL },
	{ "/%u0041", NULL },
	{ "/%80", NULL },
	{ "/%bf", NULL },
	{ "/%c0%ae", NULL },
	{ "/%c1%bf", NULL },
	{ "/%c2", NULL },
	{ "/%c2a", NULL },
	{ "/%c3xa9", NULL },
	{ "/%c2%2f", NULL },
	{ "/%c2%c2", NULL },
	{ "/%c3%a9%a9", NULL },
	{ "/%e0%80%af", NULL },
	{ "/%e0%9f%bf", NULL },
	{ "/%e2%82", NULL },
	{ "/%e2%82/a", NULL },
	{ "/%ed%a0%80", NULL },
	{ "/%f0%8f%bf%bf", NULL },
	{ "/%f4%90%80%80", NULL },
	{ "/%f5%80%80%80", NULL },
	{ "/%ff", NULL },
	{ "/..;/a", NULL },
	{ "/a/..;x=y/b", NULL },
	{ "/a/.;/b", NULL },
	{ "/a/.;", NULL },
	{ "/a/..%3b/b", NULL },
	{ "/a/..%3B", NULL },
	{ "/a/%2e%2e;x", NULL },
	{ "/a/.%3Bx/../b", NULL },
};

/* The result is the path itself when it is normal, and normal in any case. */
static void check_path(size_t i, const struct path_row *row, unsigned options)
{
	size_t len = strlen(row->path), max = len * 3 + 1;
	char *path = test_malloc(len + 1), *bytes = test_malloc(max);
	struct buf room = buf_over(bytes, max), small = buf_over(bytes, 0);
	struct uri_path normal, again;
	result_value done;

	memcpy(path, row->path, len + 1);
	done = uri_path_normalise((str) { path, len }, options, &room, &normal);
	assert_row(failed(done) == !row->normal, i, row->path);
	assert_row(!failed(done) || (done.kind == ERROR_MALFORMED && done.why), i, row->path);
	if (!failed(done)) {
		bool is_same = str_eq(normal.text, str_of(row->path));

		assert_text(normal.text, row->normal);
		assert_row(!is_same || normal.text.ptr == path, i, row->path);
		assert_row(uri_path_is_normal(normal.text, options), i, row->path);
		assert_false(failed(uri_path_normalise(normal.text, options, &small, &again)));
		assert_true(str_eq(again.text, normal.text));
		assert_row(uri_path_is_normal((str) { path, len }, options) == is_same, i, row->path);
	}
	test_free(path);
	test_free(bytes);
}

static void normalises_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(path_rows); i++)
		check_path(i, &path_rows[i], 0);
}

static void keeps_encoded_slashes_where_asked(void **state)
{
	static const struct path_row rows[] = {
		{ "/a%2Fb", "/a%2Fb" },       { "/a%2fb/c/../d", "/a%2Fb/d" },
		{ "/a%2F.b", "/a%2F.b" },     { "/a%2F", "/a%2F" },
		{ "/a%2F../b", NULL },        { "/..%2fa", NULL },
		{ "/.%2Fa", NULL },           { "/a%2F.", NULL },
		{ "/a%2F%2e%2e%2Fb", NULL },  { "/a%2F..;x", NULL },
		{ "/a%2Fb/..", "/" },         { "/a%5Cb", NULL },
		{ "/a%2Fb/./c", "/a%2Fb/c" }, { "/a%2Fb/..;/c", NULL },
	};
	struct uri_path normal;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_path(i, &rows[i], URI_KEEP_ENCODED_SLASHES);
	assert_false(failed(uri_path_normalise(STR("/a%2Fb"), URI_KEEP_ENCODED_SLASHES, NULL, &normal)));
	assert_true(normal.has_encoded_slash);
	assert_false(failed(uri_path_normalise(STR("/a%20b"), URI_KEEP_ENCODED_SLASHES, NULL, &normal)));
	assert_false(normal.has_encoded_slash);
}

/* Each byte, at each place in blocks, is judged as it is in a path that is too short for blocks. */
static void blocks_agree_with_bytes(void **state)
{
	char path[48], few[4] = "/a_a", bytes[sizeof path * 3 + 1];

	(void)state;
	for (size_t i = 0; i < 256 * (sizeof path - 2); i++) {
		size_t at = i / 256 + 1;
		struct buf room = buf_over(bytes, sizeof bytes);
		struct uri_path normal;

		memset(path, 'a', sizeof path);
		path[0] = '/';
		path[at] = few[2] = (char)(i % 256);
		assert_int_equal(uri_path_is_normal((str) { path, sizeof path }, 0),
				 uri_path_is_normal((str) { few, at == 1 && i % 256 == '/' ? 0 : 4 }, 0));
		if (!failed(uri_path_normalise((str) { path, sizeof path }, 0, &room, &normal)))
			assert_true(uri_path_is_normal(normal.text, 0));
	}
}

static void says_when_the_room_is_too_small(void **state)
{
	static const str path = STR_INIT("/ab/../{x}/%41");
	char bytes[16];

	(void)state;
	for (size_t max = 0; max < sizeof "/%7Bx%7D/A" - 1; max++) {
		struct buf room = buf_over(bytes, max);
		struct uri_path normal;

		assert_int_equal(uri_path_normalise(path, 0, &room, &normal).kind, ERROR_LIMIT);
		assert_int_equal(room.len, 0);
	}
}

/* Behind what was in the room already. */
static void leaves_the_room_in_order(void **state)
{
	char bytes[64];
	struct buf room = buf_over(bytes, sizeof bytes);
	struct uri_path first, second;

	(void)state;
	assert_false(failed(uri_path_normalise(STR("/a/./b"), 0, &room, &first)));
	assert_false(failed(uri_path_normalise(STR("/c/./d"), 0, &room, &second)));
	assert_text(first.text, "/a/b");
	assert_text(second.text, "/c/d");
	assert_int_equal(room.len, 8);
}

static void long_paths_cost_no_more_than_their_length(void **state)
{
	enum { STEPS = 20000 };
	char *path = test_malloc(STEPS * 5 + 1), *bytes = test_malloc(STEPS * 15 + 4);
	struct buf room = buf_over(bytes, STEPS * 15 + 4);
	struct uri_path normal;

	(void)state;
	for (size_t i = 0; i < STEPS; i++)
		memcpy(path + i * 5, "/a/..", 5);
	path[STEPS * 5] = '/';
	assert_false(failed(uri_path_normalise((str) { path, STEPS * 5 + 1 }, 0, &room, &normal)));
	assert_text(normal.text, "/");
	test_free(path);
	test_free(bytes);
}

static void reads_queries(void **state)
{
	static const char *const expected[] = { "a", "1", "b", "", "", "x", "c", "d=e", "f", "" };
	str query = STR("&a=1&b&=x&&c=d=e&f="), name, value;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(expected); i += 2) {
		assert_true(uri_query_next(&query, &name, &value));
		assert_text(name, expected[i]);
		assert_text(value, expected[i + 1]);
	}
	assert_false(uri_query_next(&query, &name, &value));
	query = STR("");
	assert_false(uri_query_next(&query, &name, &value));
}

struct decode_row {
	const char *encoded, *plain, *form;
};

static void decodes(void **state)
{
	static const struct decode_row rows[] = {
		{ "", "", "" },          { "abc", "abc", "abc" },     { "a%20b", "a b", "a b" },
		{ "a+b", "a+b", "a b" }, { "%2B+%2b", "+++", "+ +" }, { "%c3%A9", "\xc3\xa9", "\xc3\xa9" },
		{ "%", "%", "%" },       { "%4", "%4", "%4" },        { "%4g%41", "%4gA", "%4gA" },
		{ "%%41", "%A", "%A" },  { "%2541", "%41", "%41" },
	};
	char bytes[32];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf room = buf_over(bytes, sizeof bytes);
		str encoded = str_of(rows[i].encoded);

		assert_text(uri_decode(encoded, false, &room), rows[i].plain);
		assert_text(uri_decode(encoded, true, &room), rows[i].form);
	}
	{
		struct buf room = buf_over(bytes, 2);

		assert_text(uri_decode(STR("%41%42%43"), false, &room), "");
		assert_true(buf_overflowed(&room));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_targets_apart),
		cmocka_unit_test(normalises_paths),
		cmocka_unit_test(keeps_encoded_slashes_where_asked),
		cmocka_unit_test(blocks_agree_with_bytes),
		cmocka_unit_test(says_when_the_room_is_too_small),
		cmocka_unit_test(leaves_the_room_in_order),
		cmocka_unit_test(long_paths_cost_no_more_than_their_length),
		cmocka_unit_test(reads_queries),
		cmocka_unit_test(decodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
