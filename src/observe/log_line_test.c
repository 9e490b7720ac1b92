/* SPDX-License-Identifier: Apache-2.0 */
/* Whole lines: names, order, what is left out, and what no input can make of them. */
#include "observe/log_line.h"

#include "base/testing.h"
#include "observe/log_check_testing.h"

/* 2026-01-02T03:04:05.678901Z */
#define MOMENT ((wall_time)1767323045 * SECOND + 678901234)

static struct exchange_facts whole_facts(void)
{
	return (struct exchange_facts) {
		.time = MOMENT,
		.request_id = STR("0123456789abcdef0123456789abcdef"),
		.trace_id = STR("4bf92f3577b34da6a3ce929d0e0e4736"),
		.client_ip = STR("2001:db8::1"),
		.client_port = 51234,
		.listener = STR("public"),
		.protocol = STR("HTTP/1.1"),
		.tls_version = STR("TLSv1.3"),
		.method = STR("GET"),
		.host = STR("api.example.com"),
		.path = STR("/orders/1"),
		.query = STR("page=2&api_key=abc"),
		.status = 504,
		.reason = REASON_UPSTREAM_TIMEOUT,
		.reported = STR("limit=rate_limited"),
		.api = STR("orders"),
		.route = STR("one"),
		.consumer = STR("acme inc"),
		.upstream = STR("orders"),
		.endpoint = STR("10.0.0.5:8080"),
		.attempts = 2,
		.request_bytes = 412,
		.response_bytes = 1304,
		.time_taken = 1234567,
		.upstream_time = 1034567,
		.user_agent = STR("curl/8.5.0"),
		.referer = STR("https://shop.example/?code=1"),
		.generation = 7,
	};
}

static struct exchange_facts empty_facts(void)
{
	return (struct exchange_facts) { .upstream_time = -1 };
}

#define WHOLE_UNTIL_PATH                                                                                    \
	"{\"time\":\"2026-01-02T03:04:05.678901Z\",\"request_id\":\"0123456789abcdef0123456789abcdef\","    \
	"\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"client_ip\":\"2001:db8::1\",\"client_port\":"  \
	"51234,"                                                                                            \
	"\"listener\":\"public\",\"protocol\":\"HTTP/1.1\",\"tls_version\":\"TLSv1.3\",\"method\":\"GET\"," \
	"\"host\":\"api.example.com\",\"path\":\"/orders/1"
#define WHOLE_UNTIL_REFERER                                                                                \
	"\",\"status\":504,\"reason\":\"upstream_timeout\",\"reported\":\"limit=rate_limited\",\"api\":"   \
	"\"orders\",\"route\":\"one\","                                                                    \
	"\"consumer\":\"acme inc\",\"upstream\":\"orders\",\"endpoint\":\"10.0.0.5:8080\",\"attempts\":2," \
	"\"request_bytes\":412,\"response_bytes\":1304,\"duration_ms\":1.234,\"upstream_ms\":1.034,"       \
	"\"user_agent\":\"curl/8.5.0\",\"referer\":\"https://shop.example/"

static const struct log_segment segments[] = {
	{ STR_INIT(""), LOG_FIELD_CLIENT_IP }, { STR_INIT(" \""), LOG_FIELD_METHOD },
	{ STR_INIT(" "), LOG_FIELD_PATH },     { STR_INIT("\" "), LOG_FIELD_STATUS },
	{ STR_INIT(" "), LOG_FIELD_REASON },   { STR_INIT(" "), LOG_FIELD_UPSTREAM_TIME },
	{ STR_INIT(" ms"), LOG_FIELDS },
};

#define TEMPLATE                                                                  \
	{                                                                         \
		.kind = LOG_TEMPLATE, .at = segments, .count = COUNT_OF(segments) \
	}

static const struct {
	const char *what;
	struct log_format format;
	bool with_query;
	struct exchange_facts (*facts)(void);
	const char *want;
} line_cases[] = {
	{ "JSON with everything",
	  { .kind = LOG_JSON },
	  false,
	  whole_facts,
	  WHOLE_UNTIL_PATH WHOLE_UNTIL_REFERER "\",\"generation\":7}\n" },
	{ "JSON with queries",
	  { .kind = LOG_JSON },
	  true,
	  whole_facts,
	  WHOLE_UNTIL_PATH "?page=2&api_key=***" WHOLE_UNTIL_REFERER "?code=***\",\"generation\":7}\n" },
	{ "JSON with nothing",
	  { .kind = LOG_JSON },
	  true,
	  empty_facts,
	  "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"status\":0,\"attempts\":0,\"request_bytes\":0,"
	  "\"response_bytes\":0,\"duration_ms\":0.000,\"generation\":0}\n" },
	{ "combined",
	  { .kind = LOG_CLF },
	  false,
	  whole_facts,
	  "2001:db8::1 - acme\\x20inc [02/Jan/2026:03:04:05 +0000] \"GET /orders/1 HTTP/1.1\" 504 1304 "
	  "\"https://shop.example/\" \"curl/8.5.0\"\n" },
	{ "combined with queries",
	  { .kind = LOG_CLF },
	  true,
	  whole_facts,
	  "2001:db8::1 - acme\\x20inc [02/Jan/2026:03:04:05 +0000] \"GET /orders/1?page=2&api_key=*** "
	  "HTTP/1.1\" 504 1304 \"https://shop.example/?code=***\" \"curl/8.5.0\"\n" },
	{ "combined with nothing",
	  { .kind = LOG_CLF },
	  false,
	  empty_facts,
	  "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 0 0 \"-\" \"-\"\n" },
	{ "a template", TEMPLATE, false, whole_facts,
	  "2001:db8::1 \"GET /orders/1\" 504 upstream_timeout 1.034 ms\n" },
	{ "a template with nothing", TEMPLATE, false, empty_facts, "- \"- -\" 0 - - ms\n" },
};

