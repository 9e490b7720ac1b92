/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What collecting (diagnostics.c) and printing (diagnostics_print.c) share.
 *
 * More are kept than printed, as the first hundred by place need not be the first that were found. Beyond
 * DIAGNOSTICS_KEPT_MAX they are counted only.
 */
#pragma once

#include "config/diagnostics.h"
#include "config/node.h"

enum { DIAGNOSTICS_PRINTED_MAX = 100, DIAGNOSTICS_KEPT_MAX = 10000, DIAGNOSTICS_SECRETS_MAX = 10000 };

struct source {
	str name, text;
};

struct diagnostic {
	struct diagnostic *next;
	const struct node *node; /* for the path; may be NULL */
	bool is_warning, has_place;
	struct place place;
	size_t order; /* in which it was found */
	str message;
};

/* What is covered in the lines that are shown. */
struct secret_place {
	struct secret_place *next;
	struct place place; /* width 0: up to the end of the line */
};

struct diagnostics {
	struct arena *arena;
	struct diagnostic *first, **last;
	size_t errors, warnings, kept;
	struct secret_place *secrets;
	size_t secret_count;
	bool is_without_lines;  /* there was no room for all secrets */
	struct source *sources; /* room for the next power of two */
	uint16_t source_count;
};
