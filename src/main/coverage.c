/* SPDX-License-Identifier: Apache-2.0 */
#include "main/coverage.h"

#include "base/assert.h"

struct covered_policy {
	const struct policy_instance *instance;
	const struct route_rule *rule; /* the first that it stands in */
	bool is_covered;
};

struct coverage {
	const struct snapshot *snapshot;
	bool *rules; /* by their number: covered */
	struct covered_policy *policies;
	size_t policy_count;
	struct map by_self, by_target; /* to a policy, and to what stands in rules */
};

static str key_of(const void *const *address)
{
	return (str) { (const char *)address, sizeof *address };
}

static size_t instances_of(const struct snapshot *snapshot)
{
	size_t count = 0;

	for (size_t i = 0; i < snapshot->rule_count; i++)
		count += ((const struct target *)snapshot->rules[i].target)->chain.count;
	return count;
}

static void add_chain(struct coverage *coverage, const struct route_rule *rule)
{
	const struct policy_chain *chain = &((const struct target *)rule->target)->chain;

	for (size_t i = 0; i < chain->count; i++) {
		struct covered_policy *policy = &coverage->policies[coverage->policy_count];

		policy->instance = &chain->at[i];
		policy->rule = rule;
		coverage->policy_count += map_add(&coverage->by_self, key_of(&chain->at[i].self), policy);
	}
}

struct coverage *coverage_new(struct arena *arena, const struct snapshot *snapshot)
{
	struct coverage *coverage = ARENA_NEW(arena, struct coverage);
	size_t instances = instances_of(snapshot);

	coverage->snapshot = snapshot;
	coverage->rules = ARENA_ARRAY(arena, bool, snapshot->rule_count);
	coverage->policies = ARENA_ARRAY(arena, struct covered_policy, instances + 1);
	map_init(&coverage->by_self, arena, instances + 1);
	map_init(&coverage->by_target, arena, snapshot->rule_count + 1);
	for (size_t i = 0; i < snapshot->rule_count; i++) {
		add_chain(coverage, &snapshot->rules[i]);
		ASSERT(map_add(&coverage->by_target, key_of(&snapshot->rules[i].target),
			       &coverage->rules[i]));
	}
	return coverage;
}

void coverage_add_target(struct coverage *coverage, const struct target *target)
{
	const void *address = target;
	bool *is_covered = map_get(&coverage->by_target, key_of(&address));

	ASSERT(is_covered);
	*is_covered = true;
}

void coverage_add_policy(struct coverage *coverage, const struct policy_instance *instance)
{
	struct covered_policy *policy = map_get(&coverage->by_self, key_of(&instance->self));

	ASSERT(policy);
	policy->is_covered = true;
}

static size_t count_rules(const struct coverage *coverage)
{
	size_t count = 0;

	for (size_t i = 0; i < coverage->snapshot->rule_count; i++)
		count += coverage->rules[i];
	return count;
}

static size_t count_policies(const struct coverage *coverage)
{
	size_t count = 0;

	for (size_t i = 0; i < coverage->policy_count; i++)
		count += coverage->policies[i].is_covered;
	return count;
}

static void print_rule(const struct route_rule *rule, FILE *to)
{
	fprintf(to, "%.*s%s%.*s", STR_ARG(rule->api), rule->route.len ? "/" : "", STR_ARG(rule->route));
}

void coverage_print(const struct coverage *coverage, FILE *to)
{
	const struct snapshot *snapshot = coverage->snapshot;

	fprintf(to, "routes    %zu of %zu have a case\n", count_rules(coverage), snapshot->rule_count);
	for (size_t i = 0; i < snapshot->rule_count; i++) {
		if (coverage->rules[i])
			continue;
		fputs("  no case: ", to);
		print_rule(&snapshot->rules[i], to);
		fputc('\n', to);
	}
	fprintf(to, "policies  %zu of %zu have a case\n", count_policies(coverage), coverage->policy_count);
	for (size_t i = 0; i < coverage->policy_count; i++) {
		const struct covered_policy *policy = &coverage->policies[i];

		if (policy->is_covered)
			continue;
		fprintf(to, "  no case: %.*s of ", STR_ARG(policy->instance->name));
		print_rule(policy->rule, to);
		fputc('\n', to);
	}
}
