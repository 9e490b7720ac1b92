/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange: the request from top to bottom; exchange_run() at the end of the file is the table of contents.
 *
 * Each step says REASON_NONE or why it goes no further; the first reason is the one that is answered and
 * logged. Whatever happened, the end is the same: an answer if none has begun and somebody is there to read
 * it, one line in the log, and a verdict on the connection. The exchange lives on its fiber's stack and
 * everything it makes in its arena, so leaving it needs no list of what to undo.
 */
#include "proxy/exchange.h"

#include "codec/scan.h"
#include "proxy/admission.h"
#include "proxy/answer.h"
#include "proxy/choice.h"
#include "proxy/forward.h"
#include "proxy/https.h"
#include "proxy/mirror.h"
#include "proxy/overload.h"
#include "proxy/passage.h"
#include "proxy/secure.h"

enum {
	ARENA_MAX = 16 * 1024 * 1024,
	TOKEN_LEN = 32,
};

/* Sixteen numbers below 16 as hexadecimal digits. */
static bytes16 digits_of(bytes16 numbers)
{
	bytes16 is_letter = (bytes16)(numbers > 9);

	return numbers + '0' + (is_letter & ('a' - '0' - 10));
}

/* In whatever order the halves of the bytes come: they are random. */
str exchange_token(struct exchange *x)
{
	const struct effects *effects = &x->worker->effects;
	uint64_t words[2] = { effects->random(effects->self), effects->random(effects->self) };
	bytes16 bytes = bytes16_load((const char *)words);
	bytes16 digits[] = { digits_of(bytes & 0x0f), digits_of(bytes >> 4) };
	char *text = arena_bytes(&x->arena, TOKEN_LEN);

	_Static_assert(sizeof digits == TOKEN_LEN, "a digit for each half of a byte");
	memcpy(text, digits, sizeof digits);
	return (str) { text, TOKEN_LEN };
}

/* What policies see of an exchange of which nothing has been read; it is clear yet. */
static void view_begin(struct exchange *x)
{
	const struct connection *connection = x->session->connection;
	struct view *view = &x->view;

	view->arena = &x->arena;
	view->effects = &x->worker->effects;
	view->request = &x->request.head;
	view->scheme = connection->is_secure ? STR("https") : STR("http");
	view->client_ip = (str) { connection->ip, connection->ip_len };
	view->client = &connection->peer;
	view->principal = connection->client;
	view->consumers = x->generation->edition->consumers;
	view->auth = &x->worker->auth;
	view->request_id = exchange_token(x);
	view->request_id_header = STR("X-Request-ID");
	view->body_max = UINT64_MAX;
	view->regex = route_scratch_regex(x->worker->route_scratch);
}

/* To a session, its worker and the generation that its door has at this moment, as one of its users. */
static void attach(struct exchange *x, struct session *session)
{
	const struct door *door = session->connection->door;

	x->session = session;
	x->worker = session->worker;
	x->generation = door->generation;
	x->listener = door->snapshot;
	generation_enter(x->generation);
}

/* From the loop: what is under way is cancelled. */
static void on_client_gone(void *owner)
{
	struct exchange *x = owner;

	x->is_client_gone = true;
	fiber_cancel(x->session->fiber);
}

static void server_begin(struct exchange *x)
{
	struct server *server = x->session->server;

	x->server = server;
	server->limits = &x->listener->h1;
	server->shared_fields = x->generation->request_fields;
	server->owner = x;
	server->on_gone = on_client_gone;
}

static void exchange_begin(struct exchange *x, struct session *session)
{
	struct worker *worker = session->worker;
	struct connection *connection = session->connection;

	*x = (struct exchange) {
		.began = loop_now(worker->loop),
		.began_wall = loop_wall(worker->loop),
		.until = DEADLINE_NEVER,
		.clients_until = DEADLINE_NEVER,
	};
	attach(x, session);
	server_begin(x);
	arena_init(&x->arena, &worker->blocks, ARENA_MAX);
	view_begin(x);
	metrics_begin_exchange(worker->metrics);
	connection->requests++;
}

static void body_begin(struct exchange *x)
{
	const struct listener_limits *limits = exchange_limits(x);
	const struct http_request *head = &x->request.head;

	x->server->body->max = limits->body;
	call_begin(x);
	x->keep_alive = head->keep_alive &&
			(!limits->requests_per_connection ||
			 x->session->connection->requests < (uint64_t)limits->requests_per_connection);
}

