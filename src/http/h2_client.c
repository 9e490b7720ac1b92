/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_client: the session: what comes in, what goes out, and when it is over.
 *
 * All work on the connection is done in the loop, in one order: take in what came, take out what the library
 * has to say, write it, wake those whose wait is over, and tell the owner when nothing more will come. What
 * fibers say meanwhile is put into the block of unsent bytes at once, for their pieces are only lent, and
 * leaves at the end of the turn.
 *
 * A write that fails ends nothing by itself: the peer may have said before it closed which requests it has
 * not seen, and that decides whether they may be sent again. So what came is read first.
 */
#include "http/h2_client_private.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"

enum {
	OUT_MAX = 96 * 1024, /* and a frame of the library's own */
	FILLS_MAX = 8,       /* in one go: then others have their turn */
	UNKNOWN_BYTES = 32,  /* count for a frame that carries nothing */
	RATION_FIRST = 1000,
	RATION_MAX = 10000,
	RATION_A_SECOND = 100,
	HEADER_LIST = 64 * 1024,
	LAST_ID = INT32_MAX - 1024,
};

/* While somebody waits: after so long the peer is asked, and after three times as much given up. */
#define SILENCE_USUAL (10 * SECOND)

/* ---- waiting ---- */

result h2_client_wait(struct h2_client *h2, struct h2_client_waiter *waiter, deadline until)
{
	struct fiber *self = fiber_current(h2->fibers);
	result_value parked;

	ASSERT(!waiter->fiber);
	waiter->fiber = self;
	parked = fiber_park(self, until);
	waiter->fiber = NULL;
	if (waiter->is_due) {
		struct h2_client_waiter **at = &h2->due;

		while (*at != waiter)
			at = &(*at)->next;
		*at = waiter->next;
		waiter->is_due = false;
	}
	return parked;
}

void h2_client_rouse(struct h2_client *h2, struct h2_client_waiter *waiter)
{
	struct h2_client_waiter **at = &h2->due;

	if (!waiter->fiber || waiter->is_due)
		return;
	while (*at)
		at = &(*at)->next;
	*at = waiter;
	waiter->next = NULL;
	waiter->is_due = true;
}

void h2_client_rouse_writers(struct h2_client *h2)
{
	for (struct h2_client_stream *stream = h2->streams; stream; stream = stream->next)
		h2_client_rouse(h2, &stream->writer);
}

/* Those who run may end their streams, and others'. */
static void wake_due(struct h2_client *h2)
{
	while (h2->due) {
		struct h2_client_waiter *waiter = h2->due;

		h2->due = waiter->next;
		waiter->is_due = false;
		fiber_wake(waiter->fiber);
	}
}

/* ---- the ration ---- */

static void ration_refill(struct h2_client *h2, int64_t more)
{
	int64_t filled = h2->ration + more;

	h2->ration = filled < RATION_MAX ? filled : RATION_MAX;
}

void h2_client_earn(struct h2_client *h2, int64_t frames)
{
	ration_refill(h2, frames);
}

bool h2_client_spend(struct h2_client *h2, int64_t frames)
{
	deadline now = loop_now(h2->loop);

	if (now - h2->rationed >= SECOND) {
		ration_refill(h2, (now - h2->rationed) / SECOND * RATION_A_SECOND);
		h2->rationed = now;
	}
	h2->ration -= frames;
	return h2->ration >= 0;
}

/* ---- the end ---- */

/* Every stream is told once; one that has all of its answer keeps it. */
static void session_break(struct h2_client *h2, result_value error)
{
	if (h2->is_broken)
		return;
	h2->is_broken = true;
	h2->error = error;
	for (struct h2_client_stream *stream = h2->streams; stream; stream = stream->next) {
		bool is_unsent = stream->begins_at >= h2->sent;

		stream->is_closed = true;
		stream->client.is_over |= is_unsent;
		h2_client_stream_fail(
			stream, is_unsent ? error_make(ERROR_REFUSED, "the request was not sent") : error);
	}
	h2_client_rouse(h2, &h2->starter);
	loop_at_turn_end(h2->loop, &h2->turn_end);
}

