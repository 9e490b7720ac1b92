/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_config: a file of cases for `gatehouse test`: read by tables like a configuration, so that mistakes
 * in it are told in the same way, and the manual describes it from the same rows.
 */
#pragma once

#include "proxy/rehearsal.h"
#include "route/regex.h"

/* What a value must be: the text, or "~REGEX". */
struct expected {
	str text;
	const struct node *node; /* NULL: nothing is expected */
	const struct regex *regex;
};

struct expected_field {
	str name;
	struct expected value;
};

struct expected_fields {
	const struct expected_field *at;
	size_t len;
};

/* What the upstream must have got. */
struct expected_forwarded {
	struct expected method, path, query, body;
	struct pair_list headers;
	str_list absent;
	struct expected_fields fields; /* the headers, compiled */
};

struct expectation {
	struct expected status, reason, api, route, consumer, upstream, body;
	struct pair_list headers;
	str_list absent;
	struct expected_forwarded forwarded;
	struct expected_fields fields; /* the headers, compiled */
	bool has_forwarded;            /* something must have been forwarded */
};

struct case_request {
	str method, url;
	struct pair_list headers;
	str client_ip, body;
	str certificate;          /* a path; empty: none is shown */
	const struct node *token; /* a map of claims; NULL: none is made */
};

struct test_case {
	struct entry entry;
	str name;
	struct case_request request;
	int64_t repeat;
	duration advance;
	struct expectation meanwhile, expect;
	str head;                       /* of the request, printed */
	str token;                      /* its claims, as JSON */
	const struct principal *client; /* by its certificate; NULL: none */
	bool is_secure;
};

/* Keys in the place of those that would be fetched. */
struct stand_in_keys {
	struct key_set *of; /* the snapshot's */
	struct jwk_set *keys;
};

struct stand_in_config {
	struct entry entry; /* the upstream's name */
	int64_t status;
	struct pair_list headers;
	str body;
	struct stand_in stand_in; /* the same, compiled */
};

struct cases_config {
	str clock;
	struct {
		struct stand_in_config *at;
		size_t len;
	} upstreams;
	struct pair_list keys;
	struct {
		struct test_case *at;
		size_t len;
	} cases;
};

extern const struct field cases_fields[];

struct cases {
	struct arena arena;
	struct diagnostics *diagnostics;
	struct regex_table regexes;
	struct cases_config config;
	wall_time clock;
	struct stand_in_keys *keys;
	size_t key_count;
};

result cases_load(str path, const struct snapshot *snapshot, struct cases *ret_cases);
/* Reads, and checks the names against the snapshot. ERROR_INVALID with diagnostics that tell why; others have
 * their words in the result. cases_unload() in either case. */

void cases_unload(struct cases *cases);
