/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upload: one relay, run here or in a fiber, and the join.
 *
 * Its ends are told apart because they mean different things. The upstream no longer takes the body: it may
 * have answered, so the exchange goes on waiting. The client breaks it off: no answer can come, so the
 * exchange is cancelled at once. Its struct lies on the exchange's stack: upload_stop() waits for the fiber
 * whatever happens, also while the exchange itself is being cancelled.
 */
#include "proxy/upload.h"

#include "base/assert.h"

/* In either fiber. */
static void upload_run(struct upload *upload)
{
	upload->end = relay_run(&upload->relay, &upload->error);
	upload->ended = exchange_now(upload->exchange);
}

/* The exchange waits for an answer that cannot come when the request is broken off. But a call whose time is
 * up ends in words of its own, and the exchange, which has the same deadline, says them. */
static bool is_answer_void(const struct upload *upload)
{
	bool is_late = upload->error.kind == ERROR_TIMEOUT && upload->ended >= upload->relay.until;

	if (upload->exchange->call.kind != GRPC_NONE && is_late)
		return false;
	return upload->end == RELAY_SOURCE_FAILED || upload->error.kind == ERROR_CANCELLED;
}

static void upload_fiber(struct fiber *self, void *argument)
{
	struct upload *upload = argument;

	upload->fiber = self;
	if (!upload->waiter)
		upload_run(upload);
	upload->fiber = NULL;
	upload->is_under_way = false;
	if (!upload->waiter && is_answer_void(upload))
		fiber_cancel(upload->exchange->session->fiber);
	if (upload->waiter)
		fiber_wake(upload->waiter);
}

/* Without a fiber the upload has failed as if the upstream had not taken it: ERROR_LIMIT, answered with 503.
 */
static void start_fiber(struct upload *upload)
{
	struct fibers *fibers = upload->exchange->worker->fibers;
	result_value started = fiber_start(fibers, upload_fiber, upload);

	if (!failed(started))
		return;
	upload->is_under_way = false;
	upload->end = RELAY_SINK_FAILED;
	upload->error = started;
}

void upload_start(struct upload *upload, struct exchange *x, struct client *to, str head,
		  struct body_source *body, duration idle)
{
	const struct http_request *request = &x->request.head;

	*upload = (struct upload) { .exchange = x, .ended = exchange_now(x) };
	upload->sink = client_request(to, &x->arena, head, request->framing, request->length);
	upload->relay = (struct relay) { .loop = x->worker->loop,
					 .from = body,
					 .to = upload->sink,
					 .from_idle = call_patience(x, exchange_limits(x)->body_timeout),
					 .to_idle = idle,
					 .until = call_until(x, x->until) };
	if (server_body_is_here(x->server)) { /* no wait for the client, so no fiber */
		upload_run(upload);
		return;
	}
	upload->is_under_way = true;
	start_fiber(upload);
}

bool upload_has_failed(const struct upload *upload)
{
	return upload->end != RELAY_DONE;
}

bool upload_is_complete(const struct upload *upload)
{
	return !upload->is_under_way && !upload_has_failed(upload);
}

void upload_stop(struct upload *upload)
{
	struct fiber *self;
	bool is_cancelled = false;

	if (!upload->is_under_way)
		return;
	self = upload->exchange->session->fiber;
	upload->waiter = self;
	while (upload->is_under_way) {
		result_value waited;

		if (upload->fiber)
			fiber_cancel(upload->fiber);
		waited = fiber_park(self, DEADLINE_NEVER);
		is_cancelled |= waited.kind == ERROR_CANCELLED;
	}
	upload->waiter = NULL;
	if (is_cancelled)
		fiber_cancel(self); /* the upload had to end first */
}

enum reason upload_client_failure(const struct upload *upload)
{
	if (upload->end != RELAY_SOURCE_FAILED)
		return REASON_NONE;
	switch (upload->error.kind) {
	case ERROR_MALFORMED:
		return call_text_is_malformed(upload->exchange) ? REASON_BASE64_MALFORMED
								: REASON_CHUNK_MALFORMED;
	case ERROR_DENIED:
		return REASON_DIGEST_MISMATCH;
	case ERROR_LIMIT:
		return upload->exchange->server->body->is_too_large ? REASON_BODY_TOO_LARGE
								    : REASON_OVERLOADED;
	case ERROR_TIMEOUT: /* a piece did not come in time, or there is no time left for the whole */
		return upload->ended < upload->relay.until ? REASON_BODY_TIMEOUT : REASON_TOTAL_TIMEOUT;
	default:
		return REASON_CLIENT_ABORTED;
	}
}
