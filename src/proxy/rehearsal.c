/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rehearsal: a client and stand-ins around a worker, all on one thread.
 *
 * The client is one end of a socket pair whose other end is a connection of the worker's, as if a door had
 * accepted it. Turning the loop until both are done is all that running takes. Real time passes only for
 * what the gateway itself times; a bound on it ends an exchange that hangs, which would be a mistake here.
 */
#include "proxy/rehearsal.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/replay_cache.h"
#include "auth/session_refresh.h"
#include "base/assert.h"
#include "http/h1_client.h"
#include "proxy/chore.h"
#include "proxy/destination.h"
#include "proxy/fetch.h"
#include "proxy/filter.h"
#include "proxy/slots.h"
#include "store/quota_table.h"
#include "store/rate_table.h"

static const duration patience = 10 * SECOND;
static const size_t arena_max = (size_t)64 << 20;

static const struct h1_limits answer_limits = { .request_line = 64 * 1024,
						.field = 2 * 1024 * 1024,
						.name = 64 * 1024,
						.head = 4 * 1024 * 1024,
						.fields = STAND_IN_FIELDS_MAX };

struct rehearsal {
	struct rehearsal_options options;
	struct worker *worker;
	struct edition *edition;
	struct endpoints *endpoints; /* in the place of what discovery would find */
	struct rate_table *rates;    /* its own: trying out takes nothing from anybody */
	struct quota_table *quotas;  /* likewise */
	struct slot_table *slots;
	struct replay_cache *replays;
	struct session_refreshes *refreshes;
	struct exchange_observer observer;
	struct effects effects;
	wall_time clock;

	/* The run at hand. */
	struct arena arena;
	struct stand_ins stand_ins;
	const struct exchange *exchange; /* under way and routed; NULL otherwise */
	struct rehearsed rehearsed;
	struct rehearsal_request request;
	bool is_heard; /* the client has its answer, or knows that there is none */
};

/* The rehearsal's end of the client's connection. */
struct caller {
	struct socket socket; /* first */
	struct rehearsal *rehearsal;
};

/* ---- effects ---- */

static wall_time rehearsal_wall(void *self)
{
	return ((struct rehearsal *)self)->clock;
}

static uint64_t rehearsal_random(void *self)
{
	return random_next(&((struct rehearsal *)self)->worker->random);
}

/* Who stands in for nobody asks nobody. */
static result rehearsal_fetch(void *self, struct view *view, const struct fetch_request *request,
			      struct fetch_answer *ret_answer)
{
	const struct rehearsal_options *options = &((struct rehearsal *)self)->options;
	bool is_supposed =
		!options->stand_in || !options->stand_in(options->self, request->to->upstream->name);

	if (is_supposed && options->stops_at_upstream)
		*ret_answer = (struct fetch_answer) { .status = 200, .is_body_whole = true };
	else
		TRY(fetch_for_policy(self, view, request, ret_answer));
	ret_answer->is_supposed = is_supposed;
	return OK;
}

static result rehearsal_sleep(void *self, struct view *view, duration time)
{
	(void)self;
	(void)view;
	(void)time;
	return OK;
}

static void rehearsal_decided(void *self, const struct view *view, const struct policy_instance *instance,
			      enum decision decision)
{
	struct rehearsal *r = self;

	(void)view;
	if (r->options.decided)
		r->options.decided(r->options.self, instance, decision);
}

static void rehearsal_tell(void *self, const struct view *view, enum telling what, const char *text)
{
	struct rehearsal *r = self;

	(void)view;
	(void)what;
	if (r->options.told)
		r->options.told(r->options.self, text);
}

/* ---- what is heard of the exchange ---- */

static void on_admitted(void *self, const struct exchange *x, enum reason reason)
{
	struct rehearsal *r = self;

	r->exchange = x;
	if (r->options.admitted)
		r->options.admitted(r->options.self, x, reason);
}

