/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_testing: a policy between a file and an exchange that are not there.
 *
 * The options are read from YAML as a file's would be, the view is a double: a request given in a few lines,
 * a clock that stands, numbers that are not random. What a policy did is read back as text.
 */
#pragma once

#include "auth/auth_worker.h"
#include "auth/consumers.h"
#include "policy/chain.h"
#include "route/regex.h"

struct key_set;
struct key_sets;

enum { BENCH_FIELDS_MAX = 64, BENCH_TEXT_MAX = 64 * 1024, BENCH_KEYS_MAX = 16 };

struct bench {
	struct arena snapshot, exchange;
	struct diagnostics *diagnostics;
	struct policy_chain chain;
	struct view view;
	struct http_request request;
	struct http_response response;
	struct http_field request_fields[BENCH_FIELDS_MAX], response_fields[BENCH_FIELDS_MAX];
	struct effects effects;
	duration slept;
	bool is_over; /* nobody can sleep any more */
	struct regex_table regexes;
	struct policy_hooks hooks; /* whoever is named is there, but for what begins with "no"; and a Redis */
	char managed[256];         /* "Name;" of each */
	struct regex_scratch regex_scratch;
	struct key_sets *key_sets; /* by the URL or the issuer; empty until a test publishes keys */
	struct key_set *kept[BENCH_KEYS_MAX];
	size_t kept_count;
	struct rate_table *rates;
	struct quota_table *quotas;
	struct slot_table *slots; /* where nobody can wait, unless a test has its own take_slot */
	duration passed;          /* what the clock is moved on by; who does leaves effects.self alone */
	struct auth_worker auth;  /* whatever of it a test makes is the test's */
	char *printed;            /* by bench_errors() */
};

struct bench *bench_new(const char *policies);
/* policies: a list as in a file: "[ respond: { status: 204 } ]". */

void bench_free(struct bench **bench);

const char *bench_errors(struct bench *bench);
/* What check would print; empty when all is well. */

/* What check says of a list of policies. */
struct bench_check {
	const char *policies, *want; /* want: a part of it; empty: all is well */
};

void bench_assert_checks(const struct bench_check *rows, size_t count);

void bench_ask(struct bench *bench, const char *target, const char *fields);
/* A fresh exchange: "GET /path?query", and lines "Name: value\n". The host is api.test, the client
 * 203.0.113.9, the id id-1, API and route are "orders" and "one"; {id} is "7". */

void bench_identify(struct bench *bench, const char *principal);
/* After bench_ask(): who asks, as JSON: {"method": "jwt", "consumer": "acme", "groups": [...], "labels":
 * {...}, "claims": {...}, "subject": "CN=..."}, of which all may be left out. */

struct consumers *bench_consumers(const struct consumer_config *configs, size_t count);
/* The caller's, until consumers_unref(). */

enum verdict bench_request(struct bench *bench);
void bench_answer(struct bench *bench, const char *fields);
/* Runs the response side on an answer of endpoint 10.0.0.5:8080 with these fields. */

const char *bench_fields(struct bench *bench, const struct http_fields *fields);
/* "Name: value\n" of each that is there. Lives until the next bench_ask(). */

const char *bench_text(struct bench *bench, str text);
/* With its NUL, for assert_string_equal(). */
