/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_place: a Redis as the configuration knows it, and what all workers together know of it.
 *
 * Found by a digest of all that it is asked by, so that a reload that leaves it alone leaves its connections
 * alone too. Immutable and counted, but for the numbers at its end, which any thread may read.
 */
#pragma once

#include "base/arena.h"
#include "base/registry.h"
#include "base/time.h"
#include "io/address.h"

struct tls_client_identity;

enum { REDIS_ADDRESSES_MAX = 32, REDIS_ID_LEN = 32 };

struct redis_options {
	const str
		*addresses; /* as address_text_parse() reads them: of a cluster, or of one and its replicas */
	size_t address_count;   /* 1 to REDIS_ADDRESSES_MAX */
	duration timeout;       /* of a call */
	str username, password; /* empty: none */
	int64_t database;
	str prefix;                      /* of all keys */
	struct tls_client_identity *tls; /* NULL: nothing is encrypted */
};

/* What became of a call. */
enum redis_outcome {
	REDIS_ANSWERED,
	REDIS_DENIED,  /* by an error that it sent */
	REDIS_LATE,    /* no answer in time */
	REDIS_BROKEN,  /* the connection broke, or what came was no answer */
	REDIS_SKIPPED, /* nobody waited: it is known not to be there */
	REDIS_OUTCOMES,
};

struct redis_place {
	struct registered registered; /* first; its name is the digest */
	struct redis_options options; /* copies */
	struct arena arena;
	char id[REDIS_ID_LEN];      /* of this process, at random */
	_Atomic uint32_t listings;  /* configurations that have it; without one connections end */
	_Atomic uint32_t down;      /* connections of workers that cannot be had */
	_Atomic uint32_t gateways;  /* that count there, as last seen; at least 1 */
	_Atomic int64_t census_due; /* a deadline: when they are to be counted again */
	_Atomic uint64_t outcomes[REDIS_OUTCOMES];
};

struct redis_places;

struct redis_places *redis_places_new(void);
/* All of a process. */

void redis_places_free(struct redis_places **places);
/* When nobody has one any more. Clears the address, accepts NULL. */

struct redis_place *redis_places_get(struct redis_places *places, const struct redis_options *options);
/* Finds or makes it, from any thread; the caller has it until redis_place_unref(). */

struct redis_place *redis_place_ref(struct redis_place *place);
void redis_place_unref(struct redis_place **place);
/* From any thread. The last one frees it and wipes the password; clears the address, accepts NULL. */

void redis_place_list(struct redis_place *place);
void redis_place_unlist(struct redis_place *place);
/* A configuration has it in between. */

bool redis_place_is_listed(const struct redis_place *place);

void redis_place_count(struct redis_place *place, enum redis_outcome outcome);