/* What is wrong with the head is told finer than the reason's own words do. */
static enum reason refuse_head(struct exchange *x)
{
	enum h1_error error = x->request.error;

	x->view.answer.status = h1_error_status(error);
	x->view.answer.detail = h1_error_text(error);
	return reason_find(h1_error_reason(error));
}

/* *ret_is_empty: the connection ended, or was left alone, before a byte of a request: nothing to answer or to
 * log. */
static enum reason read_request(struct exchange *x, bool *ret_is_empty)
{
	deadline until = deadline_after(x->began, exchange_limits(x)->header_timeout);
	result_value read = server_read(x->server, &x->arena, until, &x->request);

	*ret_is_empty = failed(read) && read.kind != ERROR_MALFORMED && read.kind != ERROR_LIMIT &&
			!server_has_input(x->server);
	if (!failed(read)) {
		body_begin(x);
		return REASON_NONE;
	}
	switch (read.kind) {
	case ERROR_MALFORMED:
		return refuse_head(x);
	case ERROR_TIMEOUT:
		return REASON_HEADER_TIMEOUT;
	case ERROR_LIMIT:
		return REASON_OVERLOADED;
	case ERROR_CANCELLED:
		return exchange_cancelled(x);
	default:
		x->is_client_gone = true;
		return REASON_CLIENT_ABORTED;
	}
}

static enum reason admit(struct exchange *x)
{
	const struct exchange_observer *observer = x->worker->observer;
	enum reason reason = overload_refuses(x) ? REASON_OVERLOADED : admission_check(x);

	if (reason == REASON_NONE && x->listener->minds_scheme)
		reason = https_check(x);
	if (reason == REASON_NONE)
		reason = admission_route(x);
	if (observer)
		observer->admitted(observer->self, x, reason);
	return reason;
}

/* What policies have narrowed holds from here on; time, while they run already. */
static void narrow(struct exchange *x)
{
	struct body_source *body = x->server->body;

	if (x->view.body_max < body->max)
		body->max = x->view.body_max;
	if (x->view.total_timeout)
		x->until = deadline_min(x->until, deadline_after(x->began, x->view.total_timeout));
}

result exchange_before_wait(struct exchange *x)
{
	narrow(x);
	if (server_client_is_gone(x->server)) { /* with its request: nobody will be told again */
		x->is_client_gone = true;
		return error_make(ERROR_CANCELLED, "the client is gone");
	}
	return OK;
}

result exchange_after_wait(const struct exchange *x, result_value waited)
{
	if (waited.kind == ERROR_TIMEOUT && exchange_now(x) >= x->until)
		return error_make(ERROR_CANCELLED, "the exchange's time is up");
	return waited;
}

result exchange_sleep(void *self, struct view *view, duration time)
{
	struct exchange *x = exchange_of(view);

	(void)self;
	TRY(exchange_before_wait(x));
	TRY(fiber_sleep(x->session->fiber, deadline_min(x->until, deadline_after(exchange_now(x), time))));
	return exchange_now(x) < x->until ? OK : error_make(ERROR_TIMEOUT, "the exchange's time is up");
}

/* Of the route that a preflight asks about, only what answers preflights is run. */
static enum reason find_own_route(struct exchange *x, enum verdict *ret_verdict)
{
	*ret_verdict = POLICY_CONTINUE;
	if (!x->is_preflight_only)
		return REASON_NONE;
	*ret_verdict = policy_chain_preflight(&x->target->chain, &x->view);
	return *ret_verdict == POLICY_CONTINUE ? admission_route_itself(x) : REASON_NONE;
}

static enum reason run_policies(struct exchange *x)
{
	enum verdict verdict;
	enum reason reason = find_own_route(x, &verdict);

	if (reason != REASON_NONE)
		return reason;
	if (verdict == POLICY_CONTINUE)
		verdict = policy_chain_request(&x->target->chain, &x->view);
	narrow(x);
	if (verdict == POLICY_ANSWERED && x->view.answer.reason != REASON_NONE)
		return x->view.answer.reason;
	if (exchange_now(x) >= x->until && !x->is_client_gone)
		return REASON_TOTAL_TIMEOUT;
	if (verdict == POLICY_ANSWERED)
		return exchange_cancelled(x);
	choice_make(x);
	if (!x->upstream)
		return REASON_NO_ENDPOINT;
	return REASON_NONE;
}

