/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo_server: a small server that reads a body before it answers.
 *
 * It is for trying things out, and may be slow; it must be strict, for tests believe what it says that it
 * got.
 */
#include "main/echo_server.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "http/small_server.h"
#include "main/echo_answer.h"
#include "main/echo_socket.h"

enum { FIELDS_MAX = 200, BODY_SHOWN_MAX = 64 * 1024, CONNECTIONS_MAX = 10000 };

static const struct h1_limits limits = {
	.request_line = 64 * 1024, .field = 64 * 1024, .name = 1024, .head = 256 * 1024, .fields = FIELDS_MAX
};

struct echo_server {
	struct loop *loop;
	struct fibers *fibers;
	struct block_pool blocks;
	struct scratch scratch;
	struct small_server *http;
};

/* Reads the body to its end; its beginning is shown. */
static result read_body(struct small_exchange *exchange, struct echo_request *request)
{
	char *shown = arena_bytes(exchange->arena, BODY_SHOWN_MAX);
	struct buf copy = buf_over(shown, BODY_SHOWN_MAX);
	struct piece piece = { 0 };

	while (!piece.is_last) {
		TRY(small_exchange_read(exchange, &piece));
		buf_put(&copy, str_slice(piece.bytes, 0, copy.max - copy.len));
		request->body_bytes += piece.bytes.len;
	}
	request->body = buf_str(&copy);
	return OK;
}

/* The answer's body comes from the answer itself, a piece at a time. */
static result send_body(struct small_exchange *exchange, struct echo_answer *answer)
{
	struct body_sink *sink = exchange->sink;
	size_t used = 0;

	while (!sink->is_done) {
		struct piece piece;

		TRY(echo_answer_next(answer, exchange->fiber, used, &piece));
		TRY(sink_send(sink, piece, small_exchange_patience(exchange), &used));
		TRY(sink_flush(sink, small_exchange_patience(exchange)));
	}
	return OK;
}

static bool is_for_socket(const struct http_request *request)
{
	str path = request->target, query;

	str_cut(request->target, '?', &path, &query);
	return str_eq(path, STR("/ws"));
}

/* All of the body is read before the answer begins, so that the answer can show it. */
static result serve(struct small_exchange *exchange)
{
	struct echo_server *server = exchange->owner;
	struct echo_answer answer;
	struct echo_request request = { .arena = exchange->arena, .head = exchange->request };

	small_exchange_keep(exchange);
	if (is_for_socket(exchange->request) && echo_socket_is_asked(exchange->request))
		return echo_socket_serve(exchange);
	TRY(read_body(exchange, &request));
	TRY(echo_answer_make(&request, exchange->fiber, server->loop, &answer));
	small_exchange_begin(exchange, &answer.response);
	answer.is_headless = exchange->sink->is_bodiless;
	return send_body(exchange, &answer);
}

static result echo_server_open(struct echo_server *server, const struct address *at,
			       struct address *ret_bound)
{
	struct small_server_options options = {
		.blocks = &server->blocks,
		.limits = &limits,
		.connections = CONNECTIONS_MAX,
		.body = UINT64_MAX,
		.patience = MINUTE,
		.whole = DAY,
		.serve = serve,
		.owner = server,
	};
	result_value opened;
	int fd;

	TRY(loop_new(&server->loop));
	TRY(fibers_new(server->loop, &server->scratch, &(struct fibers_options) { 0 }, &server->fibers));
	TRY(listener_probe(at));
	TRY(listener_bind(at, &fd, ret_bound));
	options.fibers = server->fibers;
	opened = small_server_open(&options, fd, &server->http);
	if (failed(opened))
		close(fd);
	return opened;
}

result echo_server_new(const struct address *at, struct echo_server **ret_server, struct address *ret_bound)
{
	struct echo_server *server = calloc(1, sizeof *server);
	result_value opened;

	ASSERT(server);
	block_pool_init(&server->blocks, 64, (size_t)1 << 30);
	scratch_init(&server->scratch, &server->blocks);
	opened = echo_server_open(server, at, ret_bound);
	if (failed(opened))
		echo_server_free(&server);
	*ret_server = server;
	return opened;
}

/* When the loop has stopped the fibers are still parked: they are cancelled and unwind in further turns. */
void echo_server_run(struct echo_server *server)
{
	loop_run(server->loop);
	do {
		small_server_cut(server->http);
		loop_turn(server->loop, deadline_after(time_monotonic(), 10 * MILLISECOND));
	} while (small_server_connections(server->http));
}

void echo_server_stop(struct echo_server *server)
{
	loop_stop(server->loop);
}

void echo_server_free(struct echo_server **address)
{
	struct echo_server *server = *address;

	if (!server)
		return;
	if (server->http)
		small_server_finish(server->http);
	small_server_free(&server->http);
	fibers_free(&server->fibers);
	if (server->loop)
		loop_free(&server->loop);
	scratch_fini(&server->scratch);
	block_pool_fini(&server->blocks);
	free(server);
	*address = NULL;
}
