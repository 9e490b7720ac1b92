/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners say who gets in and how much they may send, so what is wider there is a risk. Upstreams are the
 * owner's own: what changes in them is told, but it opens nothing, except for whom is believed to be one.
 * A consumer more is somebody more who gets in, and where the gateway refuses later it lets in more. The same
 * holds for what bounds the gateway itself: its admin address, its log, what it counts with.
 */
#include "main/diff_sections.h"

#include "main/diff_consumers.h"
#include "main/diff_target.h"
#include "main/diff_tls.h"

struct section_risk {
	const char *option;
	enum risk_direction weaker;
};

/* Whatever is not in here is RISK_OTHER. */
static const struct section_risk listener_risks[] = {
	{ "trusted_proxies", RISK_MORE },
	{ "proxy_protocol", RISK_MORE },
	{ "limits.request_line", RISK_MORE },
	{ "limits.header_field", RISK_MORE },
	{ "limits.header_name", RISK_MORE },
	{ "limits.header_size", RISK_MORE },
	{ "limits.headers", RISK_MORE },
	{ "limits.body", RISK_MORE },
	{ "limits.header_timeout", RISK_MORE },
	{ "limits.handshake_timeout", RISK_MORE },
	{ "limits.body_timeout", RISK_MORE },
	{ "limits.idle_timeout", RISK_MORE },
	{ "limits.requests_per_connection", RISK_MORE_OR_NONE },
	{ "limits.connections", RISK_MORE },
	{ "limits.streams", RISK_MORE },
	{ "limits.replay", RISK_MORE },
	{ "priority", RISK_MORE }, /* what comes there is let in when nobody else is */
	{ "address", RISK_MORE },  /* text: who can reach the new one cannot be told */
	{ 0 },
};

static const struct section_risk limits_risks[] = {
	{ "memory", RISK_MORE_OR_NONE },
	{ "lag", RISK_MORE_OR_NONE },
	{ 0 },
};

/* Who is believed with other authorities, or by another name, cannot be told. */
static const struct section_risk upstream_risks[] = {
	{ "tls.verify", RISK_FEWER },
	{ "tls.ca", RISK_ANY },
	{ "tls.server_name", RISK_ANY },
	{ 0 },
};

/* Who gets in, and as what. */
static const struct section_risk consumer_risks[] = {
	{ "groups", RISK_MORE },       { "api_keys", RISK_MORE }, { "basic.password", RISK_ANY },
	{ "certificates", RISK_MORE }, { "labels", RISK_ANY },    { 0 },
};

/* With another file, and with none at each start, quotas begin afresh. */
static const struct section_risk quotas_risks[] = { { "file", RISK_FEWER }, { 0 } };

static const struct section_risk log_risks[] = { { "access.redact", RISK_FEWER_NAMES }, { 0 } };

/* Who can reach another address, or knows another token, cannot be told. */
static const struct section_risk admin_risks[] = {
	{ "address", RISK_ANY }, /* first: see compare_reach() */
	{ "token", RISK_FEWER },
	{ "tls.client_certificate", RISK_FEWER },
	{ "tls.client_ca", RISK_ANY },
	{ "tls.minimum", RISK_FEWER },
	{ 0 },
};

/* With another Redis, or other keys there, all limits begin afresh. */
static const struct section_risk store_risks[] = {
	{ "redis", RISK_ANY },           { "prefix", RISK_ANY },
	{ "database", RISK_ANY },        { "on_failure", RISK_MORE },
	{ "tls.verify", RISK_FEWER },    { "tls.ca", RISK_ANY },
	{ "tls.server_name", RISK_ANY }, { 0 },
};

struct section {
	struct diff_lines *lines;
	const char *kind; /* "listeners" */
	str name;         /* empty: there is but one */
	const struct section_risk *risks;
};

/* By what it means: for each name, see diff_tls(), and see compare_redirect(). */
static bool is_told_by_meaning(const struct section *section, str path)
{
	return section->risks == listener_risks &&
	       (str_eq(path, STR("tls.client_certificate")) || str_eq(path, STR("tls.minimum")) ||
		str_eq(path, STR("tls.client_ca")) || str_eq(path, STR("redirect_to_https")));
}

