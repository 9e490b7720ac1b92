/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a chain: what is the same for every policy, so that none of them has to think of it: `when`,
 * `report`, and telling what was decided.
 */
#include "policy/chain.h"

#include "policy/expression.h"

enum { REPORTED_MAX = 512 };

typedef enum verdict (*request_fn)(const void *self, struct view *view);

/* `when` is asked once, the first time that it matters: what the policy changes does not change whether it
 * takes part. EXPRESSION_UNDECIDED that one time only. */
static enum expression_outcome settle(const struct policy_instance *instance, struct view *view)
{
	enum expression_outcome outcome;
	uint64_t bit;

	if (!instance->when)
		return EXPRESSION_YES;
	bit = (uint64_t)1 << instance->condition;
	if (view->settled & bit)
		return view->skipped & bit ? EXPRESSION_NO : EXPRESSION_YES;
	outcome = expression_holds(instance->when, view);
	view->settled |= bit;
	if (outcome == EXPRESSION_NO)
		view->skipped |= bit;
	return outcome;
}

/* Goes on as if it had said nothing. A list that grows too long is cut: it is for people. */
static void write_down(const struct policy_instance *instance, struct view *view)
{
	str parts[] = { view->reported, STR(", "), instance->name, STR("="),
			reason_word(view->answer.reason) };
	size_t skip = view->reported.len ? 0 : 2, len = 0;

	view->answer = (struct answer) { 0 };
	for (size_t i = 0; i < 5; i++)
		len += parts[i].len;
	if (len <= REPORTED_MAX && len <= arena_left(view->arena))
		view->reported = arena_join(view->arena, parts + skip, 5 - skip);
}

/* Where it cannot be decided whether the policy takes part, the request is refused: by being expensive
 * nothing slips past one that keeps out, and nothing is given what another would give it. */
static enum decision decide(const struct policy_instance *instance, request_fn run, struct view *view)
{
	enum expression_outcome outcome = settle(instance, view);
	enum verdict verdict;

	if (outcome == EXPRESSION_NO)
		return DECISION_SKIP;
	view->is_report = instance->is_report;
	verdict = outcome == EXPRESSION_YES ? run(instance->self, view)
					    : view_refuse(view, REASON_CONDITION_UNDECIDED);
	if (verdict == POLICY_CONTINUE)
		return DECISION_CONTINUE;
	if (!instance->is_report || view->answer.reason == REASON_NONE) /* the exchange is over */
		return DECISION_ANSWER;
	write_down(instance, view);
	return DECISION_REPORT;
}

static enum verdict run_one(const struct policy_instance *instance, request_fn run, struct view *view)
{
	const struct effects *effects = view->effects;
	enum decision decision;

	if (!run)
		return POLICY_CONTINUE;
	decision = decide(instance, run, view);
	if (effects->decided)
		effects->decided(effects->self, view, instance, decision);
	return decision == DECISION_ANSWER ? POLICY_ANSWERED : POLICY_CONTINUE;
}

enum verdict policy_chain_preflight(const struct policy_chain *chain, struct view *view)
{
	if (!chain->has_preflight || !view_is_preflight(view))
		return POLICY_CONTINUE;
	for (size_t i = 0; i < chain->count; i++)
		if (run_one(&chain->at[i], chain->at[i].policy->on_preflight, view) == POLICY_ANSWERED)
			return POLICY_ANSWERED;
	return POLICY_CONTINUE;
}

enum verdict policy_chain_request(const struct policy_chain *chain, struct view *view)
{
	if (policy_chain_preflight(chain, view) == POLICY_ANSWERED)
		return POLICY_ANSWERED;
	for (size_t i = 0; i < chain->count; i++)
		if (run_one(&chain->at[i], chain->at[i].policy->on_request, view) == POLICY_ANSWERED)
			return POLICY_ANSWERED;
	return POLICY_CONTINUE;
}

void policy_chain_response(const struct policy_chain *chain, struct view *view)
{
	for (size_t i = chain->count; i-- > 0;)
		if (chain->at[i].policy->on_response && settle(&chain->at[i], view) != EXPRESSION_NO)
			chain->at[i].policy->on_response(chain->at[i].self, view);
}
