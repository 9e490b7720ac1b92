/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the rows of `tls` to what is spoken by them. Everything that would keep a client from being served, or
 * would let one in that should not be, is an error here: a file that cannot be read, a pair that does not
 * belong together, CAs that nobody is checked by. What time alone will do is a warning.
 */
#include <stdatomic.h>

#include "codec/host.h"
#include "config/file_list.h"
#include "proxy/listener_tls_private.h"

static const duration soon = 14 * DAY;

struct compiling {
	struct reader *reader;
	const struct tls_owner *owner;
	struct listener_tls *tls;
	struct map files; /* by path */
	bool is_broken;
};

static void report(struct compiling *c, const struct node *at, const char *why)
{
	diagnostic_error(c->reader->diagnostics, at, "%s", why);
	c->is_broken = true;
}

/* Each file is read once, whoever names it; where it cannot be, the first to name it is told. */
static struct tls_file *add_file(struct compiling *c, const struct node *node)
{
	struct arena *arena = c->reader->arena;
	str path, text;
	struct tls_file *file;

	if (!node || node->kind != NODE_SCALAR || str_is_empty(node->text))
		return NULL;
	path = node_resolve_path(c->reader->document, node, node->text, arena);
	path = arena_printf(arena, "%.*s", STR_ARG(path));
	file = map_get(&c->files, path);
	if (file)
		return file;
	file = &c->tls->files[c->tls->file_count++];
	*file = (struct tls_file) { .path = path, .stamp = file_stamp(path.ptr) };
	(void)map_add(&c->files, path, file);
	if (!reader_read_file(c->reader, node, node->text, TLS_FILE_MAX, &text)) {
		c->is_broken = true;
		return file;
	}
	file->fresh = tls_blob_new(text);
	tls_wipe(text);
	return file;
}

/* In lower case, as clients' names are compared. A list that was refused has no texts, and was told. */
static str_list compile_names(struct compiling *c, const struct certificate_config *config)
{
	const struct node *node = node_find(config->entry.node, STR("names"));
	size_t max = config->names.len, count = 0;
	str *names = ARENA_ARRAY(c->reader->arena, str, max);

	for (const struct node *item = max ? node->first : NULL; item; item = item->next) {
		str name = item->text, rest = str_starts(name, STR("*.")) ? str_skip(name, 2) : name;
		struct buf room = arena_open(c->reader->arena, HOST_LEN_MAX + 3);
		struct host host;

		if (!host_parse(rest, &host) || host.name.len != rest.len || rest.len > HOST_LEN_MAX) {
			arena_close(c->reader->arena, &room);
			report(c, item, "want a host name such as api.example.com, or *.example.com");
			continue;
		}
		for (size_t i = 0; i < name.len; i++)
			buf_put_char(&room, ascii_lower(name.ptr[i]));
		names[count++] = arena_close(c->reader->arena, &room);
	}
	return (str_list) { names, count };
}

/* The entry's own word where it has one, else the owner's. */
static const struct node *find_word(const struct compiling *c, const struct certificate_config *config,
				    const char *key)
{
	const struct node *own = node_find(config->entry.node, str_of(key));

	return own ? own : node_find(node_find(c->owner->node, STR("tls")), str_of(key));
}

static void compile_demand(struct compiling *c, const struct certificate_config *config,
			   struct tls_source *source)
{
	bool is_own = node_find(config->entry.node, STR("client_certificate"));
	const struct node *node = find_word(c, config, "client_certificate");
	const struct node *authorities = find_word(c, config, "client_ca");

	source->settings.demand =
		(enum tls_demand)(is_own ? config->client_certificate : c->owner->config->client_certificate);
	if (source->settings.demand != TLS_DEMAND_NONE && !authorities)
		report(c, node, "needs client_ca: whose certificates clients may show");
	source->files[TLS_PART_CLIENT_CA] = add_file(c, authorities);
}

/* Whoever names CAs wants clients to be checked by them, and would not see that nobody is. */
static void check_authorities(struct compiling *c, const struct node *map, bool is_used)
{
	const struct node *authorities = node_find(map, STR("client_ca"));

	if (!authorities || is_used || node_find(map, STR("client_certificate")))
		return;
	diagnostic_error_key(c->reader->diagnostics, authorities,
			     "needs client_certificate: optional or required, or nobody is checked by it");
	c->is_broken = true;
}

static void compile_source(struct compiling *c, const struct certificate_config *config,
			   struct tls_source *source)
{
	bool has_minimum = node_find(config->entry.node, STR("minimum"));
	int minimum = has_minimum ? config->minimum : c->owner->config->minimum;

