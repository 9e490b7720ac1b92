/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_server: the library is called at three places: fed in h2_server_feed(), asked for bytes in h2_drain(),
 * and given orders (answers, resets) by whoever has them, who drains then. Around the first two stands
 * is_at_work, and after them what the callbacks noted is told.
 *
 * Telling runs fibers, when the loop does it, and they drain again: a stream is therefore taken off the list
 * before it is told anything, and held while it is told more than one thing.
 */
#include "http/h2_private.h"

#include "base/assert.h"

enum { OUT_LOW = H2_OUT_MAX / 2 };

/* Refused by the library only when it has no memory left. */
static result settle(struct h2_server *h2)
{
	const struct h1_limits *limits = &h2->options.limits;
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h2->options.streams },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)(limits->head + limits->request_line) },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
		{ NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 },
	};
	size_t count = sizeof settings / sizeof settings[0] - !h2->options.has_connect_protocol;

	if (nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, count) ||
	    nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, H2_CONNECTION_WINDOW))
		return error_make(ERROR_LIMIT, "no memory for an HTTP/2 connection");
	return OK;
}

result h2_server_open(struct h2_server *h2, const struct h2_server_ops *ops, const struct h2_options *options)
{
	result_value opened;

	if (!allowance_take(options->blocks->allowance, H2_SERVER_BYTES))
		return error_make(ERROR_LIMIT, "no memory for an HTTP/2 connection");
	*h2 = (struct h2_server) { .ops = ops, .options = *options };
	h2->due_last = &h2->due;
	h2->waiting_last = &h2->waiting;
	h2_out_init(&h2->out, options->blocks);
	h2_calm_init(&h2->calm, h2_now(h2));
	opened = h2_session_new(h2, &h2->session);
	if (!failed(opened))
		opened = settle(h2);
	if (failed(opened))
		h2_server_close(h2);
	else
		h2_drain(h2);
	return opened;
}

void h2_server_close(struct h2_server *h2)
{
	ASSERT(!h2->is_at_work && !h2->stream_count);
	if (h2->head)
		h2_stream_free(h2->head);
	ASSERT(!h2->streams);
	nghttp2_session_del(h2->session);
	h2->session = NULL;
	h2_out_fini(&h2->out);
	allowance_give(h2->options.blocks->allowance, H2_SERVER_BYTES);
}

struct h2_stream *h2_stream_of(struct h2_server *h2, int32_t id)
{
	return nghttp2_session_get_stream_user_data(h2->session, id);
}

void h2_note(struct h2_stream *stream, enum h2_event event)
{
	struct h2_server *h2 = stream->h2;

	stream->events |= event;
	if (stream->is_due)
		return;
	stream->is_due = true;
	stream->due_next = NULL;
	*h2->due_last = stream;
	h2->due_last = &stream->due_next;
}

static struct h2_stream *due_take(struct h2_server *h2)
{
	struct h2_stream *stream = h2->due;

	h2->due = stream->due_next;
	if (!h2->due)
		h2->due_last = &h2->due;
	stream->is_due = false;
	return stream;
}

static void wake(struct fiber *fiber)
{
	if (fiber)
		fiber_wake(fiber);
}

/* Each fiber that is woken may end the stream, which then waits for this to be done. */
static void tell_waiters(struct h2_stream *stream, unsigned events)
{
	stream->is_held = true;
	if (events & H2_EVENT_CANCEL)
		fiber_cancel(stream->fiber);
	if (events & H2_EVENT_GONE)
		server_gone(&stream->server);
	if (events & (H2_EVENT_GONE | H2_EVENT_BODY))
		wake(stream->reader);
	if (events & (H2_EVENT_GONE | H2_EVENT_ROOM))
		wake(stream->writer);
	if (stream->h2 && stream->on_bytes)
		h2_bytes_tell(stream);
	stream->is_held = false;
	if (!stream->h2 && !stream->is_due) /* or it waits to be told something that was noted meanwhile */
		h2_stream_free(stream);
}

static void tell(struct h2_server *h2, struct h2_stream *stream)
{
	unsigned events = stream->events;

	stream->events = 0;
	if (!stream->h2)
		h2_stream_free(stream); /* it was let go of meanwhile */
	else if (events & H2_EVENT_REQUEST)
		h2->ops->on_request(h2, stream); /* it finds out about the rest itself */
	else
		tell_waiters(stream, events);
}

void h2_tell(struct h2_server *h2)
{
	if (h2->is_telling) /* further down on this stack, or on another: that one goes on to the end */
		return;
	h2->is_telling = true;
	while (h2->due)
		tell(h2, due_take(h2));
	h2->is_telling = false;
}

void h2_drain(struct h2_server *h2)
{
	const uint8_t *bytes;
	ssize_t len = 1;

	ASSERT(!h2->is_at_work);
	h2->is_at_work = true;
	while (len > 0 && h2_has_room(h2)) {
		len = nghttp2_session_mem_send(h2->session, &bytes);
		if (len > 0)
			h2_out_put(&h2->out, (str) { (const char *)bytes, (size_t)len });
	}
	h2->is_at_work = false;
	if (len < 0)
		h2->is_over = true;
	if (h2->out.len)
		h2->ops->on_output(h2);
	h2_tell(h2);
}

