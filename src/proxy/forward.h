/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward: the request to its upstream, tried again where that is safe, and the answer back to the client.
 *
 * struct forward is what the tries of one request have in common, and the last of them (struct attempt);
 * handover reads it when there is an answer to pass on. It lives on the stack of forward_run(), which
 * undoes on every way out what a try has taken: the connection, the upload's fiber, the endpoint's load.
 */
#pragma once

#include "proxy/attempt.h"

/* A request on its way to its upstream, over all its tries. */
struct forward {
	struct exchange *exchange;
	const struct upstream *upstream;
	const struct roster *roster; /* who serves it in this exchange's generation */
	str head;                    /* as it is sent; empty: not printed yet */
	struct body_source *body;
	struct replay_source *replay; /* body, where it may be sent again; NULL: it may not */

	/* What the tries before have shown. */
	uint64_t key; /* choice_key() */
	struct balance_tried tried;
	unsigned stale_tries; /* dead connections met; they cost no attempt */
	bool was_silent;      /* one was answered by silence: once is all that may be repeated */

	struct attempt attempt; /* the last one: under way, or with the answer */
	str keep_alive_hint;    /* the answer's Keep-Alive field */
	bool is_answer_whole;   /* read to its end: the connection may carry another exchange */
};

enum reason forward_run(struct exchange *x);
/* Yields. REASON_NONE when the answer went to the client whole. Otherwise why not: if x->has_answer is unset,
 * the gateway must answer. */
