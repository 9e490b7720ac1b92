/* SPDX-License-Identifier: Apache-2.0 */
/*
 * item: one policy as it stands in a file: its kind with the options, or `use`, and beside it `when` and
 * `report`.
 */
#pragma once

#include "policy/policy.h"

const struct node *policy_item_kind(struct reader *reader, const struct node *item);
/* The key that is not `when` or `report`: a kind with its options, or `use`. NULL after a report. */

struct policy_instance *policy_item_compile(const struct policy_compile *with, const struct node *item,
					    const struct node *kind);
/* kind: the item's own, not `use`. with: what policies are compiled with. NULL after a report. */

struct policy_instance *policy_item_named(const struct policy_compile *with, const struct node *item);
/* The same for one of `policies:`, which has its key for a name. */

struct policy_instance *policy_item_used(const struct policy_compile *with, const struct node *item,
					 const struct policy_instance *used);
/* A copy of what `use` names, with what the item says beside it. NULL after a report. */
