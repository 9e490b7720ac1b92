/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain: from the lists under `policies:` to chains that are ready to run.
 *
 * The lists are kept as nodes while the file is read, and compiled when all named policies are known. Every
 * named policy is compiled once, also when nothing uses it, so that check sees its mistakes.
 */
#pragma once

#include "base/map.h"
#include "policy/policy.h"

/* A list of policies as it stands in the file: `- use: NAME` or `- KIND: {options}`. */
extern const struct field_form policy_list_form; /* member: const struct node * */

/* One entry of the top level's `policies:`: NAME: { KIND: {options} }. */
extern const struct field_form policy_named_form; /* member: const struct node *, the whole map */

struct policy_names {
	struct policy_compile compile; /* what each policy is compiled with, but for its node */
	struct reader *reader;
	const struct node *named;
	struct map by_name; /* to struct policy_instance */
	struct map by_node; /* the same, by the address of the item's node */
	struct map warned;  /* items, by the same */
	struct map used;    /* those of by_name that an item uses */
};

void policy_names_compile(struct policy_names *names, const struct policy_compile *compile,
			  const struct node *named);
/* compile: what each policy is compiled with; copied, and what it points to must live as long as names are
 * used. named may be NULL. Reports what is wrong. */

const struct policy_instance *policy_names_item(struct policy_names *names, const struct node *item);
/* One item of a list within a policy's options, by `use` or by itself. NULL after a report. */

void policy_names_warn(struct policy_names *names);
/* When all chains are compiled: of policies that none of them uses. */

struct policy_chain policy_chain_compile(struct policy_names *names, const struct node *const *lists,
					 size_t count, const struct node *owner, const str_list *without);
/* One chain of the lists, in order; a list may be NULL. What owner's `without` names, by name or kind, is
 * left out of all but the last list. A name in it that drops nothing is reported, like everything else that
 * is wrong; the caller asks diagnostics_errors() at the end. */

bool policy_chain_answers(const struct policy_chain *chain);
/* Whether a policy of it answers every request that comes to it. */

enum verdict policy_chain_preflight(const struct policy_chain *chain, struct view *view);
/* The on_preflight of all, when it is one. As below. */

enum verdict policy_chain_request(const struct policy_chain *chain, struct view *view);
/* policy_chain_preflight(); then every on_request in order, until one answers. Whose
 * `when` does not hold is passed over; whose `report` is set is written down in view->reported instead of
 * answering. Yields when a policy does. */

void policy_chain_response(const struct policy_chain *chain, struct view *view);
/* In reverse order, also those that a refusal came before; not those whose `when` did not hold, or does not
 * now where it was not asked before. Yields when a policy does. */
