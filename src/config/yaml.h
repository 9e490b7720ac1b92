/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml: one text to nodes, from libfyaml's events.
 *
 * libfyaml's own documents compare every key of a map with every other; its events cost nothing of the kind.
 * What makes YAML files surprising is refused with a place: tags, further documents, keys that are not
 * text, keys given twice. Anchors and aliases are copies with a bound; `<<` merges.
 *
 * This is the only header of the room that could be swapped for another parser's: nothing above it knows of
 * libfyaml.
 */
#pragma once

#include "base/result.h"
#include "config/diagnostics.h"
#include "config/expand.h"
#include "config/node.h"

enum {
	YAML_DEPTH_MAX = 64,      /* lists and maps within each other */
	YAML_COPIES_MAX = 100000, /* nodes that aliases may add to a file */
};

result yaml_read(struct arena *arena, struct diagnostics *diagnostics, struct expander *expander, str name,
		 str text, struct node **ret_root);
/* Both slices are borrowed for as long as the nodes live. The root is a map; an empty file gives an empty
 * one. ERROR_INVALID, and NULL, when the syntax is broken; other problems are reported only. */
