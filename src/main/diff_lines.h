/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff_lines: what `gatehouse diff` has found, one line a change, sorted by what could go wrong.
 */
#pragma once

#include <stdio.h>

#include "base/arena.h"

/* In the order in which they are printed. */
enum risk {
	RISK_PUBLIC, /* something now needs no authentication */
	RISK_OPEN,   /* a rule became weaker */
	RISK_ROUTE,  /* another API, route or upstream answers, or nobody does */
	RISK_SHADOW, /* a rule that no request reaches any more */
	RISK_TIGHT,  /* a rule became stricter */
	RISK_OTHER,
	RISKS,
};

struct diff_line {
	struct diff_line *next;
	enum risk risk;
	str text;
};

struct diff_lines {
	struct arena *arena;
	struct diff_line *first;
	size_t count[RISKS];
};

void diff_add(struct diff_lines *lines, enum risk risk, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A line that is there already is not added again. */

void diff_print(struct diff_lines *lines, FILE *to);
/* "CLASS  TEXT", sorted by class and text. What is not printable is escaped. */

int diff_exit_code(const struct diff_lines *lines);
/* 4: public or open; 3: route or shadow; 0 otherwise. */