/* ---- out ---- */

size_t h2_client_out_room(const struct h2_client *h2)
{
	return h2->out.len < OUT_MAX ? OUT_MAX - h2->out.len : 0;
}

void h2_client_put(struct h2_client *h2, str bytes)
{
	h2_out_put(&h2->out, bytes);
	h2->made += bytes.len;
}

static void fill_out(struct h2_client *h2)
{
	const uint8_t *bytes;
	ssize_t len = 0;

	if (h2->is_broken)
		return;
	while (h2_client_out_room(h2) && (len = nghttp2_session_mem_send(h2->session, &bytes)) > 0)
		h2_client_put(h2, (str) { (const char *)bytes, (size_t)len });
	if (len < 0) /* no memory, or a bound of the library's own */
		session_break(h2, error_make(ERROR_LIMIT, nghttp2_strerror((int)len)));
}

void h2_client_pump(struct h2_client *h2)
{
	fill_out(h2);
	loop_at_turn_end(h2->loop, &h2->turn_end);
}

void h2_client_flush(struct h2_client *h2)
{
	while (h2->out.len) {
		str bytes = h2_out_bytes(&h2->out);
		struct iovec part = { (void *)(uintptr_t)bytes.ptr, bytes.len };
		size_t sent = 0;
		result_value went = stream_send(h2->options.stream, &part, 1, STREAM_AT_ONCE, &sent);

		if (went.kind == ERROR_TIMEOUT || (!failed(went) && !sent))
			return;
		if (failed(went)) {
			h2->out_error = went;
			h2_out_fini(&h2->out);
			return;
		}
		h2_out_sent(&h2->out, sent);
		h2->sent += sent;
	}
}

/* Until it does not go, or there is nothing. Whoever waited for room may go on. */
static void send_all(struct h2_client *h2)
{
	do {
		fill_out(h2);
		h2_client_flush(h2);
	} while (!h2->out.len && !h2->is_broken && !failed(h2->out_error) &&
		 nghttp2_session_want_write(h2->session));
	if (!h2->is_out_awaited || !h2_client_out_room(h2))
		return;
	h2->is_out_awaited = false;
	h2_client_rouse_writers(h2);
}

/* ---- in ---- */

/* RFC 9113 section 10.5: it is told why, if it still listens. */
static void calm_down(struct h2_client *h2)
{
	result_value error = error_make(ERROR_MALFORMED, "the upstream sends frames that carry nothing");

	if (nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM) == 0)
		h2_client_pump(h2);
	h2_client_flush(h2);
	session_break(h2, error);
}

/* Frames of kinds that the library does not know it passes over in silence: what of the bytes belonged to
 * none that it has announced. */
static bool spend_unknown(struct h2_client *h2, size_t bytes)
{
	int64_t frames = 0;

	h2->unknown += (int64_t)bytes;
	if (h2->unknown >= UNKNOWN_BYTES) {
		frames = h2->unknown / UNKNOWN_BYTES;
		h2->unknown %= UNKNOWN_BYTES;
	}
	return h2_client_spend(h2, frames);
}

static void take_in(struct h2_client *h2)
{
	str bytes = intake_data(&h2->in);
	ssize_t taken = nghttp2_session_mem_recv(h2->session, (const uint8_t *)bytes.ptr, bytes.len);

	h2->heard = loop_now(h2->loop);
	h2->is_asked = false;
	intake_consume(&h2->in, h2->in.len);
	if (taken < 0)
		session_break(h2, error_make(ERROR_MALFORMED, "the upstream does not speak HTTP/2"));
	else if (!spend_unknown(h2, bytes.len))
		calm_down(h2);
}

