/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text and a request: what is filled in never breaks what it becomes a part of.
 *
 * The first byte picks what that is, the rest is the text, and behind a zero byte the query.
 */
#include "base/assert.h"
#include "config/document.h"
#include "observe/log_check_testing.h"
#include "policy/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(enum value_use use, str text)
{
	char json[VALUE_LENGTH_MAX + 2];
	struct buf out = buf_over(json, sizeof json);

	for (size_t i = 0; i < text.len && use != VALUE_TEXT; i++)
		ASSERT(((uint8_t)text.ptr[i] >= 0x20 || text.ptr[i] == '\t') && text.ptr[i] != 0x7f);
	if (use != VALUE_JSON)
		return;
	buf_put_char(&out, '"');
	buf_put(&out, text);
	buf_put_char(&out, '"');
	ASSERT(check_json_string(buf_str(&out)) == out.len);
}

static void run(struct arena *arena, enum value_use use, str text, str query)
{
	static const str groups[VALUE_GROUPS_MAX] = { STR_INIT("/a/b"), STR_INIT("a") };
	struct reader reader = { arena, diagnostics_new(arena), NULL };
	const struct node node = { .kind = NODE_SCALAR, .text = text };
	struct http_field field = { .name = STR("X"), .value = STR("\"x\\ y/") };
	struct http_request request = { .method_text = STR("GET"), .fields = { &field, 1, 1 } };
	struct view view = { .arena = arena, .request = &request, .query = query, .path = STR("/a%20b") };
	struct value value;
	str filled;

	if (failed(value_compile(&reader, &node, use, VALUE_GROUPS, &value)))
		ASSERT(diagnostics_errors(reader.diagnostics) > 0);
	else if (!failed(value_expand(&value, &view, groups, &filled)))
		check(use, filled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = { (const char *)data, size }, text, query;
	struct arena arena;

	if (size < 2 || !str_cut(str_skip(input, 1), 0, &text, &query))
		return 0;
	arena_init(&arena, NULL, 8 * 1024 * 1024);
	run(&arena, (enum value_use)(data[0] % (VALUE_URL + 1)), text, query);
	arena_fini(&arena);
	return 0;
}
