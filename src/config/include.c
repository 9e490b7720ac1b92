/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `include: [conf.d/...]` at the root of a file.
 *
 * What further files say is merged into the first one's tree: the sections that hold names, one level deep;
 * everything else may be said in one file only. There is no overriding: which of two values would hold
 * depends on the order of files, and nobody sees that in either of them. So a name that stands twice is an
 * error, and points at both places.
 *
 * Nodes are moved, not copied: each keeps the file and the place that it came from.
 */
#include <errno.h>
#include <glob.h>

#include "config/document_private.h"

enum { ROOM_MERGED = 256 }; /* bytes of index for each name */

static bool is_section(str key)
{
	static const str sections[] = {
		STR_INIT("listeners"), STR_INIT("upstreams"), STR_INIT("consumers"),
		STR_INIT("policies"),  STR_INIT("apis"),
	};

	for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
		if (str_eq(key, sections[i]))
			return true;
	return false;
}

static struct node **end_of(struct node *map)
{
	struct node **last = &map->first;

	while (*last)
		last = &(*last)->next;
	return last;
}

static void report_twice(struct document *document, const struct node *second, const struct node *first)
{
	str name = diagnostics_source_name(document->diagnostics, first->file);

	diagnostic_error_key(document->diagnostics, second, "this stands at %.*s:%u:%u already",
			     STR_ARG(name), (unsigned)first->key_line, (unsigned)first->key_column);
}

static struct node *find(const struct node *map, str key)
{
	return map->index ? map_get(map->index, key) : NULL;
}

/* Lets find() find what the map holds, with room for more. */
static bool make_index(struct document *document, struct node *map, size_t more)
{
	if (arena_left(document->arena) < (map->count + more + 1) * (size_t)ROOM_MERGED) {
		diagnostic_error(document->diagnostics, map, "the configuration is too large");
		return false;
	}
	map->index = ARENA_NEW(document->arena, struct map);
	map_init(map->index, document->arena, SIZE_MAX);
	for (struct node *child = map->first; child; child = child->next)
		map_add(map->index, child->key, child);
	return true;
}

/* Appends a child that stood elsewhere. */
static void move(struct node *into, struct node ***last, struct node *child)
{
	child->parent = into;
	child->next = NULL;
	map_add(into->index, child->key, child);
	**last = child;
	*last = &child->next;
	into->count++;
}

/* Moves the children of one section into the same section of the tree. An empty one becomes a map by that. */
static void merge_section(struct document *document, struct node *into, struct node *from)
{
	struct node **last = end_of(into), *next;

	into->kind = NODE_MAP;
	if (!make_index(document, into, from->count))
		return;
	for (struct node *child = from->first; child; child = next) {
		const struct node *first = find(into, child->key);

		next = child->next;
		if (first)
			report_twice(document, child, first);
		else
			move(into, &last, child);
	}
}

/* A section without anything in it is a map as well. */
static bool is_map_or_nothing(const struct node *node)
{
	return node->kind == NODE_MAP || node->kind == NODE_NULL;
}

/* Section by section. Its own `include` was taken off when the file was read. */
static void merge_root(struct document *document, struct node *root, struct node *from)
{
	struct node **last = end_of(root), *next;

	if (!make_index(document, root, from->count))
		return;
	for (struct node *section = from->first; section; section = next) {
		struct node *same = find(root, section->key);

		next = section->next;
		if (!same)
			move(root, &last, section);
		else if (is_section(section->key) && is_map_or_nothing(same) && is_map_or_nothing(section))
			merge_section(document, same, section);
		else
			report_twice(document, section, same);
	}
}

static void include_file(struct document *document, struct node *root, str path, const struct node *item)
{
	struct node *from = NULL;

	/* What went wrong is reported; the rest is read all the same. */
	if (!failed(document_read_file(document, path, item, &from)) && from)
		merge_root(document, root, from);
}

static void glob_fini(glob_t *found)
{
	globfree(found);
}

static bool is_pattern(str path)
{
	size_t at;

	return str_find(path, '*', &at) || str_find(path, '?', &at) || str_find(path, '[', &at);
}

/* A folder that is not there holds no files; one that cannot be read is a mistake. */
static int refuse_folder(const char *path, int error)
{
	(void)path;
	return error != ENOENT && error != ENOTDIR;
}

/* The pattern after its folder, whose own name is none. */
static str pattern_of(struct arena *arena, str folder, str pattern)
{
	struct buf b;

	if (str_starts(pattern, STR("/")))
		folder = (str) { 0 };
	b = arena_open(arena, 2 * folder.len + pattern.len + 1);
	for (size_t i = 0; i < folder.len; i++) {
		if (memchr("*?[\\", folder.ptr[i], 4))
			buf_put_char(&b, '\\');
		buf_put_char(&b, folder.ptr[i]);
	}
	buf_put(&b, pattern);
	buf_put_char(&b, 0);
	return arena_close(arena, &b);
}

/* Files are sorted by name. Those on the way already, such as the one that holds the pattern, are not meant.
 */
static void include_pattern(struct document *document, struct node *root, str folder, const struct node *item)
{
	__attribute__((cleanup(glob_fini))) glob_t found = { 0 };
	str pattern = pattern_of(document->arena, folder, item->text);
	int outcome;

	file_list_note_pattern(document->files, str_of(pattern.ptr));
	outcome = glob(pattern.ptr, 0, refuse_folder, &found);

	if (outcome != 0 && outcome != GLOB_NOMATCH) {
		file_list_heed(document->files, error_system("", errno));
		diagnostic_error(document->diagnostics, item, "the folder of this pattern cannot be read");
	}
	for (size_t i = 0; outcome == 0 && i < found.gl_pathc; i++) {
		str path = arena_str(document->arena, str_of(found.gl_pathv[i]));

		if (!document_is_reading(document, path))
			include_file(document, root, path, item);
	}
}

static void include_item(struct document *document, struct node *root, str folder, const struct node *item)
{
	bool is_path = item->kind == NODE_SCALAR && item->text.len;

	if (!is_path || memchr(item->text.ptr, 0, item->text.len))
		diagnostic_error(document->diagnostics, item,
				 "want the path of a file or a pattern such as conf.d/*.yaml");
	else if (is_pattern(item->text))
		include_pattern(document, root, folder, item);
	else
		include_file(document, root, expand_path(document->arena, folder, item->text), item);
}

/* Takes the child off its map, whose index would still know it. */
static struct node *detach(struct node *map, str key)
{
	for (struct node **child = &map->first; *child; child = &(*child)->next) {
		struct node *found = *child;

		if (str_eq(found->key, key)) {
			*child = found->next;
			map->count--;
			map->index = NULL;
			return found;
		}
	}
	return NULL;
}

/* An item that is wrong does not keep the others from being read. */
void include_files(struct document *document, struct node *root, str folder)
{
	const struct node *include = detach(root, STR("include"));

	if (include && include->kind != NODE_LIST)
		diagnostic_error(document->diagnostics, include,
				 "want a list of files, such as [conf.d/*.yaml]");
	else if (include)
		for (const struct node *item = include->first; item; item = item->next)
			include_item(document, root, folder, item);
}
