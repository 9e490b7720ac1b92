/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match_config: the options of `match`, for the parser, the schema and the manual.
 */
#include "route/route.h"

enum { ITEMS_MAX = 1000 };

const struct field match_fields[] = {
	FIELD_STRS(struct match_config, methods, "methods", 0, ITEMS_MAX,
		   "Methods; none = any that the API takes."),
	FIELD_STR(struct match_config, path, "path", "",
		  "Path relative to the API's: literals, `{name}`, `*`, `**`, or `~REGEX`; none = any."),
	FIELD_STRS(struct match_config, hosts, "hosts", 0, ITEMS_MAX,
		   "Hosts, among those of the API: a name or `*.example.com`; none = all of them."),
	FIELD_PAIRS(struct match_config, headers, "headers", ITEMS_MAX,
		    "Header fields: a value, `~REGEX`, `\"*\"` present, `\"!\"` absent."),
	FIELD_PAIRS(struct match_config, query, "query", ITEMS_MAX,
		    "Parameters of the query, decoded: a value, `~REGEX`, `\"*\"` present, `\"!\"` absent."),
	FIELD_PAIRS(struct match_config, cookies, "cookies", ITEMS_MAX,
		    "Cookies: a value, `~REGEX`, `\"*\"` present, `\"!\"` absent."),
	FIELD_STRS(struct match_config, client_ip, "client_ip", 0, ITEMS_MAX,
		   "Addresses or ranges (CIDR), one of which the client is in."),
	FIELD_END,
};
