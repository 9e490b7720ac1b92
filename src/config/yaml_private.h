/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reading events (yaml.c), copying anchors (yaml_alias.c) and explaining mistakes (yaml_syntax.c) share.
 */
#pragma once

#include "base/map.h"
#include "config/yaml.h"

enum { YAML_ANCHORS_MAX = 10000 };

/* A list or map that is open. */
struct frame {
	struct node *container;
	struct node **last; /* where the next child is linked */
	struct map *index;  /* of a large map */
	str key;            /* of a map, when it came and its value is awaited */
	struct place key_place;
	bool has_key, is_merge, is_flow; /* flow: in brackets */
	struct node *merged;             /* the value of `<<`, until the map is complete */
};

struct fy_diag_error;

struct builder {
	struct arena *arena;
	struct diagnostics *diagnostics;
	struct expander *expander;
	str text;
	uint16_t file;
	struct node *root;
	struct frame frames[YAML_DEPTH_MAX];
	size_t depth, documents, copies;
	struct map anchors; /* names to nodes */
};

result yaml_stop(void);
/* After a report that ends the reading. */

result yaml_make_node(struct builder *builder, enum node_kind kind, struct place place,
		      struct node **ret_node);
/* ERROR_INVALID when the arena is full. */

result yaml_take_anchor(struct builder *builder, str name, struct node *node);
/* Remembers the node under the anchor's name; nothing when it is empty. */

result yaml_copy_anchor(struct builder *builder, str name, struct place place, struct node **ret_node);
/* A copy of what the anchor names, with the places of the original. */

void yaml_link(struct frame *frame, struct node *node);
/* Appends the node to its container. */

bool yaml_index(struct builder *builder, struct frame *frame, struct node *node);
/* False when the map has its key already. Otherwise the node is to be linked. */

bool yaml_keep_merge(struct builder *builder, struct frame *frame, struct node *node);
/* Keeps the value of `<<` for the end of the map. False: it is not to be linked. */

void yaml_merge(struct builder *builder, struct frame *frame);
/* At the end of a map: adds what `<<` names and the map does not say itself. */

void yaml_report_syntax(struct builder *builder, const struct fy_diag_error *error);
/* error may be NULL: libfyaml has nothing to say. */
