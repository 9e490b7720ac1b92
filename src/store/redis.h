/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis: a worker's client of a Redis, or of a Redis Cluster: scripts are run there, next to what they count.
 *
 * One round trip a call: a script is named by its digest, and sent whole only to a server that does not have
 * it. Whether it is a cluster nobody need say: a server that is a part of one sends who asks for another's
 * keys to that one, and from then on each is asked for its own.
 *
 * A client belongs to a worker, and lives as long as some configuration has its place.
 */
#pragma once

#include "base/result.h"
#include "base/str.h"
#include "base/time.h"

enum { REDIS_INTEGERS_MAX = 8, REDIS_WORDS_MAX = 16, REDIS_SHA1_LEN = 40, REDIS_NUMBER_MAX = 24 };

struct redis_means; /* redis_connection.h */
struct redis_place;

struct redis_script {
	str source; /* lives for ever */
	char sha1[REDIS_SHA1_LEN];
};

void redis_script_init(struct redis_script *script, str source);

/* What the script returned: integers. */
struct redis_answer {
	int64_t at[REDIS_INTEGERS_MAX];
	size_t count;
};

struct redis_call {
	const struct redis_script *script;
	const str *keys;  /* all of one slot; see redis_slots.h */
	size_t key_count; /* at least 1 */
	const str *arguments;
	size_t argument_count;
	bool (*read)(void *self,
		     const struct redis_answer *answer); /* false: the script returns no such thing */
	void *self;
};

str redis_number(int64_t number, char out[REDIS_NUMBER_MAX]);
/* As an argument; slices of out. */

struct redis; /* of one worker */

result redis_run(struct redis *redis, const struct redis_call *call, deadline until);
/* Yields, at most until then. ERROR_REFUSED: it is not available, and nobody waited; ERROR_TIMEOUT;
 * ERROR_LIMIT; ERROR_CLOSED, ERROR_RESET, ERROR_MALFORMED: what came back was no answer; ERROR_INVALID: none
 * of the script's; ERROR_DENIED: an error; ERROR_CANCELLED. Whether the script has run is known only when it
 * is OK. */

/* All clients of a worker. */
struct redis_clients;

struct redis_clients *redis_clients_new(const struct redis_means *means);
/* means: without tls_clients and values, which are the clients' own. Copied. On the worker's thread, as all
 * of this. */

struct redis *redis_clients_get(struct redis_clients *clients, struct redis_place *place);
/* Finds or makes it, and then begins to connect. There as long as the place is listed. NULL: the worker ends.
 */

void redis_clients_stop(struct redis_clients *clients);
/* The worker ends: who waits is told, and what runs in fibers unwinds in the loop. */

void redis_clients_free(struct redis_clients **clients);
/* After that, or when none was made. Clears the address, accepts NULL. */
