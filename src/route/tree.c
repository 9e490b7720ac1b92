/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Made in one go and then only read, so nothing is ever removed and tables only grow. Nodes are laid out so
 * that what a walk reads of one lies together, and those of one path behind each other: with ten thousand
 * routes it is memory that matching waits for. A node with one literal child has it at hand and needs no
 * look-up.
 *
 * Equal patterns lead to the same list whatever their names are called; this is what finds rules that cannot
 * be told apart, and why parts are looked up by their shape while the tree is made.
 */
#include "route/tree.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/random.h"

static void slot_table_init(struct slot_table *table, struct arena *arena, size_t max)
{
	size_t slots = 8;

	while (slots * 3 < max * 4)
		slots *= 2;
	*table = (struct slot_table) { .slots = arena_lines(arena, slots * sizeof(struct slot)),
				       .mask = slots - 1 };
}

/* Room for one more. */
static void slot_table_grow(struct slot_table *table, struct arena *arena)
{
	struct slot_table old = *table;

	if ((old.count + 1) * 4 <= (old.mask + 1) * 3)
		return;
	slot_table_init(table, arena, old.mask + 1);
	table->count = old.count;
	for (size_t i = 0; i <= old.mask; i++) {
		size_t at = old.slots[i].hash & table->mask;

		if (!old.slots[i].item)
			continue;
		while (table->slots[at].item)
			at = (at + 1) & table->mask;
		table->slots[at] = old.slots[i];
	}
}

void tree_init(struct tree *tree, struct arena *arena, size_t segments_max)
{
	*tree = (struct tree) { .arena = arena, .seed = random_u64() };
	slot_table_init(&tree->literals, arena, segments_max);
	slot_table_init(&tree->parts, arena, 0);
}

static const struct branches no_branches;

static struct tree_node *node_new(struct tree *tree, struct tree_node *parent, str text)
{
	size_t size = offsetof(struct tree_node, text) + text.len;
	struct tree_node *node = arena_lines(tree->arena, size < sizeof *node ? sizeof *node : size);

	node->parent = parent;
	node->branches = &no_branches;
	node->older = tree->newest;
	node->text_len = (uint32_t)text.len;
	if (text.len)
		memcpy(node->text, text.ptr, text.len);
	tree->newest = node;
	return node;
}

struct tree_node *tree_root(struct tree *tree)
{
	return node_new(tree, NULL, STR(""));
}

/* One table serves all nodes: the parent is part of the key. */
static uint64_t hash_under(const struct tree *tree, const void *parent, str text)
{
	return hash_bytes(text, hash_mix(tree->seed, (uintptr_t)parent));
}

/* Short texts lie in the node's line of the cache; the library reads beyond them, and so waits for the next
 * one. */
static bool text_is(const struct tree_node *node, str text)
{
	size_t i = 0;

	if (node->text_len != text.len)
		return false;
	if (text.len > sizeof *node - offsetof(struct tree_node, text))
		return memcmp(node->text, text.ptr, text.len) == 0;
	while (i < text.len && node->text[i] == text.ptr[i])
		i++;
	return i == text.len;
}

/* Whether it may be the one looked for: what it leads to is on its way then. */
static bool slot_may_be(const struct slot *slot, uint64_t hash)
{
	if (slot->hash != hash)
		return false;
	__builtin_prefetch(slot->rule);
	__builtin_prefetch(slot->target);
	return true;
}

/* The slot of the node beneath parent by that text, or the free one where it belongs. */
static struct slot *literal_slot(const struct tree *tree, const struct tree_node *parent, str text,
				 bool is_part, uint64_t hash)
{
	const struct slot_table *table = &tree->literals;

	for (size_t i = hash & table->mask;; i = (i + 1) & table->mask) {
		struct slot *slot = &table->slots[i];
		const struct tree_node *node = slot->item;

		if (!node || (slot_may_be(slot, hash) && node->parent == parent && node->is_part == is_part &&
			      text_is(node, text)))
			return slot;
	}
}

const struct tree_node *tree_literal(const struct tree *tree, const struct tree_node *node, str text)
{
	const struct tree_node *only = node->literal;

	if (node->literal_count == 0)
		return NULL;
	if (node->literal_count == 1)
		return text_is(only, text) ? only : NULL;
	return literal_slot(tree, node, text, false, hash_under(tree, node, text))->item;
}

/* By the first and last piece, as the group's lengths cut them from a segment. */
static uint64_t part_hash(const struct tree *tree, const struct part_group *group, str text)
{
	uint64_t hash = hash_under(tree, group, str_slice(text, 0, group->first_len));

	return hash_bytes(str_skip(text, text.len - group->last_len), hash);
}

/* Equal lengths of first and last piece make this a comparison of keys. */
static bool part_fits(const struct node_part *part, const struct part_group *group, str text)
{
	const struct segment *segment = &part->segment;

	return part->group == group && str_starts(text, segment->pieces[0]) &&
	       str_ends(text, segment->pieces[segment->piece_count - 1]);
}

