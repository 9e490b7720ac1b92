/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route: which rule a request belongs to. Pure: no I/O, no clock, no allocation while matching.
 *
 * Rules of all APIs stand in one router, compiled once a snapshot. The precedence is the contract's, the same
 * everywhere and printed by explain: host (exact, then the longest wildcard, then any); then path (literal
 * before {} before * before ** before regex, segment by segment from the left); then the number of further
 * conditions; then the order in the file.
 */
#pragma once

#include "codec/http_head.h"
#include "config/field.h"
#include "io/address.h"

enum { ROUTE_PARAMETERS_MAX = 16 };

/* `match` of the configuration. */
struct match_config {
	str_list methods, hosts, client_ip;
	str path;
	struct pair_list headers, query, cookies;
};

extern const struct field match_fields[];

/* One rule, as the compiler of the snapshot gives it: an API's own rule, or one of its routes. */
struct route_rule {
	const struct node *node;          /* for diagnostics */
	str api, route;                   /* names; route is empty for the API's own rule */
	str_list api_hosts, api_methods;  /* of the API; a route's own hosts narrow them */
	str api_path;                     /* prefix on segment boundaries; "/" or empty: all */
	const struct match_config *match; /* NULL for an API's own rule: its path followed by ** */
	const void *target;               /* the caller's; handed back by a match */
};

struct router;

result router_compile(struct arena *arena, struct diagnostics *diagnostics, const struct route_rule *rules,
		      size_t count, struct router **ret_router);
/* ERROR_INVALID when a pattern is wrong or two rules can never be told apart; every one is reported. The
 * rules and what they point to must live as long as the router. */

void router_free(struct router **router);
/* What lies outside the arena: compiled regular expressions. Clears the pointer, accepts NULL in it. */

struct route_scratch; /* match data of regular expressions; one a worker */
struct route_scratch *route_scratch_new(void);
void route_scratch_free(struct route_scratch **scratch);

uint64_t route_scratch_limited(const struct route_scratch *scratch);
/* How many times a limit was reached (steps of a regular expression, length of a value of the query): the
 * request was given no route then, so that none can slip past a rule by being expensive. */

struct route_request {
	str method, host, path, query; /* host lower case without port; path normalised */
	const struct http_fields *fields;
	const struct address *client;
};

struct route_parameter {
	str name, value; /* value: a slice of the request's path */
};

enum route_outcome { ROUTE_FOUND, ROUTE_NONE, ROUTE_METHOD };

struct route_match {
	enum route_outcome outcome;
	const struct route_rule *rule; /* with ROUTE_FOUND */
	struct route_parameter parameters[ROUTE_PARAMETERS_MAX];
	size_t parameter_count;
	unsigned allowed; /* with ROUTE_METHOD: bits of enum http_method, for Allow */
	const struct str_list
		*allowed_other; /* further methods by name, until the scratch is used again; may be NULL */
};

void router_match(const struct router *router, struct route_scratch *scratch,
		  const struct route_request *request, struct route_match *ret_match);
/* A path that does not begin with '/' ("*" of OPTIONS, CONNECT) has no route. */

void router_explain(const struct router *router, struct route_scratch *scratch,
		    const struct route_request *request, FILE *to);
/* The winner and why it won, and each near miss with the first condition that failed, by the same code. */