/* To its upstream and back; or no further than here, and the client is told nothing. */
static enum reason forward(struct exchange *x)
{
	if (!x->worker->observer || !x->worker->observer->stops_at_upstream)
		return forward_run(x);
	x->keep_alive = false;
	return REASON_NONE;
}

static void write_log(struct exchange *x, enum reason reason)
{
	const struct connection *connection = x->session->connection;
	const struct http_request *request = &x->request.head;
	deadline now = exchange_now(x);
	struct exchange_facts facts = {
		.time = x->began_wall,
		.request_id = x->view.request_id,
		.client_ip = x->view.client_ip,
		.client_port = address_port(&connection->peer),
		.listener = x->listener->name,
		.protocol = http_version_text(request->version),
		.tls_version =
			connection->secure ? tls_stream_version(&connection->secure->tls) : (str) { 0 },
		.method = request->method_text,
		.host = x->view.host,
		.path = x->path,
		.query = x->query,
		.method_id = request->method,
		.status = x->status,
		.reason = reason,
		.reported = x->view.reported,
		.attempts = x->attempts,
		.request_bytes = x->request.head_len + x->server->body->received,
		.response_bytes = x->sent,
		.time_taken = now - x->began,
		.upstream_time = x->first_byte ? x->first_byte - x->asked : -1,
		.consumer = x->view.principal ? x->view.principal->consumer : (str) { 0 },
		.user_agent = http_fields_value(&request->fields, HTTP_USER_AGENT),
		.referer = http_fields_value(&request->fields, HTTP_REFERER),
		.endpoint = x->view.endpoint,
		.generation = x->generation->snapshot->generation,
	};

	if (x->target) {
		facts.api = x->target->names.api;
		facts.route = x->target->names.route;
		facts.series = x->target->series;
		facts.reasons = x->target->reasons;
		facts.upstream = x->upstream ? x->upstream->name : (str) { 0 };
	}
	if (x->passage) {
		passage_keep_facts(x->passage, &facts); /* it is not over */
		return;
	}
	if (x->worker->observer)
		x->worker->observer->finished(x->worker->observer->self, x, &facts);
	else
		access_log_write(x->worker->access, &facts);
	if (x->generation->snapshot->counting.is_on)
		metrics_count_exchange(x->worker->metrics, &facts);
}

/* What is left of a small body is dropped, to reach the next request. */
static bool skip_rest_of_body(struct exchange *x)
{
	struct piece piece = { 0 };
	deadline until = exchange_patience(x); /* for all of it: nobody may hold a fiber by dripping */

	while (!server_body_is_whole(x->server)) {
		if (failed(body_peek(x->server->body, until, &piece)))
			return false;
		body_consume(x->server->body, piece.bytes.len);
	}
	return true;
}

/* Whether the connection goes on. A client that is gone needs nothing; one that was told too little must
 * notice; one that may still be sending must be able to read what it was told. */
static enum exchange_end end_of(struct exchange *x)
{
	if (x->passage)
		return EXCHANGE_TUNNEL;
	if (x->is_client_gone)
		return EXCHANGE_CLOSE;
	if (x->is_cut_short)
		return EXCHANGE_RESET;
	if (x->keep_alive && skip_rest_of_body(x))
		return EXCHANGE_KEEP;
	return x->has_answer ? EXCHANGE_LINGER : EXCHANGE_CLOSE;
}

static enum exchange_end exchange_finish(struct exchange *x)
{
	enum exchange_end end = end_of(x);

	x->server->on_gone = NULL;
	x->session->passage = x->passage;
	encoder_give(&x->encoder);
	mirror_drop(x);
	view_release(&x->view);
	arena_fini(&x->arena);
	if (x->passage) /* it counts as under way, and holds what holds for it */
		return end;
	metrics_end_exchange(x->worker->metrics);
	generation_leave(x->generation);
	return end;
}

enum exchange_end exchange_run(struct session *session)
{
	struct exchange x;
	enum reason reason;
	bool is_empty;

	exchange_begin(&x, session);
	reason = read_request(&x, &is_empty);
	if (reason == REASON_NONE)
		reason = admit(&x);
	if (reason == REASON_NONE)
		reason = run_policies(&x);
	if (reason == REASON_NONE)
		reason = forward(&x);
	if (reason != REASON_NONE && !is_empty)
		answer_send(&x, reason);
	if (!is_empty)
		write_log(&x, reason);
	return exchange_finish(&x);
}
