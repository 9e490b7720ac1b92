/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash: a fast keyed hash for tables in memory, and one for what several processes must agree on.
 *
 * Keyed, because names come from outside: whoever does not know the seed cannot aim at one bucket.
 * Not for anything that is stored or compared between processes, unless a sample is kept beside it that tells
 * whether it is still the same (store/quota_file.c).
 */
#pragma once

#include <stdint.h>

#include "base/str.h"

uint64_t hash_bytes(str s, uint64_t seed);
uint64_t hash_mix(uint64_t a, uint64_t b);

uint64_t hash_scatter(uint64_t x);
/* Every bit of the result depends on every bit of the argument, and no two have the same. */

uint64_t hash_stable(str s);
/* Without a key: the same everywhere and for ever, and anybody may aim at it. */
