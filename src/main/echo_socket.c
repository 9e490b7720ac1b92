/* SPDX-License-Identifier: Apache-2.0 */
#include "main/echo_socket.h"

#include "base/assert.h"
#include "codec/websocket.h"

struct echo_socket {
	struct stream *stream;
	struct intake *in;
	struct loop *loop;
	bool is_within_message;
};

static bool says(const struct http_request *request, enum http_name id, str token)
{
	return http_list_has(http_fields_value(&request->fields, id), token);
}

bool echo_socket_is_asked(const struct http_request *request)
{
	return request->method == HTTP_GET && request->version == HTTP_1_1 &&
	       request->framing == HTTP_NO_BODY && says(request, HTTP_CONNECTION, STR("upgrade")) &&
	       says(request, HTTP_UPGRADE, STR("websocket")) &&
	       str_eq(http_fields_value(&request->fields, HTTP_SEC_WEBSOCKET_VERSION), STR("13")) &&
	       websocket_is_key(http_fields_value(&request->fields, HTTP_SEC_WEBSOCKET_KEY));
}

/* Whoever tries something out may think about it for a while. */
static deadline patience(const struct echo_socket *socket)
{
	return deadline_after(loop_now(socket->loop), HOUR);
}

static result answer_handshake(struct small_exchange *exchange)
{
	str key = http_fields_value(&exchange->request->fields, HTTP_SEC_WEBSOCKET_KEY);
	char accept[WEBSOCKET_ACCEPT_LEN];
	struct http_field field = { .name = http_name_text(HTTP_SEC_WEBSOCKET_ACCEPT),
				    .value = { accept, sizeof accept },
				    .id = HTTP_SEC_WEBSOCKET_ACCEPT };
	struct http_response response = { .status = 101, .fields = { .at = &field, .count = 1, .max = 1 } };

	websocket_accept(key, accept);
	return small_exchange_answer(exchange, &response, (str) { 0 });
}

static result read_head(struct echo_socket *socket, struct websocket_head *ret_head)
{
	enum websocket_state state;
	size_t len = 0;

	while ((state = websocket_head_parse(intake_data(socket->in), ret_head, &len)) == WEBSOCKET_MORE)
		TRY(stream_fill(socket->stream, socket->in, patience(socket)));
	if (state == WEBSOCKET_FAILED || !ret_head->is_masked ||
	    !websocket_head_is_sound(ret_head, socket->is_within_message))
		return error_make(ERROR_MALFORMED, "no frame that a client may send");
	intake_consume(socket->in, len);
	return OK;
}

/* The first n bytes of the intake, behind what is left of the frame's head. The intake may move while it
 * waits. */
static result send_piece(struct echo_socket *socket, str *head, size_t n)
{
	while (head->len + n) {
		str piece = str_slice(intake_data(socket->in), 0, n);
		struct iovec parts[] = { { (void *)(uintptr_t)head->ptr, head->len },
					 { (void *)(uintptr_t)piece.ptr, piece.len } };
		size_t sent, of_head;

		TRY(stream_send(socket->stream, parts, 2, patience(socket), &sent));
		of_head = sent < head->len ? sent : head->len;
		*head = str_skip(*head, of_head);
		intake_consume(socket->in, sent - of_head);
		n -= sent - of_head;
	}
	return OK;
}

/* A piece at a time: of its content there may be more than anybody has memory for. */
static result send_frame(struct echo_socket *socket, struct websocket_head frame)
{
	struct websocket_head back = frame;
	char text[WEBSOCKET_HEAD_MAX];
	str head = { text, 0 };
	uint64_t done = 0;

	back.is_masked = false;
	if (frame.opcode == WEBSOCKET_PING)
		back.opcode = WEBSOCKET_PONG;
	head.len = websocket_head_print(&back, text);
	do {
		size_t n;

		if (done < frame.length && !socket->in->len)
			TRY(stream_fill(socket->stream, socket->in, patience(socket)));
		n = frame.length - done < socket->in->len ? (size_t)(frame.length - done) : socket->in->len;
		websocket_mask(socket->in->at, n, frame.mask, done);
		TRY(send_piece(socket, &head, n));
		done += n;
	} while (done < frame.length);
	return OK;
}

/* A pong answers nothing; its content must go. */
static result skip_frame(struct echo_socket *socket, uint64_t left)
{
	while (left) {
		size_t n;

		if (!socket->in->len)
			TRY(stream_fill(socket->stream, socket->in, patience(socket)));
		n = left < socket->in->len ? (size_t)left : socket->in->len;
		intake_consume(socket->in, n);
		left -= n;
	}
	return OK;
}

static result serve_frames(struct echo_socket *socket)
{
	struct websocket_head frame;

	do {
		TRY(read_head(socket, &frame));
		if (frame.opcode == WEBSOCKET_PONG)
			TRY(skip_frame(socket, frame.length));
		else
			TRY(send_frame(socket, frame));
		if (frame.opcode < WEBSOCKET_CLOSE)
			socket->is_within_message = !frame.is_final;
	} while (frame.opcode != WEBSOCKET_CLOSE);
	return OK;
}

result echo_socket_serve(struct small_exchange *exchange)
{
	struct echo_socket socket = { .loop = fibers_loop(fiber_fibers(exchange->fiber)) };
	char close[WEBSOCKET_CLOSE_MAX];
	result_value served;

	TRY(answer_handshake(exchange));
	socket.stream = small_exchange_take_over(exchange, &socket.in);
	served = serve_frames(&socket);
	if (served.kind == ERROR_MALFORMED) {
		size_t len = websocket_close_print(WEBSOCKET_PROTOCOL_ERROR, NULL, close);

		TRY(stream_send_all(socket.stream, (str) { close, len }, patience(&socket)));
		return OK; /* it lingers, so that the client can read it */
	}
	return served;
}
