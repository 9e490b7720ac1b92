/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body: the relay, which is the same for every wire and in both directions.
 *
 * Three waits can end it: for the next piece, for the sink to take it, and for all of it together. Each is
 * computed anew in each step from the loop's clock, so that a slow but steady body is never too slow, and
 * one that stands still is told from one that takes long. Which side failed is told apart: an upload that
 * the client breaks off is not the upstream's fault.
 */
#include "http/body.h"

static deadline narrowed(const struct relay *relay, duration idle)
{
	return deadline_min(relay->until, deadline_after(loop_now(relay->loop), idle));
}

/* What is held back must not wait for a piece that is not there yet: an event stream's head, a chunk's end.
 */
static result send_held_back(struct relay *relay)
{
	if (body_is_ready(relay->from))
		return OK;
	return sink_flush(relay->to, narrowed(relay, relay->to_idle));
}

/* One piece, or as much of it as goes. Nothing may yield between the peek and the send: the piece would be
 * stale. Trailers are known with the last piece only, and lie where the source left them. */
static enum relay_end relay_step(struct relay *relay, result_value *ret_error)
{
	struct piece piece;
	size_t used;

	*ret_error = send_held_back(relay);
	if (failed(*ret_error))
		return RELAY_SINK_FAILED;
	*ret_error = body_peek(relay->from, narrowed(relay, relay->from_idle), &piece);
	if (failed(*ret_error))
		return RELAY_SOURCE_FAILED;
	relay->to->trailers = piece.is_last && relay->from->trailers.count ? &relay->from->trailers : NULL;
	*ret_error = sink_send(relay->to, piece, narrowed(relay, relay->to_idle), &used);
	if (failed(*ret_error))
		return RELAY_SINK_FAILED;
	body_consume(relay->from, used);
	return RELAY_DONE;
}

enum relay_end relay_run(struct relay *relay, result_value *ret_error)
{
	enum relay_end end = RELAY_DONE;

	while (end == RELAY_DONE && !relay->to->is_done)
		end = relay_step(relay, ret_error);
	return end;
}
