/* SPDX-License-Identifier: Apache-2.0 */
/* A file with values from outside, and words that hold them whole, in parts, encoded, cut off, or not at all.
 */
#include "base/testing.h"
#include "config/document.h"
#include "proxy/mask.h"

static const struct {
	const char *yaml, *words, *want;
} rows[] = {
	{ "a: plain", "a plain word", "a plain word" },
	{ "a: ${LONG}", "", "" },
	{ "a: ${LONG}", "it is from-outside, and from-outside again", "it is ***, and *** again" },
	{ "a: [ { b: \"x ${LONG} y\" } ]", "it is x from-outside y", "it is x *** y" },
	{ "a: \"${claim.sub} ${LONG}\"", "it is alice from-outside", "it is alice ***" },
	{ "a: \"$${b} ${LONG}\"", "${b}, ${b} from-outside", "${b}, ${b} ***" },
	{ "a: ${LONG}", "it is from-out", "it is ***" }, /* cut off */
	{ "a: ${LONG}", "it is fro", "it is fro" },
	{ "a: ${LONG}", "from-out was it", "from-out was it" },
	{ "a: ${SPACED}", "q=from%20the%20outside&b", "q=***&b" },
	{ "a: ${SPACED}", "from the outside", "***" },
	{ "a: ${SPACED}", "q=%66rom%20the%20%6futsid", "q=***" },
	{ "a: ${SPACED}", "from%20the%2", "***" }, /* cut off within an escape */
	{ "a: ${SPACED}", "from%2", "***" },
	{ "a: ${SPACED}", "fro%6", "fro%6" },
	{ "a: ${UMLAUT}", "%c3%A4b%2Fc, %C3%a4b/c, äb/c", "***, ***, ***" },
	{ "a: ${UMLAUT}", "%C3%A4b%2Gc, %zz", "%C3%A4b%2Gc, %zz" },
	{ "a: ${QUOTED}", "{\"k\":\"a\\\"b\\\\c\\nd\\te\"}", "{\"k\":\"***\"}" },
	{ "a: ${QUOTED}", "a\\u0022b\\u005cc\\u000ad\\u0009e, a\\x22b\\x5Cc\\x0ad\\x09e", "***, ***" },
	{ "a: ${QUOTED}", "{\"k\":\"a\\\"b\\\\c\\", "{\"k\":\"***" },
	{ "a: ${UMLAUT}", "\\u00e4b\\/c, \\xc3\\xa4b/c", "***, ***" },
	{ "a: ${SMILE}", "\\ud83d\\ude00!, \\uD83D\\uDE00!, \\ud83d!, \\u12", "***, ***, \\ud83d!, \\u12" },
	/* one within, over or beside another */
	{ "a: ${TENANT}\nb: ${KEY}", "acme-9f8e7d6c of acme", "*** of ***" },
	{ "a: ${KEY}\nb: ${TENANT}", "acme-9f8e7d6c of acme", "*** of ***" },
	{ "a: ${KEY}\nb: ${OVER}", "acme-9f8e7d6c-and-more", "***" },
	{ "a: ${KEY}\nb: ${TENANT}", "acme-9f8e7d6cacme", "***" },
	{ "a: ${KEY}\nb: \"${KEY}\"\nc: [ \"${TENANT}\", \"${KEY}\" ]", "acme-9f8e acme-", "***-9f8e ***" },
	/* what is written in the file after all */
	{ "a: ${UNSET:-production}", "in production", "in production" },
	{ "a: \"${UNSET:-production} ${TENANT}\"", "in production of acme", "in production of ***" },
	{ "a: ${TENANT:-production}", "acme in production", "*** in production" },
	{ "a: \"${SHORT}/${SHORT} \"", "it is xyz/xyz indeed", "it is ***indeed" },
	{ "a: \"nothing ${NONE}\"", "it is nothing ", "it is nothing " },
	{ "a: ${SHORT}\nb: ${NONE}", "xyz stands in half of all words", "xyz stands in half of all words" },
};

static const char *environment(const char *name, void *argument)
{
	static const char *const variables[] = { "LONG",   "from-outside",
						 "SPACED", "from the outside",
						 "SHORT",  "xyz",
						 "NONE",   "",
						 "UMLAUT", "äb/c",
						 "QUOTED", "a\"b\\c\nd\te",
						 "SMILE",  "\xf0\x9f\x98\x80!",
						 "TENANT", "acme",
						 "KEY",    "acme-9f8e7d6c",
						 "OVER",   "7d6c-and-more" };

	(void)argument;
	for (size_t i = 0; i < COUNT_OF(variables); i += 2)
		if (strcmp(name, variables[i]) == 0)
			return variables[i + 1];
	return NULL;
}

static void what_came_from_outside_is_masked(void **state)
{
	struct document_options options = { .environment = environment };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct mask mask;
		struct document *document;
		struct arena arena;
		str got;

		arena_init(&arena, NULL, SIZE_MAX / 2);
		assert_false(failed(document_parse(&arena, STR("t.yaml"), str_of(rows[i].yaml), &options,
						   diagnostics_new(&arena), &document)));
		mask_init(&mask, NULL, (str_list) { 0 }, &arena);
		mask_add_node(&mask, document_root(document));
		got = mask_words(&mask, str_of(rows[i].words), &arena);
		assert_row(str_eq(got, str_of(rows[i].want)), i, rows[i].words);
		arena_fini(&arena);
	}
}

static void parameters_are_masked_by_their_names(void **state)
{
	static const str redact[] = { STR_INIT("pin") };
	struct mask mask = { .redact = { redact, COUNT_OF(redact) } };
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, SIZE_MAX / 2);
	assert_true(str_eq(mask_query(&mask, STR("a=1&pin=2&api_key=3"), &arena),
			   STR("a=1&pin=***&api_key=***")));
	assert_true(str_eq(mask_url(&mask, STR("https://u:w@h/p?a=1&code=2#f"), &arena),
			   STR("https://***@h/p?a=1&code=***")));
	arena_fini(&arena);
}

static void what_may_be_a_credential_is_known(void **state)
{
	static const struct {
		const char *yaml;
		bool want;
	} options[] = {
		{ "path: /a", false },
		{ "path: \"/${path.id}/${client.ip}\"", false },
		{ "path: ${LONG}", true },
		{ "query: { set: { a: \"${request.header.Authorization}\" } }", true },
		{ "query: { set: { a: \"x${request.query.k}\" } }", true },
		{ "set: [ \"${consumer.label.key}\" ]", true },
	};
	struct document_options reading = { .environment = environment };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(options); i++) {
		struct policy_instance instance[2] = { 0 };
		struct policy_chain chain = { .at = instance, .count = COUNT_OF(instance) };
		struct mask mask = { .policies = &chain };
		struct document *document;
		struct arena arena;

		arena_init(&arena, NULL, SIZE_MAX / 2);
		assert_false(failed(document_parse(&arena, STR("t.yaml"), str_of(options[i].yaml), &reading,
						   diagnostics_new(&arena), &document)));
		instance[1].options = document_root(document);
		assert_row(mask_is_for_all(&mask) == options[i].want, i, options[i].yaml);
		arena_fini(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came_from_outside_is_masked),
		cmocka_unit_test(parameters_are_masked_by_their_names),
		cmocka_unit_test(what_may_be_a_credential_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
