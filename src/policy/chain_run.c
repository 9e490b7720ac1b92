/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a chain: what is the same for every policy, so that none of them has to think of it: `when`,
 * `report`, and telling what was decided.
 */
#include "policy/chain.h"

#include "policy/expression.h"

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
	view_report(view, instance->name, view->answer.reason);
	view->answer = (struct answer) { 0 }; /* it goes on as if the policy had said nothing */
	return DECISION_REPORT;
}

/* Whom a policy that only reports finds out, those behind it that only report know, and nobody else does. Who
 * is known by a policy in force is so to both. */
static enum decision decide_of_whom(const struct policy_instance *instance, request_fn run, struct view *view)
{
	const struct principal *known = view->principal;
	enum decision decision;

	if (instance->is_report && view->supposed)
		view->principal = view->supposed;
	decision = decide(instance, run, view);
	if (instance->is_report || view->principal != known)
		view->supposed = view->principal;
	if (instance->is_report)
		view->principal = known;
	return decision;
}

static enum verdict run_one(const struct policy_instance *instance, request_fn run, struct view *view)
{
	const struct effects *effects = view->effects;
	enum decision decision;

	if (!run)
		return POLICY_CONTINUE;
	decision = decide_of_whom(instance, run, view);
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
	for (size_t i = 0; i < chain->count; i++) {
		const struct policy_instance *instance = &chain->at[i];

		if (!instance->policy->on_request)
			(void)settle(instance, view); /* it looks at answers only: its turn is now */
		else if (run_one(instance, instance->policy->on_request, view) == POLICY_ANSWERED)
			return POLICY_ANSWERED;
	}
	return POLICY_CONTINUE;
}

void policy_chain_response(const struct policy_chain *chain, struct view *view)
{
	for (size_t i = chain->count; i-- > 0;) {
		const struct policy_instance *instance = &chain->at[i];

		if (!instance->policy->on_response || settle(instance, view) == EXPRESSION_NO)
			continue;
		view->is_report = instance->is_report;
		instance->policy->on_response(instance->self, view);
	}
}
