/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_set: the keys of an issuer, as they are now; shared by all routes and all configurations that name
 * them.
 *
 * They come from the configuration and stay, or from elsewhere and change: then they are published whole, and
 * whoever verifies has one set or the next. Each change has a number that no set of the process had before:
 * what was found out by it holds as long as the number is the same.
 */
#pragma once

#include "base/registry.h"
#include "codec/jwk.h"
#include "fiber/fiber.h"
#include "loop/loop.h"

enum { KEY_SETS_MAX = 10000 };

struct key_set;
struct key_sets;

struct key_sets *key_sets_new(void);
/* All of a process. */

void key_sets_free(struct key_sets **sets);
/* When nobody has one any more. Clears the address, accepts NULL. */

/* Where they come from; the value is what the name of a set begins with. */
enum key_origin {
	KEYS_GIVEN = '=',     /* they do not change; all others are fetched */
	KEYS_AT_URL = 'u',    /* a JWK Set */
	KEYS_OF_ISSUER = 'i', /* where its metadata say (OpenID Connect Discovery 1.0, RFC 8414) */
};

result key_sets_get(struct key_sets *sets, enum key_origin origin, str url, struct key_set **ret_set);
/* One that is fetched (not KEYS_GIVEN), by whom the sets tell. The caller has it until key_set_unref().
 * ERROR_LIMIT: there are too many. */

result key_sets_keep(struct key_sets *sets, struct jwk_set *keys, str content, struct key_set **ret_set);
/* One that does not change, found by what it was made of: the same content is the same set, over reloads too.
 * Takes the keys in any case. */

struct key_set *key_set_ref(struct key_set *set);
void key_set_unref(struct key_set **set);
/* From any thread. Clears the address, accepts NULL. */

str key_set_url(const struct key_set *set);
str key_set_authority(const struct key_set *set);
enum key_origin key_set_origin(const struct key_set *set);
/* The URL and the authority are those of one that is fetched; as long as the set. The authority is who is
 * asked, "host:port" as it stands in the URL. */

struct jwk_set *key_set_take(struct key_set *set);
/* Its keys now, the caller's until jwk_set_unref(). NULL: there are none, never had or too old. From any
 * thread. */

uint64_t key_set_version(const struct key_set *set);
/* 0: there are none. Costs no lock. */

void key_set_publish(struct key_set *set, struct jwk_set *keys);
/* Takes the keys. NULL: those that there are hold no longer. From any thread. */

/* ---- those that are fetched ---- */

void key_sets_tell(struct key_sets *sets, void (*on_wanted)(void *owner), void *owner);
/* on_wanted is called from any thread when keys are wanted before they are due. NULL: nobody fetches. */

result key_set_wait(struct key_set *set, struct loop *loop, struct fiber *self, deadline until);
/* Yields until the fetch that is under way has ended, or one that begins now; at once when none may begin:
 * one in KEY_SET_PATIENCE is begun on request, however many ask. OK does not say that there are keys.
 * ERROR_TIMEOUT, ERROR_CANCELLED. */

/* Whether keys are to be fetched, and before which others: the last first. */
enum key_set_need {
	KEYS_NOT_NEEDED,    /* not now, or it is under way */
	KEYS_DUE_AGAIN,     /* the last fetch failed */
	KEYS_AWAITED_AGAIN, /* likewise, and requests wait for them */
	KEYS_DUE,
	KEYS_AWAITED,
};

enum key_set_need key_set_need(struct key_set *set, deadline now);
/* From any thread. */

bool key_set_begin(struct key_set *set, deadline now);
/* By who fetches: whether to do so now. It is under way then, until key_set_end(). */

struct key_set_fetched {
	struct jwk_set *keys; /* NULL: there were none to be had; taken */
	str content;          /* what they were made of: the same is no change */
	duration lifetime;    /* for which they may be kept, as it was told; 0: nothing was */
};

void key_set_end(struct key_set *set, const struct key_set_fetched *fetched, deadline now);
/* Publishes what has changed, says when it is due again, and wakes who waits. Without keys the last ones hold
 * on for KEY_SET_STALE. */

bool key_set_is_failing(struct key_set *set);
/* The last fetch came to nothing. */

#define KEY_SET_PATIENCE (30 * SECOND)
#define KEY_SET_STALE (24 * HOUR)
