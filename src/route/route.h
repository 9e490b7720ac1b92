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

/* `match` of the configuration, as match_fields reads it. All that is given must hold. */
struct match_config {
	str_list methods;   /* tokens, case matters; also such as RFC 9110 does not know */
	str_list hosts;     /* names, addresses, "*.example.com", "*" */
	str_list client_ip; /* addresses and CIDR ranges; one of them must hold the client */
	str path;           /* relative to the API's; see pattern.h. Empty: all of the API's */

	/* Names with a value, "~REGEX", "*" for present or "!" for absent; see condition.h. */
	struct pair_list headers, query, cookies;
};

extern const struct field match_fields[];

/* Of whom a rule is. */
struct route_names {
	str api, route; /* route: empty for the API's own rule */
	str base;       /* what all paths of the API begin with, as far as it is literal; "" for "/" */
};

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
/* ERROR_INVALID when a pattern is wrong or two rules can never be told apart; every one is reported, at the
 * value that is wrong, and *ret_router is NULL then. What is right but costly for each request is warned of.
 *
 * The order of the rules is that of the file, an API's rules one after the other; where its own stands among
 * them does not matter. The rules and what they point to must live as long as the router. */

void router_free(struct router **router);
/* What lies outside the arena: compiled regular expressions. Clears the pointer, accepts NULL in it. No match
 * may be under way. */

struct regex_scratch;
struct route_scratch;
/* What matching writes to, so that routers are read only and may be shared by threads: one a worker, for any
 * router. Some 100 KiB, and stacks for regular expressions. */

struct route_scratch *route_scratch_new(void);
void route_scratch_free(struct route_scratch **scratch);
/* Clears the pointer, accepts NULL in it. */

struct regex_scratch *route_scratch_regex(struct route_scratch *scratch);
/* What its worker's other regular expressions may match with, between two calls of router_match(). */

struct route_request {
	str method;
	str host;  /* lower case, without port and last dot; empty where the request has none */
	str path;  /* normalised, see uri_path_normalise(); what it is not is never matched by a literal */
	str query; /* as it came, without '?' */
	const struct http_fields *fields; /* removed ones are not there */
	const struct address *client;     /* NULL, or a Unix socket: in no range */
};

/* A name of the template, or of a group of the regular expression. */
struct route_parameter {
	str name;  /* lives as long as the router */
	str value; /* a slice of the request's path, still encoded; empty for a group that took no part */
};

enum route_outcome {
	ROUTE_FOUND,
	ROUTE_NONE,   /* 404; also when a limit was reached */
	ROUTE_METHOD, /* 405: with one of `allowed` there would be a route */
};

struct route_match {
	enum route_outcome outcome;
	const struct route_rule *rule; /* with ROUTE_METHOD the first that takes another one; NULL: none */
	const void *target;            /* the rule's */
	struct route_parameter parameters[ROUTE_PARAMETERS_MAX];
	size_t parameter_count;
	unsigned allowed; /* with ROUTE_METHOD: bits of enum http_method, for Allow */
	const struct str_list
		*allowed_other; /* further methods by name, until the scratch is used again; may be NULL */
};

void router_match(const struct router *router, struct route_scratch *scratch,
		  const struct route_request *request, struct route_match *ret_match);
/* Allocates nothing, parks nowhere, recurses nowhere. A path that does not begin with '/' ("*" of OPTIONS,
 * the authority of CONNECT) has no route. RFC 9110 section 15.5.6 for 405. */
