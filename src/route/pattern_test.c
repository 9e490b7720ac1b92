/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "route/pattern.h"

enum { SHOWN_MAX = 512 };

static struct arena arena;

static int open_arena(void **state)
{
	(void)state;
	arena_init(&arena, NULL, SIZE_MAX);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

/* "L:orders N P:{}.json S" and then the tail: one line a pattern, so that a table can hold it. */
static str show(const struct pattern *pattern, char *room)
{
	static const char *const kinds[] = { "L:", "P:", "N", "S" };
	static const char *const tails[] = { "end", "slash", "rest", "regex " };
	struct buf b = buf_over(room, SHOWN_MAX);

	for (size_t i = 0; i < pattern->count; i++) {
		buf_put(&b, str_of(kinds[pattern->segments[i].kind]));
		buf_put(&b, pattern->segments[i].text);
		buf_put(&b, STR(" "));
	}
	buf_put(&b, str_of(tails[pattern->tail]));
	buf_put(&b, pattern->regex);
	for (size_t i = 0; i < pattern->name_count; i++) {
		buf_put(&b, STR(" "));
		buf_put(&b, pattern->names[i]);
	}
	return buf_str(&b);
}

static bool parse(const char *api_path, const char *path, struct pattern *pattern, str *ret_why)
{
	return pattern_start(&arena, str_of(api_path), pattern, ret_why) &&
	       pattern_extend(&arena, pattern, str_of(path), ret_why);
}

static void takes_paths_apart(void **state)
{
	static const struct {
		const char *api_path, *path, *want;
	} rows[] = {
		{ "", "", "rest" },
		{ "/", "", "rest" },
		{ "/orders", "", "L:orders rest" },
		{ "/orders/", "", "L:orders rest" },
		{ "/orders", "/", "L:orders slash" },
		{ "/", "/", "slash" },
		{ "/", "/a/b", "L:a L:b end" },
		{ "/", "/a/b/", "L:a L:b L: end" },
		{ "/orders", "/{id}", "L:orders N end id" },
		{ "/{tenant}", "/{id}", "N N end tenant id" },
		{ "/*", "/*/x", "S S L:x end" },
		{ "/", "/**", "rest" },
		{ "/", "/export/**", "L:export rest" },
		{ "/", "/{sid}.json", "P:{}.json end sid" },
		{ "/", "/{base}...{head}", "P:{}...{} end base head" },
		{ "/", "/v{major}.{minor}-rc", "P:v{}.{}-rc end major minor" },
		{ "/", "/{a.b-c_d}", "N end a.b-c_d" },
		{ "/v1", "~^/[0-9]+$", "L:v1 regex ^/[0-9]+$" },
		{ "/v1", "~", "L:v1 regex " },
		/* The form that a request's path has. */
		{ "/", "/%61%2d%7e", "L:a-~ end" },
		{ "/", "/a%c3%a9", "L:a%C3%A9 end" },
		{ "/", "/caf\xc3\xa9", "L:caf%C3%A9 end" },
		{ "/", "/a b", "L:a%20b end" },
		{ "/", "/a%2fb", "L:a%2Fb end" },
		{ "/", "/{x}%2ejson", "P:{}.json end x" },
		{ "/", "/{x}..", "P:{}.. end x" },
		{ "/", "/...", "L:... end" },
		{ "/", "/a;b=c,d@e:f!$&'()+", "L:a;b=c,d@e:f!$&'()+ end" },
	};
	char room[SHOWN_MAX];
	struct pattern pattern;
	str why;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_row(parse(rows[i].api_path, rows[i].path, &pattern, &why), i, rows[i].path);
		assert_text(show(&pattern, room), rows[i].want);
	}
}

