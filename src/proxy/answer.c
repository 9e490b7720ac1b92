/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer: head and body of an answer of the gateway, and whether the connection outlives it.
 *
 * What a policy set stands; the fields that every answer of its kind must have are added where it said
 * nothing (Date, Content-Type, Allow, Retry-After). The connection is kept only when it is certain where
 * the next request begins: the framing was understood, and what is left of the body is small enough to be
 * read and dropped. Telling a client to stop sending is cheaper than reading what nobody wants.
 */
#include "proxy/answer.h"

#include "base/assert.h"
#include "codec/http_date.h"
#include "codec/json_text.h"

enum {
	FIELDS_ADDED = 64,
	PROBLEM_MAX = 2048,
	SMALL_BODY = 64 * 1024,
};

static void add(struct http_response *response, enum http_name id, str value)
{
	result_value added = OK;

	if (value.len && !http_fields_get(&response->fields, id))
		added = http_fields_add(&response->fields, id, http_name_text(id), value);
	ASSERT(!failed(added));
}

static void put_member(struct buf *out, str name, str value)
{
	buf_put_char(out, ',');
	json_put_string(out, name);
	buf_put_char(out, ':');
	json_put_string(out, value);
}

/* RFC 9457. What would help an attacker is in the log, not here. */
static str problem_print(struct exchange *x, enum reason reason, int status, str detail)
{
	struct buf out = arena_open(&x->arena, PROBLEM_MAX);
	str title = reason_title(reason).len ? reason_title(reason) : http_status_text(status);

	buf_put(&out, STR("{\"type\":"));
	json_put_string(&out, x->view.answer.problem.len ? x->view.answer.problem : STR("about:blank"));
	put_member(&out, STR("title"), title);
	buf_put(&out, STR(",\"status\":"));
	buf_put_u64(&out, (uint64_t)status);
	if (detail.len)
		put_member(&out, STR("detail"), detail);
	put_member(&out, STR("instance"), x->view.request_id);
	buf_put(&out, x->view.answer.members);
	buf_put(&out, STR("}\n"));
	return arena_close(&x->arena, &out);
}

static str proxy_status(struct exchange *x, enum reason reason)
{
	str error = reason_proxy_error(reason);
	str parts[] = { STR("gatehouse; error="), error };

	return error.len ? arena_join(&x->arena, parts, 2) : (str) { 0 };
}

static str date_print(struct exchange *x)
{
	char *text = arena_bytes(&x->arena, HTTP_DATE_LEN);

	http_date_print(view_now(&x->view), text);
	return (str) { text, HTTP_DATE_LEN };
}

/* For 405: every method that some rule would have taken. */
static str allow_print(struct exchange *x)
{
	struct buf out = arena_open(&x->arena, 256);

	for (int method = HTTP_GET; method < HTTP_METHODS; method++) {
		if (!(x->allowed & 1u << method))
			continue;
		buf_put(&out, out.len ? STR(", ") : (str) { 0 });
		buf_put(&out, http_method_text((enum http_method)method));
	}
	for (size_t i = 0; x->allowed_other && i < x->allowed_other->len; i++) {
		buf_put(&out, out.len ? STR(", ") : (str) { 0 });
		buf_put(&out, x->allowed_other->at[i]);
	}
	return arena_close(&x->arena, &out);
}

/* All of them, with room for those that are added here and by response policies. */
static void copy_fields(struct exchange *x, struct http_response *response, const struct http_fields *from)
{
	response->fields.max = from->count + FIELDS_ADDED;
	response->fields.at = ARENA_ARRAY(&x->arena, struct http_field, response->fields.max);
	response->fields.arena = &x->arena;
	for (size_t i = 0; i < from->count; i++)
		if (!from->at[i].removed)
			response->fields.at[response->fields.count++] = from->at[i];
}

/* A policy that answers says what stands in it, if only nothing; any other answer that is an error is a
 * problem.
 */
static bool is_problem(const struct exchange *x, enum reason reason, int status)
{
	return !x->view.answer.body.len && reason != REASON_RESPOND && status >= 400;
}

static str body_of(struct exchange *x, enum reason reason, int status)
{
	const struct answer *answer = &x->view.answer;

	if (!is_problem(x, reason, status))
		return answer->body;
	return problem_print(x, reason, status, answer->detail.len ? answer->detail : reason_detail(reason));
}

