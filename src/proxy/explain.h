/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: what the gateway would do with a request, as facts to be told; by the same admission, router and
 * policies as live traffic, with nothing sent anywhere.
 *
 * It has no rules of its own, and no way of its own to run an exchange: see rehearsal.h. Told to people by
 * explanation_print(), and to programs by the admin address.
 */
#pragma once

#include <stdio.h>

#include "proxy/mask.h"
#include "proxy/rehearsal.h"
#include "route/explain.h"

enum explained { EXPLAINED_MATCHED, EXPLAINED_NO_ROUTE, EXPLAINED_REFUSED };

struct explain_question {
	struct snapshot *snapshot;
	struct edition *edition; /* see rehearsal_options; NULL: the snapshot serves nobody */
	const struct rehearsal_request *request;
	wall_time now;                                                /* as if it came then */
	const struct stand_in *(*stand_in)(void *self, str upstream); /* see rehearsal_options */
	void *self;
};

/* One of those that run, in their order. */
struct explained_policy {
	const struct policy_instance *instance;
	str bounds;             /* what it says of itself; empty: its name says enough */
	str when;               /* its condition; empty: there is none */
	bool was_asked, holds;  /* the condition */
	bool has_decided;       /* it came to it */
	enum decision decision; /* then */
};

struct explained_endpoint {
	str address;
	bool is_backup;
	const char *why_not; /* it would be asked; empty: it would be */
};

/* Where it would go. */
struct explained_upstream {
	const struct upstream *upstream; /* NULL: nowhere */
	const struct explained_endpoint *endpoints;
	size_t endpoint_count;
	struct upstream_timeouts timeouts; /* that hold for this request */
	duration total;                    /* for all of it; 0: no bound */
	str split;                         /* who shares; empty: nobody */
	str host, path, query;             /* of the URL that it would get, by its first endpoint */
	bool has_own_host, has_own_path, has_own_query; /* policies have made them */
};

struct explanation {
	const struct snapshot *snapshot;
	enum explained outcome;

	/* What the gateway itself would answer; status 0: an upstream does. */
	int status;
	enum reason reason;
	str why;      /* the reason's word, or in more words what is wrong */
	str location; /* where a redirect before routing leads to */

	bool is_routed; /* it came so far: what follows is there */
	str method;     /* by which it was routed */
	bool is_preflight;
	str host, path;
	struct route_explanation route;

	/* With EXPLAINED_MATCHED. */
	const struct target *target;
	const struct explained_policy *policies;
	size_t policy_count;
	str reported; /* who would have answered but for `report: true` */
	struct explained_upstream upstream;
	str_list because; /* what policies say of it */
};

result explain_request(const struct explain_question *question, struct arena *arena,
		       struct explanation *ret_explanation);
/* In the arena, and by what the question names, which must live as long. The arena has no bound of its own:
 * what is taken grows with the router. EXPLAINED_REFUSED when it is no request that could be routed. As
 * rehearsal_new() and rehearsal_run() fail, it could not be found out. Takes milliseconds, and memory for a
 * worker: not from a fiber. */

void explanation_mask(const struct explanation *explanation, const struct mask *base, struct arena *arena,
		      struct mask *ret_mask);
/* For whatever is told of it; see mask_init(). */

str explanation_url(const struct explanation *explanation, const struct mask *mask, struct arena *arena);
/* Of one with an upstream: the URL that this would get, masked. */

void explanation_print(const struct explanation *explanation, const struct mask *mask, struct arena *arena,
		       FILE *to);
/* Lines for people, masked, most of the upstream's bounds only where they were written. The arena is for what
 * is made on the way. */
