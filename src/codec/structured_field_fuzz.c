/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What parses prints as something that parses to the same, and prints as itself from then on.
 */
#include "base/assert.h"
#include "codec/structured_field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 4 * 1024 * 1024, PRINTED_MAX = 8 * STRUCTURED_MAX };

static str print(const struct structured_dictionary *dictionary, struct arena *arena)
{
	struct buf out = arena_open(arena, PRINTED_MAX);

	for (size_t i = 0; i < dictionary->count; i++) {
		buf_put(&out, i ? STR(", ") : STR(""));
		buf_put(&out, dictionary->at[i].key);
		buf_put_char(&out, '=');
		structured_item_print(&dictionary->at[i].value, &out);
	}
	ASSERT(!buf_overflowed(&out));
	return arena_close(arena, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct structured_dictionary first, again;
	struct arena arena;
	str text;

	if (size > STRUCTURED_MAX / 4)
		return 0;
	arena_init(&arena, NULL, ARENA_MAX);
	if (!failed(structured_dictionary_parse((str) { (const char *)data, size }, &arena, &first))) {
		text = print(&first, &arena);
		ASSERT(!failed(structured_dictionary_parse(text, &arena, &again)));
		ASSERT(again.count == first.count);
		ASSERT(str_eq(print(&again, &arena), text));
	}
	arena_fini(&arena);
	return 0;
}
