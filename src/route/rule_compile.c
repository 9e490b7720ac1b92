/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule_compile: the first pass over the rules, each on its own: methods, conditions, hosts.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "route/compiler.h"

void compiler_complain(struct compiler *compiler, const struct node *at, str why)
{
	diagnostic_error(compiler->diagnostics, at, "%.*s", STR_ARG(why));
	compiler->is_bad = true;
}

const struct node *compiler_api_node(const struct route_rule *source)
{
	const struct node *node = source->node;

	if (source->route.len == 0 || !node || !node->parent)
		return node;
	return node->parent->parent ? node->parent->parent : node;
}

const struct node *compiler_value_node(const struct node *map, str key)
{
	const struct node *value = node_find(map, key);

	return value ? value : map;
}

static const struct node *match_node(const struct route_rule *source)
{
	return compiler_value_node(source->node, STR("match"));
}

static const struct node *item_of(const struct node *map, str key, size_t index)
{
	const struct node *list = compiler_value_node(map, key);
	const struct node *item = list && list->kind == NODE_LIST ? list->first : NULL;

	while (item && index--)
		item = item->next;
	return item ? item : list;
}

/* For a suggestion. */
static str upper(struct arena *arena, str text)
{
	char *bytes = arena_bytes(arena, text.len);

	for (size_t i = 0; i < text.len; i++)
		bytes[i] = (char)(text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? text.ptr[i] - 32 : text.ptr[i]);
	return (str) { bytes, text.len };
}

/* Unknown methods are allowed, extensions have them; a known one in lower case is a mistake. */
static bool check_method(struct compiler *compiler, str method, const struct node *at)
{
	str word = upper(&compiler->temporary, method);
	bool is_token = http_is_token(method);

	if (!is_token)
		compiler_complain(compiler, at, STR("a method is one word of letters, such as GET"));
	else if (http_method_find(method) == HTTP_OTHER_METHOD && http_method_find(word) != HTTP_OTHER_METHOD)
		compiler_complain(compiler, at,
				  arena_printf(&compiler->temporary,
					       "case matters in methods; did you mean \"%.*s\"?",
					       STR_ARG(word)));
	else
		return true;
	return false;
}

static struct method_set compile_methods(struct compiler *compiler, str_list list, const struct node *map)
{
	struct method_set set = { .is_any = list.len == 0 };
	str *other = NULL;

	for (size_t i = 0; i < list.len; i++) {
		enum http_method method = http_method_find(list.at[i]);

		if (!check_method(compiler, list.at[i], item_of(map, STR("methods"), i)))
			continue;
		if (method != HTTP_OTHER_METHOD) {
			set.known |= 1u << method;
			continue;
		}
		if (!other)
			set.other.at = other = ARENA_ARRAY(compiler->arena, str, list.len);
		other[set.other.len++] = list.at[i];
	}
	return set;
}

/* The same host twice, or in two spellings, is one. */
static void add_host(struct host_list *hosts, const struct host_pattern *pattern)
{
	for (size_t i = 0; i < hosts->len; i++)
		if (host_pattern_eq(&hosts->at[i], pattern))
			return;
	hosts->at[hosts->len++] = *pattern;
}

static struct host_list *new_host_list(struct compiler *compiler, size_t max)
{
	struct host_list *hosts = ARENA_NEW(&compiler->temporary, struct host_list);

	hosts->at = ARENA_ARRAY(&compiler->temporary, struct host_pattern, max);
	return hosts;
}

/* The patterns of a list; none is any host. */
static struct host_list *compile_hosts(struct compiler *compiler, str_list list, const struct node *map)
{
	struct host_list *hosts = new_host_list(compiler, list.len + 1);
	struct host_pattern pattern = { .kind = HOST_ANY };
	str why;

	if (list.len == 0)
		add_host(hosts, &pattern);
	for (size_t i = 0; i < list.len; i++)
		if (host_pattern_parse(compiler->arena, list.at[i], &pattern, &why))
			add_host(hosts, &pattern);
		else
			compiler_complain(compiler, item_of(map, STR("hosts"), i), why);
	return hosts;
}

