/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/testing.h"
#include "route/condition.h"

enum { FIELDS_MAX = 8 };

struct fixture {
	struct arena arena;
	struct diagnostics *diagnostics;
	struct regex_table regexes;
	struct condition_scratch scratch;
};

static int open_fixture(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	arena_init(&fixture->arena, NULL, SIZE_MAX);
	fixture->diagnostics = diagnostics_new(&fixture->arena);
	regex_table_init(&fixture->regexes, &fixture->arena);
	regex_scratch_init(&fixture->scratch.regex);
	*state = fixture;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *fixture = *state;

	regex_scratch_fini(&fixture->scratch.regex);
	regex_table_fini(&fixture->regexes);
	arena_fini(&fixture->arena);
	free(fixture);
	return 0;
}

static bool compile(struct fixture *fixture, const struct match_config *match,
		    const struct condition **ret_first)
{
	struct condition_compile compile = { &fixture->arena, fixture->diagnostics, &fixture->regexes };
	size_t count;

	return conditions_compile(&compile, match, NULL, ret_first, &count) && count > 0;
}

/* "Name: value|Name: value" */
static void read_fields(const char *text, struct http_fields *fields)
{
	str rest = str_of(text), line, name, value;

	fields->count = 0;
	while (str_next(&rest, '|', &line)) {
		assert_true(str_cut(line, ':', &name, &value));
		fields->at[fields->count++] = (struct http_field) { .name = name,
								    .value = str_trim(value),
								    .id = http_name_find(name) };
	}
}

struct row {
	const char *name, *value; /* of the condition */
	const char *request;      /* fields, or the query */
	bool holds;
};

static void check_rows(struct fixture *fixture, const struct row *rows, size_t count,
		       enum condition_subject subject)
{
	struct http_field room[FIELDS_MAX];
	struct http_fields fields = { .at = room, .max = FIELDS_MAX };

	for (size_t i = 0; i < count; i++) {
		struct pair pair = { .name = str_of(rows[i].name), .value = str_of(rows[i].value) };
		struct pair_list list = { &pair, 1 };
		struct match_config match = { 0 };
		struct route_request request = { .fields = &fields };
		const struct condition *condition;

		fields.count = 0;
		if (subject == CONDITION_QUERY)
			request.query = str_of(rows[i].request);
		else
			read_fields(rows[i].request, &fields);
		*(subject == CONDITION_QUERY    ? &match.query
		  : subject == CONDITION_COOKIE ? &match.cookies
						: &match.headers) = list;
		assert_true(compile(fixture, &match, &condition));
		assert_row((condition_check(condition, &fixture->scratch, &request) == CONDITION_HOLDS) ==
				   rows[i].holds,
			   i, rows[i].request);
	}
}

static void headers(void **state)
{
	static const struct row rows[] = {
		{ "X-Beta", "yes", "X-Beta: yes", true },
		{ "X-Beta", "yes", "x-bETA: yes", true },
		{ "x-beta", "yes", "X-Beta: yes", true },
		{ "X-Beta", "yes", "X-Beta: Yes", false },
		{ "X-Beta", "yes", "X-Beta: yes, no", false },
		{ "X-Beta", "yes", "X-Beta: no|X-Beta: yes", true },
		{ "X-Beta", "yes", "X-Beta: no|X-Other: yes", false },
		{ "X-Beta", "yes", "", false },
		{ "X-Beta", "", "X-Beta:", true },
		{ "X-Beta", "", "", false },
		{ "X-Beta", "*", "X-Beta: anything", true },
		{ "X-Beta", "*", "X-Beta:", true },
		{ "X-Beta", "*", "X-Alpha: 1", false },
		{ "X-Beta", "!", "X-Alpha: 1", true },
		{ "X-Beta", "!", "X-Beta:", false },
		{ "X-Beta", "!", "X-Alpha: 1|X-Beta: 2", false },
		{ "X-Beta", "~^(a|b)$", "X-Beta: b", true },
		{ "X-Beta", "~^(a|b)$", "X-Beta: c|X-Beta: a", true },
		{ "X-Beta", "~^(a|b)$", "X-Beta: ab", false },
		{ "X-Beta", "~", "X-Beta: ab", true },
		{ "X-Beta", "~b", "", false },
		{ "X-Beta", "**", "X-Beta: **", true },
		{ "X-Beta", "!yes", "X-Beta: no", false },
		{ "X-Beta", "!yes", "X-Beta: !yes", true },
		/* A name that has a number, and a family of names that share one. */
		{ "Accept", "text/html", "accept: text/html", true },
		{ "Accept", "text/html", "Accept-Encoding: text/html", false },
		{ "X-Forwarded-Zone", "a", "X-Forwarded-Zone: a", true },
		{ "X-Forwarded-Zone", "a", "X-Forwarded-Other: a", false },
		{ "X-Forwarded-Zone", "!", "X-Forwarded-Other: a", true },
	};

	check_rows(*state, rows, COUNT_OF(rows), CONDITION_HEADER);
}

