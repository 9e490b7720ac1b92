/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover: the request's head is printed once and sent with each try; the answer is relayed while it
 * comes.
 *
 * What is said of the connection to the client is decided just before its head is printed, with what is
 * known then: an answer may overtake the upload, and then the rest of the body stands in the way of the
 * next request. When the relay breaks off, who broke it is told from which side failed, and a client whose
 * upload failed is to blame before the upstream that waited for it.
 */
#include "proxy/handover.h"

#include "http/h1_head.h"
#include "proxy/choice.h"
#include "proxy/forwarding.h"
#include "proxy/mirror.h"
#include "proxy/upgrade.h"

enum { HEAD_USUAL = 768 };

/* An empty query is not the same as none. */
static str target_of(struct exchange *x)
{
	str parts[] = { x->view.path, STR("?"), x->view.query };

	if (!x->view.query.len && !x->has_bare_query)
		return x->view.path;
	return arena_join(&x->arena, parts, 3);
}

str handover_print_request(struct exchange *x)
{
	struct http_request *request = &x->request.head;
	str target = target_of(x);

	forwarding_prepare(x);
	for (size_t size = HEAD_USUAL;; size *= 2) {
		struct buf out = arena_open(&x->arena, size);

		h1_begin_request(&out, request, target);
		forwarding_put(x, &out);
		upgrade_put(x, &out);
		if (call_wants_trailers(x))
			buf_put(&out, STR("Connection: TE\r\nTE: trailers\r\n"));
		h1_end_head(&out, request->framing, request->length);
		if (!buf_overflowed(&out))
			return arena_close(&x->arena, &out);
	}
}

/* An answer that comes before the body has gone may mean that nobody will take the rest of it. */
static bool may_keep_client(const struct forward *f, enum http_framing framing)
{
	const struct exchange *x = f->exchange;

	return x->keep_alive && framing != HTTP_UNTIL_CLOSE && !x->session->connection->door->is_closing &&
	       upload_is_complete(&f->attempt.upload);
}

/* The answer's head as the client gets it. */
static result prepare_for_client(struct forward *f, struct body_source *body)
{
	struct exchange *x = f->exchange;
	struct http_response *response = &f->attempt.response;
	const struct http_field *keep_alive = http_fields_get(&response->fields, HTTP_KEEP_ALIVE);

	f->keep_alive_hint = keep_alive ? keep_alive->value : (str) { 0 };
	http_fields_remove_hop(&response->fields);
	http_fields_remove(&response->fields, HTTP_X_GW_FAMILY); /* the gateway's own, whoever says them */
	http_fields_remove(&response->fields, HTTP_X_GATEHOUSE_FAMILY);
	if (response->status == 204 || response->status == 101)
		http_fields_remove(&response->fields, HTTP_CONTENT_LENGTH);
	TRY(http_fields_add(&response->fields, HTTP_VIA, STR("Via"), forwarding_via(response->version)));
	TRY(choice_put_cookie(x, &response->fields));
	x->view.response = response;
	if (x->mirrors)
		body = mirror_answer(x, body);
	TRY(call_take_answer(x, response, &body));
	x->view.response_body = body;
	policy_chain_response(&x->target->chain, &x->view);
	return OK;
}

static enum reason broken_off(const struct forward *f, enum relay_end end, result_value error)
{
	const struct exchange *x = f->exchange;
	enum reason client = upload_client_failure(&f->attempt.upload);

	if (error.kind == ERROR_CANCELLED)
		return client ? client : exchange_cancelled(x);
	if (end == RELAY_SINK_FAILED)
		return error.kind == ERROR_TIMEOUT ? REASON_CLIENT_TIMEOUT : REASON_CLIENT_ABORTED;
	if (error.kind == ERROR_TIMEOUT)
		return REASON_UPSTREAM_READ_TIMEOUT;
	return error.kind == ERROR_MALFORMED ? REASON_UPSTREAM_MALFORMED : REASON_UPSTREAM_ABORTED;
}

/* The head alone. HTTP/2 has no such status: there it is an answer like others, whose body has no end
 * (RFC 8441 section 5). */
