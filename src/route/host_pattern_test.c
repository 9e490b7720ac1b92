/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "route/host_pattern.h"

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

static struct host_pattern parsed(const char *text)
{
	struct host_pattern pattern;
	str why;

	if (!host_pattern_parse(&arena, str_of(text), &pattern, &why))
		fail_msg("%s: %.*s", text, STR_ARG(why));
	return pattern;
}

static void takes_hosts_apart(void **state)
{
	static const struct {
		const char *text;
		enum host_kind kind;
		const char *name;
	} rows[] = {
		{ "*", HOST_ANY, "" },
		{ "api.example.com", HOST_EXACT, "api.example.com" },
		{ "API.Example.COM", HOST_EXACT, "api.example.com" },
		{ "api.example.com.", HOST_EXACT, "api.example.com" },
		{ "localhost", HOST_EXACT, "localhost" },
		{ "*.example.com", HOST_WILDCARD, "example.com" },
		{ "*.Example.com", HOST_WILDCARD, "example.com" },
		{ "*.com", HOST_WILDCARD, "com" },
		{ "10.0.0.1", HOST_EXACT, "10.0.0.1" },
		{ "[::1]", HOST_EXACT, "[::1]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct host_pattern pattern = parsed(rows[i].text);

		assert_row(pattern.kind == rows[i].kind, i, rows[i].text);
		assert_text(pattern.name, rows[i].name);
	}
}

static void says_what_is_wrong(void **state)
{
	static const char form[] = "not a host: want a name or an address, without scheme and port";
	static const char star[] = "a '*' stands only in front, for whole labels: \"*.example.com\"";
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", form },
		{ "example.com:80", form },
		{ "http://example.com", form },
		{ "example..com", form },
		{ ".example.com", form },
		{ "exam ple.com", form },
		{ "user@example.com", form },
		{ "10.0.0", form },
		{ "[::1", form },
		{ "*.", form },
		{ "**", star },
		{ "*example.com", star },
		{ "api.*.com", star },
		{ "*.*.com", star },
		{ "api.example.*", star },
		{ "*.[::1]", "\"*.\" stands in front of a name, not of an address" },
	};
	struct host_pattern pattern;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str why = { 0 };

		assert_row(!host_pattern_parse(&arena, str_of(rows[i].text), &pattern, &why), i,
			   rows[i].text);
		assert_text(why, rows[i].why);
	}
}

static bool meet_in(const struct host_pattern *a, const struct host_pattern *b, const char *wanted)
{
	struct host_pattern both, narrower;

	if (!wanted)
		return !host_pattern_meet(a, b, &both);
	narrower = parsed(wanted);
	return host_pattern_meet(a, b, &both) && host_pattern_eq(&both, &narrower);
}

static void patterns_meet_in_the_narrower_one(void **state)
{
	static const struct {
		const char *a, *b, *both; /* NULL: no host is in both */
	} rows[] = {
		{ "*", "*", "*" },           { "*", "a.x", "a.x" },       { "*", "*.x", "*.x" },
		{ "a.x", "a.x", "a.x" },     { "A.x", "a.X", "a.x" },     { "*.x", "a.x", "a.x" },
		{ "*.x", "b.a.x", "b.a.x" }, { "*.x", "*.a.x", "*.a.x" }, { "*.x", "*.x", "*.x" },
		{ "a.x", "b.x", NULL },      { "*.x", "x", NULL },        { "*.x", "a.y", NULL },
		{ "*.x", "ax", NULL },       { "*.a.x", "a.x", NULL },    { "*.a.x", "*.b.x", NULL },
		{ "*.a.x", "ba.x", NULL },   { "*.x", "*.ax", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct host_pattern a = parsed(rows[i].a), b = parsed(rows[i].b);

		assert_row(meet_in(&a, &b, rows[i].both), i, rows[i].a);
		assert_row(meet_in(&b, &a, rows[i].both), i, rows[i].b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_hosts_apart),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(patterns_meet_in_the_narrower_one),
	};

	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
