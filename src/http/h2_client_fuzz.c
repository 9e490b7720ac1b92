/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a server says to a session with two streams under way: both come to an end, nothing is held
 * beyond it, and what the session says stays within its bound.
 *
 * The input: how many bytes come at a time, and then what comes behind empty SETTINGS.
 */
#include <stdlib.h>

#include "fiber/testing.h"
#include "http/h2_client.h"

enum { BODY = 100 * 1000, SAID_MAX = 16 * 1024 * 1024, ARENA_MAX = 4 * 1024 * 1024 };

/* A connection over memory; it takes everything. */
struct server {
	struct stream stream; /* first */
	str input;
	size_t step, said;
	bool has_more; /* behind the input */
	bool is_over;
};

struct asked {
	struct client *client;
	struct arena arena;
	enum http_framing framing;
	struct fiber *fibers[2];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static result server_fill(struct stream *stream, struct intake *in, deadline until)
{
	struct server *server = (struct server *)stream;
	size_t room, len = server->step < server->input.len ? server->step : server->input.len;
	char *at;

	ASSERT(until == STREAM_AT_ONCE);
	if (!len)
		return error_make(server->has_more ? ERROR_TIMEOUT : ERROR_CLOSED, "there is no more");
	TRY(intake_room(in, &at, &room));
	len = len < room ? len : room;
	memcpy(at, server->input.ptr, len);
	intake_add(in, len);
	server->input = str_skip(server->input, len);
	return OK;
}

static result server_send(struct stream *stream, const struct iovec *parts, size_t count, deadline until,
			  size_t *ret_sent)
{
	struct server *server = (struct server *)stream;

	ASSERT(until == STREAM_AT_ONCE && count == 1);
	*ret_sent = parts->iov_len;
	server->said += parts->iov_len;
	ASSERT(server->said < SAID_MAX);
	return OK;
}

static bool server_is_readable(const struct stream *stream)
{
	return ((const struct server *)stream)->input.len > 0;
}

static const struct stream_ops server_ops = {
	.name = "server", .fill = server_fill, .send = server_send, .is_readable = server_is_readable
};

static void on_over(void *owner)
{
	struct server *server = owner;

	ASSERT(!server->is_over);
	server->is_over = true;
}

static result read_answer(struct asked *asked)
{
	struct http_response response;
	struct piece piece = { 0 };

	do
		TRY(client_read(asked->client, &asked->arena, HTTP_GET, DEADLINE_NEVER, &response));
	while (response.status < 200);
	ASSERT(response.status < 600);
	while (!piece.is_last) {
		TRY(body_peek(asked->client->body, DEADLINE_NEVER, &piece));
		ASSERT(piece.bytes.len || piece.is_last);
		body_consume(asked->client->body, piece.bytes.len);
	}
	ASSERT(client_answer_is_whole(asked->client));
	return OK;
}

static result send_request(struct asked *asked)
{
	static const str head = STR_INIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
	static char body[BODY];
	struct body_sink *sink = client_request(asked->client, &asked->arena, head, asked->framing, BODY);
	size_t at = 0, used;

	while (!sink->is_done) {
		struct piece piece = { .bytes = { body + at, BODY - at }, .is_last = true };

		TRY(sink_send(sink, piece, DEADLINE_NEVER, &used));
		at += used;
	}
	return OK;
}

static void read_run(struct fiber *self, void *argument)
{
	struct asked *asked = argument;
	result_value read;

	asked->fibers[0] = self;
	read = read_answer(asked);
	(void)read;
	asked->fibers[0] = NULL;
}

static void send_run(struct fiber *self, void *argument)
{
	struct asked *asked = argument;
	result_value sent;

	asked->fibers[1] = self;
	sent = send_request(asked);
	(void)sent;
	asked->fibers[1] = NULL;
}

static void ask(struct asked *asked, struct world *world, struct h2_client *h2, enum http_framing framing)
{
	*asked = (struct asked) { .client = h2_client_open(h2), .framing = framing };
	arena_init(&asked->arena, NULL, ARENA_MAX);
	world_start(world, send_run, asked);
	world_start(world, read_run, asked);
}

/* A session that is over leaves nobody waiting. */
static void forget(struct asked *asked)
{
	ASSERT(!asked->fibers[0] && !asked->fibers[1]);
	h2_client_close(&asked->client);
	arena_fini(&asked->arena);
}

/* More than this it cannot take: each turn reads some of the input, or finds its end. */
static void run(struct world *world, struct h2_client *h2, const struct server *server)
{
	for (size_t turns = 0; !server->is_over; turns++) {
		ASSERT(turns < 1000 * 1000);
		h2_client_on_ready(h2);
		world_turn(world);
	}
}

static void serve(struct world *world, struct h2_client *h2, struct server *server, str input, size_t step)
{
	struct asked get, post;

	h2_client_on_ready(h2);
	world_turn(world);
	ASSERT(h2_client_room(h2));
	ask(&get, world, h2, HTTP_NO_BODY);
	ask(&post, world, h2, HTTP_LENGTH);
	*server = (struct server) { .stream = server->stream, .input = input, .step = step };
	run(world, h2, server);
	forget(&get);
	forget(&post);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const str settings = STR_INIT("\0\0\0\4\0\0\0\0\0");
	struct server server = { .input = settings, .step = SIZE_MAX, .has_more = true };
	struct h2_client_options options = { .stream = &server.stream, .on_over = on_over, .owner = &server };
	struct world world;
	struct h2_client *h2;

	if (size < 1)
		return 0;
	world_open(&world);
	server.stream = (struct stream) { &server_ops, world.fibers };
	options.blocks = &world.pool;
	h2 = h2_client_new(&options);
	serve(&world, h2, &server, (str) { (const char *)data + 1, size - 1 }, data[0] ? data[0] : SIZE_MAX);
	h2_client_free(&h2);
	world_turn(&world);
	ASSERT(world.pool.in_use == 0 && !world.scratch.holder);
	world_close(&world);
	return 0;
}
