/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc_source: passes pieces on, and holds back that the last one is the last until it knows how the call
 * ended.
 *
 * Bytes are followed as they are consumed, for a piece may be asked for again. But a piece is looked through
 * before it is given: a frame that is no message must not reach a client of gRPC-Web, which would take it for
 * the gateway's.
 */
#include "http/grpc_source.h"

#include "base/assert.h"

enum { OWN_FIELDS = 2, FRAME_USUAL = 256 };

static const struct body_source_ops grpc_source_ops;

static void init(struct grpc_source *grpc, struct body_source *from, bool is_web, struct arena *arena)
{
	*grpc = (struct grpc_source) { .source.ops = &grpc_source_ops,
				       .from = from,
				       .arena = arena,
				       .early.arena = arena,
				       .is_web = is_web };
}

void grpc_source_init(struct grpc_source *grpc, struct body_source *from, bool is_web, struct arena *arena)
{
	init(grpc, from, is_web, arena);
}

static struct grpc_source *grpc_of(const struct body_source *source)
{
	return (struct grpc_source *)(uintptr_t)source;
}

bool grpc_is_status(const struct http_field *field)
{
	return field->id == HTTP_GRPC_STATUS || field->id == HTTP_GRPC_MESSAGE ||
	       str_eq_nocase(field->name, STR("grpc-status-details-bin"));
}

void grpc_remove_status(struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++)
		fields->at[i].removed |= grpc_is_status(&fields->at[i]);
}

result grpc_put_status(struct http_fields *fields, enum grpc_status status, str message, struct arena *arena)
{
	struct buf out;

	grpc_remove_status(fields);
	TRY(http_fields_add(fields, HTTP_GRPC_STATUS, http_name_text(HTTP_GRPC_STATUS),
			    arena_printf(arena, "%d", (int)status)));
	if (!message.len)
		return OK;
	out = arena_open(arena, 3 * message.len);
	grpc_message_print(message, &out);
	return http_fields_add(fields, HTTP_GRPC_MESSAGE, http_name_text(HTTP_GRPC_MESSAGE),
			       arena_close(arena, &out));
}

/* Those that are not removed, with room for the gateway's own. */
static struct http_fields copy(const struct http_fields *fields, struct arena *arena)
{
	struct http_fields all = { .max = fields->count + OWN_FIELDS, .arena = arena };

	all.at = ARENA_ARRAY(arena, struct http_field, all.max);
	for (size_t i = 0; i < fields->count; i++)
		if (!fields->at[i].removed)
			all.at[all.count++] = fields->at[i];
	return all;
}

/* PROTOCOL-WEB.md: a field section as HTTP/1 writes it, without the empty line. */
static str print_frame(const struct http_fields *trailers, struct arena *arena)
{
	for (size_t size = FRAME_USUAL;; size *= 2) {
		struct buf out = arena_open(arena, size);
		char head[GRPC_FRAME_HEAD];
		struct buf head_out = buf_over(head, sizeof head);

		buf_put(&out, (str) { head, sizeof head });
		for (size_t i = 0; i < trailers->count; i++) {
			if (trailers->at[i].removed)
				continue;
			buf_put(&out, trailers->at[i].name);
			buf_put(&out, STR(": "));
			buf_put(&out, trailers->at[i].value);
			buf_put(&out, STR("\r\n"));
		}
		if (buf_overflowed(&out))
			continue;
		grpc_frame_print_head(GRPC_FRAME_TRAILERS, (uint32_t)(out.len - sizeof head), &head_out);
		memcpy(out.bytes, head, sizeof head);
		return arena_close(arena, &out);
	}
}

/* Into fields that have room. */
static void put_own_status(struct grpc_source *grpc, struct http_fields *fields, enum grpc_status status,
			   str message)
{
	result_value put = grpc_put_status(fields, status, message, grpc->arena);

	ASSERT(!failed(put));
}

/* There is nothing below any more, and these are the trailers. */
static void end(struct grpc_source *grpc, const struct http_fields *trailers)
{
	grpc->is_over = true;
	if (grpc->is_web)
		grpc->tail = print_frame(trailers, grpc->arena);
	else
		grpc->source.trailers = *trailers;
}

