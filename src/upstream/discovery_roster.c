/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discovery_roster: an answer of DNS as a roster.
 *
 * Sorted, because DNS servers turn the order of their answers round, and that is no change.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "upstream/discovery_private.h"

static int member_compare(const void *a, const void *b)
{
	const struct roster_member *x = a, *y = b;

	return str_cmp(x->endpoint->text, y->endpoint->text);
}

/* RFC 2782: those with the lowest number serve. */
static uint16_t lowest_priority(const struct dns_records *records)
{
	uint16_t lowest = UINT16_MAX;

	for (size_t i = 0; i < records->count; i++)
		if (records->at[i].priority < lowest)
			lowest = records->at[i].priority;
	return lowest;
}

/* One that is named twice is one: with its better half, and both of its shares. */
static size_t merge_doubles(struct roster_member *members, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct roster_member *last = kept ? &members[kept - 1] : NULL;

		if (!last || last->endpoint != members[i].endpoint) {
			members[kept++] = members[i];
			continue;
		}
		if (last->is_backup == members[i].is_backup)
			last->weight += members[i].weight;
		else if (last->is_backup)
			last->weight = members[i].weight;
		last->is_backup &= members[i].is_backup;
		endpoint_unref(&members[i].endpoint);
	}
	return kept;
}

/* A weight of 0 asks for few requests and not for none (RFC 2782). */
struct roster *discovery_roster_of(struct endpoints *endpoints, const struct dns_records *records)
{
	struct roster_member *members = calloc(records->count + 1, sizeof *members);
	uint16_t lowest = lowest_priority(records);
	size_t count = 0;
	struct roster *roster;

	ASSERT(members);
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->at[i];
		char text[ADDRESS_TEXT_MAX];
		struct buf printed = buf_over(text, sizeof text);

		address_print(&record->address, &printed);
		members[count] = (struct roster_member) { .weight = record->weight ? record->weight : 1,
							  .is_backup = record->priority != lowest };
		if (!failed(endpoints_get(endpoints, buf_str(&printed), &members[count].endpoint)))
			count++;
	}
	qsort(members, count, sizeof *members, member_compare);
	count = merge_doubles(members, count);
	roster = roster_new(members, count);
	free(members);
	return roster;
}