static void says_what_is_wrong(void **state)
{
	static const struct {
		const char *api_path, *path, *why;
	} rows[] = {
		{ "orders", "", "a path begins with '/'" },
		{ "~^/a", "", "an API's path is no regular expression; a route's path may be one" },
		{ "/a/**", "", "an API's path has no \"**\"" },
		{ "//", "", "\"//\" is merged in a path before it is matched" },
		{ "/a//", "", "\"//\" is merged in a path before it is matched" },
		{ "/{id", "", "'{' without a '}' in the same segment" },
		{ "/a?b", "", "a path has no query: '?' cannot stand in it" },
		{ "/", "a", "a path begins with '/'" },
		{ "/", "*", "a path begins with '/'" },
		{ "/", "/a//b", "\"//\" is merged in a path before it is matched" },
		{ "/", "/**/a", "\"**\" stands only at the end" },
		{ "/", "/**/", "\"**\" stands only at the end" },
		{ "/", "/a*", "\"a*\": '*' and '**' stand alone in their segment" },
		{ "/", "/***", "\"***\": '*' and '**' stand alone in their segment" },
		{ "/", "/{x}*", "\"{x}*\": '*' and '**' stand alone in their segment" },
		{ "/", "/{id", "'{' without a '}' in the same segment" },
		{ "/", "/{a/b}", "'{' without a '}' in the same segment" },
		{ "/", "/id}", "'}' without a '{' before it" },
		{ "/", "/a}b{c}", "'}' without a '{' before it" },
		{ "/", "/{}", "\"{}\": a name is 1 to 64 letters, digits, '_', '-' and '.'" },
		{ "/", "/{a b}", "\"{a b}\": a name is 1 to 64 letters, digits, '_', '-' and '.'" },
		{ "/", "/{a{b}", "\"{a{b}\": a name is 1 to 64 letters, digits, '_', '-' and '.'" },
		{ "/", "/{a}{b}", "two names need text between them" },
		{ "/", "/{a}/{a}", "the name \"a\" stands twice" },
		{ "/", "/{a}-{a}", "the name \"a\" stands twice" },
		{ "/{t}", "/{t}", "the name \"t\" stands twice" },
		{ "/", "/a?b=c", "a path has no query: '?' cannot stand in it" },
		{ "/", "/a#b", "a path has no query: '#' cannot stand in it" },
		{ "/", "/.", "dot segments are removed from a path before it is matched" },
		{ "/", "/../a", "dot segments are removed from a path before it is matched" },
		{ "/", "/a\\b", "\"a\\b\" cannot stand in a normalised path" },
		{ "/", "/%zz", "\"%zz\" cannot stand in a normalised path" },
		{ "/", "/%00", "\"%00\" cannot stand in a normalised path" },
		{ "/", "/a\xff", "\"a\xff\" cannot stand in a normalised path" },
	};
	struct pattern pattern;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str why = { 0 };

		assert_row(!parse(rows[i].api_path, rows[i].path, &pattern, &why), i, rows[i].path);
		assert_text(why, rows[i].why);
	}
}

static str repeated(str piece, size_t times)
{
	struct buf b = buf_over(arena_bytes(&arena, piece.len * times), piece.len * times);

	while (times--)
		buf_put(&b, piece);
	return buf_str(&b);
}

static void keeps_its_bounds(void **state)
{
	struct pattern pattern;
	str why, name = repeated(STR("n"), 64), slash_name[] = { STR("/{"), name, STR("}") };

	(void)state;
	assert_true(pattern_start(&arena, repeated(STR("/a"), PATTERN_SEGMENTS_MAX), &pattern, &why));
	assert_false(pattern_extend(&arena, &pattern, STR("/b"), &why));
	assert_text(why, "more than 64 segments");
	assert_true(pattern_start(&arena, STR("/"), &pattern, &why));
	assert_true(pattern_extend(&arena, &pattern,
				   STR("/{a}-{b}-{c}-{d}/{e}-{f}-{g}-{h}/{i}-{j}-{k}-{l}/{m}-{n}-{o}-{p}"),
				   &why));
	assert_int_equal(pattern.name_count, ROUTE_PARAMETERS_MAX);
	assert_false(pattern_extend(
		&arena, &pattern, STR("/{a}-{b}-{c}-{d}/{e}-{f}-{g}-{h}/{i}-{j}-{k}-{l}/{m}-{n}-{o}-{p}/{q}"),
		&why));
	assert_text(why, "more than 16 names");
	assert_true(pattern_extend(&arena, &pattern, arena_join(&arena, slash_name, 3), &why));
	slash_name[1] = repeated(STR("n"), 65);
	assert_false(pattern_extend(&arena, &pattern, arena_join(&arena, slash_name, 3), &why));
}

