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

#include "proxy/distrust.h"
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

static enum reason fail(struct forward *f, enum failure failure, enum reason reason)
{
	f->failure = failure;
	return reason;
}

/* From before the connection, so that one that is slow to come about counts as load. */
static void begin_load(struct forward *f)
{
	atomic_fetch_add_explicit(&f->endpoint->active, 1, memory_order_relaxed);
}

void attempt_end_load(struct forward *f)
{
	if (f->endpoint)
		atomic_fetch_sub_explicit(&f->endpoint->active, 1, memory_order_relaxed);
	f->endpoint = NULL;
}

static enum reason connect_failure(struct forward *f, result_value error)
{
	switch (error.kind) {
	case ERROR_CANCELLED:
		return fail(f, FAILURE_FINAL, REASON_CLIENT_ABORTED);
	case ERROR_LIMIT:
		return fail(f, FAILURE_FINAL, REASON_OVERLOADED);
	case ERROR_BUSY: /* by the bound, which another try would meet, too */
		return fail(f, FAILURE_FINAL, REASON_UPSTREAM_CONNECTIONS_EXCEEDED);
	case ERROR_INVALID: /* it does not speak what it should */
		return fail(f, FAILURE_UNSENT, REASON_UPSTREAM_MALFORMED);
	case ERROR_TIMEOUT:
		return fail(f, FAILURE_UNSENT, REASON_UPSTREAM_CONNECT_TIMEOUT);
	case ERROR_MISSING:
		return fail(f, FAILURE_UNSENT, REASON_UPSTREAM_NAME_UNRESOLVED);
	case ERROR_UNTRUSTED:
	case ERROR_DENIED:
	case ERROR_MALFORMED:
		distrust_tell(f->exchange->worker, f->upstream, f->endpoint, error);
		return fail(f, FAILURE_UNSENT, distrust_reason(error));
	default:
		return fail(f, FAILURE_UNSENT, REASON_UPSTREAM_CONNECT_REFUSED);
	}
}

/* A kept connection is checked by a call to the kernel only for requests that cannot be repeated, and after
 * one has proved dead; for all others a wrong guess costs a try and no harm. */
static enum reason connect_endpoint(struct forward *f)
{
	struct exchange *x = f->exchange;
	deadline until = deadline_min(x->until, deadline_after(exchange_now(x), x->timeouts->connect));
	bool is_repeatable = http_method_is_idempotent(x->request.head.method) && f->stale_tries == 0;
	struct balance_choosing choosing = { &x->generation->turns[f->upstream->index], &x->generation->arena,
					     &x->worker->random, f->key };
	result_value taken;

	f->endpoint = balance_pick(f->upstream->config, f->roster, &choosing, &f->tried);
	if (!f->endpoint)
		return fail(f, FAILURE_FINAL, REASON_NO_ENDPOINT);
	begin_load(f);
	x->view.endpoint = f->endpoint->text;
	if (f->tried.count < BALANCE_TRIED_MAX)
		f->tried.at[f->tried.count++] = f->endpoint;
	if (x->is_websocket && f->upstream->config->protocol == UPSTREAM_AUTO)
		taken = pool_connect_h1(x->worker->pool, f->upstream, f->endpoint, until, &f->connection);
	else if (f->was_silent) /* where one kept connection was dead, so may be the others */
		taken = pool_connect(x->worker->pool, f->upstream, f->endpoint, until, &f->connection);
	else
		taken = pool_take(x->worker->pool, f->upstream, f->endpoint, is_repeatable, until,
				  &f->connection);
	return failed(taken) ? connect_failure(f, taken) : REASON_NONE;
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
static void print_head(struct forward *f)
{
	struct exchange *x = f->exchange;

	if (f->head.len && !time_left_is_told(x))
		return;
	time_left_tell(x);
	f->head = handover_print_request(x);
}

static enum reason send_request(struct forward *f)
{
	struct exchange *x = f->exchange;

