/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: a decision told to people. The rules come from the same walk and are checked by the same code as
 * for live traffic; only what is kept of them differs.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "route/router_private.h"

enum { LISTED_MAX = 20 };

/* A rule that fits by its path, and what came of it. */
struct seen {
	const struct rule *rule;
	struct host_pattern host; /* that it was found by */
	enum rule_outcome outcome;
	const struct condition *failed;
	bool is_replaced;   /* an API's own rule that a route of it stands in for */
	bool is_other_host; /* only the host is wrong */
};

struct explanation {
	struct decision decision;
	struct route_match match;
	struct arena arena;
	FILE *to;
	struct seen *seen; /* in the order of precedence; room for every rule */
	size_t count;
	bool *was_seen; /* by rule */
};

static const char *word_of_kind(enum segment_kind kind)
{
	static const char *const words[] = {
		[SEGMENT_LITERAL] = "a literal",
		[SEGMENT_PART] = "a part",
		[SEGMENT_NAME] = "{}",
		[SEGMENT_STAR] = "*",
	};

	return words[kind];
}

static const char *word_of_tail(enum pattern_tail tail)
{
	static const char *const words[] = {
		[PATTERN_END] = "the end",
		[PATTERN_SLASH] = "the end",
		[PATTERN_REST] = "**",
		[PATTERN_REGEX] = "a regular expression",
	};

	return words[tail];
}

/* As diagnostics name it, and where it stands. */
static void print_rule(const struct explanation *explanation, const struct rule *rule)
{
	const struct route_rule *source = rule->source;

	fprintf(explanation->to, "apis.%.*s", STR_ARG(source->api));
	if (source->route.len)
		fprintf(explanation->to, ".routes.%.*s", STR_ARG(source->route));
	if (source->node && source->node->key_line)
		fprintf(explanation->to, " (line %u)", source->node->key_line);
}

/* As it was written, behind that of the API. */
static void print_path(const struct explanation *explanation, const struct rule *rule)
{
	const struct route_rule *source = rule->source;
	str path = source->match ? source->match->path : (str) { 0 };
	str prefix = source->api_path;

	while (str_ends(prefix, STR("/")))
		prefix.len--;
	if (path.len == 0)
		path = STR("/**");
	fprintf(explanation->to, "%.*s%s%.*s", STR_ARG(prefix), path.ptr[0] == '~' && prefix.len ? " " : "",
		STR_ARG(path));
}

static void print_host(const struct explanation *explanation, const struct host_pattern *host)
{
	static const char *const words[] = { "any", "a wildcard", "exact" };

	if (host->kind == HOST_ANY)
		fprintf(explanation->to, "any");
	else
		fprintf(explanation->to, "%s%.*s (%s)", host->kind == HOST_WILDCARD ? "*." : "",
			STR_ARG(host->name), words[host->kind]);
}

static void print_methods(const struct explanation *explanation, unsigned known, const str_list *other)
{
	const char *between = "";

	for (enum http_method method = HTTP_GET; method < HTTP_METHODS; method++)
		if (known & 1u << method) {
			fprintf(explanation->to, "%s%.*s", between, STR_ARG(http_method_text(method)));
			between = ", ";
		}
	for (size_t i = 0; other && i < other->len; i++) {
		fprintf(explanation->to, "%s%.*s", between, STR_ARG(other->at[i]));
		between = ", ";
	}
}

static void print_conditions(const struct explanation *explanation, const struct rule *rule)
{
	const struct match_config *match = rule->source->match;
	const char *between = ": ";

	fprintf(explanation->to, "  conditions  %u", rule->weight);
	if (rule->source->api_methods.len) {
		fprintf(explanation->to, "%sthe API's methods", between);
		between = "; ";
	}
	if (match && match->methods.len) {
		fprintf(explanation->to, "%smethod ", between);
		print_methods(explanation, rule->methods.known, &rule->methods.other);
		between = "; ";
	}
	for (size_t i = 0; i < rule->condition_count; i++) {
		fprintf(explanation->to, "%s", between);
		condition_print(&rule->conditions[i], explanation->to);
		between = "; ";
	}
	fprintf(explanation->to, "\n");
}

