/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch: connect, send, read the head, read the body; each leaves the call if it fails, and the connection
 * goes back to the pool only when both messages are over.
 */
#include "proxy/fetch.h"

#include <stdlib.h>

#include "base/assert.h"
#include "codec/h1_print.h"
#include "fiber/condition.h"
#include "http/h1_head.h"
#include "proxy/destination.h"
#include "proxy/distrust.h"
#include "proxy/exchange.h"
#include "proxy/fetch_memory.h"
#include "proxy/forwarding.h"

enum {
	TRIES_MAX = 3,
	HEAD_USUAL = 1024,
	FETCHES_MAX = 1024, /* of policies at a time: each takes a connection of its own */
};

/* What another service's head may be. */
static const struct h1_limits answer_limits = {
	.request_line = 8 * 1024,
	.field = 16 * 1024,
	.name = 256,
	.head = 64 * 1024,
	.fields = RESPONSE_FIELDS_MAX,
};

static deadline now_of(const struct fetch_call *call)
{
	return loop_now(call->worker->loop);
}

/* ---- one try ---- */

static result connect_endpoint(struct fetch_call *call, const struct balance_tried *tried, bool is_new)
{
	const struct upstream *upstream = call->upstream;
	deadline until =
		deadline_min(call->until, deadline_after(now_of(call), upstream->config->timeouts.connect));
	struct balance_choosing choosing = { &call->generation->turns[upstream->index],
					     &call->generation->arena, &call->worker->random,
					     random_next(&call->worker->random), now_of(call) };
	const struct roster_member *member;

	member = balance_pick(upstream->config, generation_roster(call->generation, upstream), &choosing,
			      tried);
	if (!member)
		return error_make(ERROR_MISSING, "no endpoint to ask");
	call->endpoint = member->endpoint;
	atomic_fetch_add_explicit(&call->endpoint->active, 1, memory_order_relaxed);
	if (is_new)
		return pool_connect(call->worker->pool, upstream, call->endpoint, until, &call->connection);
	return pool_take(call->worker->pool, upstream, call->endpoint,
			 http_method_is_idempotent(call->method), until, &call->connection);
}

static result exchange_heads(struct fetch_call *call, struct http_response *response)
{
	struct client *client = call->connection->client;

	client->limits = &answer_limits;
	client->shared_fields = call->worker->response_fields;
	TRY(client_send_whole(client, call->arena, call->head, call->body, call->until));
	return client_read_final(client, call->arena, call->method, call->until, response);
}

static result ask(struct fetch_call *call, const struct balance_tried *tried, bool is_new,
		  struct http_response *response)
{
	TRY(connect_endpoint(call, tried, is_new));
	return exchange_heads(call, response);
}

static void end_load(struct fetch_call *call)
{
	if (call->endpoint)
		atomic_fetch_sub_explicit(&call->endpoint->active, 1, memory_order_relaxed);
	call->endpoint = NULL;
}

/* Before it a kept connection has died unseen, and not a byte came back; or it was turned away unseen. */
static bool was_stale(const struct fetch_call *call, result_value why)
{
	if (call->connection && why.kind == ERROR_REFUSED)
		return true;
	return call->connection && call->connection->is_reused &&
	       client_is_untouched(call->connection->client) &&
	       (why.kind == ERROR_CLOSED || why.kind == ERROR_RESET) &&
	       http_method_is_idempotent(call->method);
}

static result ask_until_answered(struct fetch_call *call, struct http_response *response)
{
	struct balance_tried tried = { .count = 0 };
	result_value asked = OK;
	bool is_stale = false;

	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		asked = ask(call, &tried, is_stale, response);
		is_stale = failed(asked) && was_stale(call, asked);
		if (!failed(asked) || !is_stale)
			break;
		pool_drop(&call->connection);
		end_load(call);
	}
	return asked;
}