static void removed_headers_are_not_there(void **state)
{
	struct fixture *fixture = *state;
	struct pair pair = { .name = STR("X-A"), .value = STR("*") };
	struct match_config match = { .headers = { &pair, 1 } };
	struct http_field field = { .name = STR("X-A"), .value = STR("1"), .removed = true };
	struct http_fields fields = { &field, 1, 1 };
	struct route_request request = { .fields = &fields };
	const struct condition *condition;

	assert_true(compile(fixture, &match, &condition));
	assert_int_equal(condition_check(condition, &fixture->scratch, &request), CONDITION_FAILS);
	field.removed = false;
	assert_int_equal(condition_check(condition, &fixture->scratch, &request), CONDITION_HOLDS);
}

static void query(void **state)
{
	static const struct row rows[] = {
		{ "format", "csv", "format=csv", true },
		{ "format", "csv", "a=b&format=csv&c", true },
		{ "format", "csv", "format=json&format=csv", true },
		{ "format", "csv", "Format=csv", false },
		{ "format", "csv", "format=csvx", false },
		{ "format", "csv", "xformat=csv", false },
		{ "format", "csv", "", false },
		{ "format", "csv", "&&&", false },
		{ "format", "csv", "format=%63%73%76", true },
		{ "format", "csv", "%66ormat=csv", true },
		{ "format", "csv", "format=%2563sv", false },
		{ "format", "a b", "format=a+b", true },
		{ "format", "a b", "format=a%20b", true },
		{ "format", "a+b", "format=a%2Bb", true },
		{ "format", "a+b", "format=a+b", false },
		{ "a b", "1", "a+b=1", true },
		{ "a&b", "1=2", "a%26b=1=2", true },
		{ "format", "%zz", "format=%zz", true },
		{ "format", "100%", "format=100%", true },
		{ "format", "", "format", true },
		{ "format", "", "format=", true },
		{ "format", "*", "format", true },
		{ "format", "*", "formats=1", false },
		{ "format", "!", "formats=1", true },
		{ "format", "!", "format", false },
		{ "format", "!", "a=1&%66ormat=1", false },
		{ "format", "~^(csv|json)$", "format=json", true },
		{ "format", "~^(csv|json)$", "format=%6ason", true },
		{ "format", "~^(csv|json)$", "format=xml", false },
		/* Nothing hides behind a line end. */
		{ "format", "~^csv$", "format=csv%0A", false },
		{ "format", "~^a.b$", "format=a%0Ab", true },
	};

	check_rows(*state, rows, COUNT_OF(rows), CONDITION_QUERY);
}

static void cookies(void **state)
{
	static const struct row rows[] = {
		{ "id", "1", "Cookie: id=1", true },
		{ "id", "1", "Cookie: a=b; id=1; c=d", true },
		{ "id", "1", "Cookie: a=b;id=1", true },
		{ "id", "1", "Cookie: id=2; id=1", true },
		{ "id", "1", "Cookie: a=b|Cookie: id=1", true },
		{ "id", "1", "Cookie: ID=1", false },
		{ "id", "1", "Cookie: id=12", false },
		{ "id", "1", "Cookie: xid=1", false },
		{ "id", "1", "Set-Cookie: id=1", false },
		{ "id", "1", "", false },
		{ "id", "a=b", "Cookie: id=a=b", true },
		{ "id", "%31", "Cookie: id=%31", true },
		{ "id", "1", "Cookie: id=%31", false },
		{ "id", "\"1\"", "Cookie: id=\"1\"", true },
		{ "id", "*", "Cookie: id=", true },
		{ "id", "*", "Cookie: id", false },
		{ "id", "!", "Cookie: a=b", true },
		{ "id", "!", "Cookie: a=b; id=1", false },
		{ "id", "~^[0-9]+$", "Cookie: id=x; id=42", true },
		{ "id", "~^[0-9]+$", "Cookie: id=x", false },
	};

	check_rows(*state, rows, COUNT_OF(rows), CONDITION_COOKIE);
}

