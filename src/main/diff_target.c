/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies are paired by kind and name, then by kind alone, those with the same options first, and others in
 * the order in which they run; what is left on one side was added or taken away. What a change means is said
 * by the policy's own table of risks, so that a new policy need not be known here.
 */
#include "main/diff_target.h"

#include "base/note.h"
#include "policy/expression.h"
#include "policy/field_edit.h"

enum { PAIRS_MAX = 1 << 22, WHEN_MAX = 64 * 1024 };
enum { SEEN_CHAINS, SEEN_WHEN, SEEN_REPORT, SEEN_ALONE };

/* The policies of one side, with whom each was paired. */
struct side {
	const struct policy_chain *chain;
	size_t *partner; /* index on the other side plus one; 0: none */
};

/* Two chains that are being compared. */
struct chains {
	struct diff_target *diff;
	str api, name; /* of the rule */
	struct side before, after;
	bool is_authenticated; /* afterwards, by any policy */
};

void diff_target_init(struct diff_target *diff, struct diff_lines *lines)
{
	diff->lines = lines;
	map_init(&diff->seen, lines->arena, PAIRS_MAX);
}

str rule_print(struct arena *arena, const struct route_rule *rule)
{
	return arena_printf(arena, "%.*s%s%.*s", STR_ARG(rule->api), rule->route.len ? "/" : "",
			    STR_ARG(rule->route));
}

static const struct target *target_of(const struct route_rule *rule)
{
	return rule->target;
}

/* A policy that always answers comes before any upstream. */
/* "upstream orders", or "policy respond". */
static str print_destination(struct arena *arena, const struct route_rule *rule)
{
	const struct target *target = target_of(rule);
	str shares;

	for (size_t i = 0; i < target->chain.count; i++)
		if (target->chain.at[i].policy->always_answers && !target->chain.at[i].when &&
		    !target->chain.at[i].is_report)
			return arena_printf(arena, "policy %s", target->chain.at[i].policy->name);
	if (target->split) {
		shares = split_print(target->split, arena);
		return arena_printf(arena, "weighted %.*s", STR_ARG(shares));
	}
	if (!target->upstream)
		return STR("nothing");
	return arena_printf(arena, "upstream %.*s", STR_ARG(target->upstream->name));
}

bool target_is_authenticated(const struct target *target)
{
	for (size_t i = 0; i < target->chain.count; i++) {
		const struct policy_instance *instance = &target->chain.at[i];

		if (instance->policy->authenticates && !instance->when && !instance->is_report)
			return true;
	}
	return false;
}

static enum risk weaker_if(bool is_weaker)
{
	return is_weaker ? RISK_OPEN : RISK_TIGHT;
}

static enum risk risk_of_list(const struct field_difference *difference, enum risk_direction weaker)
{
	bool is_bound_by_any = weaker == RISK_MORE_OR_NONE;

	if (is_bound_by_any && (!difference->count_before || !difference->count_after))
		return weaker_if(difference->count_before);
	if (weaker == RISK_FEWER)
		return difference->removed ? RISK_OPEN : difference->added ? RISK_TIGHT : RISK_OTHER;
	return difference->added ? RISK_OPEN : difference->removed ? RISK_TIGHT : RISK_OTHER;
}

static enum risk risk_of_names(const struct field_difference *difference)
{
	if (difference->names_removed || difference->names_lent)
		return RISK_OPEN;
	return difference->names_added ? RISK_TIGHT : RISK_OTHER;
}

/* A text, or what only its owner knows: more than whether it is there cannot be told. */
static enum risk risk_of_presence(const struct field_difference *difference, enum risk_direction weaker)
{
	if (difference->count_before == difference->count_after)
		return RISK_OPEN;
	return weaker_if(weaker == RISK_MORE ? difference->count_after : difference->count_before);
}

bool risk_is_of(const char *option, str path)
{
	str row = str_of(option);

	return str_starts(path, row) && (path.len == row.len || path.ptr[row.len] == '.');
}

enum risk risk_of_difference(const struct field_difference *difference, enum risk_direction weaker)
{
	int64_t before = difference->before, after = difference->after;

