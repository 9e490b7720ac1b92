/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/passage.h"

#include <stdlib.h>

#include "base/assert.h"
#include "proxy/tunnel.h"

struct passage {
	struct tunnel tunnel; /* first */
	struct worker *worker;
	struct generation *generation;
	const struct upstream *service; /* of whose requests it is one */
	struct pool_connection *upstream;
	struct exchange_facts *facts;
	struct view_lasting *lasting; /* what policies hold for it */
	deadline began;
	passage_end_fn on_end;
	void *owner;
};

static const duration linger = 2 * SECOND;

static void on_upstream_ready(struct socket *socket)
{
	tunnel_turn(((struct pool_connection *)socket)->taker);
}

/* As an exchange does when it is finished. */
static void tell(struct passage *passage)
{
	const struct worker *worker = passage->worker;
	struct exchange_facts *facts = passage->facts;

	if (facts->reason == REASON_NONE)
		facts->reason = passage->tunnel.reason;
	facts->request_bytes += passage->tunnel.up.carried;
	facts->response_bytes += passage->tunnel.down.carried;
	facts->time_taken = loop_now(worker->loop) - passage->began;
	access_log_write(worker->access, facts);
	if (passage->generation->snapshot->counting.is_on)
		metrics_count_exchange(worker->metrics, facts);
	metrics_end_exchange(worker->metrics);
}

/* Behind the last frame, and if it cannot be said at once it is not worth waiting for. */
static void say_end(const struct tunnel_way *way)
{
	result_value shut = way->is_ended ? OK : stream_shut(way->to);

	(void)shut;
}

/* Both sides may still read what they were told last. */
static void passage_end(struct tunnel *tunnel)
{
	struct passage *passage = (struct passage *)tunnel;
	passage_end_fn on_end = passage->on_end;
	void *owner = passage->owner;

	say_end(&tunnel->down);
	tell(passage);
	atomic_fetch_sub_explicit(&passage->upstream->endpoint->active, 1, memory_order_relaxed);
	pool_linger(&passage->upstream, deadline_after(loop_now(passage->worker->loop), linger));
	view_let_go(&passage->lasting);
	upstream_end_request(passage->service);
	generation_leave(passage->generation);
	free(passage->facts);
	free(passage);
	on_end(owner);
}

struct passage *passage_new(struct forward *f)
{
	struct exchange *x = f->exchange;
	struct passage *passage = calloc(1, sizeof *passage);
	struct intake *client_in, *upstream_in;
	struct tunnel_options options = {
		.loop = x->worker->loop,
		.scratch = &x->worker->scratch,
		.idle = x->timeouts->tunnel,
		.half_idle =
			x->timeouts->idle < x->timeouts->tunnel ? x->timeouts->idle : x->timeouts->tunnel,
		.on_end = passage_end,
	};

	ASSERT(passage);
	passage->worker = x->worker;
	passage->generation = x->generation;
	passage->began = x->began;
	passage->service = f->upstream;
	passage->upstream = f->attempt.connection;
	passage->upstream->taker = passage;
	passage->lasting = x->view.lasting;
	x->view.lasting = NULL;
	f->attempt.connection = NULL;
	f->attempt.endpoint = NULL; /* its load is the passage's from here on */
	options.client = server_take_over(x->server, &client_in);
	options.upstream = client_take_over(passage->upstream->client, &upstream_in);
	tunnel_open(&passage->tunnel, &options, client_in, upstream_in);
	return passage;
}

void passage_keep_facts(struct passage *passage, const struct exchange_facts *facts)
{
	ASSERT(!passage->facts);
	passage->facts = exchange_facts_copy(facts);
}

void passage_begin(struct passage *passage, passage_end_fn on_end, void *owner)
{
	ASSERT(passage->facts);
	passage->on_end = on_end;
	passage->owner = owner;
	socket_keep_alive(&passage->upstream->socket);
	socket_watch_all(&passage->upstream->socket, on_upstream_ready);
	tunnel_turn(&passage->tunnel);
}

void passage_turn(struct passage *passage)
{
	tunnel_turn(&passage->tunnel);
}

void passage_leave(struct passage *passage)
{
	tunnel_leave(&passage->tunnel, REASON_SHUTTING_DOWN);
}

void passage_cut(struct passage *passage)
{
	tunnel_cut(&passage->tunnel, REASON_SHUTTING_DOWN);
}
