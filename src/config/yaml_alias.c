/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchors, aliases and `<<`.
 *
 * An alias is a copy, so that each node has one parent and one path. Copies are counted: a few lines of
 * aliases of aliases would otherwise fill any memory. Their depth is bounded like that of the rest, or each
 * alias within an alias would add to it.
 *
 * `<<` is kept until its map is complete, because the map's own keys go before what is merged, also those
 * that stand behind.
 */
#include "base/assert.h"
#include "config/yaml_private.h"

/* Of a copy, and of what it adds to the index of a map that it is merged into. */
enum { ROOM_COPY = 4096, ROOM_INDEXED = 160 };

static bool is_in_merge(const struct builder *builder)
{
	for (size_t i = 0; i < builder->depth; i++)
		if (builder->frames[i].has_key && builder->frames[i].is_merge)
			return true;
	return false;
}

/* A name that is given twice is legal YAML, and the later one holds from there on. Here it is refused: an
 * alias far below would change its meaning. */
result yaml_take_anchor(struct builder *builder, str name, struct node *node)
{
	if (str_is_empty(name))
		return OK;
	if (is_in_merge(builder)) {
		diagnostic_error(builder->diagnostics, node, "no anchor can stand in <<");
		return yaml_stop();
	}
	if (map_add(&builder->anchors, arena_str(builder->arena, name), node))
		return OK;
	diagnostic_error(builder->diagnostics, node,
			 map_get(&builder->anchors, name) ? "the anchor &%.*s is given twice"
							  : "too many anchors, with &%.*s",
			 STR_ARG(name));
	return yaml_stop();
}

static bool is_open(const struct builder *builder, const struct node *node)
{
	for (size_t i = 0; i < builder->depth; i++)
		if (builder->frames[i].container == node)
			return true;
	return false;
}

/* Copies one node without what lies beneath it. */
static result copy_one(struct builder *builder, const struct node *from, size_t depth, struct place place,
		       struct node **ret_node)
{
	if (depth > YAML_DEPTH_MAX) {
		diagnostic_error_place(builder->diagnostics, NULL, place,
				       "more than %d lists and maps within each other", YAML_DEPTH_MAX);
		return yaml_stop();
	}
	if (builder->copies++ == YAML_COPIES_MAX ||
	    arena_left(builder->arena) < ROOM_COPY + builder->copies * (size_t)ROOM_INDEXED) {
		diagnostic_error_place(builder->diagnostics, NULL, place,
				       "aliases make the configuration too large");
		return yaml_stop();
	}
	*ret_node = ARENA_NEW(builder->arena, struct node);
	**ret_node = *from;
	(*ret_node)->first = (*ret_node)->next = (*ret_node)->parent = NULL;
	if (from->kind == NODE_MAP)
		(*ret_node)->index = NULL;
	return OK;
}

/* As deep as the tree, which is bounded. */
static result copy_tree(struct builder *builder, const struct node *from, size_t depth, struct place place,
			struct node **ret_node)
{
	struct node *copy = NULL, **last;

	TRY(copy_one(builder, from, depth, place, &copy));
	last = &copy->first;
	for (const struct node *child = from->first; child; child = child->next) {
		TRY(copy_tree(builder, child, depth + 1, place, last));
		(*last)->parent = copy;
		last = &(*last)->next;
	}
	*ret_node = copy;
	return OK;
}

/* The copy has the places of the original: what is wrong in it must be mended there. */
result yaml_copy_anchor(struct builder *builder, str name, struct place place, struct node **ret_node)
{
	const struct node *original = map_get(&builder->anchors, name);

	if (!original) {
		diagnostic_error_place(builder->diagnostics, NULL, place,
				       "no anchor &%.*s stands before this", STR_ARG(name));
		return yaml_stop();
	}
	if (is_open(builder, original)) {
		diagnostic_error_place(builder->diagnostics, NULL, place,
				       "an alias cannot stand within what it names");
		return yaml_stop();
	}
	TRY(copy_tree(builder, original, builder->depth, place, ret_node));
	(*ret_node)->key = (str) { 0 };
	(*ret_node)->key_line = (*ret_node)->key_column = 0;
	return OK;
}

bool yaml_keep_merge(struct builder *builder, struct frame *frame, struct node *node)
{
	if (frame->merged)
		diagnostic_error_key(builder->diagnostics, node, "this key stands in line %u already",
				     (unsigned)frame->merged->key_line);
	else
		frame->merged = node;
	return false;
}

/* Moves the children of a copy into the map; what the map has already stays. */
static void merge_map(struct builder *builder, struct frame *frame, const struct node *from)
{
	struct node *child = from->first;

	while (child) {
		struct node *next = child->next;

		if (yaml_index(builder, frame, child)) {
			child->parent = frame->container;
			yaml_link(frame, child);
		}
		child = next;
	}
}

void yaml_merge(struct builder *builder, struct frame *frame)
{
	const struct node *from = frame->merged;
	bool is_fit = !from || from->kind == NODE_MAP || from->kind == NODE_LIST;

	for (const struct node *map = from && from->kind == NODE_LIST ? from->first : NULL; map;
	     map = map->next)
		is_fit = is_fit && map->kind == NODE_MAP;
	if (!is_fit) {
		diagnostic_error_key(builder->diagnostics, from, "<< wants a map or a list of maps");
		return;
	}
	if (from && from->kind == NODE_MAP)
		merge_map(builder, frame, from);
	for (const struct node *map = from && from->kind == NODE_LIST ? from->first : NULL; map;
	     map = map->next)
		merge_map(builder, frame, map);
}