/* Why there is no connection; or, where there is one, that the service has not liked ours. */
static void tell_distrust(struct fetch_call *call, result_value asked)
{
	bool is_refused = call->connection && call->connection->peer.has_refused;

	if (!call->endpoint || (call->connection && !is_refused))
		return;
	distrust_tell(call->worker, call->upstream, call->endpoint,
		      is_refused ? error_make(ERROR_DENIED, asked.why) : asked);
}

/* ---- the body ---- */

static bool read_body(struct fetch_call *call)
{
	struct client *client = call->connection->client;
	struct piece piece = { 0 };

	while (!piece.is_last) {
		if (failed(body_peek(client->body, call->until, &piece)) ||
		    (piece.bytes.len && !call->take(call->self, piece.bytes)))
			return false;
		body_consume(client->body, piece.bytes.len);
	}
	return client_answer_is_whole(client);
}

static void give_back(struct fetch_call *call, bool is_clean)
{
	const struct upstream_connections *options = &call->upstream->config->connections;

	end_load(call);
	if (is_clean)
		pool_give(&call->connection, options, options->idle_timeout);
	pool_drop(&call->connection);
}

static result fetch_counted(struct fetch_call *call, struct http_response *ret_response, bool *ret_is_whole)
{
	result_value asked = ask_until_answered(call, ret_response);

	if (failed(asked))
		tell_distrust(call, asked);
	*ret_is_whole = !failed(asked) && read_body(call);
	give_back(call,
		  *ret_is_whole && ret_response->keep_alive && ret_response->framing != HTTP_UNTIL_CLOSE);
	return asked;
}

result fetch_run(struct fetch_call *call, struct http_response *ret_response, bool *ret_is_whole)
{
	result_value asked;

	*ret_is_whole = false;
	if (!upstream_begin_request(call->upstream)) {
		counting_upstream(call->worker, call->generation, call->upstream, UPSTREAM_REFUSED_REQUESTS);
		return error_make(ERROR_BUSY, "the service has as much to do as it may have");
	}
	asked = fetch_counted(call, ret_response, ret_is_whole);
	if (asked.kind == ERROR_BUSY)
		counting_upstream(call->worker, call->generation, call->upstream,
				  UPSTREAM_REFUSED_CONNECTIONS);
	upstream_end_request(call->upstream);
	return asked;
}

/* ---- for policies ---- */

result fetch_enter(struct worker *worker)
{
	if (worker->fetches == FETCHES_MAX)
		return error_make(ERROR_LIMIT, "too many questions of policies are under way");
	worker->fetches++;
	return OK;
}

void fetch_leave(struct worker *worker)
{
	worker->fetches--;
}

/* What is kept of an answer's body. */
struct body_room {
	struct arena *arena;
	char *bytes;
	size_t len, max;
};

static bool keep_body(void *self, str bytes)
{
	struct body_room *room = self;

	if (bytes.len > room->max - room->len || (!room->bytes && arena_left(room->arena) < room->max))
		return false;
	if (!room->bytes)
		room->bytes = arena_bytes(room->arena, room->max);
	memcpy(room->bytes + room->len, bytes.ptr, bytes.len);
	room->len += bytes.len;
	return true;
}

static str target_of(const struct view *view, const struct destination *to)
{
	str parts[] = { view->path, STR("?"), view->query };

	if (to->target.len)
		return to->target;
	return view->query.len ? arena_join(view->arena, parts, 3) : view->path;
}

static void print_length(struct buf *out, size_t length)
{
	buf_put(out, STR("Content-Length: "));
	buf_put_u64(out, length);
	buf_put(out, STR("\r\n"));
}

