/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: one rehearsal, heard of at two points: what was routed where, before any policy has changed the
 * request, and what became of it.
 *
 * The policies run for real: with `respond` or `rewrite` only they know what comes out. It ends where an
 * upstream would be asked: which endpoint that will be depends on the moment, so all are named, and the URL
 * is that of the first. What is told outlives the rehearsal, so it is copied.
 */
#include "proxy/explain.h"

#include "base/note.h"
#include "policy/expression.h"
#include "proxy/admission.h"
#include "proxy/explain_upstream.h"

enum { BECAUSE_MAX = 64 };

/* What one policy did, as it is heard of. */
struct decided {
	struct decided *earlier;
	const struct policy_instance *instance;
	enum decision decision;
};

struct explaining {
	const struct explain_question *question;
	struct arena *arena;
	struct explanation *told;
	struct decided *decided; /* the newest */
	str *because;
};

/* Who answers is the gateway. */
static void tell_answer(struct explanation *told, enum reason reason, int status)
{
	told->reason = reason;
	told->why = reason_word(reason);
	told->status = status;
}

/* Before there is an API or a policy to tell of. */
static void tell_refused(struct explanation *told, enum reason reason, int status, str why)
{
	tell_answer(told, reason, status);
	told->why = why;
	told->outcome = EXPLAINED_REFUSED;
}

static void tell_route(struct explaining *e, const struct exchange *x)
{
	struct route_request request = admission_question(x);
	struct explanation *told = e->told;

	told->is_routed = true;
	told->is_preflight = x->route_method.len > 0;
	told->method = arena_str(e->arena, request.method);
	told->host = arena_str(e->arena, request.host);
	told->path = arena_str(e->arena, request.path);
	router_explain(told->snapshot->router, x->worker->route_scratch, &request, e->arena, &told->route);
}

static bool has_no_route(enum reason reason)
{
	return reason == REASON_NO_ROUTE || reason == REASON_METHOD_NOT_ALLOWED;
}

/* Routing was not reached when something else was wrong before it. */
static bool is_routed(const struct exchange *x, enum reason reason)
{
	if (reason == REASON_PATH_INVALID)
		return x->has_encoded_slash;
	return x->path.len &&
	       (reason == REASON_NONE || reason == REASON_BODY_TOO_LARGE || has_no_route(reason));
}

static void tell_redirected(struct explaining *e, const struct answer *answer)
{
	str location = http_fields_value(&answer->fields, HTTP_LOCATION);

	tell_answer(e->told, REASON_HTTPS_REDIRECT, answer->status);
	e->told->location = arena_str(e->arena, location);
}

static void on_admitted(void *self, const struct exchange *x, enum reason reason)
{
	struct explaining *e = self;

	if (is_routed(x, reason))
		tell_route(e, x);
	if (reason == REASON_NONE)
		e->told->outcome = EXPLAINED_MATCHED;
	else if (reason == REASON_HTTPS_REDIRECT)
		tell_redirected(e, &x->view.answer);
	else
		tell_answer(e->told, reason, reason_status(reason));
	if (e->told->is_routed && reason == REASON_PATH_INVALID)
		e->told->why = STR("an encoded slash, which this API does not keep (encoded_slashes)");
	else if (e->told->is_routed && has_no_route(reason))
		e->told->outcome = EXPLAINED_NO_ROUTE;
}

static void on_decided(void *self, const struct policy_instance *instance, enum decision decision)
{
	struct explaining *e = self;
	struct decided *decided = ARENA_NEW(e->arena, struct decided);

	*decided = (struct decided) { e->decided, instance, decision };
	e->decided = decided;
}

static void on_told(void *self, const char *text)
{
	struct explaining *e = self;

	if (e->told->because.len < BECAUSE_MAX)
		e->because[e->told->because.len++] = arena_str(e->arena, str_of(text));
}

/* The condition, and what came of it where it was asked. */
static void tell_when(struct explaining *e, const struct view *view, struct explained_policy *told)
{
	uint64_t bit = (uint64_t)1 << told->instance->condition;
	struct note note;

	note_begin(&note);
	expression_tell(told->instance->when, note.to);
	told->when = note_end(&note, e->arena);
	told->was_asked = view->settled & bit;
	told->holds = told->was_asked && !(view->skipped & bit);
}

static void tell_decision(const struct explaining *e, struct explained_policy *told)
{
	const struct decided *decided = e->decided;

	while (decided && decided->instance != told->instance)
		decided = decided->earlier;
	told->has_decided = decided != NULL;
	if (decided)
		told->decision = decided->decision;
}

static void tell_policies(struct explaining *e, const struct policy_chain *chain, const struct view *view)
{
	struct explained_policy *policies = ARENA_ARRAY(e->arena, struct explained_policy, chain->count);

	for (size_t i = 0; i < chain->count; i++) {
		const struct policy_instance *instance = &chain->at[i];

		policies[i].instance = instance;
		if (instance->policy->describe)
			policies[i].bounds = instance->policy->describe(instance->self, e->arena);
		if (instance->when)
			tell_when(e, view, &policies[i]);
		tell_decision(e, &policies[i]);
	}
	e->told->policies = policies;
	e->told->policy_count = chain->count;
	e->told->reported = arena_str(e->arena, view->reported);
}

static void on_finished(void *self, const struct exchange *x, const struct exchange_facts *facts)
{
	struct explaining *e = self;

	if (x->request.error != H1_ERROR_NONE)
		tell_refused(e->told, facts->reason, h1_error_status(x->request.error),
			     h1_error_text(x->request.error));
	if (e->told->outcome != EXPLAINED_MATCHED)
		return;
	e->told->target = x->target;
	tell_policies(e, &x->target->chain, &x->view);
	if (facts->reason == REASON_NONE)
		explain_upstream(x, e->arena, &e->told->upstream);
	else
		tell_answer(e->told, facts->reason, facts->status);
}

static const struct stand_in *find_stand_in(void *self, str upstream)
{
	const struct explain_question *question = ((struct explaining *)self)->question;

	return question->stand_in ? question->stand_in(question->self, upstream) : NULL;
}

result explain_request(const struct explain_question *question, struct arena *arena,
		       struct explanation *ret_explanation)
{
	struct explaining e = { .question = question,
				.arena = arena,
				.told = ret_explanation,
				.because = ARENA_ARRAY(arena, str, BECAUSE_MAX) };
	struct rehearsal_options options = { .snapshot = question->snapshot,
					     .edition = question->edition,
					     .clock = question->now,
					     .stops_at_upstream = true,
					     .stand_in = find_stand_in,
					     .admitted = on_admitted,
					     .decided = on_decided,
					     .told = on_told,
					     .finished = on_finished,
					     .self = &e };
	struct rehearsal *rehearsal;
	struct rehearsed rehearsed;
	result_value ran = rehearsal_new(&options, &rehearsal);

	*ret_explanation = (struct explanation) { .snapshot = question->snapshot,
						  .outcome = EXPLAINED_REFUSED,
						  .because.at = e.because };
	if (!failed(ran))
		ran = rehearsal_run(rehearsal, question->request, &rehearsed);
	rehearsal_free(&rehearsal);
	return ran;
}