	if (weaker == RISK_ANY)
		return RISK_OPEN;
	if (weaker == RISK_ANY_NAME)
		return difference->names_added || difference->names_removed ? RISK_OPEN : RISK_OTHER;
	if (weaker == RISK_FEWER_NAMES)
		return risk_of_names(difference);
	if (difference->is_list)
		return risk_of_list(difference, weaker);
	if (!difference->is_ordered)
		return risk_of_presence(difference, weaker);
	if (weaker == RISK_FEWER)
		return weaker_if(after < before);
	if (weaker == RISK_MORE_OR_NONE && (!before || !after))
		return weaker_if(before);
	return weaker_if(after > before);
}

/* ---- a pair of policies ---- */

struct pair_of_policies {
	struct chains *chains;
	const struct policy_instance *before, *after;
};

static enum risk risk_of_option(const struct policy *policy, const struct field_difference *difference)
{
	for (const struct policy_risk *risk = policy->risks; risk && risk->option; risk++)
		if (risk_is_of(risk->option, difference->path))
			return risk_of_difference(difference, risk->weaker);
	return RISK_OTHER;
}

static const struct node *node_at(const struct node *options, str path)
{
	str name;

	while (options && str_next(&path, '.', &name))
		options = node_find(options, name);
	return options && (options->kind == NODE_MAP || options->kind == NODE_LIST) ? options : NULL;
}

static str name_of(const struct node *names, const struct node *item)
{
	return names->kind == NODE_MAP ? item->key : item->text;
}

static bool has_name(const struct node *names, str name, bool whatever_it_says)
{
	for (const struct node *item = names ? names->first : NULL; item; item = item->next)
		if (field_is_named(name, name_of(names, item)) &&
		    (whatever_it_says || !field_is_of_request(item->text)))
			return true;
	return false;
}

/* What is removed and not set any more, or the other way round, no client can say still. */
static size_t count_lost(const struct pair_of_policies *pair, const struct policy_risk *risk)
{
	const struct node *old = node_at(pair->before->options, str_of(risk->option));
	const struct node *new = node_at(pair->after->options, str_of(risk->option));
	const struct node *other = node_at(pair->after->options, str_of(risk->or_in));
	size_t count = 0;

	for (const struct node *item = old ? old->first : NULL; item; item = item->next)
		count += !has_name(new, name_of(old, item), true) &&
			 !has_name(other, name_of(old, item), false);
	return count;
}

static enum risk risk_of_change(const struct pair_of_policies *pair,
				const struct field_difference *difference)
{
	struct field_difference counted = *difference;

	for (const struct policy_risk *risk = pair->after->policy->risks; risk && risk->option; risk++)
		if (risk->or_in && risk_is_of(risk->option, difference->path))
			counted.names_removed = count_lost(pair, risk);
	return risk_of_option(pair->after->policy, &counted);
}

static void on_option(void *self, const struct field_difference *difference)
{
	const struct pair_of_policies *pair = self;

	diff_add(pair->chains->diff->lines, risk_of_change(pair, difference), "%.*s: %.*s.%.*s: %.*s",
		 STR_ARG(pair->chains->name), STR_ARG(pair->after->name), STR_ARG(difference->path),
		 STR_ARG(difference->words));
}

/* ---- one without a partner ---- */

/* The worst of what its options say. */
struct worst {
	const struct policy *policy;
	enum risk risk;
};

static void on_risk(void *self, const struct field_difference *difference)
{
	struct worst *worst = self;
	enum risk risk = risk_of_option(worst->policy, difference);

	worst->risk = risk < worst->risk ? risk : worst->risk;
}

static enum risk risk_of_options(const struct chains *chains, const struct policy_instance *instance,
				 bool is_gone)
{
	const struct policy *policy = instance->policy;
	struct arena *arena = chains->diff->lines->arena;
	struct worst worst = { policy, RISK_OTHER };
	struct field_side side = { instance->self, instance->options };
	struct field_side none = { arena_alloc(arena, policy->size), NULL };

	fields_compare(policy->fields, is_gone ? side : none, is_gone ? none : side, arena, on_risk, &worst);
	return worst.risk;
}

