/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that are remembered: the whole of each counts, the oldest goes, and who has one keeps it. */
#include "auth/verified_tokens.h"

#include <stdio.h>

#include "base/testing.h"
#include "codec/json.h"

enum { ROOM = 64 };

static struct verified_token *token_of(const char *text, const char *payload)
{
	const struct jws jws = { .algorithm = JOSE_RS256, .type = STR("JWT"), .payload = str_of(payload) };

	return verified_token_new(str_of(text), &jws);
}

static void add(struct verified_tokens *tokens, const char *text, const char *payload, uint64_t version)
{
	struct verified_token *token = token_of(text, payload);

	assert_non_null(token);
	verified_tokens_add(tokens, token, version);
	verified_token_release(token);
}

static bool knows(struct verified_tokens *tokens, const char *text)
{
	struct verified_token *token = verified_tokens_find(tokens, str_of(text));

	if (token)
		verified_token_release(token);
	return token;
}

static void a_token_is_known_by_all_of_it(void **state)
{
	struct verified_tokens *tokens = verified_tokens_new(ROOM, NULL);
	struct verified_token *token;

	(void)state;
	assert_false(knows(tokens, "a.b.c"));
	add(tokens, "a.b.c", "{\"sub\":\"alice\"}", 7);
	assert_false(knows(tokens, "a.b.d"));
	assert_false(knows(tokens, "a.b."));
	assert_false(knows(tokens, "a.b.cc"));
	assert_false(knows(tokens, ""));
	token = verified_tokens_find(tokens, STR("a.b.c"));
	assert_non_null(token);
	assert_int_equal(token->version, 7);
	assert_int_equal(token->algorithm, JOSE_RS256);
	assert_true(str_eq(token->type, STR("JWT")));
	assert_true(str_eq(json_find_text(&token->claims, STR("sub")), STR("alice")));
	verified_token_release(token);
	verified_tokens_free(&tokens);
	verified_tokens_free(&tokens);
}

static void what_is_no_object_is_no_token(void **state)
{
	static const char *const payloads[] = { "",      "1", "null", "[]",
						"\"a\"", "{", "{}x",  "{\"a\":1,\"a\":2}" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(payloads); i++)
		if (token_of("t", payloads[i]))
			fail_msg("%s", payloads[i]);
}

static void a_later_one_takes_the_place_of_its_own(void **state)
{
	struct verified_tokens *tokens = verified_tokens_new(ROOM, NULL);
	struct verified_token *before, *after;

	(void)state;
	add(tokens, "t", "{\"n\":1}", 1);
	before = verified_tokens_find(tokens, STR("t"));
	add(tokens, "t", "{\"n\":2}", 2);
	after = verified_tokens_find(tokens, STR("t"));
	assert_ptr_not_equal(before, after);
	assert_int_equal(after->version, 2);
	assert_int_equal(json_find(&before->claims, STR("n")).integer, 1); /* who has it keeps it */
	verified_tokens_free(&tokens);
	assert_int_equal(json_find(&after->claims, STR("n")).integer, 2);
	verified_token_release(before);
	verified_token_release(after);
}

/* Numbers take two bytes of the text each, and many more when they are parsed. */
static void what_takes_much_is_not_remembered(void **state)
{
	static const struct {
		size_t numbers;
		bool is_known;
	} rows[] = { { 0, true }, { 100, true }, { 2850, false } };
	struct verified_tokens *tokens = verified_tokens_new(ROOM, NULL);
	char payload[8192];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = buf_over(payload, sizeof payload);

		buf_put(&out, STR("{\"n\":[0"));
		for (size_t j = 0; j < rows[i].numbers; j++)
			buf_put(&out, STR(",1"));
		buf_put(&out, (str) { "]}", 3 }); /* with a NUL */
		add(tokens, "t", payload, 1);
		assert_row(knows(tokens, "t") == rows[i].is_known, i, "known");
		verified_tokens_free(&tokens);
		tokens = verified_tokens_new(ROOM, NULL);
	}
	verified_tokens_free(&tokens);
}

/* However many there are; those that are asked for stay. */
static void there_are_no_more_than_there_is_room_for(void **state)
{
	struct verified_tokens *tokens = verified_tokens_new(ROOM, NULL);
	size_t known = 0;
	char text[32];

	(void)state;
	add(tokens, "kept", "{}", 1);
	for (unsigned i = 0; i < 100 * ROOM; i++) {
		snprintf(text, sizeof text, "token-%u", i);
		add(tokens, text, "{}", 1);
		assert_true(knows(tokens, "kept"));
	}
	for (unsigned i = 0; i < 100 * ROOM; i++) {
		snprintf(text, sizeof text, "token-%u", i);
		known += knows(tokens, text);
	}
	assert_true(known < ROOM);
	assert_true(known >= ROOM / 2);
	verified_tokens_free(&tokens);
}

/* Asked for in turn, those of a set that is too small drive each other out for ever. Where they fall is luck:
 * in sets of four 140 of all these would be missing, in sets of eight a dozen. */
static void a_quarter_of_the_places_holds_nearly_all(void **state)
{
	enum { CACHES = 8, TOKENS = 1000, MISSING_MAX = 60 };
	size_t missing = 0;
	char text[32];

	(void)state;
	for (unsigned i = 0; i < CACHES; i++) {
		struct verified_tokens *tokens = verified_tokens_new(4 * TOKENS, NULL);

		for (unsigned j = 0; j < 2 * TOKENS; j++) {
			snprintf(text, sizeof text, "token-%u", j % TOKENS);
			if (knows(tokens, text))
				continue;
			add(tokens, text, "{}", 1);
			missing += j >= TOKENS;
		}
		verified_tokens_free(&tokens);
	}
	assert_true(missing <= MISSING_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_known_by_all_of_it),
		cmocka_unit_test(what_is_no_object_is_no_token),
		cmocka_unit_test(a_later_one_takes_the_place_of_its_own),
		cmocka_unit_test(what_takes_much_is_not_remembered),
		cmocka_unit_test(there_are_no_more_than_there_is_room_for),
		cmocka_unit_test(a_quarter_of_the_places_holds_nearly_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