static void read_pattern(struct explanation *explanation, const struct rule *rule, struct pattern *pattern)
{
	const struct route_rule *source = rule->source;
	str why;

	ASSERT(pattern_start(&explanation->arena, source->api_path, pattern, &why));
	if (source->match)
		ASSERT(pattern_extend(&explanation->arena, pattern, source->match->path, &why));
}

/* What a pattern has at a segment: text for a literal, a word for the rest. */
static void print_segment(const struct explanation *explanation, const struct pattern *pattern, size_t at)
{
	const struct segment *segment = &pattern->segments[at];

	if (at >= pattern->count)
		fprintf(explanation->to, "%s", word_of_tail(pattern->tail));
	else if (segment->kind == SEGMENT_LITERAL || segment->kind == SEGMENT_PART)
		fprintf(explanation->to, "%s \"%.*s\"", word_of_kind(segment->kind), STR_ARG(segment->text));
	else
		fprintf(explanation->to, "%s", word_of_kind(segment->kind));
}

/* Names do not make a difference; where a path ends it is what comes instead that counts. */
static bool segment_differs(const struct pattern *a, const struct pattern *b, size_t at)
{
	const struct segment *left = &a->segments[at], *right = &b->segments[at];

	if (at >= a->count || at >= b->count)
		return at < a->count || at < b->count || a->tail != b->tail;
	return left->kind != right->kind || !str_eq(left->text, right->text);
}

/* True after having told in which segment the paths differ. */
static bool print_path_difference(struct explanation *explanation, const struct rule *a, const struct rule *b)
{
	struct pattern *left = ARENA_NEW(&explanation->arena, struct pattern);
	struct pattern *right = ARENA_NEW(&explanation->arena, struct pattern);
	size_t at = 0;

	read_pattern(explanation, a, left);
	read_pattern(explanation, b, right);
	while (at < left->count && at < right->count && !segment_differs(left, right, at))
		at++;
	if (!segment_differs(left, right, at))
		return false;
	fprintf(explanation->to, "in segment %zu of the path, ", at + 1);
	print_segment(explanation, left, at);
	fprintf(explanation->to, " goes before ");
	print_segment(explanation, right, at);
	return true;
}

/* By what the winner goes before another rule that fits as well. */
static void print_reason(struct explanation *explanation, const struct seen *winner, const struct seen *other)
{
	FILE *to = explanation->to;

	if (other->is_replaced) {
		fprintf(to, "an API's own rule counts only where none of its routes fits");
	} else if (!host_pattern_eq(&winner->host, &other->host)) {
		fprintf(to, "host ");
		print_host(explanation, &winner->host);
		fprintf(to, " goes before ");
		print_host(explanation, &other->host);
	} else if (print_path_difference(explanation, winner->rule, other->rule)) {
		return;
	} else if (winner->rule->weight != other->rule->weight) {
		fprintf(to, "%u conditions go before %u", winner->rule->weight, other->rule->weight);
	} else {
		fprintf(to, "the order in the file decides");
	}
}

static bool fits(const struct seen *seen)
{
	return seen->outcome == RULE_MATCHES && !seen->is_other_host;
}

/* Against the one that would have been chosen without it. */
static void print_why(struct explanation *explanation, const struct seen *winner)
{
	const struct seen *next = NULL;

	for (size_t i = 0; i < explanation->count && !next; i++)
		if (&explanation->seen[i] != winner && fits(&explanation->seen[i]))
			next = &explanation->seen[i];
	fprintf(explanation->to, "  why         ");
	if (!next) {
		fprintf(explanation->to, "no other rule fits\n");
		return;
	}
	fprintf(explanation->to, "before ");
	print_rule(explanation, next->rule);
	fprintf(explanation->to, ": ");
	print_reason(explanation, winner, next);
	fprintf(explanation->to, "\n");
}

