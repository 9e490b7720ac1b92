/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issuer_question: what policies may ask of an issuer while a request waits. Keys are fetched by the control
 * thread, once for everybody; a URL that is known only now, a token endpoint, is asked by the worker itself.
 * Neither goes on after the deadline of the exchange.
 */
#include "proxy/issuer_question.h"

#include "auth/key_set.h"
#include "proxy/exchange.h"
#include "proxy/fetch.h"
#include "upstream/courier.h"

/* The policy's patience, or the request's if that is shorter. */
static deadline until_of(const struct exchange *x, duration time)
{
	return deadline_min(x->until, deadline_after(exchange_now(x), time));
}

result issuer_refresh_keys(void *self, struct view *view, struct key_set *keys, duration time)
{
	struct exchange *x = exchange_of(view);

	(void)self;
	TRY(exchange_before_wait(x));
	return exchange_after_wait(x,
				   key_set_wait(keys, x->worker->loop, x->session->fiber, until_of(x, time)));
}

static result ask(struct exchange *x, const struct url_request *request, struct courier_answer *ret_answer)
{
	const struct snapshot *snapshot = x->generation->snapshot;
	struct courier courier = { x->worker->fibers, x->worker->pool, snapshot->endpoints };
	result_value asked;

	TRY(fetch_enter(x->worker));
	asked = courier_ask(&courier, x->view.arena,
			    &(struct courier_request) { .url = request->url,
							.method = request->method,
							.fields = request->fields,
							.body = request->body,
							.web = snapshot->web,
							.until = until_of(x, request->timeout),
							.body_max = request->body_max },
			    ret_answer);
	fetch_leave(x->worker);
	return asked;
}

/* Fields of the connection are not the policy's business (RFC 9110 section 7.6.1). */
result issuer_fetch_url(void *self, struct view *view, const struct url_request *request,
			struct fetch_answer *ret_answer)
{
	struct exchange *x = exchange_of(view);
	struct courier_answer answer;

	(void)self;
	*ret_answer = (struct fetch_answer) { 0 };
	TRY(exchange_before_wait(x));
	TRY(exchange_after_wait(x, ask(x, request, &answer)));
	http_fields_remove_hop(&answer.fields);
	*ret_answer =
		(struct fetch_answer) { answer.status, answer.fields, answer.body, answer.is_body_whole };
	return OK;
}
