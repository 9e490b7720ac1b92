/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: one rehearsal, told in two parts: what was routed where, before any policy has changed the
 * request, and what became of it.
 *
 * The policies run for real: with `respond` or `rewrite` only they know what comes out. Which endpoint it
 * will be depends on the moment, so all are named, and the URL is that of the first.
 */
#include "proxy/explain.h"

#include "observe/log_text.h"
#include "policy/expression.h"
#include "proxy/admission.h"
#include "proxy/rehearsal.h"

enum { TOLD_MAX = 4096 };

struct explanation {
	const struct snapshot *snapshot;
	FILE *to;
	enum explained explained;
	struct buf told; /* what policies say, a line each, until there is a place for it */
};

/* Before there is a path, an API or a policy to tell of. */
static void tell_refused(struct explanation *e, str why, int status)
{
	fprintf(e->to, "refused with %d before routing: %.*s\n", status, STR_ARG(why));
	e->explained = EXPLAINED_REFUSED;
}

static void tell_redirected(struct explanation *e, const struct answer *answer)
{
	fprintf(e->to, "sent to %.*s with %d before routing: %.*s\n",
		STR_ARG(http_fields_value(&answer->fields, HTTP_LOCATION)), answer->status,
		STR_ARG(reason_word(REASON_HTTPS_REDIRECT)));
	e->explained = EXPLAINED_REFUSED;
}

static void tell_route(struct explanation *e, const struct exchange *x)
{
	struct route_request request = admission_question(x);

	fprintf(e->to, "host      %.*s\npath      %.*s\n", STR_ARG(request.host), STR_ARG(request.path));
	if (x->route_method.len)
		fprintf(e->to, "preflight of %.*s\n", STR_ARG(request.method));
	router_explain(e->snapshot->router, x->worker->route_scratch, &request, e->to);
}

/* Routing was not reached when something else was wrong before it. */
static bool is_routed(const struct exchange *x, enum reason reason)
{
	if (reason == REASON_PATH_INVALID)
		return x->has_encoded_slash;
	return x->path.len &&
	       (reason == REASON_NONE || reason == REASON_NO_ROUTE || reason == REASON_METHOD_NOT_ALLOWED);
}

static void on_admitted(void *self, const struct exchange *x, enum reason reason)
{
	struct explanation *e = self;

	if (reason == REASON_HTTPS_REDIRECT) {
		tell_redirected(e, &x->view.answer);
		return;
	}
	if (!is_routed(x, reason)) {
		tell_refused(e, reason_word(reason), reason_status(reason));
		return;
	}
	tell_route(e, x);
	if (reason == REASON_PATH_INVALID)
		tell_refused(e, STR("an encoded slash, which this API does not keep (encoded_slashes)"), 400);
	else
		e->explained = reason == REASON_NONE ? EXPLAINED_MATCHED : EXPLAINED_NO_ROUTE;
}

/* The condition, and what came of it where it was asked. */
static void tell_when(struct explanation *e, const struct policy_instance *instance, const struct view *view)
{
	uint64_t bit = (uint64_t)1 << instance->condition;

	fputs(", when ", e->to);
	expression_tell(instance->when, e->to);
	if (view->settled & bit)
		fputs(view->skipped & bit ? ": does not hold" : ": holds", e->to);
}

static void tell_policies(struct explanation *e, const struct policy_chain *chain, const struct view *view)
{
	fprintf(e->to, "policies  %s\n", chain->count ? "" : "none");
	for (size_t i = 0; i < chain->count; i++) {
		const struct policy_instance *instance = &chain->at[i];

		fprintf(e->to, "  %zu. %.*s", i + 1, STR_ARG(instance->name));
		if (!str_eq(str_of(instance->policy->name), instance->name))
			fprintf(e->to, " (%s)", instance->policy->name);
		if (instance->is_report)
			fputs(", reports only", e->to);
		if (instance->when)
			tell_when(e, instance, view);
		fputc('\n', e->to);
	}
	if (view->reported.len)
		fprintf(e->to, "reported  %.*s\n", STR_ARG(view->reported));
}

static str first_host(const struct exchange *x, const struct roster *roster)
{
	if (x->view.upstream_host.len || !roster->count)
		return x->view.upstream_host;
	return roster->members[0].endpoint->text;
}

/* Who shares, and what the choice beneath was made by. */
static void tell_split(struct explanation *e, const struct exchange *x)
{
	str words = split_print(x->target->split, x->view.arena);

	fprintf(e->to, "weighted  %.*s\n", STR_ARG(words));
}

static void tell_bound(struct explanation *e, const char *name, int64_t bound)
{
	if (bound)
		fprintf(e->to, ", %s %lld", name, (long long)bound);
}