/* The match decided; here it is only found again. */
static const struct seen *find_winner(const struct explanation *explanation)
{
	for (size_t i = 0; i < explanation->count; i++)
		if (explanation->match.outcome == ROUTE_FOUND &&
		    explanation->seen[i].rule->source == explanation->match.rule)
			return &explanation->seen[i];
	return NULL;
}

static void print_winner(struct explanation *explanation, const struct seen *winner)
{
	const struct route_match *match = &explanation->match;
	FILE *to = explanation->to;

	fprintf(to, "matched ");
	print_rule(explanation, winner->rule);
	fprintf(to, "\n  host        ");
	print_host(explanation, &winner->host);
	fprintf(to, "\n  path        ");
	print_path(explanation, winner->rule);
	fprintf(to, "\n");
	for (size_t i = 0; i < match->parameter_count; i++)
		fprintf(to, "  %s %.*s = %.*s\n", i ? "           " : "parameters ",
			STR_ARG(match->parameters[i].name), STR_ARG(match->parameters[i].value));
	print_conditions(explanation, winner->rule);
	print_why(explanation, winner);
}

static void print_no_route(const struct explanation *explanation, bool is_limited)
{
	const struct route_match *match = &explanation->match;
	FILE *to = explanation->to;

	if (match->outcome == ROUTE_METHOD) {
		fprintf(to, "no route: only the method is wrong; allowed: ");
		print_methods(explanation, match->allowed, match->allowed_other);
		fprintf(to, "\n");
	} else if (is_limited) {
		fprintf(to, "no route: a limit was reached, so nothing was decided\n");
	} else {
		fprintf(to, "no route\n");
	}
}

static void print_list(const struct explanation *explanation, str_list list)
{
	for (size_t i = 0; i < list.len; i++)
		fprintf(explanation->to, "%s%.*s", i ? ", " : "", STR_ARG(list.at[i]));
}

static void print_hosts(const struct explanation *explanation, const struct route_rule *source)
{
	bool has_own = source->match && source->match->hosts.len;

	print_list(explanation, has_own ? source->match->hosts : source->api_hosts);
	if (has_own && source->api_hosts.len) {
		fprintf(explanation->to, " within ");
		print_list(explanation, source->api_hosts);
	}
}

/* The first condition that failed: host, then method, then the others in their order. */
static void print_miss(struct explanation *explanation, const struct seen *winner, const struct seen *seen)
{
	FILE *to = explanation->to;

	fprintf(to, "  ");
	print_rule(explanation, seen->rule);
	fprintf(to, " ");
	print_path(explanation, seen->rule);
	fprintf(to, "\n    ");
	if (seen->is_other_host) {
		fprintf(to, "host: is not ");
		print_hosts(explanation, seen->rule->source);
	} else if (seen->outcome == RULE_METHOD) {
		fprintf(to, "method: is not ");
		print_methods(explanation, seen->rule->methods.known, &seen->rule->methods.other);
	} else if (seen->outcome == RULE_CONDITION || seen->outcome == RULE_LIMIT) {
		fprintf(to, "not so: ");
		condition_print(seen->failed, to);
		fprintf(to, "%s", seen->outcome == RULE_LIMIT ? " (gave up at a limit)" : "");
	} else if (winner) {
		fprintf(to, "fits too, but ");
		print_reason(explanation, winner, seen);
	}
	fprintf(to, "\n");
}

static void print_misses(struct explanation *explanation, const struct seen *winner)
{
	size_t printed = 0;

	for (size_t i = 0; i < explanation->count; i++) {
		const struct seen *seen = &explanation->seen[i];

		if (seen == winner)
			continue;
		if (printed == 0)
			fprintf(explanation->to, "near misses\n");
		if (printed++ < LISTED_MAX)
			print_miss(explanation, winner, seen);
	}
	if (printed > LISTED_MAX)
		fprintf(explanation->to, "  and %zu more\n", printed - LISTED_MAX);
}

static bool was_seen(const struct explanation *explanation, const struct rule *rule)
{
	return explanation->was_seen[rule - explanation->decision.router->rules];
}

