/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnostics: every problem found in a configuration, with its place and its mend.
 *
 *     gatehouse.yaml:14:7: error: apis.orders.upstream: no upstream is named "order"; did you mean "orders"?
 *        14 |     upstream: order
 *           |               ^~~~~
 *
 * All problems in one go, in the order of the files, at most 100 printed ("and 12 more").
 */
#pragma once

#include <stdio.h>

#include "base/arena.h"

struct node;
struct diagnostics;

struct diagnostics *diagnostics_new(struct arena *arena);

void diagnostic_error(struct diagnostics *diagnostics, const struct node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* at: the value that is wrong; the path before the message and the underline come from it. */

void diagnostic_error_key(struct diagnostics *diagnostics, const struct node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, pointing at the value's key. */

void diagnostic_warning(struct diagnostics *diagnostics, const struct node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

str diagnostic_suggest(struct arena *arena, str word, const str *known, size_t count);
/* "; did you mean \"orders\"?", or the list of what is allowed when nothing is near and the list is short, or
 * empty. */

size_t diagnostics_errors(const struct diagnostics *diagnostics);
size_t diagnostics_warnings(const struct diagnostics *diagnostics);

void diagnostics_print(const struct diagnostics *diagnostics, FILE *to);