	if (x->is_websocket && !client_may_switch(f->connection->client))
		return fail(f, FAILURE_FINAL, REASON_UPSTREAM_UPGRADE_FAILED);
	if (x->request.head.framing != HTTP_NO_BODY && failed(give_leave(x)))
		return fail(f, FAILURE_FINAL, REASON_CLIENT_ABORTED);
	/* The requests that came in one turn of the loop are all read before the first is sent. */
	fiber_step_aside(x->session->fiber);
	print_head(f);
	upload_start(&f->upload, x, f->connection->client, f->head, f->body, x->timeouts->idle);
	if (!upload_has_failed(&f->upload))
		return REASON_NONE;
	if (f->upload.end == RELAY_SOURCE_FAILED) /* all of it is here, and wrong: no answer can come */
		return fail(f, FAILURE_FINAL, upload_client_failure(&f->upload));
	switch (f->upload.error.kind) {
	case ERROR_CANCELLED:
		return fail(f, FAILURE_FINAL, REASON_CLIENT_ABORTED);
	case ERROR_TIMEOUT:
		return fail(f, FAILURE_FINAL, REASON_UPSTREAM_WRITE_TIMEOUT);
	case ERROR_LIMIT:
		return fail(f, FAILURE_FINAL, REASON_OVERLOADED);
	default: /* it may have answered before it closed */
		return REASON_NONE;
	}
}

/* 103 and other interim answers are the client's; 100 was ours to give, and 101 nobody asked for (RFC 9110
 * section 15.2). */
static result pass_interim(struct forward *f, struct http_response *interim)
{
	struct exchange *x = f->exchange;

	if (interim->status == 101)
		return error_make(ERROR_MALFORMED, "the upstream switched protocols unasked");
	if (interim->status != 103 || x->request.head.version == HTTP_1_0)
		return OK;
	return send_interim(x, interim);
}

/* The time for an answer runs from the request's last byte, which may still be on its way. */
static deadline answer_deadline(const struct forward *f)
{
	const struct upload *upload = &f->upload;
	deadline from = upload->is_under_way ? exchange_now(f->exchange) : upload->ended;

	return deadline_min(f->exchange->until, deadline_after(from, f->exchange->timeouts->response));
}

/* A deadline that was set while the upload was under way comes too early if the upload has ended since; the
 * parser has kept what came, and goes on. */
static result read_one_head(struct forward *f, struct http_response *response)
{
	struct exchange *x = f->exchange;
	struct client *client = f->connection->client;
	result_value read;
	deadline until;

	client->limits = &response_limits;
	client->shared_fields = x->worker->response_fields;
	do {
		until = answer_deadline(f);
		read = client_read(client, &x->arena, x->request.head.method, until, response);
	} while (read.kind == ERROR_TIMEOUT && answer_deadline(f) > until);
	return read;
}

static result read_answer(struct forward *f)
{
	for (unsigned heads = 0; heads <= INTERIM_MAX; heads++) {
		if (arena_left(&f->exchange->arena) < HEAD_COSTS_MAX)
			return error_make(ERROR_LIMIT,
					  "the heads of answers have used up the exchange's memory");
		TRY(read_one_head(f, &f->response));
		f->has_begun = true;
		if (f->response.status >= 200 || (f->response.status == 101 && f->exchange->is_websocket))
			return OK;
		TRY(pass_interim(f, &f->response));
	}
	return error_make(ERROR_MALFORMED, "too many interim answers");
}

/* It closed without a byte of an answer. With TLS 1.3 a certificate of ours that it does not accept shows
 * itself only here. */
static enum reason silent_failure(struct forward *f, result_value error)
{
	if (f->has_begun || !client_is_untouched(f->connection->client))
		return fail(f, FAILURE_FINAL, REASON_UPSTREAM_CLOSED);
	if (f->connection->peer.has_refused) {
		distrust_tell(f->exchange->worker, f->upstream, f->endpoint,
			      error_make(ERROR_DENIED, error.why));
		return fail(f, FAILURE_SILENT, REASON_UPSTREAM_TLS_REFUSED);
	}
	if (f->connection->is_reused && f->upload.sink->sent == 0)
		return fail(f, FAILURE_STALE, REASON_UPSTREAM_RESET);
	return fail(f, FAILURE_SILENT, REASON_UPSTREAM_RESET);
}

/* It has not looked at the request (RFC 9113 section 8.7): because this connection ends, or it has too many.
 */
static enum reason refused_failure(struct forward *f)
{
	if (f->connection->client->is_over)
		return fail(f, FAILURE_STALE, REASON_UPSTREAM_RESET);
	return fail(f, FAILURE_UNSENT, REASON_UPSTREAM_REFUSED);
}

/* A cancellation has two causes: the client went, or the upload met a body that cannot be read; the upload
 * knows. */
static enum reason answer_failure(struct forward *f, result_value error)
{
	enum reason client = upload_client_failure(&f->upload);

	switch (error.kind) {
	case ERROR_CANCELLED:
		return fail(f, FAILURE_FINAL, client ? client : exchange_cancelled(f->exchange));
	case ERROR_TIMEOUT:
		return fail(f, f->has_begun ? FAILURE_FINAL : FAILURE_TIMEOUT, REASON_UPSTREAM_TIMEOUT);
	case ERROR_REFUSED:
		return refused_failure(f);
	case ERROR_CLOSED:
	case ERROR_RESET:
		return silent_failure(f, error);
	case ERROR_LIMIT:
		return fail(f, FAILURE_FINAL, REASON_OVERLOADED);
	default:
		return fail(f, FAILURE_FINAL, REASON_UPSTREAM_MALFORMED);
	}
}

static enum reason receive(struct forward *f)
{
	struct exchange *x = f->exchange;
	result_value read = read_answer(f);

	if (failed(read))
		return answer_failure(f, read);
	x->first_byte = exchange_now(x);
	if (f->response.status == 101 && !upgrade_is_agreed(x, &f->response))
		return fail(f, FAILURE_FINAL, REASON_UPSTREAM_UPGRADE_FAILED);
	if (f->response.status >= 502 && f->response.status <= 504)
		f->failure = FAILURE_STATUS;
	return REASON_NONE;
}

enum reason attempt_run(struct forward *f)
{
	deadline began = exchange_now(f->exchange);
	enum reason reason;

	f->exchange->attempts++;
	f->failure = FAILURE_NONE;
	f->has_begun = false;
	f->response = (struct http_response) { 0 };
	reason = connect_endpoint(f);
	if (reason == REASON_NONE)
		reason = send_request(f);
	if (reason == REASON_NONE)
		reason = receive(f);
	counting_try(f, reason, began);
	return reason;
}

void attempt_abandon(struct forward *f)
{
	upload_stop(&f->upload);
	pool_drop(&f->connection);
	attempt_end_load(f);
}
