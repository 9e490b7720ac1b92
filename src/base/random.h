/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random: from the kernel for seeds and secrets; a small generator for what only needs to spread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t len);
/* getrandom(2): good for keys. */

uint64_t random_u64(void);
/* From the kernel: a system call each. For seeds. */

/* xoshiro-like state of one thread: cheap, unpredictable from outside only while the seed is secret. */
struct random {
	uint64_t a, b;
};

void random_init(struct random *random);
/* Seeded by the kernel. */

uint64_t random_next(struct random *random);

uint64_t random_below(struct random *random, uint64_t bound);
/* In [0, bound); bound > 0. */