/* What it has been given beyond the defaults. */
static void tell_breaker(struct explanation *e, const struct breaker_bounds *bounds)
{
	if (!bounds->requests && !bounds->connections)
		return;
	fputs("breaker   503 beyond its bounds", e->to);
	tell_bound(e, "requests", bounds->requests);
	tell_bound(e, "connections", bounds->connections);
	tell_bound(e, "pending", bounds->connections ? bounds->pending : 0);
	fputc('\n', e->to);
}

static void tell_retries(struct explanation *e, const struct upstream *upstream)
{
	const struct upstream_retries *retries = &upstream->config->retries;

	if (!node_find(upstream->config->entry.node, STR("retries")))
		return;
	fprintf(e->to, "retries   at most %lld attempts on", (long long)retries->attempts);
	for (enum retry_cause cause = RETRY_CONNECT; cause < RETRY_CAUSES; cause++)
		if (upstream_retries_on(upstream, cause))
			fprintf(e->to, " %s", retry_cause_words[cause]);
	fprintf(e->to, ", for %lld %% of requests\n", (long long)retries->budget);
}

/* Among those of the line before. */
static void tell_balance(struct explanation *e, const struct balance_config *balance)
{
	str word = balance_word(balance->kind);

	fprintf(e->to, "\nbalance   %.*s", STR_ARG(word));
	if (balance->kind == BALANCE_HASH)
		fprintf(e->to, " of %.*s", STR_ARG(balance->hash.text));
}

static void tell_hedging(struct explanation *e, const struct upstream_hedging *hedging)
{
	if (hedging->after)
		fprintf(e->to, "hedging   after %lld ms, for %lld %% of requests\n",
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

static void tell_endpoint(struct explanation *e, const struct roster *roster,
			  const struct roster_member *member)
{
	const char *why = why_not(roster, member);

	fprintf(e->to, " %.*s", STR_ARG(member->endpoint->text));
	if (*why)
		fprintf(e->to, " (%s)", why);
}

static void tell_upstream(struct explanation *e, const struct exchange *x)
{
	const struct upstream *upstream = x->upstream;
	const struct roster *roster = generation_roster(x->generation, upstream);
	const struct view *view = &x->view;

	fprintf(e->to, "upstream  %.*s:", STR_ARG(upstream->name));
	for (size_t i = 0; i < roster->count; i++)
		tell_endpoint(e, roster, &roster->members[i]);
	if (roster->count > 1)
		tell_balance(e, &upstream->config->balance);
	fprintf(e->to, "\nurl       %s://%.*s%.*s%s%.*s\n", upstream->tls ? "https" : "http",
		STR_ARG(first_host(x, roster)), STR_ARG(view->path), view->query.len ? "?" : "",
		STR_ARG(view->query));
	tell_breaker(e, &upstream->config->circuit_breaker);
	tell_retries(e, upstream);
	tell_hedging(e, &upstream->config->hedging);
}

static void on_told(void *self, const char *text)
{
	struct explanation *e = self;

	buf_put(&e->told, STR("because   "));
	log_put_text(&e->told, LOG_ESCAPE_TEXT, str_of(text));
	buf_put_char(&e->told, '\n');
}

static void on_finished(void *self, const struct exchange *x, const struct exchange_facts *facts)
{
	struct explanation *e = self;

	if (x->request.error != H1_ERROR_NONE)
		tell_refused(e, h1_error_text(x->request.error), h1_error_status(x->request.error));
	if (e->explained != EXPLAINED_MATCHED)
		return;
	tell_policies(e, &x->target->chain, &x->view);
	if (x->target->split && x->attempts)
		tell_split(e, x);
	if (x->attempts)
		tell_upstream(e, x);
	else
		fprintf(e->to, "answer    %d by the gateway itself (%.*s)\n", facts->status,
			STR_ARG(reason_word(facts->reason)));
	fprintf(e->to, "%.*s", STR_ARG(buf_str(&e->told)));
}

enum explained explain_request(struct snapshot *snapshot, const struct rehearsal_request *request,
			       wall_time now, FILE *to)
{
	char told[TOLD_MAX];
	struct explanation e = { .snapshot = snapshot,
				 .to = to,
				 .explained = EXPLAINED_REFUSED,
				 .told = buf_over(told, sizeof told) };
	struct rehearsal_options options = { .snapshot = snapshot,
					     .clock = now,
					     .admitted = on_admitted,
					     .told = on_told,
					     .finished = on_finished,
					     .self = &e };
	struct rehearsal *rehearsal;
	struct rehearsed rehearsed;
	result_value ran = rehearsal_new(&options, &rehearsal);

	if (!failed(ran))
		ran = rehearsal_run(rehearsal, request, &rehearsed);
	if (failed(ran))
		fprintf(to, "cannot be rehearsed: %s\n", ran.why);
	rehearsal_free(&rehearsal);
	return e.explained;
}
