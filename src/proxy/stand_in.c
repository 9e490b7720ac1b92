/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stand_in: a connection is made by making both of its ends; at the far one a fiber serves one request.
 *
 * The answer closes the connection, so that none is kept and every request is seen by the stand-in of the
 * upstream that it was meant for.
 */
#include "proxy/stand_in.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "codec/uri.h"

/* More than any listener lets pass, for policies add to it. */
static const struct h1_limits limits = { .request_line = 2 * 1024 * 1024,
					 .field = 2 * 1024 * 1024,
					 .name = 64 * 1024,
					 .head = 4 * 1024 * 1024,
					 .fields = STAND_IN_FIELDS_MAX };
static const duration patience = 10 * SECOND;

struct far_end {
	struct socket socket; /* first */
	struct stand_ins *stand_ins;
	const struct stand_in *answers;
	str upstream;
};

static void far_end_release(struct socket *socket)
{
	free(socket);
}

static deadline patience_of(const struct stand_ins *stand_ins)
{
	return deadline_after(loop_now(fibers_loop(stand_ins->fibers)), patience);
}

result stand_in_read_body(struct body_source *source, struct arena *arena, deadline until, str *ret_body)
{
	struct piece piece = { 0 };
	result_value peeked;
	size_t room = 4096;
	struct buf body = buf_over(arena_bytes(arena, room), room);

	while (!piece.is_last) {
		peeked = body_peek(source, until, &piece);
		if (failed(peeked))
			return error_make(peeked.kind, peeked.why);
		if (piece.bytes.len > body.max - body.len && body.max < STAND_IN_BODY_MAX) {
			struct buf larger =
				buf_over(arena_bytes(arena, STAND_IN_BODY_MAX), STAND_IN_BODY_MAX);

			buf_put(&larger, buf_str(&body));
			body = larger;
		}
		buf_put(&body, str_slice(piece.bytes, 0, body.max - body.len));
		body_consume(source, piece.bytes.len);
	}
	*ret_body = buf_str(&body);
	return OK;
}

static void remember(struct far_end *far, const struct http_request *head, str body)
{
	struct stand_ins *all = far->stand_ins;
	struct stand_in_request *request = ARENA_NEW(all->arena, struct stand_in_request);
	struct uri uri;

	if (!uri_split(head->target, head->method, &uri))
		uri = (struct uri) { .path = head->target };
	*request = (struct stand_in_request) { .earlier = all->last,
					       .upstream = far->upstream,
					       .method = head->method_text,
					       .path = uri.path,
					       .query = uri.query,
					       .fields = head->fields,
					       .body = body };
	all->last = request;
}

static result answer(struct far_end *far, struct h1_server *wire, const struct http_request *head)
{
	static const struct stand_in plain;
	struct stand_ins *all = far->stand_ins;
	const struct stand_in *answers = far->answers ? far->answers : &plain;
	struct http_response response = { .status = answers->status ? answers->status : 200,
					  .fields = answers->fields,
					  .length = answers->body.len };
	struct body_sink *sink;
	str body = answers->body;

	response.framing = http_status_has_no_body(response.status) ? HTTP_NO_BODY : HTTP_LENGTH;
	sink = server_respond(&wire->server, all->arena, head, &response);
	if (sink->is_bodiless)
		body = (str) { 0 };
	while (!sink->is_done) {
		struct piece piece = { .bytes = body, .is_last = true };
		size_t used;

		TRY(sink_send(sink, piece, patience_of(all), &used));
		body = str_skip(body, used);
	}
	return OK;
}

static result serve(struct far_end *far, struct h1_server *wire)
{
	struct stand_ins *all = far->stand_ins;
	struct server_request request;
	str body = { 0 };

	TRY(server_read(&wire->server, all->arena, patience_of(all), &request));
	TRY(stand_in_read_body(wire->server.body, all->arena, patience_of(all), &body));
	remember(far, &request.head, body);
	return answer(far, wire, &request.head);
}

static void far_end_run(struct fiber *self, void *argument)
{
	struct far_end *far = argument;
	struct intake in;
	struct h1_server wire;
	result_value served;

	(void)self;
	intake_init(&in, fibers_scratch(far->stand_ins->fibers));
	h1_server_init(&wire, &far->socket.stream, &in);
	wire.server.limits = &limits;
	wire.server.shared_fields = far->stand_ins->fields;
	served = serve(far, &wire);
	(void)served; /* to the gateway a failure is a connection that closes, as with any service */
	intake_fini(&in);
	stream_close(&far->socket.stream);
}

/* The far end, served by a fiber from the next chance on. */
static result far_end_open(struct stand_ins *all, const struct endpoint *endpoint, int fd)
{
	struct far_end *far = calloc(1, sizeof *far);
	result_value opened;

	ASSERT(far);
	opened = socket_open(&far->socket, all->fibers, fd);
	if (failed(opened)) {
		close(fd);
		free(far);
		return opened;
	}
	far->socket.release = far_end_release;
	far->stand_ins = all;
	far->answers = all->find(all->owner, endpoint, &far->upstream);
	opened = fiber_start(all->fibers, far_end_run, far);
	if (failed(opened))
		stream_close(&far->socket.stream);
	return opened;
}

static result stand_ins_connect(void *self, const struct endpoint *endpoint, int *ret_fd)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
		return error_make(ERROR_LIMIT, "no descriptor for a stand-in");
	if (failed(far_end_open(self, endpoint, fds[1]))) {
		close(fds[0]);
		return error_make(ERROR_LIMIT, "no fiber for a stand-in");
	}
	*ret_fd = fds[0];
	return OK;
}

struct pool_connector stand_ins_connector(struct stand_ins *stand_ins)
{
	return (struct pool_connector) { stand_ins_connect, stand_ins };
}
