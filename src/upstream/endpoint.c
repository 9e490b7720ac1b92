/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint: the table that gives one text one endpoint, for as long as the process lives.
 *
 * The lock is held only while a configuration is compiled, never by a request, which has its endpoints by
 * pointer. An endpoint that no configuration names any more stays: its number is in every worker's tables.
 * That is what the bound is for.
 */
#include "upstream/endpoint.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/map.h"

enum { ENDPOINTS_MAX = 65536 };

struct endpoints {
	pthread_mutex_t lock;
	struct arena arena;
	struct map by_text;
};

struct endpoints *endpoints_new(void)
{
	struct endpoints *endpoints = calloc(1, sizeof *endpoints);

	ASSERT(endpoints);
	pthread_mutex_init(&endpoints->lock, NULL);
	arena_init(&endpoints->arena, NULL, SIZE_MAX / 2);
	map_init(&endpoints->by_text, &endpoints->arena, ENDPOINTS_MAX);
	return endpoints;
}

void endpoints_free(struct endpoints **endpoints)
{
	if (!*endpoints)
		return;
	arena_fini(&(*endpoints)->arena);
	pthread_mutex_destroy(&(*endpoints)->lock);
	free(*endpoints);
	*endpoints = NULL;
}

static result endpoint_make(struct endpoints *endpoints, str text, struct endpoint **ret_endpoint)
{
	struct address_text parts;
	struct endpoint *endpoint;

	TRY(address_text_parse(text, &parts));
	if (!parts.is_local && (str_is_empty(parts.host) || parts.port == 0))
		return error_make(ERROR_MALFORMED, "an endpoint needs a host and a port");
	endpoint = ARENA_NEW(&endpoints->arena, struct endpoint);
	endpoint->text = arena_str(&endpoints->arena, text);
	endpoint->host = arena_str(&endpoints->arena, parts.host);
	endpoint->port = parts.port;
	endpoint->is_named = !address_of_text(&parts, &endpoint->address);
	/* Numbers are never used twice, so workers' tables need no clean-up. */
	endpoint->number = (unsigned)endpoints->by_text.count;
	if (endpoint->is_named && parts.is_local)
		return error_make(ERROR_MALFORMED, "the path of a Unix socket has at most 107 bytes");
	if (!map_add(&endpoints->by_text, endpoint->text, endpoint))
		return error_make(ERROR_LIMIT, "more than 65536 endpoints");
	*ret_endpoint = endpoint;
	return OK;
}

result endpoints_get(struct endpoints *endpoints, str text, struct endpoint **ret_endpoint)
{
	result_value made = OK;

	pthread_mutex_lock(&endpoints->lock);
	*ret_endpoint = map_get(&endpoints->by_text, text);
	if (!*ret_endpoint)
		made = endpoint_make(endpoints, text, ret_endpoint);
	pthread_mutex_unlock(&endpoints->lock);
	return made;
}
