/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router_compile: from the configuration's rules to a router, in three passes.
 *
 * First each rule on its own: methods, conditions, hosts. Then the hosts: those that have the very same rules
 * share one tree, so that an API with a thousand hosts is not compiled a thousand times. Last the paths go
 * into the trees, where rules that cannot be told apart meet. Everything wrong is reported in one go.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/random.h"
#include "route/compiler.h"

enum {
	HOSTS_MAX = 1 << 24,
	WALK_WARNING = 10000, /* places that one path can lead to */
	ALWAYS_WARNING = 100, /* expressions of one place that every path has to be tried with */
};

static struct host *new_host(struct compiler *compiler, const struct host_pattern *pattern)
{
	struct host *host = ARENA_NEW(&compiler->temporary, struct host);

	*host = (struct host) { .pattern = *pattern, .older = compiler->newest_host };
	compiler->newest_host = host;
	return host;
}

/* The record of a pattern; made when it is first seen. */
static struct host *host_of(struct compiler *compiler, const struct host_pattern *pattern)
{
	struct map *map = pattern->kind == HOST_EXACT ? &compiler->exact : &compiler->wildcards;
	struct host *host = pattern->kind == HOST_ANY ? compiler->any : map_get(map, pattern->name);

	if (host)
		return host;
	host = new_host(compiler, pattern);
	if (pattern->kind == HOST_ANY)
		compiler->any = host;
	else
		ASSERT(map_add(map, pattern->name, host));
	return host;
}

/* Signatures are sums of random numbers, one a rule: equal for the same rules in any order, and else as good
 * as never. A list that many rules share is added to its hosts once. */
static void sign_hosts(struct compiler *compiler)
{
	for (size_t i = 0; i < compiler->count; i++) {
		struct host_list *hosts = compiler->hosts[i];

		for (size_t j = 0; j < hosts->len && !hosts->is_signed; j++)
			host_of(compiler, &hosts->at[j])->signature += hosts->signature;
		hosts->is_signed = true;
	}
}

static void publish_host(struct compiler *compiler, const struct host *host)
{
	struct host_table *table = &compiler->router->hosts;
	str name = host->pattern.name;

	switch (host->pattern.kind) {
	case HOST_EXACT:
		ASSERT(map_add(&table->exact, name, host->root));
		break;
	case HOST_WILDCARD:
		ASSERT(map_add(&table->wildcards, name, host->root));
		if (table->longest_wildcard < name.len)
			table->longest_wildcard = name.len;
		break;
	case HOST_ANY:
		table->any = host->root;
		break;
	}
}

/* Hosts with the same signature get the same root. */
static void plant_hosts(struct compiler *compiler)
{
	struct map roots;

	map_init(&roots, &compiler->temporary, HOSTS_MAX);
	for (struct host *host = compiler->newest_host; host; host = host->older) {
		str signature = { (const char *)&host->signature, sizeof host->signature };

		host->root = map_get(&roots, signature);
		if (!host->root) {
			host->root = tree_root(&compiler->router->tree);
			ASSERT(map_add(&roots, signature, host->root));
		}
		publish_host(compiler, host);
	}
}

static str rule_name(struct compiler *compiler, const struct route_rule *source)
{
	if (source->route.len == 0)
		return source->api;
	return arena_printf(&compiler->temporary, "%.*s.routes.%.*s", STR_ARG(source->api),
			    STR_ARG(source->route));
}

/* Called for each list that a rule goes into; a rule is complained about once. */
static void place(void *context, struct leaf *const *list, struct rule *rule)
{
	struct compiler *compiler = context;
	struct rule *rival = clash_add(compiler->clashes, list, rule);
	const struct node *node = rule->source->node;

	if (!rival || rule->is_clash_reported)
		return;
	rule->is_clash_reported = true;
	compiler->is_bad = true;
	diagnostic_error_key(compiler->diagnostics, node,
			     "can never be told apart from apis.%.*s (line %u): same host, path and "
			     "conditions, and a method in common",
			     STR_ARG(rule_name(compiler, rival->source)),
			     rival->source->node ? rival->source->node->key_line : 0);
}

