/* SPDX-License-Identifier: Apache-2.0 */
#include "main/probe.h"

#include "codec/cidr.h"
#include "observe/log_text.h"
#include "route/pattern.h"

enum {
	NAMES_MAX = 32, /* of each kind that are met in the crowded form; a rule's own are always met */
	METHODS_MAX = 32,
	HOSTS_MAX = 64,
	PATHS_MAX = 2,
	KNOWN_MAX = 1024,
};

/* Nothing that a rule is likely to name. */
static const str sample = STR_INIT("gw-probe");
static const str sample_host = STR_INIT("gw-probe.invalid");

void probes_init(struct probes *probes, struct arena *arena)
{
	*probes = (struct probes) { .arena = arena };
	map_init(&probes->known, arena, KNOWN_MAX);
	probes->methods = ARENA_ARRAY(arena, str, METHODS_MAX);
	probes->headers = ARENA_ARRAY(arena, str, NAMES_MAX);
	probes->query = ARENA_ARRAY(arena, str, NAMES_MAX);
	probes->cookies = ARENA_ARRAY(arena, str, NAMES_MAX);
	probes->methods[probes->method_count++] = STR("GET");
	map_add(&probes->known, STR("m:GET"), probes);
}

/* Once each, as many as there is room for. */
static void learn(struct probes *probes, const char *kind, str name, str *names, size_t *count, size_t max)
{
	str key = arena_printf(probes->arena, "%s:%.*s", kind, STR_ARG(name));

	if (*count < max && map_add(&probes->known, key, probes))
		names[(*count)++] = name;
}

static void learn_methods(struct probes *probes, const str_list *methods)
{
	for (size_t i = 0; i < methods->len; i++)
		learn(probes, "m", methods->at[i], probes->methods, &probes->method_count, METHODS_MAX);
}

static void learn_pairs(struct probes *probes, const char *kind, const struct pair_list *pairs, str *names,
			size_t *count)
{
	for (size_t i = 0; i < pairs->len; i++)
		learn(probes, kind, pairs->at[i].name, names, count, NAMES_MAX);
}

void probes_learn(struct probes *probes, const struct route_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct match_config *match = rules[i].match;

		learn_methods(probes, &rules[i].api_methods);
		if (!match)
			continue;
		learn_methods(probes, &match->methods);
		learn_pairs(probes, "h", &match->headers, probes->headers, &probes->header_count);
		learn_pairs(probes, "q", &match->query, probes->query, &probes->query_count);
		learn_pairs(probes, "c", &match->cookies, probes->cookies, &probes->cookie_count);
	}
}

/* ---- paths ---- */

static str segment_print(struct arena *arena, const struct segment *segment)
{
	str text;

	if (segment->kind == SEGMENT_LITERAL)
		return segment->text;
	if (segment->kind != SEGMENT_PART)
		return sample;
	text = segment->pieces[0];
	for (size_t i = 1; i < segment->piece_count; i++)
		text = arena_printf(arena, "%.*s%.*s%.*s", STR_ARG(text), STR_ARG(sample),
				    STR_ARG(segment->pieces[i]));
	return text;
}

/* The pattern's own path, and what may follow it. How many; 0 where only a regular expression knows. */
static size_t make_paths(struct arena *arena, const struct route_rule *rule, str *ret_paths)
{
	struct pattern pattern;
	str path = { 0 }, why;

	if (!pattern_start(arena, rule->api_path.len ? rule->api_path : STR("/"), &pattern, &why) ||
	    !pattern_extend(arena, &pattern, rule->match ? rule->match->path : (str) { 0 }, &why))
		return 0; /* it is in no router then */
	for (size_t i = 0; i < pattern.count; i++) {
		str segment = segment_print(arena, &pattern.segments[i]);

		path = arena_printf(arena, "%.*s/%.*s", STR_ARG(path), STR_ARG(segment));
	}
	if (pattern.tail == PATTERN_REGEX)
		return 0;
	ret_paths[0] = path.len ? path : STR("/");
	if (pattern.tail != PATTERN_REST)
		return 1;
	ret_paths[1] = arena_printf(arena, "%.*s/%.*s", STR_ARG(path), STR_ARG(sample));
	return 2;
}

/* ---- hosts ---- */

static str host_sample(struct arena *arena, str host)
{
	if (str_eq(host, STR("*")))
		return sample_host;
	if (str_starts(host, STR("*.")))
		return arena_printf(arena, "%.*s%.*s", STR_ARG(sample), STR_ARG(str_skip(host, 1)));
	return host;
}

static size_t make_hosts(struct arena *arena, const struct route_rule *rule, str *ret_hosts)
{
	const str_list *hosts =
		rule->match && rule->match->hosts.len ? &rule->match->hosts : &rule->api_hosts;
	size_t count = hosts->len < HOSTS_MAX ? hosts->len : HOSTS_MAX;

	for (size_t i = 0; i < count; i++) {
		char *lower = arena_bytes(arena, hosts->at[i].len);

		for (size_t j = 0; j < hosts->at[i].len; j++)
			lower[j] = ascii_lower(hosts->at[i].ptr[j]);
		ret_hosts[i] = host_sample(arena, (str) { lower, hosts->at[i].len });
	}
	if (count)
		return count;
	ret_hosts[0] = sample_host;
	return 1;
}

