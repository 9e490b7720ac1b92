/* SPDX-License-Identifier: Apache-2.0 */
#include "route/literal_set.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"

enum { NONE = 0 }; /* the root is nobody's child and no text's end */

/* A state is a prefix of a text. */
struct state {
	uint32_t fail;    /* its longest proper suffix that is a state */
	uint32_t shorter; /* the longest one on the way of fail that ends a text, or NONE */
	uint32_t text;    /* 1 + one of the texts that end here, or NONE */
};

/* From a state by a byte to a state; `to` is NONE in a free slot. */
struct edge {
	uint32_t key; /* from << 8 | byte */
	uint32_t to;
};

struct literal_set {
	struct state *states;
	struct edge *edges;
	uint32_t *same; /* by text: 1 + another one that is equal, or NONE */
	size_t mask;
	uint32_t count; /* of states */
};

_Static_assert(MARKS_MAX *(size_t)LITERAL_MAX < 1u << 24, "a state and a byte fit into a key");

/* What is needed only while the automaton is made. */
struct origin {
	uint32_t parent;
	uint32_t next; /* another state as long as this one, or NONE */
	unsigned char byte;
};

struct making {
	struct origin *origins;              /* by state */
	uint32_t by_length[LITERAL_MAX + 1]; /* a state of that length, or NONE */
};

static struct edge *edge_of(const struct literal_set *set, uint32_t key)
{
	size_t i = (size_t)((key * 0x9e3779b97f4a7c15) >> 24) & set->mask;

	while (set->edges[i].to && set->edges[i].key != key)
		i = (i + 1) & set->mask;
	return &set->edges[i];
}

static uint32_t key_of(uint32_t state, unsigned char byte)
{
	return state << 8 | byte;
}

static void add_text(struct literal_set *set, struct making *making, str text, uint32_t index)
{
	uint32_t state = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.ptr[i];
		struct edge *edge = edge_of(set, key_of(state, byte));

		if (!edge->to) {
			*edge = (struct edge) { key_of(state, byte), set->count };
			making->origins[set->count] =
				(struct origin) { state, making->by_length[i + 1], byte };
			making->by_length[i + 1] = set->count++;
		}
		state = edge->to;
	}
	if (state == 0)
		return;
	set->same[index] = set->states[state].text;
	set->states[state].text = index + 1;
}

static uint32_t step(const struct literal_set *set, uint32_t state, unsigned char byte)
{
	for (;;) {
		uint32_t to = edge_of(set, key_of(state, byte))->to;

		if (to || !state)
			return to;
		state = set->states[state].fail;
	}
}

static void link_state(struct literal_set *set, const struct origin *origin, uint32_t index)
{
	struct state *state = &set->states[index], *fail;

	if (origin->parent)
		state->fail = step(set, set->states[origin->parent].fail, origin->byte);
	fail = &set->states[state->fail];
	state->shorter = fail->text ? state->fail : fail->shorter;
}

/* Shorter ones first: a state's failure is shorter than itself. */
static void link_states(struct literal_set *set, const struct making *making)
{
	for (size_t length = 1; length <= LITERAL_MAX; length++)
		for (uint32_t i = making->by_length[length]; i; i = making->origins[i].next)
			link_state(set, &making->origins[i], i);
}

static str last_bytes(str text)
{
	return text.len > LITERAL_MAX ? str_skip(text, text.len - LITERAL_MAX) : text;
}

static size_t slots_for(size_t states)
{
	size_t slots = 16;

	while (slots < states * 2)
		slots *= 2;
	return slots;
}

static void *zeroed(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	ASSERT(memory);
	return memory;
}

/* Into the arena, in the size that it came to: texts share their beginnings. */
static void freeze(struct literal_set *set, struct arena *arena)
{
	struct literal_set making = *set;
	size_t slots = slots_for(set->count);

	set->states = memcpy(ARENA_ARRAY(arena, struct state, set->count), making.states,
			     set->count * sizeof *set->states);
	set->edges = ARENA_ARRAY(arena, struct edge, slots);
	set->mask = slots - 1;
	for (size_t i = 0; i <= making.mask; i++)
		if (making.edges[i].to)
			*edge_of(set, making.edges[i].key) = making.edges[i];
	free(making.states);
	free(making.edges);
}

struct literal_set *literal_set_new(struct arena *arena, const str *texts, size_t count)
{
	struct literal_set *set = ARENA_NEW(arena, struct literal_set);
	struct making making = { 0 };
	size_t states = 1, slots;

	ASSERT(count <= MARKS_MAX);
	for (size_t i = 0; i < count; i++)
		states += last_bytes(texts[i]).len;
	slots = slots_for(states);
	making.origins = zeroed(states, sizeof *making.origins);
	*set = (struct literal_set) {
		.states = zeroed(states, sizeof *set->states),
		.edges = zeroed(slots, sizeof *set->edges),
		.same = ARENA_ARRAY(arena, uint32_t, count),
		.mask = slots - 1,
		.count = 1,
	};
	for (size_t i = 0; i < count; i++)
		add_text(set, &making, last_bytes(texts[i]), (uint32_t)i);
	link_states(set, &making);
	free(making.origins);
	freeze(set, arena);
	return set;
}

/* Texts that end at a state are marked together, and shorter ones with them: once is enough. */
static void mark_ends(const struct literal_set *set, uint32_t state, struct marks *marks)
{
	for (; state; state = set->states[state].shorter) {
		uint32_t text = set->states[state].text;

		if (marks_has(marks, text - 1))
			return;
		for (; text; text = set->same[text - 1])
			marks_add(marks, text - 1);
	}
}

void literal_set_scan(const struct literal_set *set, str subject, struct marks *marks)
{
	uint32_t state = 0;

	for (size_t i = 0; i < subject.len; i++) {
		state = step(set, state, (unsigned char)ascii_lower(subject.ptr[i]));
		mark_ends(set, set->states[state].text ? state : set->states[state].shorter, marks);
	}
}
