/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch: the gateway as a client of its own: one request to an upstream through the worker's pool, and its
 * answer, bounded in time and in size.
 *
 * For what policies ask (fetch_for_policy) and what is sent beside the traffic (proxy/mirror.h). Nothing of
 * it reaches a client, and nothing is tried twice but on a kept connection that proved dead.
 */
#pragma once

#include "policy/policy.h"
#include "proxy/worker.h"

typedef bool (*fetch_take_fn)(void *self, str bytes);
/* A piece of the answer's body. False: no more of it is wanted. */

struct fetch_call {
	struct worker *worker;
	struct generation *generation;
	const struct upstream *upstream;
	struct arena *arena; /* where the answer's head goes */
	enum http_method method;
	str head, body; /* as they are sent */
	deadline until; /* for all of it */
	fetch_take_fn take;
	void *self;
	struct endpoint *endpoint;          /* the last one asked */
	struct pool_connection *connection; /* while it is under way */
};

result fetch_run(struct fetch_call *call, struct http_response *ret_response, bool *ret_is_whole);
/* Yields. OK with the head of a final answer; *ret_is_whole: all of its body was taken. Otherwise there is no
 * answer: ERROR_MISSING (no endpoint, or its name has no address), ERROR_REFUSED, ERROR_TIMEOUT,
 * ERROR_CLOSED, ERROR_RESET, ERROR_MALFORMED, ERROR_LIMIT, ERROR_CANCELLED. */

result fetch_enter(struct worker *worker);
/* One more question of a policy is under way, until fetch_leave(). ERROR_LIMIT: there are too many, and it is
 * not. */

void fetch_leave(struct worker *worker);

result fetch_for_policy(void *self, struct view *view, const struct fetch_request *request,
			struct fetch_answer *ret_answer);
/* effects.fetch of an exchange. Yields. */
