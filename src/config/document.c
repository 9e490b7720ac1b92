/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading: a file with all that it includes, or a text.
 *
 * The files that are on the way form a stack, by device and inode rather than by name, so that no spelling of
 * a path hides a ring. A file that was merged is not merged again: patterns may overlap.
 *
 * Reading goes on after a mistake wherever the tree still holds, as one run of `check` should find
 * everything.
 */
#include "config/document.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/map.h"
#include "config/document_private.h"
#include "config/expand.h"
#include "config/file.h"
#include "config/file_list.h"
#include "config/yaml.h"

enum { SIZE_STANDARD = 256 * 1024 * 1024 };

/* What getenv() is to the expander; tests and other tools bring an environment of their own. */
static const char *environment_of_process(const char *name, void *argument)
{
	(void)argument;
	return getenv(name);
}

const struct node *document_root(const struct document *document)
{
	return document->root;
}

struct file_list *document_files(const struct document *document)
{
	return document->files;
}

str node_resolve_path(const struct document *document, const struct node *node, str path, struct arena *arena)
{
	if (path.len && memchr(path.ptr, 0, path.len))
		diagnostic_error(document->diagnostics, node, "want a path without a NUL in it");
	return expand_path(arena, file_folder(diagnostics_source_name(document->diagnostics, node->file)),
			   path);
}

/* Reports at the item that names the file; the first file has none. */
static result refuse_file(struct document *document, const struct node *at, str path, result_value why)
{
	diagnostic_error(document->diagnostics, at, "%.*s %s%s%s", STR_ARG(path), why.why,
			 why.sys ? ": " : "", why.sys ? strerror(why.sys) : "");
	return error_make(ERROR_INVALID, "a file cannot be read");
}

/* One text and what it includes. References to files are relative to the folder of the file that holds them,
 * so the folder changes while an included file is read, and changes back. */
static result parse_text(struct document *document, str path, str text, struct node **ret_root)
{
	str outer = document->expander.folder;
	result_value read;

	document->expander.folder = file_folder(path);
	read = yaml_read(document->arena, document->diagnostics, &document->expander, path, text, ret_root);
	document->expander.folder = outer;
	TRY(read);
	include_files(document, *ret_root, file_folder(path));
	return OK;
}

/* Reads and parses one file that is not on the way already. */
static result load_new(struct document *document, str path, const struct node *at, struct node **ret_root)
{
	str text = { 0 };
	result_value read = file_list_read(document->files, path, document->size_left, &text);

	if (failed(read))
		return refuse_file(document, at, path, read);
	if (document->source_count++ == DOCUMENT_SOURCES_MAX)
		return refuse_file(document, at, path, error_make(ERROR_LIMIT, "is one file too many"));
	document->size_left -= text.len;
	return parse_text(document, path, text, ret_root);
}

/* What a file is, whatever path leads to it. */
static result identify(struct document *document, str path, str *ret_identity)
{
	str terminated = arena_printf(document->arena, "%.*s", STR_ARG(path));
	struct stat file;

	if (stat(terminated.ptr, &file))
		return error_system("cannot be opened", errno);
	*ret_identity =
		arena_printf(document->arena, "%ju:%ju", (uintmax_t)file.st_dev, (uintmax_t)file.st_ino);
	return OK;
}

static bool is_active(const struct document *document, str identity)
{
	for (size_t i = 0; i < document->depth; i++)
		if (str_eq(document->active[i], identity))
			return true;
	return false;
}

bool document_is_reading(struct document *document, str path)
{
	str identity;

	return !failed(identify(document, path, &identity)) && is_active(document, identity);
}

result document_read_file(struct document *document, str path, const struct node *at, struct node **ret_root)
{
	str identity = { 0 };
	result_value step;

	*ret_root = NULL;
	file_list_note(document->files, path);
	step = identify(document, path, &identity);
	if (!failed(step) && is_active(document, identity))
		step = error_make(ERROR_INVALID, "includes itself");
	else if (!failed(step) && document->depth == INCLUDE_DEPTH_MAX)
		step = error_make(ERROR_LIMIT, "is included through too many others");
	if (failed(step))
		return refuse_file(document, at, path, step);
	if (!map_add(&document->loaded, identity, document))
		return OK;
	document->active[document->depth++] = identity;
	step = load_new(document, path, at, ret_root);
	document->depth--;
	return step;
}

static struct file_list *own_files(struct arena *arena)
{
	struct file_list *files = ARENA_NEW(arena, struct file_list);

	file_list_init(files, arena);
	return files;
}

static struct document *document_new(struct arena *arena, const struct document_options *options,
				     struct diagnostics *diagnostics)
{
	struct document *document = ARENA_NEW(arena, struct document);
	bool has_environment = options && options->environment;

	document->arena = arena;
	document->diagnostics = diagnostics;
	document->size_left = options && options->max_size ? options->max_size : SIZE_STANDARD;
	document->files = options && options->files ? options->files : own_files(arena);
	map_init(&document->loaded, arena, FILE_LIST_MAX);
	document->expander = (struct expander) {
		.arena = arena,
		.diagnostics = diagnostics,
		.environment = has_environment ? options->environment : environment_of_process,
		.argument = has_environment ? options->argument : NULL,
		.files = document->files,
	};
	return document;
}

/* What the caller gets: the tree whenever there is one, and a failure whenever anything was reported. */
static result finish(struct document *document, size_t errors_before, result_value read,
		     struct document **ret_document)
{
	*ret_document = document->root ? document : NULL;
	if (!failed(read) && diagnostics_errors(document->diagnostics) > errors_before)
		return error_make(ERROR_INVALID, "the configuration has errors");
	return read;
}

result document_load(struct arena *arena, str path, const struct document_options *options,
		     struct diagnostics *diagnostics, struct document **ret_document)
{
	struct document *document = document_new(arena, options, diagnostics);
	size_t before = diagnostics_errors(diagnostics);
	result_value read = document_read_file(document, path, NULL, &document->root);

	return finish(document, before, read, ret_document);
}

result document_parse(struct arena *arena, str name, str text, const struct document_options *options,
		      struct diagnostics *diagnostics, struct document **ret_document)
{
	struct document *document = document_new(arena, options, diagnostics);
	size_t before = diagnostics_errors(diagnostics);
	result_value read = error_make(ERROR_INVALID, "the text is too large");

	if (text.len > document->size_left)
		diagnostic_error(diagnostics, NULL, "%.*s is too large", STR_ARG(name));
	else
		read = parse_text(document, name, text, &document->root);
	return finish(document, before, read, ret_document);
}
