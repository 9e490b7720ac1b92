/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chore: work of a policy's that would hold up the worker: done by a thread of its own, one at a time for
 * each worker, so that whoever can cause it can take no more than a core from the others.
 */
#pragma once

#include "fiber/condition.h"
#include "policy/policy.h"

enum { CHORES_WAITING_MAX = 64 };

/* A worker's. Zero is none under way. */
struct chores {
	bool is_busy;
	size_t waiting;
	struct condition is_idle;
};

result chore_run(void *self, struct view *view, void (*work)(void *argument), void *argument);
/* effects.work of an exchange. Yields. */