static void client_addresses(void **state)
{
	static const struct {
		const char *ranges[2], *client;
		bool holds;
	} rows[] = {
		{ { "10.0.0.0/8" }, "10.255.0.1", true },
		{ { "10.0.0.0/8" }, "11.0.0.1", false },
		{ { "192.0.2.1", "10.0.0.0/8" }, "10.1.1.1", true },
		{ { "192.0.2.1", "10.0.0.0/8" }, "192.0.2.2", false },
		{ { "::ffff:10.0.0.0/104" }, "10.1.1.1", true },
		{ { "10.0.0.0/8" }, "::ffff:10.1.1.1", true },
		{ { "2001:db8::/32" }, "2001:db8:1::1", true },
		{ { "2001:db8::/32" }, "2001:db9::1", false },
		{ { "0.0.0.0/0" }, "2001:db8::1", false },
		{ { "::/0" }, "2001:db8::1", true },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str texts[2] = { str_of(rows[i].ranges[0]), str_of(rows[i].ranges[1]) };
		struct match_config match = { .client_ip = { texts, rows[i].ranges[1] ? 2 : 1 } };
		struct http_fields none = { 0 };
		struct address client = { 0 };
		struct route_request request = { .fields = &none, .client = &client };
		const struct condition *condition;
		struct ip ip;

		assert_true(ip_parse(str_of(rows[i].client), &ip));
		client.v6.sin6_family = AF_INET6;
		memcpy(&client.v6.sin6_addr, ip.bytes, sizeof ip.bytes);
		if (strchr(rows[i].client, '.') && rows[i].client[0] != ':') {
			client.v4.sin_family = AF_INET;
			memcpy(&client.v4.sin_addr, ip.bytes + 12, 4);
		}
		assert_true(compile(fixture, &match, &condition));
		assert_row((condition_check(condition, &fixture->scratch, &request) == CONDITION_HOLDS) ==
				   rows[i].holds,
			   i, rows[i].client);
	}
}

static void who_has_no_address_is_in_no_range(void **state)
{
	struct fixture *fixture = *state;
	str all[] = { STR("0.0.0.0/0"), STR("::/0") };
	struct match_config match = { .client_ip = { all, 2 } };
	struct http_fields none = { 0 };
	struct address local = { .local.sun_family = AF_UNIX };
	struct route_request request = { .fields = &none };
	const struct condition *condition;

	assert_true(compile(fixture, &match, &condition));
	assert_int_equal(condition_check(condition, &fixture->scratch, &request), CONDITION_FAILS);
	request.client = &local;
	assert_int_equal(condition_check(condition, &fixture->scratch, &request), CONDITION_FAILS);
}

static void refuses_what_makes_no_sense(void **state)
{
	static const struct {
		const char *key, *name, *value;
	} rows[] = {
		{ "header", "X Beta", "1" },     { "header", "", "1" },
		{ "header", "X-Beta:", "1" },    { "header", "X-Beta", "~(" },
		{ "query", "q", "~[a" },         { "cookie", "a=b", "1" },
		{ "cookie", "a;b", "1" },        { "cookie", "a", "~*" },
		{ "client", "", "10.0.0.0/33" }, { "client", "", "10.0.0" },
		{ "client", "", "example.com" }, { "client", "", "" },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct pair pair = { .name = str_of(rows[i].name), .value = str_of(rows[i].value) };
		struct pair_list list = { &pair, 1 };
		struct match_config match = { 0 };
		const struct condition *condition;
		size_t errors = diagnostics_errors(fixture->diagnostics);

		switch (rows[i].key[1]) {
		case 'e':
			match.headers = list;
			break;
		case 'u':
			match.query = list;
			break;
		case 'o':
			match.cookies = list;
			break;
		default:
			match.client_ip = (str_list) { &pair.value, 1 };
		}
		assert_row(!compile(fixture, &match, &condition), i, rows[i].value);
		assert_int_equal(diagnostics_errors(fixture->diagnostics), errors + 1);
	}
}

