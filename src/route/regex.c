/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits are set in the match context, which JIT-compiled code obeys as the interpreter does: steps of
 * backtracking, and for the interpreter depth and heap. Compiled code runs on a stack of its own, not on the
 * fiber's, and reports when that is full.
 *
 * Never UTF: subjects are bytes that a client chose, and a check for valid UTF-8 would be one more way to
 * differ from what the upstream sees.
 */
#include "route/regex.h"

#include "base/assert.h"
#include "route/required.h"

enum {
	TABLE_MAX = 1 << 20,
	STACK_START = 32 * 1024,
	ENTRY_NUMBER = 2, /* bytes of the group's number before each name of PCRE2's table */
	OPTIONS = PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP |
		  PCRE2_NEVER_BACKSLASH_C,
};

void regex_table_init(struct regex_table *table, struct arena *arena)
{
	*table = (struct regex_table) { .arena = arena };
	map_init(&table->whole, arena, TABLE_MAX);
	map_init(&table->rests, arena, TABLE_MAX);
}

void regex_table_fini(struct regex_table *table)
{
	for (struct regex *regex = table->all; regex; regex = regex->next)
		pcre2_code_free(regex->code);
	table->all = NULL;
}

/* PCRE2's words are good; the offset makes them useful. */
static str compile_error(struct arena *arena, int error, size_t at)
{
	char text[128];

	if (pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text) < 0)
		text[0] = 0;
	return arena_printf(arena, "%s at offset %zu of the regular expression", text, at);
}

/* Asking a compiled pattern for a number cannot fail. */
static uint32_t pattern_number(const pcre2_code *code, uint32_t what)
{
	uint32_t value = 0;

	ASSERT(pcre2_pattern_info(code, what, &value) == 0);
	return value;
}

static pcre2_code *compile(struct arena *arena, str text, uint32_t options, str *ret_why)
{
	PCRE2_SPTR pattern = (PCRE2_SPTR)(text.len ? text.ptr : "");
	size_t at;
	int error;
	pcre2_code *code = pcre2_compile(pattern, text.len, OPTIONS | options, &error, &at, NULL);

	if (!code) {
		*ret_why = compile_error(arena, error, at);
		return NULL;
	}
	if (pattern_number(code, PCRE2_INFO_CAPTURECOUNT) > REGEX_GROUPS_MAX) {
		*ret_why =
			arena_printf(arena, "more than %d groups in a regular expression", REGEX_GROUPS_MAX);
		pcre2_code_free(code);
		return NULL;
	}
	return code;
}

/* The one of that text in a map, compiled when it is not there yet. */
static bool find_or_compile(struct regex_table *table, struct map *map, uint32_t options, str text,
			    struct regex **ret_regex, str *ret_why)
{
	struct regex *regex = map_get(map, text);
	pcre2_code *code;

	*ret_regex = regex;
	if (regex)
		return true;
	if (table->count == TABLE_MAX) {
		*ret_why = arena_printf(table->arena, "more than %d regular expressions", TABLE_MAX);
		return false;
	}
	code = compile(table->arena, text, options, ret_why);
	if (!code)
		return false;
	/* Where there is no JIT, or not for this one, the interpreter does it. */
	if (table->count++ < REGEX_JIT_MAX)
		(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	regex = ARENA_NEW(table->arena, struct regex);
	*regex = (struct regex) { .next = table->all, .text = text, .code = code };
	table->all = regex;
	ASSERT(map_add(map, text, regex));
	*ret_regex = regex;
	return true;
}

bool regex_compile(struct regex_table *table, str text, struct regex **ret_regex, str *ret_why)
{
	return find_or_compile(table, &table->whole, 0, text, ret_regex, ret_why);
}

bool regex_compile_split(struct regex_table *table, str text, str *ret_prefix, struct regex **ret_regex,
			 str *ret_why)
{
	struct required required;
	pcre2_code *code;

	*ret_prefix = (str) { 0 };
	required_find(text, &required);
	if (required.prefix.len == 0)
		return regex_compile(table, text, ret_regex, ret_why);
	/* Errors are those of the whole, at its offsets. */
	code = compile(table->arena, text, 0, ret_why);
	if (!code)
		return false;
	pcre2_code_free(code);
	*ret_prefix = arena_str(table->arena, required.prefix);
	return find_or_compile(table, &table->rests, PCRE2_ANCHORED, str_skip(text, required.prefix_from),
			       ret_regex, ret_why);
}

/* PCRE2's table is sorted by name; parameters come in the order of the expression. */
size_t regex_group_names(const struct regex *regex, size_t max, str *ret_names, size_t *ret_groups)
{
	uint32_t count = pattern_number(regex->code, PCRE2_INFO_NAMECOUNT);
	uint32_t size = pattern_number(regex->code, PCRE2_INFO_NAMEENTRYSIZE);
	const unsigned char *table = NULL;
	size_t found = 0;

	ASSERT(pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, &table) == 0);
	for (size_t group = 1; group <= REGEX_GROUPS_MAX; group++)
		for (uint32_t i = 0; i < count && found < max; i++) {
			const unsigned char *entry = table + (size_t)i * size;

			if (((size_t)entry[0] << 8 | entry[1]) != group)
				continue;
			ret_names[found] = str_of((const char *)entry + ENTRY_NUMBER);
			ret_groups[found++] = group;
		}
	return found;
}

void regex_scratch_init(struct regex_scratch *scratch)
{
	*scratch = (struct regex_scratch) {
		.data = pcre2_match_data_create(REGEX_GROUPS_MAX + 1, NULL),
		.context = pcre2_match_context_create(NULL),
		.stack = pcre2_jit_stack_create(STACK_START, REGEX_STACK_MAX, NULL),
	};
	ASSERT(scratch->data && scratch->context);
	pcre2_set_match_limit(scratch->context, REGEX_MATCH_LIMIT);
	pcre2_set_depth_limit(scratch->context, REGEX_DEPTH_LIMIT);
	pcre2_set_heap_limit(scratch->context, REGEX_HEAP_LIMIT_KIB);
	if (scratch->stack)
		pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
}

void regex_scratch_fini(struct regex_scratch *scratch)
{
	pcre2_match_data_free(scratch->data);
	pcre2_match_context_free(scratch->context);
	pcre2_jit_stack_free(scratch->stack);
	*scratch = (struct regex_scratch) { 0 };
}

enum regex_outcome regex_match(const struct regex *regex, struct regex_scratch *scratch, str subject,
			       size_t from)
{
	PCRE2_SPTR text = (PCRE2_SPTR)(subject.len ? subject.ptr : "");
	int outcome = pcre2_match(regex->code, text, subject.len, from, 0, scratch->data, scratch->context);

	if (outcome >= 0)
		return REGEX_YES;
	if (outcome == PCRE2_ERROR_NOMATCH)
		return REGEX_NO;
	/* Match, depth and heap limit, the stack of compiled code; anything else is no less undecided. */
	return REGEX_LIMIT;
}

str regex_group(const struct regex_scratch *scratch, str subject, size_t group)
{
	const size_t *ends = pcre2_get_ovector_pointer(scratch->data);
	size_t from = ends[2 * group], to = ends[2 * group + 1];

	/* Unset groups are at PCRE2_UNSET; the first may end before it starts where \K stands in a lookahead.
	 */
	return to > subject.len ? (str) { subject.ptr, 0 } : str_slice(subject, from, to);
}
