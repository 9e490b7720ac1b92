/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compiler: what the passes from the configuration's rules to a router hand on.
 */
#pragma once

#include "route/router_private.h"

/* The hosts of one rule; shared by the rules of an API that have no hosts of their own. */
struct host_list {
	struct host_pattern *at;
	size_t len;
	uint64_t signature; /* of its rules */
	bool is_signed;
	struct tree_node **roots; /* of the trees that its rules go into; hosts may share one */
	size_t root_count;
};

/* What the rules of an API have in common. */
struct api {
	uint32_t number, routes;
	bool is_path_bad, has_regex;
	struct host_list *hosts;
	struct method_set methods;
};

/* One host pattern, and the rules that have it. */
struct host {
	struct host_pattern pattern;
	uint64_t signature; /* equal for hosts with the same rules */
	struct tree_node *root;
	struct host *older;
};

struct compiler {
	struct arena *arena;    /* of the snapshot */
	struct arena temporary; /* until the router is made */
	struct diagnostics *diagnostics;
	struct router *router;
	const struct route_rule *sources;
	size_t count;
	struct api **apis;                      /* by rule */
	struct host_list **hosts;               /* by rule */
	struct host *newest_host;               /* of all, to go through them */
	struct map api_names, exact, wildcards; /* to struct api, struct host, struct host */
	struct host *any;
	struct clash_table *clashes;
	uint64_t seed;
	bool is_bad;
};

void compiler_complain(struct compiler *compiler, const struct node *at, str why);
/* Reports an error; the router will not come about. */

const struct node *compiler_api_node(const struct route_rule *source);
/* The node of the rule's API: a route stands in its map `routes`. */

const struct node *compiler_value_node(const struct node *map, str key);
/* The value of a key, or what would hold it where there is none. */

void compiler_read_rule(struct compiler *compiler, size_t index);
/* The first pass: everything of a rule but its path. */
