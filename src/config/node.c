/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding and naming nodes.
 *
 * Small maps are searched from key to key, which is faster than hashing; large ones have an index that was
 * needed to find their duplicate keys anyway. Paths are made when a diagnostic is printed, and only then.
 */
#include "config/node.h"

#include "base/map.h"

/* 400,000 nodes in less than 40 MB. */
_Static_assert(sizeof(struct node) == 96, "a node grew");

enum { PATH_STEPS_MAX = 80, KEY_SHOWN_MAX = 64 };

const struct node *node_find(const struct node *map, str key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	if (map->index)
		return map_get(map->index, key);
	for (const struct node *child = map->first; child; child = child->next)
		if (str_eq(child->key, key))
			return child;
	return NULL;
}

/* Words, with dashes and letters of any script; everything else is put in quotes, or a dot in a key would
 * look like a step. */
static bool is_plain_key(str key)
{
	for (size_t i = 0; i < key.len; i++) {
		char c = key.ptr[i];
		bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			       c == '_' || c == '-' || (unsigned char)c >= 0x80;

		if (!is_word)
			return false;
	}
	return key.len && key.len <= KEY_SHOWN_MAX;
}

static size_t position_of(const struct node *node)
{
	size_t at = 0;

	for (const struct node *child = node->parent->first; child && child != node; child = child->next)
		at++;
	return at;
}

/* One step of a path as text: .key, ["key"] or [3]. */
static str step_of(const struct node *node, struct arena *arena)
{
	str key = node->key;

	if (node->parent->kind == NODE_LIST)
		return arena_printf(arena, "[%zu]", position_of(node));
	if (is_plain_key(key))
		return arena_printf(arena, "%s%.*s", node->parent->parent ? "." : "", STR_ARG(key));
	if (key.len > KEY_SHOWN_MAX)
		return arena_printf(arena, "[\"%.*s...\"]", KEY_SHOWN_MAX, key.ptr);
	return arena_printf(arena, "[\"%.*s\"]", STR_ARG(key));
}

/* From the node up, so the steps are filled in from the end. The depth is bounded when the file is read. */
str node_path(const struct node *node, struct arena *arena)
{
	str steps[PATH_STEPS_MAX];
	size_t first = PATH_STEPS_MAX;

	for (; node && node->parent && first > 0; node = node->parent)
		steps[--first] = step_of(node, arena);
	return arena_join(arena, steps + first, PATH_STEPS_MAX - first);
}

/* There are as many spans as references in one scalar: a few. */
bool node_is_literal(const struct node *node, size_t at)
{
	if (node->kind != NODE_SCALAR || !node->literals)
		return false;
	for (size_t i = 0; i < node->literals->count; i++)
		if (at >= node->literals->at[i].from && at < node->literals->at[i].to)
			return true;
	return false;
}
