/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash: a fast keyed hash for tables in memory.
 *
 * Keyed, because names come from outside: whoever does not know the seed cannot aim at one bucket.
 * Not for anything that is stored or compared between processes.
 */
#pragma once

#include <stdint.h>

#include "base/str.h"

uint64_t hash_bytes(str s, uint64_t seed);
uint64_t hash_mix(uint64_t a, uint64_t b);