static void on_finished(void *self, const struct exchange *x, const struct exchange_facts *facts)
{
	struct rehearsal *r = self;
	struct rehearsed *rehearsed = &r->rehearsed;

	r->exchange = NULL;
	rehearsed->reason = facts->reason;
	rehearsed->target = x->target;
	rehearsed->api = arena_str(&r->arena, facts->api);
	rehearsed->route = arena_str(&r->arena, facts->route);
	rehearsed->consumer = arena_str(&r->arena, facts->consumer);
	rehearsed->upstream = arena_str(&r->arena, facts->upstream);
	if (r->options.finished)
		r->options.finished(r->options.self, x, facts);
}

static bool serves(const struct rehearsal *r, const struct upstream *upstream,
		   const struct endpoint *endpoint)
{
	const struct roster *roster = upstream ? edition_roster(r->edition, upstream) : NULL;

	for (size_t i = 0; roster && i < roster->count; i++)
		if (roster->members[i].endpoint == endpoint)
			return true;
	return false;
}

/* An endpoint may serve several upstreams: the exchange's own comes first. What belongs to none is called by
 * its address. */
static str upstream_of(const struct rehearsal *r, const struct endpoint *endpoint)
{
	const struct snapshot *snapshot = r->options.snapshot;

	if (r->exchange && serves(r, r->exchange->upstream, endpoint))
		return r->exchange->upstream->name;
	for (size_t i = 0; i < snapshot->upstream_count; i++)
		if (serves(r, snapshot->upstreams[i], endpoint))
			return snapshot->upstreams[i]->name;
	return endpoint->text;
}

static const struct stand_in *find_stand_in(void *owner, const struct endpoint *endpoint, str *ret_upstream)
{
	struct rehearsal *r = owner;

	*ret_upstream = upstream_of(r, endpoint);
	return r->options.stand_in ? r->options.stand_in(r->options.self, *ret_upstream) : NULL;
}

/* ---- from beginning to end ---- */

static void worker_prepare(struct rehearsal *r)
{
	struct worker *worker = r->worker;
	struct pool_connector connector = stand_ins_connector(&r->stand_ins);

	r->observer = (struct exchange_observer) { .admitted = on_admitted,
						   .finished = on_finished,
						   .stops_at_upstream = r->options.stops_at_upstream,
						   .self = r };
	worker->auth.replays = r->replays;
	worker->auth.refreshes = r->refreshes;
	worker->observer = &r->observer;
	worker->effects = (struct effects) { .wall = rehearsal_wall,
					     .random = rehearsal_random,
					     .sleep = rehearsal_sleep,
					     .decided = rehearsal_decided,
					     .encode = filter_encode,
					     .fetch = rehearsal_fetch,
					     .tell = rehearsal_tell,
					     .hears_details = true,
					     .work = chore_run,
					     .rates = r->rates,
					     .quotas = r->quotas,
					     .slots = r->slots,
					     .take_slot = slots_take,
					     .self = r };
	if (r->options.seed)
		worker->random = (struct random) { .a = r->options.seed | 1, .b = ~r->options.seed };
	r->stand_ins = (struct stand_ins) {
		.fibers = worker->fibers, .arena = &r->arena, .find = find_stand_in, .owner = r
	};
	pool_set_connector(worker->pool, &connector);
}

/* DNS is not asked here: the name itself stands for whatever it would find. */
static struct roster *roster_of_name(struct rehearsal *r, const struct upstream *upstream)
{
	const struct discovery_config *config = &upstream->config->discovery;
	struct roster_member member = { .weight = 1 };
	str text = arena_printf(&r->arena, "%.*s:%d", STR_ARG(config->dns),
				config->port ? (int)config->port : 80);

	if (failed(endpoints_get(r->endpoints, text, &member.endpoint)))
		return roster_new(NULL, 0);
	return roster_new(&member, 1);
}

