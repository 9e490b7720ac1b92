/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel: each way is the same few steps: send what is left, read, send.
 *
 * Readiness is not asked for: every turn tries both ways, and streams that cannot go on say so at once and
 * without a system call. That is also what TLS needs, where reading may wait for writing.
 *
 * Leaving is done with care for two things. A frame that has begun is passed on to its end, for what follows
 * in its midst would be taken for its content. And what was offered to a stream once is sent before anything
 * else: TLS may have made a record of it already.
 */
#include "proxy/tunnel.h"

#include "base/container.h"
#include "base/random.h"

enum {
	SHARE = 32, /* reads a way and turn, so that others have theirs */
	MASK_LEN = 4,
};

static const duration leaving_patience = 5 * SECOND;

/* The peers' own close frames make an orderly end of whatever the connections do then. */
static void note_end(struct tunnel *tunnel, enum reason reason)
{
	bool is_orderly = tunnel->up.trail.has_close || tunnel->down.trail.has_close;

	if (tunnel->reason == REASON_NONE && !is_orderly)
		tunnel->reason = reason;
}

static struct tunnel_way *way_back(struct tunnel *tunnel, const struct tunnel_way *way)
{
	return way == &tunnel->up ? &tunnel->down : &tunnel->up;
}

/* Nobody is there to take it. */
static void way_give_up(struct tunnel_way *way)
{
	intake_consume(&way->in, way->in.len);
	way->may_go = 0;
	way->is_done = true;
}

/* What goes next: what was read, then what the tunnel says itself. */
static str way_next(const struct tunnel_way *way)
{
	if (way->may_go)
		return str_slice(intake_data(&way->in), 0, way->may_go);
	return (str) { way->close + way->close_sent, way->close_len - way->close_sent };
}

static void follow(struct websocket_trail *trail, str bytes)
{
	while (bytes.len)
		bytes = str_skip(bytes, websocket_follow(trail, bytes));
}

static void way_sent(struct tunnel_way *way, str sent)
{
	if (!way->may_go) {
		way->close_sent = (unsigned char)(way->close_sent + sent.len);
		return;
	}
	follow(&way->trail, sent);
	way->carried += sent.len;
	way->may_go -= sent.len;
	intake_consume(&way->in, sent.len);
}

/* False: something is left, or nobody is there to take it. */
static bool way_flush(struct tunnel *tunnel, struct tunnel_way *way)
{
	str next;

	while ((next = way_next(way)).len) {
		struct iovec part = { .iov_base = (void *)(uintptr_t)next.ptr, .iov_len = next.len };
		size_t count;
		result_value sent = stream_send(way->to, &part, 1, STREAM_AT_ONCE, &count);

		if (sent.kind == ERROR_TIMEOUT)
			return false;
		if (failed(sent)) {
			note_end(tunnel, way_back(tunnel, way)->when_from_ends);
			way_give_up(way);
			return false;
		}
		/* Sending may have other tunnels do something, and the bytes lie elsewhere then. */
		way_sent(way, str_slice(way_next(way), 0, count));
		tunnel->has_moved = true;
	}
	return true;
}

/* How much of what was read may go: not beyond the frame under way when the tunnel is to end behind it. */
static void way_allow(const struct tunnel *tunnel, struct tunnel_way *way)
{
	struct websocket_trail ahead = way->trail;

	way->may_go = tunnel->is_leaving ? websocket_follow(&ahead, intake_data(&way->in)) : way->in.len;
}

/* Both peers have said that it is over: nothing that could follow means anything (RFC 6455 section 1.4). */
static bool is_closed(const struct tunnel *tunnel)
{
	return tunnel->up.trail.has_close && tunnel->down.trail.has_close &&
	       websocket_is_between(&tunnel->up.trail) && websocket_is_between(&tunnel->down.trail);
}

/* A connection that broke takes nothing any more either; one that has only ended may. */
static void way_ended(struct tunnel *tunnel, struct tunnel_way *way, enum error_kind how)
{
	way->is_ended = true;
	note_end(tunnel, way->when_from_ends);
	if (how != ERROR_CLOSED || is_closed(tunnel))
		way_give_up(way_back(tunnel, way));
}

/* False: nothing comes now. */
static bool way_fill(struct tunnel *tunnel, struct tunnel_way *way)
{
	result_value filled = stream_fill(way->from, &way->in, STREAM_AT_ONCE);

	if (!failed(filled)) {
		way_allow(tunnel, way);
		return true;
	}
	if (filled.kind == ERROR_LIMIT) {
		tunnel->reason = REASON_OVERLOADED;
		tunnel->is_over = true;
	} else if (filled.kind != ERROR_TIMEOUT) {
		way_ended(tunnel, way, filled.kind);
		return true;
	}
	return false;
}

static void close_prepare(struct tunnel_way *way)
{
	unsigned char mask[MASK_LEN];

	random_bytes(mask, sizeof mask);
	way->close_len = (unsigned char)websocket_close_print(WEBSOCKET_GOING_AWAY,
							      way->must_mask ? mask : NULL, way->close);
}

