/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of routes of each kind: each is found by a request of its own, nothing near it is, and matching
 * takes no memory.
 */
#include <malloc.h>

#include "base/assert.h"
#include "base/testing.h"
#include "route/route.h"

enum { ROUTES = 5000, HOSTS = 1000, TEXT_MAX = 64 };

struct fixture {
	struct arena arena;
	struct diagnostics *diagnostics;
	struct route_rule *rules;
	struct match_config *matches;
	struct router *router;
	struct route_scratch *scratch;
	struct http_fields fields;
};

static int open_fixture(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	arena_init(&fixture->arena, NULL, SIZE_MAX);
	fixture->diagnostics = diagnostics_new(&fixture->arena);
	fixture->rules = ARENA_ARRAY(&fixture->arena, struct route_rule, ROUTES);
	fixture->matches = ARENA_ARRAY(&fixture->arena, struct match_config, ROUTES);
	fixture->scratch = route_scratch_new();
	*state = fixture;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *fixture = *state;

	router_free(&fixture->router);
	route_scratch_free(&fixture->scratch);
	arena_fini(&fixture->arena);
	free(fixture);
	return 0;
}

static str number_text(size_t number, char room[static 20])
{
	struct buf b = buf_over(room, 20);

	buf_put_u64(&b, number);
	return buf_str(&b);
}

/* The form with each '#' replaced by the number. */
static str numbered(const char *form, size_t number, char *room)
{
	struct buf b = buf_over(room, TEXT_MAX);
	char digits[20];

	for (; *form; form++)
		if (*form == '#')
			buf_put(&b, number_text(number, digits));
		else
			buf_put_char(&b, *form);
	ASSERT(!buf_overflowed(&b));
	return buf_str(&b);
}

static void make_routes(struct fixture *fixture, const char *path, const char *host)
{
	char room[TEXT_MAX];

	for (size_t i = 0; i < ROUTES; i++) {
		struct match_config *match = &fixture->matches[i];
		str *hosts = ARENA_NEW(&fixture->arena, str);

		match->path = arena_str(&fixture->arena, numbered(path, i, room));
		*hosts = arena_str(&fixture->arena, numbered(host, i, room));
		match->hosts = (str_list) { hosts, 1 };
		fixture->rules[i] = (struct route_rule) { .api = STR("api"), .match = match };
		fixture->rules[i].route = arena_str(&fixture->arena, numbered("r#", i, room));
	}
	assert_false(failed(router_compile(&fixture->arena, fixture->diagnostics, fixture->rules, ROUTES,
					   &fixture->router)));
	assert_int_equal(diagnostics_warnings(fixture->diagnostics), 0);
}

static const struct route_rule *ask(struct fixture *fixture, str host, str path)
{
	struct route_request request = {
		.method = STR("GET"), .host = host, .path = path, .fields = &fixture->fields
	};
	struct route_match match;

	router_match(fixture->router, fixture->scratch, &request, &match);
	return match.outcome == ROUTE_FOUND ? match.rule : NULL;
}

struct kind {
	const char *path, *host; /* of the routes */
	const char *near_path, *good_path, *good_host;
};

static const struct kind kinds[] = {
	{ "/svc#/**", "*", "/svc#x", "/svc#/a/b", "h" },
	{ "/svc#/{a}/items/{b}", "*", "/svc#/a/item/b", "/svc#/a/items/b", "h" },
	{ "/{a}/svc#/*", "*", "/a/svc#", "/a/svc#/b", "h" },
	{ "/files/{id}.ext#x", "*", "/files/.ext#x", "/files/a.ext#x", "h" },
	{ "/files/pre#-{id}", "*", "/files/pre#-", "/files/pre#-a", "h" },
	{ "/{a}-{b}-#", "*", "/a-b#", "/a-b-#", "h" },
	{ "~^/svc#/item/[0-9]+$", "*", "/svc#/item/x", "/svc#/item/1", "h" },
	{ "~^/[a-z]+/item#$", "*", "/a/item#x", "/a/item#", "h" },
	{ "~^/(a|b)/x#-[0-9]", "*", "/c/x#-1", "/b/x#-1", "h" },
	{ "~(?i)^/Svc#/(?<n>[a-z])$", "*", "/svc#/1", "/sVC#/a", "h" },
	{ "/a", "h#.example.com", "/b", "/a", "h#.example.com" },
	{ "/a", "*.h#.example.com", "/b", "/a", "x.y.h#.example.com" },
};

