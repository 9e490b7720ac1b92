/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempt: one try of a request: an endpoint, a connection to it, the request on its way, and the head of
 * the answer.
 *
 * It tells what failed as finely as retry safety needs it (enum failure), and the reason for the log.
 * Whether there is another try is not its decision, but forward's.
 */
#pragma once

#include "proxy/upload.h"

struct forward;

/* How a try ended: what decides whether there may be another. */
enum failure {
	FAILURE_NONE,
	FAILURE_UNSENT,  /* no connection came about, or the request was refused unseen: nothing has happened
			  */
	FAILURE_STALE,   /* a kept connection was dead before it took the request */
	FAILURE_SILENT,  /* bytes were sent, and it closed without a byte of an answer */
	FAILURE_TIMEOUT, /* no answer in time */
	FAILURE_STATUS,  /* an answer that says 502, 503 or 504 */
	FAILURE_FINAL,   /* nothing that another try could mend */
};

struct attempt {
	struct forward *forward;     /* what it has in common with the others */
	const struct attempt *rival; /* that asks another endpoint at the same time; NULL: it is the first */
	bool is_raced;               /* there may be another beside it */
	const struct roster_member *member; /* of the forward's roster */
	struct endpoint *endpoint;          /* its, while that bears the load; NULL: it does not */
	struct pool_connection *connection;
	struct upload upload;
	enum failure failure;
	bool has_begun; /* a byte of an answer came */
	struct http_response response;
};

enum reason attempt_run(struct attempt *a);
/* Yields, on whatever fiber. REASON_NONE: a->response holds the head of an answer. Otherwise the reason, and
 * a->failure says what kind it is; with FAILURE_STATUS there is an answer all the same. */

void attempt_abandon(struct attempt *a);
/* Yields. Ends the upload and closes the connection, if there is one. */

void attempt_end_load(struct attempt *a);
/* The endpoint is no longer busy with it. */
