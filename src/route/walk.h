/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk: the rules that fit host and path of a request, in the order of precedence, one at a time.
 *
 * Matching, the search for allowed methods and explain all take their rules from here, so that they cannot
 * disagree. The walk keeps its way through the tree in the scratch: no recursion, no allocation. It enters a
 * node at most once, so tree_walk_max() bounds it.
 */
#pragma once

#include "route/tree.h"

/* The hosts that have rules, each with its tree. */
struct host_table {
	struct map exact;     /* name to tree_node */
	struct map wildcards; /* name behind "*." to tree_node */
	size_t longest_wildcard;
	const struct tree_node *any; /* NULL without a rule for any host */
};

/* Where the walk is with one node. */
struct walk_frame {
	const struct tree_node *node;
	size_t from, to; /* the segment that follows, behind its '/'; from is past the end without one */
	size_t captured; /* values, before this node's segment */
	int step;
	const struct part_group *group;
	const struct node_part *part;
};

struct walk {
	const struct tree *tree;
	const struct host_table *hosts;
	struct regex_scratch *scratch;
	struct marks *marks;
	str host, path;
	int host_step;
	struct host_pattern host_pattern; /* that the current rule was found by */
	size_t wildcard_from;             /* where in the host the next wildcard begins */

	struct walk_frame frames[PATTERN_SEGMENTS_MAX + 2];
	size_t depth;
	const struct leaf *leaf; /* the rest of the current list */
	bool is_in_set;          /* the marks hold the rest of the current set of expressions */
	bool is_limited;         /* a limit was reached: nothing more is found */
	str values[ROUTE_PARAMETERS_MAX];
	size_t value_count;
	size_t farthest; /* bytes of the path that are the beginning of some pattern */
};

void walk_start(struct walk *walk, const struct tree *tree, const struct host_table *hosts,
		const struct route_request *request, struct regex_scratch *scratch, struct marks *marks);

void walk_start_at(struct walk *walk, const struct tree_node *root);
/* The same request once more, as if its host led to this tree only; for explain. */

const struct rule *walk_next(struct walk *walk);
/* NULL at the end, and when a limit was reached. walk->values are the template's, and the scratch holds the
 * groups of the rule's expression. */

void walk_stop(struct walk *walk);
/* Before the end, when no further rule is wanted. */

str walk_relative_path(const struct walk *walk);
/* What the current rule's expression was matched against: the path behind that of the API, or "/". */

/* The routes with an expression that stand at the same place as an API's own rule, just found, and that match
 * the path: they come later in precedence. */
bool walk_siblings_start(struct walk *walk);
/* False when there are none; the others must not be called then. */
const struct rule *walk_siblings_next(struct walk *walk, const struct rule *own);
/* Those of the same API only. NULL as in walk_next(). */
void walk_siblings_stop(struct walk *walk);
