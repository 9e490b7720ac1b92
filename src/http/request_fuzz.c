/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's connection: requests with their bodies, one after the other, until there are none or one is
 * wrong. What is made of them does not depend on how the bytes arrive.
 *
 * The input: how many sizes the pace has, the sizes, and then what the client sends.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "http/h1_server.h"
#include "http/http_testing.h"

enum { FIELDS_MAX = 32, REQUESTS_MAX = 16, PACE_MAX = 8 };

static const struct h1_limits head_limits = {
	.request_line = 2048, .field = 2048, .name = 128, .head = 8192, .fields = FIELDS_MAX
};
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_fields(struct buf *out, const struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		buf_put(out, fields->at[i].name);
		buf_put_char(out, '=');
		buf_put(out, fields->at[i].value);
		buf_put_char(out, ';');
	}
}

/* Its head and body into out. False when the connection can carry no other. */
static bool read_one(struct wire *wire, struct pace bites, struct buf *out)
{
	static struct http_field shared[FIELDS_MAX];
	struct server_request request;
	struct h1_server server;
	result_value read;

	h1_server_init(&server, &wire->stream, &wire->in);
	server.server.limits = &head_limits;
	server.server.shared_fields = shared;
	read = server_read(&server.server, &wire->arena, DEADLINE_NEVER, &request);
	buf_put_u64(out, read.kind * 1000 + request.error);
	if (failed(read))
		return false;
	buf_put(out, request.head.method_text);
	buf_put(out, request.head.target);
	put_fields(out, &request.head.fields);
	read = body_read(server.server.body, bites, out);
	ASSERT(server_body_is_whole(&server.server) == !failed(read));
	buf_put_u64(out, read.kind);
	put_fields(out, &server.body.source.trailers);
	return !failed(read);
}

static void read_all(str input, struct pace gives, struct pace bites, struct buf *out)
{
	struct wire wire;

	wire_open(&wire, input, gives);
	for (unsigned i = 0; i < REQUESTS_MAX && read_one(&wire, bites, out); i++)
		;
	wire_close(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t sizes = size ? data[0] % PACE_MAX : 0;
	size_t max = size * 2 + 4096;
	char *once_text, *split_text;
	struct buf once, split;
	struct pace pace;
	str input;

	if (size < 1 + sizes)
		return 0;
	pace = (struct pace) { data + 1, sizes };
	input = (str) { (const char *)data + 1 + sizes, size - 1 - sizes };
	once_text = malloc(max);
	split_text = malloc(max);
	ASSERT(once_text && split_text);
	once = buf_over(once_text, max);
	split = buf_over(split_text, max);
	read_all(input, (struct pace) { 0 }, (struct pace) { 0 }, &once);
	read_all(input, pace, pace, &split);
	ASSERT(!once.overflow && str_eq(buf_str(&once), buf_str(&split)));
	free(once_text);
	free(split_text);
	return 0;
}