/* False: there may be more. */
static bool read_all(struct h2_client *h2)
{
	for (unsigned fills = 0; fills < FILLS_MAX && !h2->is_broken; fills++) {
		result_value filled = stream_fill(h2->options.stream, &h2->in, STREAM_AT_ONCE);

		if (filled.kind == ERROR_TIMEOUT)
			return true;
		if (failed(filled))
			session_break(h2, filled);
		else
			take_in(h2);
	}
	return h2->is_broken;
}

/* ---- a turn ---- */

/* RFC 9113 section 5.4.1: the library says GOAWAY when the peer breaks the rules, and then wants no more. */
static void end_where_over(struct h2_client *h2)
{
	if (h2->is_broken || nghttp2_session_want_read(h2->session) || h2->out.len)
		return;
	if (h2->is_leaving)
		session_break(h2, error_make(ERROR_CLOSED, "the connection was ended by GOAWAY"));
	else
		session_break(h2, error_make(ERROR_MALFORMED, "the upstream broke the rules of HTTP/2"));
}

static void tell(struct h2_client *h2)
{
	if (!h2->is_broken || h2->is_told || h2->is_freed)
		return;
	h2->is_told = true;
	timer_set(h2->loop, &h2->watchdog, DEADLINE_NEVER);
	h2->options.on_over(h2->options.owner);
}

static void run_turn(struct h2_client *h2)
{
	send_all(h2);
	if (failed(h2->out_error) && read_all(h2))
		session_break(h2, h2->out_error);
	end_where_over(h2);
	wake_due(h2);
	tell(h2);
}

static void on_turn_end(struct turn_end *end)
{
	struct h2_client *h2 = CONTAINER_OF(end, struct h2_client, turn_end);

	if (!h2->is_freed && !h2->is_told)
		run_turn(h2);
}

void h2_client_on_ready(struct h2_client *h2)
{
	if (h2->is_broken)
		return;
	if (!read_all(h2)) /* what the descriptor has told once it does not tell again */
		timer_set(h2->loop, &h2->again, loop_now(h2->loop));
	loop_at_turn_end(h2->loop, &h2->turn_end);
	if (!fiber_current(h2->fibers))
		wake_due(h2);
}

static void on_again(struct timer *timer)
{
	h2_client_on_ready(CONTAINER_OF(timer, struct h2_client, again));
}

/* ---- the watchdog ---- */

void h2_client_doubt(struct h2_client *h2)
{
	if (h2->is_asked || h2->is_broken)
		return;
	h2->is_asked = true;
	h2->asked = loop_now(h2->loop);
	if (nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, NULL) == 0)
		h2_client_pump(h2);
}

/* The peer is never given up unasked, however late the loop is. */
static void on_watchdog(struct timer *timer)
{
	struct h2_client *h2 = CONTAINER_OF(timer, struct h2_client, watchdog);
	duration silence = h2->options.silence;
	deadline now = loop_now(h2->loop);

	if (h2->is_broken || !h2->count)
		return;
	if (!h2->is_asked && now >= deadline_after(h2->heard, silence))
		h2_client_doubt(h2);
	if (h2->is_asked && now >= deadline_after(h2->asked, 2 * silence))
		session_break(h2, error_make(ERROR_RESET, "the upstream's connection is dead"));
	else
		timer_set(h2->loop, timer,
			  h2->is_asked ? deadline_after(h2->asked, 2 * silence)
				       : deadline_after(h2->heard, silence));
}

/* The silence that counts begins when somebody waits. */
void h2_client_watch(struct h2_client *h2)
{
	h2->heard = loop_now(h2->loop);
	timer_set(h2->loop, &h2->watchdog, deadline_after(h2->heard, h2->options.silence));
}

/* ---- its life ---- */

static void library_open(struct h2_client *h2)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0);
	h2_client_callbacks_set(callbacks);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_peer_max_concurrent_streams(option, H2_CLIENT_STREAMS);
	ASSERT(nghttp2_session_client_new2(&h2->session, callbacks, h2, option) == 0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
}

