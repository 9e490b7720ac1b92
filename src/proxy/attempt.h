/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempt: one try of a request: an endpoint, a connection to it, the request on its way, and the head of
 * the answer.
 *
 * It tells what failed as finely as retry safety needs it (enum failure), and the reason for the log.
 * Whether there is another try is not its decision, but forward's.
 */
#pragma once

#include "proxy/forward.h"

enum reason attempt_run(struct forward *f);
/* Yields. REASON_NONE: f->response holds the head of an answer. Otherwise the reason, and f->failure says
 * what kind it is; with FAILURE_STATUS there is an answer all the same. */

void attempt_abandon(struct forward *f);
/* Yields. Ends the upload and closes the connection, if there is one. */

void attempt_end_load(struct forward *f);
/* The endpoint is no longer busy with it. */
