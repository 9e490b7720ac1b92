/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is printed is what is read: made-up messages, always the same ones, go out and come back.
 */
#include "base/random.h"
#include "base/testing.h"
#include "codec/h1_chunked_testing.h"
#include "codec/h1_print.h"
#include "codec/h1_testing.h"

enum { ROUNDS = 400, FIELDS = 12, TEXT_MAX = 4096 };

/* A message under way: its texts lie in `texts`, the printed head in `head`. */
struct draft {
	struct random random;
	char text_bytes[TEXT_MAX], head_bytes[2 * TEXT_MAX];
	struct buf texts, head;
	struct http_field fields[FIELDS + 2];
	struct http_fields list;
};

static void draft_begin(struct draft *d)
{
	d->texts = buf_over(d->text_bytes, sizeof d->text_bytes);
	d->head = buf_over(d->head_bytes, sizeof d->head_bytes);
	d->list = (struct http_fields) { .at = d->fields, .max = FIELDS + 2 };
}

/* Between min and max bytes out of `from`. */
static str some_text(struct draft *d, const char *from, size_t min, size_t max)
{
	size_t start = d->texts.len, len = min + random_below(&d->random, max - min + 1);

	for (size_t i = 0; i < len; i++)
		buf_put_char(&d->texts, from[random_below(&d->random, strlen(from))]);
	assert_false(buf_overflowed(&d->texts));
	return (str) { d->text_bytes + start, d->texts.len - start };
}

static void add_field(struct draft *d, str name, str value)
{
	assert_false(failed(http_fields_add(&d->list, http_name_find(name), name, value)));
}

static void add_some_fields(struct draft *d)
{
	size_t count = random_below(&d->random, FIELDS);

	for (size_t i = 0; i < count; i++) {
		str name = some_text(d, "abcXYZ019-_.!#$%&'*+^`|~", 1, 40);
		str value = str_trim(some_text(d, "abcXYZ 019\t,;=\"\\\xc3\xa9\xff:/", 0, 60));

		add_field(d, name, value);
		d->fields[d->list.count - 1].removed = random_below(&d->random, 8) == 0;
	}
}

/* The fields of the draft that are not removed, and no others, in their order. */
static void check_fields(const struct draft *d, const struct http_fields *read)
{
	size_t at = 0;

	for (size_t i = 0; i < d->list.count; i++) {
		if (d->fields[i].removed)
			continue;
		assert_true(at < read->count);
		assert_true(str_eq(read->at[at].name, d->fields[i].name));
		assert_true(str_eq(read->at[at].value, d->fields[i].value));
		assert_int_equal(read->at[at].id, d->fields[i].id);
		at++;
	}
	assert_int_equal(at, read->count);
}

static void requests_come_back(void **state)
{
	struct draft *d = test_calloc(1, sizeof *d);

	(void)state;
	d->random = (struct random) { 11, 12 };
	for (int round = 0; round < ROUNDS; round++) {
		struct http_field fields[FIELDS + 2];
		struct http_request out = { 0 }, in = { .fields = { .at = fields, .max = FIELDS + 2 } };
		struct h1_parser parser = { 0 };
		str target;
		size_t len;

		draft_begin(d);
		out.method_text = some_text(d, "ABCget-!", 1, 20);
		target = some_text(d, "/", 1, 1);
		target.len += some_text(d, "abc/.%20?&={}|~", 0, 60).len;
		add_field(d, STR("Host"), STR("gw.test"));
		add_some_fields(d);
		out.fields = d->list;
		h1_request_print(&d->head, &out, target);
		assert_false(buf_overflowed(&d->head));
		assert_int_equal(h1_request_parse(&parser, buf_str(&d->head), &h1_test_limits, &in, &len),
				 H1_DONE);
		assert_int_equal(len, d->head.len);
		assert_true(str_eq(in.method_text, out.method_text) && str_eq(in.target, target));
		check_fields(d, &in.fields);
	}
	test_free(d);
}

