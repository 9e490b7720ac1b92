/* SPDX-License-Identifier: Apache-2.0 */
#include "route/route_testing.h"

#include <stdio.h>

#include "base/assert.h"
#include "codec/ip.h"
#include "route/explain.h"

struct testing_route {
	struct entry entry;
	struct match_config match;
};

struct testing_api {
	struct entry entry;
	str path;
	str_list hosts, methods;
	struct {
		struct testing_route *at;
		size_t len;
	} routes;
};

struct testing_config {
	struct {
		struct testing_api *at;
		size_t len;
	} apis;
};

static const struct field route_fields[] = {
	FIELD_OBJECT(struct testing_route, match, "match", struct match_config, match_fields, "The match."),
	FIELD_END,
};

static const struct field api_fields[] = {
	FIELD_STR(struct testing_api, path, "path", "/", "The path."),
	FIELD_STRS(struct testing_api, hosts, "hosts", 0, 1000, "The hosts."),
	FIELD_STRS(struct testing_api, methods, "methods", 0, 1000, "The methods."),
	FIELD_MAP(struct testing_api, routes, "routes", struct testing_route, route_fields, 100000,
		  "The routes."),
	FIELD_END,
};

static const struct field config_fields[] = {
	FIELD_MAP(struct testing_config, apis, "apis", struct testing_api, api_fields, 100000, "The APIs."),
	FIELD_END,
};

static void add_rule(struct route_testing *testing, const struct testing_api *api,
		     const struct testing_route *route)
{
	testing->rules[testing->count++] = (struct route_rule) {
		.node = route ? route->entry.node : api->entry.node,
		.api = api->entry.name,
		.route = route ? route->entry.name : (str) { 0 },
		.api_hosts = api->hosts,
		.api_methods = api->methods,
		.api_path = api->path,
		.match = route ? &route->match : NULL,
	};
}

static void add_rules(struct route_testing *testing, const struct testing_config *config)
{
	size_t max = 0;

	for (size_t i = 0; i < config->apis.len; i++)
		max += 1 + config->apis.at[i].routes.len;
	testing->rules = ARENA_ARRAY(&testing->arena, struct route_rule, max);
	for (size_t i = 0; i < config->apis.len; i++) {
		const struct testing_api *api = &config->apis.at[i];

		add_rule(testing, api, NULL);
		for (size_t j = 0; j < api->routes.len; j++)
			add_rule(testing, api, &api->routes.at[j]);
	}
}

void route_testing_open(struct route_testing *testing, const char *yaml)
{
	struct reader reader;
	struct document *document;
	struct testing_config config;

	*testing = (struct route_testing) { .scratch = route_scratch_new() };
	testing->fields = (struct http_fields) { .at = testing->room, .max = TESTING_FIELDS_MAX };
	arena_init(&testing->arena, NULL, SIZE_MAX);
	testing->diagnostics = diagnostics_new(&testing->arena);
	ASSERT(!failed(document_parse(&testing->arena, STR("t.yaml"), str_of(yaml), NULL,
				      testing->diagnostics, &document)));
	reader = (struct reader) { .arena = &testing->arena,
				   .diagnostics = testing->diagnostics,
				   .document = document };
	fields_read(&reader, document_root(document), config_fields, &config);
	if (diagnostics_errors(testing->diagnostics))
		fail_msg("%s", route_testing_diagnostics(testing));
	add_rules(testing, &config);
	testing->outcome = router_compile(&testing->arena, testing->diagnostics, testing->rules,
					  testing->count, &testing->router);
}

void route_testing_close(struct route_testing *testing)
{
	router_free(&testing->router);
	route_scratch_free(&testing->scratch);
	free(testing->printed);
	arena_fini(&testing->arena);
}

static void read_fields(struct route_testing *testing, str text)
{
	str line, name, value;

	testing->fields.count = 0;
	while (str_next(&text, '|', &line)) {
		ASSERT(str_cut(line, ':', &name, &value) && testing->fields.count < TESTING_FIELDS_MAX);
		testing->room[testing->fields.count++] = (struct http_field) { .name = name,
									       .value = str_trim(value),
									       .id = http_name_find(name) };
	}
}

void route_testing_ask(struct route_testing *testing, const char *line)
{
	str rest = str_of(line), method, url, host, path, query = { 0 }, fields = { 0 };

	ASSERT(str_cut(rest, ' ', &method, &rest));
	url = rest;
	str_cut(rest, ' ', &url, &fields);
	str_cut(url, '?', &url, &query);
	host = url;
	path = (str) { 0 };
	if (str_cut(url, '/', &host, &path))
		path = (str) { path.ptr - 1, path.len + 1 };
	read_fields(testing, fields);
	ASSERT(address_of_ip(STR("192.0.2.1"), 1024, &testing->client));
	testing->request = (struct route_request) {
		.method = method,
		.host = host,
		.path = path,
		.query = query,
		.fields = &testing->fields,
		.client = &testing->client,
	};
	router_match(testing->router, testing->scratch, &testing->request, &testing->match);
}

static FILE *open_print(struct route_testing *testing, size_t *size)
{
	FILE *to;

	free(testing->printed);
	testing->printed = NULL;
	to = open_memstream(&testing->printed, size);
	ASSERT(to);
	return to;
}

static void print_match(const struct route_match *match, FILE *to)
{
	const struct route_rule *rule = match->rule;

	switch (match->outcome) {
	case ROUTE_NONE:
		fprintf(to, "none");
		return;
	case ROUTE_METHOD:
		fprintf(to, "405");
		for (enum http_method method = HTTP_GET; method < HTTP_METHODS; method++)
			if (match->allowed & 1u << method)
				fprintf(to, " %.*s", STR_ARG(http_method_text(method)));
		for (size_t i = 0; match->allowed_other && i < match->allowed_other->len; i++)
			fprintf(to, " %.*s", STR_ARG(match->allowed_other->at[i]));
		return;
	case ROUTE_FOUND:
		break;
	}
	fprintf(to, "%.*s%s%.*s", STR_ARG(rule->api), rule->route.len ? "." : "", STR_ARG(rule->route));
	for (size_t i = 0; i < match->parameter_count; i++)
		fprintf(to, " %.*s=%.*s", STR_ARG(match->parameters[i].name),
			STR_ARG(match->parameters[i].value));
}

const char *route_testing_answer(struct route_testing *testing)
{
	size_t size;
	FILE *to = open_print(testing, &size);

	print_match(&testing->match, to);
	fclose(to);
	return testing->printed;
}

/* Drops the snippets of the source, and the file's name. */
static void keep_messages(char *text)
{
	static const char name[] = "t.yaml:";
	char *to = text;

	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
		if (strncmp(line, name, sizeof name - 1) == 0) {
			size_t len = (size_t)(end - line) + 1 - (sizeof name - 1);

			memmove(to, line + sizeof name - 1, len);
			to += len;
		}
	*to = 0;
}

const char *route_testing_diagnostics(struct route_testing *testing)
{
	size_t size;
	FILE *to = open_print(testing, &size);

	diagnostics_print(testing->diagnostics, to);
	fclose(to);
	keep_messages(testing->printed);
	return testing->printed;
}

const char *route_testing_explain(struct route_testing *testing)
{
	struct route_explanation explanation;
	struct arena arena;
	size_t size;
	FILE *to = open_print(testing, &size);

	arena_init(&arena, NULL, SIZE_MAX / 2);
	router_explain(testing->router, testing->scratch, &testing->request, &arena, &explanation);
	route_explanation_print(&explanation, to);
	fclose(to);
	arena_fini(&arena);
	return testing->printed;
}
