/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expand: ${NAME}, ${NAME:-default} and ${file:PATH} in scalars.
 *
 *     ${NAME}             an environment variable; an error when it is not set
 *     ${NAME:-default}    the default when it is not set or empty, as in a shell
 *     ${file:PATH}        a file's content, trimmed; relative to the file that names it
 *     $${                 the two characters ${
 *
 * What is taken from outside is neither expanded again nor read as YAML: it is text, and a plain scalar that
 * it became part of is still read by what its field wants. $${ gives ${. Names with a dot, and the words api
 * and route, belong to policies and stay as they are, and so do names in lower case in log.access.format.
 */
#pragma once

#include "config/diagnostics.h"
#include "config/node.h"

enum { EXPAND_VALUE_MAX = 1024 * 1024 };

struct expander {
	struct arena *arena;
	struct diagnostics *diagnostics;
	const char *(*environment)(const char *name, void *argument);
	void *argument;
	str folder;              /* of the file that is being read; "" or ends in a slash */
	struct file_list *files; /* what ${file:...} is read through */
};

void expand_node(struct expander *expander, struct node *node, str raw);
/* Expands the text of a scalar in place. raw is the scalar as it stands in the file, quotes included, at the
 * node's line and column: problems are reported at their place in it, and the node is broken then. */

str expand_path(struct arena *arena, str folder, str path);
/* An absolute path as it is, another one after the folder. */
