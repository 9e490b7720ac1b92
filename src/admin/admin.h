/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin: the address at which the gateway itself is looked after.
 *
 *     GET  /healthz                                      it is alive
 *     GET  /readyz                                       it takes traffic; 503 while it drains
 *     GET  /metrics                                      for Prometheus
 *     GET  /v1/config                                    the configuration in force, secrets masked
 *     GET  /v1/apis                                      APIs and routes with their policies
 *     GET  /v1/consumers                                 who may knock, without credentials; up to 10,000
 *     GET  /v1/upstreams                                 endpoints with their load and latency
 *     GET  /v1/certificates                              of all who listen, until when they are good
 *     GET  /v1/explain?method=&url=&header=              what would become of a request
 *     POST /v1/reload                                    reads the configuration again
 *     POST /v1/check                                     says what is wrong with the one in the body
 *     POST /v1/upstreams/NAME/endpoints/ADDRESS/drain    no more requests to it
 *     POST /v1/upstreams/NAME/endpoints/ADDRESS/enable   and again
 *
 * It runs on the control thread, so nothing that is asked here costs a request anything. What it does to the
 * gateway goes through hooks. Who may ask is settled by the last configuration that wanted it to listen where
 * the question came in: another one that could not have its own address changes nothing of that.
 */
#pragma once

#include "base/journal.h"
#include "config/diagnostics.h"
#include "fiber/fiber.h"
#include "observe/metrics_text.h"
#include "proxy/edition.h"

struct admin;
struct tls_scratch;

enum admin_reload {
	ADMIN_RELOAD_APPLIED,
	ADMIN_RELOAD_UNCHANGED,
	ADMIN_RELOAD_REFUSED, /* it has errors, which were told */
	ADMIN_RELOAD_FAILED,  /* the journal has the words */
};

struct admin_hooks {
	struct edition *(*edition)(void *owner); /* in force; held by whoever keeps it over a yield */
	bool (*is_draining)(void *owner);
	void (*read)(void *owner, struct metrics_reading *ret_reading);
	enum admin_reload (*reload)(void *owner, struct fiber *self, diagnostics_fn tell, void *audience);
	/* Yields. */

	result (*check)(void *owner, struct fiber *self, str text, diagnostics_fn tell, void *audience);
	/* Yields. A candidate, which is not empty, as if it stood where the configuration does; diagnostics
	 * name it ADMIN_CANDIDATE. ERROR_INVALID when it has errors, ERROR_CANCELLED, ERROR_LIMIT. */
};

#define ADMIN_CANDIDATE "candidate.yaml"

struct admin_options {
	struct fibers *fibers;
	struct block_pool *blocks;
	struct journal *journal;
	struct metrics *metrics; /* NULL: nothing is counted */
	struct tls_scratch *tls; /* the thread's; outlives it */
	struct admin_hooks hooks;
	void *owner;
};

struct admin *admin_new(const struct admin_options *options);

result admin_listen(struct admin *admin, struct snapshot *snapshot, int inherited, diagnostics_fn tell,
		    void *audience);
/* From now on it listens where that one wants it, and nowhere else; where it does already, only the rules are
 * the new ones. NULL: nowhere. Takes a reference. Says so in the journal. inherited: a socket that is bound
 * there; -1: none. ERROR_SYSTEM: it goes on listening where it did, and the same call tries again; the
 * journal has the words, and tell gets them as a warning, unless it is NULL. */

struct snapshot *admin_snapshot(const struct admin *admin);
/* By whose rules it listens; NULL: nowhere. The admin's. */

int admin_socket(const struct admin *admin);
/* Which listens; -1: none does. */

void admin_cut(struct admin *admin);
/* It listens no more, and what is under way ends in further turns of the loop. */

size_t admin_connections(const struct admin *admin);

void admin_free(struct admin **admin);
/* Without connections. Clears the address, accepts NULL. */
