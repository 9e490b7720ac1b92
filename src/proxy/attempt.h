/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempt: one try of a request: an endpoint, a connection to it, the request on its way, and the head of the
 * answer.
 */
#pragma once

#include "proxy/exchange.h"
#include "proxy/upload.h"

enum { STALE_TRIES_MAX = 3, INTERIM_MAX = 16 };

enum failure {
	FAILURE_NONE,
	FAILURE_UNSENT,  /* no connection came about: nothing was sent */
	FAILURE_STALE,   /* a kept connection was dead before a byte was sent on it */
	FAILURE_SILENT,  /* bytes were sent, and it closed without a byte of an answer */
	FAILURE_TIMEOUT, /* no answer in time */
	FAILURE_STATUS,  /* an answer that says 502, 503 or 504 */
	FAILURE_FINAL,   /* nothing that another try could mend */
};

/* A request on its way to its upstream, over all its tries. */
struct forward {
	struct exchange *exchange;
	const struct upstream *upstream;
	struct upstream_turns *turns;
	str head; /* as it is sent, each time */
	struct body_source *body;
	struct replay_source replay; /* body, where it may be sent again */
	bool is_replayable;

	struct upstream_tried tried;
	unsigned stale_tries;
	bool was_silent;

	/* The try under way. */
	struct endpoint *endpoint;
	struct pool_connection *connection;
	struct upload upload;
	enum failure failure;
	bool has_begun; /* a byte of an answer came */
	struct http_response response;
	struct h1_source answer;
	str keep_alive_hint; /* the answer's Keep-Alive field */
	bool is_answer_whole;
};

enum reason attempt_run(struct forward *f);
/* Yields. REASON_NONE: f->response holds the head of an answer. Otherwise the reason, and f->failure says
 * what kind it is; with FAILURE_STATUS there is an answer all the same. */

void attempt_abandon(struct forward *f);
/* Yields. Ends the upload and closes the connection, if there is one. */

void attempt_end_load(struct forward *f);
/* The endpoint is no longer busy with it. */
