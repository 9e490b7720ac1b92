/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/explain_upstream.h"

/* Who would not be asked, and why; empty for who would be. */
static const char *why_not(const struct roster *roster, const struct roster_member *member)
{
	if (endpoint_is_drained(member->endpoint))
		return "drained";
	if (member->weight == 0)
		return "weight 0";
	return serving_may(roster, member) ? "" : health_word(standing_health(member->standing));
}

static void take_endpoints(const struct roster *roster, struct arena *arena, struct explained_upstream *told)
{
	struct explained_endpoint *at = ARENA_ARRAY(arena, struct explained_endpoint, roster->count);

	for (size_t i = 0; i < roster->count; i++) {
		const struct roster_member *member = &roster->members[i];

		at[i] = (struct explained_endpoint) { .address = arena_str(arena, member->endpoint->text),
						      .is_backup = member->is_backup,
						      .why_not = why_not(roster, member) };
	}
	told->endpoints = at;
	told->endpoint_count = roster->count;
}

static void take_url(const struct exchange *x, struct arena *arena, struct explained_upstream *told)
{
	const struct view *view = &x->view;

	told->has_own_host = view->upstream_host.len > 0;
	told->has_own_path = !str_eq(view->path, x->path);
	told->has_own_query = !str_eq(view->query, x->query);
	told->path = arena_str(arena, view->path);
	told->query = arena_str(arena, view->query);
	if (told->has_own_host)
		told->host = arena_str(arena, view->upstream_host);
	else if (told->endpoint_count)
		told->host = told->endpoints[0].address;
}

void explain_upstream(const struct exchange *x, struct arena *arena, struct explained_upstream *ret_told)
{
	*ret_told = (struct explained_upstream) { .upstream = x->upstream,
						  .timeouts = *x->timeouts,
						  .total = x->view.total_timeout };
	take_endpoints(generation_roster(x->generation, x->upstream), arena, ret_told);
	take_url(x, arena, ret_told);
	if (x->target->split)
		ret_told->split = split_print(x->target->split, arena);
}

/* ---- for people ---- */

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

static void tell_endpoint(FILE *to, const struct explained_endpoint *endpoint)
{
	fprintf(to, " %.*s", STR_ARG(endpoint->address));
	if (endpoint->is_backup)
		fputs(" (backup)", to);
	if (*endpoint->why_not)
		fprintf(to, " (%s)", endpoint->why_not);
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
static void tell_health(FILE *to, const struct explanation *told, struct arena *arena)
{
	const struct upstream *upstream = told->upstream.upstream;
	int64_t panic = upstream->config->panic;

	if (upstream->check)
		tell_check(to, upstream->check, arena);
	if (upstream->outlier)
		tell_outlier(to, upstream->outlier, arena);
	if (panic)
		fprintf(to, "panic     all are asked where fewer than %lld %% are well\n", (long long)panic);
	fprintf(to, "now       who is well is told by %s\n",
		told->snapshot->admin.is_open ? "GET /v1/upstreams of the gateway that runs"
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
static void tell_timeouts(FILE *to, const struct explained_upstream *told, struct arena *arena)
{
	tell_time(to, "timeouts  ", "connect", told->timeouts.connect, arena);
	tell_time(to, ", ", "response", told->timeouts.response, arena);
	tell_time(to, ", ", "idle", told->timeouts.idle, arena);
	if (told->total)
		tell_time(to, ", ", "total", told->total, arena);
	fputc('\n', to);
}

static void tell_url(FILE *to, const struct explained_upstream *told)
{
	fprintf(to, "url       %s://%.*s%.*s%s%.*s\n", told->upstream->tls ? "https" : "http",
		STR_ARG(told->host), STR_ARG(told->path), told->query.len ? "?" : "", STR_ARG(told->query));
}

void explained_upstream_print(const struct explanation *explanation, struct arena *arena, FILE *to)
{
	const struct explained_upstream *told = &explanation->upstream;
	const struct upstream *upstream = told->upstream;

	if (told->split.len)
		fprintf(to, "weighted  %.*s\n", STR_ARG(told->split));
	fprintf(to, "upstream  %.*s:", STR_ARG(upstream->name));
	for (size_t i = 0; i < told->endpoint_count; i++)
		tell_endpoint(to, &told->endpoints[i]);
	if (told->endpoint_count > 1)
		tell_balance(to, &upstream->config->balance);
	fputc('\n', to);
	tell_url(to, told);
	tell_timeouts(to, told, arena);
	tell_breaker(to, &upstream->config->circuit_breaker);
	tell_retries(to, upstream);
	tell_hedging(to, &upstream->config->hedging);
	if (upstream->config->slow_start)
		tell_slow_start(to, upstream->config->slow_start, arena);
	if (upstream->check || upstream->outlier)
		tell_health(to, explanation, arena);
}
