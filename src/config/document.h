/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document: a configuration file as a tree with positions, before anyone knows what it means.
 *
 * Built from libfyaml's events into an arena: compact, linear in the size of the file, duplicate keys found
 * by hashing. Includes are merged and ${...} is expanded here, so that what reads the tree sees values only;
 * each node still knows the file, line and column it came from.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"
#include "config/diagnostics.h"

enum node_kind { NODE_NULL, NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	bool is_quoted;                     /* a scalar in quotes or a block: always text */
	str text;                           /* of a scalar, expanded */
	str key;                            /* its name in the map that holds it */
	struct node *parent, *first, *next; /* children in the order of the file */
	size_t count;                       /* children */
	uint32_t file, line, column; /* of the value; lines and columns count from 1, columns in characters */
	uint32_t key_line, key_column; /* of the key, where there is one */
	uint32_t width; /* columns that the value takes in its line, for the underline; 0: unknown */
};

struct document;

struct document_options {
	const char *(*environment)(const char *name, void *argument); /* NULL: getenv */
	void *argument;
	size_t max_size; /* bytes of all files together; 0: 256 MiB */
};

result document_load(struct arena *arena, str path, const struct document_options *options,
		     struct diagnostics *diagnostics, struct document **ret_document);
/* Reads path and what it includes. ERROR_INVALID when diagnostics has errors. */

result document_parse(struct arena *arena, str name, str text, const struct document_options *options,
		      struct diagnostics *diagnostics, struct document **ret_document);
/* The same for a text; relative paths are relative to name's folder. */

const struct node *document_root(const struct document *document);
/* Always a map. */

size_t document_file_count(const struct document *document);
str document_file(const struct document *document, size_t index);
/* Every file that was read, also by ${file:...}: what --watch watches. */

const struct node *node_find(const struct node *map, str key);
/* NULL without one, or when map is NULL or not a map. */

str node_path(const struct node *node, struct arena *arena);
/* "apis.orders.policies[1].jwt" */

str node_resolve_path(const struct document *document, const struct node *node, str path,
		      struct arena *arena);
/* A relative path made relative to the file that names it. */