/* The trees of a list's hosts, each once. */
static void find_roots(struct compiler *compiler, struct host_list *hosts)
{
	hosts->roots = ARENA_ARRAY(&compiler->temporary, struct tree_node *, hosts->len);
	for (size_t i = 0; i < hosts->len; i++) {
		struct tree_node *root = host_of(compiler, &hosts->at[i])->root;

		if (root->found_for == hosts)
			continue;
		root->found_for = hosts;
		hosts->roots[hosts->root_count++] = root;
	}
}

static void plant_rule(struct compiler *compiler, size_t index, const struct pattern *pattern)
{
	struct host_list *hosts = compiler->hosts[index];

	if (!hosts->roots)
		find_roots(compiler, hosts);
	for (size_t i = 0; i < hosts->root_count; i++)
		tree_add(&compiler->router->tree, hosts->roots[i], pattern, &compiler->router->rules[index],
			 place, compiler);
}

/* Parameters beyond the maximum have no use for anybody: groups are cut there, names of a template were
 * refused. */
static void keep_names(struct compiler *compiler, struct rule *rule, const struct pattern *pattern)
{
	str names[2 * ROUTE_PARAMETERS_MAX], *kept;
	size_t groups[ROUTE_PARAMETERS_MAX], count = pattern->name_count, found = 0, *kept_groups;

	memcpy(names, pattern->names, count * sizeof *names);
	if (rule->regex)
		found = regex_group_names(rule->regex, ROUTE_PARAMETERS_MAX - count, names + count, groups);
	rule->group_from = count;
	rule->name_count = (uint8_t)(count + found);
	if (rule->name_count == 0)
		return;
	kept = ARENA_ARRAY(compiler->arena, str, count + found);
	rule->names = memcpy(kept, names, (count + found) * sizeof *names);
	if (found == 0)
		return;
	kept_groups = ARENA_ARRAY(compiler->arena, size_t, found);
	rule->groups = memcpy(kept_groups, groups, found * sizeof *groups);
}

/* The hash tells expressions apart that stand in one list. */
static bool read_regex(struct compiler *compiler, struct rule *rule, const struct pattern *pattern,
		       str *ret_why)
{
	struct regex *regex;

	if (pattern->tail != PATTERN_REGEX)
		return true;
	if (!regex_compile_split(&compiler->router->regexes, pattern->regex, &rule->regex_prefix, &regex,
				 ret_why))
		return false;
	rule->regex = regex;
	rule->regex_text = pattern->regex;
	rule->hash += hash_bytes(pattern->regex, compiler->seed);
	return true;
}

/* The API's part of the pattern; reported once for all of its rules. */
static bool start_pattern(struct compiler *compiler, size_t index, struct pattern *pattern)
{
	const struct route_rule *source = &compiler->sources[index];
	struct api *api = compiler->apis[index];
	const struct node *node = compiler_api_node(source);
	str why;

	if (index > 0 && compiler->apis[index - 1] == api)
		return !api->is_path_bad;
	api->is_path_bad = !pattern_start(compiler->arena, source->api_path, pattern, &why);
	if (api->is_path_bad)
		compiler_complain(compiler, compiler_value_node(node, STR("path")), why);
	return !api->is_path_bad;
}

/* A route whose API's path is wrong says nothing of its own: it may well be right. */
static void read_path(struct compiler *compiler, size_t index, struct pattern *pattern)
{
	const struct route_rule *source = &compiler->sources[index];
	struct rule *rule = &compiler->router->rules[index];
	const struct node *match = compiler_value_node(source->node, STR("match"));
	str path = source->match ? source->match->path : (str) { 0 }, why;

	if (!start_pattern(compiler, index, pattern))
		return;
	if (!pattern_extend(compiler->arena, pattern, path, &why) ||
	    !read_regex(compiler, rule, pattern, &why)) {
		compiler_complain(compiler, compiler_value_node(match, STR("path")), why);
		return;
	}
	rule->tail = pattern->tail;
	compiler->apis[index]->has_regex |= rule->regex != NULL;
	keep_names(compiler, rule, pattern);
	plant_rule(compiler, index, pattern);
}

