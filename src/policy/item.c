/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/item.h"

#include "policy/expression.h"
#include "policy/list.h"

result policy_reject(const struct policy_compile *compile, const char *key, const char *why)
{
	const struct node *at = key ? node_find(compile->node, str_of(key)) : compile->node;

	diagnostic_error(compile->reader->diagnostics, at, "%s", why);
	return error_make(ERROR_INVALID, why);
}

/* Beside the kind; the same in every item. */
static bool is_sibling(str key)
{
	return str_eq(key, STR("when")) || str_eq(key, STR("report"));
}

static bool is_known(str key)
{
	return str_eq(key, STR("use")) || policy_find(key);
}

/* What other gateways call ours, where the spelling is too far off for a suggestion. */
static const struct {
	const char *theirs, *ours;
} elsewhere[] = {
	{ "key-auth", "api_key" },
	{ "key_auth", "api_key" },
	{ "basic-auth", "basic" },
	{ "basic_auth", "basic" },
	{ "basicAuth", "basic" },
	{ "jwt-auth", "jwt" },
	{ "openid-connect", "oidc" },
	{ "mtls", "client_certificate" },
	{ "mtls-auth", "client_certificate" },
	{ "hmac-auth", "signature" },
	{ "acl", "authorize" },
	{ "consumer-restriction", "authorize" },
};

static const char *known_elsewhere(str kind)
{
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
		if (str_eq(kind, str_of(elsewhere[i].theirs)))
			return elsewhere[i].ours;
	return NULL;
}

static void report_kind(struct reader *reader, const struct node *kind)
{
	str suggestion = policy_suggest(reader->arena, kind->key);
	const char *ours = known_elsewhere(kind->key);

	if (ours) {
		diagnostic_error_key(reader->diagnostics, kind,
				     "no kind of policy is named \"%.*s\"; here it is \"%s\"",
				     STR_ARG(kind->key), ours);
		return;
	}
	diagnostic_error_key(reader->diagnostics, kind, "no kind of policy is named \"%.*s\"%.*s",
			     STR_ARG(kind->key), STR_ARG(suggestion));
}

/* What is misspelt is a likelier mistake than a second kind. */
static const struct node *not_one_kind(struct reader *reader, const struct node *item)
{
	for (const struct node *node = item->kind == NODE_MAP ? item->first : NULL; node; node = node->next) {
		if (is_sibling(node->key) || is_known(node->key))
			continue;
		report_kind(reader, node);
		return NULL;
	}
	diagnostic_error(reader->diagnostics, item,
			 "want one policy here: a kind and its options, such as request_id: {}");
	return NULL;
}

const struct node *policy_item_kind(struct reader *reader, const struct node *item)
{
	const struct node *kind = NULL;
	size_t kinds = 0;

	for (const struct node *node = item->kind == NODE_MAP ? item->first : NULL; node; node = node->next) {
		if (is_sibling(node->key))
			continue;
		kind = node;
		kinds++;
	}
	return kinds == 1 ? kind : not_one_kind(reader, item);
}

/* As if it had been written out: a map with the one key. */
static const struct node *options_of_shorthand(struct arena *arena, const struct policy *policy,
					       const struct node *node)
{
	struct node *map = ARENA_NEW(arena, struct node), *only = ARENA_NEW(arena, struct node);

	*map = *only = *node;
	map->kind = NODE_MAP;
	map->first = only;
	map->count = 1;
	map->index = NULL;
	only->key = str_of(policy->shorthand);
	only->next = NULL;
	return map;
}

/* Options are a map, or nothing at all, which is an empty one. NULL after a report. */
static const struct node *options_of(struct reader *reader, const struct policy *policy,
				     const struct node *node)
{
	struct node *empty;

	if (node->kind == NODE_MAP)
		return node;
	if (policy->shorthand && node->kind == NODE_LIST)
		return options_of_shorthand(reader->arena, policy, node);
	if (node->kind != NODE_NULL) {
		diagnostic_error(reader->diagnostics, node, "want the policy's options as a map, or {}");
		return NULL;
	}
	empty = ARENA_NEW(reader->arena, struct node);
	*empty = *node;
	empty->kind = NODE_MAP;
	return empty;
}

/* What an item says beside `use` comes on top of what the named policy says: both conditions must hold, and a
 * report that was asked for is not taken back. */
static result read_siblings(const struct policy_compile *with, const struct node *item,
			    struct policy_instance *instance)
{
	const struct node *report = node_find(item, STR("report")), *when = node_find(item, STR("when"));
	const struct expression *expression;
	bool is_report = false;

	if (report && field_read_bool(with->reader, report, &is_report))
		instance->is_report |= is_report;
	if (!when)
		return OK;
	TRY(expression_compile(with, when, EXPRESSION_BOOL, &expression));
	instance->when = expression_both(with->reader->arena, instance->when, expression);
	return OK;
}

struct policy_instance *policy_item_compile(const struct policy_compile *with, const struct node *item,
					    const struct node *kind)
{
	struct reader *reader = with->reader;
	const struct policy *policy = policy_find(kind->key);
	struct policy_instance *instance = ARENA_NEW(reader->arena, struct policy_instance);
	struct policy_compile compile = *with;
	result_value siblings;
	void *self;

	if (!policy) {
		report_kind(reader, kind);
		return NULL;
	}
	self = arena_alloc(reader->arena, policy->size);
	compile.node = options_of(reader, policy, kind);
	if (!compile.node)
		return NULL;
	fields_read(reader, compile.node, policy->fields, self);
	*instance = (struct policy_instance) {
		.policy = policy, .self = self, .options = compile.node, .name = str_of(policy->name)
	};
	siblings = read_siblings(with, item, instance);
	if ((policy->compile && failed(policy->compile(&compile, self))) || failed(siblings))
		return NULL; /* reported */
	return instance;
}

struct policy_instance *policy_item_named(const struct policy_compile *with, const struct node *item)
{
	const struct node *kind = policy_item_kind(with->reader, item);
	struct policy_instance *instance = kind ? policy_item_compile(with, item, kind) : NULL;

	if (instance)
		instance->name = item->key;
	return instance;
}

struct policy_instance *policy_item_used(const struct policy_compile *with, const struct node *item,
					 const struct policy_instance *used)
{
	struct policy_instance *instance = ARENA_NEW(with->reader->arena, struct policy_instance);

	*instance = *used;
	return failed(read_siblings(with, item, instance)) ? NULL : instance;
}