/* All but the request's id and its way here, which are no part of what is asked. */
static str print_question(struct view *view, const struct fetch_request *request)
{
	const struct destination *to = request->to;
	struct http_request question = { .method = request->method,
					 .method_text = http_method_text(request->method),
					 .version = HTTP_1_1,
					 .fields = *request->fields };
	str target = target_of(view, to);

	forwarding_remove_sessions(exchange_of(view), &question.fields);
	for (size_t size = HEAD_USUAL;; size *= 2) {
		struct buf out = arena_open(view->arena, size);

		h1_begin_request(&out, &question, target);
		h1_line_print(&out, STR("Host"), to->host.len ? to->host : view->host);
		h1_line_print(&out, STR("Via"), STR("1.1 gatehouse"));
		if (request->body.len)
			print_length(&out, request->body.len);
		if (!buf_overflowed(&out))
			return arena_close(view->arena, &out);
	}
}

/* With the hops of the request: a question that comes round again must show it (RFC 9110 section 7.6.3). */
static str print_end(const struct view *view)
{
	const struct http_fields *fields = &view->request->fields;
	size_t room = view->request_id_header.len + view->request_id.len + sizeof ": \r\n\r\n";
	struct buf out;

	for (size_t i = 0; i < fields->count; i++)
		room += fields->at[i].id == HTTP_VIA ? fields->at[i].value.len + sizeof "Via: \r\n" : 0;
	out = arena_open(view->arena, room);
	for (size_t i = 0; i < fields->count; i++)
		if (fields->at[i].id == HTTP_VIA && !fields->at[i].removed)
			h1_line_print(&out, STR("Via"), fields->at[i].value);
	if (view->request_id.len && view->request_id_header.len)
		h1_line_print(&out, view->request_id_header, view->request_id);
	buf_put(&out, STR("\r\n"));
	return arena_close(view->arena, &out);
}

/* By the upstream too: two may have one name for their host. */
static str memory_key(const struct view *view, const struct fetch_request *request, str question)
{
	str parts[] = { request->to->upstream->name, STR("\n"), question, request->body };

	return request->remembers ? arena_join(view->arena, parts, 4) : (str) { 0 };
}

static void take_answer(const struct http_response *response, struct http_fields *fields)
{
	*fields = response->fields;
	http_fields_remove_hop(fields);
	http_fields_remove(fields, HTTP_CONTENT_LENGTH);
}

static result ask_for_policy(struct exchange *x, const struct fetch_request *request, str question,
			     deadline until, struct fetch_answer *ret_answer)
{
	struct view *view = &x->view;
	struct body_room room = { .arena = view->arena, .max = request->body_max };
	struct fetch_call call = {
		.worker = x->worker,
		.generation = x->generation,
		.upstream = request->to->upstream,
		.arena = view->arena,
		.method = request->method,
		.head = arena_join(view->arena, (str[]) { question, print_end(view) }, 2),
		.body = request->body,
		.until = until,
		.take = keep_body,
		.self = &room,
	};
	struct http_response response = { 0 };
	result_value run;

	TRY(fetch_enter(x->worker));
	run = fetch_run(&call, &response, &ret_answer->is_body_whole);
	fetch_leave(x->worker);
	TRY(run);
	ret_answer->status = response.status;
	take_answer(&response, &ret_answer->fields);
	if (ret_answer->is_body_whole)
		ret_answer->body = (str) { room.bytes, room.len };
	return OK;
}

/* ---- one for all ---- */

/* A question whose answer will be remembered, while it is asked; and, until they have heard of it, what came
 * of it for those who wait. */
struct fetch_flight {
	struct fetch_flight *next;
	str key; /* while it is asked */
	struct condition over;
	bool is_over;
	result_value outcome;
	unsigned references;
};

static struct fetch_flight *find_flight(const struct worker *worker, str key)
{
	struct fetch_flight *flight = worker->flights;

	while (flight && !str_eq(flight->key, key))
		flight = flight->next;
	return flight;
}

static struct fetch_flight *begin_flight(struct worker *worker, str key)
{
	struct fetch_flight *flight = calloc(1, sizeof *flight);

	ASSERT(flight);
	*flight = (struct fetch_flight) { .next = worker->flights, .key = key, .references = 1 };
	worker->flights = flight;
	return flight;
}

