/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_print: an explanation in lines for people, who need not be those that may know its secrets.
 */
#include "observe/log_text.h"
#include "proxy/explain.h"

enum { BECAUSE_LINE_MAX = 4096 };

static void print_routed(const struct explanation *told, FILE *to)
{
	fprintf(to, "host      %.*s\npath      %.*s\n", STR_ARG(told->host), STR_ARG(told->path));
	if (told->is_preflight)
		fprintf(to, "preflight of %.*s\n", STR_ARG(told->method));
	route_explanation_print(&told->route, to);
}

static void print_refused(const struct explanation *told, const struct mask *mask, struct arena *arena,
			  FILE *to)
{
	str location = mask_url(mask, told->location, arena);

	if (location.len)
		fprintf(to, "sent to %.*s with %d before routing: %.*s\n", STR_ARG(location), told->status,
			STR_ARG(told->why));
	else
		fprintf(to, "refused with %d %s routing: %.*s\n", told->status,
			told->is_routed ? "after" : "before", STR_ARG(told->why));
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

static void print_policy(const struct explained_policy *policy, const struct mask *mask, struct arena *arena,
			 FILE *to)
{
	const struct policy_instance *instance = policy->instance;
	str bounds = mask_words(mask, policy->bounds, arena);

	fprintf(to, "%.*s", STR_ARG(instance->name));
	if (!str_eq(str_of(instance->policy->name), instance->name))
		fprintf(to, " (%s)", instance->policy->name);
	if (bounds.len)
		fprintf(to, ": %.*s", STR_ARG(bounds));
	if (instance->is_report)
		fputs(", reports only", to);
	if (instance->when)
		fprintf(to, ", when %.*s", STR_ARG(policy->when));
	if (policy->was_asked)
		fputs(policy->holds ? ": holds" : ": does not hold", to);
	fputc('\n', to);
}

static void print_policies(const struct explanation *told, const struct mask *mask, struct arena *arena,
			   FILE *to)
{
	fprintf(to, "policies  %s\n", told->policy_count ? "" : "none");
	for (size_t i = 0; i < told->policy_count; i++) {
		fprintf(to, "  %zu. ", i + 1);
		print_policy(&told->policies[i], mask, arena, to);
	}
	if (told->reported.len)
		fprintf(to, "reported  %.*s\n", STR_ARG(told->reported));
}

static void print_because(const struct explanation *told, const struct mask *mask, struct arena *arena,
			  FILE *to)
{
	char bytes[BECAUSE_LINE_MAX];

	for (size_t i = 0; i < told->because.len; i++) {
		struct buf line = buf_over(bytes, sizeof bytes);
		str words = mask_words(mask, told->because.at[i], arena);

		log_put_text(&line, LOG_ESCAPE_TEXT, words);
		fprintf(to, "because   %.*s\n", STR_ARG(buf_str(&line)));
	}
}

/* ---- the upstream ---- */

static bool is_written(const struct upstream *upstream, const char *option)
{
	return node_find(upstream->config->entry.node, str_of(option)) != NULL;
}

static void print_bound(const char *name, int64_t bound, FILE *to)
{
	if (bound)
		fprintf(to, ", %s %lld", name, (long long)bound);
}

/* What it has been given beyond the defaults. */
static void print_breaker(const struct breaker_bounds *bounds, FILE *to)
{
	if (!bounds->requests && !bounds->connections)
		return;
	fputs("breaker   503 beyond its bounds", to);
	print_bound("requests", bounds->requests, to);
	print_bound("connections", bounds->connections, to);
	print_bound("pending", bounds->connections ? bounds->pending : 0, to);
	fputc('\n', to);
}

static void print_retries(const struct upstream *upstream, FILE *to)
{
	const struct upstream_retries *retries = &upstream->config->retries;

	if (!is_written(upstream, "retries"))
		return;
	fprintf(to, "retries   at most %lld attempts on", (long long)retries->attempts);
	for (enum retry_cause cause = RETRY_CONNECT; cause < RETRY_CAUSES; cause++)
		if (upstream_retries_on(upstream, cause))
			fprintf(to, " %s", retry_cause_words[cause]);
	fprintf(to, ", for %lld %% of requests\n", (long long)retries->budget);
}

/* Among those of the line before. */
static void print_balance(const struct balance_config *balance, FILE *to)
{
	str word = balance_word(balance->kind);

	fprintf(to, "\nbalance   %.*s", STR_ARG(word));
	if (balance->kind == BALANCE_HASH)
		fprintf(to, " of %.*s", STR_ARG(balance->hash.text));
}

static void print_hedging(const struct upstream_hedging *hedging, FILE *to)
{
	if (hedging->after)
		fprintf(to, "hedging   after %lld ms, for %lld %% of requests\n",
			(long long)(hedging->after / MILLISECOND), (long long)hedging->budget);
}

static void print_endpoint(const struct explained_endpoint *endpoint, FILE *to)
{
	fprintf(to, " %.*s", STR_ARG(endpoint->address));
	if (endpoint->is_backup)
		fputs(" (backup)", to);
	if (*endpoint->why_not)
		fprintf(to, " (%s)", endpoint->why_not);
}

/* What is asked of an endpoint, and what becomes of it then. */
static void print_check(const struct upstream *upstream, const struct mask *base, struct arena *arena,
			FILE *to)
{
	const struct health_check_config *check = upstream->check;
	str every = unit_print_duration(arena, check->every), path;
	struct mask mask;

	mask_init(&mask, base, base->redact, arena);
	mask_add_node(&mask, node_find(upstream->config->entry.node, STR("health_check")));
	path = mask_url(&mask, mask_words(&mask, check->path, arena), arena);
	fputs("health    ", to);
	if (check->type == HEALTH_CHECK_HTTP)
		fprintf(to, "GET %.*s", STR_ARG(path));
	else
		fputs(check->type == HEALTH_CHECK_TCP ? "a connection" : "a call of grpc.health.v1", to);
	fprintf(to, " every %.*s: not asked after %lld failures in a row, until %lld good answers\n",
		STR_ARG(every), (long long)check->unhealthy_after, (long long)check->healthy_after);
}

static void print_outlier(const struct outlier_config *outlier, struct arena *arena, FILE *to)
{
	str time = unit_print_duration(arena, outlier->eject_for);

	fprintf(to,
		"outlier   ejected for %.*s after %lld failed tries in a row, at most %lld %% at a time\n",
		STR_ARG(time), (long long)outlier->consecutive_failures, (long long)outlier->max_ejected);
}

/* This process has asked nobody: who is well, the one that serves knows. */
static void print_health(const struct explanation *told, const struct mask *mask, struct arena *arena,
			 FILE *to)
{
	const struct upstream *upstream = told->upstream.upstream;
	int64_t panic = upstream->config->panic;

	if (upstream->check)
		print_check(upstream, mask, arena, to);
	if (upstream->outlier)
		print_outlier(upstream->outlier, arena, to);
	if (panic)
		fprintf(to, "panic     all are asked where fewer than %lld %% are well\n", (long long)panic);
	fprintf(to, "now       who is well is told by %s\n",
		told->snapshot->admin.is_open ? "GET /v1/upstreams of the gateway that runs"
					      : "the log alone: there is no `admin` to ask");
}

static void print_slow_start(duration time, struct arena *arena, FILE *to)
{
	str text = unit_print_duration(arena, time);

	fprintf(to, "slow      the share of one that is well again grows for %.*s\n", STR_ARG(text));
}

static void print_time(const char *before, const char *name, duration time, struct arena *arena, FILE *to)
{
	str text = unit_print_duration(arena, time);

	fprintf(to, "%s%s %.*s", before, name, STR_ARG(text));
}

/* Those that hold for this request: the upstream's, the API's, the route's, and what policies have left. */
static void print_timeouts(const struct explained_upstream *told, struct arena *arena, FILE *to)
{
	print_time("timeouts  ", "connect", told->timeouts.connect, arena, to);
	print_time(", ", "response", told->timeouts.response, arena, to);
	print_time(", ", "idle", told->timeouts.idle, arena, to);
	if (told->total)
		print_time(", ", "total", told->total, arena, to);
	fputc('\n', to);
}

static void print_upstream(const struct explanation *explanation, const struct mask *mask,
			   struct arena *arena, FILE *to)
{
	const struct explained_upstream *told = &explanation->upstream;
	const struct upstream *upstream = told->upstream;
	str url = explanation_url(explanation, mask, arena);

	if (told->split.len)
		fprintf(to, "weighted  %.*s\n", STR_ARG(told->split));
	fprintf(to, "upstream  %.*s:", STR_ARG(upstream->name));
	for (size_t i = 0; i < told->endpoint_count; i++)
		print_endpoint(&told->endpoints[i], to);
	if (told->endpoint_count > 1)
		print_balance(&upstream->config->balance, to);
	fputc('\n', to);
	fprintf(to, "url       %.*s\n", STR_ARG(url));
	print_timeouts(told, arena, to);
	print_breaker(&upstream->config->circuit_breaker, to);
	print_retries(upstream, to);
	print_hedging(&upstream->config->hedging, to);
	if (upstream->config->slow_start)
		print_slow_start(upstream->config->slow_start, arena, to);
	if (upstream->check || upstream->outlier)
		print_health(explanation, mask, arena, to);
}

/* ---- all of it ---- */

void explanation_print(const struct explanation *told, const struct mask *mask, struct arena *arena, FILE *to)
{
	if (told->is_routed)
		print_routed(told, to);
	if (told->outcome == EXPLAINED_REFUSED && told->status)
		print_refused(told, mask, arena, to);
	if (told->target) {
		print_overload(told->snapshot, arena, to);
		print_policies(told, mask, arena, to);
		if (told->upstream.upstream)
			print_upstream(told, mask, arena, to);
		else
			fprintf(to, "answer    %d by the gateway itself (%.*s)\n", told->status,
				STR_ARG(told->why));
		print_because(told, mask, arena, to);
	}
}
