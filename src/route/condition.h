/* SPDX-License-Identifier: Apache-2.0 */
/*
 * condition: what a rule asks of a request beyond host, path and method.
 *
 *     headers: { X-Beta: "yes", X-Old: "!" }      equal; absent
 *     query:   { format: "~^(csv|json)$" }        a regular expression
 *     cookies: { session: "*" }                   present
 *     client_ip: [10.0.0.0/8]
 *
 * A name may stand more than once in a request: one instance that fits is enough, and "absent" means that
 * there is none. Names and values of the query are decoded before they are compared, '+' being a space.
 */
#pragma once

#include "codec/cidr.h"
#include "route/regex.h"
#include "route/route.h"

enum condition_subject { CONDITION_HEADER, CONDITION_QUERY, CONDITION_COOKIE, CONDITION_CLIENT };

enum condition_test { CONDITION_PRESENT, CONDITION_ABSENT, CONDITION_EQUAL, CONDITION_REGEX };

struct condition {
	enum condition_subject subject;
	enum condition_test test;
	enum http_name id; /* of a header */
	bool is_secret;    /* its value may be one: it came from outside, or its name says so */
	bool is_by_text;   /* the header's number is not only its own */
	str name, value;   /* value as it is written */
	const struct regex *regex;
	const struct cidr *ranges; /* of the client */
	str_list range_texts;
};

struct condition_compile {
	struct arena *arena;
	struct diagnostics *diagnostics;
	struct regex_table *regexes;
};

bool conditions_compile(struct condition_compile *compile, const struct match_config *match,
			const struct node *node, const struct condition **ret_conditions, size_t *ret_count);
/* In the order headers, query, cookies, client_ip. node is the match's, for diagnostics. False after having
 * reported every one that is wrong. */

uint64_t condition_hash(const struct condition *condition, uint64_t seed);
/* Equal for conditions that say the same. */

enum { CONDITION_ROOM = 64 * 1024 };

struct condition_scratch {
	struct regex_scratch regex;
	char room[CONDITION_ROOM]; /* for a value of the query, decoded */
};

enum condition_outcome { CONDITION_HOLDS, CONDITION_FAILS, CONDITION_LIMIT };

enum condition_outcome condition_check(const struct condition *condition, struct condition_scratch *scratch,
				       const struct route_request *request);
/* CONDITION_LIMIT: a limit of regular expressions was reached, or a value is longer than the room. */

void condition_print(const struct condition *condition, FILE *to);
/* header X-Beta = "yes"; a secret as *** */
