/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange: one request and its answer, from the first byte read to the line in the log.
 *
 * exchange_run() is the whole of it, to be read from top to bottom. Its steps live in files of their own:
 * admission (is this a request at all, and for whom), forward (to the upstream and back), answer (what the
 * gateway says itself).
 *
 * What the steps hand to each other stands in struct exchange, and nowhere else. It belongs to one fiber;
 * only on_client_gone() comes from outside, from the loop, and does no more than to cancel.
 */
#pragma once

#include "http/replay_source.h"
#include "observe/exchange_facts.h"
#include "proxy/call.h"
#include "proxy/connection.h"

enum exchange_end {
	EXCHANGE_KEEP,   /* the connection can carry another request */
	EXCHANGE_LINGER, /* close, but let the client read the answer */
	EXCHANGE_CLOSE,  /* nobody is there, or nothing was said */
	EXCHANGE_RESET,  /* close so that the client does not take what it got for the whole answer */
	EXCHANGE_TUNNEL, /* it goes on as session->passage */
};

struct exchange {
	struct view view;
	struct session *session;
	struct worker *worker;
	struct generation *generation;            /* under which it began: what holds until its end */
	const struct listener_snapshot *listener; /* of that generation */
	struct arena arena;
	deadline began; /* when its first bytes could be read */
	wall_time began_wall;
	deadline until;         /* for all of it */
	deadline clients_until; /* what of that the client has set */
	struct server *server;  /* the session's: what the client speaks by */
	struct server_request request;
	struct call call;
	struct encoder *encoder;     /* at work on the answer; NULL: none */
	struct mirror_copy *mirrors; /* that have not left yet */
	const struct target *target; /* NULL: not routed */
	/* The target's; where only the method is wrong, that of who takes another one. It sees answers of the
	 * gateway's own. NULL: it is not known whose API it is. */
	const struct policy_chain *answer_chain;
	/* The target's, or the choice of its split; from choice_make() on. */
	const struct upstream *upstream; /* NULL: none, or not chosen yet */
	const struct upstream_timeouts *timeouts;
	str sticky_cookie; /* the value that the client is given; empty: it has one, or needs none */
	bool has_answer;   /* the head of an answer was made: it is too late for another */
	bool keep_alive;   /* what the answer's head says, and what holds afterwards */
	bool is_client_gone;
	bool is_websocket;       /* what it asks for */
	struct passage *passage; /* what became of it; NULL: an exchange like others */
	bool is_cut_short;       /* the answer ends with the connection, and too early */
	str path, query;  /* by which it was routed: for the log, whatever policies make of the view's */
	str route_method; /* by which it was routed, where that is not its own: a CORS preflight's */
	bool is_preflight_only; /* what it was routed to does not take its own method */
	bool has_bare_query;    /* "/path?" */
	bool has_encoded_slash; /* in its path: for APIs that keep them */
	int status;             /* 0: nothing was answered */
	unsigned attempts;
	deadline asked;               /* since when an upstream is; 0: none was */
	deadline first_byte;          /* of the upstream's answer; 0: none came */
	uint64_t sent;                /* bytes to the client */
	str forwarded_for, forwarded; /* what trusted proxies said before; empty otherwise */
	str forwarded_port;
	unsigned allowed; /* for Allow */
	const str_list *allowed_other;
};

enum exchange_end exchange_run(struct session *session);
/* Yields. Reads one request and deals with it. Cannot fail: what went wrong was answered and logged, and the
 * verdict on the connection is what is left. */

result exchange_before_wait(struct exchange *x);
/* For what policies wait for: their bounds on the exchange's time hold from here on. ERROR_CANCELLED when the
 * client is gone already. */

result exchange_after_wait(const struct exchange *x, result_value waited);
/* What they have waited for, or ERROR_CANCELLED where all of the exchange's time is up: that is no failure of
 * whoever was waited for. */

result exchange_sleep(void *self, struct view *view, duration time);
/* effects.sleep. Yields. OK when the time has passed; ERROR_TIMEOUT when all that the exchange has;
 * ERROR_CANCELLED. */

str exchange_token(struct exchange *x);
/* 32 hexadecimal digits at random, in its arena. */

static inline struct exchange *exchange_of(struct view *view)
/* Whose view it is: its first member. */
{
	return (struct exchange *)view;
}

static inline deadline exchange_now(const struct exchange *x)
{
	return loop_now(x->worker->loop);
}

static inline const struct listener_limits *exchange_limits(const struct exchange *x)
/* What the listener allows this client. */
{
	return &x->listener->config->limits;
}

static inline deadline exchange_patience(const struct exchange *x)
/* Until when the client may take its time to read or to send a piece. */
{
	return deadline_after(exchange_now(x), exchange_limits(x)->body_timeout);
}

static inline enum reason exchange_cancelled(const struct exchange *x)
/* Why what was under way was cancelled. */
{
	return x->is_client_gone ? REASON_CLIENT_ABORTED : REASON_SHUTTING_DOWN;
}
