/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expression: what `when` and its like say: a subset of CEL, the Common Expression Language.
 *
 * Compiled once, with every type checked that can be known; evaluated for a request without taking memory,
 * within a bounded depth. Nothing is an error at run time: what is missing makes a comparison false. Where an
 * answer would cost too much (a regular expression at its limit, texts too long to be put together), the
 * outcome is that nothing was decided, and whoever asked takes the safe side.
 */
#pragma once

#include "policy/policy.h"

enum {
	EXPRESSION_LENGTH_MAX = 8 * 1024,
	EXPRESSION_DEPTH_MAX = 32,   /* operators, calls and brackets within each other */
	EXPRESSION_NODES_MAX = 1000, /* names, constants and operators in all */
	EXPRESSION_ROOM = 8 * 1024,  /* bytes of the texts that one evaluation puts together */
};

struct expression;

/* What the whole of it must be. */
enum expression_want { EXPRESSION_BOOL, EXPRESSION_INT };

/* The first mistake: its place in the text, both counted from 1, columns in bytes. */
struct expression_error {
	size_t line, column;
	str why;
};

bool expression_parse(struct arena *arena, struct regex_table *regexes, str text, enum expression_want want,
		      const struct expression **ret_expression, struct expression_error *ret_error);
/* text is borrowed. Everything is made in the arena, which must live as long; regexes as well. */

result expression_compile(const struct policy_compile *compile, const struct node *node,
			  enum expression_want want, const struct expression **ret_expression);
/* The same of a scalar in a file. ERROR_INVALID after a report. */

const struct expression *expression_both(struct arena *arena, const struct expression *a,
					 const struct expression *b);
/* One that holds when both hold; either may be NULL. */

enum expression_outcome { EXPRESSION_NO, EXPRESSION_YES, EXPRESSION_UNDECIDED };

enum expression_outcome expression_holds(const struct expression *expression, const struct view *view);
/* Of one that is EXPRESSION_BOOL. */

bool expression_number(const struct expression *expression, const struct view *view, int64_t *ret_number);
/* Of one that is EXPRESSION_INT. False when what it needs is missing, or nothing was decided. */

bool expression_needs_principal(const struct expression *expression);
/* Whether it names the consumer or claims: known only behind an authentication, as a certificate is not. */

void expression_print(const struct expression *expression, struct buf *out);
/* In one form, however it was written; compiling that gives the same again. */

void expression_tell(const struct expression *expression, FILE *to);
/* The same for people: cut where it is long, nothing of what ${...} stands for, and "***" for a text or a
 * number that something under a secret's name is compared with, and for a text that is a secret by its looks.
 */

void expression_compare(struct arena *arena, const struct node *before, const struct node *after,
			enum expression_want want, struct field_difference *ret_difference);
/* Two scalars that were compiled before, or NULL, for the form of an option. What is only written otherwise
 * is no difference; the words are expression_tell()'s, and may be the same of two that differ in a secret. A
 * number that is no expression stays as it is written. */

extern const struct field_form expression_form; /* member: const struct node *; the text as it stands */
