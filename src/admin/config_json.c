/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_json: a walk through the nodes, which know what was taken from outside.
 */
#include "admin/config_json.h"

#include "config/secret_name.h"
#include "config/secret_value.h"

/* Maps of things that the operator names: a route called `tokens` is no token. */
static const char *const named_things[] = { "listeners", "upstreams", "policies",
					    "consumers", "apis",      "routes" };

static bool is_named_thing(const struct node *node)
{
	const struct node *map = node->parent;

	for (size_t i = 0; map && i < sizeof named_things / sizeof *named_things; i++)
		if (str_eq(map->key, str_of(named_things[i])))
			return true;
	return false;
}

/* `api_key` is a kind of policy: in a list of policies, or of a policy with a name. */
static bool is_policy_kind(const struct node *node)
{
	const struct node *policies = node->parent ? node->parent->parent : NULL;

	return policies && str_eq(policies->key, STR("policies"));
}

/* Its own name, or one above it, says that it is one. */
static bool is_under_secret_name(const struct node *node)
{
	for (; node; node = node->parent)
		if (secret_name_judge(node->key) != SECRET_NAME_NONE && !is_named_thing(node) &&
		    !is_policy_kind(node))
			return true;
	return false;
}

static bool is_boolean(const struct node *node)
{
	return !node->is_quoted && (str_eq(node->text, STR("true")) || str_eq(node->text, STR("false")));
}

/* What JSON writes without quotes; 010 and 1e5 are text. */
static bool is_plain(const struct node *node)
{
	uint64_t number;

	return is_boolean(node) || (!node->is_quoted && str_to_u64(node->text, UINT32_MAX, &number) &&
				    (node->text.ptr[0] != '0' || node->text.len == 1));
}

static bool is_secret(const struct node *node)
{
	return node->is_expanded || secret_value_is_evident(node->text) ||
	       (!is_boolean(node) && is_under_secret_name(node));
}

static void put_scalar(struct json_stream *json, const struct node *node)
{
	if (is_secret(node))
		json_text(json, STR("***"));
	else if (is_plain(node))
		json_raw(json, node->text);
	else
		json_text(json, node->text);
}

/* As deep as the file is, which has a bound. */
void config_json_put(struct json_stream *json, const struct node *node)
{
	bool is_map = node->kind == NODE_MAP;

	if (node->kind == NODE_NULL) {
		json_raw(json, STR("null"));
		return;
	}
	if (node->kind == NODE_SCALAR) {
		put_scalar(json, node);
		return;
	}
	json_open(json, is_map ? '{' : '[');
	for (const struct node *child = node->first; child; child = child->next) {
		if (is_map)
			json_key(json, child->key);
		config_json_put(json, child);
	}
	json_close(json, is_map ? '}' : ']');
}
