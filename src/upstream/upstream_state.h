/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream_state: what of an upstream outlives a snapshot, by the upstream's name: the budgets of further
 * tries, and what is under way.
 *
 * Shared by the workers. Requests of a healthy upstream only read it, for nothing is written where the budget
 * is full.
 */
#pragma once

#include "base/registry.h"
#include "upstream/breaker.h"

/* Tries beyond the first, each kind of which has a budget. */
enum upstream_budget { BUDGET_RETRIES, BUDGET_HEDGES, BUDGETS };

struct upstream_state {
	struct registered registered;     /* first */
	_Atomic uint32_t tokens[BUDGETS]; /* in hundredths of a try */
	struct breaker breaker;
};

struct upstream_states;

struct upstream_states *upstream_states_new(void);
/* All of a process. */

void upstream_states_free(struct upstream_states **states);
/* When no upstream is left. Clears the address, accepts NULL. */

struct upstream_state *upstream_states_get(struct upstream_states *states, str name);
/* Finds or makes it, from any thread; the caller has it until upstream_state_unref(). A new one has a full
 * budget, so that the first failures after a start can be retried. */

struct upstream_state *upstream_state_ref(struct upstream_state *state);
void upstream_state_unref(struct upstream_state **state);
/* The last one frees it; clears the address, accepts NULL. */

void upstream_state_earn(struct upstream_state *state, enum upstream_budget budget, uint32_t hundredths);
/* A request begins. */

bool upstream_state_spend(struct upstream_state *state, enum upstream_budget budget);
/* Takes one try off the budget; false, and nothing taken, when it is used up. */