/* What taking this policy away from some requests means; for one that grants, it is the other way round.
 * Where one that always answers is gone, somebody else does. */
static enum risk risk_without(const struct chains *chains, const struct policy_instance *instance)
{
	const struct policy *policy = instance->policy;

	if (policy->is_its_options)
		return risk_of_options(chains, instance, true);
	if (policy->authenticates && !chains->is_authenticated)
		return RISK_PUBLIC;
	if (policy->authenticates)
		return RISK_OPEN;
	if (policy->always_answers)
		return RISK_ROUTE;
	if (!policy->risks)
		return RISK_OTHER;
	return policy->grants ? RISK_TIGHT : RISK_OPEN;
}

static enum risk risk_with(const struct chains *chains, const struct policy_instance *instance)
{
	const struct policy *policy = instance->policy;

	if (policy->is_its_options)
		return risk_of_options(chains, instance, false);
	if (policy->authenticates)
		return RISK_TIGHT;
	if (policy->always_answers)
		return RISK_ROUTE;
	if (!policy->risks)
		return RISK_OTHER;
	return policy->grants ? RISK_OPEN : RISK_TIGHT;
}

/* What it means that some requests are answered before they come to this policy. */
static enum risk risk_overtaken(const struct policy *policy)
{
	if (policy->authenticates)
		return RISK_PUBLIC;
	return policy->risks && !policy->grants && !policy->is_its_options ? RISK_ROUTE : RISK_OTHER;
}

static str when_print(struct arena *arena, const struct policy_instance *instance)
{
	struct buf out = arena_open(arena, WHEN_MAX);

	if (instance->when)
		expression_print(instance->when, &out);
	return arena_close(arena, &out);
}

static str when_tell(struct arena *arena, const struct policy_instance *instance)
{
	struct note note;

	if (!instance->when)
		return STR("always");
	note_begin(&note);
	expression_tell(instance->when, note.to);
	return note_end(&note, arena);
}

/* What a key says has been told of. */
static bool is_seen(struct diff_target *diff, str key)
{
	return map_get(&diff->seen, key) || !map_add(&diff->seen, key, diff);
}

/* Many routes of an API inherit the same, and it is told of once. What another API makes of the same policy
 * is another matter. what: keeps apart what is told of the same two. */
static bool is_seen_in_api(const struct chains *chains, const void *before, const void *after, int what)
{
	return is_seen(chains->diff, arena_printf(chains->diff->lines->arena, "%.*s %p %p %d",
						  STR_ARG(chains->api), before, after, what));
}

/* Whether other requests than before get past it cannot be told from two expressions. */
static void compare_when(const struct pair_of_policies *pair)
{
	struct chains *chains = pair->chains;
	str before = when_print(chains->diff->lines->arena, pair->before);
	str after = when_print(chains->diff->lines->arena, pair->after);
	enum risk without = risk_without(chains, pair->after), with = risk_with(chains, pair->after);
	enum risk risk = after.len ? without : with;

	if (before.len && after.len)
		risk = without < with ? without : with; /* the worse: no direction can be told */
	if (str_eq(before, after) || is_seen_in_api(chains, pair->before->when, pair->after->when, SEEN_WHEN))
		return;
	before = when_tell(chains->diff->lines->arena, pair->before);
	after = when_tell(chains->diff->lines->arena, pair->after);
	diff_add(chains->diff->lines, risk, "%.*s: %.*s: when: %.*s -> %.*s", STR_ARG(chains->name),
		 STR_ARG(pair->after->name), STR_ARG(before), STR_ARG(after));
}

static void compare_report(const struct pair_of_policies *pair)
{
	const struct chains *chains = pair->chains;
	bool is_report = pair->after->is_report;

	if (pair->before->is_report == is_report ||
	    is_seen_in_api(chains, pair->before->self, pair->after->self, SEEN_REPORT))
		return;
	diff_add(chains->diff->lines,
		 is_report ? risk_without(chains, pair->after) : risk_with(chains, pair->after),
		 "%.*s: %.*s: report: %s", STR_ARG(chains->name), STR_ARG(pair->after->name),
		 is_report ? "it refuses nothing any more" : "it refuses again");
}

