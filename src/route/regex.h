/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex: regular expressions of rules, by PCRE2 within limits.
 *
 * A text is compiled once, however many rules use it. Expressions are searched for, not anchored: '^' and '$'
 * say where. Subjects are bytes; '.' takes any of them, '$' only the very end. A match that would cost more
 * than the limits is given up, and whoever asked is told, so that no path can keep a worker busy.
 */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/arena.h"
#include "base/map.h"

enum {
	REGEX_GROUPS_MAX = 63,
	REGEX_JIT_MAX = 10000,       /* of a table: later ones are interpreted, so that loading stays short */
	REGEX_MATCH_LIMIT = 100000,  /* steps of backtracking */
	REGEX_DEPTH_LIMIT = 10000,   /* where it is interpreted */
	REGEX_HEAP_LIMIT_KIB = 1024, /* the same */
	REGEX_STACK_MAX = 256 * 1024, /* of compiled code */
};

struct regex {
	struct regex *next;
	str text;
	pcre2_code *code;
};

struct regex_table {
	struct arena *arena;
	struct map whole, rests; /* by text: searched for, and anchored behind a prefix */
	struct regex *all;
	size_t count;
};

void regex_table_init(struct regex_table *table, struct arena *arena);
void regex_table_fini(struct regex_table *table);
/* Frees the compiled code; what is in the arena goes with it. */

bool regex_compile(struct regex_table *table, str text, struct regex **ret_regex, str *ret_why);
/* The table's own for that text, which must live as long as the table. False with what is wrong and where. */

bool regex_compile_split(struct regex_table *table, str text, str *ret_prefix, struct regex **ret_regex,
			 str *ret_why);
/* The same as a text that the subject must begin with, in the arena, and an expression for what follows,
 * which is to be matched from behind it on. Often enough many have the latter in common. */

size_t regex_group_names(const struct regex *regex, size_t max, str *ret_names, size_t *ret_groups);
/* Named groups in the order of their numbers, at most max. */

/* What matching writes to; one a worker. */
struct regex_scratch {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};

void regex_scratch_init(struct regex_scratch *scratch);
void regex_scratch_fini(struct regex_scratch *scratch);

enum regex_outcome { REGEX_NO, REGEX_YES, REGEX_LIMIT };

enum regex_outcome regex_match(const struct regex *regex, struct regex_scratch *scratch, str subject,
			       size_t from);
/* from: 0, or the length of the prefix. Allocates nothing, unless the expression is interpreted: then PCRE2
 * keeps what it took in the scratch, up to REGEX_HEAP_LIMIT_KIB. */

str regex_group(const struct regex_scratch *scratch, str subject, size_t group);
/* After REGEX_YES; empty when the group took no part. */