/* With its first rule. Numbers follow the file. */
static struct api *compile_api(struct compiler *compiler, const struct route_rule *source)
{
	struct api *api = map_get(&compiler->api_names, source->api);
	const struct node *node = compiler_api_node(source);

	if (api)
		return api;
	api = ARENA_NEW(&compiler->temporary, struct api);
	api->number = (uint32_t)compiler->api_names.count;
	ASSERT(map_add(&compiler->api_names, source->api, api));
	api->hosts = compile_hosts(compiler, source->api_hosts, node);
	api->methods = compile_methods(compiler, source->api_methods, node);
	return api;
}

/* The hosts that a route has of its own, narrowed to those of its API. What two patterns have in common is
 * one of them, so there are no more than both have together. */
static struct host_list *narrow_hosts(struct compiler *compiler, const struct host_list *of_api,
				      const struct route_rule *source)
{
	const struct node *node = match_node(source);
	const struct host_list *own = compile_hosts(compiler, source->match->hosts, node);
	struct host_list *both = new_host_list(compiler, own->len + of_api->len);
	struct host_pattern pattern;

	for (size_t i = 0; i < own->len; i++) {
		size_t met = 0;

		for (size_t j = 0; j < of_api->len; j++)
			if (host_pattern_meet(&own->at[i], &of_api->at[j], &pattern)) {
				add_host(both, &pattern);
				met++;
			}
		if (!met && of_api->len)
			compiler_complain(compiler, item_of(node, STR("hosts"), i),
					  STR("no host of the API is among these"));
	}
	return both;
}

/* The API's methods and the route's are two conditions, and a request must meet both. */
static void read_methods(struct compiler *compiler, const struct api *api, struct rule *rule)
{
	const struct route_rule *source = rule->source;
	const struct node *node = match_node(source);
	struct method_set own;

	rule->methods = api->methods;
	rule->weight = source->api_methods.len > 0;
	if (!source->match || source->match->methods.len == 0)
		return;
	own = compile_methods(compiler, source->match->methods, node);
	rule->methods = method_set_both(compiler->arena, &own, &api->methods);
	rule->weight++;
	if (!method_set_is_empty(&own) && !method_set_is_empty(&api->methods) &&
	    method_set_is_empty(&rule->methods))
		compiler_complain(compiler, compiler_value_node(node, STR("methods")),
				  STR("the API takes none of these methods"));
}

static void read_conditions(struct compiler *compiler, struct rule *rule)
{
	struct condition_compile compile = { compiler->arena, compiler->diagnostics,
					     &compiler->router->regexes };
	size_t count = 0;

	if (!rule->source->match)
		return;
	if (!conditions_compile(&compile, rule->source->match, match_node(rule->source), &rule->conditions,
				&count))
		compiler->is_bad = true;
	rule->condition_count = (uint32_t)count;
	rule->weight += rule->condition_count;
	/* A sum: the order in which they are written says nothing. */
	for (size_t i = 0; i < rule->condition_count; i++)
		rule->hash += condition_hash(&rule->conditions[i], compiler->seed);
}

/* Its own rule stands behind the API's routes, so that of two that are equal otherwise the route wins. */
void compiler_read_rule(struct compiler *compiler, size_t index)
{
	const struct route_rule *source = &compiler->sources[index];
	struct rule *rule = &compiler->router->rules[index];
	struct api *api = compile_api(compiler, source);

	rule->source = source;
	rule->target = source->target;
	rule->api = api->number;
	rule->is_own = source->route.len == 0;
	rule->order = rule->is_own ? UINT32_MAX : api->routes++;
	compiler->apis[index] = api;
	read_methods(compiler, api, rule);
	read_conditions(compiler, rule);
	compiler->hosts[index] = source->match && source->match->hosts.len
					 ? narrow_hosts(compiler, api->hosts, source)
					 : api->hosts;
	compiler->hosts[index]->signature += hash_mix(compiler->seed, index);
}
