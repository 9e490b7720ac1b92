/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempt: connect, send, receive; each names its failures at the place where it still knows what was sent.
 *
 * That is the whole of retry safety: between "no byte has left" and "some byte may have arrived" lies the
 * line that may not be crossed twice by a request that changes something (RFC 9110 section 9.2.2). So a
 * failed write is not yet a failure: the upstream may have answered before it closed, and that answer is
 * read first. The head of an answer is read while the upload goes on, for it may come before the body has
 * gone.
 */
#include "proxy/attempt.h"

#include "proxy/blame.h"
#include "proxy/distrust.h"
#include "proxy/forward.h"
#include "proxy/handover.h"
#include "proxy/time_left.h"
#include "proxy/upgrade.h"

enum {
	INTERIM_MAX = 16,
	HEAD_COSTS_MAX = 512 * 1024, /* read, and printed for the client */
};

/* What an upstream's head may be. */
static const struct h1_limits response_limits = {
	.request_line = 8 * 1024,
	.field = 32 * 1024,
	.name = 256,
	.head = 64 * 1024,
	.fields = RESPONSE_FIELDS_MAX,
};

static enum reason fail(struct attempt *a, enum failure failure, enum reason reason)
{
	a->failure = failure;
	return reason;
}

/* From before the connection, so that one that is slow to come about counts as load. */
static void begin_load(struct attempt *a)
{
	atomic_fetch_add_explicit(&a->endpoint->active, 1, memory_order_relaxed);
}

void attempt_end_load(struct attempt *a)
{
	if (a->endpoint)
		atomic_fetch_sub_explicit(&a->endpoint->active, 1, memory_order_relaxed);
	a->endpoint = NULL;
}

static enum reason connect_failure(struct attempt *a, result_value error)
{
	switch (error.kind) {
	case ERROR_CANCELLED:
		return fail(a, FAILURE_FINAL, REASON_CLIENT_ABORTED);
	case ERROR_LIMIT:
		return fail(a, FAILURE_FINAL, REASON_OVERLOADED);
	case ERROR_BUSY: /* by the bound, which another try would meet, too */
		return fail(a, FAILURE_FINAL, REASON_UPSTREAM_CONNECTIONS_EXCEEDED);
	case ERROR_INVALID: /* it does not speak what it should */
		return fail(a, FAILURE_UNSENT, REASON_UPSTREAM_MALFORMED);
	case ERROR_TIMEOUT:
		return fail(a, FAILURE_UNSENT, REASON_UPSTREAM_CONNECT_TIMEOUT);
	case ERROR_MISSING:
		return fail(a, FAILURE_UNSENT, REASON_UPSTREAM_NAME_UNRESOLVED);
	case ERROR_UNTRUSTED:
	case ERROR_DENIED:
	case ERROR_MALFORMED:
		distrust_tell(a->forward->exchange->worker, a->forward->upstream, a->endpoint, error);
		return fail(a, FAILURE_UNSENT, distrust_reason(error));
	default:
		return fail(a, FAILURE_UNSENT, REASON_UPSTREAM_CONNECT_REFUSED);
	}
}

/* A kept connection is checked by a call to the kernel only for requests that cannot be repeated, and after
 * one has proved dead; for all others a wrong guess costs a try and no harm. */
static enum reason connect_endpoint(struct attempt *a)
{
	struct forward *f = a->forward;
	struct exchange *x = f->exchange;
	deadline until = deadline_min(x->until, deadline_after(exchange_now(x), x->timeouts->connect));
	bool is_repeatable = http_method_is_idempotent(x->request.head.method) && f->stale_tries == 0;
	struct balance_choosing choosing = { &x->generation->turns[f->upstream->index], &x->generation->arena,
					     &x->worker->random, f->key, exchange_now(x) };
	result_value taken;

	a->member = balance_pick(f->upstream->config, f->roster, &choosing, &f->tried);
	a->endpoint = a->member ? a->member->endpoint : NULL;
	if (a->rival && a->rival->endpoint == a->endpoint)
		a->endpoint = NULL;
	if (!a->endpoint) {
		x->attempts--; /* nobody was asked */
		return fail(a, FAILURE_FINAL, REASON_NO_ENDPOINT);
	}
	begin_load(a);
	x->view.endpoint = a->endpoint->text;
	if (f->tried.count < BALANCE_TRIED_MAX)
		f->tried.at[f->tried.count++] = a->endpoint;
	if (x->is_websocket && f->upstream->config->protocol == UPSTREAM_AUTO)
		taken = pool_connect_h1(x->worker->pool, f->upstream, a->endpoint, until, &a->connection);
	else if (f->was_silent) /* where one kept connection was dead, so may be the others */
		taken = pool_connect(x->worker->pool, f->upstream, a->endpoint, until, &a->connection);
	else
		taken = pool_take(x->worker->pool, f->upstream, a->endpoint, is_repeatable, until,
				  &a->connection);
	return failed(taken) ? connect_failure(a, taken) : REASON_NONE;
}