void grpc_source_init_end(struct grpc_source *grpc, const struct http_fields *trailers, bool is_web,
			  struct arena *arena)
{
	init(grpc, NULL, is_web, arena);
	end(grpc, trailers);
}

/* PROTOCOL-HTTP2.md: a call whose trailers bear no status is UNKNOWN; and so is one with two, of which others
 * could take another one than we. */
static void end_of_body(struct grpc_source *grpc)
{
	bool is_all = !grpc->has_begun && !grpc->from->trailers.count;
	struct http_fields trailers = copy(is_all ? &grpc->early : &grpc->from->trailers, grpc->arena);
	size_t statuses = http_fields_count(&trailers, HTTP_GRPC_STATUS);

	if (statuses != 1)
		put_own_status(grpc, &trailers, GRPC_UNKNOWN,
			       statuses ? STR("the service ended the call with more than one status")
					: STR("the service ended the call without a status"));
	end(grpc, &trailers);
}

/* In the words of gRPC; but a cancellation is nobody's to read, and within a message no end can be told. */
static result end_of_failure(struct grpc_source *grpc, result_value failure)
{
	struct http_fields trailers = copy(&(struct http_fields) { 0 }, grpc->arena);
	bool is_late = failure.kind == ERROR_TIMEOUT;

	if (failure.kind == ERROR_CANCELLED || !grpc_frame_is_between(&grpc->frame))
		return failure;
	grpc->failure = failure;
	put_own_status(grpc, &trailers, is_late ? GRPC_DEADLINE_EXCEEDED : GRPC_UNAVAILABLE,
		       is_late ? STR("the service did not go on in time") : STR("the service broke off"));
	end(grpc, &trailers);
	return OK;
}

static bool grpc_is_ready(const struct body_source *source)
{
	const struct grpc_source *grpc = grpc_of(source);

	return grpc->is_over || body_is_ready(grpc->from);
}

static result look(const struct grpc_source *grpc, deadline until, struct piece *ret_piece)
{
	struct grpc_frame frame = grpc->frame;

	TRY(body_peek(grpc->from, until, ret_piece));
	if (!grpc_frame_follow(&frame, ret_piece->bytes))
		return error_make(ERROR_MALFORMED, "a frame that is no message of gRPC");
	if (ret_piece->is_last && !grpc_frame_is_between(&frame))
		return error_make(ERROR_CLOSED, "the body of a call ended within a message");
	return OK;
}

static result grpc_peek(struct body_source *source, deadline until, struct piece *ret_piece)
{
	struct grpc_source *grpc = grpc_of(source);
	result_value looked = grpc->is_over ? OK : look(grpc, until, ret_piece);

	if (failed(looked))
		TRY(end_of_failure(grpc, looked));
	else if (!grpc->is_over && ret_piece->is_last && !ret_piece->bytes.len)
		end_of_body(grpc);
	if (grpc->is_over)
		*ret_piece = (struct piece) { .bytes = grpc->tail, .is_last = true };
	else
		ret_piece->is_last = false;
	return OK;
}

static void grpc_consume(struct body_source *source, size_t n)
{
	struct grpc_source *grpc = grpc_of(source);
	struct piece piece;
	bool holds;

	if (grpc->is_over)
		grpc->tail = str_skip(grpc->tail, n);
	if (grpc->is_over || n == 0)
		return;
	holds = !failed(body_peek(grpc->from, 0, &piece)) && piece.bytes.len >= n;
	ASSERT(holds);
	holds = grpc_frame_follow(&grpc->frame, str_slice(piece.bytes, 0, n));
	ASSERT(holds);
	grpc->has_begun = true;
	body_consume(grpc->from, n);
	if (piece.is_last && piece.bytes.len == n)
		end_of_body(grpc);
}

static const struct body_source_ops grpc_source_ops = {
	.is_ready = grpc_is_ready,
	.peek = grpc_peek,
	.consume = grpc_consume,
};