/* Hashes: of no use to who reads this, and better not spread. */
static bool is_credential(const struct section *section, str path)
{
	return section->risks == consumer_risks &&
	       (str_eq(path, STR("api_keys")) || str_eq(path, STR("basic.password")));
}

/* "listeners.public", or "admin". */
static str section_print(const struct section *section)
{
	return arena_printf(section->lines->arena, "%s%s%.*s", section->kind, section->name.len ? "." : "",
			    STR_ARG(section->name));
}

static void on_option(void *self, const struct field_difference *difference)
{
	const struct section *section = self;
	enum risk risk = RISK_OTHER;
	str words = is_credential(section, difference->path) ? STR("changed") : difference->words;
	str where = section_print(section);

	if (is_told_by_meaning(section, difference->path))
		return;
	for (const struct section_risk *row = section->risks; row && row->option; row++)
		if (risk_is_of(row->option, difference->path))
			risk = risk_of_difference(difference, row->weaker);
	diff_add(section->lines, risk, "%.*s.%.*s: %.*s", STR_ARG(where), STR_ARG(difference->path),
		 STR_ARG(words));
}

/* `tls: {}` has the defaults of no `tls` at all, and means the opposite. */
static void compare_encryption(const struct section *section, const struct node *before,
			       const struct node *after)
{
	bool was = node_find(before, STR("tls")), is = node_find(after, STR("tls"));
	str where = section_print(section);

	if (was != is)
		diff_add(section->lines, is ? RISK_TIGHT : RISK_OPEN, "%.*s.tls is %s", STR_ARG(where),
			 is ? "new" : "gone: nothing is encrypted");
}

static bool is_there(const struct node *upstream, const char *key)
{
	const struct node *node = node_find(upstream, str_of(key));

	return node && node->kind != NODE_NULL;
}

/* Likewise, but it opens nothing. */
static void compare_presence(const struct section *section, const struct node *before,
			     const struct node *after, const char *key)
{
	bool was = is_there(before, key), is = is_there(after, key);

	if (was != is)
		diff_add(section->lines, RISK_OTHER, "%s.%.*s.%s is %s", section->kind,
			 STR_ARG(section->name), key, is ? "new" : "gone");
}

static const struct field *table_of(const char *key)
{
	for (const struct field *field = gateway_fields; field->type != FIELD_T_END; field++)
		if (str_eq(str_of(field->name), str_of(key)))
			return field->form ? field->form->fields : field->fields;
	return NULL;
}

/* One side of a map of the configuration; at: structs that begin with a struct entry. */
struct entries {
	const void *at;
	size_t count, size;
};

static const struct entry *entry_at(const struct entries *entries, size_t i)
{
	return (const void *)((const char *)entries->at + i * entries->size);
}

static const struct entry *find_entry(const struct entries *entries, str name)
{
	for (size_t i = 0; i < entries->count; i++)
		if (str_eq(entry_at(entries, i)->name, name))
			return entry_at(entries, i);
	return NULL;
}

/* Those that go on. */
static void compare_entries(struct section *section, const struct entries *before,
			    const struct entries *after)
{
	const struct field *fields = table_of(section->kind);

	for (size_t i = 0; i < after->count; i++) {
		const struct entry *entry = entry_at(after, i);
		const struct entry *old = find_entry(before, entry->name);

		if (!old)
			continue;
		section->name = entry->name;
		compare_encryption(section, old->node, entry->node);
		compare_presence(section, old->node, entry->node, "health_check");
		compare_presence(section, old->node, entry->node, "outlier");
		fields_compare(fields, (struct field_side) { old, old->node },
			       (struct field_side) { entry, entry->node }, section->lines->arena, on_option,
			       section);
	}
}

static void tell_missing(struct section *section, const struct entries *there, const struct entries *missing,
			 enum risk risk, const char *word)
{
	for (size_t i = 0; i < there->count; i++)
		if (!find_entry(missing, entry_at(there, i)->name))
			diff_add(section->lines, risk, "%s.%.*s is %s", section->kind,
				 STR_ARG(entry_at(there, i)->name), word);
}

