/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster: made whole, counted, and freed by the last one who has it.
 */
#include "upstream/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "upstream/serving.h"

struct roster *roster_new(const struct roster_member *members, size_t count)
{
	struct roster *roster = calloc(1, sizeof *roster + count * sizeof *members);

	ASSERT(roster);
	atomic_init(&roster->references, 1);
	roster->count = count;
	for (size_t i = 0; i < count; i++) {
		roster->members[i] = members[i];
		if (!members[i].is_backup)
			roster->weight += members[i].weight;
		roster->members[i].upto = roster->weight;
		atomic_fetch_add_explicit(&members[i].endpoint->rosters, 1, memory_order_relaxed);
	}
	return roster;
}

struct roster *roster_watched(const struct roster *roster, const struct roster_rules *rules,
			      struct standings *standings, str upstream)
{
	struct roster_member *members = calloc(roster->count + 1, sizeof *members);
	struct roster *watched;

	ASSERT(members);
	for (size_t i = 0; i < roster->count; i++) {
		members[i] = roster->members[i];
		endpoint_ref(members[i].endpoint);
		members[i].standing = standings_get(standings, upstream, members[i].endpoint->text);
	}
	watched = roster_new(members, roster->count);
	free(members);
	watched->rules = *rules;
	serving_settle(watched);
	return watched;
}

static struct maglev *maglev_of(const struct roster *roster)
{
	struct maglev_member *members = calloc(roster->count, sizeof *members);
	struct maglev *maglev;
	size_t count = 0;

	ASSERT(members);
	for (size_t i = 0; i < roster->count; i++) {
		const struct roster_member *member = &roster->members[i];

		if (member->weight && !member->is_backup)
			members[count++] = (struct maglev_member) { member->endpoint->text, member->weight,
								    (uint16_t)i };
	}
	maglev = maglev_new(members, count);
	free(members);
	return maglev;
}

/* Two that make it at once make the same: the second throws its own away. */
void roster_make_maglev(struct roster *roster)
{
	struct maglev *made, *nobodys = NULL;

	if (!roster->weight || roster_maglev(roster))
		return;
	made = maglev_of(roster);
	if (!atomic_compare_exchange_strong_explicit(&roster->maglev, &nobodys, made, memory_order_acq_rel,
						     memory_order_acquire))
		maglev_free(&made);
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
		standing_unref(&roster->members[i].standing);
	}
	free(atomic_load_explicit(&roster->maglev, memory_order_relaxed));
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
