/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward: the rules of when another try is safe, in the words of the contract.
 *
 * A try is repeated only when all of these hold: its failure is of a kind that cannot have had an effect,
 * or the method may be repeated; the configuration asks for it; nothing has reached the client; the body
 * can be given again from its first byte; attempts and budget are not used up; and there is time for it.
 * What spends something is asked after what does not. The last answer, good or bad, is the client's.
 */
#include "proxy/forward.h"

#include "http/digest_source.h"
#include "proxy/choice.h"
#include "proxy/handover.h"
#include "proxy/mirror.h"
#include "proxy/passage.h"
#include "proxy/race.h"
#include "proxy/time_left.h"

enum { STALE_TRIES_MAX = 6 };

/* RFC 9110 section 9.2.2: twice is as good as once. POST and PATCH never are. */
static bool may_repeat(const struct forward *f)
{
	return http_method_is_idempotent(f->exchange->request.head.method);
}

static bool is_retried_status(const struct forward *f)
{
	switch (f->attempt.response.status) {
	case 502:
		return upstream_retries_on(f->upstream, RETRY_502);
	case 503:
		return upstream_retries_on(f->upstream, RETRY_503);
	case 504:
		return upstream_retries_on(f->upstream, RETRY_504);
	default:
		return false;
	}
}

/* What is safe, and what the configuration asks for. Unsent and stale: no byte has left, so any method may
 * try again; a stale connection was the gateway's own choice, so nobody need ask for it. Silent: the upstream
 * may have acted, so only what may be repeated, and once. An answer or a timeout: the upstream did get it,
 * and says or shows that it cannot; final: another try would end the same, or the client has seen something.
 */
static bool is_worth_another(const struct forward *f)
{
	switch (f->attempt.failure) {
	case FAILURE_UNSENT:
		return upstream_retries_on(f->upstream, RETRY_CONNECT);
	case FAILURE_STALE:
		return true;
	case FAILURE_SILENT:
		return may_repeat(f) && !f->was_silent && upstream_retries_on(f->upstream, RETRY_RESET);
	case FAILURE_TIMEOUT:
		return may_repeat(f) && upstream_retries_on(f->upstream, RETRY_TIMEOUT);
	case FAILURE_STATUS:
		return may_repeat(f) && is_retried_status(f);
	case FAILURE_NONE:
	case FAILURE_FINAL:
		break;
	}
	return false;
}

static unsigned attempts_of(const struct forward *f)
{
	return f->exchange->attempts - f->stale_tries;
}

static void count(const struct exchange *x, enum metric_upstream what)
{
	counting_upstream(x->worker, x->generation, x->upstream, what);
}

static bool spend_budget(const struct forward *f)
{
	bool is_spent = upstream_spend(f->upstream, BUDGET_RETRIES);

	if (!is_spent)
		count(f->exchange, UPSTREAM_REFUSED_RETRIES);
	return is_spent;
}

/* A kept connection that proved dead is nobody's failure: it costs neither a try nor, if that was found out
 * by sending on it, the budget. */
static bool is_within_bounds(struct forward *f)
{
	if (f->attempt.failure == FAILURE_STALE)
		return f->stale_tries++ < STALE_TRIES_MAX;
	if (attempts_of(f) >= (unsigned)f->upstream->config->retries.attempts)
		return false;
	if (f->attempt.failure == FAILURE_SILENT && f->attempt.connection->is_reused)
		return true;
	return spend_budget(f);
}

/* Without a replay only a body of which nothing was read is whole still. */
static bool can_send_again(struct forward *f)
{
	return f->replay ? !f->replay->is_lost : f->exchange->server->body->received == 0;
}

/* Retry-After is honoured: a second at most is waited for, anything longer is the client's to wait (RFC 9110
 * section 10.2.3). False: there is no time for another try. */
static bool find_wait(const struct forward *f, duration *ret_wait)
{
	struct exchange *x = f->exchange;
	const struct http_field *retry_after = http_fields_get(&f->attempt.response.fields, HTTP_RETRY_AFTER);
	unsigned made = attempts_of(f), doublings = made < 8 ? made - 1 : 7;
	duration longest = f->upstream->config->retries.backoff << doublings;
	uint64_t seconds = 0;

	*ret_wait = 0;
	if (f->attempt.failure == FAILURE_STALE)
		return true;
	*ret_wait = longest ? (duration)random_below(&x->worker->random, (uint64_t)longest) : 0;
	if (f->attempt.failure == FAILURE_STATUS && retry_after) {
		if (!str_to_u64(retry_after->value, 1, &seconds))
			return false;
		*ret_wait = (duration)seconds * SECOND;
	}
	return deadline_after(exchange_now(x), *ret_wait) < x->until;
}

static bool wait_before_retry(const struct forward *f, duration wait)
{
	struct exchange *x = f->exchange;

	return wait == 0 || !failed(fiber_sleep(x->session->fiber, deadline_after(exchange_now(x), wait)));
}

static bool may_try_again(struct forward *f)
{
	duration wait;

	if (f->exchange->is_client_gone || !is_worth_another(f))
		return false;
	upload_stop(&f->attempt.upload); /* from here on what was read of the body stays as it is */
	if (!can_send_again(f) || !find_wait(f, &wait) || !is_within_bounds(f))
		return false;
	f->was_silent |= f->attempt.failure == FAILURE_SILENT;
	if (!wait_before_retry(f, wait))
		return false;
	attempt_abandon(&f->attempt);
	count(f->exchange, UPSTREAM_RETRIES);
	return !f->replay || replay_source_rewind(f->replay);
}