/* ---- conditions ---- */

static bool has_pair(const struct pair_list *pairs, str name)
{
	for (size_t i = 0; pairs && i < pairs->len; i++)
		if (str_eq_nocase(pairs->at[i].name, name))
			return true;
	return false;
}

static void add_header(struct probe *probe, str name, str value)
{
	result_value added = http_fields_add(&probe->headers, http_name_find(name), name, value);

	(void)added; /* a rule with more conditions than that is asked about without them, and not found */
}

typedef void (*put_fn)(struct probes *probes, struct probe *probe, str name, str value);

static void put_header(struct probes *probes, struct probe *probe, str name, str value)
{
	(void)probes;
	add_header(probe, name, value);
}

static void put_query(struct probes *probes, struct probe *probe, str name, str value)
{
	probe->query = arena_printf(probes->arena, "%.*s%s%.*s=%.*s", STR_ARG(probe->query),
				    probe->query.len ? "&" : "", STR_ARG(name), STR_ARG(value));
}

static void put_cookie(struct probes *probes, struct probe *probe, str name, str value)
{
	add_header(probe, STR("Cookie"),
		   arena_printf(probes->arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(value)));
}

/* Own conditions are met; names that only other rules know are there in the crowded form. False when an
 * expression would have to be met. */
static bool meet(struct probes *probes, struct probe *probe, const struct pair_list *own, const str *known,
		 size_t count, bool is_crowded, put_fn put)
{
	for (size_t i = 0; own && i < own->len; i++) {
		str want = own->at[i].value;

		if (str_starts(want, STR("~")))
			return false;
		if (!str_eq(want, STR("!")))
			put(probes, probe, own->at[i].name, str_eq(want, STR("*")) ? sample : want);
	}
	for (size_t i = 0; is_crowded && i < count; i++)
		if (!has_pair(own, known[i]))
			put(probes, probe, known[i], sample);
	return true;
}

static bool meet_client(const struct match_config *match, struct probe *probe)
{
	str text = match && match->client_ip.len ? match->client_ip.at[0] : STR("192.0.2.1"), ip = text, rest;

	str_cut(text, '/', &ip, &rest);
	return address_of_ip(ip, 0, &probe->client);
}

static bool meet_all(struct probes *probes, const struct route_rule *rule, bool is_crowded,
		     struct probe *probe)
{
	const struct match_config *match = rule->match;

	*probe = (struct probe) { 0 };
	probe->headers = (struct http_fields) { .at = probe->fields, .max = PROBE_FIELDS_MAX };
	return meet_client(match, probe) &&
	       meet(probes, probe, match ? &match->headers : NULL, probes->headers, probes->header_count,
		    is_crowded, put_header) &&
	       meet(probes, probe, match ? &match->query : NULL, probes->query, probes->query_count,
		    is_crowded, put_query) &&
	       meet(probes, probe, match ? &match->cookies : NULL, probes->cookies, probes->cookie_count,
		    is_crowded, put_cookie);
}

/* ---- all of it ---- */

static str_list methods_of(const struct probes *probes, const struct route_rule *rule)
{
	if (rule->match && rule->match->methods.len)
		return rule->match->methods;
	if (rule->api_methods.len)
		return rule->api_methods;
	return (str_list) { probes->methods, probes->method_count };
}

static size_t ask_paths(struct probe *probe, const str *paths, size_t count, const str_list *methods,
			probe_fn on_probe, void *self)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t m = 0; m < methods->len; m++) {
			probe->path = paths[i];
			probe->method = methods->at[m];
			on_probe(self, probe);
		}
	}
	return count * methods->len;
}

size_t probes_make(struct probes *probes, const struct route_rule *rule, probe_fn on_probe, void *self)
{
	int forms = probes->header_count || probes->query_count || probes->cookie_count ? 2 : 1;
	str_list methods = methods_of(probes, rule);
	str paths[PATHS_MAX], hosts[HOSTS_MAX];
	size_t path_count = make_paths(probes->arena, rule, paths), made = 0;
	size_t host_count = make_hosts(probes->arena, rule, hosts);
	struct probe probe;

	for (int form = 0; form < forms; form++) {
		if (!meet_all(probes, rule, form > 0, &probe))
			return 0;
		for (size_t h = 0; h < host_count; h++) {
			probe.host = hosts[h];
			made += ask_paths(&probe, paths, path_count, &methods, on_probe, self);
		}
	}
	return made;
}

struct route_request probe_request(const struct probe *probe)
{
	return (struct route_request) { .method = probe->method,
					.host = probe->host,
					.path = probe->path,
					.query = probe->query,
					.fields = &probe->headers,
					.client = &probe->client };
}

str probe_print(struct arena *arena, const struct probe *probe)
{
	struct buf shown = arena_open(arena, 6 * probe->query.len);
	str query;

	log_put_query(&shown, LOG_ESCAPE_TEXT, probe->query, (str_list) { 0 });
	query = arena_close(arena, &shown);
	return arena_printf(arena, "%.*s http://%.*s%.*s%s%.*s", STR_ARG(probe->method), STR_ARG(probe->host),
			    STR_ARG(probe->path), probe->query.len ? "?" : "", STR_ARG(query));
}