/* Options are a named policy's own, whoever uses it; `when` and `report` may be the user's. */
static void compare_pair(struct chains *chains, const struct policy_instance *before,
			 const struct policy_instance *after)
{
	struct pair_of_policies pair = { chains, before, after };
	struct arena *arena = chains->diff->lines->arena;

	if (!is_seen(chains->diff, arena_printf(arena, "%p %p", before->self, after->self)))
		fields_compare(after->policy->fields, (struct field_side) { before->self, before->options },
			       (struct field_side) { after->self, after->options }, arena, on_option, &pair);
	compare_when(&pair);
	compare_report(&pair);
}

/* ---- chains ---- */

enum { BY_NAME = 1, BY_OPTIONS = 2 };

static bool is_pair(const struct policy_instance *before, const struct policy_instance *after, unsigned by)
{
	return before->policy == after->policy && (!(by & BY_NAME) || str_eq(before->name, after->name)) &&
	       (!(by & BY_OPTIONS) || nodes_are_same(before->options, after->options));
}

static void pair_up(struct chains *chains, unsigned by)
{
	const struct policy_chain *before = chains->before.chain, *after = chains->after.chain;

	for (size_t i = 0; i < before->count; i++) {
		for (size_t j = 0; j < after->count && !chains->before.partner[i]; j++) {
			if (chains->after.partner[j] || !is_pair(&before->at[i], &after->at[j], by))
				continue;
			chains->before.partner[i] = j + 1;
			chains->after.partner[j] = i + 1;
		}
	}
}

/* Where one that answers has got before it, requests never come to it. */
static bool is_overtaken(const struct chains *chains, size_t j, size_t by)
{
	const struct policy_instance *answerer = &chains->after.chain->at[by];
	size_t own = chains->after.partner[j], other = chains->after.partner[by];

	return own && answerer->policy->always_answers && !answerer->is_report && (!other || other > own);
}

static void compare_overtaking(const struct chains *chains)
{
	const struct policy_chain *after = chains->after.chain;

	for (size_t j = 0; j < after->count; j++) {
		enum risk risk = risk_overtaken(after->at[j].policy);

		for (size_t by = 0; by < j && risk != RISK_OTHER; by++)
			if (is_overtaken(chains, j, by) && !after->at[j].is_report)
				diff_add(chains->diff->lines, risk, "%.*s: %.*s answers before %.*s",
					 STR_ARG(chains->name), STR_ARG(after->at[by].name),
					 STR_ARG(after->at[j].name));
	}
}

static void compare_order(const struct chains *chains)
{
	size_t last = 0;

	for (size_t i = 0; i < chains->before.chain->count; i++) {
		size_t partner = chains->before.partner[i];

		if (partner && partner < last) {
			diff_add(chains->diff->lines, RISK_OTHER, "%.*s: policies run in another order",
				 STR_ARG(chains->name));
			return;
		}
		last = partner ? partner : last;
	}
}

/* One that was only reported did nothing that could be missed. */
static void tell_alone(const struct chains *chains, const struct policy_instance *instance, bool is_gone)
{
	enum risk risk = is_gone ? risk_without(chains, instance) : risk_with(chains, instance);

	if (instance->is_report)
		risk = RISK_OTHER;
	if (is_seen_in_api(chains, instance->self, NULL, SEEN_ALONE + (int)risk * 2 + is_gone))
		return;
	diff_add(chains->diff->lines, risk, "%.*s: %.*s %s", STR_ARG(chains->name), STR_ARG(instance->name),
		 is_gone ? "is gone" : "is new");
}

static void compare_chains(struct chains *chains)
{
	const struct policy_chain *before = chains->before.chain, *after = chains->after.chain;

	pair_up(chains, BY_NAME | BY_OPTIONS);
	pair_up(chains, BY_NAME);
	pair_up(chains, BY_OPTIONS);
	pair_up(chains, 0);
	for (size_t i = 0; i < before->count; i++) {
		size_t partner = chains->before.partner[i];

		if (partner)
			compare_pair(chains, &before->at[i], &after->at[partner - 1]);
		else
			tell_alone(chains, &before->at[i], true);
	}
	for (size_t j = 0; j < after->count; j++)
		if (!chains->after.partner[j])
			tell_alone(chains, &after->at[j], false);
	compare_overtaking(chains);
	compare_order(chains);
}

