/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/distrust.h"

#define QUIET_FOR (10 * SECOND)

enum reason distrust_reason(result_value error)
{
	switch (error.kind) {
	case ERROR_UNTRUSTED:
		return REASON_UPSTREAM_CERTIFICATE_INVALID;
	case ERROR_DENIED:
		return REASON_UPSTREAM_TLS_REFUSED;
	case ERROR_MALFORMED:
		return REASON_UPSTREAM_TLS_FAILED;
	default:
		return REASON_NONE;
	}
}

/* Of several workers that have something to say at the same time one does. */
static bool may_tell(struct endpoint *endpoint, deadline now)
{
	deadline quiet_until = atomic_load_explicit(&endpoint->quiet_until, memory_order_relaxed);

	return now >= quiet_until &&
	       atomic_compare_exchange_strong_explicit(&endpoint->quiet_until, &quiet_until,
						       deadline_after(now, QUIET_FOR), memory_order_relaxed,
						       memory_order_relaxed);
}

void distrust_tell(struct worker *worker, const struct upstream *upstream, struct endpoint *endpoint,
		   result_value error)
{
	enum reason reason = distrust_reason(error);

	if (reason != REASON_NONE && may_tell(endpoint, loop_now(worker->loop)))
		journal_warn(worker->journal, "upstream %.*s: %.*s: %.*s: %s", STR_ARG(upstream->name),
			     STR_ARG(endpoint->text), STR_ARG(reason_word(reason)), error.why);
}
