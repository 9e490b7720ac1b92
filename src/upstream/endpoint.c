/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint: the table that gives one text one endpoint, for as long as somebody refers to it.
 *
 * The lock is held only while a configuration is compiled and when an endpoint goes, never by a request,
 * which has its endpoints by pointer.
 */
#include "upstream/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { ENDPOINTS_MAX = 65536 };

struct endpoints {
	struct registry by_text;
};

static result endpoint_check(const struct address_text *parts, bool is_named)
{
	if (!parts->is_local && (str_is_empty(parts->host) || parts->port == 0))
		return error_make(ERROR_MALFORMED, "an endpoint needs a host and a port");
	if (is_named && parts->is_local)
		return error_make(ERROR_MALFORMED, "the path of a Unix socket has at most 107 bytes");
	return OK;
}

/* One piece of memory: the texts follow the struct. */
static struct endpoint *endpoint_new(str text, str host)
{
	struct endpoint *endpoint = calloc(1, sizeof *endpoint + text.len + host.len);
	char *room;

	ASSERT(endpoint);
	room = (char *)(endpoint + 1);
	memcpy(room, text.ptr, text.len);
	if (host.len)
		memcpy(room + text.len, host.ptr, host.len);
	endpoint->text = (str) { room, text.len };
	endpoint->host = (str) { room + text.len, host.len };
	endpoint->registered.name = endpoint->text;
	return endpoint;
}

static result endpoint_make(void *owner, str text, struct registered **ret_made)
{
	struct address_text parts;
	struct endpoint *endpoint;
	struct address address = { 0 };
	bool is_named;

	(void)owner;
	TRY(address_text_parse(text, &parts));
	is_named = !address_of_text(&parts, &address);
	TRY(endpoint_check(&parts, is_named));
	endpoint = endpoint_new(text, parts.host);
	endpoint->port = parts.port;
	endpoint->is_named = is_named;
	endpoint->address = address;
	*ret_made = &endpoint->registered;
	return OK;
}

static void endpoint_release(struct registered *registered)
{
	free(registered);
}

struct endpoints *endpoints_new(void)
{
	struct endpoints *endpoints = calloc(1, sizeof *endpoints);

	ASSERT(endpoints);
	registry_init(&endpoints->by_text, ENDPOINTS_MAX, endpoint_make, endpoint_release, endpoints);
	return endpoints;
}

void endpoints_free(struct endpoints **endpoints)
{
	if (!*endpoints)
		return;
	registry_fini(&(*endpoints)->by_text);
	free(*endpoints);
	*endpoints = NULL;
}

result endpoints_get(struct endpoints *endpoints, str text, struct endpoint **ret_endpoint)
{
	struct registered *registered;
	result_value got = registry_get(&endpoints->by_text, text, &registered);

	*ret_endpoint = failed(got) ? NULL : (struct endpoint *)registered;
	return got.kind == ERROR_LIMIT ? error_make(ERROR_LIMIT, "more than 65536 endpoints") : got;
}

size_t endpoints_count(struct endpoints *endpoints)
{
	return registry_count(&endpoints->by_text);
}

struct endpoint *endpoint_ref(struct endpoint *endpoint)
{
	registered_ref(&endpoint->registered);
	return endpoint;
}

void endpoint_unref(struct endpoint **endpoint)
{
	if (*endpoint)
		registered_unref(&(*endpoint)->registered);
	*endpoint = NULL;
}