static void compare_both(struct section *section, const struct entries *before, const struct entries *after,
			 enum risk risk_new, enum risk risk_gone)
{
	compare_entries(section, before, after);
	tell_missing(section, after, before, risk_new, "new");
	tell_missing(section, before, after, risk_gone, "gone");
}

/* Told of elsewhere, by what they mean. */
static bool is_told_elsewhere(const char *key)
{
	static const char *const keys[] = { "listeners", "upstreams", "consumers", "policies",
					    "defaults",  "apis",      "limits",    "quotas",
					    "log",       "metrics",   "admin",     "store" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (str_eq(str_of(keys[i]), str_of(key)))
			return true;
	return false;
}

static bool has_item(const struct node *list, str text)
{
	for (const struct node *item = list ? list->first : NULL; item; item = item->next)
		if (str_eq(item->text, text))
			return true;
	return false;
}

/* Another file of consumers: who will stand in it cannot be told. */
static bool has_more_files(const struct field *field, const struct snapshot *before,
			   const struct snapshot *after)
{
	str key = STR("consumers_from");
	const struct node *list = node_find(after->root, key);

	for (const struct node *item = list ? list->first : NULL; item; item = item->next)
		if (str_eq(str_of(field->name), key) && !has_item(node_find(before->root, key), item->text))
			return true;
	return false;
}

static void compare_rest(struct diff_lines *lines, const struct snapshot *before,
			 const struct snapshot *after)
{
	for (const struct field *field = gateway_fields; field->type != FIELD_T_END; field++) {
		str key = str_of(field->name);

		if (!is_told_elsewhere(field->name) &&
		    !nodes_are_same(node_find(before->root, key), node_find(after->root, key)))
			diff_add(lines, has_more_files(field, before, after) ? RISK_OPEN : RISK_OTHER,
				 "%s: changed", field->name);
	}
}

#define ENTRIES(list) ((struct entries) { (list).at, (list).len, sizeof *(list).at })

static void compare_redirect(struct diff_lines *lines, str listener, const struct https_redirect *before,
			     const struct https_redirect *after)
{
	if (before->is_on && !after->is_on)
		diff_add(lines, RISK_OPEN,
			 "listeners.%.*s: redirect_to_https is off: requests are served without TLS",
			 STR_ARG(listener));
	else if (!before->is_on && after->is_on)
		diff_add(lines, RISK_TIGHT,
			 "listeners.%.*s: redirect_to_https is on: nobody is served without TLS",
			 STR_ARG(listener));
	else if (before->port != after->port)
		diff_add(lines, RISK_OTHER, "listeners.%.*s: redirect_to_https: %u -> %u", STR_ARG(listener),
			 before->port, after->port);
}

/* Those that go on. */
static void compare_listeners(struct diff_lines *lines, const struct snapshot *before,
			      const struct snapshot *after)
{
	for (size_t i = 0; i < after->listener_count; i++) {
		for (size_t j = 0; j < before->listener_count; j++) {
			const struct listener_snapshot *one = &before->listeners[j],
						       *other = &after->listeners[i];

			if (!str_eq(one->name, other->name))
				continue;
			diff_tls(lines, one, other);
			compare_redirect(lines, other->name, &one->config->redirect_to_https,
					 &other->config->redirect_to_https);
		}
	}
}

/* One that stands once: its struct, and the map that it was read from. */
static void compare_part(struct section *section, const struct snapshot *before, const void *one,
			 const struct snapshot *after, const void *other)
{
	str key = str_of(section->kind);

	fields_compare(table_of(section->kind), (struct field_side) { one, node_find(before->root, key) },
		       (struct field_side) { other, node_find(after->root, key) }, section->lines->arena,
		       on_option, section);
}

static void compare_parts(struct diff_lines *lines, const struct snapshot *before,
			  const struct snapshot *after)
{
	struct section limits = { .lines = lines, .kind = "limits", .risks = limits_risks };
	struct section quotas = { .lines = lines, .kind = "quotas", .risks = quotas_risks };
	struct section log = { .lines = lines, .kind = "log", .risks = log_risks };
	struct section metrics = { .lines = lines, .kind = "metrics" };
	const struct gateway_config *one = &before->config, *other = &after->config;

	compare_part(&limits, before, &one->limits, after, &other->limits);
	compare_part(&quotas, before, &one->quotas, after, &other->quotas);
	compare_part(&log, before, &one->log, after, &other->log);
	compare_part(&metrics, before, &one->metrics, after, &other->metrics);
}

/* Who can reach it: others, or this machine alone. Another address is told by its row where it may be others
 * than before: elsewhere in a network, or whoever has no right to the file of a socket. */
static void compare_reach(struct section *section, const struct admin_place *before,
			  const struct admin_place *after)
{
	bool is_file_no_more = address_is_local(&before->address) && !address_is_local(&after->address);

	section->risks = admin_risks + 1;
	if (before->is_public != after->is_public)
		diff_add(section->lines, after->is_public ? RISK_OPEN : RISK_TIGHT,
			 "admin: others than this machine can reach it%s",
			 after->is_public ? "" : " no more");
	else if (after->is_public || is_file_no_more)
		section->risks = admin_risks;
}

/* What only this machine reaches, with a token or by the rights of a file, opens nothing. */
static void tell_new_admin(struct diff_lines *lines, const struct admin_place *place)
{
	bool is_guarded = !place->is_public && (place->has_token || address_is_local(&place->address));

	diff_add(lines, is_guarded ? RISK_OTHER : RISK_OPEN, "admin is new%s",
		 place->has_token ? "" : ", and wants no token");
}

/* Without an address nobody is asked for a token. */
static void compare_admin(struct diff_lines *lines, const struct snapshot *before,
			  const struct snapshot *after)
{
	struct section section = { .lines = lines, .kind = "admin", .risks = admin_risks };
	const struct admin_config *one = &before->config.admin, *other = &after->config.admin;
	str key = str_of(section.kind);

	if (!one->address.len && other->address.len) {
		tell_new_admin(lines, &after->admin);
	} else if (one->address.len && !other->address.len) {
		diff_add(lines, RISK_TIGHT, "admin is gone");
	} else {
		compare_reach(&section, &before->admin, &after->admin);
		compare_encryption(&section, node_find(before->root, key), node_find(after->root, key));
		compare_part(&section, before, one, after, other);
	}
}

/* What each gateway counts for itself is admitted once by each. */
static void compare_store(struct diff_lines *lines, const struct snapshot *before,
			  const struct snapshot *after)
{
	struct section section = { .lines = lines, .kind = "store", .risks = store_risks };
	const struct store_config *one = &before->config.store, *other = &after->config.store;

	if (!one->node && other->node) {
		diff_add(lines, RISK_TIGHT, "store: local -> redis");
	} else if (one->node && !other->node) {
		diff_add(lines, RISK_OPEN, "store: redis -> local");
	} else if (one->node) {
		compare_encryption(&section, one->node, other->node);
		compare_part(&section, before, one, after, other);
	}
}

void diff_sections(struct diff_lines *lines, const struct snapshot *before, const struct snapshot *after)
{
	const struct gateway_config *one = &before->config, *other = &after->config;
	struct section listeners = { .lines = lines, .kind = "listeners", .risks = listener_risks };
	struct section upstreams = { .lines = lines, .kind = "upstreams", .risks = upstream_risks };
	struct section consumers = { .lines = lines, .kind = "consumers", .risks = consumer_risks };

	compare_both(&listeners, &ENTRIES(one->listeners), &ENTRIES(other->listeners), RISK_OPEN, RISK_TIGHT);
	compare_both(&upstreams, &ENTRIES(one->upstreams), &ENTRIES(other->upstreams), RISK_OTHER,
		     RISK_OTHER);
	compare_entries(&consumers, &ENTRIES(one->consumers), &ENTRIES(other->consumers));
	diff_consumers(lines, before, after);
	compare_listeners(lines, before, after);
	compare_parts(lines, before, after);
	compare_admin(lines, before, after);
	compare_store(lines, before, after);
	compare_rest(lines, before, after);
}
