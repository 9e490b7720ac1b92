/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit: what the policies that bound somebody have in common: by what a limit is known, what its refusals
 * and all other answers tell, and that a request which any of them refuses costs nothing with the others.
 */
#pragma once

#include "policy/policy.h"

enum { LIMIT_NAME_MAX = 64, LIMIT_MEMBER_MAX = 2 * LIMIT_NAME_MAX + 64 };

/* What a limit is called, as the places have it where it is told. */
struct limit_label {
	str quoted;   /* of a structured field */
	str violated; /* a member of the problem document */
};

/* Where a limit is counted, from the strictest on. */
enum limit_where { LIMIT_SHARED, LIMIT_OWN };

extern const char *const limit_where_words[]; /* of these; ended by NULL */

/* What `store` and `on_failure` of a limit say; what they do not is the configuration's. */
struct limit_store {
	int where, on_failure; /* enum limit_where, enum limit_failure */
};

/* Their rows. m: the struct limit_store in S. */
#define LIMIT_STORE_FIELDS(S, m)                                                                            \
	FIELD_ENUM(S, m.where, "store", limit_where_words, NULL,                                            \
		   "Where it is counted: by all gateways together, or by each for itself; without it as "   \
		   "`store` of the configuration says."),                                                   \
		FIELD_ENUM(                                                                                 \
			S, m.on_failure, "on_failure", limit_failure_words, NULL,                           \
			"What holds while Redis does not answer: nobody passes (503), each gateway counts " \
			"its share for itself, or everybody passes; without it as `store.on_failure` of "   \
			"the configuration says.")

/* What a request counted as, and how things stand since; the first member of what a limit remembers. */
struct limit_taken {
	struct limit_taken *next;
	const struct limit_label *label;
	str policy; /* a member of RateLimit-Policy */
	uint64_t left;
	duration until_whole;
	bool is_silent; /* is told to nobody, or was told */
	void (*give_back)(struct limit_taken *taken, struct view *view, wall_time now);
	/* As if the request had not come; more than once is as good as once. */
};

str limit_place(const struct node *options, struct arena *arena);
/* Where a limit stands: in a list, how many of its kind stand before it there, so that other policies may
 * come and go. */

result limit_label_compile(const struct policy_compile *compile, str name, struct limit_label *ret_label);
/* name: what the option says, or its default. ERROR_INVALID after a report. */

result limit_store_compile(const struct policy_compile *compile, struct limit_store *store);
/* Completes what its rows have read. ERROR_INVALID after a report. */

str limit_store_describe(const struct limit_store *store, struct arena *arena);
/* For `explain`: ", on Redis (on_failure: deny)"; empty where each gateway counts for itself. */

str limit_policy_print(const struct limit_label *label, uint64_t number, uint64_t seconds,
		       struct arena *arena);
/* "\"default\";q=100;w=60": so many within that time. */

void limit_remember(struct view *view, struct limit_taken *taken);
/* taken lives in the exchange's arena. */

void limit_give_back_all(struct view *view);
/* By who refuses the request, whatever kind of limit it is; who only reports takes nothing from others and
 * gives nothing back for them. Yields where gateways count together. */

enum verdict limit_refuse(struct view *view, const struct limit_label *label, enum reason reason,
			  duration wait);
/* A problem of the type quota-exceeded. wait: until it may come again, told in whole seconds, one at least;
 * negative: never. POLICY_ANSWERED. */

enum verdict limit_go_without(struct view *view, struct limit_taken *taken, const struct limit_store *store);
/* What gateways count together cannot be found out, and is not to be counted here either: LIMIT_ALLOWS or
 * LIMIT_DENIES. */

struct http_fields limit_retry_after(struct arena *arena, duration wait);
/* The field alone. */

void limit_tell(struct view *view);
/* In response functions: adds the fields for all limits that have not been told yet, in the order in which
 * they were asked. The last limit in the chain, which comes first here, tells for all of them. */
