/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "http/grpc_source.h"
#include "http/h1_source.h"
#include "http/http_testing.h"

enum { TEXT_MAX = 8192, BITES_MAX = 16 };

#define BYTES(literal)                       \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/* "\0\0\0\0\3abc" as one chunk. */
#define MESSAGE "8\r\n\0\0\0\0\3abc\r\n"
#define OUT "\0\0\0\0\3abc"

static const struct h1_chunked_limits limits = {
	.extension = 16, .trailers = { .field = 2000, .name = 32, .head = 4000, .fields = 8 }
};

struct bench {
	struct wire wire;
	struct h1_source below;
	struct grpc_source grpc;
	char bytes[TEXT_MAX];
	struct buf out;
};

static void bench_open(struct bench *bench, str input, struct pace gives, bool is_web)
{
	wire_open(&bench->wire, input, gives);
	h1_source_init(&bench->below, &bench->wire.stream, &bench->wire.in, HTTP_CHUNKED, 0);
	h1_source_allow(&bench->below, UINT64_MAX, &limits, &bench->wire.arena);
	grpc_source_init(&bench->grpc, &bench->below.source, is_web, &bench->wire.arena);
	bench->out = buf_over(bench->bytes, sizeof bench->bytes);
}

static enum error_kind bench_read(struct bench *bench, struct pace bites)
{
	return body_read(&bench->grpc.source, bites, &bench->out).kind;
}

static const struct row {
	const char *name;
	str input;
	enum error_kind end; /* behind the input; none: it closes */
	enum error_kind expected;
	enum error_kind failure; /* that was told by a status */
	str output;
	const char *status, *message; /* NULL: no trailers */
	str web_tail;
} rows[] = {
	{ "messages and trailers", BYTES(MESSAGE MESSAGE "0\r\ngrpc-status: 0\r\nx-a: b\r\n\r\n"), 0, 0, 0,
	  BYTES(OUT OUT), "0", "", BYTES("\x80\0\0\0\x18grpc-status: 0\r\nx-a: b\r\n") },
	{ "no messages", BYTES("0\r\ngrpc-status: 5\r\ngrpc-message: no\r\n\r\n"), 0, 0, 0, BYTES(""), "5",
	  "no", BYTES("\x80\0\0\0\x22grpc-status: 5\r\ngrpc-message: no\r\n") },
	{ "a message of nothing", BYTES("5\r\n\0\0\0\0\0\r\n0\r\ngrpc-status: 0\r\n\r\n"), 0, 0, 0,
	  BYTES("\0\0\0\0\0"), "0", "", BYTES("\x80\0\0\0\x10grpc-status: 0\r\n") },
	{ "no status", BYTES(MESSAGE "0\r\nx-a: b\r\n\r\n"), 0, 0, 0, BYTES(OUT), "2",
	  "the service ended the call without a status", BYTES("") },
	{ "no trailers", BYTES("0\r\n\r\n"), 0, 0, 0, BYTES(""), "2",
	  "the service ended the call without a status", BYTES("") },
	{ "two statuses", BYTES(MESSAGE "0\r\ngrpc-status: 0\r\nx-a: b\r\ngrpc-status: 0\r\n\r\n"), 0, 0, 0,
	  BYTES(OUT), "2", "the service ended the call with more than one status", BYTES("") },
	{ "two that differ",
	  BYTES("0\r\ngrpc-status: 0\r\ngrpc-message: a\r\ngrpc-status: 5\r\ngrpc-status-details-bin: "
		"AA\r\n\r\n"),
	  0, 0, 0, BYTES(""), "2", "the service ended the call with more than one status", BYTES("") },
	{ "closed between messages", BYTES(MESSAGE), 0, 0, ERROR_CLOSED, BYTES(OUT), "14",
	  "the service broke off", BYTES("") },
	{ "reset between messages", BYTES(MESSAGE), ERROR_RESET, 0, ERROR_RESET, BYTES(OUT), "14",
	  "the service broke off", BYTES("") },
	{ "late between messages", BYTES(MESSAGE), ERROR_TIMEOUT, 0, ERROR_TIMEOUT, BYTES(OUT), "4",
	  "the service did not go on in time", BYTES("") },
	{ "late at once", BYTES(""), ERROR_TIMEOUT, 0, ERROR_TIMEOUT, BYTES(""), "4",
	  "the service did not go on in time", BYTES("") },
	{ "malformed chunk between messages", BYTES(MESSAGE "x"), 0, 0, ERROR_MALFORMED, BYTES(OUT), "14",
	  "the service broke off", BYTES("") },

	/* no status can be told */
	{ "cancelled between messages", BYTES(MESSAGE), ERROR_CANCELLED, ERROR_CANCELLED, 0, BYTES(OUT), NULL,
	  NULL, BYTES("") },
	{ "reset within a message", BYTES("7\r\n\0\0\0\0\3ab\r\n"), ERROR_RESET, ERROR_RESET, 0,
	  BYTES("\0\0\0\0\3ab"), NULL, NULL, BYTES("") },
	{ "late within a head", BYTES("4\r\n\0\0\0\0\r\n"), ERROR_TIMEOUT, ERROR_TIMEOUT, 0,
	  BYTES("\0\0\0\0"), NULL, NULL, BYTES("") },
};

