/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnostics: every problem found in a configuration, with its place and its mend.
 *
 *     gatehouse.yaml:14:15: error: apis.orders.upstream: no upstream is named "order"; did you mean "orders"?
 *        14 |     upstream: order
 *           |               ^~~~~
 *
 * All problems in one go, in the order of the files, at most 100 printed ("and 12 more"). What ${...} stands
 * for may be a secret: the line is shown as it stands in the file, and a message about an expanded value has
 * whatever it quotes of that value replaced by the source. Control bytes never reach the terminal.
 *
 * Everything lives in the arena, and so must the nodes that are pointed at, until diagnostics_print().
 */
#pragma once

#include <stdio.h>

#include "base/arena.h"

struct node;
struct diagnostics;

struct place {
	uint32_t source, line, column, width; /* lines and columns from 1; width 0: unknown */
};

struct diagnostics *diagnostics_new(struct arena *arena);

void diagnostic_error(struct diagnostics *diagnostics, const struct node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* at: the value that is wrong; the path before the message and the underline come from it. NULL: no place. Of
 * a text, a list or nothing, one error is reported, the first: so whoever checks a value further need not
 * know whether it could be read. */

void diagnostic_error_key(struct diagnostics *diagnostics, const struct node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, pointing at the value's key. */

void diagnostic_error_place(struct diagnostics *diagnostics, const struct node *at, struct place place,
			    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same, pointing somewhere else. at may be NULL: no path then. */

void diagnostic_warning(struct diagnostics *diagnostics, const struct node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

str diagnostic_read(struct diagnostics *diagnostics, const struct node *node);
/* What was read, in words, for the end of a message: the quoted text, cut when long; a list, a map, nothing.
 * Never what ${...} stands for, nor a secret. Better than printing a node's text. */

void diagnostic_secret(struct diagnostics *diagnostics, const struct node *node);
/* What stands there, and in all beneath it, may be a secret in the wrong place: messages say only whether it
 * is a text, a list or a map, and it is covered in every line that is shown, its keys with it. */

str diagnostic_suggest(struct arena *arena, str word, const str *known, size_t count);
/* "; did you mean \"orders\"?", or the list of what is allowed when nothing is near and the list is no
 * longer than can be read, or empty. */

size_t diagnostics_errors(const struct diagnostics *diagnostics);
size_t diagnostics_warnings(const struct diagnostics *diagnostics);

void diagnostics_print(const struct diagnostics *diagnostics, FILE *to);

typedef void (*diagnostics_fn)(void *owner, bool is_warning, str line);

void diagnostics_tell(const struct diagnostics *diagnostics, diagnostics_fn tell, void *owner);
/* The same ones in the same order, each in one line without the source: "gatehouse.yaml:14:15: apis.orders:
 * no ...". Not escaped. The line belongs to the arena. */

uint16_t diagnostics_add_source(struct diagnostics *diagnostics, str name, str text);
/* A file whose lines can be shown. Both slices are borrowed. The number is what node->file says; there are at
 * most DIAGNOSTICS_SOURCES_MAX. */

enum { DIAGNOSTICS_SOURCES_MAX = 4096 };

str diagnostics_source_name(const struct diagnostics *diagnostics, uint16_t source);

str source_line(str text, uint32_t line);
/* Without its end. Empty when there are not as many. Lines end as in YAML: LF, CR LF or CR. */
