/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever is read as JSON is within the depth that was promised and the room that was counted for it, and a
 * name finds its own member: no object has one twice.
 */
#include "base/assert.h"
#include "codec/json.h"

enum { TEXT_MAX = 4096, ARENA_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as it asserts. */
static void look(const struct operand *value, unsigned depth)
{
	const struct json_object *object = json_object_of(value);

	ASSERT(depth <= JSON_DEPTH_MAX);
	for (size_t i = 0; object && i < object->count; i++) {
		struct operand found = json_find(value, object->at[i].name);

		ASSERT(found.kind == object->at[i].value.kind);
		if (found.kind == OPERAND_STRING)
			ASSERT(found.text.ptr == object->at[i].value.text.ptr);
		look(&found, depth + 1);
	}
	for (size_t i = 0; value->kind == OPERAND_LIST && i < value->list.count; i++)
		look(&value->list.at[i], depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct operand value;

	if (size > TEXT_MAX)
		return 0;
	arena_init_small(&arena, 1, ARENA_MAX); /* each block as large as what asks for it */
	if (!failed(json_parse(&arena, (str) { (const char *)data, size }, &value)))
		look(&value, 0);
	ASSERT(!arena.blocks || !arena.blocks->next);
	arena_fini(&arena);
	return 0;
}