static void each_route_is_found(void **state)
{
	struct fixture *fixture = *state;
	char path[TEXT_MAX], host[TEXT_MAX];

	for (size_t k = 0; k < COUNT_OF(kinds); k++) {
		router_free(&fixture->router);
		make_routes(fixture, kinds[k].path, kinds[k].host);
		for (size_t i = 0; i < ROUTES; i += 7) {
			const struct route_rule *found = ask(fixture, numbered(kinds[k].good_host, i, host),
							     numbered(kinds[k].good_path, i, path));

			assert_row(found == &fixture->rules[i], k, kinds[k].path);
			found = ask(fixture, numbered(kinds[k].good_host, i, host),
				    numbered(kinds[k].near_path, i, path));
			assert_row(!found, k, kinds[k].near_path);
		}
		assert_null(ask(fixture, numbered(kinds[k].good_host, ROUTES, host),
				numbered(kinds[k].good_path, ROUTES, path)));
	}
}

/* Where the allocator counts; under AddressSanitizer it says nothing, and the test claims nothing. */
static void matching_takes_no_memory(void **state)
{
	struct fixture *fixture = *state;
	char path[TEXT_MAX], host[TEXT_MAX];

	for (size_t k = 0; k < COUNT_OF(kinds); k++) {
		size_t before;

		router_free(&fixture->router);
		make_routes(fixture, kinds[k].path, kinds[k].host);
		before = mallinfo2().uordblks;
		for (size_t i = 0; i < ROUTES; i += 100)
			ask(fixture, numbered(kinds[k].good_host, i, host),
			    numbered(kinds[k].good_path, i, path));
		assert_int_equal(mallinfo2().uordblks, before);
	}
}

/* An API with many hosts is compiled once, not once for each of them. */
static void many_hosts_share_one_tree(void **state)
{
	struct fixture *fixture = *state;
	str *hosts = ARENA_ARRAY(&fixture->arena, str, HOSTS);
	char path[TEXT_MAX], host[TEXT_MAX];
	struct arena arena;

	for (size_t i = 0; i < HOSTS; i++)
		hosts[i] = arena_str(&fixture->arena, numbered("h#.x", i, host));
	for (size_t i = 0; i < ROUTES; i++) {
		fixture->matches[i].path = arena_str(&fixture->arena, numbered("/a/#/{b}", i, path));
		fixture->rules[i] = (struct route_rule) { .api = STR("api"),
							  .route = fixture->matches[i].path,
							  .api_hosts = { hosts, HOSTS },
							  .match = &fixture->matches[i] };
	}
	/* One rule more for one of the hosts: that one gets a tree of its own. */
	fixture->matches[0].hosts = (str_list) { hosts, 1 };
	arena_init(&arena, NULL, 64 * 1024 * 1024);
	assert_false(failed(
		router_compile(&arena, fixture->diagnostics, fixture->rules, ROUTES, &fixture->router)));
	assert_true(arena.used < 16 * 1024 * 1024);
	for (size_t i = 0; i < HOSTS; i++) {
		assert_ptr_equal(ask(fixture, hosts[i], STR("/a/4999/b")), &fixture->rules[4999]);
		assert_ptr_equal(ask(fixture, hosts[i], STR("/a/0/b")), i == 0 ? &fixture->rules[0] : NULL);
	}
	router_free(&fixture->router);
	arena_fini(&arena);
}

#define FIXED(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXED(each_route_is_found),
		FIXED(matching_takes_no_memory),
		FIXED(many_hosts_share_one_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