static void discover(struct rehearsal *r)
{
	const struct snapshot *snapshot = r->options.snapshot;

	r->endpoints = endpoints_new();
	if (r->edition->discovered)
		return; /* counted by who was there when it was made */
	for (size_t i = 0; i < snapshot->upstream_count; i++) {
		if (!snapshot->upstreams[i] || snapshot->upstreams[i]->roster)
			continue;
		roster_unref(&r->edition->rosters[i]);
		r->edition->rosters[i] = roster_of_name(r, snapshot->upstreams[i]);
	}
}

static void take_edition(struct rehearsal *r)
{
	if (r->options.edition) {
		r->edition = edition_ref(r->options.edition);
		return;
	}
	r->edition = edition_new(r->options.snapshot, NULL, NULL);
	discover(r);
}

result rehearsal_new(const struct rehearsal_options *options, struct rehearsal **ret_rehearsal)
{
	struct rehearsal *r = calloc(1, sizeof *r);
	struct worker_options worker = { .workers = 1 };
	result_value made;

	ASSERT(r);
	r->options = *options;
	r->clock = options->clock;
	arena_init(&r->arena, NULL, arena_max);
	r->rates = rate_table_new(RATE_CELLS);
	r->quotas = quota_table_new(QUOTA_CELLS);
	r->slots = slot_table_new(SLOT_KEYS);
	r->replays = replay_cache_new(0);
	r->refreshes = session_refreshes_new();
	take_edition(r);
	worker.edition = r->edition;
	made = worker_new(&worker, &r->worker);
	if (failed(made))
		rehearsal_free(&r);
	else
		worker_prepare(r);
	*ret_rehearsal = r;
	return made;
}

void rehearsal_free(struct rehearsal **address)
{
	struct rehearsal *r = *address;

	if (!r)
		return;
	if (r->worker) {
		worker_stop(r->worker);
		worker_run(r->worker);
	}
	worker_free(&r->worker);
	edition_unref(&r->edition);
	endpoints_free(&r->endpoints);
	rate_table_free(&r->rates);
	quota_table_free(&r->quotas);
	slot_table_free(&r->slots);
	replay_cache_free(&r->replays);
	session_refreshes_free(&r->refreshes);
	arena_fini(&r->arena);
	free(r);
	*address = NULL;
}

void rehearsal_advance(struct rehearsal *r, duration time)
{
	r->clock += time;
}

/* ---- the client ---- */

static void caller_release(struct socket *socket)
{
	free(socket);
}

static enum http_method method_of(str head)
{
	str method = head, rest;

	return str_cut(head, ' ', &method, &rest) ? http_method_find(method) : HTTP_OTHER_METHOD;
}

/* Its last head, behind the interim ones, and its body. */
static result caller_hear(struct caller *caller, struct intake *in, deadline until)
{
	struct rehearsal *r = caller->rehearsal;
	struct http_response *answer = &r->rehearsed.answer;
	struct h1_client wire;

	h1_client_init(&wire, &caller->socket.stream, in);
	wire.client.limits = &answer_limits;
	wire.client.shared_fields = r->stand_ins.fields;
	do
		TRY(client_read(&wire.client, &r->arena, method_of(caller->rehearsal->request.head), until,
				answer));
	while (answer->status < 200);
	r->rehearsed.is_answered = true;
	return stand_in_read_body(wire.client.body, &r->arena, until, &r->rehearsed.body);
}

/* A gateway that refuses a request may not read all of it: what came of it is in the answer. */
static void caller_run(struct fiber *self, void *argument)
{
	struct caller *caller = argument;
	struct rehearsal *r = caller->rehearsal;
	deadline until = deadline_after(loop_now(r->worker->loop), patience);
	struct intake in;
	result_value said, heard;

	(void)self;
	intake_init(&in, &r->worker->scratch);
	said = stream_send_all(&caller->socket.stream, caller->rehearsal->request.head, until);
	if (!failed(said) && caller->rehearsal->request.body.len)
		said = stream_send_all(&caller->socket.stream, caller->rehearsal->request.body, until);
	(void)said;
	heard = caller_hear(caller, &in, until);
	(void)heard; /* that it has no answer is seen */
	intake_fini(&in);
	stream_close(&caller->socket.stream);
	r->is_heard = true;
}

