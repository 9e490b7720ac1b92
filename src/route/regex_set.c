/* SPDX-License-Identifier: Apache-2.0 */
#include "route/regex_set.h"

#include "base/assert.h"
#include "route/required.h"

enum { SMALL = 4 }; /* with so few, looking for texts costs more than trying */

struct regex_set {
	const struct rule **rules;
	size_t count;
	const struct literal_set *literals; /* NULL: a small set */
	const uint32_t *always;
	size_t always_count;
};

/* How many expressions require a text: one that all share tells nothing. */
struct popularity {
	struct map counts; /* text to size_t */
	struct arena *arena;
};

static void count_text(struct popularity *popularity, str text)
{
	size_t *count = map_get(&popularity->counts, text);

	if (!count) {
		count = ARENA_NEW(popularity->arena, size_t);
		ASSERT(map_add(&popularity->counts, arena_str(popularity->arena, text), count));
	}
	++*count;
}

/* The rarest of the texts that an expression requires, the longest of those; empty without one. */
static str choose_text(const struct popularity *popularity, const struct required *required)
{
	str best = { 0 };
	size_t best_count = 0;

	for (size_t i = 0; i < required->count; i++) {
		str text = required->texts[i];
		size_t count = *(size_t *)map_get(&popularity->counts, text);

		if (best.len && (count > best_count || (count == best_count && text.len <= best.len)))
			continue;
		best = text;
		best_count = count;
	}
	return best;
}

static void choose_texts(struct arena *arena, struct regex_set *set, str *ret_texts)
{
	struct popularity popularity = { .arena = arena };
	struct required required;

	map_init(&popularity.counts, arena, set->count * REQUIRED_MAX);
	for (size_t i = 0; i < set->count; i++) {
		required_find(set->rules[i]->regex->text, &required);
		for (size_t j = 0; j < required.count; j++)
			count_text(&popularity, required.texts[j]);
	}
	for (size_t i = 0; i < set->count; i++) {
		required_find(set->rules[i]->regex->text, &required);
		ret_texts[i] = arena_str(arena, choose_text(&popularity, &required));
	}
}

static void keep_always(struct arena *arena, struct regex_set *set, const str *texts)
{
	uint32_t *always = ARENA_ARRAY(arena, uint32_t, set->count);

	for (size_t i = 0; i < set->count; i++)
		if (texts[i].len == 0)
			always[set->always_count++] = (uint32_t)i;
	set->always = always;
}

/* The texts are needed only while the automaton is made. */
static void make_literals(struct arena *arena, struct regex_set *set)
{
	struct arena texts_arena;
	str *texts;

	arena_init(&texts_arena, NULL, SIZE_MAX);
	texts = ARENA_ARRAY(&texts_arena, str, set->count);
	choose_texts(&texts_arena, set, texts);
	keep_always(arena, set, texts);
	set->literals = literal_set_new(arena, texts, set->count);
	arena_fini(&texts_arena);
}

struct regex_set *regex_set_new(struct arena *arena, const struct rule *const *rules, size_t count)
{
	struct regex_set *set = ARENA_NEW(arena, struct regex_set);

	set->rules = ARENA_ARRAY(arena, const struct rule *, count);
	memcpy(set->rules, rules, count * sizeof *rules);
	set->count = count;
	if (count > SMALL)
		make_literals(arena, set);
	return set;
}

void regex_set_start(const struct regex_set *set, str subject, struct marks *marks)
{
	if (!set->literals)
		for (uint32_t i = 0; i < set->count; i++)
			marks_add(marks, i);
	for (size_t i = 0; i < set->always_count; i++)
		marks_add(marks, set->always[i]);
	if (set->literals)
		literal_set_scan(set->literals, subject, marks);
}

const struct rule *regex_set_next(const struct regex_set *set, str subject, struct marks *marks,
				  struct regex_scratch *scratch, bool *ret_is_limited)
{
	uint32_t index;

	while (marks_take(marks, &index)) {
		const struct rule *rule = set->rules[index];
		enum regex_outcome outcome = regex_match(rule->regex, scratch, subject);

		if (outcome == REGEX_YES)
			return rule;
		if (outcome == REGEX_LIMIT) {
			*ret_is_limited = true;
			marks_clear(marks);
		}
	}
	return NULL;
}

size_t regex_set_always(const struct regex_set *set)
{
	return set->literals ? set->always_count : set->count;
}
