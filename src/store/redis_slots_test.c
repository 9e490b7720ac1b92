/* SPDX-License-Identifier: Apache-2.0 */
/* Slots as the specification of Redis Cluster has them; redirections and maps, good and bad. */
#include "base/testing.h"
#include "store/redis_slots.h"

static void keys_have_slots(void **state)
{
	static const struct {
		const char *key;
		unsigned slot;
	} rows[] = {
		{ "123456789", 12739 }, /* CRC16: 0x31C3, the specification's example */
		{ "foo", 12182 },
		{ "", 0 },
		{ "{user1000}.following", 3443 },
		{ "{user1000}.followers", 3443 },
		{ "user1000", 3443 },
		{ "foo{}{bar}", 8363 },    /* an empty tag is none */
		{ "foo{{bar}}zap", 4015 }, /* "{bar" */
		{ "foo{bar}{zap}", 5061 }, /* "bar" */
		{ "bar", 5061 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_row(redis_slot(str_of(rows[i].key)) == rows[i].slot, i, rows[i].key);
}

static void redirections_are_read(void **state)
{
	static const struct {
		const char *error;
		enum redis_redirect redirect;
		unsigned slot;
		const char *host;
		unsigned port;
	} rows[] = {
		{ "MOVED 3999 127.0.0.1:6381", REDIS_MOVED, 3999, "127.0.0.1", 6381 },
		{ "ASK 0 redis.test:1", REDIS_ASK, 0, "redis.test", 1 },
		{ "MOVED 16383 ::1:65535", REDIS_MOVED, 16383, "::1", 65535 },
		{ "MOVED 1 :6381", REDIS_MOVED, 1, "", 6381 },
		{ "MOVED 16384 127.0.0.1:1", REDIS_STAYS, 0, "", 0 },
		{ "MOVED -1 127.0.0.1:1", REDIS_STAYS, 0, "", 0 },
		{ "MOVED 1 127.0.0.1", REDIS_STAYS, 0, "", 0 },
		{ "MOVED 1 127.0.0.1:0", REDIS_STAYS, 0, "", 0 },
		{ "MOVED 1 127.0.0.1:65536", REDIS_STAYS, 0, "", 0 },
		{ "MOVED 1", REDIS_STAYS, 0, "", 0 },
		{ "MOVED", REDIS_STAYS, 0, "", 0 },
		{ "", REDIS_STAYS, 0, "", 0 },
		{ "moved 1 127.0.0.1:1", REDIS_STAYS, 0, "", 0 },
		{ "TRYAGAIN 1 127.0.0.1:1", REDIS_STAYS, 0, "", 0 },
	};
	struct redis_spot spot;
	unsigned slot;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum redis_redirect redirect = redis_redirect_parse(str_of(rows[i].error), &slot, &spot);

		assert_row(redirect == rows[i].redirect, i, rows[i].error);
		if (redirect == REDIS_STAYS)
			continue;
		assert_row(slot == rows[i].slot && spot.port == rows[i].port, i, rows[i].error);
		assert_text(spot.host, rows[i].host);
	}
}

/* ---- CLUSTER SLOTS ---- */

enum { VALUES = 64 };

struct heard {
	unsigned ranges, last;
	uint16_t port;
	char host[64];
};

static bool hear(void *self, unsigned first, unsigned last, const struct redis_spot *spot)
{
	struct heard *heard = self;

	heard->ranges++;
	heard->last = last;
	heard->port = spot->port;
	memcpy(heard->host, spot->host.ptr ? spot->host.ptr : "", spot->host.len);
	heard->host[spot->host.len] = '\0';
	return first <= last;
}

#define NODE(host, port) "*4\r\n" host ":" port "\r\n+id\r\n*0\r\n"

static void maps_are_read(void **state)
{
	static const struct {
		const char *reply;
		bool is_good;
		struct heard heard;
	} rows[] = {
		{ "*0\r\n", true, { 0 } },
		{ "*1\r\n*3\r\n:0\r\n:16383\r\n" NODE("+a\r\n", "7"), true, { 1, 16383, 7, "a" } },
		{ "*2\r\n*4\r\n:0\r\n:1\r\n" NODE("+a\r\n", "7")
			  NODE("+r\r\n", "8") "*3\r\n:2\r\n:3\r\n" NODE("+b\r\n", "9"),
		  true,
		  { 2, 3, 9, "b" } },
		{ "*1\r\n*3\r\n:0\r\n:1\r\n" NODE("_\r\n", "7"), true, { 1, 1, 7, "" } },
		{ "*1\r\n*3\r\n:0\r\n:1\r\n" NODE("+?\r\n", "7"), true, { 1, 1, 7, "" } },
		{ "*1\r\n*3\r\n:0\r\n:16384\r\n" NODE("+a\r\n", "7"), false, { 0 } },
		{ "*1\r\n*3\r\n:5\r\n:4\r\n" NODE("+a\r\n", "7"), false, { 0 } },
		{ "*1\r\n*3\r\n:-1\r\n:4\r\n" NODE("+a\r\n", "7"), false, { 0 } },
		{ "*1\r\n*3\r\n:0\r\n:4\r\n" NODE("+a\r\n", "0"), false, { 0 } },
		{ "*1\r\n*3\r\n:0\r\n:4\r\n" NODE("*0\r\n", "65536"), false, { 0 } },
		{ "*1\r\n*3\r\n:0\r\n:4\r\n" NODE("*1\r\n:1\r\n", "7"), false, { 0 } },
		{ "*1\r\n*3\r\n:0\r\n:4\r\n*0\r\n", false, { 0 } },
		{ "*1\r\n*3\r\n:0\r\n:4\r\n*1\r\n+a\r\n", false, { 0 } },
		{ "*1\r\n*2\r\n:0\r\n:4\r\n", false, { 0 } },
		{ "*1\r\n*3\r\n+a\r\n+b\r\n+c\r\n", false, { 0 } },
		{ "*1\r\n:1\r\n", false, { 0 } },
		{ "-ERR This instance has cluster support disabled\r\n", false, { 0 } },
		{ "+OK\r\n", false, { 0 } },
	};
	static const struct resp_limits limits = { 4096, VALUES };
	struct resp_value values[VALUES];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct heard heard = { 0 };

		assert_row(resp_parse(str_of(rows[i].reply), &limits, values, &len) == RESP_DONE, i,
			   rows[i].reply);
		assert_row(redis_slots_read(values, hear, &heard) == rows[i].is_good, i, rows[i].reply);
		assert_row(heard.ranges == rows[i].heard.ranges && heard.last == rows[i].heard.last, i,
			   "ranges");
		assert_row(heard.port == rows[i].heard.port, i, "port");
		assert_string_equal(heard.host, rows[i].heard.host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_have_slots),
		cmocka_unit_test(redirections_are_read),
		cmocka_unit_test(maps_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
