/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of gRPC's health protocol, as they go over the wire.
 */
#include "base/testing.h"
#include "codec/grpc_health.h"

static void questions(void **state)
{
	static const struct {
		str service, want;
	} rows[] = {
		{ STR_INIT(""), { "\0\0\0\0\0", 5 } },
		{ STR_INIT("a"),
		  { "\0\0\0\0\x03\x0a\x01"
		    "a",
		    8 } },
		{ STR_INIT("shop.Orders"), { "\0\0\0\0\x0d\x0a\x0bshop.Orders", 18 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char room[128];
		struct buf out = buf_over(room, sizeof room);

		grpc_health_print(rows[i].service, &out);
		assert_row(str_eq(buf_str(&out), rows[i].want), i, rows[i].service.ptr);
	}
}

static const struct {
	const char *name;
	str body;
	bool want;
	uint64_t status;
} answers[] = {
	{ "serving", { "\0\0\0\0\x02\x08\x01", 7 }, true, 1 },
	{ "not serving", { "\0\0\0\0\x02\x08\x02", 7 }, true, 2 },
	{ "nothing is unknown", { "\0\0\0\0\0", 5 }, true, 0 },
	{ "the last one counts", { "\0\0\0\0\x04\x08\x01\x08\x02", 9 }, true, 2 },
	{ "a longer number", { "\0\0\0\0\x03\x08\x81\x01", 8 }, true, 129 },
	{ "another number beside it", { "\0\0\0\0\x04\x10\x07\x08\x01", 9 }, true, 1 },
	{ "another text beside it", { "\0\0\0\0\x06\x12\x02zz\x08\x01", 11 }, true, 1 },
	{ "no frame", { "", 0 }, false, 0 },
	{ "half a frame", { "\0\0\0\0", 4 }, false, 0 },
	{ "compressed", { "\x01\0\0\0\x02\x08\x01", 7 }, false, 0 },
	{ "shorter than it says", { "\0\0\0\0\x03\x08\x01", 7 }, false, 0 },
	{ "longer than it says", { "\0\0\0\0\x02\x08\x01\x08", 8 }, false, 0 },
	{ "16 MiB", { "\0\x01\0\0\x02\x08\x01", 7 }, false, 0 },
	{ "a number that does not end", { "\0\0\0\0\x02\x08\x80", 7 }, false, 0 },
	{ "a number that is too long",
	  { "\0\0\0\0\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 16 },
	  false,
	  0 },
	{ "a tag without a value", { "\0\0\0\0\x01\x08", 6 }, false, 0 },
	{ "a text that is cut off", { "\0\0\0\0\x03\x12\x05z", 8 }, false, 0 },
	{ "a kind that is not known", { "\0\0\0\0\x02\x0d\x01", 7 }, false, 0 },
};

static void answers_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		uint64_t status;
		bool got = grpc_health_read(answers[i].body, &status);

		assert_row(got == answers[i].want && (!got || status == answers[i].status), i,
			   answers[i].name);
	}
}

static void words(void **state)
{
	(void)state;
	assert_text(grpc_health_word(GRPC_HEALTH_SERVING), "SERVING");
	assert_text(grpc_health_word(2), "NOT_SERVING");
	assert_int_equal(grpc_health_word(4).len, 0);
	assert_int_equal(grpc_health_word(UINT64_MAX).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions),
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
