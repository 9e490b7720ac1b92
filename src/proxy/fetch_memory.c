/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/fetch_memory.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/random.h"

/* One question and its answer in one piece of memory: question, body, then name and value of each field. */
struct memory_entry {
	uint64_t hash;
	deadline since;
	size_t size; /* of bytes[] */
	size_t question_len, body_len, field_count;
	int status;
	char bytes[]; /* the lengths of the fields stand before each */
};

struct fetch_memory {
	uint64_t seed;
	struct allowance *allowance;
	struct memory_entry *places[FETCH_MEMORY_PLACES];
};

struct fetch_memory *fetch_memory_new(struct allowance *allowance)
{
	struct fetch_memory *memory = calloc(1, sizeof *memory);

	ASSERT(memory);
	memory->seed = random_u64();
	memory->allowance = allowance;
	return memory;
}

static void wipe(struct memory_entry **entry)
{
	explicit_bzero((*entry)->bytes, (*entry)->size);
	free(*entry);
	*entry = NULL;
}

static size_t size_of(const struct memory_entry *entry)
{
	return sizeof *entry + entry->size;
}

static void entry_free(struct fetch_memory *memory, struct memory_entry **place)
{
	if (!*place)
		return;
	allowance_give(memory->allowance, size_of(*place));
	wipe(place);
}

void fetch_memory_free(struct fetch_memory **address)
{
	struct fetch_memory *memory = *address;

	for (size_t i = 0; memory && i < FETCH_MEMORY_PLACES; i++)
		entry_free(memory, &memory->places[i]);
	free(memory);
	*address = NULL;
}

/* The first of the few places that a question may have. */
static struct memory_entry **places_of(struct fetch_memory *memory, uint64_t hash)
{
	return &memory->places[hash % (FETCH_MEMORY_PLACES / FETCH_MEMORY_WAYS) * FETCH_MEMORY_WAYS];
}

static bool is_it(const struct memory_entry *entry, uint64_t hash, str question)
{
	return entry && entry->hash == hash && str_eq((str) { entry->bytes, entry->question_len }, question);
}

/* ---- fields as bytes ---- */

static void put_slice(struct buf *out, str s)
{
	buf_put(out, (str) { (const char *)&s.len, sizeof s.len });
	buf_put(out, s);
}

static str take_slice(str *from)
{
	size_t len;
	str slice;

	memcpy(&len, from->ptr, sizeof len);
	slice = str_slice(*from, sizeof len, sizeof len + len);
	*from = str_skip(*from, sizeof len + len);
	return slice;
}

static void put_fields(struct buf *out, const struct http_fields *fields, size_t *ret_count)
{
	*ret_count = 0;
	for (size_t i = 0; i < fields->count; i++) {
		if (fields->at[i].removed)
			continue;
		put_slice(out, fields->at[i].name);
		put_slice(out, fields->at[i].value);
		++*ret_count;
	}
}

static struct http_fields take_fields(str from, size_t count, struct arena *arena)
{
	struct http_fields fields = { .at = ARENA_ARRAY(arena, struct http_field, count), .max = count };

	for (; fields.count < count; fields.count++) {
		struct http_field *field = &fields.at[fields.count];

		field->name = take_slice(&from);
		field->value = take_slice(&from);
		field->id = http_name_find(field->name);
	}
	return fields;
}

/* ---- ---- */

bool fetch_memory_find(struct fetch_memory *memory, str question, deadline now, duration lasts,
		       struct arena *arena, struct fetch_answer *ret_answer)
{
	uint64_t hash = hash_bytes(question, memory->seed);
	struct memory_entry **places = places_of(memory, hash);
	str kept;

	for (size_t i = 0; i < FETCH_MEMORY_WAYS; i++) {
		const struct memory_entry *entry = places[i];

		if (!is_it(entry, hash, question) || now - entry->since >= lasts)
			continue;
		kept = arena_str(arena, (str) { entry->bytes, entry->size });
		kept = str_skip(kept, entry->question_len);
		*ret_answer = (struct fetch_answer) {
			.status = entry->status,
			.body = str_slice(kept, 0, entry->body_len),
			.fields = take_fields(str_skip(kept, entry->body_len), entry->field_count, arena),
			.is_body_whole = true,
		};
		return true;
	}
	return false;
}

/* What is too large is written in part: the question may hold somebody's credentials. */
static struct memory_entry *entry_new(str question, const struct fetch_answer *answer)
{
	char text[FETCH_MEMORY_ANSWER_MAX];
	struct buf out = buf_over(text, sizeof text);
	struct memory_entry *entry = NULL;
	size_t count;

	buf_put(&out, question);
	buf_put(&out, answer->body);
	put_fields(&out, &answer->fields, &count);
	if (!buf_overflowed(&out)) {
		entry = malloc(sizeof *entry + out.len);
		ASSERT(entry);
		*entry = (struct memory_entry) { .size = out.len,
						 .question_len = question.len,
						 .body_len = answer->body.len,
						 .field_count = count,
						 .status = answer->status };
		memcpy(entry->bytes, text, out.len);
	}
	explicit_bzero(text, sizeof text);
	return entry;
}

/* The same question's, else a free one, else the oldest. */
static struct memory_entry **place_for(struct fetch_memory *memory, uint64_t hash, str question)
{
	struct memory_entry **places = places_of(memory, hash), **best = places;

	for (size_t i = 0; i < FETCH_MEMORY_WAYS; i++) {
		if (is_it(places[i], hash, question))
			return &places[i];
		if (*best && (!places[i] || places[i]->since < (*best)->since))
			best = &places[i];
	}
	return best;
}

void fetch_memory_add(struct fetch_memory *memory, str question, deadline now,
		      const struct fetch_answer *answer)
{
	uint64_t hash = hash_bytes(question, memory->seed);
	struct memory_entry *entry = entry_new(question, answer), **place;

	place = place_for(memory, hash, question);
	if (!entry && !is_it(*place, hash, question))
		return;
	entry_free(memory, place);
	if (!entry)
		return;
	if (!allowance_take(memory->allowance, size_of(entry))) {
		wipe(&entry);
		return;
	}
	entry->hash = hash;
	entry->since = now;
	*place = entry;
}