/* RFC 9113 section 3.4. Nothing is wanted but answers: no pushes. */
static void preface_submit(struct h2_client *h2)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_CLIENT_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST },
	};

	ASSERT(nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings,
				       sizeof settings / sizeof *settings) == 0);
	ASSERT(nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
						     H2_CLIENT_CONNECTION_WINDOW) == 0);
}

struct h2_client *h2_client_new(const struct h2_client_options *options)
{
	struct h2_client *h2 = calloc(1, sizeof *h2);
	struct fibers *fibers = options->stream->fibers;

	ASSERT(h2);
	allowance_need(options->blocks->allowance, H2_CLIENT_BYTES);
	h2->options = *options;
	h2->streams_end = &h2->streams;
	if (!h2->options.silence)
		h2->options.silence = SILENCE_USUAL;
	h2->fibers = fibers;
	h2->loop = fibers_loop(fibers);
	h2->ration = RATION_FIRST;
	h2->heard = h2->rationed = loop_now(h2->loop);
	h2->turn_end.on_end = on_turn_end;
	h2->watchdog.on_due = on_watchdog;
	h2->again.on_due = on_again;
	h2_out_init(&h2->out, options->blocks);
	intake_init(&h2->in, fibers_scratch(fibers));
	library_open(h2);
	preface_submit(h2);
	h2_client_pump(h2);
	return h2;
}

/* The peer is told if that can be said at once. */
static void say_end(struct h2_client *h2)
{
	h2_client_leave(h2);
	fill_out(h2);
	h2_client_flush(h2);
}

/* The loop may still have its end of turn, and who frees it may have been woken by it. */
void h2_client_free(struct h2_client **address)
{
	struct h2_client *h2 = *address;

	if (!h2)
		return;
	ASSERT(!h2->count && !h2->due);
	if (!h2->is_broken)
		say_end(h2);
	h2->is_freed = true;
	timer_clear(&h2->watchdog);
	timer_clear(&h2->again);
	intake_fini(&h2->in);
	h2_out_fini(&h2->out);
	allowance_give(h2->options.blocks->allowance, H2_CLIENT_BYTES);
	nghttp2_session_del(h2->session);
	loop_retire(h2->loop, h2, free);
	*address = NULL;
}

result h2_client_start(struct h2_client *h2, deadline until)
{
	while (!h2->is_standing && !h2->is_broken)
		TRY(h2_client_wait(h2, &h2->starter, until));
	return h2->is_broken ? h2->error : OK;
}

static bool has_ids(const struct h2_client *h2)
{
	return nghttp2_session_get_next_stream_id(h2->session) < LAST_ID;
}

bool h2_client_is_over(const struct h2_client *h2)
{
	return h2->is_broken || h2->is_leaving || failed(h2->out_error) || !has_ids(h2);
}

static size_t max_streams(const struct h2_client *h2)
{
	size_t max =
		nghttp2_session_get_remote_settings(h2->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

	return max < H2_CLIENT_STREAMS ? max : H2_CLIENT_STREAMS;
}

bool h2_client_takes_none(const struct h2_client *h2)
{
	return h2->is_standing && !h2_client_is_over(h2) && max_streams(h2) == 0;
}

size_t h2_client_room(const struct h2_client *h2)
{
	size_t max = max_streams(h2);

	if (!h2->is_standing || h2->is_asked || h2_client_is_over(h2))
		return 0;
	return h2->count < max ? max - h2->count : 0;
}

size_t h2_client_count(const struct h2_client *h2)
{
	return h2->count;
}

void h2_client_leave(struct h2_client *h2)
{
	if (h2->is_leaving || h2->is_broken)
		return;
	h2->is_leaving = true;
	if (nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0) == 0)
		h2_client_pump(h2);
	loop_at_turn_end(h2->loop, &h2->turn_end);
}