/* To the client, ahead of the answer that is still to come. */
static result send_interim(struct exchange *x, struct http_response *interim)
{
	return server_interim(x->server, &x->arena, interim, deadline_min(x->until, exchange_patience(x)));
}

/* A client that waits for leave to send its body gets it from the gateway, once (RFC 9110 section 10.1.1). */
static result give_leave(struct exchange *x)
{
	struct http_response leave = { .status = 100 };

	if (!x->request.head.expects_continue || server_has_input(x->server))
		return OK;
	x->request.head.expects_continue = false;
	return send_interim(x, &leave);
}

/* Once for all tries, but where it tells how much time there is. */
static void print_head(struct attempt *a)
{
	struct exchange *x = a->forward->exchange;

	if (a->forward->head.len && !time_left_is_told(x))
		return;
	time_left_tell(x);
	a->forward->head = handover_print_request(x);
}

static enum reason send_request(struct attempt *a)
{
	struct exchange *x = a->forward->exchange;

	if (x->is_websocket && !client_may_switch(a->connection->client))
		return fail(a, FAILURE_FINAL, REASON_UPSTREAM_UPGRADE_FAILED);
	if (x->request.head.framing != HTTP_NO_BODY && failed(give_leave(x)))
		return fail(a, FAILURE_FINAL, REASON_CLIENT_ABORTED);
	/* The requests that came in one turn of the loop are all read before the first is sent. */
	fiber_step_aside(fiber_current(x->worker->fibers));
	print_head(a);
	upload_start(&a->upload, x, a->connection->client, a->forward->head, a->forward->body,
		     x->timeouts->idle);
	if (!upload_has_failed(&a->upload))
		return REASON_NONE;
	if (a->upload.end == RELAY_SOURCE_FAILED) /* all of it is here, and wrong: no answer can come */
		return fail(a, FAILURE_FINAL, upload_client_failure(&a->upload));
	switch (a->upload.error.kind) {
	case ERROR_CANCELLED:
		return fail(a, FAILURE_FINAL, REASON_CLIENT_ABORTED);
	case ERROR_TIMEOUT:
		return fail(a, FAILURE_FINAL, REASON_UPSTREAM_WRITE_TIMEOUT);
	case ERROR_LIMIT:
		return fail(a, FAILURE_FINAL, REASON_OVERLOADED);
	default: /* it may have answered before it closed */
		return REASON_NONE;
	}
}

/* Links alone: no policy looks at hints, and the service's other fields would pass them all by. */
static bool keep_links(struct http_fields *fields)
{
	http_fields_remove_hop(fields);
	for (size_t i = 0; i < fields->count; i++)
		fields->at[i].removed |= fields->at[i].id != HTTP_LINK;
	return http_fields_get(fields, HTTP_LINK);
}

/* 103 is the client's, but of tries that race, of which it should not see two (RFC 8297); 100 was ours to
 * give, and 101 nobody asked for (RFC 9110 section 15.2). */
static result pass_interim(struct attempt *a, struct http_response *interim)
{
	struct exchange *x = a->forward->exchange;

	if (interim->status == 101)
		return error_make(ERROR_MALFORMED, "the upstream switched protocols unasked");
	if (interim->status != 103 || a->is_raced || x->request.head.version == HTTP_1_0 ||
	    !keep_links(&interim->fields))
		return OK;
	return send_interim(x, interim);
}

/* The time for an answer runs from the request's last byte, which may still be on its way. */
static deadline answer_deadline(const struct attempt *a)
{
	const struct upload *upload = &a->upload;
	deadline from = upload->is_under_way ? exchange_now(a->forward->exchange) : upload->ended;

	return deadline_min(a->forward->exchange->until,
			    deadline_after(from, a->forward->exchange->timeouts->response));
}

/* A deadline that was set while the upload was under way comes too early if the upload has ended since; the
 * parser has kept what came, and goes on. */
