/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field_tables: every table that can be reached from one, each once, with a name.
 *
 * A table may be used in many places (the policies of an API, of a route, of the defaults); the schema and
 * the manual describe it once and refer to it.
 */
#pragma once

#include "config/field.h"

enum { FIELD_TABLES_MAX = 512 };

struct field_table {
	const struct field *fields;
	str path; /* where it is met first: "upstreams.NAME.retries"; empty for the root */
	str id;   /* the same as one word: "upstreams-name-retries" */
	const char *doc;
};

struct field_tables {
	struct arena *arena;
	str prefix; /* of every id; empty: none */
	struct field_table at[FIELD_TABLES_MAX];
	size_t len;
};

void field_tables_collect(struct field_tables *tables, struct arena *arena, const struct field *root);
/* In the order of the rows, depth first; the root comes first. The prefix is set by the caller. */

const struct field_table *field_tables_find(const struct field_tables *tables, const struct field *fields);
/* What was collected can be found. */

const struct field *field_beneath(const struct field *field);
/* The table of what a row holds, or NULL. */