	source->files[TLS_PART_CERTIFICATE] = add_file(c, node_find(config->entry.node, STR("certificate")));
	source->files[TLS_PART_KEY] = add_file(c, node_find(config->entry.node, STR("key")));
	source->files[TLS_PART_STAPLE] = add_file(c, node_find(config->entry.node, STR("ocsp")));
	if (source->files[TLS_PART_CERTIFICATE])
		source->settings.path = source->files[TLS_PART_CERTIFICATE]->path;
	else
		c->is_broken = true; /* the key is missing, or its value wrong: reported */
	c->is_broken |= !source->files[TLS_PART_KEY];
	source->settings.minimum = minimum == TLS_MINIMUM_13 ? TLS1_3_VERSION : TLS1_2_VERSION;
	source->settings.names = compile_names(c, config);
	compile_demand(c, config, source);
	check_authorities(c, config->entry.node, source->settings.demand != TLS_DEMAND_NONE);
	source->stamps.seen = source->stamps.read = tls_source_stamp(source);
}

static const struct node *node_of(const struct certificate_config *config, enum tls_part part)
{
	static const char *const keys[TLS_PARTS] = { "certificate", "key", "ocsp", "client_ca" };
	const struct node *node = node_find(config->entry.node, str_of(keys[part]));

	return node ? node : config->entry.node;
}

static void warn_of_time(struct compiling *c, const struct node *at, const struct certificate_facts *facts,
			 wall_time now)
{
	char until[TIME_RFC3339_LEN];

	if (facts->complaint.len) {
		diagnostic_warning(c->reader->diagnostics, at, "the certificate %s%.*s",
				   facts->not_after < now ? "has " : "is ", STR_ARG(facts->complaint));
	} else if (facts->not_after - now < soon) {
		time_print_rfc3339(facts->not_after, until);
		diagnostic_warning(c->reader->diagnostics, at, "the certificate expires on %.19sZ", until);
	}
}

static void compile_material(struct compiling *c, wall_time now)
{
	struct listener_tls *tls = c->tls;
	struct tls_material *material = tls->material = tls_material_new(tls->count);

	for (size_t i = 0; i < tls->count; i++) {
		const struct certificate_config *config = &c->owner->config->certificates.at[i];
		struct tls_source *source = &tls->sources[i];
		struct tls_blobs blobs = { 0 };
		enum tls_part part;
		result_value set;

		for (size_t at = 0; at < TLS_PARTS; at++)
			if (source->files[at])
				blobs.at[at] = source->files[at]->fresh;
		set = tls_material_set(material, i, &source->settings, &blobs, now, &part);
		if (failed(set))
			report(c, node_of(config, part), set.why);
		else
			warn_of_time(c, node_of(config, TLS_PART_CERTIFICATE), &material->facts[i], now);
		if (!failed(set) && blobs.at[TLS_PART_STAPLE] && !material->facts[i].staple_until)
			diagnostic_warning(c->reader->diagnostics, node_of(config, TLS_PART_STAPLE),
					   "the OCSP response has expired: clients get none");
	}
	tls_material_seal(material, &tls->surroundings);
	atomic_init(&tls->digest, material->digest);
}

/* As a worker will. */
static void check_whole(struct compiling *c)
{
	struct tls_server_context *context = NULL;
	size_t index;
	result_value opened =
		tls_material_open(c->tls->material, &c->tls->surroundings, NULL, &context, &index);

	tls_server_context_free(&context);
	if (failed(opened))
		report(c, c->owner->config->certificates.at[index].entry.node, opened.why);
}

static struct listener_tls *tls_new(struct compiling *c)
{
	struct listener_tls *tls = ARENA_NEW(c->reader->arena, struct listener_tls);
	size_t count = c->owner->config->certificates.len;

	pthread_mutex_init(&tls->lock, NULL);
	tls->surroundings = c->owner->surroundings;
	tls->count = count;
	tls->sources = ARENA_ARRAY(c->reader->arena, struct tls_source, count);
	tls->files = ARENA_ARRAY(c->reader->arena, struct tls_file, count * TLS_PARTS);
	map_init(&c->files, c->reader->arena, count * TLS_PARTS);
	return tls;
}

static bool any_demands(const struct listener_tls *tls)
{
	for (size_t i = 0; i < tls->count; i++)
		if (tls->sources[i].settings.demand != TLS_DEMAND_NONE)
			return true;
	return false;
}

/* Their bytes are the material's. */
static void forget_files(struct listener_tls *tls)
{
	for (size_t i = 0; i < tls->file_count; i++)
		tls_blob_unref(&tls->files[i].fresh);
}

void listener_tls_compile(struct reader *reader, const struct tls_owner *owner, struct listener_tls **ret_tls)
{
	struct compiling c = { .reader = reader, .owner = owner };
	const struct node *node = node_find(owner->node, STR("tls"));
	struct listener_tls *tls;

	*ret_tls = NULL;
	if (!node)
		return;
	if (!node_find(node, STR("certificates"))) {
		diagnostic_error_key(reader->diagnostics, node, "the key \"certificates\" is missing");
		return;
	}
	if (!owner->config->certificates.len)
		return; /* reported */
	*ret_tls = tls = c.tls = tls_new(&c);
	for (size_t i = 0; i < tls->count; i++)
		compile_source(&c, &owner->config->certificates.at[i], &tls->sources[i]);
	check_authorities(&c, node, any_demands(tls));
	if (!c.is_broken)
		compile_material(&c, time_wall());
	if (!c.is_broken)
		check_whole(&c);
	forget_files(tls);
}
