/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router against the naive matcher on random pairs of a configuration and a request. The alphabets are
 * small, so that rules collide all the time. ROUTE_PROPERTY_PAIRS says how many pairs (default 100,000),
 * ROUTE_PROPERTY_SEED from where; a failure prints both what was asked and the seed.
 */
#include "base/random.h"
#include "base/testing.h"
#include "route/naive_testing.h"

enum { RULES_MAX = 12, REQUESTS_A_CONFIG = 20, TEXT_ROOM = 64, DEFAULT_PAIRS = 100000 };

struct rule_room {
	struct match_config match;
	str methods[2], hosts[2], ranges[2];
	struct pair pairs[6];
	char path[TEXT_ROOM];
};

struct api_room {
	str methods[3], hosts[2];
	str_list method_list, host_list;
	str path;
};

struct config {
	struct route_rule rules[RULES_MAX];
	struct rule_room rooms[RULES_MAX];
	struct api_room apis[3];
	size_t count;
};

static struct random random_state;

static size_t below(size_t bound)
{
	return random_below(&random_state, bound);
}

#define PICK(array) ((array)[below(COUNT_OF(array))])

static const char *const api_names[] = { "one", "two", "three" };
static const char *const route_names[] = { "r0", "r1", "r2", "r3", "r4",  "r5",
					   "r6", "r7", "r8", "r9", "r10", "r11" };
static const char *const api_paths[] = { "", "/", "/", "/a", "/a", "/a/", "/a/b", "/{t}", "/*", "/{t}.b" };
static const char *const segments[] = { "a",     "b",    "a.b",     "ab",   "{x}",     "{x}",     "*",
					"{x}.b", "a{x}", "{x}.{y}", "{x}b", "{x}a{y}", "{x}b{y}", "" };
