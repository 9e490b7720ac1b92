/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/item.h"

#include "codec/url.h"
#include "policy/expression.h"
#include "policy/list.h"

enum { OPTIONS_MAX = 8 };

result policy_reject(const struct policy_compile *compile, const char *key, const char *why)
{
	const struct node *at = key ? node_find(compile->node, str_of(key)) : NULL;

	diagnostic_error(compile->reader->diagnostics, at ? at : compile->node, "%s", why);
	return error_make(ERROR_INVALID, why);
}

result policy_reject_several(const struct policy_compile *compile, const struct node *map,
			     const char *const *keys)
{
	struct arena *arena = compile->reader->arena;
	str all[OPTIONS_MAX], given[OPTIONS_MAX], list;
	size_t all_count = 0, given_count = 0;
	const struct node *at = map;

	for (; keys[all_count]; all_count++) {
		const struct node *node = node_find(map, str_of(keys[all_count]));

		all[all_count] = str_of(keys[all_count]);
		if (!node)
			continue;
		given[given_count++] = all[all_count];
		at = node;
	}
	list = arena_join_list(arena, &(str_list) { all, all_count }, STR(", "));
	diagnostic_error(compile->reader->diagnostics, at, "only one of %.*s may be given, not %.*s",
			 STR_ARG(list),
			 STR_ARG(arena_join_list(arena, &(str_list) { given, given_count }, STR(" and "))));
	return error_make(ERROR_INVALID, "several are given");
}

void policy_warn_open(const struct policy_compile *compile, const char *key, const char *why)
{
	const struct node *at = node_find(compile->node, str_of(key));
	struct url url;

	if (at && !url_parse(at->text, &url) && url_is_open(&url))
		diagnostic_warning(compile->reader->diagnostics, at, "%s", why);
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

/* What other gateways call ours, in small letters and digits only. */
static const struct {
	const char *theirs, *ours;
} elsewhere[] = {
	{ "keyauth", "api_key" },
	{ "basicauth", "basic" },
	{ "authbasic", "basic" },
	{ "jwtauth", "jwt" },
	{ "jwtauthn", "jwt" },
	{ "authjwt", "jwt" },
	{ "authvalidator", "jwt" },
	{ "oauth2introspection", "introspection" },
	{ "openidconnect", "oidc" },
	{ "mtls", "client_certificate" },
	{ "mtlsauth", "client_certificate" },
	{ "hmacauth", "signature" },
	{ "multiauth", "any_of" },
	{ "extauthz", "forward_auth" },
	{ "authrequest", "forward_auth" },
	{ "forwardauth", "forward_auth" },
	{ "acl", "authorize" },
	{ "rbac", "authorize" },
	{ "consumerrestriction", "authorize" },
	{ "iprestriction", "ip" },
	{ "ipallowlist", "ip" },
	{ "requestsizelimiting", "body_limit" },
	{ "requesttransformer", "headers" },
	{ "responsetransformer", "headers" },
	{ "proxyrewrite", "rewrite" },
	{ "stripprefix", "rewrite" },
	{ "ratelimiting", "rate_limit" },
	{ "limitreq", "rate_limit" },
	{ "limitcount", "rate_limit" },
	{ "ratelimit", "rate_limit" },
	{ "localratelimit", "rate_limit" },
	{ "limitconn", "concurrency" },
	{ "inflightreq", "concurrency" },
	{ "bulkhead", "concurrency" },
};

/* Some write key-auth, some key_auth, and some keyAuth. */
static bool is_spelt(str kind, str letters)
{
	size_t at = 0;

	for (size_t i = 0; i < kind.len; i++) {
		if (kind.ptr[i] == '-' || kind.ptr[i] == '_' || kind.ptr[i] == '/')
			continue;
		if (at == letters.len || ascii_lower(kind.ptr[i]) != letters.ptr[at])
			return false;
		at++;
	}
	return at == letters.len;
}

static const char *known_elsewhere(str kind)
{
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
		if (is_spelt(kind, str_of(elsewhere[i].theirs)))
			return elsewhere[i].ours;
	return NULL;
}

static void report_kind(struct reader *reader, const struct node *kind)
{
	str suggestion = policy_suggest(reader->arena, kind->key);
	const char *ours = known_elsewhere(kind->key);

	diagnostic_secret(reader->diagnostics, kind);
	if (ours) {
		diagnostic_error_key(reader->diagnostics, kind,
				     "no kind of policy is named \"%.*s\"; here it is \"%s\"",
				     STR_ARG(kind->key), ours);
		return;
	}
	diagnostic_error_key(reader->diagnostics, kind, "no kind of policy is named \"%.*s\"%.*s",
			     STR_ARG(kind->key), STR_ARG(suggestion));
}

/* Whether a kind stands there with nothing behind it, and an option of it beside it: they look alike in YAML
 * when the option is not indented. */
static bool report_option_beside(struct reader *reader, const struct node *item)
{
	const struct policy *empty = NULL;

	for (const struct node *node = item->first; node && !empty; node = node->next)
		empty = node->kind == NODE_NULL ? policy_find(node->key) : NULL;
	for (const struct node *node = item->first; node && empty; node = node->next) {
		if (is_sibling(node->key) || !field_find(empty->fields, node->key))
			continue;
		diagnostic_error_key(reader->diagnostics, node,
				     "%.*s is an option of %s: indent it further than \"%s:\"",
				     STR_ARG(node->key), empty->name, empty->name);
		return true;
	}
	return false;
}

/* What is misspelt is a likelier mistake than a second kind. */
static const struct node *not_one_kind(struct reader *reader, const struct node *item)
{
	if (item->kind == NODE_MAP && report_option_beside(reader, item))
		return NULL;
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

/* Where somebody is to be known by a credential, what stands in the wrong place may be one. */
static void guard_options(struct reader *reader, const struct policy *policy, const struct node *node)
{
	if (!policy->authenticates)
		return;
	if (node->kind == NODE_SCALAR || (node->kind == NODE_LIST && !policy->shorthand))
		diagnostic_secret(reader->diagnostics, node);
	for (const struct node *child = node->kind == NODE_MAP ? node->first : NULL; child;
	     child = child->next)
		if (!field_find(policy->fields, child->key))
			diagnostic_secret(reader->diagnostics, child);
}

/* Options are a map, or nothing at all, which is an empty one. NULL after a report. */
static const struct node *options_of(struct reader *reader, const struct policy *policy,
				     const struct node *node)
{
	struct node *empty;

	if (policy->shorthand && node->kind == NODE_MAP && node->first && policy_find(node->first->key)) {
		diagnostic_error(reader->diagnostics, node, "want a list: %s: [ api_key: {}, basic: {} ]",
				 policy->name);
		return NULL;
	}
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
	guard_options(reader, policy, kind);
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
