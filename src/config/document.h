/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document: a configuration file as a tree with positions, before anyone knows what it means.
 *
 * Built from libfyaml's events into an arena: compact, linear in the size of the file, duplicate keys found
 * by hashing. Includes are merged and ${...} is expanded here, so that what reads the tree sees values only;
 * each node still knows the file, line and column it came from.
 *
 * YAML 1.2, and of it what a configuration needs. A scalar is text until a field reads it as something else,
 * so that `no` is no truth value, 010 no octal number and 1.10 no fraction. Refused, each with its place:
 * keys that stand twice, keys that are no text, tags, several documents, bytes that are not UTF-8, control
 * characters, more than 64 levels, aliases that multiply.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"
#include "config/diagnostics.h"
#include "config/node.h"

struct document;
struct file_list;

/* For tests, and for tools that read a configuration as another machine would. NULL in its place: the
 * process's environment, and 256 MiB. */
struct document_options {
	const char *(*environment)(const char *name, void *argument); /* NULL: getenv */
	void *argument;
	size_t max_size; /* bytes of all files together; 0: 256 MiB */
	struct file_list
		*files; /* told of every file, also when the syntax is broken; NULL: the document's own */
};

result document_load(struct arena *arena, str path, const struct document_options *options,
		     struct diagnostics *diagnostics, struct document **ret_document);
/* Reads path and what it includes. ERROR_INVALID when there were errors; what could be read is given all the
 * same, so that a check goes on and finds the rest, and NULL only when the syntax is broken. */

result document_parse(struct arena *arena, str name, str text, const struct document_options *options,
		      struct diagnostics *diagnostics, struct document **ret_document);
/* The same for a text; relative paths are relative to name's folder. */

const struct node *document_root(const struct document *document);
/* Always a map. */

struct file_list *document_files(const struct document *document);
/* Every file that was read, also by ${file:...}. */

str node_resolve_path(const struct document *document, const struct node *node, str path,
		      struct arena *arena);
/* A relative path made relative to the file that names it. A NUL in it, where the system would end it, is
 * reported at the node. */