static size_t segments_of(str path)
{
	size_t count = 0;

	for (size_t i = 0; i < path.len; i++)
		count += path.ptr[i] == '/';
	return count;
}

/* Of all patterns, so that the tree's table gets its size at once; more than one tree makes it grow. */
static size_t count_segments(const struct compiler *compiler)
{
	size_t count = 0;

	for (size_t i = 0; i < compiler->count; i++) {
		const struct route_rule *source = &compiler->sources[i];

		count += segments_of(source->api_path);
		if (source->match)
			count += segments_of(source->match->path);
	}
	return count;
}

static void read_paths(struct compiler *compiler)
{
	struct pattern *pattern = ARENA_NEW(&compiler->temporary, struct pattern);

	tree_init(&compiler->router->tree, compiler->arena, count_segments(compiler));
	compiler->clashes = clash_table_new(&compiler->temporary);
	plant_hosts(compiler);
	for (size_t i = 0; i < compiler->count; i++)
		read_path(compiler, i, pattern);
	for (size_t i = 0; i < compiler->count; i++)
		compiler->router->rules[i].has_regex_sibling = compiler->apis[i]->has_regex;
}

/* What is allowed, but makes each request dearer than it need be. */
static void warn_of_cost(struct compiler *compiler)
{
	const struct tree_node *node = compiler->router->tree.newest;

	for (; node; node = node->older) {
		const struct regex_set *set = node->branches->regex_set;
		size_t always = set ? regex_set_always(set) : 0;

		if (always > ALWAYS_WARNING)
			diagnostic_warning(
				compiler->diagnostics, node->regexes->rule->source->node,
				"%zu regular expressions of this place hold no fixed text, so each "
				"of them is tried with each path",
				always);
		if (!node->parent && tree_walk_max(node) > WALK_WARNING)
			diagnostic_warning(compiler->diagnostics, compiler->sources[0].node,
					   "the paths overlap so much that one request may be compared in "
					   "%u places",
					   tree_walk_max(node));
	}
}

static void compiler_init(struct compiler *compiler, struct arena *arena, struct diagnostics *diagnostics,
			  const struct route_rule *rules, size_t count)
{
	struct router *router = ARENA_NEW(arena, struct router);

	*compiler = (struct compiler) {
		.arena = arena,
		.diagnostics = diagnostics,
		.router = router,
		.sources = rules,
		.count = count,
		.seed = random_u64(),
	};
	arena_init_beside(&compiler->temporary, arena);
	compiler->apis = ARENA_ARRAY(&compiler->temporary, struct api *, count);
	compiler->hosts = ARENA_ARRAY(&compiler->temporary, struct host_list *, count);
	map_init(&compiler->api_names, &compiler->temporary, UINT32_MAX);
	map_init(&compiler->exact, &compiler->temporary, HOSTS_MAX);
	map_init(&compiler->wildcards, &compiler->temporary, HOSTS_MAX);
	router->rules = arena_lines(arena, (count + 1) * sizeof(struct rule));
	router->rule_count = count;
	regex_table_init(&router->regexes, arena);
	map_init(&router->hosts.exact, arena, HOSTS_MAX);
	map_init(&router->hosts.wildcards, arena, HOSTS_MAX);
}

result router_compile(struct arena *arena, struct diagnostics *diagnostics, const struct route_rule *rules,
		      size_t count, struct router **ret_router)
{
	struct compiler compiler;

	*ret_router = NULL;
	compiler_init(&compiler, arena, diagnostics, rules, count);
	for (size_t i = 0; i < count; i++)
		compiler_read_rule(&compiler, i);
	sign_hosts(&compiler);
	read_paths(&compiler);
	if (!compiler.is_bad) {
		tree_finish(&compiler.router->tree);
		warn_of_cost(&compiler);
		*ret_router = compiler.router;
	} else {
		router_free(&compiler.router);
	}
	arena_fini(&compiler.temporary);
	return compiler.is_bad ? error_make(ERROR_INVALID, "the routes are wrong") : OK;
}
