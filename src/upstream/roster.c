/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster: made whole, counted, and freed by the last one who has it.
 */
#include "upstream/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct roster *roster_new(const struct roster_member *members, size_t count)
{
	struct roster *roster = calloc(1, sizeof *roster + count * sizeof *members);

	ASSERT(roster);
	atomic_init(&roster->references, 1);
	roster->count = count;
	for (size_t i = 0; i < count; i++) {
		roster->members[i] = members[i];
		atomic_fetch_add_explicit(&members[i].endpoint->rosters, 1, memory_order_relaxed);
	}
	return roster;
}

struct roster *roster_ref(struct roster *roster)
{
	atomic_fetch_add_explicit(&roster->references, 1, memory_order_relaxed);
	return roster;
}

static void roster_free(struct roster *roster)
{
	for (size_t i = 0; i < roster->count; i++) {
		struct endpoint *endpoint = roster->members[i].endpoint;

		atomic_fetch_sub_explicit(&endpoint->rosters, 1, memory_order_relaxed);
		endpoint_unref(&endpoint);
	}
	free(roster);
}

void roster_unref(struct roster **address)
{
	struct roster *roster = *address;

	*address = NULL;
	if (roster && atomic_fetch_sub_explicit(&roster->references, 1, memory_order_acq_rel) == 1)
		roster_free(roster);
}

bool roster_is_same(const struct roster *a, const struct roster *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct roster_member *x = &a->members[i], *y = &b->members[i];

		if (x->endpoint != y->endpoint || x->weight != y->weight || x->is_backup != y->is_backup)
			return false;
	}
	return true;
}
