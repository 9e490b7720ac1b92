/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_memory: answers that one worker has had lately, by what was asked.
 *
 * Bounded: a fixed number of places, each with a bounded answer; a new one takes the place of the oldest of a
 * few. Questions bear credentials, so the whole question is compared and not its hash alone, and what is
 * dropped is wiped.
 */
#pragma once

#include "base/allowance.h"
#include "policy/fetch.h"

enum {
	FETCH_MEMORY_PLACES = 1024,
	FETCH_MEMORY_WAYS = 4,
	FETCH_MEMORY_ANSWER_MAX = 16 * 1024, /* bytes of question and answer together */
};

struct fetch_memory;

struct fetch_memory *fetch_memory_new(struct allowance *allowance);
/* What is remembered is charged to the allowance (NULL: none); at its bound nothing more is. */

void fetch_memory_free(struct fetch_memory **memory);
/* Clears the address, accepts NULL. */

bool fetch_memory_find(struct fetch_memory *memory, str question, deadline now, duration lasts,
		       struct arena *arena, struct fetch_answer *ret_answer);
/* One that is not older than lasts; copied to the arena. */

void fetch_memory_add(struct fetch_memory *memory, str question, deadline now,
		      const struct fetch_answer *answer);
/* In the place of what was answered before. Too large a one is not remembered. */
