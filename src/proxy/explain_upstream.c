/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_upstream: a line for each thing that decides, most of them only where it was written.
 */
#include "proxy/explain_upstream.h"

static str first_host(const struct exchange *x, const struct roster *roster)
{
	if (x->view.upstream_host.len || !roster->count)
		return x->view.upstream_host;
	return roster->members[0].endpoint->text;
}

static bool is_written(const struct upstream *upstream, const char *option)
{
	return node_find(upstream->config->entry.node, str_of(option)) != NULL;
}

static void tell_bound(FILE *to, const char *name, int64_t bound)
{
	if (bound)
		fprintf(to, ", %s %lld", name, (long long)bound);
}

/* What it has been given beyond the defaults. */
static void tell_breaker(FILE *to, const struct breaker_bounds *bounds)
{
	if (!bounds->requests && !bounds->connections)
		return;
	fputs("breaker   503 beyond its bounds", to);
	tell_bound(to, "requests", bounds->requests);
	tell_bound(to, "connections", bounds->connections);
	tell_bound(to, "pending", bounds->connections ? bounds->pending : 0);
	fputc('\n', to);
}

static void tell_retries(FILE *to, const struct upstream *upstream)
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
static void tell_balance(FILE *to, const struct balance_config *balance)
{
	str word = balance_word(balance->kind);

	fprintf(to, "\nbalance   %.*s", STR_ARG(word));
	if (balance->kind == BALANCE_HASH)
		fprintf(to, " of %.*s", STR_ARG(balance->hash.text));
}

static void tell_hedging(FILE *to, const struct upstream_hedging *hedging)
{
	if (hedging->after)
		fprintf(to, "hedging   after %lld ms, for %lld %% of requests\n",
			(long long)(hedging->after / MILLISECOND), (long long)hedging->budget);
}

/* Who would not be asked, and why; empty for who would be. */
static const char *why_not(const struct roster *roster, const struct roster_member *member)
{
	if (endpoint_is_drained(member->endpoint))
		return "drained";
	if (member->weight == 0)
		return "weight 0";
	return serving_may(roster, member) ? "" : health_word(standing_health(member->standing));
}

static void tell_endpoint(FILE *to, const struct roster *roster, const struct roster_member *member)
{
	const char *why = why_not(roster, member);

	fprintf(to, " %.*s", STR_ARG(member->endpoint->text));
	if (member->is_backup)
		fputs(" (backup)", to);
	if (*why)
		fprintf(to, " (%s)", why);
}

/* What is asked of an endpoint, and what becomes of it then. */
static void tell_check(FILE *to, const struct health_check_config *check, struct arena *arena)
{
	str every = unit_print_duration(arena, check->every);

	fputs("health    ", to);
	if (check->type == HEALTH_CHECK_HTTP)
		fprintf(to, "GET %.*s", STR_ARG(check->path));
	else
		fputs(check->type == HEALTH_CHECK_TCP ? "a connection" : "a call of grpc.health.v1", to);
	fprintf(to, " every %.*s: not asked after %lld failures in a row, until %lld good answers\n",
		STR_ARG(every), (long long)check->unhealthy_after, (long long)check->healthy_after);
}

static void tell_outlier(FILE *to, const struct outlier_config *outlier, struct arena *arena)
{
	str time = unit_print_duration(arena, outlier->eject_for);

	fprintf(to,
		"outlier   ejected for %.*s after %lld failed tries in a row, at most %lld %% at a time\n",
		STR_ARG(time), (long long)outlier->consecutive_failures, (long long)outlier->max_ejected);
}

/* This process has asked nobody: who is well, the one that serves knows. */
static void tell_health(FILE *to, const struct exchange *x, const struct upstream *upstream)
{
	const struct snapshot *snapshot = x->generation->snapshot;
	int64_t panic = upstream->config->panic;

	if (upstream->check)
		tell_check(to, upstream->check, x->view.arena);
	if (upstream->outlier)
		tell_outlier(to, upstream->outlier, x->view.arena);
	if (panic)
		fprintf(to, "panic     all are asked where fewer than %lld %% are well\n", (long long)panic);
	fprintf(to, "now       who is well is told by %s\n",
		snapshot->admin.is_open ? "GET /v1/upstreams of the gateway that runs"
					: "the log alone: there is no `admin` to ask");
}

static void tell_slow_start(FILE *to, duration time, struct arena *arena)
{
	str text = unit_print_duration(arena, time);

	fprintf(to, "slow      the share of one that is well again grows for %.*s\n", STR_ARG(text));
}

static void tell_time(FILE *to, const char *before, const char *name, duration time, struct arena *arena)
{
	str text = unit_print_duration(arena, time);

	fprintf(to, "%s%s %.*s", before, name, STR_ARG(text));
}

/* Those that hold for this request: the upstream's, the API's, the route's, and what policies have left. */
static void tell_timeouts(FILE *to, const struct exchange *x)
{
	const struct upstream_timeouts *timeouts = x->timeouts;
	struct arena *arena = x->view.arena;

	tell_time(to, "timeouts  ", "connect", timeouts->connect, arena);
	tell_time(to, ", ", "response", timeouts->response, arena);
	tell_time(to, ", ", "idle", timeouts->idle, arena);
	if (x->view.total_timeout)
		tell_time(to, ", ", "total", x->view.total_timeout, arena);
	fputc('\n', to);
}

void explain_upstream(const struct exchange *x, FILE *to)
{
	const struct upstream *upstream = x->upstream;
	const struct roster *roster = generation_roster(x->generation, upstream);
	const struct view *view = &x->view;

	fprintf(to, "upstream  %.*s:", STR_ARG(upstream->name));
	for (size_t i = 0; i < roster->count; i++)
		tell_endpoint(to, roster, &roster->members[i]);
	if (roster->count > 1)
		tell_balance(to, &upstream->config->balance);
	fprintf(to, "\nurl       %s://%.*s%.*s%s%.*s\n", upstream->tls ? "https" : "http",
		STR_ARG(first_host(x, roster)), STR_ARG(view->path), view->query.len ? "?" : "",
		STR_ARG(view->query));
	tell_timeouts(to, x);
	tell_breaker(to, &upstream->config->circuit_breaker);
	tell_retries(to, upstream);
	tell_hedging(to, &upstream->config->hedging);
	if (upstream->config->slow_start)
		tell_slow_start(to, upstream->config->slow_start, view->arena);
	if (upstream->check || upstream->outlier)
		tell_health(to, x, upstream);
}
