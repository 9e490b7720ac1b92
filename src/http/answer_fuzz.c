/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upstream's answer on its way to a client: whatever the upstream sends, and however little the client
 * takes at a time, what reaches the client parses again, to the same status and the same content.
 *
 * The input: what kind of request it answers, how many sizes the pace has, the sizes, and then the answer.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "http/h1_client.h"
#include "http/h1_server.h"
#include "http/http_testing.h"

enum { FIELDS_MAX = 32, PACE_MAX = 8 };

static const struct h1_limits head_limits = {
	.request_line = 4096, .field = 4096, .name = 128, .head = 16384, .fields = FIELDS_MAX
};
/* What became of an answer: its status and content, and whether all of it came. */
struct outcome {
	int status;
	bool is_whole;
	struct buf content;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static result read_head(struct h1_client *client, struct wire *wire, enum http_method method,
			struct http_response *ret_response)
{
	static struct http_field shared[FIELDS_MAX];

	h1_client_init(client, &wire->stream, &wire->in);
	client->client.limits = &head_limits;
	client->client.shared_fields = shared;
	return client_read(&client->client, &wire->arena, method, DEADLINE_NEVER, ret_response);
}

/* As the proxy does it, but for policies and the loop. */
static result hand_over(struct wire *upstream, struct wire *client, const struct http_request *request)
{
	struct http_response response;
	struct h1_server server;
	struct h1_client asking;
	struct body_source *from;
	struct body_sink *to;

	h1_server_init(&server, &client->stream, &client->in);
	TRY(read_head(&asking, upstream, request->method, &response));
	if (response.status < 200)
		return error_make(ERROR_MALFORMED, "interim");
	http_fields_remove_hop(&response.fields);
	response.framing = server_framing(&server.server, request, &response);
	response.keep_alive = response.framing != HTTP_UNTIL_CLOSE;
	to = server_respond(&server.server, &client->arena, request, &response);
	from = asking.client.body;
	while (!to->is_done) {
		struct piece piece;
		size_t used;

		TRY(body_peek(from, 0, &piece));
		to->trailers = piece.is_last && from->trailers.count ? &from->trailers : NULL;
		/* What is sent here moves no memory of the other's: the piece is at its place until consumed.
		 */
		TRY(sink_send(to, piece, 0, &used));
		body_consume(from, used);
	}
	return OK;
}

static void read_again(str bytes, enum http_method method, struct outcome *ret)
{
	struct http_response response;
	struct h1_client asking;
	struct wire wire;

	wire_open(&wire, bytes, (struct pace) { 0 });
	ASSERT(!failed(read_head(&asking, &wire, method, &response)));
	ret->status = response.status;
	ret->is_whole = !failed(body_read(asking.client.body, (struct pace) { 0 }, &ret->content));
	ASSERT(!ret->is_whole || (wire.in.len == 0 && wire.given == wire.input.len));
	wire_close(&wire);
}

static struct outcome run(str input, struct pace pace, const struct http_request *request, char *room,
			  size_t max)
{
	struct outcome outcome = { .content = buf_over(room, max) };
	struct wire upstream, client;
	result_value ended;

	wire_open(&upstream, input, pace);
	wire_open(&client, STR(""), (struct pace) { 0 });
	client.takes = pace;
	ended = hand_over(&upstream, &client, request);
	if (!failed(ended)) {
		read_again(wire_output(&client), request->method, &outcome);
		ASSERT(outcome.is_whole);
	}
	wire_close(&upstream);
	wire_close(&client);
	return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t sizes = size > 1 ? data[1] % PACE_MAX : 0;
	struct http_request request = { .version = HTTP_1_1, .method = HTTP_GET };
	struct outcome once, split;
	char *rooms;
	str input;

	if (size < 2 + sizes)
		return 0;
	request.method = data[0] & 1 ? HTTP_HEAD : HTTP_GET;
	request.version = data[0] & 2 ? HTTP_1_0 : HTTP_1_1;
	input = (str) { (const char *)data + 2 + sizes, size - 2 - sizes };
	rooms = malloc(2 * size);
	ASSERT(rooms);
	once = run(input, (struct pace) { 0 }, &request, rooms, size);
	split = run(input, (struct pace) { data + 2, sizes }, &request, rooms + size, size);
	ASSERT(once.status == split.status && once.is_whole == split.is_whole);
	ASSERT(str_eq(buf_str(&once.content), buf_str(&split.content)));
	free(rooms);
	return 0;
}
