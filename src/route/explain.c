/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: the rules come from the walk and are checked by the code of live traffic; only what is kept of
 * them differs. Words are printed one text at a time, for they are made of many small pieces.
 */
#include "route/explain.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/note.h"
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

struct findings {
	struct decision decision;
	struct route_match match;
	struct arena *arena; /* of what is told */
	struct note note;    /* the text at hand */
	FILE *to;            /* its */
	struct seen *seen;   /* in the order of precedence; room for every rule */
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

/* ---- one text at a time ---- */

static void begin(struct findings *findings)
{
	note_begin(&findings->note);
	findings->to = findings->note.to;
}

static str end(struct findings *findings)
{
	return note_end(&findings->note, findings->arena);
}

static void add(struct findings *findings, str_list *list, str text)
{
	str *at = ARENA_ARRAY(findings->arena, str, list->len + 1);

	for (size_t i = 0; i < list->len; i++)
		at[i] = list->at[i];
	at[list->len] = text;
	*list = (str_list) { at, list->len + 1 };
}

static void print_rule(const struct findings *findings, const struct rule *rule)
{
	route_rule_print(rule->source, findings->to);
}

/* As it was written, behind that of the API. */
static void print_path(const struct findings *findings, const struct rule *rule)
{
	const struct route_rule *source = rule->source;
	str path = source->match ? source->match->path : (str) { 0 };
	str prefix = source->api_path;

	while (str_ends(prefix, STR("/")))
		prefix.len--;
	if (path.len == 0)
		path = STR("/**");
	fprintf(findings->to, "%.*s%s%.*s", STR_ARG(prefix), path.ptr[0] == '~' && prefix.len ? " " : "",
		STR_ARG(path));
}

static void print_host(const struct findings *findings, const struct host_pattern *host)
{
	static const char *const words[] = { "any", "a wildcard", "exact" };

	if (host->kind == HOST_ANY)
		fprintf(findings->to, "any");
	else
		fprintf(findings->to, "%s%.*s (%s)", host->kind == HOST_WILDCARD ? "*." : "",
			STR_ARG(host->name), words[host->kind]);
}

static void print_methods(const struct findings *findings, unsigned known, const str_list *other)
{
	const char *between = "";

	for (enum http_method method = HTTP_GET; method < HTTP_METHODS; method++)
		if (known & 1u << method) {
			fprintf(findings->to, "%s%.*s", between, STR_ARG(http_method_text(method)));
			between = ", ";
		}
	for (size_t i = 0; other && i < other->len; i++) {
		fprintf(findings->to, "%s%.*s", between, STR_ARG(other->at[i]));
		between = ", ";
	}
}

static void tell_conditions(struct findings *findings, const struct rule *rule, str_list *ret_list)
{
	const struct match_config *match = rule->source->match;

	*ret_list = (str_list) { 0 };
	if (rule->source->api_methods.len)
		add(findings, ret_list, STR("the API's methods"));
	if (match && match->methods.len) {
		begin(findings);
		fputs("method ", findings->to);
		print_methods(findings, rule->methods.known, &rule->methods.other);
		add(findings, ret_list, end(findings));
	}
	for (size_t i = 0; i < rule->condition_count; i++) {
		begin(findings);
		condition_print(&rule->conditions[i], findings->to);
		add(findings, ret_list, end(findings));
	}
}

static void read_pattern(struct findings *findings, const struct rule *rule, struct pattern *pattern)
{
	const struct route_rule *source = rule->source;
	str why;

	ASSERT(pattern_start(findings->arena, source->api_path, pattern, &why));
	if (source->match)
		ASSERT(pattern_extend(findings->arena, pattern, source->match->path, &why));
}

/* What a pattern has at a segment: text for a literal, a word for the rest. */
static void print_segment(const struct findings *findings, const struct pattern *pattern, size_t at)
{
	const struct segment *segment = &pattern->segments[at];

	if (at >= pattern->count)
		fprintf(findings->to, "%s", word_of_tail(pattern->tail));
	else if (segment->kind == SEGMENT_LITERAL || segment->kind == SEGMENT_PART)
		fprintf(findings->to, "%s \"%.*s\"", word_of_kind(segment->kind), STR_ARG(segment->text));
	else
		fprintf(findings->to, "%s", word_of_kind(segment->kind));
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
static bool print_path_difference(struct findings *findings, const struct rule *a, const struct rule *b)
{
	struct pattern *left = ARENA_NEW(findings->arena, struct pattern);
	struct pattern *right = ARENA_NEW(findings->arena, struct pattern);
	size_t at = 0;

	read_pattern(findings, a, left);
	read_pattern(findings, b, right);
	while (at < left->count && at < right->count && !segment_differs(left, right, at))
		at++;
	if (!segment_differs(left, right, at))
		return false;
	fprintf(findings->to, "in segment %zu of the path, ", at + 1);
	print_segment(findings, left, at);
	fprintf(findings->to, " goes before ");
	print_segment(findings, right, at);
	return true;
}

/* By what the winner goes before another rule that fits as well. */
static void print_reason(struct findings *findings, const struct seen *winner, const struct seen *other)
{
	FILE *to = findings->to;

	if (other->is_replaced) {
		fprintf(to, "an API's own rule counts only where none of its routes fits");
	} else if (!host_pattern_eq(&winner->host, &other->host)) {
		fprintf(to, "host ");
		print_host(findings, &winner->host);
		fprintf(to, " goes before ");
		print_host(findings, &other->host);
	} else if (print_path_difference(findings, winner->rule, other->rule)) {
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
static void print_why(struct findings *findings, const struct seen *winner)
{
	const struct seen *next = NULL;

	for (size_t i = 0; i < findings->count && !next; i++)
		if (&findings->seen[i] != winner && fits(&findings->seen[i]))
			next = &findings->seen[i];
	if (!next) {
		fputs("no other rule fits", findings->to);
		return;
	}
	fputs("before ", findings->to);
	print_rule(findings, next->rule);
	fputs(": ", findings->to);
	print_reason(findings, winner, next);
}

/* The match decided; here it is only found again. */
static const struct seen *find_winner(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->match.outcome == ROUTE_FOUND &&
		    findings->seen[i].rule->source == findings->match.rule)
			return &findings->seen[i];
	return NULL;
}

static struct route_told tell_rule(struct findings *findings, const struct rule *rule)
{
	begin(findings);
	print_path(findings, rule);
	return (struct route_told) { .rule = rule->source, .path = end(findings) };
}

static void tell_parameters(struct findings *findings, struct route_explanation *told)
{
	const struct route_match *match = &findings->match;
	struct route_parameter *at =
		ARENA_ARRAY(findings->arena, struct route_parameter, match->parameter_count);

	for (size_t i = 0; i < match->parameter_count; i++)
		at[i] = (struct route_parameter) { .name = match->parameters[i].name,
						   .value = arena_str(findings->arena,
								      match->parameters[i].value) };
	told->parameters = at;
	told->parameter_count = match->parameter_count;
}

static void tell_winner(struct findings *findings, const struct seen *winner, struct route_explanation *told)
{
	told->winner = tell_rule(findings, winner->rule);
	begin(findings);
	print_host(findings, &winner->host);
	told->host = end(findings);
	tell_parameters(findings, told);
	tell_conditions(findings, winner->rule, &told->conditions);
	begin(findings);
	print_why(findings, winner);
	told->winner.words = end(findings);
}

static void tell_allowed(struct findings *findings, struct route_explanation *told)
{
	const struct route_match *match = &findings->match;

	for (enum http_method method = HTTP_GET; method < HTTP_METHODS; method++)
		if (match->allowed & 1u << method)
			add(findings, &told->allowed, http_method_text(method));
	for (size_t i = 0; match->allowed_other && i < match->allowed_other->len; i++)
		add(findings, &told->allowed, match->allowed_other->at[i]);
}

static void print_list(const struct findings *findings, str_list list)
{
	for (size_t i = 0; i < list.len; i++)
		fprintf(findings->to, "%s%.*s", i ? ", " : "", STR_ARG(list.at[i]));
}

static void print_hosts(const struct findings *findings, const struct route_rule *source)
{
	bool has_own = source->match && source->match->hosts.len;

	print_list(findings, has_own ? source->match->hosts : source->api_hosts);
	if (has_own && source->api_hosts.len) {
		fprintf(findings->to, " within ");
		print_list(findings, source->api_hosts);
	}
}

/* The first condition that failed: host, then method, then the others in their order. */
static void print_miss(struct findings *findings, const struct seen *winner, const struct seen *seen)
{
	FILE *to = findings->to;

	if (seen->is_other_host) {
		fprintf(to, "host: is not ");
		print_hosts(findings, seen->rule->source);
	} else if (seen->outcome == RULE_METHOD) {
		fprintf(to, "method: is not ");
		print_methods(findings, seen->rule->methods.known, &seen->rule->methods.other);
	} else if (seen->outcome == RULE_CONDITION || seen->outcome == RULE_LIMIT) {
		fprintf(to, "not so: ");
		condition_print(seen->failed, to);
		fprintf(to, "%s", seen->outcome == RULE_LIMIT ? " (gave up at a limit)" : "");
	} else if (winner) {
		fprintf(to, "fits too, but ");
		print_reason(findings, winner, seen);
	}
}

static void tell_misses(struct findings *findings, const struct seen *winner, struct route_explanation *told)
{
	struct route_told *misses = ARENA_ARRAY(findings->arena, struct route_told, LISTED_MAX);

	told->misses = misses;
	for (size_t i = 0; i < findings->count; i++) {
		const struct seen *seen = &findings->seen[i];

		if (seen == winner)
			continue;
		if (told->miss_count == LISTED_MAX) {
			told->unlisted++;
			continue;
		}
		misses[told->miss_count] = tell_rule(findings, seen->rule);
		begin(findings);
		print_miss(findings, winner, seen);
		misses[told->miss_count++].words = end(findings);
	}
}

static bool was_seen(const struct findings *findings, const struct rule *rule)
{
	return findings->was_seen[rule - findings->decision.router->rules];
}

static void keep(struct findings *findings, const struct seen *seen)
{
	findings->was_seen[seen->rule - findings->decision.router->rules] = true;
	findings->seen[findings->count++] = *seen;
}

/* Every rule that the walk finds, also behind the winner. */
static void see_rules(struct findings *findings)
{
	const struct decision *decision = &findings->decision;
	struct walk *walk = &decision->scratch->walk;
	const struct rule *rule;

	while ((rule = walk_next(walk))) {
		struct seen seen = { .rule = rule, .host = walk->host_pattern };

		if (was_seen(findings, rule))
			continue;
		seen.outcome = decision_check(decision, rule, &seen.failed);
		seen.is_replaced = seen.outcome == RULE_MATCHES && decision_is_replaced(decision, rule);
		keep(findings, &seen);
	}
	walk_stop(walk);
}

/* Rules that one more tree has. */
static void see_tree(struct findings *findings, const struct tree_node *root)
{
	const struct decision *decision = &findings->decision;
	struct walk *walk = &decision->scratch->walk;
	struct seen seen = { .is_other_host = true };
	const struct rule *rule;

	walk_start_at(walk, root);
	while ((rule = walk_next(walk))) {
		seen.rule = rule;
		if (!was_seen(findings, rule) && decision_check(decision, rule, &seen.failed) == RULE_MATCHES)
			keep(findings, &seen);
	}
	walk_stop(walk);
}

static void see_trees(struct findings *findings, const struct map *hosts)
{
	for (size_t i = 0; hosts->slots && i <= hosts->mask; i++)
		if (hosts->slots[i].value)
			see_tree(findings, hosts->slots[i].value);
}

static int compare_seen(const void *a, const void *b)
{
	const struct rule *left = ((const struct seen *)a)->rule, *right = ((const struct seen *)b)->rule;

	if (left->api != right->api)
		return left->api < right->api ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

/* Rules whose path and conditions fit, but that are for another host; in the order of the file. */
static void see_other_hosts(struct findings *findings)
{
	const struct host_table *hosts = &findings->decision.router->hosts;
	size_t before = findings->count;

	see_trees(findings, &hosts->exact);
	see_trees(findings, &hosts->wildcards);
	qsort(findings->seen + before, findings->count - before, sizeof(struct seen), compare_seen);
}

static void find(struct findings *findings, struct route_explanation *told)
{
	const struct decision *decision = &findings->decision;
	struct walk *walk = &decision->scratch->walk;

	router_match(decision->router, decision->scratch, decision->request, &findings->match);
	decision_start(&findings->decision, decision->router, decision->scratch, decision->request);
	see_rules(findings);
	told->outcome = findings->match.outcome;
	told->is_limited = walk->is_limited;
	/* Where no path fits: how far the walk came. */
	told->known = arena_str(findings->arena, str_slice(decision->request->path, 0, walk->farthest));
	see_other_hosts(findings);
}

void router_explain(const struct router *router, struct route_scratch *scratch,
		    const struct route_request *request, struct arena *arena,
		    struct route_explanation *ret_explanation)
{
	struct findings *findings = ARENA_NEW(arena, struct findings);
	const struct seen *winner;

	*ret_explanation = (struct route_explanation) { 0 };
	findings->decision = (struct decision) { .router = router, .scratch = scratch, .request = request };
	findings->seen = ARENA_ARRAY(arena, struct seen, router->rule_count);
	findings->was_seen = ARENA_ARRAY(arena, bool, router->rule_count);
	findings->arena = arena;
	find(findings, ret_explanation);
	winner = find_winner(findings);
	if (findings->count)
		ret_explanation->known = (str) { 0 };
	if (winner)
		tell_winner(findings, winner, ret_explanation);
	if (ret_explanation->outcome == ROUTE_METHOD)
		tell_allowed(findings, ret_explanation);
	tell_misses(findings, winner, ret_explanation);
}
