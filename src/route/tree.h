/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: rules by the segments of their paths.
 *
 * A node stands for a beginning of patterns; its children are literals, parts of segments, a name and a star.
 * All literals of all nodes stand in one hash table, and so do all parts, by their first and last piece: a
 * step costs one look-up, and one for each pair of lengths that the parts of a node have, however many
 * children there are. The tree is made once and never changes.
 */
#pragma once

#include "route/regex_set.h"

struct node_part {
	struct node_part *next; /* of the same first and last piece, in order */
	const struct part_group *group;
	struct segment segment;
	struct tree_node *node;
};

/* Parts of one node that have equal numbers of literal bytes, in their first piece, and in their last. */
struct part_group {
	struct part_group *next; /* in order */
	const struct tree_node *parent;
	size_t literal_len, first_len, last_len;
};

/* What a node leads to but literals; few have any. */
struct branches {
	struct tree_node *name, *star;
	struct part_group *parts;
	struct regex_set *regex_set;
};

struct tree_node {
	/* While the tree is made. */
	struct tree_node *older;
	struct leaf *regexes;               /* of the set */
	const void *found_for;              /* of a root: who asked for it last */
	struct branches *made;              /* its own; NULL: none */
	const struct rule *some;            /* that it leads to */
	uint32_t walk_others, walk_literal; /* nodes that a path can lead to beneath; see tree_walk_max() */

	/* While it is walked: in one line of the cache, as a large tree is never there. A longer text goes on
	 * in the next. */
	_Alignas(64) struct tree_node *parent;
	struct leaf *end, *rest;
	const struct branches *branches; /* its own, or those of all that have none */
	struct tree_node *literal;       /* a child by a literal; the only one if literal_count says so */
	uint32_t literal_count, text_len;
	bool is_part, is_literal;
	char text[]; /* of the segment that leads here; of a part: its shape */
};

/* Open addressing; the item says what its key is. Some rule that it leads to, usually the only one, is
 * fetched into the cache together with the item, not one after the other. */
struct slot {
	uint64_t hash;
	void *item;
	const void *rule, *target;
};

struct slot_table {
	struct slot *slots;
	size_t mask, count;
};

struct tree {
	struct arena *arena;
	struct slot_table literals; /* of tree_node: literals, and parts by their shape */
	struct slot_table parts;    /* of node_part, the first one in its list */
	struct tree_node *newest;
	uint64_t seed;
};

void tree_init(struct tree *tree, struct arena *arena, size_t segments_max);
/* For at most so many segments of patterns in all. */

struct tree_node *tree_root(struct tree *tree);
/* A new one: there is a root for each set of hosts. */

typedef void tree_place_fn(void *context, struct leaf *const *list, struct rule *rule);

void tree_add(struct tree *tree, struct tree_node *root, const struct pattern *pattern, struct rule *rule,
	      tree_place_fn *place, void *context);
/* Puts the rule into the list, or for PATTERN_SLASH the two lists, that its pattern leads to; place is told
 * of each. */

void tree_finish(struct tree *tree);
/* Sorts lists and parts, and makes the sets of expressions. */

uint32_t tree_walk_max(const struct tree_node *root);
/* After tree_finish(): no path leads to more nodes than that. */

const struct tree_node *tree_literal(const struct tree *tree, const struct tree_node *node, str text);
/* The child by that literal, or NULL. */

const struct node_part *tree_parts(const struct tree *tree, const struct part_group *group, str text);
/* The parts of a group whose first and last piece fit; segment_takes() decides. */
