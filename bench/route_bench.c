/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route_bench: what a match costs, and what compiling costs, by the number and the kind of routes.
 *
 * Kinds: prefixes (/svcN/ **), templates (/svcN/items/{id}/parts/{part}), regular expressions with a text in
 * front (^/svcN/item/[0-9]+$) or at the end (^/[a-z]+/itemN$), and parts of a segment ({id}.extN). Each is
 * matched warm, always with the same path, and cold, with another route each time, so that memory counts too.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "route/route.h"

enum { MATCHES = 400000, ORDER_MAX = 1 << 16, NAME_SIZE = 64 };

struct kind {
	const char *name, *api_path, *pattern, *path; /* %zu is the number of the route */
};

static const struct kind kinds[] = {
	{ "prefix", "/svc%zu", NULL, "/svc%zu/items/42/parts/7" },
	{ "template", "/", "/svc%zu/items/{id}/parts/{part}", "/svc%zu/items/42/parts/7" },
	{ "regex, text first", "/", "~^/svc%zu/item/[0-9]+$", "/svc%zu/item/12345" },
	{ "regex, text last", "/", "~^/[a-z]+/item%zu$", "/catalog/item%zu" },
	{ "part", "/", "/files/{id}.ext%zu", "/files/report.ext%zu" },
};

struct routes {
	struct arena arena;
	struct diagnostics *diagnostics;
	struct route_rule *rules;
	struct match_config *matches;
	size_t count;
};

static str numbered(struct arena *arena, const char *format, size_t number)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	return arena_printf(arena, format, number);
#pragma GCC diagnostic pop
}

static void make_routes(struct routes *routes, const struct kind *kind, size_t count)
{
	arena_init(&routes->arena, NULL, SIZE_MAX);
	routes->diagnostics = diagnostics_new(&routes->arena);
	routes->rules = ARENA_ARRAY(&routes->arena, struct route_rule, count);
	routes->matches = ARENA_ARRAY(&routes->arena, struct match_config, count);
	routes->count = count;
	for (size_t i = 0; i < count; i++) {
		struct route_rule *rule = &routes->rules[i];

		*rule = (struct route_rule) { .api = STR("bench"), .api_path = STR("/") };
		rule->route = arena_printf(&routes->arena, "route%zu", i);
		if (kind->pattern) {
			routes->matches[i].path = numbered(&routes->arena, kind->pattern, i);
			rule->match = &routes->matches[i];
			continue;
		}
		rule->api = rule->route;
		rule->route = (str) { 0 };
		rule->api_path = numbered(&routes->arena, kind->api_path, i);
	}
}

/* Processor time: others may be at work on the machine. */
static duration spent(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static size_t heap_used(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static str *make_paths(struct arena *arena, const struct kind *kind, size_t count)
{
	str *paths = ARENA_ARRAY(arena, str, ORDER_MAX);
	struct random random = { 1, 2 };

	for (size_t i = 0; i < ORDER_MAX; i++)
		paths[i] = numbered(arena, kind->path, random_below(&random, count));
	return paths;
}

/* Nanoseconds a match; with a stride of zero always the same path. */
static double measure(const struct router *router, struct route_scratch *scratch, const str *paths,
		      size_t stride)
{
	struct http_fields fields = { 0 };
	struct route_request request = { .method = STR("GET"),
					 .host = STR("api.example.com"),
					 .fields = &fields };
	struct route_match match;
	duration best = INT64_MAX;

	for (int round = 0; round < 5; round++) {
		duration start = spent(), cost;

		for (size_t i = 0; i < MATCHES; i++) {
			request.path = paths[i * stride % ORDER_MAX];
			router_match(router, scratch, &request, &match);
			if (match.outcome != ROUTE_FOUND) {
				fprintf(stderr, "no route for %.*s\n", STR_ARG(request.path));
				exit(1);
			}
		}
		cost = spent() - start;
		best = cost < best ? cost : best;
	}
	return (double)best / MATCHES;
}

static void run(const struct kind *kind, size_t count)
{
	struct route_scratch *scratch = route_scratch_new();
	struct router *router;
	struct routes routes;
	struct arena arena;
	size_t before;
	duration start, compiled;
	str *paths;

	make_routes(&routes, kind, count);
	before = heap_used();
	arena_init(&arena, NULL, SIZE_MAX);
	start = spent();
	if (failed(router_compile(&arena, routes.diagnostics, routes.rules, count, &router)))
		exit(1);
	compiled = spent() - start;
	before = heap_used() - before;
	paths = make_paths(&routes.arena, kind, count);
	printf("%-18s %7zu %10.1f %10.1f %10.1f %8.1f\n", kind->name, count,
	       measure(router, scratch, paths, 0), measure(router, scratch, paths, 1),
	       (double)compiled / (double)MILLISECOND, (double)before / 1e6);
	router_free(&router);
	arena_fini(&arena);
	arena_fini(&routes.arena);
	route_scratch_free(&scratch);
}

int main(void)
{
	static const size_t counts[] = { 10, 10000, 50000 };

	printf("%-18s %7s %10s %10s %10s %8s\n", "kind", "routes", "warm ns", "cold ns", "compile ms", "MB");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (size_t j = 0; j < sizeof counts / sizeof *counts; j++)
			run(&kinds[i], counts[j]);
	return 0;
}
