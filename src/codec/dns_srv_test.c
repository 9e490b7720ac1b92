/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/dns_srv.h"

/* A message by its pieces, as literals that may hold zeros. */
#define HEADER(questions, answers) "\x12\x34\x85\x80\0" questions "\0" answers "\0\0\0\0"
#define QUESTION "\4_web\4_tcp\4test\0\0\x21\0\1" /* from byte 12; "test" from 22 */
#define OWNER "\xc0\x0c"
#define SRV(ttl, length) OWNER "\0\x21\0\1" ttl "\0" length
#define TTL_30 "\0\0\0\x1e"
#define A_TEST "\1a\xc0\x16"

static const struct {
	const char *name;
	str message;
	size_t count;
	const char *targets; /* one after the other, with a space behind each */
	uint32_t ttl;
} good[] = {
	{ "one", STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\x0a") "\0\1\0\2\x1f\x90" A_TEST), 1,
	  "a.test ", 30 },
	{ "two, the shorter TTL holds",
	  STR_INIT(HEADER("\1", "\2") QUESTION SRV(TTL_30, "\x0a") "\0\1\0\2\x1f\x90" A_TEST SRV(
		  "\0\0\0\2", "\x0a") "\0\1\0\2\x1f\x90\1b\xc0\x16"),
	  2, "a.test b.test ", 2 },
	{ "written out, in capitals",
	  STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\x0e") "\0\1\0\2\x1f\x90\1A\4TEST\0"), 1,
	  "a.test ", 30 },
	{ "behind an alias",
	  STR_INIT(HEADER("\1", "\2") QUESTION OWNER "\0\5\0\1\0\0\0\7\0\4" A_TEST "\xc0\x32\0\x21\0\1" TTL_30
						     "\0\x0a\0\1\0\2\x1f\x90" A_TEST),
	  1, "a.test ", 7 },
	{ "the service is not there",
	  STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\7") "\0\0\0\0\0\0\0"), 1, " ", 30 },
	{ "of another class",
	  STR_INIT(HEADER("\1", "\1") QUESTION OWNER "\0\x21\0\3" TTL_30 "\0\x0a\0\1\0\2\x1f\x90" A_TEST), 0,
	  "", 30 },
	{ "a TTL below zero",
	  STR_INIT(HEADER("\1", "\1") QUESTION SRV("\x80\0\0\0", "\x0a") "\0\1\0\2\x1f\x90" A_TEST), 1,
	  "a.test ", 0 },
	{ "a line end in a name",
	  STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\x0a") "\0\1\0\2\x1f\x90\1\n\xc0\x16"), 0, "",
	  30 },
	{ "a dot in a label",
	  STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\x0a") "\0\1\0\2\x1f\x90\1.\xc0\x16"), 0, "",
	  30 },
	{ "nothing", STR_INIT(HEADER("\1", "\0") QUESTION), 0, "", INT32_MAX },
	{ "more than the record holds belongs to the next",
	  STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\x0c") "\0\1\0\2\x1f\x90" A_TEST "xx"), 1,
	  "a.test ", 30 },
};

static void records_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct dns_srv_answer answer;
		struct arena arena;
		char text[512];
		struct buf targets = buf_over(text, sizeof text);
		result_value parsed;

		arena_init(&arena, NULL, 1 << 20);
		parsed = dns_srv_parse(good[i].message, &arena, &answer);
		if (failed(parsed) || answer.count != good[i].count || answer.ttl != good[i].ttl)
			fail_msg("%s: %s, %zu, TTL %u", good[i].name, error_name(parsed.kind), answer.count,
				 answer.ttl);
		for (size_t at = 0; at < answer.count; at++) {
			buf_put(&targets, answer.at[at].target);
			buf_put_char(&targets, ' ');
		}
		if (!str_eq(buf_str(&targets), str_of(good[i].targets)))
			fail_msg("%s: %.*s", good[i].name, STR_ARG(buf_str(&targets)));
		if (answer.count && answer.at[0].target.len) {
			assert_int_equal(answer.at[0].priority, 1);
			assert_int_equal(answer.at[0].weight, 2);
			assert_int_equal(answer.at[0].port, 8080);
		}
		arena_fini(&arena);
	}
}

static const struct {
	const char *name;
	str message;
} bad[] = {
	{ "empty", STR_INIT("") },
	{ "half a header", STR_INIT("\x12\x34\x85\x80\0\1") },
	{ "no question", STR_INIT(HEADER("\1", "\1")) },
	{ "no answer", STR_INIT(HEADER("\1", "\1") QUESTION) },
	{ "a record without its end", STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\x0a") "\0\1\0\2") },
	{ "a record longer than the message",
	  STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\xff") "\0\1\0\2\x1f\x90" A_TEST) },
	{ "a record shorter than its name",
	  STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\x09") "\0\1\0\2\x1f\x90" A_TEST) },
	{ "a name that points to itself",
	  STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\x08") "\0\1\0\2\x1f\x90\xc0\x33") },
	{ "a name that points behind the end",
	  STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\x08") "\0\1\0\2\x1f\x90\xff\xff") },
	{ "a label of a kind that is none",
	  STR_INIT(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\x0a") "\0\1\0\2\x1f\x90\x81xyz") },
};

static void what_is_malformed_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct dns_srv_answer answer;
		struct arena arena;
		result_value parsed;

		arena_init(&arena, NULL, 1 << 20);
		parsed = dns_srv_parse(bad[i].message, &arena, &answer);
		if (parsed.kind != ERROR_MALFORMED)
			fail_msg("%s: %s", bad[i].name, error_name(parsed.kind));
		arena_fini(&arena);
	}
}

/* No byte less than all of it will do, and none behind the end is looked at. */
static void it_is_whole_or_malformed(void **state)
{
	str whole = good[1].message;

	(void)state;
	for (size_t len = 0; len < whole.len; len++) {
		char *copy = malloc(len + 1);
		struct dns_srv_answer answer;
		struct arena arena;

		memcpy(copy, whole.ptr, len);
		copy = realloc(copy, len ? len : 1);
		arena_init(&arena, NULL, 1 << 20);
		assert_int_equal(dns_srv_parse((str) { copy, len }, &arena, &answer).kind, ERROR_MALFORMED);
		arena_fini(&arena);
		free(copy);
	}
}

/* A name of labels and pointers that is longer than any name may be. */
static void a_name_has_a_longest(void **state)
{
	char message[1024];
	struct buf out = buf_over(message, sizeof message);
	struct dns_srv_answer answer;
	struct arena arena;

	(void)state;
	buf_put(&out, STR(HEADER("\1", "\1") QUESTION SRV(TTL_30, "\x07")));
	message[out.len - 2] = 1; /* 263 bytes: priority, weight, port, 128 labels of one byte, the root */
	buf_put(&out, STR("\0\1\0\2\x1f\x90"));
	for (unsigned i = 0; i < 128; i++)
		buf_put(&out, STR("\1x"));
	buf_put_char(&out, 0);
	arena_init(&arena, NULL, 1 << 20);
	assert_false(failed(dns_srv_parse(buf_str(&out), &arena, &answer)));
	assert_int_equal(answer.count, 0);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read),
		cmocka_unit_test(what_is_malformed_is_refused),
		cmocka_unit_test(it_is_whole_or_malformed),
		cmocka_unit_test(a_name_has_a_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