static str web_tail_of(const struct row *row, struct buf *room)
{
	char text[128];
	struct buf fields = buf_over(text, sizeof text);

	if (row->web_tail.len)
		return row->web_tail;
	if (!row->status)
		return (str) { 0 };
	if (str_contains(row->input, STR("x-a: b")))
		buf_put(&fields, STR("x-a: b\r\n"));
	buf_put(&fields, STR("grpc-status: "));
	buf_put(&fields, str_of(row->status));
	buf_put(&fields, STR("\r\ngrpc-message: "));
	buf_put(&fields, str_of(row->message));
	buf_put(&fields, STR("\r\n"));
	grpc_frame_print_head(GRPC_FRAME_TRAILERS, (uint32_t)fields.len, room);
	buf_put(room, buf_str(&fields));
	return buf_str(room);
}

static void check(const struct row *row, size_t i, bool is_web, unsigned char step)
{
	struct bench bench;
	char room_bytes[256];
	struct buf room = buf_over(room_bytes, sizeof room_bytes);
	const struct http_fields *trailers = &bench.grpc.source.trailers;
	str out;

	bench_open(&bench, row->input, step ? PACE(step, 0) : (struct pace) { 0 }, is_web);
	bench.wire.end = row->end;
	assert_row(bench_read(&bench, PACE(step, 0, 3)) == row->expected, i, row->name);
	assert_row(bench.grpc.failure.kind == row->failure, i, row->name);
	out = buf_str(&bench.out);
	if (is_web) {
		str tail = web_tail_of(row, &room);

		assert_row(str_ends(out, tail), i, row->name);
		out.len -= tail.len;
		assert_row(trailers->count == 0, i, row->name);
	} else if (row->status) {
		assert_text(http_fields_value(trailers, HTTP_GRPC_STATUS), row->status);
		assert_text(http_fields_value(trailers, HTTP_GRPC_MESSAGE), row->message);
		assert_row(http_fields_count(trailers, HTTP_GRPC_STATUS) == 1, i, row->name);
		assert_row(!http_fields_find(trailers, STR("grpc-status-details-bin")), i, row->name);
	}
	assert_row(str_eq(out, row->output), i, row->name);
	wire_close(&bench.wire);
}

static void a_call_ends_with_a_status(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (unsigned char step = 0; step < 12; step++) {
			check(&rows[i], i, false, step);
			check(&rows[i], i, true, step);
		}
	}
}

/* A frame that a client of gRPC-Web would take for the gateway's never comes through; nor does an end
 * within a message pass for one. */