static void keep(struct explanation *explanation, const struct seen *seen)
{
	explanation->was_seen[seen->rule - explanation->decision.router->rules] = true;
	explanation->seen[explanation->count++] = *seen;
}

/* Every rule that the walk finds, also behind the winner. */
static void see_rules(struct explanation *explanation)
{
	const struct decision *decision = &explanation->decision;
	struct walk *walk = &decision->scratch->walk;
	const struct rule *rule;

	while ((rule = walk_next(walk))) {
		struct seen seen = { .rule = rule, .host = walk->host_pattern };

		if (was_seen(explanation, rule))
			continue;
		seen.outcome = decision_check(decision, rule, &seen.failed);
		seen.is_replaced = seen.outcome == RULE_MATCHES && decision_is_replaced(decision, rule);
		keep(explanation, &seen);
	}
	walk_stop(walk);
}

/* Rules that one more tree has. */
static void see_tree(struct explanation *explanation, const struct tree_node *root)
{
	const struct decision *decision = &explanation->decision;
	struct walk *walk = &decision->scratch->walk;
	struct seen seen = { .is_other_host = true };
	const struct rule *rule;

	walk_start_at(walk, root);
	while ((rule = walk_next(walk))) {
		seen.rule = rule;
		if (!was_seen(explanation, rule) &&
		    decision_check(decision, rule, &seen.failed) == RULE_MATCHES)
			keep(explanation, &seen);
	}
	walk_stop(walk);
}

static void see_trees(struct explanation *explanation, const struct map *hosts)
{
	for (size_t i = 0; hosts->slots && i <= hosts->mask; i++)
		if (hosts->slots[i].value)
			see_tree(explanation, hosts->slots[i].value);
}

static int compare_seen(const void *a, const void *b)
{
	const struct rule *left = ((const struct seen *)a)->rule, *right = ((const struct seen *)b)->rule;

	if (left->api != right->api)
		return left->api < right->api ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

/* Rules whose path and conditions fit, but that are for another host; in the order of the file. */
static void see_other_hosts(struct explanation *explanation)
{
	const struct host_table *hosts = &explanation->decision.router->hosts;
	size_t before = explanation->count;

	see_trees(explanation, &hosts->exact);
	see_trees(explanation, &hosts->wildcards);
	qsort(explanation->seen + before, explanation->count - before, sizeof(struct seen), compare_seen);
}

/* Where no path fits: how far the walk came. */
static void print_known_beginning(const struct explanation *explanation, size_t farthest)
{
	str known = str_slice(explanation->decision.request->path, 0, farthest);

	if (known.len)
		fprintf(explanation->to, "  no rule's path fits; some begin with %.*s\n", STR_ARG(known));
	else
		fprintf(explanation->to, "  no rule's path fits\n");
}

void router_explain(const struct router *router, struct route_scratch *scratch,
		    const struct route_request *request, FILE *to)
{
	struct explanation *explanation;
	const struct seen *winner;
	struct arena arena;
	bool is_limited;
	size_t farthest;

	arena_init(&arena, NULL, SIZE_MAX);
	explanation = ARENA_NEW(&arena, struct explanation);
	explanation->to = to;
	explanation->seen = ARENA_ARRAY(&arena, struct seen, router->rule_count);
	explanation->was_seen = ARENA_ARRAY(&arena, bool, router->rule_count);
	explanation->arena = arena;
	router_match(router, scratch, request, &explanation->match);
	decision_start(&explanation->decision, router, scratch, request);
	see_rules(explanation);
	winner = find_winner(explanation);
	is_limited = scratch->walk.is_limited;
	farthest = scratch->walk.farthest;
	see_other_hosts(explanation);
	if (winner)
		print_winner(explanation, winner);
	else
		print_no_route(explanation, is_limited);
	if (explanation->count == 0)
		print_known_beginning(explanation, farthest);
	print_misses(explanation, winner);
	arena = explanation->arena;
	arena_fini(&arena);
}