static void leave_flight(struct fetch_flight *flight)
{
	if (!--flight->references)
		free(flight);
}

static void end_flight(struct worker *worker, struct fetch_flight *flight, result_value outcome)
{
	struct fetch_flight **at = &worker->flights;

	while (*at != flight)
		at = &(*at)->next;
	*at = flight->next;
	flight->is_over = true;
	flight->outcome = outcome;
	condition_broadcast(&flight->over);
	leave_flight(flight);
}

static result wait_for_flight(struct exchange *x, struct fetch_flight *flight, deadline until,
			      result_value *ret_outcome)
{
	result_value waited = OK;

	flight->references++;
	while (!failed(waited) && !flight->is_over)
		waited = condition_wait(&flight->over, x->session->fiber, until);
	*ret_outcome = flight->outcome;
	leave_flight(flight);
	return waited;
}

static bool may_remember(const struct fetch_request *request, struct arena *arena,
			 const struct fetch_answer *answer)
{
	return answer->is_body_whole && answer->status >= 200 && answer->status < 300 &&
	       (!request->is_of_use || request->is_of_use(request->self, arena, answer));
}

static result ask_and_remember(struct exchange *x, const struct fetch_request *request, str question, str key,
			       deadline until, struct fetch_answer *ret_answer)
{
	TRY(ask_for_policy(x, request, question, until, ret_answer));
	if (key.len && may_remember(request, x->view.arena, ret_answer))
		fetch_memory_add(x->worker->fetched, key, exchange_now(x), ret_answer);
	return OK;
}

/* Whose own time was up has found out nothing for those who have more. */
static result ask_for_all(struct exchange *x, const struct fetch_request *request, str question, str key,
			  deadline until, struct fetch_answer *ret_answer)
{
	struct fetch_flight *flight = begin_flight(x->worker, key);
	result_value asked = ask_and_remember(x, request, question, key, until, ret_answer), outcome = asked;

	if (asked.kind == ERROR_TIMEOUT && until == x->until)
		outcome = error_make(ERROR_CANCELLED, "nobody asks any more");
	end_flight(x->worker, flight, outcome);
	return asked;
}

static bool recall(struct exchange *x, const struct fetch_request *request, str key,
		   struct fetch_answer *ret_answer)
{
	return key.len && fetch_memory_find(x->worker->fetched, key, exchange_now(x), request->remembers,
					    x->view.arena, ret_answer);
}

/* Who has waited for another's question shares its failure, or many would knock at a service that is down,
 * one timeout after the other. Where one was cancelled, the next one asks for all; and where the answer was
 * none to be remembered, each asks for itself: waiting in turn would take longer. */
static result ask_somebody(struct exchange *x, const struct fetch_request *request, str question, str key,
			   struct fetch_answer *ret_answer)
{
	deadline until = deadline_min(x->until, deadline_after(exchange_now(x), request->timeout));
	struct fetch_flight *flight;
	result_value flown;

	while (key.len && (flight = find_flight(x->worker, key))) {
		TRY(wait_for_flight(x, flight, until, &flown));
		if (recall(x, request, key, ret_answer))
			return OK;
		if (!failed(flown))
			return ask_and_remember(x, request, question, key, until, ret_answer);
		if (flown.kind != ERROR_CANCELLED)
			return flown;
	}
	if (key.len)
		return ask_for_all(x, request, question, key, until, ret_answer);
	return ask_and_remember(x, request, question, key, until, ret_answer);
}

result fetch_for_policy(void *self, struct view *view, const struct fetch_request *request,
			struct fetch_answer *ret_answer)
{
	struct exchange *x = exchange_of(view);
	str question = print_question(view, request), key = memory_key(view, request, question);

	(void)self;
	*ret_answer = (struct fetch_answer) { 0 };
	if (recall(x, request, key, ret_answer))
		return OK;
	TRY(exchange_before_wait(x));
	return exchange_after_wait(x, ask_somebody(x, request, question, key, ret_answer));
}
