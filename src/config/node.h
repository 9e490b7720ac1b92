/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node: one value of a configuration file, and the file, line and column it came from.
 *
 * Compact, because a file of 50,000 routes has 400,000 of them. Nodes live in the document's arena and, but
 * for is_broken and is_secret, never change once the document is loaded.
 */
#pragma once

#include "base/arena.h"

enum node_kind { NODE_NULL, NODE_SCALAR, NODE_LIST, NODE_MAP };

struct map;
struct node_literals;

struct node {
	enum node_kind kind : 8;
	bool is_quoted : 1;   /* a scalar in quotes or a block: always text */
	bool is_expanded : 1; /* ${...} was replaced in it: may be a secret, so messages show the source */
	bool is_secret : 1;   /* may be one, by where it stands: no message says what it is */
	bool is_broken : 1;   /* reported already: further diagnostics about it are dropped */
	uint16_t file;        /* a source of the diagnostics */
	str text;             /* of a scalar, expanded */
	str key;              /* its name in the map that holds it */
	struct node *parent, *first, *next; /* children in the order of the file */
	union {
		struct map *index;                    /* of a large map, for node_find() */
		const struct node_literals *literals; /* of a scalar, for node_is_literal() */
	};
	uint32_t count;                /* children */
	uint32_t line, column;         /* of the value; counted from 1, columns in characters */
	uint32_t key_line, key_column; /* of the key, where there is one */
	uint32_t width; /* columns that the value takes in its line, for the underline; 0: unknown */
};

/* Parts of a scalar's text that were not written there: taken from outside, a default, or an escaped $${. */
struct node_literals {
	size_t count;
	struct node_span {
		size_t from, to;
		bool is_outside; /* not written in the file at all, not even as a default */
	} at[];
};

const struct node *node_find(const struct node *map, str key);
/* NULL without one, or when map is NULL or not a map. */

str node_path(const struct node *node, struct arena *arena);
/* "apis.orders.policies[1].jwt"; the root's is empty. A key that is not plain is quoted: hosts["a.b"]. */

bool node_is_literal(const struct node *node, size_t at);
/* Whether the byte at this offset of the text came from ${...} or from an escaped $${: a reference such as
 * ${request.id} that begins there must not be expanded by a policy. */
