/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route_testing: a router from a configuration's text, and requests from one line.
 */
#pragma once

#include "base/testing.h"
#include "route/route.h"

enum { TESTING_FIELDS_MAX = 8 };

struct route_testing {
	struct arena arena;
	struct diagnostics *diagnostics;
	struct route_rule *rules;
	size_t count;
	struct router *router;
	struct route_scratch *scratch;
	result_value outcome; /* of router_compile() */

	struct http_field room[TESTING_FIELDS_MAX];
	struct http_fields fields;
	struct address client;
	struct route_request request;
	struct route_match match;
	char *printed;
};

void route_testing_open(struct route_testing *testing, const char *yaml);
/* yaml holds `apis:` with hosts, path, methods and routes. An API's own rule comes before its routes. */

void route_testing_close(struct route_testing *testing);

void route_testing_ask(struct route_testing *testing, const char *line);
/* "GET a.example.com/path?query X-Name: value|Cookie: a=b", from 192.0.2.1. Fills request and match. */

const char *route_testing_answer(struct route_testing *testing);
/* "orders.cancel id=42", "orders", "none", or "405 GET POST PURGE", of the last match. */

const char *route_testing_diagnostics(struct route_testing *testing);
/* One line each: "3:5: error: apis.orders.path: message". */

const char *route_testing_explain(struct route_testing *testing);
