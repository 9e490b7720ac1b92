/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "observe/exchange_facts.h"

enum { TEXT_LEN = 12, LONG_LEN = 5000 };

static str *text_of(struct exchange_facts *facts, size_t index)
{
	str *texts[] = { &facts->request_id, &facts->trace_id,    &facts->client_ip, &facts->listener,
			 &facts->protocol,   &facts->tls_version, &facts->method,    &facts->host,
			 &facts->path,       &facts->query,       &facts->reported,  &facts->api,
			 &facts->route,      &facts->consumer,    &facts->upstream,  &facts->endpoint,
			 &facts->user_agent, &facts->referer };

	return index < COUNT_OF(texts) ? texts[index] : NULL;
}

/* Of every text: what it pointed to may go. */
static void a_copy_stands_alone(void **state)
{
	struct exchange_facts facts = { .status = 101, .client_port = 7, .upstream_time = -1 }, *copy;
	char *texts[32];

	(void)state;
	for (size_t i = 0; text_of(&facts, i); i++) {
		texts[i] = malloc(TEXT_LEN);
		assert_non_null(texts[i]);
		memset(texts[i], 'a' + (int)i, TEXT_LEN);
		*text_of(&facts, i) = (str) { texts[i], TEXT_LEN };
	}
	copy = exchange_facts_copy(&facts);
	for (size_t i = 0; text_of(&facts, i); i++)
		free(texts[i]);
	for (size_t i = 0; text_of(copy, i); i++) {
		assert_int_equal(text_of(copy, i)->len, TEXT_LEN);
		for (size_t j = 0; j < TEXT_LEN; j++)
			assert_int_equal(text_of(copy, i)->ptr[j], 'a' + (int)i);
	}
	assert_int_equal(copy->status, 101);
	assert_int_equal(copy->client_port, 7);
	assert_int_equal(copy->upstream_time, -1);
	free(copy);
}

/* The log's bounds hold, and it can be seen that there was more. */
static void nothing_is_kept_that_no_log_shows(void **state)
{
	static char many[LONG_LEN];
	struct exchange_facts facts = { .path = { many, LONG_LEN },
					.user_agent = { many, LONG_LEN },
					.query = { many, 0 } };
	struct exchange_facts *copy = exchange_facts_copy(&facts);

	(void)state;
	assert_int_equal(copy->path.len, 2049);
	assert_int_equal(copy->user_agent.len, 513);
	assert_int_equal(copy->query.len, 0);
	assert_int_equal(copy->referer.len, 0);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_stands_alone),
		cmocka_unit_test(nothing_is_kept_that_no_log_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
