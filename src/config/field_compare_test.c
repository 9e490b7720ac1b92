/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two texts, read by the table that has every type of option: what is said to differ, and that nothing is
 * where only the spelling does.
 */
#include "config/config_testing.h"
#include "config/field_compare.h"
#include "config/field_testing.h"

static const struct {
	const char *before, *after, *want; /* "path words[order|added-removed];" of each difference */
} rows[] = {
	{ "", "", "" },
	{ "number: 3", "", "" }, /* its default */
	{ "wait: 1m", "wait: 60s", "" },
	{ "room: 1MiB", "room: 1048576", "" },
	{ "pairs: { a: b, c: d }", "pairs: { a: b, c: d }", "" },
	{ "items: [ { address: a } ]", "items: [ { address: a } ]", "" },
	{ "flag: true", "flag: false", "flag true -> false[-1];" },
	{ "number: 3", "number: 10", "number 3 -> 10[+7];" },
	{ "", "number: 1", "number 3 -> 1[-2];" },
	{ "wait: 1m", "wait: 2m", "wait 1m -> 2m[+60000000000];" },
	{ "room: 2MiB", "room: 1MiB", "room 2MiB -> 1MiB[-1048576];" },
	{ "pace: 60/1m", "pace: 60/60s", "" },
	{ "pace: 100/1s", "pace: 200/1s", "pace 100/1s -> 200/1s[+1];" },
	{ "pace: 100/1s", "pace: 100/2s", "pace 100/1s -> 100/2s[-1];" },
	{ "pace: 100/1s", "pace: 6000/1m", "pace 100/1s -> 6000/1m[+1];" }, /* more at once */
	{ "pace: 6000/1m", "pace: 100/1s", "pace 6000/1m -> 100/1s[-1];" },
	{ "pace: 100/1s", "pace: 3000/1m", "pace 100/1s -> 3000/1m;" }, /* more at once, and slower */
	{ "", "pace: 1/365d", "pace 5/1s -> 1/365d[-1];" },
	{ "mode: round_robin", "mode: random", "mode round_robin -> random[+2];" },
	{ "text: a", "text: b", "text \"a\" -> \"b\";" },
	{ "names: [a, b]", "names: [b, c]", "names added c, removed a(1-1);" },
	{ "names: [a, b]", "names: [b, a]", "names changed(0-0);" },
	{ "", "names: [a]", "names added a(1-0);" },
	{ "modes: [random]", "modes: [random, 502]", "modes added 502(1-0);" },
	{ "pairs: { a: b }", "pairs: { a: c }", "pairs added a: c, removed a: b(1-1);" },
	{ "items: [ { address: a } ]", "items: [ { address: b } ]", "items changed;" },
	{ "items: [ a ]", "items: [ a, b ]", "items added b(1-0);" },
	{ "items: [ a ]", "items: [ { address: a, weight: 2 } ]", "items changed;" },
	{ "named: { a: { address: x } }", "named: { b: { address: x } }", "named changed;" },
	{ "custom: a", "custom: b", "custom added b, removed a(1-1);" },
	{ "custom: { is: a }", "custom: a", "custom changed;" },
	{ "flag: true\nnumber: 3", "flag: false\nnumber: 4", "flag true -> false[-1];number 3 -> 4[+1];" },
};

static void put(void *self, const struct field_difference *difference)
{
	FILE *to = self;

	fprintf(to, "%.*s %.*s", STR_ARG(difference->path), STR_ARG(difference->words));
	if (difference->is_ordered)
		fprintf(to, "[%+lld]", (long long)(difference->after - difference->before));
	if (difference->is_list)
		fprintf(to, "(%zu-%zu)", difference->added, difference->removed);
	fputc(';', to);
}

static void read_side(struct reading *reading, const char *text, struct everything *ret_everything,
		      struct field_side *ret_side)
{
	struct reader reader;

	reading_open(reading);
	reading_parse(reading, arena_printf(&reading->arena, "needed: x\n%s\n", text).ptr);
	assert_non_null(reading->document);
	reader = (struct reader) { &reading->arena, reading->diagnostics, reading->document };
	*ret_everything = (struct everything) { 0 };
	fields_read(&reader, document_root(reading->document), everything_fields, ret_everything);
	if (diagnostics_errors(reading->diagnostics))
		fail_msg("%s: %s", text, reading_print(reading));
	*ret_side = (struct field_side) { ret_everything, document_root(reading->document) };
}

static char *compare(const char *before, const char *after)
{
	struct reading a, b;
	struct everything first, second;
	struct field_side one, other;
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	read_side(&a, before, &first, &one);
	read_side(&b, after, &second, &other);
	fields_compare(everything_fields, one, other, &a.arena, put, to);
	fclose(to);
	reading_close(&a);
	reading_close(&b);
	return text;
}

static void what_differs_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *got = compare(rows[i].before, rows[i].after);

		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: want %s, got %s", i, rows[i].want, got);
		free(got);
	}
}

/* What came from outside, and what is or may be one though it is written out. */
static void secrets_are_not_shown(void **state)
{
	static const struct {
		const char *before, *after, *want;
	} secrets[] = {
		{ "text: a", "text: ${HOST}", "text changed;" },
		{ "names: [ \"${HOST}\" ]", "names: [a]", "names changed(1-1);" },
		{ "text: a", "text: Bearer b", "text changed;" },
		{ "text: \"https://h/?page=a\"", "text: \"https://h/?sig=b\"", "text changed;" },
		{ "names: [a]", "names: [a, \"https://u:w@h/\"]", "names changed(1-0);" },
		{ "pairs: { X-Functions-Key: a }", "pairs: { X-Functions-Key: b }",
		  "pairs added X-Functions-Key: ***, removed X-Functions-Key: ***(1-1);" },
		{ "pairs: { Cookie: a }", "pairs: { a: b }", "pairs added a: b, removed Cookie: ***(1-1);" },
		{ "pairs: { X-Plain: a }", "pairs: { x-plain: \"${HOST}\" }",
		  "pairs added x-plain: ***, removed X-Plain: ***(1-1);" },
		{ "pairs: { X-Key: a, X-Env: a }", "pairs: { X-Key: a, X-Env: b }",
		  "pairs added X-Env: b, removed X-Env: a(1-1);" },
		{ "pairs: { X-Plain: a }", "pairs: { X-Plain: b }",
		  "pairs added X-Plain: b, removed X-Plain: a(1-1);" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(secrets); i++) {
		char *got = compare(secrets[i].before, secrets[i].after);

		if (strcmp(got, secrets[i].want) != 0)
			fail_msg("row %zu: want %s, got %s", i, secrets[i].want, got);
		free(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_differs_is_told),
		cmocka_unit_test(secrets_are_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
