/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random requests, packed by nghttp2's own client with everything that HPACK can do (indexed fields,
 * Huffman), on one connection whose tables grow old; what is served is what was asked, and so is the answer.
 */
#include <nghttp2/nghttp2.h>

#include "base/random.h"
#include "base/testing.h"
#include "http/h2_testing.h"

enum { ROUNDS = 400, FIELDS_MAX = 12, TEXT_MAX = 4096 };

/* What the client sends, and what has come back. */
struct client {
	nghttp2_session *session;
	str body;
	size_t body_sent;
	char text[TEXT_MAX];
	struct buf got;
	bool is_closed;
	uint32_t code;
};

static ssize_t give_body(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t max, uint32_t *flags,
			 nghttp2_data_source *source, void *user)
{
	struct client *client = user;
	str rest = str_slice(str_skip(client->body, client->body_sent), 0, max);

	(void)session;
	(void)id;
	(void)source;
	if (rest.len)
		memcpy(bytes, rest.ptr, rest.len);
	client->body_sent += rest.len;
	if (client->body_sent == client->body.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)rest.len;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
		   void *user)
{
	struct client *client = user;

	(void)session;
	(void)flags;
	(void)id;
	buf_put(&client->got, (str) { (const char *)data, len });
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct client *client = user;

	(void)session;
	(void)id;
	client->is_closed = true;
	client->code = code;
	return 0;
}

static void client_open(struct client *client)
{
	nghttp2_session_callbacks *callbacks;

	*client = (struct client) { 0 };
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	assert_int_equal(nghttp2_session_client_new(&client->session, callbacks, client), 0);
	nghttp2_session_callbacks_del(callbacks);
	assert_int_equal(nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, NULL, 0), 0);
}

/* Until neither side has anything to say; in pieces of any size. */
static void talk(struct client *client, struct h2_bench *bench, struct random *random)
{
	bool goes_on = true;

	while (goes_on) {
		const uint8_t *bytes;
		ssize_t len = nghttp2_session_mem_send(client->session, &bytes);
		str answer;

		assert_true(len >= 0);
		if (len > 0)
			bench_feed(bench, (str) { (const char *)bytes, (size_t)len },
				   1 + random_below(random, 200));
		bench_turn(bench);
		answer = buf_str(&bench->out.buf);
		if (answer.len)
			assert_int_equal(nghttp2_session_mem_recv(client->session,
								  (const uint8_t *)answer.ptr, answer.len),
					 answer.len);
		bench->out.buf.len = 0;
		goes_on = len > 0 || answer.len > 0;
	}
}

static str random_text(struct random *random, struct buf *room, str alphabet, size_t min, size_t max)
{
	size_t from = room->len, size = min + random_below(random, max - min + 1);

	for (size_t i = 0; i < size; i++)
		buf_put_char(room, alphabet.ptr[random_below(random, alphabet.len)]);
	return str_skip(buf_str(room), from);
}

/* The request, and how it must be served. */
struct request {
	char bytes[TEXT_MAX], expected_bytes[TEXT_MAX];
	struct buf room, expected;
	nghttp2_nv fields[FIELDS_MAX + 4];
	size_t count;
};

static void add(struct request *request, str name, str value)
{
	request->fields[request->count++] =
		(nghttp2_nv) { (uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len,
			       value.len, NGHTTP2_NV_FLAG_NONE };
}

static void expect(struct request *request, str name, str value)
{
	buf_put_char(&request->expected, ' ');
	buf_put(&request->expected, name);
	buf_put_char(&request->expected, '=');
	buf_put(&request->expected, value);
}

static void make_request(struct request *request, struct random *random)
{
	static const str names[] = { STR_INIT("accept"), STR_INIT("user-agent"), STR_INIT("x-own") };
	static const str usual[] = { STR_INIT("Accept"), STR_INIT("User-Agent"), STR_INIT("x-own") };
	size_t fields = random_below(random, FIELDS_MAX + 1);

	request->room = buf_over(request->bytes, TEXT_MAX);
	request->expected = buf_over(request->expected_bytes, TEXT_MAX);
	request->count = 0;
	add(request, STR(":method"), STR("POST"));
	add(request, STR(":scheme"), random_below(random, 2) ? STR("http") : STR("https"));
	add(request, STR(":authority"), STR("gw.test"));
	add(request, STR(":path"), STR("/echo"));
	buf_put(&request->expected, STR("POST /echo"));
	for (size_t i = 0; i < fields; i++) {
		size_t which = random_below(random, COUNT_OF(names) + 1);
		str value = random_text(random, &request->room, STR("abcXYZ019_-;=\"\xc3\xa4"), 0, 100);

		if (which < COUNT_OF(names)) {
			add(request, names[which], value);
			expect(request, usual[which], value);
		} else {
			str name = random_text(random, &request->room, STR("abcxyz019-"), 7, 20);

			add(request, name, value);
			expect(request, name, value);
		}
	}
	expect(request, STR("Host"), STR("gw.test"));
	buf_put(&request->expected, STR(" framing=2\n/echo answer ok\n"));
	assert_false(buf_overflowed(&request->room) || buf_overflowed(&request->expected));
}

static void asks_and_is_served(void **state)
{
	struct random random = { 5, 9 };
	struct h2_bench bench;
	struct client client;

	(void)state;
	bench_open(&bench, NULL);
	client_open(&client);
	for (int i = 0; i < ROUNDS; i++) {
		nghttp2_data_provider body = { .read_callback = give_body };
		struct request request;
		char content[2000];

		make_request(&request, &random);
		for (size_t j = 0; j < sizeof content; j++)
			content[j] = (char)random_next(&random);
		client.body = (str) { content, random_below(&random, sizeof content) };
		client.body_sent = 0;
		client.got = buf_over(client.text, TEXT_MAX);
		client.is_closed = false;
		bench.served.len = 0;
		assert_true(nghttp2_submit_request(client.session, NULL, request.fields, request.count, &body,
						   NULL) > 0);
		talk(&client, &bench, &random);
		assert_row(str_eq(buf_str(&bench.served), buf_str(&request.expected)), i, bench.served_bytes);
		assert_true(client.is_closed && client.code == NGHTTP2_NO_ERROR);
		assert_true(str_eq(buf_str(&client.got), client.body));
		assert_null(bench.h2.trouble);
	}
	nghttp2_session_del(client.session);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_and_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