static void answers_come_back(void **state)
{
	struct draft *d = test_calloc(1, sizeof *d);

	(void)state;
	d->random = (struct random) { 21, 22 };
	for (int round = 0; round < ROUNDS; round++) {
		struct http_field fields[FIELDS + 2];
		struct http_response out = { 0 }, in = { .fields = { .at = fields, .max = FIELDS + 2 } };
		struct h1_parser parser = { 0 };
		size_t len;

		draft_begin(d);
		out.status = 100 + (int)random_below(&d->random, 500);
		out.reason = some_text(d, "abc \t\xc3\xa9", 1, 30);
		add_some_fields(d);
		out.fields = d->list;
		h1_response_print(&d->head, &out);
		assert_int_equal(
			h1_response_parse(&parser, buf_str(&d->head), &h1_test_limits, HTTP_GET, &in, &len),
			H1_DONE);
		assert_int_equal(len, d->head.len);
		assert_int_equal(in.status, out.status);
		assert_true(str_eq(in.reason, out.reason));
		check_fields(d, &in.fields);
	}
	test_free(d);
}

/* Content in chunks of made-up sizes, and a trailer. */
static void print_chunked(struct draft *d, str content)
{
	while (content.len) {
		size_t size = 1 + random_below(&d->random, content.len < 40 ? content.len : 40);

		buf_put_hex(&d->head, size);
		buf_put(&d->head, STR("\r\n"));
		buf_put(&d->head, str_slice(content, 0, size));
		buf_put(&d->head, STR("\r\n"));
		content = str_skip(content, size);
	}
	buf_put(&d->head, STR("0\r\n"));
	h1_fields_print(&d->head, &d->list);
}

static void chunked_bodies_come_back(void **state)
{
	struct draft *d = test_calloc(1, sizeof *d);
	struct chunked_outcome *outcome = test_malloc(sizeof *outcome);

	(void)state;
	d->random = (struct random) { 31, 32 };
	for (int round = 0; round < ROUNDS; round++) {
		str content, text;

		draft_begin(d);
		content = some_text(d, "ab\r\n0;", 0, 300);
		add_field(d, STR("X-Sum"), STR("1"));
		print_chunked(d, content);
		chunked_outcome_find(buf_str(&d->head), 1 + random_below(&d->random, 50),
				     1 + random_below(&d->random, 50), outcome);
		assert_int_equal(outcome->state, H1_CHUNKED_END);
		assert_int_equal(outcome->taken, d->head.len);
		text = buf_str(&outcome->text);
		assert_true(str_eq(str_slice(text, 0, content.len), content));
		assert_text(str_skip(text, content.len), "X-Sum=1;");
	}
	test_free(outcome);
	test_free(d);
}

/* One byte of a good request is another one: whatever comes of it, it comes of it in every split. */
static void damaged_requests_are_judged_the_same_in_every_split(void **state)
{
	static const char good[] = "POST /a?b HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 5\r\n"
				   "Connection: close, x\r\n\r\n";
	struct h1_outcome *whole = test_malloc(sizeof *whole), *split = test_malloc(sizeof *split);
	struct random random = { 41, 42 };

	(void)state;
	for (size_t i = 0; i < 3 * sizeof good; i++) {
		char bytes[sizeof good];
		str input = { bytes, sizeof good - 1 };
		size_t first = random_below(&random, sizeof good);

		memcpy(bytes, good, sizeof good);
		bytes[i % (sizeof good - 1)] = (char)random_next(&random);
		h1_outcome_find(H1_KIND_REQUEST, H1_MOVES, input, input.len, 1, &h1_test_limits, whole);
		h1_outcome_find(H1_KIND_REQUEST, H1_MOVES, input, first, 7, &h1_test_limits, split);
		assert_true(h1_outcome_eq(whole, split));
		h1_outcome_find(H1_KIND_REQUEST, H1_STAYS, input, first, 3, &h1_test_limits, split);
		assert_true(h1_outcome_eq(whole, split));
	}
	test_free(whole);
	test_free(split);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_come_back),
		cmocka_unit_test(answers_come_back),
		cmocka_unit_test(chunked_bodies_come_back),
		cmocka_unit_test(damaged_requests_are_judged_the_same_in_every_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