static result read_one_head(struct attempt *a, struct http_response *response)
{
	struct exchange *x = a->forward->exchange;
	struct client *client = a->connection->client;
	result_value read;
	deadline until;

	client->limits = &response_limits;
	client->shared_fields = x->worker->response_fields;
	do {
		until = answer_deadline(a);
		read = client_read(client, &x->arena, x->request.head.method, until, response);
	} while (read.kind == ERROR_TIMEOUT && answer_deadline(a) > until);
	return read;
}

static result read_answer(struct attempt *a)
{
	for (unsigned heads = 0; heads <= INTERIM_MAX; heads++) {
		if (arena_left(&a->forward->exchange->arena) < HEAD_COSTS_MAX)
			return error_make(ERROR_LIMIT,
					  "the heads of answers have used up the exchange's memory");
		TRY(read_one_head(a, &a->response));
		a->has_begun = true;
		if (a->response.status >= 200 ||
		    (a->response.status == 101 && a->forward->exchange->is_websocket))
			return OK;
		TRY(pass_interim(a, &a->response));
	}
	return error_make(ERROR_MALFORMED, "too many interim answers");
}

/* It closed without a byte of an answer. With TLS 1.3 a certificate of ours that it does not accept shows
 * itself only here. */
static enum reason silent_failure(struct attempt *a, result_value error)
{
	if (a->has_begun || !client_is_untouched(a->connection->client))
		return fail(a, FAILURE_FINAL, REASON_UPSTREAM_CLOSED);
	if (a->connection->peer.has_refused) {
		distrust_tell(a->forward->exchange->worker, a->forward->upstream, a->endpoint,
			      error_make(ERROR_DENIED, error.why));
		return fail(a, FAILURE_SILENT, REASON_UPSTREAM_TLS_REFUSED);
	}
	if (a->connection->is_reused && a->upload.sink->sent == 0)
		return fail(a, FAILURE_STALE, REASON_UPSTREAM_RESET);
	return fail(a, FAILURE_SILENT, REASON_UPSTREAM_RESET);
}

/* It has not looked at the request (RFC 9113 section 8.7): because this connection ends, or it has too many.
 */
static enum reason refused_failure(struct attempt *a)
{
	if (a->connection->client->is_over)
		return fail(a, FAILURE_STALE, REASON_UPSTREAM_RESET);
	return fail(a, FAILURE_UNSENT, REASON_UPSTREAM_REFUSED);
}

/* A cancellation has two causes: the client went, or the upload met a body that cannot be read; the upload
 * knows. */
static enum reason answer_failure(struct attempt *a, result_value error)
{
	enum reason client = upload_client_failure(&a->upload);

	switch (error.kind) {
	case ERROR_CANCELLED:
		return fail(a, FAILURE_FINAL, client ? client : exchange_cancelled(a->forward->exchange));
	case ERROR_TIMEOUT:
		return fail(a, a->has_begun ? FAILURE_FINAL : FAILURE_TIMEOUT, REASON_UPSTREAM_TIMEOUT);
	case ERROR_REFUSED:
		return refused_failure(a);
	case ERROR_CLOSED:
	case ERROR_RESET:
		return silent_failure(a, error);
	case ERROR_LIMIT:
		return fail(a, FAILURE_FINAL, REASON_OVERLOADED);
	default:
		return fail(a, FAILURE_FINAL, REASON_UPSTREAM_MALFORMED);
	}
}

static enum reason receive(struct attempt *a)
{
	struct exchange *x = a->forward->exchange;
	result_value read = read_answer(a);

	if (failed(read))
		return answer_failure(a, read);
	x->first_byte = exchange_now(x);
	if (a->response.status == 101 && !upgrade_is_agreed(x, &a->response))
		return fail(a, FAILURE_FINAL, REASON_UPSTREAM_UPGRADE_FAILED);
	if (a->response.status >= 502 && a->response.status <= 504)
		a->failure = FAILURE_STATUS;
	return REASON_NONE;
}

enum reason attempt_run(struct attempt *a)
{
	struct exchange *x = a->forward->exchange;
	deadline began = exchange_now(x);
	enum reason reason;

	x->attempts++;
	if (!x->asked)
		x->asked = began;
	a->failure = FAILURE_NONE;
	a->has_begun = false;
	a->response = (struct http_response) { 0 };
	reason = connect_endpoint(a);
	if (reason == REASON_NONE)
		reason = send_request(a);
	if (reason == REASON_NONE)
		reason = receive(a);
	counting_try(a, reason, began);
	blame_try(a, reason);
	return reason;
}

void attempt_abandon(struct attempt *a)
{
	upload_stop(&a->upload);
	pool_drop(&a->connection);
	attempt_end_load(a);
}
