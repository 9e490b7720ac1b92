/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/chain.h"

#include "base/assert.h"
#include "policy/expression.h"
#include "policy/item.h"
#include "policy/list.h"

enum { NAMES_MAX = 100000, NODES_MAX = 10000000 };

static void read_list(struct reader *reader, const struct node *node, void *ret_member)
{
	if (node->kind == NODE_LIST)
		field_keep_node(reader, node, ret_member);
	else if (node->kind != NODE_NULL)
		diagnostic_error(reader->diagnostics, node,
				 "want a list of policies, such as [ request_id: {} ]");
}

static void read_named(struct reader *reader, const struct node *node, void *ret_member)
{
	if (node->kind == NODE_MAP)
		field_keep_node(reader, node, ret_member);
	else if (node->kind != NODE_NULL)
		diagnostic_error(reader->diagnostics, node, "want a map of names to policies");
}

/* One kind, and beside it whatever of `when` and `report` is there. */
#define ITEM_SCHEMA                                                                                    \
	"{\"allOf\": [$fields], \"if\": {\"required\": [\"when\", \"report\"]},"                       \
	" \"then\": {\"minProperties\": 3, \"maxProperties\": 3},"                                     \
	" \"else\": {\"if\": {\"anyOf\": [{\"required\": [\"when\"]}, {\"required\": [\"report\"]}]}," \
	" \"then\": {\"minProperties\": 2, \"maxProperties\": 2},"                                     \
	" \"else\": {\"minProperties\": 1, \"maxProperties\": 1}}}"

const struct field_form policy_list_form = {
	.manual = "a list; each item is `use: NAME`, or a kind of policy with its options; beside it `when` "
		  "and "
		  "`report`",
	.schema = "{\"type\": [\"array\", \"null\"], \"items\": " ITEM_SCHEMA "}",
	.read = read_list,
	.fields = policy_list_fields,
};

const struct field_form policy_named_form = {
	.manual = "a map; each name stands for one kind of policy with its options, and `when` and `report`",
	.schema = "{\"type\": [\"object\", \"null\"], \"additionalProperties\": " ITEM_SCHEMA "}",
	.read = read_named,
	.fields = policy_list_fields,
};

void policy_names_compile(struct policy_names *names, const struct policy_compile *compile,
			  const struct node *named)
{
	struct reader *reader = compile->reader;

	*names = (struct policy_names) { .compile = *compile, .reader = reader };
	names->compile.names = names;
	map_init(&names->by_name, reader->arena, NAMES_MAX);
	map_init(&names->by_node, reader->arena, NODES_MAX);
	map_init(&names->warned, reader->arena, NODES_MAX);
	map_init(&names->used, reader->arena, NAMES_MAX);
	names->named = named;
	for (const struct node *node = named ? named->first : NULL; node; node = node->next) {
		struct policy_instance *instance = policy_item_named(&names->compile, node);

		if (instance)
			ASSERT(map_add(&names->by_name, node->key, instance));
	}
}

static struct policy_instance *find_used(struct policy_names *names, const struct node *use)
{
	struct reader *reader = names->reader;
	struct policy_instance *instance = map_get(&names->by_name, use->text);
	size_t count = names->named ? names->named->count : 0, i = 0;
	str *known, suggestion;

	if (instance)
		(void)map_add(&names->used, use->text, instance);
	if (instance || node_find(names->named, use->text))
		return instance; /* or its own mistakes were reported */
	known = ARENA_ARRAY(reader->arena, str, count);
	for (const struct node *node = count ? names->named->first : NULL; node; node = node->next)
		known[i++] = node->key;
	suggestion = diagnostic_suggest(reader->arena, use->text, known, count);
	diagnostic_error(reader->diagnostics, use, "no policy is named \"%.*s\"%.*s", STR_ARG(use->text),
			 STR_ARG(suggestion));
	return NULL;
}

