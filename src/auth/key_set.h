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

enum { KEY_SETS_MAX = 10000 };

struct key_set;
struct key_sets;

struct key_sets *key_sets_new(void);
/* All of a process. */

void key_sets_free(struct key_sets **sets);
/* When nobody has one any more. Clears the address, accepts NULL. */

result key_sets_get(struct key_sets *sets, str name, struct key_set **ret_set);
/* By where it comes from. The caller has it until key_set_unref(). ERROR_LIMIT: there are too many. */

result key_sets_keep(struct key_sets *sets, struct jwk_set *keys, str content, struct key_set **ret_set);
/* One that does not change, found by what it was made of: the same content is the same set, over reloads too.
 * Takes the keys in any case. */

struct key_set *key_set_ref(struct key_set *set);
void key_set_unref(struct key_set **set);
/* From any thread. Clears the address, accepts NULL. */

str key_set_name(const struct key_set *set);
/* As long as the set. */

struct jwk_set *key_set_take(struct key_set *set);
/* Its keys now, the caller's until jwk_set_unref(). NULL: there were never any. From any thread. */

uint64_t key_set_version(const struct key_set *set);
/* 0: there were never any. Costs no lock. */

void key_set_publish(struct key_set *set, struct jwk_set *keys);
/* Takes the keys. NULL: those that there are hold no longer. From any thread. */
