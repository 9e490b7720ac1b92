/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: an exchange without a client, run up to the point where it would take a connection.
 *
 * The worker, door and connection around it are empty but for what admission and policies look at; nothing
 * that runs here parks, so no fiber and no loop are needed. The head is parsed with the limits of the first
 * listener, as it would be on its wire.
 */
#include "proxy/explain.h"

#include "base/assert.h"
#include "proxy/admission.h"

enum { FIELDS_MAX = 256 };

/* An exchange without a client: what admission and policies see of one, and nothing that could be waited for.
 */
struct rehearsal {
	struct worker worker;
	struct door door;
	struct connection connection;
	struct session session;
	struct exchange exchange;
	struct http_field fields[FIELDS_MAX];
};

static wall_time rehearsal_wall(void *self)
{
	(void)self;
	return time_wall();
}

static uint64_t rehearsal_random(void *self)
{
	return random_next(&((struct rehearsal *)self)->worker.random);
}

static void rehearsal_init(struct rehearsal *r, const struct snapshot *snapshot)
{
	struct exchange *x = &r->exchange;
	struct address loopback;

	*r = (struct rehearsal) { 0 };
	random_init(&r->worker.random);
	r->worker.snapshot = snapshot;
	r->worker.route_scratch = route_scratch_new();
	r->worker.effects =
		(struct effects) { .wall = rehearsal_wall, .random = rehearsal_random, .self = r };
	r->door = (struct door) { .worker = &r->worker, .snapshot = &snapshot->listeners[0] };
	r->connection.door = &r->door;
	r->session = (struct session) { .connection = &r->connection, .worker = &r->worker };
	ASSERT(address_of_ip(STR("127.0.0.1"), 0, &loopback));
	connection_set_peer(&r->connection, &loopback);
	x->session = &r->session;
	x->worker = &r->worker;
	arena_init(&x->arena, NULL, 1 << 24);
	exchange_view_init(x, STR("00000000000000000000000000000000"));
	x->request.head.fields = (struct http_fields) { .at = r->fields, .max = FIELDS_MAX };
}

static void rehearsal_fini(struct rehearsal *r)
{
	arena_fini(&r->exchange.arena);
	route_scratch_free(&r->worker.route_scratch);
}

/* Before there is a path, an API or a policy to tell of. */
static enum explained refused(FILE *to, str why, int status)
{
	fprintf(to, "refused with %d before routing: %.*s\n", status, STR_ARG(why));
	return EXPLAINED_REFUSED;
}

static void print_route(struct rehearsal *r, FILE *to)
{
	struct route_request request = admission_question(&r->exchange);

	fprintf(to, "host      %.*s\npath      %.*s\n", STR_ARG(request.host), STR_ARG(request.path));
	router_explain(r->worker.snapshot->router, r->worker.route_scratch, &request, to);
}

static void print_policies(const struct target *target, FILE *to)
{
	fprintf(to, "policies  %s\n", target->chain.count ? "" : "none");
	for (size_t i = 0; i < target->chain.count; i++) {
		const struct policy_instance *instance = &target->chain.at[i];
		str kind = str_of(instance->policy->name);

		fprintf(to, "  %zu. %.*s", i + 1, STR_ARG(instance->name));
		fprintf(to, str_eq(kind, instance->name) ? "\n" : " (%s)\n", instance->policy->name);
	}
}

/* The policies run for real: with `respond` or `rewrite` only they know what comes out. Which endpoint it
 * will be depends on the moment, so all are named, and the URL is that of the first. */
static void print_outcome(struct rehearsal *r, FILE *to)
{
	struct exchange *x = &r->exchange;
	const struct upstream *upstream = x->target->upstream;
	struct view *view = &x->view;

	if (policy_chain_request(&x->target->chain, view) == POLICY_ANSWERED) {
		int status = view->answer.status ? view->answer.status : reason_status(view->answer.reason);

		fprintf(to, "answer    %d by the gateway itself (%.*s)\n", status,
			STR_ARG(reason_word(view->answer.reason)));
		return;
	}
	if (!upstream)
		return;
	fprintf(to, "upstream  %.*s:", STR_ARG(upstream->name));
	for (size_t i = 0; i < upstream->count; i++)
		fprintf(to, " %.*s", STR_ARG(upstream->members[i].endpoint->text));
	fprintf(to, "\nurl       http://%.*s%.*s%s%.*s\n",
		STR_ARG(view->upstream_host.len ? view->upstream_host : upstream->members[0].endpoint->text),
		STR_ARG(view->path), view->query.len ? "?" : "", STR_ARG(view->query));
}

static enum explained explain_parsed(struct rehearsal *r, FILE *to)
{
	enum reason reason = admission_check(&r->exchange);

	if (reason != REASON_NONE)
		return refused(to, reason_word(reason), reason_status(reason));
	print_route(r, to);
	reason = admission_route(&r->exchange);
	if (reason == REASON_PATH_INVALID)
		return refused(to, STR("an encoded slash, which this API does not keep (encoded_slashes)"),
			       400);
	if (reason != REASON_NONE)
		return EXPLAINED_NO_ROUTE;
	print_policies(r->exchange.target, to);
	print_outcome(r, to);
	return EXPLAINED_MATCHED;
}

enum explained explain_head(const struct snapshot *snapshot, str head, FILE *to)
{
	struct rehearsal r;
	struct h1_parser parser = { 0 };
	enum explained explained;

	rehearsal_init(&r, snapshot);
	if (h1_request_parse(&parser, head, &r.door.snapshot->h1, &r.exchange.request.head,
			     &r.exchange.request.head_len) == H1_DONE)
		explained = explain_parsed(&r, to);
	else
		explained = refused(to, h1_error_text(parser.error), h1_error_status(parser.error));
	rehearsal_fini(&r);
	return explained;
}