static struct slot *part_slot(const struct tree *tree, const struct part_group *group, str text,
			      uint64_t hash)
{
	const struct slot_table *table = &tree->parts;

	for (size_t i = hash & table->mask;; i = (i + 1) & table->mask) {
		struct slot *slot = &table->slots[i];

		if (!slot->item || (slot_may_be(slot, hash) && part_fits(slot->item, group, text)))
			return slot;
	}
}

/* Names take a byte each, so a segment is longer than the literals of a part. */
const struct node_part *tree_parts(const struct tree *tree, const struct part_group *group, str text)
{
	if (text.len <= group->literal_len)
		return NULL;
	return part_slot(tree, group, text, part_hash(tree, group, text))->item;
}

/* Literals, and parts by their shape. */
static struct tree_node *child_of(struct tree *tree, struct tree_node *parent, str text, bool is_part)
{
	uint64_t hash = hash_under(tree, parent, text);
	struct slot *slot;
	struct tree_node *node;

	slot_table_grow(&tree->literals, tree->arena);
	slot = literal_slot(tree, parent, text, is_part, hash);
	if (slot->item)
		return slot->item;
	node = node_new(tree, parent, text);
	node->is_part = is_part;
	node->is_literal = !is_part;
	if (!is_part) {
		parent->literal = node;
		parent->literal_count++;
	}
	*slot = (struct slot) { .hash = hash, .item = node };
	tree->literals.count++;
	return node;
}

static struct branches *branches_of(struct tree *tree, struct tree_node *node)
{
	if (!node->made)
		node->branches = node->made = ARENA_NEW(tree->arena, struct branches);
	return node->made;
}

/* The order of segment_part_order(), as far as lengths go; shapes decide within a group. */
static bool group_is_before(const struct part_group *a, const struct part_group *b)
{
	if (a->literal_len != b->literal_len)
		return a->literal_len > b->literal_len;
	if (a->first_len != b->first_len)
		return a->first_len > b->first_len;
	return a->last_len > b->last_len;
}

static struct part_group *group_of(struct tree *tree, struct tree_node *parent, const struct segment *segment)
{
	struct part_group want = {
		.parent = parent,
		.literal_len = segment->literal_len,
		.first_len = segment->pieces[0].len,
		.last_len = segment->pieces[segment->piece_count - 1].len,
	};
	struct part_group **at = &branches_of(tree, parent)->parts, *group;

	while (*at && group_is_before(*at, &want))
		at = &(*at)->next;
	if (*at && !group_is_before(&want, *at))
		return *at;
	group = ARENA_NEW(tree->arena, struct part_group);
	*group = want;
	group->next = *at;
	*at = group;
	return group;
}

/* A shape that is new gets a node, and an entry where segments look for it. */
static struct tree_node *part_child_of(struct tree *tree, struct tree_node *parent,
				       const struct segment *segment)
{
	struct tree_node *newest = tree->newest, *node = child_of(tree, parent, segment->text, true);
	struct part_group *group;
	struct node_part *part;
	struct slot *slot;
	uint64_t hash;

	if (tree->newest == newest)
		return node;
	group = group_of(tree, parent, segment);
	part = ARENA_NEW(tree->arena, struct node_part);
	*part = (struct node_part) { .group = group, .segment = *segment, .node = node };
	hash = part_hash(tree, group, segment->text);
	slot_table_grow(&tree->parts, tree->arena);
	slot = part_slot(tree, group, segment->text, hash);
	tree->parts.count += !slot->item;
	part->next = slot->item;
	*slot = (struct slot) { .hash = hash, .item = part };
	return node;
}

/* Names differ from rule to rule; the node is the same. */
static struct tree_node *only_child(struct tree *tree, struct tree_node *parent, struct tree_node **child)
{
	if (!*child)
		*child = node_new(tree, parent, STR(""));
	return *child;
}

static struct tree_node *descend(struct tree *tree, struct tree_node *node, const struct segment *segment)
{
	switch (segment->kind) {
	case SEGMENT_LITERAL:
		return child_of(tree, node, segment->text, false);
	case SEGMENT_PART:
		return part_child_of(tree, node, segment);
	case SEGMENT_NAME:
		return only_child(tree, node, &branches_of(tree, node)->name);
	case SEGMENT_STAR:
		break;
	}
	return only_child(tree, node, &branches_of(tree, node)->star);
}

struct placing {
	struct tree *tree;
	struct rule *rule;
	tree_place_fn *place;
	void *context;
};

static void put(const struct placing *placing, struct leaf **list)
{
	struct leaf *leaf = &placing->rule->leaf;

	placing->place(placing->context, list, placing->rule);
	if (leaf->rule)
		leaf = ARENA_NEW(placing->tree->arena, struct leaf);
	*leaf = (struct leaf) { .next = *list, .rule = placing->rule };
	*list = leaf;
}

