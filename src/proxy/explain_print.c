/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_print: an explanation in lines for people.
 */
#include "observe/log_text.h"
#include "proxy/explain_upstream.h"

enum { BECAUSE_LINE_MAX = 4096 };

static void print_routed(const struct explanation *told, FILE *to)
{
	fprintf(to, "host      %.*s\npath      %.*s\n", STR_ARG(told->host), STR_ARG(told->path));
	if (told->is_preflight)
		fprintf(to, "preflight of %.*s\n", STR_ARG(told->method));
	route_explanation_print(&told->route, to);
}

static void print_refused(const struct explanation *told, FILE *to)
{
	if (told->location.len)
		fprintf(to, "sent to %.*s with %d before routing: %.*s\n", STR_ARG(told->location),
			told->status, STR_ARG(told->why));
	else
		fprintf(to, "refused with %d before routing: %.*s\n", told->status, STR_ARG(told->why));
}

/* Where clients come in that are served nevertheless. */
static void print_exceptions(const struct snapshot *snapshot, FILE *to)
{
	const char *before = "; left out: ";

	for (size_t i = 0; i < snapshot->listener_count; i++) {
		const struct listener_snapshot *listener = &snapshot->listeners[i];

		if (listener->config->priority != PRIORITY_HIGH)
			continue;
		fprintf(to, "%s%.*s", before, STR_ARG(listener->name));
		before = ", ";
	}
}

/* What may refuse it before anything else does, where somebody has thought of that. */
static void print_overload(const struct snapshot *snapshot, struct arena *arena, FILE *to)
{
	const struct gateway_limits *limits = &snapshot->config.limits;
	str memory = unit_print_size(arena, limits->memory), lag = unit_print_duration(arena, limits->lag);

	if (!node_find(snapshot->root, STR("limits")))
		return;
	fputs("overload  503 ", to);
	if (limits->memory)
		fprintf(to, "near %.*s of memory", STR_ARG(memory));
	else
		fputs("where memory is short", to);
	if (limits->lag)
		fprintf(to, ", or while a worker is %.*s late", STR_ARG(lag));
	print_exceptions(snapshot, to);
	fputc('\n', to);
}

static void print_policy(const struct explained_policy *policy, FILE *to)
{
	const struct policy_instance *instance = policy->instance;

	fprintf(to, "%.*s", STR_ARG(instance->name));
	if (!str_eq(str_of(instance->policy->name), instance->name))
		fprintf(to, " (%s)", instance->policy->name);
	if (instance->policy->describe)
		fprintf(to, ": %.*s", STR_ARG(policy->bounds));
	if (instance->is_report)
		fputs(", reports only", to);
	if (instance->when)
		fprintf(to, ", when %.*s", STR_ARG(policy->when));
	if (policy->was_asked)
		fputs(policy->holds ? ": holds" : ": does not hold", to);
	fputc('\n', to);
}

static void print_policies(const struct explanation *told, FILE *to)
{
	fprintf(to, "policies  %s\n", told->policy_count ? "" : "none");
	for (size_t i = 0; i < told->policy_count; i++) {
		fprintf(to, "  %zu. ", i + 1);
		print_policy(&told->policies[i], to);
	}
	if (told->reported.len)
		fprintf(to, "reported  %.*s\n", STR_ARG(told->reported));
}

static void print_because(str_list because, FILE *to)
{
	char bytes[BECAUSE_LINE_MAX];

	for (size_t i = 0; i < because.len; i++) {
		struct buf line = buf_over(bytes, sizeof bytes);

		log_put_text(&line, LOG_ESCAPE_TEXT, because.at[i]);
		fprintf(to, "because   %.*s\n", STR_ARG(buf_str(&line)));
	}
}

void explanation_print(const struct explanation *told, struct arena *arena, FILE *to)
{
	if (told->is_routed)
		print_routed(told, to);
	if (told->outcome == EXPLAINED_REFUSED && told->status)
		print_refused(told, to);
	if (told->target) {
		print_overload(told->snapshot, arena, to);
		print_policies(told, to);
		if (told->upstream.upstream)
			explained_upstream_print(told, arena, to);
		else
			fprintf(to, "answer    %d by the gateway itself (%.*s)\n", told->status,
				STR_ARG(told->why));
		print_because(told->because, to);
	}
	if (told->trouble)
		fprintf(to, "cannot be rehearsed: %s\n", told->trouble);
}