/* Nothing is left to be sent. Whether more is to come, of the peer's or of the tunnel's own. */
static bool way_goes_on(struct tunnel *tunnel, struct tunnel_way *way)
{
	bool is_between = websocket_is_between(&way->trail);

	if (way->is_ended) {
		way->is_done = true;
		if (failed(stream_shut(way->to)))
			note_end(tunnel, way_back(tunnel, way)->when_from_ends);
	} else if (tunnel->is_leaving) {
		/* All is said; or nothing can be said, where there are no frames. */
		way->is_done = way->close_len || way->trail.is_lost || (is_between && way->trail.has_close);
		if (!way->is_done && is_between)
			close_prepare(way);
	}
	return !way->is_done;
}

static void way_turn(struct tunnel *tunnel, struct tunnel_way *way)
{
	unsigned reads = 0;

	while (!way->is_done && way_flush(tunnel, way) && way_goes_on(tunnel, way)) {
		if (way_next(way).len)
			continue;
		if (reads++ == SHARE) {
			tunnel->has_more = true;
			break;
		}
		if (!way_fill(tunnel, way))
			break;
	}
}

static void tunnel_end(struct tunnel *tunnel)
{
	tunnel_fini(tunnel);
	tunnel->on_end(tunnel);
}

static bool is_half(const struct tunnel *tunnel)
{
	return tunnel->up.is_done || tunnel->down.is_done;
}

/* While it is leaving, moving gains it no time. */
static void timer_update(struct tunnel *tunnel)
{
	deadline now = loop_now(tunnel->loop);

	if (tunnel->has_moved && !tunnel->is_leaving)
		tunnel->due = deadline_after(now, is_half(tunnel) ? tunnel->half_idle : tunnel->idle);
	timer_set(tunnel->loop, &tunnel->timer, tunnel->has_more ? now : tunnel->due);
}

/* Sending on a stream of HTTP/2 tells at once of what has become possible by it, also this very tunnel: it
 * looks again in the next turn. */
void tunnel_turn(struct tunnel *tunnel)
{
	bool was_half = is_half(tunnel);

	tunnel->has_more = tunnel->is_turning;
	if (tunnel->is_turning)
		return;
	tunnel->is_turning = true;
	tunnel->has_moved = false;
	way_turn(tunnel, &tunnel->up);
	way_turn(tunnel, &tunnel->down);
	tunnel->is_turning = false;
	tunnel->has_moved |= is_half(tunnel) != was_half;
	if (tunnel->is_over || (tunnel->up.is_done && tunnel->down.is_done))
		tunnel_end(tunnel);
	else
		timer_update(tunnel);
}

void tunnel_leave(struct tunnel *tunnel, enum reason reason)
{
	if (tunnel->is_leaving)
		return;
	note_end(tunnel, reason);
	tunnel->is_leaving = true;
	tunnel->due = deadline_after(loop_now(tunnel->loop), leaving_patience);
	tunnel_turn(tunnel);
}

void tunnel_cut(struct tunnel *tunnel, enum reason reason)
{
	tunnel->is_over = true;
	if (tunnel->is_leaving)
		tunnel_end(tunnel);
	else
		tunnel_leave(tunnel, reason);
}

/* Its share of a turn was used up, or its time is. */
static void on_due(struct timer *timer)
{
	struct tunnel *tunnel = CONTAINER_OF(timer, struct tunnel, timer);

	if (loop_now(tunnel->loop) < tunnel->due)
		tunnel_turn(tunnel);
	else if (tunnel->is_leaving)
		tunnel_end(tunnel);
	else
		tunnel_leave(tunnel, REASON_TUNNEL_TIMEOUT);
}

static void way_open(struct tunnel_way *way, struct intake *in, struct scratch *scratch)
{
	intake_init(&way->in, scratch);
	if (in)
		intake_hand_over(in, &way->in);
	way->may_go = way->in.len;
}

void tunnel_open(struct tunnel *tunnel, const struct tunnel_options *options, struct intake *client_in,
		 struct intake *upstream_in)
{
	*tunnel = (struct tunnel) {
		.loop = options->loop,
		.up = { .from = options->client,
			.to = options->upstream,
			.when_from_ends = REASON_CLIENT_ABORTED,
			.must_mask = true },
		.down = { .from = options->upstream,
			  .to = options->client,
			  .when_from_ends = REASON_UPSTREAM_ABORTED },
		.timer.on_due = on_due,
		.idle = options->idle,
		.half_idle = options->half_idle,
		.due = deadline_after(loop_now(options->loop), options->idle),
		.on_end = options->on_end,
	};
	way_open(&tunnel->up, client_in, options->scratch);
	way_open(&tunnel->down, upstream_in, options->scratch);
}

void tunnel_fini(struct tunnel *tunnel)
{
	timer_clear(&tunnel->timer);
	intake_fini(&tunnel->up.in);
	intake_fini(&tunnel->down.in);
}