static const char *const whole_paths[] = { "", "", "/", "/**", "/a/**" };
static const char *const expressions[] = {
	"~^/a$",
	"~b",
	"~.*",
	"~(?i)^/A",
	"~^/a|b/",
	"~^(?:/a|/b)+$",
	"~/ab",
	"~^/[ab]+$",
	"~^/(?<n>[^/]+)/b$",
	"~/a(?!b)",
	"~a\\.b$",
	"~^/[ab]+/a?b{1,2}",
	"~(?=/ab)",
	"~b/?$",
	"~^/(a(b)?)$",
	"~//",
	"~[[:alpha:]]b",
};
static const char *const host_patterns[] = { "a.x", "A.X", "b.x", "*.x", "*.a.x", "*", "x" };
static const char *const hosts[] = { "a.x", "b.x", "c.a.x", "d.c.a.x", "x", "y", "" };
static const char *const methods[] = { "GET", "POST", "PUT", "PURGE" };
static const char *const values[] = { "1", "2", "a b", "", "~^[12]$", "~1", "*", "!", "~^$" };
static const char *const header_names[] = { "X-A", "x-a", "Accept", "X-Forwarded-Zone" };
static const char *const names[] = { "q", "r", "a b" };
static const char *const ranges[] = { "10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "10.1.2.3/32" };

static str_list pick_list(str *room, size_t max, const char *const *from, size_t count, size_t chance)
{
	str_list list = { room, 0 };

	if (below(chance))
		return list;
	while (list.len < max && (list.len == 0 || below(2)))
		room[list.len++] = str_of(from[below(count)]);
	return list;
}

static str random_path(char *room)
{
	struct buf path = buf_over(room, TEXT_ROOM);
	bool has_names = below(2), has_x = false, has_y = false;

	switch (below(4)) {
	case 0:
		return str_of(PICK(whole_paths));
	case 1:
		return str_of(PICK(expressions));
	default:
		break;
	}
	for (size_t left = 1 + below(3); left; left--) {
		const char *segment = PICK(segments);
		bool uses_x = strchr(segment, 'x'), uses_y = strchr(segment, 'y');

		/* A name may stand once only, an empty segment at the end only. */
		if ((uses_x && (has_x || !has_names)) || (uses_y && has_y) || (!*segment && left > 1))
			segment = "a";
		has_x |= strchr(segment, 'x') != NULL;
		has_y |= strchr(segment, 'y') != NULL;
		buf_put(&path, STR("/"));
		buf_put(&path, str_of(segment));
	}
	if (path.bytes[path.len - 1] != '/' && below(4) == 0)
		buf_put(&path, STR("/**"));
	return buf_str(&path);
}

static struct pair_list pick_pairs(struct pair *room, const char *const *from, size_t count)
{
	struct pair_list list = { room, 0 };

	while (list.len < 2 && below(5) == 0)
		room[list.len++] =
			(struct pair) { .name = str_of(from[below(count)]), .value = str_of(PICK(values)) };
	return list;
}

static void random_match(struct rule_room *room)
{
	room->match = (struct match_config) {
		.methods = pick_list(room->methods, 2, methods, COUNT_OF(methods), 3),
		.hosts = pick_list(room->hosts, 2, host_patterns, COUNT_OF(host_patterns), 8),
		.client_ip = pick_list(room->ranges, 2, ranges, COUNT_OF(ranges), 5),
		.path = random_path(room->path),
		.headers = pick_pairs(room->pairs, header_names, COUNT_OF(header_names)),
		.query = pick_pairs(room->pairs + 2, names, COUNT_OF(names)),
		.cookies = pick_pairs(room->pairs + 4, names, 2),
	};
}

static void random_config(struct config *config)
{
	size_t api_count = 1 + below(COUNT_OF(config->apis));

	config->count = 0;
	for (size_t i = 0; i < api_count; i++) {
		struct api_room *api = &config->apis[i];
		size_t routes = below(RULES_MAX / api_count), own = below(2) ? 0 : routes;

		api->method_list = pick_list(api->methods, 3, methods, COUNT_OF(methods), 3);
		api->host_list = pick_list(api->hosts, 2, host_patterns, COUNT_OF(host_patterns), 2);
		api->path = str_of(PICK(api_paths));
		for (size_t j = 0; j < routes + 1 && config->count < RULES_MAX; j++) {
			struct rule_room *room = &config->rooms[config->count];
			struct route_rule *rule = &config->rules[config->count++];

			*rule = (struct route_rule) { .api = str_of(api_names[i]),
						      .api_hosts = api->host_list,
						      .api_methods = api->method_list,
						      .api_path = api->path };
			if (j == own)
				continue;
			rule->route = str_of(route_names[j]);
			rule->match = &room->match;
			random_match(room);
		}
	}
}

struct request_room {
	struct route_request request;
	struct address client;
	struct http_fields fields;
	struct http_field at[4];
	char path[TEXT_ROOM];
};

static void add_field(struct request_room *room, const char *name, const char *value)
{
	room->at[room->fields.count++] = (struct http_field) {
		.name = str_of(name),
		.value = str_of(value),
		.id = http_name_find(str_of(name)),
		.removed = below(10) == 0,
	};
}

static str random_request_path(char *room)
{
	static const char *const texts[] = { "a", "b", "a.b", "ab", "bb", "aab", "t.b", "bab", "cabc" };
	struct buf path = buf_over(room, TEXT_ROOM);

	for (size_t left = below(5); left; left--) {
		buf_put(&path, STR("/"));
		buf_put(&path, str_of(PICK(texts)));
	}
	if (path.len == 0 || below(5) == 0)
		buf_put(&path, STR("/"));
	return buf_str(&path);
}

static void random_request(struct request_room *room)
{
	static const char *const queries[] = { "",      "",      "q=1",           "q=2&q=1", "r",
					       "q=%31", "a+b=2", "a%20b=a+b&r=1", "q=%zz" };
	static const char *const cookies[] = { "q=1", "q=2; r=1", "r=", "q=12", "x" };
	static const char *const field_values[] = { "1", "2", "12", "", "a b" };
	static const uint32_t addresses[] = { 0x0a010203, 0x0a020304, 0xc0000201 };

	*room = (struct request_room) { .fields = { .max = COUNT_OF(room->at) } };
	room->fields.at = room->at;
	for (size_t i = below(3); i; i--)
		add_field(room, PICK(header_names), PICK(field_values));
	for (size_t i = below(3); i; i--)
		add_field(room, "Cookie", PICK(cookies));
	room->client.v4.sin_family = AF_INET;
	room->client.v4.sin_addr.s_addr = htonl(PICK(addresses));
	room->client.len = sizeof room->client.v4;
	room->request = (struct route_request) {
		.method = str_of(PICK(methods)),
		.host = str_of(PICK(hosts)),
		.path = random_request_path(room->path),
		.query = str_of(PICK(queries)),
		.fields = &room->fields,
		.client = &room->client,
	};
}

static void print_list(const char *what, str_list list)
{
	if (list.len)
		print_error(" %s", what);
	for (size_t i = 0; i < list.len; i++)
		print_error(" %.*s", STR_ARG(list.at[i]));
}

static void print_pairs(const char *what, const struct pair_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		print_error(" %s %.*s=%.*s", what, STR_ARG(list->at[i].name), STR_ARG(list->at[i].value));
}

static void print_config(const struct config *config)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct route_rule *rule = &config->rules[i];

		print_error("%2zu %.*s/%.*s: %.*s", i, STR_ARG(rule->api), STR_ARG(rule->route),
			    STR_ARG(rule->api_path));
		print_list("api-hosts", rule->api_hosts);
		print_list("api-methods", rule->api_methods);
		if (rule->match) {
			print_error(" + %.*s", STR_ARG(rule->match->path));
			print_list("methods", rule->match->methods);
			print_list("hosts", rule->match->hosts);
			print_list("client", rule->match->client_ip);
			print_pairs("header", &rule->match->headers);
			print_pairs("query", &rule->match->query);
			print_pairs("cookie", &rule->match->cookies);
		}
		print_error("\n");
	}
}