static void waiting_join(struct h2_stream *stream)
{
	struct h2_server *h2 = stream->h2;

	if (stream->is_waiting)
		return;
	stream->is_waiting = true;
	stream->waiting_next = NULL;
	*h2->waiting_last = stream;
	h2->waiting_last = &stream->waiting_next;
}

void h2_waiting_leave(struct h2_stream *stream)
{
	struct h2_server *h2 = stream->h2;
	struct h2_stream **link = &h2->waiting;

	if (!stream->is_waiting)
		return;
	while (*link != stream)
		link = &(*link)->waiting_next;
	*link = stream->waiting_next;
	if (!*link)
		h2->waiting_last = link;
	stream->is_waiting = false;
}

/* A fast download would have filled the output again whenever another looks: whoever comes queues up behind
 * those that wait, also where there is room. */
bool h2_may_put_out(struct h2_stream *stream)
{
	struct h2_server *h2 = stream->h2;
	bool is_next = stream->has_turn || !h2->waiting;

	if (is_next && !h2_has_room(h2))
		h2->ops->send_now(h2);
	if (is_next && h2_has_room(h2)) {
		h2_waiting_leave(stream);
		stream->has_turn = false;
		return true;
	}
	waiting_join(stream);
	return false;
}

static void give_turns(struct h2_server *h2)
{
	while (h2->waiting && h2_has_room(h2)) {
		struct h2_stream *stream = h2->waiting;

		h2_waiting_leave(stream);
		stream->has_turn = true;
		h2_note(stream, H2_EVENT_ROOM);
		h2_tell(h2);
	}
}

/* The library comes last: it asks for more of what it was given last. */
void h2_server_sent(struct h2_server *h2, size_t n)
{
	h2_out_sent(&h2->out, n);
	h2->sent += n;
	if (h2->out.len > OUT_LOW)
		return;
	give_turns(h2);
	if (nghttp2_session_want_write(h2->session))
		h2_drain(h2);
}

/* What the library finds fatal is told the client in a word all the same. */
void h2_break_off(struct h2_server *h2, uint32_t code, const char *trouble)
{
	if (h2->is_over)
		return;
	h2->is_over = true;
	h2->trouble = trouble;
	nghttp2_session_terminate_session(h2->session, code);
}

void h2_calm_down(struct h2_server *h2, const char *trouble)
{
	h2_break_off(h2, NGHTTP2_ENHANCE_YOUR_CALM, trouble);
}

static void feed_failed(struct h2_server *h2, ssize_t error)
{
	switch (error) {
	case NGHTTP2_ERR_FLOODED:
		h2_calm_down(h2, "it does not read the acknowledgements that it asks for");
		break;
	case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
		h2_calm_down(h2, "a header section has too many continuations");
		break;
	default:
		h2_break_off(h2, NGHTTP2_PROTOCOL_ERROR, nghttp2_strerror((int)error));
		break;
	}
}

void h2_server_feed(struct h2_server *h2, str bytes)
{
	ssize_t taken;

	ASSERT(!h2->is_at_work);
	if (h2->is_over)
		return;
	h2->is_at_work = true;
	taken = nghttp2_session_mem_recv(h2->session, (const uint8_t *)bytes.ptr, bytes.len);
	h2->is_at_work = false;
	if (taken < 0)
		feed_failed(h2, taken);
}

void h2_server_turn(struct h2_server *h2)
{
	h2_drain(h2);
	if (h2->is_over)
		h2_server_abandon(h2);
}

/* The last request is known and answered. To the library a stream is open until the client has ended its half
 * too, which it may never do. */
static bool is_through(const struct h2_server *h2)
{
	return h2->is_shutting && !h2->is_asked && !h2->stream_count && !h2->head;
}

bool h2_server_is_finished(const struct h2_server *h2)
{
	if (h2->is_over || h2->is_abandoned)
		return true;
	return !nghttp2_session_want_write(h2->session) &&
	       (is_through(h2) || !nghttp2_session_want_read(h2->session));
}

void h2_server_shut(struct h2_server *h2)
{
	if (h2->is_over)
		return;
	if (!h2->is_shutting) {
		h2->is_shutting = h2->is_asked = true;
		nghttp2_submit_shutdown_notice(h2->session);
		h2_drain(h2); /* the library would send a ping before it */
		nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, NULL);
	} else if (h2->is_asked) {
		h2->is_asked = false;
		nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
				      nghttp2_session_get_last_proc_stream_id(h2->session), NGHTTP2_NO_ERROR,
				      NULL, 0);
	}
	if (!h2->is_at_work)
		h2_drain(h2);
}

void h2_server_end(struct h2_server *h2, const char *trouble)
{
	h2_break_off(h2, NGHTTP2_PROTOCOL_ERROR, trouble);
	h2_server_turn(h2);
}

void h2_server_cancel(struct h2_server *h2)
{
	for (struct h2_stream *stream = h2->streams; stream; stream = stream->next)
		if (stream->fiber)
			h2_note(stream, H2_EVENT_CANCEL);
	h2_tell(h2);
}

void h2_server_abandon(struct h2_server *h2)
{
	h2->is_abandoned = true;
	for (struct h2_stream *stream = h2->streams; stream; stream = stream->next) {
		if (stream->is_requested && !stream->is_closed) {
			stream->is_closed = true;
			h2_note(stream, H2_EVENT_GONE);
		}
	}
	h2_tell(h2);
}
