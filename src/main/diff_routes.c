/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every rule of both sides makes its questions, and both routers answer each: so a change shows from
 * whichever side it is seen. What many questions have in common, the rule before and the rule after, is told
 * once, with the first of them.
 */
#include "main/diff_routes.h"

#include "main/probe.h"

enum { PAIRS_MAX = 1 << 22 };

struct routing {
	struct diff_lines *lines;
	struct diff_target targets;
	const struct snapshot *before, *after;
	struct route_scratch *scratch;
	struct probes probes;
	struct map seen;        /* pairs of rules */
	struct map rules;       /* of before, by name */
	struct map reached[2];  /* names of rules that their own questions reach: before, after */
	bool is_authenticating; /* either configuration knows who asks */

	/* Whose questions are being asked. */
	const struct route_rule *asking;
	str asking_name;
};

static const struct route_rule *ask(struct routing *r, const struct snapshot *of, const struct probe *probe,
				    enum route_outcome *ret_outcome)
{
	struct route_request request = probe_request(probe);
	struct route_match match;

	router_match(of->router, r->scratch, &request, &match);
	*ret_outcome = match.outcome;
	return match.outcome == ROUTE_FOUND ? match.rule : NULL;
}

static bool is_same_rule(const struct route_rule *a, const struct route_rule *b)
{
	return str_eq(a->api, b->api) && str_eq(a->route, b->route);
}

static str answerer_print(struct routing *r, const struct route_rule *rule, enum route_outcome outcome)
{
	if (!rule)
		return outcome == ROUTE_METHOD ? STR("nobody (405)") : STR("nobody (404)");
	return rule_print(r->lines->arena, rule);
}

/* A rule that answers in another's place is told once. Where nobody answers, many rules of an API tell the
 * same. */
static bool is_seen(struct routing *r, const struct probe *probe, const struct route_rule *before,
		    const struct route_rule *after, str to, bool is_about_method)
{
	struct arena *arena = r->lines->arena;
	const struct route_rule *one = before ? before : after;
	str from = rule_print(arena, one), key;

	if (before && after)
		key = arena_printf(arena, "%.*s %.*s", STR_ARG(from), STR_ARG(to));
	else
		key = arena_printf(arena, "%.*s %.*s %.*s %d", STR_ARG(one->api),
				   STR_ARG(is_about_method ? probe->method : (str) { 0 }),
				   STR_ARG(probe->host), !before);
	return map_get(&r->seen, key) || !map_add(&r->seen, key, r);
}

/* A request that nobody answered before has lost nothing, unless the gateway asks elsewhere who it is. */
static bool becomes_public(const struct routing *r, const struct route_rule *before,
			   const struct route_rule *after)
{
	return !before && after && r->is_authenticating && !target_is_authenticated(after->target);
}

static void compare_answers(struct routing *r, const struct probe *probe, const struct route_rule *before,
			    enum route_outcome outcome_before, const struct route_rule *after,
			    enum route_outcome outcome_after)
{
	str from = answerer_print(r, before, outcome_before), to = answerer_print(r, after, outcome_after);
	bool is_about_method = outcome_before == ROUTE_METHOD || outcome_after == ROUTE_METHOD;
	str question;

	if ((!before && !after) || is_seen(r, probe, before, after, to, is_about_method))
		return;
	question = probe_print(r->lines->arena, probe);
	diff_add(r->lines, RISK_ROUTE, "%.*s: %.*s -> %.*s", STR_ARG(question), STR_ARG(from), STR_ARG(to));
	if (before && after)
		diff_move(&r->targets, before, after);
	if (becomes_public(r, before, after))
		diff_add(r->lines, RISK_PUBLIC, "%.*s: %.*s needs no authentication", STR_ARG(question),
			 STR_ARG(to));
}

static void note_reached(struct routing *r, int side, const struct route_rule *rule)
{
	if (rule && is_same_rule(rule, r->asking))
		map_add(&r->reached[side], r->asking_name, r);
}

static void on_probe(void *self, const struct probe *probe)
{
	struct routing *r = self;
	enum route_outcome outcome_before, outcome_after;
	const struct route_rule *before = ask(r, r->before, probe, &outcome_before);
	const struct route_rule *after = ask(r, r->after, probe, &outcome_after);

	note_reached(r, 0, before);
	note_reached(r, 1, after);
	if (before && after && is_same_rule(before, after))
		return; /* what it does is compared by name */
	compare_answers(r, probe, before, outcome_before, after, outcome_after);
}

/* ---- shadows ---- */

struct shadow {
	struct routing *routing;
	const struct route_rule *by; /* who answers instead */
	str question;
};

