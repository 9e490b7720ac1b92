/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A depth-first search with its stack in the open: each frame is a node and the next thing to try there.
 * Trying in the order of enum step, and hosts in the order of enum host_step, is the whole precedence of
 * hosts and paths; lists and sets are sorted by the rest of it.
 *
 * Values of names are written where the pattern wants them; going back to a frame makes those behind it void.
 */
#include "route/walk.h"

#include "base/assert.h"

/* What is tried at a node, in this order: it is the precedence of paths. */
enum step { STEP_END, STEP_LITERAL, STEP_PARTS, STEP_NAME, STEP_STAR, STEP_REST, STEP_REGEX, STEP_DONE };

/* The same for hosts. */
enum host_step { HOSTS_EXACT, HOSTS_WILDCARD, HOSTS_ANY, HOSTS_DONE };

void walk_start(struct walk *walk, const struct tree *tree, const struct host_table *hosts,
		const struct route_request *request, struct regex_scratch *scratch, struct marks *marks)
{
	walk->tree = tree;
	walk->hosts = hosts;
	walk->scratch = scratch;
	walk->marks = marks;
	walk->host = request->host;
	walk->path = request->path;
	walk->host_step = str_starts(request->path, STR("/")) ? HOSTS_EXACT : HOSTS_DONE;
	walk->wildcard_from = 0;
	walk->depth = 0;
	walk->leaf = NULL;
	walk->is_in_set = walk->is_limited = false;
	walk->value_count = walk->farthest = 0;
}

static bool has_segment(const struct walk *walk, const struct walk_frame *frame)
{
	return frame->from < walk->path.len;
}

static str segment_text(const struct walk *walk, const struct walk_frame *frame)
{
	return str_slice(walk->path, frame->from + 1, frame->to);
}

/* Enters a node; the path up to `from` is behind it. */
static void enter(struct walk *walk, const struct tree_node *node, size_t from)
{
	struct walk_frame *frame = &walk->frames[walk->depth++];
	str rest = str_skip(walk->path, from + 1);
	size_t len;

	ASSERT(walk->depth <= PATTERN_SEGMENTS_MAX + 2);
	frame->node = node;
	frame->from = from;
	frame->step = STEP_END;
	frame->captured = walk->value_count;
	if (from > walk->farthest)
		walk->farthest = from;
	if (from < walk->path.len)
		frame->to = from + 1 + (str_find(rest, '/', &len) ? len : rest.len);
}

/* Enters a child behind the frame's segment. */
static void enter_child(struct walk *walk, const struct walk_frame *frame, const struct tree_node *child)
{
	enter(walk, child, frame->to);
}

/* Steps that the node has nothing for are left out. */
static enum step step_behind_name(const struct tree_node *node)
{
	return node->branches->star ? STEP_STAR : STEP_REST;
}

static enum step step_behind_parts(const struct tree_node *node)
{
	return node->branches->name ? STEP_NAME : step_behind_name(node);
}

/* An empty segment, behind a last slash, is a literal like any other. */
static void try_literal(struct walk *walk, struct walk_frame *frame)
{
	const struct tree_node *child = tree_literal(walk->tree, frame->node, segment_text(walk, frame));

	frame->group = frame->node->branches->parts;
	frame->step = frame->group ? STEP_PARTS : step_behind_parts(frame->node);
	frame->part = frame->group ? tree_parts(walk->tree, frame->group, segment_text(walk, frame)) : NULL;
	if (child)
		enter_child(walk, frame, child);
}

/* One part a call: its node is walked before the next one is tried. */
static void try_part(struct walk *walk, struct walk_frame *frame)
{
	const struct node_part *part = frame->part;
	str text = segment_text(walk, frame);

	if (!frame->group) {
		frame->step = step_behind_parts(frame->node);
	} else if (!part) {
		frame->group = frame->group->next;
		frame->part = frame->group ? tree_parts(walk->tree, frame->group, text) : NULL;
	} else {
		frame->part = part->next;
		if (!segment_takes(&part->segment, text, walk->values + frame->captured))
			return;
		walk->value_count = frame->captured + part->segment.piece_count - 1;
		enter_child(walk, frame, part->node);
	}
}

static void try_name(struct walk *walk, struct walk_frame *frame)
{
	str text = segment_text(walk, frame);

	frame->step = step_behind_name(frame->node);
	if (text.len == 0)
		return;
	walk->values[frame->captured] = text;
	walk->value_count = frame->captured + 1;
	enter_child(walk, frame, frame->node->branches->name);
}

static void try_star(struct walk *walk, struct walk_frame *frame)
{
	frame->step = STEP_REST;
	if (segment_text(walk, frame).len == 0)
		return;
	walk->value_count = frame->captured;
	enter_child(walk, frame, frame->node->branches->star);
}

/* The marks are the state of the set; only one set is open at a time, since a node's expressions come last.
 */
static void try_regexes(struct walk *walk, struct walk_frame *frame)
{
	frame->step = STEP_DONE;
	regex_set_start(frame->node->branches->regex_set, walk_relative_path(walk), walk->marks);
	walk->is_in_set = true;
}