/* One API's pattern serves all of its routes, one after the other. */
static void forgets_the_route_before(void **state)
{
	char room[SHOWN_MAX];
	struct pattern pattern;
	str why;

	(void)state;
	assert_true(pattern_start(&arena, STR("/{t}"), &pattern, &why));
	assert_true(pattern_extend(&arena, &pattern, STR("/a/{b}"), &why));
	assert_false(pattern_extend(&arena, &pattern, STR("/{t}"), &why));
	assert_true(pattern_extend(&arena, &pattern, STR("/{b}"), &why));
	assert_text(show(&pattern, room), "N N end t b");
	assert_true(pattern_extend(&arena, &pattern, STR(""), &why));
	assert_text(show(&pattern, room), "N rest t");
}

static const struct segment *part_of(const char *path, struct pattern *pattern)
{
	str why;

	assert_true(parse("/", path, pattern, &why));
	assert_int_equal(pattern->segments[0].kind, SEGMENT_PART);
	return &pattern->segments[0];
}

static void parts_take_segments(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
		const char *values[3];
	} rows[] = {
		{ "/{a}.json", "x.json", true, { "x" } },
		{ "/{a}.json", "a.json.json", true, { "a.json" } },
		{ "/{a}.json", ".json", false, { 0 } },
		{ "/{a}.json", "x.jso", false, { 0 } },
		{ "/{a}.json", "", false, { 0 } },
		{ "/v{a}", "v1", true, { "1" } },
		{ "/v{a}", "v", false, { 0 } },
		{ "/v{a}", "w1", false, { 0 } },
		{ "/v{a}v", "vv", false, { 0 } },
		{ "/v{a}v", "vvv", true, { "v" } },
		{ "/{a}...{b}", "main...topic", true, { "main", "topic" } },
		{ "/{a}...{b}", "a.....b", true, { "a", "..b" } },
		{ "/{a}...{b}", "...b", false, { 0 } },
		{ "/{a}...{b}", "a...", false, { 0 } },
		{ "/{a}...{b}", "....b", true, { ".", "b" } },
		{ "/{a}...{b}", ".....b", true, { ".", ".b" } },
		{ "/{a}-{b}-{c}", "1-2-3-4", true, { "1", "2", "3-4" } },
		{ "/{a}-{b}-{c}", "1--3", false, { 0 } },
		{ "/{a}-{b}-{c}", "1---3", true, { "1", "-", "3" } },
		{ "/x{a}-{b}y", "x1-2y", true, { "1", "2" } },
		{ "/x{a}-{b}y", "x1-y", false, { 0 } },
		{ "/x{a}-{b}y", "x-2y", false, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct pattern pattern;
		const struct segment *part = part_of(rows[i].pattern, &pattern);
		str values[ROUTE_PARAMETERS_MAX];

		assert_row(segment_takes(part, str_of(rows[i].text), values) == rows[i].fits, i,
			   rows[i].text);
		for (size_t j = 0; rows[i].fits && j + 1 < part->piece_count; j++)
			assert_text(values[j], rows[i].values[j]);
	}
}

static void parts_have_an_order(void **state)
{
	/* Each goes before the next. */
	static const char *const rows[] = { "/ab{x}cd", "/abc{x}", "/a{x}bc", "/{x}abc", "/{x}-b-{y}",
					    "/a{x}",    "/b{x}",   "/{x}a",   "/{x}b",   "/{x}a{y}" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t j = 0; j < COUNT_OF(rows); j++) {
			struct pattern left, right;
			int order = segment_part_order(part_of(rows[i], &left), part_of(rows[j], &right));

			assert_row(i < j ? order < 0 : i > j ? order > 0 : order == 0, i, rows[j]);
		}
}

static void names_do_not_make_an_order(void **state)
{
	struct pattern left, right;

	(void)state;
	assert_int_equal(segment_part_order(part_of("/a{x}.{y}", &left), part_of("/a{long}.{z}", &right)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_paths_apart),          cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(keeps_its_bounds),           cmocka_unit_test(forgets_the_route_before),
		cmocka_unit_test(parts_take_segments),        cmocka_unit_test(parts_have_an_order),
		cmocka_unit_test(names_do_not_make_an_order),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
