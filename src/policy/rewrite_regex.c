/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Not JIT-compiled: machine code would have to be freed with the snapshot, and paths are short. The
 * interpreter stops at the limits, and takes its memory from the exchange's arena, which has an end of its
 * own.
 */
#include "policy/rewrite_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
	MATCH_LIMIT = 100000,
	DEPTH_LIMIT = 1000,
	HEAP_LIMIT_KIB = 256,
	OPTIONS = PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP |
		  PCRE2_NEVER_BACKSLASH_C,
};

struct rewrite_regex {
	pcre2_code *code;
	struct value replace;
};

const struct field rewrite_regex_fields[] = {
	FIELD_STR(struct rewrite_regex_config, match, "match", NULL,
		  "A regular expression (PCRE2); `^` and `$` are the ends of the path."),
	FIELD_STR(struct rewrite_regex_config, replace, "replace", NULL,
		  "What stands there instead: `$1` to `$9` are its groups, `$0` is all of it, `$$` is `$`; "
		  "`${...}` "
		  "is filled in."),
	FIELD_END
};

/* PCRE2's allocator. NULL makes it give up, which is an error like a limit. */
static void *take(size_t size, void *arena)
{
	return arena_left(arena) > size ? arena_alloc(arena, size) : NULL;
}

static void give(void *memory, void *arena)
{
	(void)memory;
	(void)arena;
}

static result report(struct policy_compile *compile, const char *key, str why)
{
	const struct node *regex = node_find(compile->node, STR("regex"));
	const struct node *node = node_find(regex, str_of(key));

	diagnostic_error(compile->reader->diagnostics, node ? node : regex, "%.*s", STR_ARG(why));
	return error_make(ERROR_INVALID, "the regular expression is wrong");
}

static result compile_code(struct policy_compile *compile, str text, pcre2_code **ret_code)
{
	struct arena *arena = compile->reader->arena;
	pcre2_general_context *memory = pcre2_general_context_create(take, give, arena);
	pcre2_compile_context *context = pcre2_compile_context_create(memory);
	char words[128] = "";
	size_t at;
	int error;

	*ret_code = pcre2_compile((PCRE2_SPTR)text.ptr, text.len, OPTIONS, &error, &at, context);
	if (*ret_code)
		return OK;
	(void)pcre2_get_error_message(error, (PCRE2_UCHAR *)words, sizeof words);
	return report(compile, "match",
		      arena_printf(arena, "%s at offset %zu of the regular expression", words, at));
}

static result check_groups(struct policy_compile *compile, const struct rewrite_regex *regex)
{
	uint32_t groups = 0;

	(void)pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (value_highest_group(&regex->replace) <= groups)
		return OK;
	return report(
		compile, "replace",
		arena_printf(compile->reader->arena, "the regular expression has only %u groups", groups));
}

result rewrite_regex_compile(struct policy_compile *compile, const struct rewrite_regex_config *config,
			     struct rewrite_regex **ret_regex)
{
	const struct node *node = node_find(compile->node, STR("regex"));
	struct rewrite_regex *regex;

	*ret_regex = NULL;
	if (config->match.len == 0)
		return config->replace.len ? report(compile, "replace",
						    STR("there is no `match` that it could "
							"replace"))
					   : OK;
	regex = ARENA_NEW(compile->reader->arena, struct rewrite_regex);
	TRY(compile_code(compile, config->match, &regex->code));
	TRY(value_compile(compile->reader, node_find(node, STR("replace")), VALUE_PATH, VALUE_GROUPS,
			  &regex->replace));
	TRY(check_groups(compile, regex));
	*ret_regex = regex;
	return OK;
}

/* One rewriting under way. */
struct rewriting {
	const struct rewrite_regex *regex;
	const struct view *view;
	str path;
	pcre2_match_data *data;
	pcre2_match_context *context;
	str parts[2 * 64 + 1]; /* what stays and what is new, by turns */
	size_t count;
};

static result begin(struct rewriting *rewriting)
{
	struct arena *arena = rewriting->view->arena;
	pcre2_general_context *memory = pcre2_general_context_create(take, give, arena);

	rewriting->context = memory ? pcre2_match_context_create(memory) : NULL;
	rewriting->data = memory ? pcre2_match_data_create(VALUE_GROUPS_MAX, memory) : NULL;
	if (!rewriting->context || !rewriting->data)
		return error_make(ERROR_LIMIT, "the exchange's memory is used up");
	pcre2_set_match_limit(rewriting->context, MATCH_LIMIT);
	pcre2_set_depth_limit(rewriting->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(rewriting->context, HEAP_LIMIT_KIB);
	return OK;
}

static str group_at(const struct rewriting *rewriting, size_t group)
{
	const size_t *ends = pcre2_get_ovector_pointer(rewriting->data);
	size_t from = ends[2 * group], to = ends[2 * group + 1];

	return from == PCRE2_UNSET || to < from ? STR("") : str_slice(rewriting->path, from, to);
}

/* The match that was found is replaced; *at is where it begins and then where it ends. */
static result replace_one(struct rewriting *rewriting, size_t kept_from, size_t *ret_end)
{
	str groups[VALUE_GROUPS_MAX];
	const size_t *ends = pcre2_get_ovector_pointer(rewriting->data);

	for (size_t i = 0; i < VALUE_GROUPS_MAX; i++)
		groups[i] = group_at(rewriting, i);
	if (rewriting->count + 3 > sizeof rewriting->parts / sizeof *rewriting->parts)
		return error_make(ERROR_LIMIT, "too many places match");
	rewriting->parts[rewriting->count++] = str_slice(rewriting->path, kept_from, ends[0]);
	*ret_end = ends[1];
	return value_expand(&rewriting->regex->replace, rewriting->view, groups,
			    &rewriting->parts[rewriting->count++]);
}

/* Each match that does not overlap the one before; after an empty one the next byte is passed over. */
static result replace_all(struct rewriting *rewriting)
{
	size_t kept_from = 0, at = 0;
	str path = rewriting->path;

	while (at <= path.len) {
		size_t before = at;
		int found = pcre2_match(rewriting->regex->code, (PCRE2_SPTR)path.ptr, path.len, at, 0,
					rewriting->data, rewriting->context);

		if (found == PCRE2_ERROR_NOMATCH)
			break;
		if (found < 0)
			return error_make(ERROR_LIMIT, "the regular expression costs too much here");
		TRY(replace_one(rewriting, kept_from, &at));
		kept_from = at;
		at += at == before || group_at(rewriting, 0).len == 0;
	}
	rewriting->parts[rewriting->count++] = str_skip(path, kept_from);
	return OK;
}

result rewrite_regex_apply(const struct rewrite_regex *regex, const struct view *view, str path,
			   str *ret_path)
{
	struct rewriting rewriting = { .regex = regex, .view = view, .path = path };
	size_t total = 0;

	TRY(begin(&rewriting));
	TRY(replace_all(&rewriting));
	*ret_path = path;
	if (rewriting.count == 1)
		return OK;
	for (size_t i = 0; i < rewriting.count; i++)
		total += rewriting.parts[i].len;
	if (total > VALUE_LENGTH_MAX || arena_left(view->arena) < total)
		return error_make(ERROR_LIMIT, "the path becomes too long");
	*ret_path = arena_join(view->arena, rewriting.parts, rewriting.count);
	return OK;
}