static void what_is_no_message_is_refused(void **state)
{
	static const struct {
		str input;
		enum error_kind expected;
	} bad[] = {
		{ BYTES("5\r\n\x80\0\0\0\0\r\n0\r\ngrpc-status: 0\r\n\r\n"), ERROR_MALFORMED },
		{ BYTES("6\r\n\0\0\0\0\1x\r\n1\r\n\2\r\n0\r\n\r\n"), ERROR_MALFORMED },
		{ BYTES("7\r\n\0\0\0\0\3ab\r\n0\r\ngrpc-status: 0\r\n\r\n"), ERROR_CLOSED },
		{ BYTES("1\r\n\0\r\n0\r\ngrpc-status: 0\r\n\r\n"), ERROR_CLOSED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		for (unsigned char step = 0; step < 12; step++) {
			struct bench bench;
			enum error_kind read;

			bench_open(&bench, bad[i].input, step ? PACE(step) : (struct pace) { 0 }, true);
			read = bench_read(&bench, PACE(1));
			assert_row(read ? read == bad[i].expected
					: bench.grpc.failure.kind == bad[i].expected,
				   i, "frame");
			assert_row(!memchr(bench.bytes, 2, bench.out.len) || i != 1, i, "frame");
			assert_row(!str_contains(buf_str(&bench.out), STR("grpc-status: 0")), i, "status");
			wire_close(&bench.wire);
		}
	}
}

static void an_end_alone_needs_no_body(void **state)
{
	struct http_field fields[4];
	struct http_fields trailers = { .at = fields, .max = 4 }, full = { 0 };
	struct wire wire;
	struct grpc_source grpc;
	struct piece piece;

	(void)state;
	wire_open(&wire, STR(""), (struct pace) { 0 });
	assert_false(failed(grpc_put_status(&trailers, GRPC_UNAVAILABLE, STR("50%\n"), &wire.arena)));
	assert_true(failed(grpc_put_status(&full, GRPC_UNAVAILABLE, STR("x"), &wire.arena)));
	assert_false(failed(grpc_put_status(&trailers, GRPC_PERMISSION_DENIED, STR("50%\n"), &wire.arena)));
	grpc_source_init_end(&grpc, &trailers, true, &wire.arena);
	assert_true(body_is_ready(&grpc.source));
	assert_false(failed(body_peek(&grpc.source, 0, &piece)));
	assert_true(piece.is_last);
	assert_int_equal((unsigned char)piece.bytes.ptr[0], GRPC_FRAME_TRAILERS);
	assert_text(str_skip(piece.bytes, GRPC_FRAME_HEAD), "grpc-status: 7\r\ngrpc-message: 50%25%0A\r\n");
	grpc_source_init_end(&grpc, &trailers, false, &wire.arena);
	assert_false(failed(body_peek(&grpc.source, 0, &piece)));
	assert_true(piece.is_last && !piece.bytes.len);
	assert_text(http_fields_value(&grpc.source.trailers, HTTP_GRPC_STATUS), "7");
	wire_close(&wire);
}

/* Trailers of any size make one frame. */
static void large_trailers_are_one_frame(void **state)
{
	struct bench bench;
	char text[3000];
	struct buf input = buf_over(text, sizeof text);

	(void)state;
	buf_put(&input, STR("0\r\ngrpc-status: 0\r\nx-large: "));
	for (size_t i = 0; i < 1500; i++)
		buf_put_char(&input, 'y');
	buf_put(&input, STR("\r\n\r\n"));
	bench_open(&bench, buf_str(&input), PACE(100), true);
	assert_int_equal(bench_read(&bench, PACE(7)), ERROR_NONE);
	assert_int_equal(bench.out.len, GRPC_FRAME_HEAD + 16 + 9 + 1500 + 2);
	assert_memory_equal(bench.bytes, "\x80\0\0\x5\xf7grpc-status: 0\r\nx-large: yyy", 33);
	wire_close(&bench.wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_ends_with_a_status),
		cmocka_unit_test(what_is_no_message_is_refused),
		cmocka_unit_test(an_end_alone_needs_no_body),
		cmocka_unit_test(large_trailers_are_one_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