/* What the client has signed, where a policy holds it against the body. */
static struct body_source *signed_body(struct exchange *x)
{
	const struct http_request *request = &x->request.head;
	const uint64_t *length = request->framing == HTTP_LENGTH ? &request->length : NULL;
	struct digest_source *source;

	if (!x->view.body_digest || request->framing == HTTP_NO_BODY)
		return x->server->body;
	source = ARENA_NEW(&x->arena, struct digest_source);
	digest_source_init(source, x->server->body, x->view.body_digest, length);
	view_hold(&x->view, digest_source_fini, source);
	return &source->source;
}

/* Over HTTP/2 also behind a body whose length was told. */
static bool may_have_trailers(const struct http_request *request)
{
	return request->framing == HTTP_CHUNKED ||
	       (request->framing == HTTP_LENGTH && request->version == HTTP_2);
}

/* What policies of the configuration keep for themselves does not come in by a trailer either. */
static struct body_source *clients_body(struct exchange *x)
{
	const struct managed_names *managed = &x->generation->snapshot->managed;
	struct body_source *from = signed_body(x);
	struct managed_source *source;

	if (!may_have_trailers(&x->request.head) || !managed->count)
		return from;
	source = ARENA_NEW(&x->arena, struct managed_source);
	managed_source_init(source, from, managed);
	return &source->source;
}

/* Over HTTP/2 a request may be turned away unseen after its body has gone. */
static bool may_try_twice(const struct forward *f)
{
	return may_repeat(f) || f->upstream->config->protocol != UPSTREAM_H1;
}

/* A body is kept for another try only where there may be one, and not more than the bound, which a chunked
 * one may turn out to be within. */
static void keep_for_replay(struct forward *f)
{
	struct exchange *x = f->exchange;
	const struct http_request *request = &x->request.head;
	uint64_t max = exchange_limits(x)->replay;

	if (request->framing == HTTP_NO_BODY || !may_try_twice(f) ||
	    (request->framing == HTTP_LENGTH && request->length > max))
		return;
	f->replay = ARENA_NEW(&x->arena, struct replay_source);
	replay_source_init(f->replay, f->body, &x->arena, max);
	f->body = &f->replay->source;
}

static void forward_begin(struct forward *f, struct exchange *x)
{
	*f = (struct forward) { .exchange = x, .upstream = x->upstream, .attempt.forward = f };
	f->roster = generation_roster(x->generation, f->upstream);
	f->key = choice_key(x);
	time_left_take(x);
	call_prepare_request(x);
	f->body = mirror_request(x, call_request_body(x, clients_body(x)));
	upstream_earn(f->upstream);
	keep_for_replay(f);
}

/* The connection is kept when the exchange on it is over, on both its ways, and nothing is left over. */
static void forward_end(struct forward *f)
{
	const struct upstream_connections *options = &f->upstream->config->connections;
	bool is_clean = f->attempt.connection && f->is_answer_whole && f->attempt.response.status != 101 &&
			f->attempt.response.keep_alive && upload_is_complete(&f->attempt.upload);

	if (!upload_is_complete(&f->attempt.upload))
		f->exchange->keep_alive = false; /* the rest of the body is nobody's */
	/* Before the connection goes anywhere: the upload writes to it. */
	upload_stop(&f->attempt.upload);
	if (is_clean) {
		duration keep = handover_keep_alive(f->keep_alive_hint, options->idle_timeout);

		attempt_end_load(&f->attempt);
		pool_give(&f->attempt.connection, options, keep);
	}
	attempt_abandon(&f->attempt);
}

static enum reason forward_counted(struct exchange *x)
{
	struct forward f;
	enum reason reason;

	forward_begin(&f, x);
	/* A failure that is not repeated falls through: with FAILURE_STATUS there is an answer to hand over.
	 */
	do {
		reason = race_run(&f);
	} while (f.attempt.failure != FAILURE_NONE && may_try_again(&f));
	if (reason == REASON_NONE)
		reason = handover_answer(&f);
	if (reason == REASON_NONE && f.attempt.response.status == 101 && !x->worker->observer)
		x->passage = passage_new(&f);
	if (f.attempt.upload.sink) /* a request that reached nobody has failed, and so it stays */
		mirror_leave(x, true, f.is_answer_whole);
	forward_end(&f);
	return x->is_client_gone ? REASON_CLIENT_ABORTED : reason;
}

enum reason forward_run(struct exchange *x)
{
	enum reason reason;

	if (!upstream_begin_request(x->upstream)) {
		count(x, UPSTREAM_REFUSED_REQUESTS);
		return REASON_UPSTREAM_OVERLOADED;
	}
	reason = forward_counted(x);
	if (reason == REASON_UPSTREAM_CONNECTIONS_EXCEEDED)
		count(x, UPSTREAM_REFUSED_CONNECTIONS);
	if (!x->passage) /* a WebSocket is under way as long as it is open */
		upstream_end_request(x->upstream);
	return reason;
}