static void on_shadowed(void *self, const struct probe *probe)
{
	struct shadow *shadow = self;
	enum route_outcome outcome;

	if (shadow->by)
		return;
	shadow->by = ask(shadow->routing, shadow->routing->after, probe, &outcome);
	shadow->question = probe_print(shadow->routing->lines->arena, probe);
}

static void check_shadow(struct routing *r, const struct route_rule *rule)
{
	struct shadow shadow = { .routing = r };
	str name = rule_print(r->lines->arena, rule), by;

	if (map_get(&r->reached[1], name))
		return;
	if (map_get(&r->rules, name) && !map_get(&r->reached[0], name))
		return; /* nor was it before */
	if (!probes_make(&r->probes, rule, on_shadowed, &shadow) || !shadow.by)
		return;
	by = rule_print(r->lines->arena, shadow.by);
	diff_add(r->lines, RISK_SHADOW, "%.*s: no request reaches it; %.*s answers %.*s", STR_ARG(name),
		 STR_ARG(by), STR_ARG(shadow.question));
}

/* ---- rules that cannot be asked about ---- */

static const struct node *match_of(const struct route_rule *rule)
{
	return rule ? node_find(rule->node, STR("match")) : NULL;
}

static void ignore_probe(void *self, const struct probe *probe)
{
	(void)self;
	(void)probe;
}

static bool can_be_asked(struct routing *r, const struct route_rule *rule)
{
	return !rule || probes_make(&r->probes, rule, ignore_probe, NULL) > 0;
}

/* Then what was written tells, if not for which requests. before or after may be NULL. */
static void compare_written(struct routing *r, const struct route_rule *before,
			    const struct route_rule *after)
{
	str name = rule_print(r->lines->arena, after ? after : before);

	if (can_be_asked(r, before) && can_be_asked(r, after))
		return;
	if (before && after && nodes_are_same(match_of(before), match_of(after)))
		return;
	diff_add(r->lines, RISK_ROUTE, "%.*s: %s", STR_ARG(name),
		 !before  ? "is new"
		 : !after ? "is gone"
			  : "match changed");
	if (becomes_public(r, before, after))
		diff_add(r->lines, RISK_PUBLIC, "%.*s needs no authentication", STR_ARG(name));
}

/* ---- all of it ---- */

static bool has_authentication(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->rule_count; i++)
		if (target_is_authenticated(snapshot->rules[i].target))
			return true;
	return false;
}

static void routing_init(struct routing *r, struct diff_lines *lines, const struct snapshot *before,
			 const struct snapshot *after)
{
	*r = (struct routing) { .lines = lines, .before = before, .after = after };
	r->scratch = route_scratch_new();
	diff_target_init(&r->targets, lines);
	map_init(&r->seen, lines->arena, PAIRS_MAX);
	map_init(&r->rules, lines->arena, before->rule_count + 1);
	map_init(&r->reached[0], lines->arena, before->rule_count + 1);
	map_init(&r->reached[1], lines->arena, after->rule_count + 1);
	probes_init(&r->probes, lines->arena);
	probes_learn(&r->probes, before->rules, before->rule_count);
	probes_learn(&r->probes, after->rules, after->rule_count);
	r->is_authenticating = has_authentication(before) || has_authentication(after);
	for (size_t i = 0; i < before->rule_count; i++)
		map_add(&r->rules, rule_print(lines->arena, &before->rules[i]),
			(void *)(uintptr_t)&before->rules[i]);
}

static void ask_all(struct routing *r, const struct snapshot *of)
{
	for (size_t i = 0; i < of->rule_count; i++) {
		r->asking = &of->rules[i];
		r->asking_name = rule_print(r->lines->arena, r->asking);
		probes_make(&r->probes, r->asking, on_probe, r);
	}
}

static void compare_by_name(struct routing *r)
{
	struct map after;

	map_init(&after, r->lines->arena, r->after->rule_count + 1);
	for (size_t i = 0; i < r->after->rule_count; i++) {
		const struct route_rule *rule = &r->after->rules[i];
		str name = rule_print(r->lines->arena, rule);
		const struct route_rule *same = map_get(&r->rules, name);

		map_add(&after, name, r);
		if (same)
			diff_targets(&r->targets, same, rule);
		compare_written(r, same, rule);
	}
	for (size_t i = 0; i < r->before->rule_count; i++)
		if (!map_get(&after, rule_print(r->lines->arena, &r->before->rules[i])))
			compare_written(r, &r->before->rules[i], NULL);
}

void diff_routes(struct diff_lines *lines, const struct snapshot *before, const struct snapshot *after)
{
	struct routing r;

	routing_init(&r, lines, before, after);
	compare_by_name(&r);
	ask_all(&r, before);
	ask_all(&r, after);
	for (size_t i = 0; i < after->rule_count; i++)
		check_shadow(&r, &after->rules[i]);
	route_scratch_free(&r.scratch);
}
