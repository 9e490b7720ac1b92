/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generation: room for the turns of all upstreams, which the kernel gives only where it is written to.
 */
#include "proxy/generation.h"

#include <stdlib.h>

#include "base/assert.h"

static size_t most_fields(const struct snapshot *snapshot)
{
	size_t most = 0;

	for (size_t i = 0; i < snapshot->listener_count; i++)
		if (snapshot->listeners[i].h1.fields > most)
			most = snapshot->listeners[i].h1.fields;
	return most;
}

struct generation *generation_new(struct edition *edition)
{
	struct generation *generation = calloc(1, sizeof *generation);
	const struct snapshot *snapshot = edition->snapshot;

	ASSERT(generation);
	generation->users = 1;
	generation->edition = edition_ref(edition);
	generation->snapshot = snapshot;
	arena_init(&generation->arena, NULL, SIZE_MAX / 2);
	generation->turns = calloc(snapshot->upstream_count + 1, sizeof *generation->turns);
	generation->request_fields = calloc(most_fields(snapshot) + 1, sizeof *generation->request_fields);
	ASSERT(generation->turns && generation->request_fields);
	return generation;
}

void generation_end(struct generation *generation)
{
	free(generation->request_fields);
	free(generation->turns);
	arena_fini(&generation->arena);
	edition_unref(&generation->edition);
	free(generation);
}