/* For a client that reads no problem documents. */
static str message_of(const struct exchange *x, enum reason reason, int status)
{
	str detail = x->view.answer.detail.len ? x->view.answer.detail : reason_detail(reason);

	return detail.len ? detail : http_status_text(status);
}

static struct http_response make_response(struct exchange *x, enum reason reason, str *ret_body)
{
	const struct answer *answer = &x->view.answer;
	struct http_response response = { .status = answer->status ? answer->status : reason_status(reason) };

	copy_fields(x, &response, &answer->fields);
	*ret_body = body_of(x, reason, response.status);
	if (is_problem(x, reason, response.status))
		add(&response, HTTP_CONTENT_TYPE, STR("application/problem+json"));
	else
		add(&response, HTTP_CONTENT_TYPE, answer->content_type);
	if (reason == REASON_METHOD_NOT_ALLOWED)
		add(&response, HTTP_ALLOW, allow_print(x));
	if (reason == REASON_WEBSOCKET_VERSION_UNSUPPORTED) {
		add(&response, HTTP_UPGRADE, STR("websocket"));
		add(&response, HTTP_CONNECTION, STR("Upgrade"));
		add(&response, HTTP_SEC_WEBSOCKET_VERSION, STR("13"));
	}
	if (reason_status(reason) == 401) /* found out behind the policies: of a body that is another's */
		add(&response, HTTP_WWW_AUTHENTICATE, view_no_scheme);
	if (response.status == 503)
		add(&response, HTTP_RETRY_AFTER, STR("1"));
	add(&response, HTTP_PROXY_STATUS, proxy_status(x, reason));
	add(&response, HTTP_DATE, date_print(x));
	if (call_is_answered_in_status(x, reason, response.status)) {
		result_value told =
			call_print_end(x, &response, message_of(x, reason, response.status), ret_body);

		ASSERT(!failed(told)); /* FIELDS_ADDED is more than there are here */
	}
	return response;
}

/* What is left of the request's body: the exchange reads and drops it to keep the connection. */
static bool is_rest_small(const struct exchange *x)
{
	const struct http_request *head = &x->request.head;

	if (server_body_is_whole(x->server))
		return true;
	return head->framing == HTTP_LENGTH && head->length <= SMALL_BODY && !head->expects_continue;
}

/* After a head that was not understood nothing that follows is parsed. */
static bool may_keep(const struct exchange *x, enum reason reason)
{
	bool is_framing_sound = x->view.answer.status == 0 || x->request.error == H1_ERROR_NONE;

	return x->keep_alive && is_framing_sound && reason != REASON_CHUNK_MALFORMED &&
	       reason != REASON_BASE64_MALFORMED && reason != REASON_BODY_TIMEOUT &&
	       reason != REASON_TOTAL_TIMEOUT && !x->session->connection->door->is_closing &&
	       is_rest_small(x);
}

static result send_text(struct exchange *x, struct body_sink *sink, str body)
{
	while (!sink->is_done) {
		struct piece piece = { .bytes = body, .is_last = true };
		size_t used;

		TRY(sink_send(sink, piece, exchange_patience(x), &used));
		body = str_skip(body, used);
	}
	return OK;
}

void answer_send(struct exchange *x, enum reason reason)
{
	struct http_response response;
	struct body_sink *sink;
	str body;

	/* Nobody is there to read: its body ended too early, or it takes nothing. */
	x->is_client_gone |= reason == REASON_CLIENT_ABORTED || reason == REASON_CLIENT_TIMEOUT;
	if (x->is_client_gone && !x->has_answer)
		x->status = reason_status(reason == REASON_CLIENT_TIMEOUT ? reason : REASON_CLIENT_ABORTED);
	if (x->is_client_gone || x->has_answer)
		return;
	response = make_response(x, reason, &body);
	x->view.response = &response;
	x->view.response_body = NULL;
	if (x->answer_chain)
		policy_chain_response(x->answer_chain, &x->view);
	response.keep_alive = x->keep_alive = may_keep(x, reason);
	response.framing = http_status_has_no_body(response.status) ? HTTP_NO_BODY : HTTP_LENGTH;
	response.length = body.len;
	x->has_answer = true;
	x->status = response.status;
	sink = server_respond(x->server, &x->arena, &x->request.head, &response);
	if (sink->is_bodiless)
		body = (str) { 0 };
	if (failed(send_text(x, sink, body)))
		x->is_client_gone = true;
	x->sent = sink->sent;
}
