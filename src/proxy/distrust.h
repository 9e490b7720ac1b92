/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distrust: what is said when TLS to an endpoint does not come about.
 *
 * The client and the access log get one of three reasons; the words that an operator needs (expired? another
 * name? which authority?) go to the journal, for each endpoint at most once in ten seconds, whoever asks and
 * how often.
 */
#pragma once

#include "observe/reason.h"
#include "proxy/worker.h"

enum reason distrust_reason(result_value error);
/* REASON_NONE: the error is not one of a TLS handshake, see pool_take(). */

void distrust_tell(struct worker *worker, const struct upstream *upstream, struct endpoint *endpoint,
		   result_value error);
/* Says nothing of other errors. */
