/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maglev: a table from keys to the members of a roster (Eisenbud et al., Maglev, NSDI 2016, section 3.4).
 *
 * Looking up is one access. When a member leaves, its keys are shared out among the others, and few of theirs
 * move. Every node that has the same addresses and weights has the same table, in whatever order they stand.
 */
#pragma once

#include "base/str.h"

struct maglev_member {
	str name;        /* what it is known by on every node */
	uint32_t weight; /* above 0 */
	uint16_t index;  /* what the table says for it */
};

struct maglev {
	uint32_t size; /* a prime */
	uint16_t slots[];
};

struct maglev *maglev_new(struct maglev_member *members, size_t count);
/* Sorts the members; count is 1 to 65536. As many slots as give the lightest one about a hundred, 251 to
 * 65537: of two bytes each. */

void maglev_free(struct maglev **maglev);
/* Clears the address, accepts NULL. */

static inline uint16_t maglev_find(const struct maglev *maglev, uint64_t key, unsigned step)
/* Whose the key is; and at further steps, who comes next for it. */
{
	return maglev->slots[(key + step) % maglev->size];
}
