/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2_asking_testing.h"

enum { ARENA_MAX = 8 * 1024 * 1024 };

static const char usual_head[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static void put_fields(struct buf *out, const struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		buf_put_char(out, ' ');
		buf_put(out, fields->at[i].name);
		buf_put_char(out, '=');
		buf_put(out, fields->at[i].value);
	}
}

static void put_response(struct buf *out, const struct http_response *response)
{
	static const char *const framings[] = { "none", "length", "chunked", "close" };

	buf_put_u64(out, (uint64_t)response->status);
	put_fields(out, &response->fields);
	buf_put_char(out, '|');
	if (response->status < 200)
		return;
	buf_put(out, str_of(framings[response->framing]));
	if (response->framing == HTTP_LENGTH || response->length) {
		buf_put_char(out, ' ');
		buf_put_u64(out, response->length);
	}
	buf_put_char(out, '|');
}

static result read_heads(struct asked *asked)
{
	struct http_response response;

	do {
		TRY(client_read(asked->client, &asked->arena, asked->method, asked->until, &response));
		assert_int_equal(response.version, response.status < 200 ? 0 : HTTP_2);
		put_response(&asked->out, &response);
	} while (response.status < 200);
	return OK;
}

static result read_body(struct asked *asked)
{
	struct piece piece = { 0 };
	size_t read = 0;

	while (!piece.is_last) {
		TRY(body_peek(asked->client->body, asked->until, &piece));
		assert_true(piece.bytes.len || piece.is_last);
		piece.bytes = str_slice(piece.bytes, 0, asked->reads_max - read);
		read += piece.bytes.len;
		buf_put(&asked->out, piece.bytes);
		body_consume(asked->client->body, piece.bytes.len);
		if (read == asked->reads_max)
			return fiber_park(asked->reader, DEADLINE_NEVER);
	}
	if (asked->client->body->trailers.count)
		buf_put_char(&asked->out, '|');
	put_fields(&asked->out, &asked->client->body->trailers);
	assert_true(client_answer_is_whole(asked->client));
	return OK;
}

static void read_run(struct fiber *self, void *argument)
{
	struct asked *asked = argument;
	result_value read;

	asked->reader = self;
	read = read_heads(asked);
	if (!failed(read))
		read = read_body(asked);
	if (failed(read)) {
		buf_put_char(&asked->out, '!');
		buf_put(&asked->out, str_of(error_name(read.kind)));
	}
	asked->reader = NULL;
	asked->is_done = true;
}

static void write_run(struct fiber *self, void *argument)
{
	struct asked *asked = argument;
	struct body_sink *sink;
	size_t used;

	asked->writer = self;
	sink = client_request(asked->client, &asked->arena, str_of(asked->head), asked->framing,
			      asked->length);
	sink->trailers = asked->trailers;
	while (!sink->is_done) {
		struct piece piece = { .bytes = asked->body, .is_last = true };

		asked->sent = sink_send(sink, piece, asked->until, &used);
		if (failed(asked->sent))
			break;
		asked->body = str_skip(asked->body, used);
	}
	asked->writer = NULL;
}

struct asked *ask_with(struct h2_scene *scene, struct asked as)
{
	struct asked *asked = malloc(sizeof *asked);

	assert_non_null(asked);
	memcpy(asked, &as, offsetof(struct asked, text));
	asked->scene = scene;
	asked->head = asked->head ? asked->head : usual_head;
	asked->method = asked->method ? asked->method : HTTP_GET;
	asked->until = asked->until ? asked->until : world_in(&scene->world, MINUTE);
	asked->reads_max = asked->reads_max ? asked->reads_max : SIZE_MAX;
	asked->out = buf_over(asked->text, sizeof asked->text);
	arena_init(&asked->arena, NULL, ARENA_MAX);
	asked->client = h2_client_open(scene->h2);
	world_start(&scene->world, write_run, asked);
	world_start(&scene->world, read_run, asked);
	h2_scene_turn(scene);
	return asked;
}

str told(const struct asked *asked)
{
	return buf_str(&asked->out);
}

void forget(struct asked **address)
{
	struct asked *asked = *address;

	if (asked->writer)
		fiber_cancel(asked->writer);
	if (asked->reader)
		fiber_cancel(asked->reader);
	h2_scene_turn(asked->scene);
	assert_null(asked->writer);
	assert_null(asked->reader);
	h2_client_close(&asked->client);
	arena_fini(&asked->arena);
	free(asked);
	*address = NULL;
}