/* A value that is too expensive, or too long to be decoded, decides nothing. */
static void gives_up_at_limits(void **state)
{
	struct fixture *fixture = *state;
	struct pair pair = { .name = STR("q"), .value = STR("~^(a+)+$") };
	struct match_config match = { .query = { &pair, 1 } };
	struct http_fields none = { 0 };
	struct route_request request = { .fields = &none };
	struct buf b = buf_over(arena_bytes(&fixture->arena, CONDITION_ROOM + 16), CONDITION_ROOM + 16);
	const struct condition *condition;

	assert_true(compile(fixture, &match, &condition));
	buf_put(&b, STR("q="));
	for (size_t i = 0; i < 60; i++)
		buf_put(&b, STR("a"));
	request.query = buf_str(&b);
	assert_int_equal(condition_check(condition, &fixture->scratch, &request), CONDITION_HOLDS);
	buf_put(&b, STR("b"));
	request.query = buf_str(&b);
	assert_int_equal(condition_check(condition, &fixture->scratch, &request), CONDITION_LIMIT);

	b.len = 0;
	buf_put(&b, STR("q=%41"));
	while (b.len < CONDITION_ROOM + 8)
		buf_put(&b, STR("a"));
	request.query = buf_str(&b);
	assert_int_equal(condition_check(condition, &fixture->scratch, &request), CONDITION_LIMIT);
	pair.value = STR("!");
	assert_true(compile(fixture, &match, &condition));
	assert_int_equal(condition_check(condition, &fixture->scratch, &request), CONDITION_LIMIT);
}

static uint64_t hash_of(const char *name, enum condition_subject subject, const char *value)
{
	struct condition condition = { .subject = subject, .name = str_of(name), .value = str_of(value) };

	return condition_hash(&condition, 7);
}

static void the_hash_tells_conditions_apart(void **state)
{
	uint64_t hash = hash_of("X-A", CONDITION_HEADER, "1");

	(void)state;
	assert_true(hash == hash_of("x-a", CONDITION_HEADER, "1"));
	assert_true(hash != hash_of("X-A", CONDITION_HEADER, "2"));
	assert_true(hash != hash_of("X-B", CONDITION_HEADER, "1"));
	assert_true(hash != hash_of("X-A", CONDITION_QUERY, "1"));
	assert_true(hash_of("a", CONDITION_QUERY, "1") != hash_of("A", CONDITION_QUERY, "1"));
	assert_true(hash_of("ab", CONDITION_QUERY, "c") != hash_of("a", CONDITION_QUERY, "bc"));
}

static void prints_itself(void **state)
{
	static const struct {
		const char *value, *want;
	} rows[] = {
		{ "yes", "header X-A = \"yes\"" },
		{ "*", "header X-A is present" },
		{ "!", "header X-A is absent" },
		{ "~^a$", "header X-A matches ~^a$" },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct pair pair = { .name = STR("X-A"), .value = str_of(rows[i].value) };
		struct match_config match = { .headers = { &pair, 1 } };
		const struct condition *condition;
		char *printed;
		size_t len;
		FILE *to = open_memstream(&printed, &len);

		assert_true(compile(fixture, &match, &condition));
		condition_print(condition, to);
		fclose(to);
		assert_text(((str) { printed, len }), rows[i].want);
		free(printed);
	}
}

#define FIXED(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXED(headers),
		FIXED(removed_headers_are_not_there),
		FIXED(query),
		FIXED(cookies),
		FIXED(client_addresses),
		FIXED(who_has_no_address_is_in_no_range),
		FIXED(refuses_what_makes_no_sense),
		FIXED(gives_up_at_limits),
		FIXED(the_hash_tells_conditions_apart),
		FIXED(prints_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
