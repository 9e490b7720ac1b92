/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/blame.h"

#include "proxy/forward.h"

/* Statuses and reasons are told apart by their numbers. */
_Static_assert((int)REASONS < 500, "a cause is a reason or a status");

/* A bound that the client has set was too short for this call, and says nothing of others. */
static bool is_clients_time(const struct exchange *x)
{
	return exchange_now(x) >= x->clients_until;
}
static bool is_fault(const struct attempt *a, enum reason reason)
{
	switch (reason) {
	case REASON_UPSTREAM_NAME_UNRESOLVED:
	case REASON_UPSTREAM_CONNECT_REFUSED:
	case REASON_UPSTREAM_CERTIFICATE_INVALID:
	case REASON_UPSTREAM_TLS_REFUSED:
	case REASON_UPSTREAM_TLS_FAILED:
	case REASON_UPSTREAM_CLOSED:
	case REASON_UPSTREAM_RESET:
	case REASON_UPSTREAM_MALFORMED:
		return true;
	case REASON_UPSTREAM_CONNECT_TIMEOUT:
	case REASON_UPSTREAM_TIMEOUT:
	case REASON_UPSTREAM_WRITE_TIMEOUT:
		return !is_clients_time(a->forward->exchange);
	default:
		return false;
	}
}

void blame_try(const struct attempt *a, enum reason reason)
{
	if (!a->endpoint || a->failure == FAILURE_STALE)
		return;
	if (reason == REASON_NONE)
		serving_tell(a->forward->roster, a->member,
			     a->failure == FAILURE_STATUS ? a->response.status : 0);
	else if (is_fault(a, reason))
		serving_tell(a->forward->roster, a->member, (int)reason);
}