static str line_of(const struct access_log_config *config, const struct exchange_facts *facts, char *bytes)
{
	struct log_clock clock = { 0 };
	struct buf out = buf_over(bytes, LOG_LINE_MAX);

	log_line_put(&clock, config, facts, &out);
	assert_false(buf_overflowed(&out));
	return buf_str(&out);
}

static void whole_lines(void **state)
{
	char bytes[LOG_LINE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(line_cases); i++) {
		struct access_log_config config = { .format = line_cases[i].format,
						    .query = line_cases[i].with_query };
		struct exchange_facts facts = line_cases[i].facts();
		str line = line_of(&config, &facts, bytes);

		if (!str_eq(line, str_of(line_cases[i].want)))
			fail_msg("%s:\n%.*s%s", line_cases[i].what, STR_ARG(line), line_cases[i].want);
	}
}

static void json_has_all_members(void **state)
{
	struct access_log_config config = { 0 };
	struct exchange_facts facts = whole_facts();
	char bytes[LOG_LINE_MAX];
	size_t members;

	(void)state;
	assert_true(check_json_line(line_of(&config, &facts, bytes), &members));
	assert_int_equal(members, LOG_FIELDS);
}

/* A query without a path was of a request that was refused for it. */
static void a_query_alone_is_not_logged(void **state)
{
	struct access_log_config config = { .query = true };
	struct exchange_facts facts = empty_facts();
	char bytes[LOG_LINE_MAX];

	(void)state;
	facts.query = STR("a=1");
	assert_false(str_contains(line_of(&config, &facts, bytes), STR("a=1")));
}

static str *const_member(struct exchange_facts *facts, size_t index)
{
	str *members[] = { &facts->request_id, &facts->trace_id,    &facts->client_ip, &facts->listener,
			   &facts->protocol,   &facts->tls_version, &facts->method,    &facts->host,
			   &facts->path,       &facts->query,       &facts->api,       &facts->route,
			   &facts->consumer,   &facts->upstream,    &facts->endpoint,  &facts->user_agent,
			   &facts->referer };

	return index < COUNT_OF(members) ? members[index] : NULL;
}

/* Whatever stands in any of the texts, it is one line, and valid JSON. */
static void no_text_breaks_a_line(void **state)
{
	static const str bad[] = {
		STR_INIT("\"}\n{\"time\":\"forged\"}"),
		STR_INIT("\r\n"),
		STR_INIT("\\"),
		STR_INIT("a\\\"\n"),
		STR_INIT("\x00\x01\x1f\x7f"),
		STR_INIT("\xff\xfe\xc3"),
		STR_INIT("\xe2\x80\xa8"),
		STR_INIT("?\n=\"&\n"),
		STR_INIT("https://\n@\""),
		STR_INIT("\xc2\x85"),
	};
	char bytes[LOG_LINE_MAX];
	size_t members;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct exchange_facts facts = whole_facts();

		for (size_t member = 0; const_member(&facts, member); member++) {
			struct access_log_config config = { .query = true };

			facts = whole_facts();
			*const_member(&facts, member) = bad[i];
			assert_true(check_json_line(line_of(&config, &facts, bytes), &members));
			assert_int_equal(members, LOG_FIELDS);
			config.format.kind = LOG_CLF;
			assert_true(check_line(line_of(&config, &facts, bytes)));
			config.format = (struct log_format)TEMPLATE;
			assert_true(check_line(line_of(&config, &facts, bytes)));
		}
	}
}

/* However long the texts and however they are escaped, and the longest numbers. */
static void the_longest_line_fits(void **state)
{
	char filler[8192], bytes[LOG_LINE_MAX];
	struct exchange_facts facts = whole_facts();
	struct access_log_config config = { .query = true };

	(void)state;
	facts.request_bytes = facts.response_bytes = facts.generation = UINT64_MAX;
	facts.time_taken = facts.upstream_time = INT64_MAX;
	for (int byte = 0; byte < 256; byte++) {
		memset(filler, byte, sizeof filler);
		for (size_t member = 0; const_member(&facts, member); member++)
			*const_member(&facts, member) = (str) { filler, sizeof filler };
		config.format.kind = LOG_JSON;
		line_of(&config, &facts, bytes);
		config.format.kind = LOG_CLF;
		line_of(&config, &facts, bytes);
	}
}