/* Most likely it was to guard something, which is open without it. */
void policy_names_warn(struct policy_names *names)
{
	struct diagnostics *diagnostics = names->reader->diagnostics;

	if (!names->named || diagnostics_errors(diagnostics))
		return;
	for (const struct node *node = names->named->first; node; node = node->next)
		if (!map_get(&names->used, node->key))
			diagnostic_warning(diagnostics, node, "policy \"%.*s\" is used nowhere",
					   STR_ARG(node->key));
}

/* What stands for an item that is wrong, so that it is reported once. */
static const struct policy_instance wrong_instance;

static const struct policy_instance *item_compile(struct policy_names *names, const struct node *item)
{
	const struct node *kind = policy_item_kind(names->reader, item);
	const struct policy_instance *used = NULL, *instance = NULL;

	if (kind && str_eq(kind->key, STR("use")))
		used = find_used(names, kind);
	if (used)
		instance = policy_item_used(&names->compile, item, used);
	else if (kind && !str_eq(kind->key, STR("use")))
		instance = policy_item_compile(&names->compile, item, kind);
	return instance ? instance : &wrong_instance;
}

/* An item is compiled once, however many chains inherit it. */
static const struct policy_instance *item_instance(struct policy_names *names, const struct node *item)
{
	str key = { (const char *)&item, sizeof item };
	const struct policy_instance *instance = map_get(&names->by_node, key);

	if (!instance) {
		instance = item_compile(names, item);
		ASSERT(map_add(&names->by_node, arena_str(names->reader->arena, key),
			       (void *)(uintptr_t)instance));
	}
	return instance == &wrong_instance ? NULL : instance;
}

const struct policy_instance *policy_names_item(struct policy_names *names, const struct node *item)
{
	const struct node *use = node_find(item, STR("use"));
	const struct policy_instance *instance = item_compile(names, item);

	if (use && instance == &wrong_instance)
		diagnostic_error(names->reader->diagnostics, use,
				 "want a policy that is named before the one that uses it here");
	return instance == &wrong_instance ? NULL : instance;
}

static bool is_left_out(const struct policy_instance *instance, const str_list *without, bool *dropped)
{
	bool is_out = false;

	for (size_t i = 0; without && i < without->len; i++) {
		if (!str_eq(without->at[i], instance->name) &&
		    !str_eq(without->at[i], str_of(instance->policy->name)))
			continue;
		dropped[i] = true;
		is_out = true;
	}
	return is_out;
}

static void report_without(struct policy_names *names, const struct node *owner, const str_list *without,
			   const bool *dropped)
{
	const struct node *list = node_find(owner, STR("without")), *item = list ? list->first : NULL;

	for (size_t i = 0; without && i < without->len; i++, item = item ? item->next : NULL)
		if (!dropped[i])
			diagnostic_error(names->reader->diagnostics, item ? item : owner,
					 "no inherited policy is named, or of the kind, \"%.*s\"",
					 STR_ARG(without->at[i]));
}

static size_t items_of(const struct node *const *lists, size_t count)
{
	size_t items = 0;

	for (size_t i = 0; i < count; i++)
		items += lists[i] ? lists[i]->count : 0;
	return items;
}

/* Each condition has a bit of the view's. */
static void number_conditions(struct policy_names *names, struct policy_instance *at, size_t count,
			      const struct node *owner)
{
	unsigned conditions = 0;

	for (size_t i = 0; i < count; i++)
		if (at[i].when)
			at[i].condition = (uint8_t)(conditions++ % POLICY_CONDITIONS_MAX);
	if (conditions > POLICY_CONDITIONS_MAX)
		diagnostic_error(names->reader->diagnostics, owner,
				 "more than %d policies with `when` would run here", POLICY_CONDITIONS_MAX);
}

/* Whether nothing behind it is ever asked. */
static bool is_last_word(const struct policy_instance *instance)
{
	return instance->policy->always_answers && !instance->when && !instance->is_report;
}

bool policy_chain_answers(const struct policy_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		if (is_last_word(&chain->at[i]))
			return true;
	return false;
}