static void print_request(const struct route_request *request)
{
	print_error("%.*s %.*s%.*s?%.*s\n", STR_ARG(request->method), STR_ARG(request->host),
		    STR_ARG(request->path), STR_ARG(request->query));
	for (size_t i = 0; i < request->fields->count; i++)
		print_error("  %.*s: %.*s%s\n", STR_ARG(request->fields->at[i].name),
			    STR_ARG(request->fields->at[i].value),
			    request->fields->at[i].removed ? " (removed)" : "");
}

static bool allows_purge(const struct route_match *match)
{
	return match->allowed_other && match->allowed_other->len == 1 &&
	       str_eq(match->allowed_other->at[0], STR("PURGE"));
}

/* Names of an expression's groups come behind those of the template; the naive one has none of them. */
static bool same_parameters(const struct route_match *match, const struct naive_answer *want)
{
	if (match->parameter_count < want->parameter_count)
		return false;
	for (size_t i = 0; i < want->parameter_count; i++)
		if (!str_eq(match->parameters[i].name, want->parameters[i].name) ||
		    !str_eq(match->parameters[i].value, want->parameters[i].value))
			return false;
	return true;
}

static bool agrees(const struct config *config, const struct route_match *match,
		   const struct naive_answer *want)
{
	if (match->outcome != want->outcome)
		return false;
	if (match->outcome == ROUTE_NONE)
		return true;
	if (match->rule != &config->rules[want->rule])
		return false;
	return match->outcome == ROUTE_FOUND
		       ? same_parameters(match, want)
		       : (match->allowed == want->allowed && allows_purge(match) == want->allows_purge);
}

static void check_pairs(const struct config *config, const struct router *router,
			struct route_scratch *scratch, size_t *outcomes)
{
	for (size_t i = 0; i < REQUESTS_A_CONFIG; i++) {
		struct request_room room;
		struct naive_answer want;
		struct route_match match;

		random_request(&room);
		naive_match(config->rules, config->count, &room.request, &want);
		router_match(router, scratch, &room.request, &match);
		outcomes[want.outcome]++;
		if (agrees(config, &match, &want))
			continue;
		print_config(config);
		print_request(&room.request);
		print_error("router: %d, rule %td; naive: %d, rule %zu\n", (int)match.outcome,
			    match.rule ? match.rule - config->rules : -1, (int)want.outcome, want.rule);
		fail_msg("the router and the contract disagree");
	}
}

static void check_config(struct config *config, struct diagnostics *diagnostics,
			 struct route_scratch *scratch, size_t *outcomes, size_t *refused)
{
	struct router *router;
	struct arena arena;
	bool is_refused, want_refused = naive_refuses(config->rules, config->count);

	arena_init(&arena, NULL, SIZE_MAX);
	is_refused = failed(router_compile(&arena, diagnostics, config->rules, config->count, &router));
	if (is_refused != want_refused) {
		print_config(config);
		fail_msg("refused: %d, want %d", is_refused, want_refused);
	}
	*refused += is_refused;
	if (!is_refused)
		check_pairs(config, router, scratch, outcomes);
	router_free(&router);
	arena_fini(&arena);
}

static uint64_t number_of(const char *name, uint64_t standard)
{
	uint64_t value = standard;
	const char *text = getenv(name);

	if (text && !str_to_u64(str_of(text), UINT64_MAX, &value))
		fail_msg("%s is no number", name);
	return value;
}

static void test_router_agrees_with_the_contract(void **state)
{
	uint64_t pairs = number_of("ROUTE_PROPERTY_PAIRS", DEFAULT_PAIRS);
	uint64_t seed = number_of("ROUTE_PROPERTY_SEED", 1);
	struct route_scratch *scratch = route_scratch_new();
	struct diagnostics *diagnostics;
	size_t outcomes[3] = { 0 }, refused = 0;
	struct arena arena;
	static struct config config;

	(void)state;
	random_state = (struct random) { seed * 2 + 1, seed };
	arena_init(&arena, NULL, SIZE_MAX);
	diagnostics = diagnostics_new(&arena);
	while (outcomes[0] + outcomes[1] + outcomes[2] < pairs) {
		random_config(&config);
		check_config(&config, diagnostics, scratch, outcomes, &refused);
	}
	print_message("found %zu, none %zu, method %zu; configurations refused %zu\n", outcomes[ROUTE_FOUND],
		      outcomes[ROUTE_NONE], outcomes[ROUTE_METHOD], refused);
	/* A property that only ever sees one outcome proves nothing. */
	assert_true(outcomes[ROUTE_FOUND] > pairs / 5 && outcomes[ROUTE_METHOD] > pairs / 50);
	assert_true(refused > 0);
	arena_fini(&arena);
	route_scratch_free(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_router_agrees_with_the_contract) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
