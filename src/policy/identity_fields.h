/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_fields: what the upstream is told of who asks, by fields that no client can send.
 *
 * Names in `forward` are managed: they are removed from what clients send, on every route. Names that clients
 * have a use for (Authorization, Accept) stay theirs on other routes, and are replaced on this one.
 */
#pragma once

#include "policy/policy.h"

struct consumer;
struct operand;

enum { FORWARD_MAX = 32 }; /* fields of one policy */

bool identity_is_clients_own(str name);
/* A name that is known and not managed: clients have a use for it, so it cannot become the gateway's alone.
 */

result consumer_fields_compile(struct policy_compile *compile, const struct pair_list *pairs);
/* HEADER: source, which is name, groups or label.NAME of a consumer; FORWARD_MAX at most. ERROR_INVALID after
 * a report of everything that is wrong. */

enum verdict consumer_fields_set(const struct pair_list *pairs, struct view *view,
				 const struct consumer *consumer);
/* Each takes the place of whatever had its name; an empty one leaves nothing there. POLICY_ANSWERED: a value
 * can stand in no field, or there is no room for it. Nothing when it is only to report.
 * consumer NULL: nobody who has a name; all of them are empty. */

result claims_fields_compile(struct policy_compile *compile, const struct pair_list *pairs);
/* The same where sources are paths of claims; looks at the option `consumer`, too. */

enum reason claims_identify(struct view *view, str method, const struct operand *claims, str consumer);
/* Who asks is who the claims say. consumer: the path of the claim that names the consumer; empty: none does.
 * REASON_TOKEN_CONSUMER_UNKNOWN: nobody who is configured has that name; nothing is changed then. */

enum verdict claims_fields_set(const struct pair_list *pairs, struct view *view,
			       const struct operand *claims);
/* consumer_fields_set() of claims. */
