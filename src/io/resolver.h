/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver: c-ares on a loop: one question, one call with what came of it. No cache; dns has one.
 *
 * c-ares keeps the servers, retries, search domains, /etc/hosts and the wire; its sockets are
 * registered here as sources, its timeouts are a timer. It reads resolv.conf when it starts and
 * /etc/hosts at each question, which is the one place where a loop touches a disk.
 */
#pragma once

#include "io/address.h"
#include "loop/loop.h"

struct resolver;

struct resolver_options {
	const char *servers; /* "address:port,..."; NULL: those of resolv.conf */
	duration patience;   /* with a server at the first try; 0: 2 s */
	int tries;           /* of each server; 0: 2 */
};

/* The addresses of a name, their port 0. Valid during the call only. */
struct resolver_answer {
	result_value status; /* OK, ERROR_MISSING: no such name; ERROR_REFUSED: nobody who could answer did */
	const struct address *at;
	size_t count;
	duration ttl;
};

typedef void (*resolver_fn)(void *argument, const struct resolver_answer *answer);

result resolver_new(struct loop *loop, const struct resolver_options *options,
		    struct resolver **ret_resolver);
void resolver_free(struct resolver **resolver);
/* Open questions are answered with ERROR_CANCELLED. */

void resolver_ask(struct resolver *resolver, const char *name, size_t max, resolver_fn fn, void *argument);
/* fn is called once, with at most max addresses, IPv4 first: from the loop, or before this returns. It must
 * not free the resolver nor run a fiber. */

typedef void (*resolver_message_fn)(void *argument, result_value status, str message);

void resolver_ask_services(struct resolver *resolver, const char *name, resolver_message_fn fn,
			   void *argument);
/* The same for SRV records: with the whole message, valid during the call only. It answers the question that
 * was asked; nothing else of it was looked at. */

void resolver_on_idle(struct resolver *resolver, void (*fn)(void *argument), void *argument);
/* fn is called from the loop after answers were given, where it may do anything: fibers are woken there. */