static void no_field_is_longer_than_it_says(void **state)
{
	char filler[8192], bytes[LOG_LINE_MAX];
	struct exchange_facts facts = whole_facts();

	(void)state;
	memset(filler, 1, sizeof filler);
	for (size_t member = 0; const_member(&facts, member); member++)
		*const_member(&facts, member) = (str) { filler, sizeof filler };
	facts.request_bytes = facts.response_bytes = facts.generation = UINT64_MAX;
	facts.time_taken = facts.upstream_time = INT64_MAX;
	for (int field = 0; field < LOG_FIELDS; field++) {
		struct log_segment segment = { STR(""), (enum log_field)field };
		struct access_log_config config = { .format = { LOG_TEMPLATE, &segment, 1 }, .query = true };

		assert_in_range(line_of(&config, &facts, bytes).len, 2, log_field_longest(segment.field) + 1);
	}
}

static void too_little_room_overflows_and_never_more(void **state)
{
	struct exchange_facts facts = whole_facts();
	struct access_log_config config = { 0 };
	char bytes[LOG_LINE_MAX];
	size_t whole = line_of(&config, &facts, bytes).len;

	(void)state;
	for (size_t room = 0; room <= whole; room++) {
		struct log_clock clock = { 0 };
		struct buf out = buf_over(bytes, room);

		log_line_put(&clock, &config, &facts, &out);
		assert_int_equal(buf_overflowed(&out), room < whole);
		assert_true(out.len <= room);
	}
}

/* The text of the second is kept, and must be made anew when the second is another, later or earlier. */
static void the_clock_follows(void **state)
{
	static const struct {
		wall_time time;
		const char *rfc3339, *clf;
	} cases[] = {
		{ MOMENT, "2026-01-02T03:04:05.678901Z", "02/Jan/2026:03:04:05 +0000" },
		{ MOMENT + MILLISECOND, "2026-01-02T03:04:05.679901Z", "02/Jan/2026:03:04:05 +0000" },
		{ MOMENT + SECOND, "2026-01-02T03:04:06.678901Z", "02/Jan/2026:03:04:06 +0000" },
		{ MOMENT - SECOND, "2026-01-02T03:04:04.678901Z", "02/Jan/2026:03:04:04 +0000" },
		{ 0, "1970-01-01T00:00:00.000000Z", "01/Jan/1970:00:00:00 +0000" },
		{ 999, "1970-01-01T00:00:00.000000Z", "01/Jan/1970:00:00:00 +0000" },
		{ -5 * SECOND, "1970-01-01T00:00:00.000000Z", "01/Jan/1970:00:00:00 +0000" },
		{ (wall_time)951782399 * SECOND + 999999999, "2000-02-28T23:59:59.999999Z",
		  "28/Feb/2000:23:59:59 +0000" },
		{ (wall_time)951782400 * SECOND, "2000-02-29T00:00:00.000000Z",
		  "29/Feb/2000:00:00:00 +0000" },
		{ (wall_time)1798761599 * SECOND, "2026-12-31T23:59:59.000000Z",
		  "31/Dec/2026:23:59:59 +0000" },
	};
	struct log_segment segment = { STR(""), LOG_FIELD_TIME };
	struct access_log_config config = { .format = { LOG_TEMPLATE, &segment, 1 } };
	struct log_clock clock = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct exchange_facts facts = { .time = cases[i].time };
		char bytes[64];
		struct buf out = buf_over(bytes, sizeof bytes);

		log_line_put(&clock, &config, &facts, &out);
		assert_true(str_eq(str_slice(buf_str(&out), 0, out.len - 1), str_of(cases[i].rfc3339)));
		assert_true(str_eq((str) { clock.clf, sizeof clock.clf }, str_of(cases[i].clf)));
	}
}

static void fields_are_found_by_name(void **state)
{
	enum log_field field;

	(void)state;
	for (int i = 0; i < LOG_FIELDS; i++) {
		assert_true(log_field_find(log_field_name((enum log_field)i), &field));
		assert_int_equal(field, i);
	}
	assert_false(log_field_find(STR("Status"), &field));
	assert_false(log_field_find(STR(""), &field));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_lines),
		cmocka_unit_test(json_has_all_members),
		cmocka_unit_test(a_query_alone_is_not_logged),
		cmocka_unit_test(no_text_breaks_a_line),
		cmocka_unit_test(the_longest_line_fits),
		cmocka_unit_test(no_field_is_longer_than_it_says),
		cmocka_unit_test(too_little_room_overflows_and_never_more),
		cmocka_unit_test(the_clock_follows),
		cmocka_unit_test(fields_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