static enum reason switch_protocols(struct forward *f)
{
	struct exchange *x = f->exchange;
	struct http_response head = f->attempt.response;
	struct body_sink *sink;
	result_value sent;

	if (x->request.head.version == HTTP_2) {
		head.status = 200;
		head.reason = (str) { 0 };
		head.framing = HTTP_CHUNKED;
		http_fields_remove(&head.fields, HTTP_SEC_WEBSOCKET_ACCEPT);
	}
	head.keep_alive = true;
	sink = server_respond(x->server, &x->arena, &x->request.head, &head);
	x->status = head.status;
	sent = sink_flush(sink, exchange_patience(x));
	x->sent = sink->sent;
	x->has_answer = !failed(sent) || x->sent;
	x->keep_alive &= !failed(sent);
	return failed(sent) ? broken_off(f, RELAY_SINK_FAILED, sent) : REASON_NONE;
}

/* A bound on the whole is for answers that have an end. A stream of events has none: it is open when its head
 * is here, and whoever wants no more of it hangs up. */
static deadline answer_until(const struct forward *f)
{
	deadline until = call_until(f->exchange, f->exchange->until);
	str type, parameters;

	if (until == DEADLINE_NEVER)
		return until;
	type = http_fields_value(&f->attempt.response.fields, HTTP_CONTENT_TYPE);
	str_cut(type, ';', &type, &parameters);
	return str_eq_nocase(str_trim(type), STR("text/event-stream")) ? DEADLINE_NEVER : until;
}

enum reason handover_answer(struct forward *f)
{
	struct exchange *x = f->exchange;
	struct http_response head;
	struct client *client = f->attempt.connection->client;
	struct body_sink *sink;
	struct relay relay;
	enum relay_end end;
	result_value error;

	__builtin_prefetch(x->view.names);
	mirror_leave(x, false, false);
	if (failed(prepare_for_client(f, client->body)))
		return REASON_OVERLOADED;
	if (f->attempt.response.status == 101)
		return switch_protocols(f);
	head = f->attempt.response;
	head.framing = server_framing(x->server, &x->request.head, &head);
	head.keep_alive = x->keep_alive = may_keep_client(f, head.framing);
	sink = server_respond(x->server, &x->arena, &x->request.head, &head);
	x->has_answer = true;
	x->status = head.status;
	relay = (struct relay) { .loop = x->worker->loop,
				 .from = x->view.response_body,
				 .to = sink,
				 .from_idle = x->timeouts->idle,
				 .to_idle = exchange_limits(x)->body_timeout,
				 .until = answer_until(f) };
	metrics_expect_soon(x->worker->metrics, x->target->series);
	end = relay_run(&relay, &error);
	x->sent = sink->sent;
	/* The connection is reusable only if its bytes end where the message does. */
	f->is_answer_whole = end == RELAY_DONE && client_answer_is_whole(client);
	if (end == RELAY_DONE && x->call.answer && failed(x->call.answer->failure)) /* the client was told */
		return broken_off(f, RELAY_SOURCE_FAILED, x->call.answer->failure);
	if (end == RELAY_DONE)
		return REASON_NONE;
	x->keep_alive = false;
	/* The head waits for the first piece: while not a byte has left, the gateway may still answer itself.
	 * A length or chunk that is missing tells the client that it is cut short; an answer that runs until
	 * close needs a reset for that (RFC 9112 section 8). */
	x->has_answer = sink->sent > 0;
	x->is_cut_short = x->has_answer && head.framing == HTTP_UNTIL_CLOSE;
	return broken_off(f, end, error);
}

duration handover_keep_alive(str hint, duration idle_timeout)
{
	str list = hint, item, name, value;
	uint64_t seconds;

	while (str_next(&list, ',', &item)) {
		if (!str_cut(item, '=', &name, &value) || !str_eq_nocase(str_trim(name), STR("timeout")))
			continue;
		if (!str_to_u64(str_trim(value), INT32_MAX, &seconds))
			continue;
		seconds = seconds ? seconds - 1 : 0;
		return (duration)seconds * SECOND < idle_timeout ? (duration)seconds * SECOND : idle_timeout;
	}
	return idle_timeout;
}