/* ---- the rest of a target ---- */

struct named_lines {
	struct diff_lines *lines;
	str name;
};

static void on_timeout(void *self, const struct field_difference *difference)
{
	const struct named_lines *of = self;

	diff_add(of->lines, RISK_OTHER, "%.*s: timeouts.%.*s: %.*s", STR_ARG(of->name),
		 STR_ARG(difference->path), STR_ARG(difference->words));
}

/* What the API's own rule tells of, the routes that inherit it do not tell again. */
static void compare_destination(struct diff_target *diff, str name, const struct route_rule *before,
				const struct route_rule *after)
{
	struct arena *arena = diff->lines->arena;
	str from = print_destination(arena, before), to = print_destination(arena, after);
	str key = arena_printf(arena, "%.*s %.*s %.*s", STR_ARG(after->api), STR_ARG(from), STR_ARG(to));

	if (str_eq(from, to) || map_get(&diff->seen, key))
		return;
	diff_add(diff->lines, RISK_ROUTE, "%.*s: %.*s -> %.*s", STR_ARG(name), STR_ARG(from), STR_ARG(to));
	if (!after->route.len)
		map_add(&diff->seen, key, diff);
}

/* The upstream's own are told of with the upstream. */
static bool has_own_timeouts(const struct target *target)
{
	return target->timeouts &&
	       (!target->upstream || target->timeouts != &target->upstream->config->timeouts);
}

static void compare_timeouts(struct diff_target *diff, str name, const struct target *before,
			     const struct target *after)
{
	struct named_lines of = { diff->lines, name };

	if (!before->timeouts || !after->timeouts ||
	    is_seen(diff, arena_printf(diff->lines->arena, "%p %p", (const void *)before->timeouts,
				       (const void *)after->timeouts)))
		return;
	if (has_own_timeouts(before) || has_own_timeouts(after))
		fields_compare(upstream_timeouts_fields, (struct field_side) { before->timeouts, NULL },
			       (struct field_side) { after->timeouts, NULL }, diff->lines->arena, on_timeout,
			       &of);
}

static void compare_slashes(struct diff_target *diff, str name, const struct target *before,
			    const struct target *after)
{
	bool is_kept = after->keeps_encoded_slashes;

	if (!after->names.route.len && before->keeps_encoded_slashes != is_kept)
		diff_add(diff->lines, weaker_if(is_kept), "%.*s: encoded slashes are %s", STR_ARG(name),
			 is_kept ? "kept" : "refused");
}

static void diff_chains(struct diff_target *diff, str name, const struct route_rule *before,
			const struct route_rule *after)
{
	const struct target *one = target_of(before), *other = target_of(after);
	struct arena *arena = diff->lines->arena;
	struct chains chains = {
		.diff = diff,
		.api = after->api,
		.name = name,
		.before = { &one->chain, ARENA_ARRAY(arena, size_t, one->chain.count) },
		.after = { &other->chain, ARENA_ARRAY(arena, size_t, other->chain.count) },
		.is_authenticated = target_is_authenticated(other),
	};

	if (!is_seen_in_api(&chains, one->chain.at, other->chain.at, SEEN_CHAINS))
		compare_chains(&chains);
}

void diff_targets(struct diff_target *diff, const struct route_rule *before, const struct route_rule *after)
{
	const struct target *one = target_of(before), *other = target_of(after);
	str name = rule_print(diff->lines->arena, after);

	compare_destination(diff, name, before, after);
	compare_timeouts(diff, name, one, other);
	compare_slashes(diff, name, one, other);
	diff_chains(diff, name, before, after);
}

void diff_move(struct diff_target *diff, const struct route_rule *before, const struct route_rule *after)
{
	struct arena *arena = diff->lines->arena;
	str from = rule_print(arena, before), to = rule_print(arena, after);

	diff_chains(diff, arena_printf(arena, "%.*s -> %.*s", STR_ARG(from), STR_ARG(to)), before, after);
}