void tree_add(struct tree *tree, struct tree_node *root, const struct pattern *pattern, struct rule *rule,
	      tree_place_fn *place, void *context)
{
	struct placing placing = { tree, rule, place, context };
	struct tree_node *node = root;

	for (size_t i = 0; i < pattern->count; i++)
		node = descend(tree, node, &pattern->segments[i]);
	switch (pattern->tail) {
	case PATTERN_SLASH:
		put(&placing, &child_of(tree, node, STR(""), false)->end);
		put(&placing, &node->end);
		break;
	case PATTERN_END:
		put(&placing, &node->end);
		break;
	case PATTERN_REST:
		put(&placing, &node->rest);
		break;
	case PATTERN_REGEX:
		put(&placing, &node->regexes);
		break;
	}
}

static int compare_parts(const void *a, const void *b)
{
	const struct node_part *const *left = a, *const *right = b;

	return segment_part_order(&(*left)->segment, &(*right)->segment);
}

static struct node_part *sort_parts(struct node_part *first)
{
	struct node_part **parts, *sorted = NULL;
	size_t count = 0;

	for (struct node_part *part = first; part; part = part->next)
		count++;
	if (count < 2)
		return first;
	parts = calloc(count, sizeof(struct node_part *));
	ASSERT(parts);
	for (size_t i = 0; i < count; i++, first = first->next)
		parts[i] = first;
	qsort(parts, count, sizeof(struct node_part *), compare_parts);
	while (count--) {
		parts[count]->next = sorted;
		sorted = parts[count];
	}
	free(parts);
	return sorted;
}

static int compare_leaves(const void *a, const void *b)
{
	const struct leaf *const *left = a, *const *right = b;

	return rule_order((*left)->rule, (*right)->rule);
}

/* Lists of one are the rule; a list of thousands must not take their square. */
static struct leaf *sort_leaves(struct leaf *first)
{
	struct leaf **leaves, *sorted = NULL;
	size_t count = 0;

	for (struct leaf *leaf = first; leaf; leaf = leaf->next)
		count++;
	if (count < 2)
		return first;
	leaves = calloc(count, sizeof(struct leaf *));
	ASSERT(leaves);
	for (size_t i = 0; i < count; i++, first = first->next)
		leaves[i] = first;
	qsort(leaves, count, sizeof(struct leaf *), compare_leaves);
	while (count--) {
		leaves[count]->next = sorted;
		sorted = leaves[count];
	}
	free(leaves);
	return sorted;
}

static void make_regex_set(struct tree *tree, struct tree_node *node)
{
	const struct rule **rules;
	size_t count = 0;

	for (struct leaf *leaf = node->regexes; leaf; leaf = leaf->next)
		count++;
	if (count == 0)
		return;
	rules = calloc(count, sizeof(struct rule *));
	ASSERT(rules);
	count = 0;
	for (struct leaf *leaf = node->regexes; leaf; leaf = leaf->next)
		rules[count++] = leaf->rule;
	branches_of(tree, node)->regex_set = regex_set_new(tree->arena, rules, count);
	free(rules);
}

/* Deep trees multiply; the figure is for a warning, and ends at its maximum. */
static uint32_t add_bounded(uint32_t a, uint32_t b)
{
	uint32_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}

uint32_t tree_walk_max(const struct tree_node *root)
{
	return add_bounded(1, add_bounded(root->walk_others, root->walk_literal));
}

/* Children are newer than their parents: from the newest on, each is ready when it is added to its parent. */
static void count_walk(struct tree_node *node)
{
	struct tree_node *parent = node->parent;
	uint32_t most = tree_walk_max(node);

	if (!parent)
		return;
	if (!node->is_literal)
		parent->walk_others = add_bounded(parent->walk_others, most);
	else if (parent->walk_literal < most)
		parent->walk_literal = most;
}

/* Its own, or else one beneath: that was found before. */
static void find_some(struct tree_node *node)
{
	if (node->rest)
		node->some = node->rest->rule;
	if (node->end)
		node->some = node->end->rule;
	if (node->parent && !node->parent->some)
		node->parent->some = node->some;
}

static void slot_finish(struct slot *slot, const struct tree_node *node)
{
	slot->rule = node->some;
	slot->target = node->some ? node->some->target : NULL;
}

static void finish_slots(struct tree *tree)
{
	for (size_t i = 0; i <= tree->literals.mask; i++)
		if (tree->literals.slots[i].item)
			slot_finish(&tree->literals.slots[i], tree->literals.slots[i].item);
	for (size_t i = 0; i <= tree->parts.mask; i++) {
		struct slot *slot = &tree->parts.slots[i];

		if (!slot->item)
			continue;
		slot->item = sort_parts(slot->item);
		slot_finish(slot, ((const struct node_part *)slot->item)->node);
	}
}

void tree_finish(struct tree *tree)
{
	for (struct tree_node *node = tree->newest; node; node = node->older) {
		count_walk(node);
		node->end = sort_leaves(node->end);
		node->rest = sort_leaves(node->rest);
		node->regexes = sort_leaves(node->regexes);
		make_regex_set(tree, node);
		find_some(node);
	}
	finish_slots(tree);
}
