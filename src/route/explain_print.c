/* SPDX-License-Identifier: Apache-2.0 */
#include "route/explain.h"

void route_rule_print(const struct route_rule *rule, FILE *to)
{
	fprintf(to, "apis.%.*s", STR_ARG(rule->api));
	if (rule->route.len)
		fprintf(to, ".routes.%.*s", STR_ARG(rule->route));
	if (rule->node && rule->node->key_line)
		fprintf(to, " (line %u)", rule->node->key_line);
}

static void print_list(str_list list, const char *between, FILE *to)
{
	for (size_t i = 0; i < list.len; i++)
		fprintf(to, "%s%.*s", i ? between : "", STR_ARG(list.at[i]));
}

static void print_winner(const struct route_explanation *told, FILE *to)
{
	fputs("matched ", to);
	route_rule_print(told->winner.rule, to);
	fprintf(to, "\n  host        %.*s\n  path        %.*s\n", STR_ARG(told->host),
		STR_ARG(told->winner.path));
	for (size_t i = 0; i < told->parameter_count; i++)
		fprintf(to, "  %s %.*s = %.*s\n", i ? "           " : "parameters ",
			STR_ARG(told->parameters[i].name), STR_ARG(told->parameters[i].value));
	fprintf(to, "  conditions  %zu%s", told->conditions.len, told->conditions.len ? ": " : "");
	print_list(told->conditions, "; ", to);
	fprintf(to, "\n  why         %.*s\n", STR_ARG(told->winner.words));
}

static void print_no_route(const struct route_explanation *told, FILE *to)
{
	fputs("no route", to);
	if (told->outcome == ROUTE_METHOD) {
		fputs(": only the method is wrong; allowed: ", to);
		print_list(told->allowed, ", ", to);
	} else if (told->is_limited) {
		fputs(": a limit was reached, so nothing was decided", to);
	}
	fputc('\n', to);
}

static void print_misses(const struct route_explanation *told, FILE *to)
{
	fputs("near misses\n", to);
	for (size_t i = 0; i < told->miss_count; i++) {
		fputs("  ", to);
		route_rule_print(told->misses[i].rule, to);
		fprintf(to, " %.*s\n    %.*s\n", STR_ARG(told->misses[i].path),
			STR_ARG(told->misses[i].words));
	}
	if (told->unlisted)
		fprintf(to, "  and %zu more\n", told->unlisted);
}

void route_explanation_print(const struct route_explanation *told, FILE *to)
{
	bool is_found = told->winner.rule != NULL;

	if (is_found)
		print_winner(told, to);
	else
		print_no_route(told, to);
	if (told->miss_count)
		print_misses(told, to);
	else if (!is_found && told->known.len)
		fprintf(to, "  no rule's path fits; some begin with %.*s\n", STR_ARG(told->known));
	else if (!is_found)
		fputs("  no rule's path fits\n", to);
}
