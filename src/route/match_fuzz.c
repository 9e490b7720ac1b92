/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines are paths of routes, the last one is a request's query and path: whatever compiles can be matched,
 * twice with the same answer, and explained.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "route/explain.h"

enum { RULES_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_rules(str *rest, struct route_rule *rules, struct match_config *matches)
{
	size_t count = 0;
	str line;

	while (count < RULES_MAX && str_cut(*rest, '\n', &line, rest)) {
		matches[count] = (struct match_config) { .path = line };
		rules[count] =
			(struct route_rule) { .api = STR("api"), .route = line, .match = &matches[count] };
		count++;
	}
	return count;
}

static void match(const struct router *router, const struct route_request *request)
{
	struct route_scratch *scratch = route_scratch_new();
	struct route_explanation explanation;
	struct route_match first, second;
	struct arena arena;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	router_match(router, scratch, request, &first);
	router_match(router, scratch, request, &second);
	ASSERT(first.outcome == second.outcome && first.rule == second.rule);
	arena_init(&arena, NULL, SIZE_MAX / 2);
	router_explain(router, scratch, request, &arena, &explanation);
	route_explanation_print(&explanation, to);
	arena_fini(&arena);
	fclose(to);
	free(text);
	route_scratch_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct match_config matches[RULES_MAX];
	struct route_rule rules[RULES_MAX];
	struct http_fields fields = { 0 };
	struct route_request request = { .method = STR("GET"), .fields = &fields };
	str rest = { (const char *)data, size };
	size_t count = read_rules(&rest, rules, matches);
	struct router *router;
	struct arena arena;

	arena_init(&arena, NULL, SIZE_MAX);
	request.path = rest;
	str_cut(rest, '?', &request.query, &request.path);
	if (!failed(router_compile(&arena, diagnostics_new(&arena), rules, count, &router)))
		match(router, &request);
	router_free(&router);
	arena_fini(&arena);
	return 0;
}
