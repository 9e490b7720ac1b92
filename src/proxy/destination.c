/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/destination.h"

#include "base/assert.h"
#include "codec/url.h"

static const str https = STR_INIT("https://");

enum { DESTINATIONS_MAX = 10000 };

void destinations_init(struct destinations *destinations, struct reader *reader, struct snapshot *snapshot,
		       const struct upstream_identities *identities, const struct map *upstreams)
{
	*destinations = (struct destinations) {
		.reader = reader,
		.snapshot = snapshot,
		.identities = identities,
		.upstreams = upstreams,
		.upstreams_max = snapshot->upstream_count,
		.redact_max = snapshot->config.log.access.redact.len,
		.keys = { .reader = reader, .snapshot = snapshot },
	};
	map_init(&destinations->by_origin, reader->arena, DESTINATIONS_MAX);
}

static void add_upstream(struct destinations *d, struct upstream *upstream)
{
	struct snapshot *snapshot = d->snapshot;

	snapshot->upstreams = arena_widen(d->reader->arena, snapshot->upstreams, snapshot->upstream_count,
					  sizeof *snapshot->upstreams, &d->upstreams_max);
	snapshot->upstreams[snapshot->upstream_count++] = upstream;
}

/* As if it stood in the file, with every default. origin: "https://host:port". */
static struct upstream *make_upstream(struct destinations *d, const struct node *url, str origin, str address)
{
	struct arena *arena = d->reader->arena;
	struct upstream_config *config = ARENA_NEW(arena, struct upstream_config);
	struct endpoint_config *endpoint = ARENA_NEW(arena, struct endpoint_config);
	struct upstream *upstream;
	result_value compiled;

	fields_read(d->reader, NULL, upstream_fields, config);
	config->entry = (struct entry) { origin, url };
	config->is_secure = str_starts(origin, https);
	if (config->is_secure)
		config->protocol = UPSTREAM_AUTO;
	*endpoint = (struct endpoint_config) { .entry.node = url, .address = address, .weight = 1 };
	config->endpoints.at = endpoint;
	config->endpoints.len = 1;
	admin_check_endpoint(d->reader, &d->snapshot->config, url, address);
	compiled = upstream_compile(d->reader, d->identities, config, d->snapshot->upstream_count, &upstream);
	if (failed(compiled))
		return NULL; /* reported */
	add_upstream(d, upstream);
	ASSERT(map_add(&d->by_origin, origin, upstream));
	return upstream;
}

static struct upstream *find_origin(struct destinations *d, const struct node *node, const struct url *url)
{
	struct arena *arena = d->reader->arena;
	struct upstream *upstream = map_get(&d->by_origin, url->origin);
	struct buf address;
	str text;

	if (upstream)
		return upstream;
	if (d->by_origin.count == DESTINATIONS_MAX) {
		diagnostic_error(d->reader->diagnostics, node,
				 "there are more than %d different services to ask", DESTINATIONS_MAX);
		return NULL;
	}
	address = arena_open(arena, url->host.name.len + sizeof ":65535");
	buf_put(&address, url->host.name);
	buf_put_char(&address, ':');
	buf_put_u64(&address, url->port);
	text = arena_close(arena, &address);
	return make_upstream(d, node, url->origin, text);
}

static const struct destination *find_url(void *owner, const struct node *url)
{
	struct destinations *d = owner;
	struct destination *destination = ARENA_NEW(d->reader->arena, struct destination);
	str text = arena_str(d->reader->arena, url->text); /* a node's own need not live as long */
	struct url parts;
	const char *wrong = url_parse(text, &parts);

	if (wrong) {
		diagnostic_error(d->reader->diagnostics, url, "%s", wrong);
		return NULL;
	}
	destination->host = parts.authority;
	destination->target = parts.target;
	if (!str_starts(destination->target, STR("/")))
		destination->target =
			arena_join(d->reader->arena, (str[]) { STR("/"), destination->target }, 2);
	destination->upstream = find_origin(d, url, &parts);
	return destination->upstream ? destination : NULL;
}

static const struct destination *find_upstream(void *owner, const struct node *name)
{
	struct destinations *d = owner;
	struct destination *destination = ARENA_NEW(d->reader->arena, struct destination);

	destination->upstream = map_get(d->upstreams, name->text);
	if (destination->upstream)
		return destination;
	gateway_report_unknown_upstream(&d->snapshot->config, d->reader, name, name->text, false);
	return NULL;
}

static void manage(void *owner, str name)
{
	struct destinations *d = owner;
	struct managed_names *managed = &d->snapshot->managed;

	if (managed_has(managed, name))
		return;
	managed->at = arena_widen(d->reader->arena, managed->at, managed->count, sizeof *managed->at,
				  &d->managed_max);
	managed->at[managed->count++] = name;
}

/* Once, however many routes have a policy with that name: logs and requests go through them all. */
static void add_name(struct destinations *d, str_list *list, size_t *max, str name)
{
	str *at;

	for (size_t i = 0; i < list->len; i++)
		if (str_eq(list->at[i], name))
			return;
	at = arena_widen(d->reader->arena, list->at, list->len, sizeof *at, max);
	at[list->len++] = name;
	list->at = at;
}

static void redact(void *owner, str parameter)
{
	struct destinations *d = owner;

	add_name(d, &d->snapshot->config.log.access.redact, &d->redact_max, parameter);
}

static void keep_cookie(void *owner, str name)
{
	struct destinations *d = owner;

	add_name(d, &d->snapshot->cookies, &d->cookies_max, name);
}

static struct key_set *find_keys(void *owner, const struct node *at, const struct node *keys, str issuer)
{
	return key_source_find(&((struct destinations *)owner)->keys, at, keys, issuer);
}

static struct revocations *find_revocations(void *owner, const struct node *path)
{
	return key_source_revocations(&((struct destinations *)owner)->keys, path);
}

static struct key_set *keep_keys(void *owner, const struct node *at, struct jwk_set *keys, str content)
{
	return key_source_keep(&((struct destinations *)owner)->keys, at, keys, content);
}

struct policy_hooks destinations_hooks(struct destinations *destinations)
{
	return (struct policy_hooks) { .find_url = find_url,
				       .find_upstream = find_upstream,
				       .find_keys = find_keys,
				       .find_revocations = find_revocations,
				       .keep_keys = keep_keys,
				       .manage = manage,
				       .redact = redact,
				       .keep_cookie = keep_cookie,
				       .owner = destinations };
}