static void take_step(struct walk *walk)
{
	struct walk_frame *frame = &walk->frames[walk->depth - 1];

	switch ((enum step)frame->step) {
	case STEP_END:
		frame->step = has_segment(walk, frame) ? STEP_LITERAL : STEP_REST;
		walk->leaf = has_segment(walk, frame) ? NULL : frame->node->end;
		break;
	case STEP_LITERAL:
		try_literal(walk, frame);
		break;
	case STEP_PARTS:
		try_part(walk, frame);
		break;
	case STEP_NAME:
		try_name(walk, frame);
		break;
	case STEP_STAR:
		try_star(walk, frame);
		break;
	case STEP_REST:
		frame->step = frame->node->branches->regex_set ? STEP_REGEX : STEP_DONE;
		walk->value_count = frame->captured;
		walk->leaf = frame->node->rest;
		break;
	case STEP_REGEX:
		try_regexes(walk, frame);
		break;
	case STEP_DONE:
		walk->depth--;
		break;
	}
}

/* The next wildcard that takes the host, the longest first. */
static const struct tree_node *next_wildcard(struct walk *walk)
{
	const struct host_table *hosts = walk->hosts;
	str rest = str_skip(walk->host, walk->wildcard_from);
	size_t dot;

	while (hosts->longest_wildcard && str_find(rest, '.', &dot)) {
		str name = str_skip(rest, dot + 1);
		const struct tree_node *root = NULL;
		bool has_label = dot > 0;

		walk->wildcard_from += dot + 1;
		rest = name;
		if (has_label && name.len <= hosts->longest_wildcard)
			root = map_get(&hosts->wildcards, name);
		if (!root)
			continue;
		walk->host_pattern = (struct host_pattern) { HOST_WILDCARD, name };
		return root;
	}
	walk->host_step = HOSTS_ANY;
	return NULL;
}

/* Enters the next tree that has rules for the host; false at the end. */
static bool next_host(struct walk *walk)
{
	const struct tree_node *root = NULL;

	switch ((enum host_step)walk->host_step) {
	case HOSTS_EXACT:
		walk->host_step = HOSTS_WILDCARD;
		walk->host_pattern = (struct host_pattern) { HOST_EXACT, walk->host };
		root = map_get(&walk->hosts->exact, walk->host);
		break;
	case HOSTS_WILDCARD:
		root = next_wildcard(walk);
		break;
	case HOSTS_ANY:
		walk->host_step = HOSTS_DONE;
		walk->host_pattern = (struct host_pattern) { .kind = HOST_ANY };
		root = walk->hosts->any;
		break;
	case HOSTS_DONE:
		return false;
	}
	walk->value_count = 0;
	if (root)
		enter(walk, root, 0);
	return true;
}

void walk_start_at(struct walk *walk, const struct tree_node *root)
{
	if (walk->path.len == 0 || walk->path.ptr[0] != '/')
		return;
	walk->host_step = HOSTS_DONE;
	walk->depth = walk->value_count = 0;
	walk->is_limited = false;
	enter(walk, root, 0);
}

static const struct regex_set *current_set(const struct walk *walk)
{
	return walk->frames[walk->depth - 1].node->branches->regex_set;
}

/* The frame on top is the set's node as long as the set is open. */
static const struct rule *next_of_set(struct walk *walk)
{
	const struct rule *rule = regex_set_next(current_set(walk), walk_relative_path(walk), walk->marks,
						 walk->scratch, &walk->is_limited);

	walk->is_in_set = rule != NULL;
	return rule;
}

const struct rule *walk_next(struct walk *walk)
{
	const struct rule *rule;

	while (!walk->is_limited) {
		if (walk->leaf) {
			rule = walk->leaf->rule;
			walk->leaf = walk->leaf->next;
			return rule;
		}
		if (walk->is_in_set) {
			rule = next_of_set(walk);
			if (rule)
				return rule;
		} else if (walk->depth > 0) {
			take_step(walk);
		} else if (!next_host(walk)) {
			return NULL;
		}
	}
	return NULL;
}

void walk_stop(struct walk *walk)
{
	if (walk->is_in_set)
		marks_clear(walk->marks);
	walk->is_in_set = false;
}

str walk_relative_path(const struct walk *walk)
{
	str rest = str_skip(walk->path, walk->frames[walk->depth - 1].from);

	return rest.len ? rest : STR("/");
}

bool walk_siblings_start(struct walk *walk)
{
	if (!current_set(walk))
		return false;
	regex_set_start(current_set(walk), walk_relative_path(walk), walk->marks);
	return true;
}

const struct rule *walk_siblings_next(struct walk *walk, const struct rule *own)
{
	const struct rule *rule;

	do {
		rule = regex_set_next(current_set(walk), walk_relative_path(walk), walk->marks, walk->scratch,
				      &walk->is_limited);
	} while (rule && rule->api != own->api);
	return rule;
}

void walk_siblings_stop(struct walk *walk)
{
	marks_clear(walk->marks);
}
