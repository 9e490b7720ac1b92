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
#include "proxy/explain_upstream.h"
#include "proxy/rehearsal.h"

enum { TOLD_MAX = 4096 };

struct explanation {
	const struct explain_question *question;
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
	router_explain(e->question->snapshot->router, x->worker->route_scratch, &request, e->to);
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

/* Where clients come in that are served nevertheless. */
static void tell_exceptions(struct explanation *e)
{
	const char *before = "; left out: ";

	for (size_t i = 0; i < e->question->snapshot->listener_count; i++) {
		const struct listener_snapshot *listener = &e->question->snapshot->listeners[i];

		if (listener->config->priority != PRIORITY_HIGH)
			continue;
		fprintf(e->to, "%s%.*s", before, STR_ARG(listener->name));
		before = ", ";
	}
}

/* What may refuse it before anything else does, where somebody has thought of that. */
static void tell_overload(struct explanation *e, struct arena *arena)
{
	const struct gateway_limits *limits = &e->question->snapshot->config.limits;
	str memory = unit_print_size(arena, limits->memory), lag = unit_print_duration(arena, limits->lag);

	if (!node_find(e->question->snapshot->root, STR("limits")))
		return;
	fputs("overload  503 ", e->to);
	if (limits->memory)
		fprintf(e->to, "near %.*s of memory", STR_ARG(memory));
	else
		fputs("where memory is short", e->to);
	if (limits->lag)
		fprintf(e->to, ", or while a worker is %.*s late", STR_ARG(lag));
	tell_exceptions(e);
	fputc('\n', e->to);
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
		if (instance->policy->describe)
			fprintf(e->to, ": %.*s",
				STR_ARG(instance->policy->describe(instance->self, view->arena)));
		if (instance->is_report)
			fputs(", reports only", e->to);
		if (instance->when)
			tell_when(e, instance, view);
		fputc('\n', e->to);
	}
	if (view->reported.len)
		fprintf(e->to, "reported  %.*s\n", STR_ARG(view->reported));
}

/* Who shares, and what the choice beneath was made by. */
static void tell_split(struct explanation *e, const struct exchange *x)
{
	str words = split_print(x->target->split, x->view.arena);

	fprintf(e->to, "weighted  %.*s\n", STR_ARG(words));
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
	tell_overload(e, x->view.arena);
	tell_policies(e, &x->target->chain, &x->view);
	if (x->target->split && x->attempts)
		tell_split(e, x);
	if (x->attempts)
		explain_upstream(x, e->to);
	else
		fprintf(e->to, "answer    %d by the gateway itself (%.*s)\n", facts->status,
			STR_ARG(reason_word(facts->reason)));
	fprintf(e->to, "%.*s", STR_ARG(buf_str(&e->told)));
}

static const struct stand_in *find_stand_in(void *self, str upstream)
{
	const struct explain_question *question = ((struct explanation *)self)->question;

	return question->stand_in ? question->stand_in(question->self, upstream) : NULL;
}

enum explained explain_request(const struct explain_question *question, FILE *to)
{
	char told[TOLD_MAX];
	struct explanation e = { .question = question,
				 .to = to,
				 .explained = EXPLAINED_REFUSED,
				 .told = buf_over(told, sizeof told) };
	struct rehearsal_options options = { .snapshot = question->snapshot,
					     .clock = question->now,
					     .stand_in = find_stand_in,
					     .admitted = on_admitted,
					     .told = on_told,
					     .finished = on_finished,
					     .self = &e };
	struct rehearsal *rehearsal;
	struct rehearsed rehearsed;
	result_value ran = rehearsal_new(&options, &rehearsal);

	if (!failed(ran))
		ran = rehearsal_run(rehearsal, question->request, &rehearsed);
	if (failed(ran))
		fprintf(to, "cannot be rehearsed: %s\n", ran.why);
	rehearsal_free(&rehearsal);
	return e.explained;
}