static result caller_start(struct rehearsal *r, int fd)
{
	struct caller *caller = calloc(1, sizeof *caller);
	result_value started;

	ASSERT(caller);
	started = socket_open(&caller->socket, r->worker->fibers, fd);
	if (failed(started)) {
		close(fd);
		free(caller);
		return started;
	}
	caller->socket.release = caller_release;
	caller->rehearsal = r;
	started = fiber_start(r->worker->fibers, caller_run, caller);
	if (failed(started))
		stream_close(&caller->socket.stream);
	return started;
}

static bool suits(const struct listener_snapshot *listener, const struct rehearsal_request *request)
{
	return (listener->tls != NULL) == request->is_secure &&
	       (!request->client || listener_asks_for_certificates(listener->config));
}

/* Where the request would most likely come in. */
static struct door *find_door(const struct worker *worker, const struct rehearsal_request *request)
{
	for (size_t i = 0; i < worker->door_count; i++)
		if (suits(worker->doors[i]->snapshot, request))
			return worker->doors[i];
	return worker->doors[0];
}

/* As if it had been accepted; nobody introduces a client that is here already. */
static result client_enter(struct rehearsal *r, const struct address *peer)
{
	struct door *door = find_door(r->worker, &r->request);
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
		return error_make(ERROR_LIMIT, "no descriptor for the client");
	connection_open(door, fds[0], peer);
	if (!door->connections) {
		close(fds[1]);
		return error_make(ERROR_LIMIT, "the client's connection could not be opened");
	}
	door->connections->is_secure = r->request.is_secure;
	door->connections->client = r->request.client;
	door->connections->is_introduced = true;
	door->connections->awaits_handshake = false;
	return caller_start(r, fds[1]);
}

/* The request is copied: a fiber that hangs may read it after the run was given up. */
static void run_begin(struct rehearsal *r, const struct rehearsal_request *request)
{
	arena_fini(&r->arena);
	r->request = *request;
	r->request.head = arena_str(&r->arena, request->head);
	r->request.body = arena_str(&r->arena, request->body);
	r->rehearsed = (struct rehearsed) { 0 };
	r->stand_ins.last = NULL;
	r->exchange = NULL;
	r->is_heard = false;
}

static bool is_over(const struct rehearsal *r)
{
	return r->is_heard && r->worker->connection_count == 0 && fibers_alive(r->worker->fibers) == 0;
}

result rehearsal_run(struct rehearsal *r, const struct rehearsal_request *request,
		     struct rehearsed *ret_rehearsed)
{
	str ip = request->client_ip.len ? request->client_ip : STR("127.0.0.1");
	deadline until = deadline_after(time_monotonic(), patience);
	struct address peer;

	run_begin(r, request);
	if (!address_of_ip(ip, 40000, &peer))
		return error_make(ERROR_INVALID, "the client's address is none");
	TRY(client_enter(r, &peer));
	while (!is_over(r)) {
		if (time_monotonic() > until)
			return error_make(ERROR_TIMEOUT, "the exchange did not end");
		loop_turn(r->worker->loop, deadline_after(time_monotonic(), 10 * MILLISECOND));
	}
	r->rehearsed.forwarded = r->stand_ins.last;
	while (r->rehearsed.forwarded && !str_eq(r->rehearsed.forwarded->upstream, r->rehearsed.upstream))
		r->rehearsed.forwarded = r->rehearsed.forwarded->earlier;
	*ret_rehearsed = r->rehearsed;
	return OK;
}