/* Once for each item, however many chains it is in. */
static bool is_first_warning(struct policy_names *names, const struct node *item)
{
	str key = { (const char *)&item, sizeof item };

	return map_add(&names->warned, arena_str(names->reader->arena, key), (void *)(uintptr_t)item);
}

static void warn_never_runs(struct policy_names *names, const struct node *item, str last_word)
{
	if (is_first_warning(names, item))
		diagnostic_warning(names->reader->diagnostics, item,
				   "never runs: %.*s before it answers every request", STR_ARG(last_word));
}

/* owner: whose chain it is; an item of `defaults` may be in good order everywhere else. policy: what it is
 * about who asks; NULL: its `when` is. */
static void warn_nobody(struct policy_names *names, const struct node *item, const struct node *owner,
			const struct policy *policy)
{
	const struct node *when = policy ? NULL : node_find(item, STR("when"));
	str where = owner ? node_path(owner, names->reader->arena) : (str) { 0 };

	if (is_first_warning(names, item))
		diagnostic_warning(
			names->reader->diagnostics, when ? when : item,
			"no policy before this one authenticates%s%.*s: consumer and claims are "
			"missing%s",
			where.len ? " in " : "", STR_ARG(where),
			policy && policy->refuses_unknown ? ", and who must be known is refused (401)" : "");
}

static bool is_about_principal(const struct policy_instance *instance)
{
	const struct policy *policy = instance->policy;

	return policy->needs_principal && policy->needs_principal(instance->self);
}

/* Of one that asks who it is, or is asked for those only, where nobody was found out. */
static void check_who(struct policy_names *names, const struct policy_instance *instance,
		      const struct node *item, const struct node *owner)
{
	if (is_about_principal(instance))
		warn_nobody(names, item, owner, instance->policy);
	else if (instance->when && expression_needs_principal(instance->when))
		warn_nobody(names, item, owner, NULL);
}

/* Where the order cannot work. */
static void check_order(struct policy_names *names, const struct policy_instance *at,
			const struct node *const *items, size_t count, const struct node *owner)
{
	const struct policy_instance *last_word = NULL;
	bool is_known = false, is_supposed = false; /* the latter to policies that only report */

	/* What is wrong comes first; what stands behind it may look otherwise when it is mended. */
	for (size_t i = 0; i < count && !diagnostics_errors(names->reader->diagnostics); i++) {
		if (last_word && at[i].policy->on_request && !at[i].policy->on_response)
			warn_never_runs(names, items[i], last_word->name);
		if (!is_known && !(at[i].is_report && is_supposed))
			check_who(names, &at[i], items[i], owner);
		is_supposed |= at[i].policy->authenticates;
		is_known |= at[i].policy->authenticates && !at[i].is_report;
		if (!last_word && is_last_word(&at[i]))
			last_word = &at[i];
	}
}

static bool has_preflight(const struct policy_instance *at, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (at[i].policy->on_preflight)
			return true;
	return false;
}

struct policy_chain policy_chain_compile(struct policy_names *names, const struct node *const *lists,
					 size_t count, const struct node *owner, const str_list *without)
{
	struct arena *arena = names->reader->arena;
	struct policy_instance *at = ARENA_ARRAY(arena, struct policy_instance, items_of(lists, count));
	const struct node **items = ARENA_ARRAY(arena, const struct node *, items_of(lists, count));
	bool *dropped = ARENA_ARRAY(arena, bool, without ? without->len : 0);
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		bool is_inherited = i + 1 < count;

		for (const struct node *item = lists[i] ? lists[i]->first : NULL; item; item = item->next) {
			const struct policy_instance *instance = item_instance(names, item);

			if (!instance || (is_inherited && is_left_out(instance, without, dropped)))
				continue;
			items[used] = item;
			at[used++] = *instance;
		}
	}
	report_without(names, owner, without, dropped);
	number_conditions(names, at, used, owner);
	check_order(names, at, items, used, owner);
	return (struct policy_chain) { .at = at,
				       .count = (uint32_t)used,
				       .has_preflight = has_preflight(at, used) };
}
