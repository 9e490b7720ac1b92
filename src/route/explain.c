/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: a decision told to people. The rules come from the same walk and are checked by the same code as
 * for live traffic; only what is kept of them differs.
 */
#include "base/assert.h"
#include "route/router_private.h"

enum { LISTED_MAX = 20, SEEN_MAX = 256 };

/* A rule that fits by its path, and what came of it. */
struct seen {
	const struct rule *rule;
	struct host_pattern host;
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
	struct seen seen[SEEN_MAX]; /* in the order of precedence */
	size_t count, left_out;
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

static void print_rule(const struct explanation *explanation, const struct rule *rule)
{
	const struct route_rule *source = rule->source;

	fprintf(explanation->to, "apis.%.*s", STR_ARG(source->api));
	if (source->route.len)
		fprintf(explanation->to, ".routes.%.*s", STR_ARG(source->route));
	if (source->node && source->node->line)
		fprintf(explanation->to, " (line %u)", source->node->line);
}

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
	const char *between = "";

	fprintf(explanation->to, "  conditions  %u", rule->weight);
	if (!rule->methods.is_any) {
		fprintf(explanation->to, ": method ");
		print_methods(explanation, rule->methods.known, &rule->methods.other);
		between = "; ";
	}
	for (size_t i = 0; i < rule->condition_count; i++) {
		fprintf(explanation->to, "%s", between[0] ? between : ": ");
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
	fprintf(explanation->to, "path: in segment %zu, ", at + 1);
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
		fprintf(to, "host: ");
		print_host(explanation, &winner->host);
		fprintf(to, " goes before ");
		print_host(explanation, &other->host);
	} else if (print_path_difference(explanation, winner->rule, other->rule)) {
		return;
	} else if (winner->rule->weight != other->rule->weight) {
		fprintf(to, "conditions: %u go before %u", winner->rule->weight, other->rule->weight);
	} else {
		fprintf(to, "the order in the file");
	}
}

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
		fprintf(to, "  %s %.*s = %.*s\n", i ? "          " : "parameters",
			STR_ARG(match->parameters[i].name), STR_ARG(match->parameters[i].value));
	print_conditions(explanation, winner->rule);
}

static void print_no_route(const struct explanation *explanation)
{
	const struct route_match *match = &explanation->match;
	const struct walk *walk = &explanation->decision.scratch->walk;
	FILE *to = explanation->to;

	if (match->outcome == ROUTE_METHOD) {
		fprintf(to, "no route: only the method is wrong; allowed: ");
		print_methods(explanation, match->allowed, match->allowed_other);
		fprintf(to, "\n");
	} else if (walk->is_limited) {
		fprintf(to, "no route: a limit was reached, so nothing was decided\n");
	} else {
		fprintf(to, "no route\n");
	}
}

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
		print_host(explanation, &seen->host);
	} else if (seen->outcome == RULE_METHOD) {
		fprintf(to, "method: is not ");
		print_methods(explanation, seen->rule->methods.known, &seen->rule->methods.other);
	} else if (seen->outcome == RULE_CONDITION || seen->outcome == RULE_LIMIT) {
		fprintf(to, "not so: ");
		condition_print(seen->failed, to);
		fprintf(to, "%s", seen->outcome == RULE_LIMIT ? " (gave up at a limit)" : "");
	} else if (winner) {
		fprintf(to, "fits too, but comes later by ");
		print_reason(explanation, winner, seen);
	}
	fprintf(to, "\n");
}

static void print_misses(struct explanation *explanation, const struct seen *winner)
{
	size_t printed = 0, left_out = explanation->left_out;

	for (size_t i = 0; i < explanation->count; i++) {
		const struct seen *seen = &explanation->seen[i];

		if (seen == winner)
			continue;
		if (printed == 0)
			fprintf(explanation->to, "near misses\n");
		if (printed++ < LISTED_MAX)
			print_miss(explanation, winner, seen);
		else
			left_out++;
	}
	if (left_out)
		fprintf(explanation->to, "  and %zu more\n", left_out);
}

static bool was_seen(const struct explanation *explanation, const struct rule *rule)
{
	for (size_t i = 0; i < explanation->count; i++)
		if (explanation->seen[i].rule == rule)
			return true;
	return false;
}

static void keep(struct explanation *explanation, const struct seen *seen)
{
	if (explanation->count == SEEN_MAX)
		explanation->left_out++;
	else
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

/* Rules whose path and conditions fit, but that are for another host. */
static void see_other_hosts(struct explanation *explanation, const struct map *hosts, enum host_kind kind)
{
	const struct decision *decision = &explanation->decision;
	struct walk *walk = &decision->scratch->walk;
	const struct rule *rule;

	for (size_t i = 0; hosts->slots && i <= hosts->mask; i++) {
		struct seen seen = { .is_other_host = true, .host = { kind, hosts->slots[i].key } };

		if (!hosts->slots[i].value)
			continue;
		walk_start_at(walk, hosts->slots[i].value);
		while ((rule = walk_next(walk))) {
			seen.rule = rule;
			if (!was_seen(explanation, rule) &&
			    decision_check(decision, rule, &seen.failed) == RULE_MATCHES)
				keep(explanation, &seen);
		}
		walk_stop(walk);
	}
}

/* Where no path fits: how far the walk came. */
static void print_known_beginning(const struct explanation *explanation)
{
	const struct walk *walk = &explanation->decision.scratch->walk;
	str known = str_slice(walk->path, 0, walk->farthest);

	if (explanation->count == 0 && known.len)
		fprintf(explanation->to, "  no rule's path fits; some begin with %.*s\n", STR_ARG(known));
	else if (explanation->count == 0)
		fprintf(explanation->to, "  no rule's path fits\n");
}

void router_explain(const struct router *router, struct route_scratch *scratch,
		    const struct route_request *request, FILE *to)
{
	struct explanation *explanation;
	const struct seen *winner;
	struct arena arena;

	arena_init(&arena, NULL, SIZE_MAX);
	explanation = ARENA_NEW(&arena, struct explanation);
	explanation->to = to;
	explanation->arena = arena;
	router_match(router, scratch, request, &explanation->match);
	decision_start(&explanation->decision, router, scratch, request);
	see_rules(explanation);
	winner = find_winner(explanation);
	if (winner)
		print_winner(explanation, winner);
	else
		print_no_route(explanation);
	see_other_hosts(explanation, &router->hosts.exact, HOST_EXACT);
	see_other_hosts(explanation, &router->hosts.wildcards, HOST_WILDCARD);
	print_known_beginning(explanation);
	print_misses(explanation, winner);
	arena = explanation->arena;
	arena_fini(&arena);
}
