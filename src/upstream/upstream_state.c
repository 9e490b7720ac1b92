/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream_state: tokens that are earned by requests and spent by further tries.
 *
 * So that retries stay a share of the traffic: an upstream that fails everything is not asked for everything
 * twice. It is the process's and not a worker's: what is saved up does not grow with the number of cores.
 */
#include "upstream/upstream_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum {
	PRICE = 100,            /* hundredths of a try */
	SAVED_MAX = 10 * PRICE, /* a few are always allowed, and no more are saved up */
};

struct upstream_states {
	struct registry by_name;
};

static result state_make(void *owner, str name, struct registered **ret_made)
{
	struct upstream_state *state = calloc(1, sizeof *state + name.len);
	char *room;

	(void)owner;
	ASSERT(state);
	room = (char *)(state + 1);
	memcpy(room, name.ptr, name.len);
	state->registered.name = (str) { room, name.len };
	for (enum upstream_budget budget = BUDGET_RETRIES; budget < BUDGETS; budget++)
		atomic_init(&state->tokens[budget], SAVED_MAX);
	breaker_init(&state->breaker);
	*ret_made = &state->registered;
	return OK;
}

static void state_release(struct registered *registered)
{
	breaker_fini(&((struct upstream_state *)registered)->breaker);
	free(registered);
}

struct upstream_states *upstream_states_new(void)
{
	struct upstream_states *states = calloc(1, sizeof *states);

	ASSERT(states);
	registry_init(&states->by_name, SIZE_MAX, state_make, state_release, states);
	return states;
}

void upstream_states_free(struct upstream_states **states)
{
	if (!*states)
		return;
	registry_fini(&(*states)->by_name);
	free(*states);
	*states = NULL;
}

struct upstream_state *upstream_states_get(struct upstream_states *states, str name)
{
	struct registered *registered;

	ASSERT(!failed(registry_get(&states->by_name, name, &registered)));
	return (struct upstream_state *)registered;
}

struct upstream_state *upstream_state_ref(struct upstream_state *state)
{
	registered_ref(&state->registered);
	return state;
}

void upstream_state_unref(struct upstream_state **state)
{
	if (*state)
		registered_unref(&(*state)->registered);
	*state = NULL;
}

void upstream_state_earn(struct upstream_state *state, enum upstream_budget budget, uint32_t hundredths)
{
	uint32_t tokens = atomic_load_explicit(&state->tokens[budget], memory_order_relaxed);

	while (tokens < SAVED_MAX && hundredths) {
		uint32_t more = tokens + hundredths < SAVED_MAX ? tokens + hundredths : SAVED_MAX;

		if (atomic_compare_exchange_weak_explicit(&state->tokens[budget], &tokens, more,
							  memory_order_relaxed, memory_order_relaxed))
			break;
	}
}

bool upstream_state_spend(struct upstream_state *state, enum upstream_budget budget)
{
	uint32_t tokens = atomic_load_explicit(&state->tokens[budget], memory_order_relaxed);

	while (tokens >= PRICE)
		if (atomic_compare_exchange_weak_explicit(&state->tokens[budget], &tokens, tokens - PRICE,
							  memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}
