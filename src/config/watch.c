/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders come and go, and links are moved to others, so the folders are looked for anew at every look:
 * adding one that is watched already changes nothing. Of a path that leads nowhere yet the nearest folder
 * that is there is watched.
 */
#include "config/watch.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/container.h"
#include "config/file.h"

#define QUIET (100 * MILLISECOND)
#define SETTLED (600 * MILLISECOND) /* who writes may rest for half a second */
#define RESTLESS (10 * SECOND)      /* what is written without end is told nevertheless */
#define PATIENCE SECOND             /* a folder that never is quiet is looked at nevertheless */

enum {
	LINKS_MAX = 16, /* followed one through the other */
	WATCH_ARENA_MAX = 64 * 1024 * 1024,
	EVENTS = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
		 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
};

struct watch {
	struct source source;
	struct timer look;
	deadline latest;  /* of the look that is due; 0: none is */
	deadline settled; /* when the change that was seen last may be told; 0: none was */
	deadline told_by; /* with settled: not later */
	struct loop *loop;
	watch_fn on_change;
	void *owner;
	struct arena arena;
	struct file_list files;
	result_value trouble; /* the first of this round */
};

/* A path of its own, as system calls want it. Too long a one is empty, which no folder is. */
struct path {
	char text[PATH_MAX];
};

static struct path path_make(str folder, str rest)
{
	struct path path;
	int len = snprintf(path.text, sizeof path.text, "%.*s%.*s", STR_ARG(folder), STR_ARG(rest));

	if (len < 0 || (size_t)len >= sizeof path.text)
		path.text[0] = 0;
	return path;
}

/* Or, while it is not there, the one that it will appear in. Paths are long for a fiber's stack: none may be
 * there while links are followed. */
static __attribute__((noinline)) void watch_folder(struct watch *watch, str folder)
{
	for (;;) {
		struct path path = path_make(folder.len ? folder : STR("."), (str) { 0 });

		if (inotify_add_watch(watch->source.fd, path.text, EVENTS) >= 0)
			return;
		if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
			if (!failed(watch->trouble))
				watch->trouble = error_system("a folder cannot be watched", errno);
			return;
		}
		if (folder.len == 0 || str_eq(folder, STR("/")))
			return;
		folder = file_folder(str_slice(folder, 0, folder.len - 1));
	}
}

static void watch_path(struct watch *watch, str path, unsigned links);

/* The path that a link leads to, to be freed; NULL: it is none. */
static __attribute__((noinline)) char *read_link(str path)
{
	struct path link = path_make(path, (str) { 0 });
	char text[PATH_MAX], *target;
	ssize_t len = readlink(link.text, text, sizeof text);
	str folder = file_folder(path);

	if (len <= 0)
		return NULL;
	if (text[0] == '/')
		folder.len = 0;
	link = path_make(folder, (str) { text, (size_t)len });
	target = strdup(link.text);
	ASSERT(target);
	return target;
}

/* What a link leads to, and through. */
static void watch_link(struct watch *watch, str path, unsigned links)
{
	char *target = links < LINKS_MAX ? read_link(path) : NULL;

	if (!target)
		return;
	watch_path(watch, str_of(target), links + 1);
	free(target);
}

static __attribute__((noinline)) bool is_link(str path)
{
	struct path text = path_make(path, (str) { 0 });
	char target[2];

	return readlink(text.text, target, sizeof target) > 0;
}

/* Each part of the path may be a link that is moved one day: then the folder that holds the link counts. */
static void watch_path(struct watch *watch, str path, unsigned links)
{
	for (size_t i = 1; i < path.len; i++) {
		str part = str_slice(path, 0, i);

		if (path.ptr[i] == '/' && is_link(part)) {
			watch_folder(watch, file_folder(part));
			watch_link(watch, part, links);
		}
	}
	watch_folder(watch, file_folder(path));
	watch_link(watch, path, links);
}

/* The folders that a pattern leads to now, and the one in which others would appear. */
static void watch_pattern(struct watch *watch, str pattern)
{
	struct path folder = path_make(file_folder(pattern), (str) { 0 });
	glob_t found = { 0 };
	size_t literal = 0;

	while (literal < pattern.len && !memchr("*?[\\", pattern.ptr[literal], 4))
		literal++;
	watch_path(watch, str_slice(pattern, 0, literal), 0);
	if (glob(folder.text, GLOB_MARK, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			watch_path(watch, str_of(found.gl_pathv[i]), 0);
	globfree(&found);
	if (glob(pattern.ptr, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			watch_link(watch, str_of(found.gl_pathv[i]), 0);
	globfree(&found);
}

/* Most files stand beside each other: of those only the file itself may be a link. */
static void watch_all(struct watch *watch)
{
	str before = STR("\n");

	watch->trouble = OK;
	for (const struct file_entry *file = watch->files.first; file; file = file->next) {
		str folder = file_folder(file->path);

		if (file->is_pattern)
			watch_pattern(watch, file->path);
		else if (str_eq(folder, before))
			watch_link(watch, file->path, 0);
		else
			watch_path(watch, file->path, 0);
		before = folder;
	}
}

/* Whether any has changed; remembers how they look now. */
static bool compare(struct watch *watch)
{
	bool has_changed = false;

	for (struct file_entry *file = watch->files.first; file; file = file->next) {
		uint64_t stamp =
			file->is_pattern ? file_stamp_pattern(file->path.ptr) : file_stamp(file->path.ptr);

		has_changed |= stamp != file->stamp;
		file->stamp = stamp;
	}
	return has_changed;
}

/* What has changed is told when it has stayed so: half of a file may be a configuration as well, and one that
 * lets in whom the other half keeps out.
 *
 * First the folders, then the files: what happens between the two is an event. */
static void on_look(struct timer *timer)
{
	struct watch *watch = CONTAINER_OF(timer, struct watch, look);
	deadline now = loop_now(watch->loop);

	watch->latest = 0;
	watch_all(watch);
	if (compare(watch)) {
		watch->told_by = watch->settled ? watch->told_by : deadline_after(now, RESTLESS);
		watch->settled = deadline_min(deadline_after(now, SETTLED), watch->told_by);
	}
	if (watch->settled > now) {
		timer_set(watch->loop, &watch->look, watch->settled);
	} else if (watch->settled) {
		watch->settled = 0;
		watch->on_change(watch->owner);
	}
}

static void look_soon(struct watch *watch)
{
	deadline now = loop_now(watch->loop);

	if (!watch->latest)
		watch->latest = deadline_after(now, PATIENCE);
	timer_set(watch->loop, &watch->look, deadline_min(deadline_after(now, QUIET), watch->latest));
}

/* What happened and where is not asked for: see the head of the file. */
static void on_ready(struct source *source)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	source->ready = 0;
	while (read(source->fd, events, sizeof events) > 0)
		look_soon((struct watch *)(void *)source);
}

/* A new instance, as folders that no longer count are forgotten with the old one. */
static result reopen(struct watch *watch)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	result_value opened;

	if (fd < 0)
		return error_system("files cannot be watched", errno);
	if (watch->source.fd >= 0)
		source_close(&watch->source);
	opened = source_open(watch->loop, &watch->source, fd, on_ready);
	if (failed(opened))
		close(fd);
	return opened;
}

result watch_new(struct loop *loop, watch_fn on_change, void *owner, struct watch **ret_watch)
{
	struct watch *watch = calloc(1, sizeof *watch);
	result_value opened;

	ASSERT(watch);
	watch->loop = loop;
	watch->on_change = on_change;
	watch->owner = owner;
	watch->source.fd = -1;
	watch->look.on_due = on_look;
	arena_init(&watch->arena, NULL, WATCH_ARENA_MAX);
	file_list_init(&watch->files, &watch->arena);
	opened = reopen(watch);
	if (failed(opened))
		watch_free(&watch);
	*ret_watch = watch;
	return opened;
}

result watch_files(struct watch *watch, const struct file_list *files, bool keeps_others)
{
	struct arena before = watch->arena;
	struct file_list others = watch->files;

	arena_init(&watch->arena, NULL, WATCH_ARENA_MAX);
	file_list_init(&watch->files, &watch->arena);
	file_list_add(&watch->files, files);
	if (keeps_others)
		file_list_add(&watch->files, &others);
	else
		watch->settled = 0;
	arena_fini(&before);
	TRY(reopen(watch));
	watch_all(watch);
	look_soon(watch);
	return watch->trouble;
}

void watch_free(struct watch **address)
{
	struct watch *watch = *address;

	if (!watch)
		return;
	timer_clear(&watch->look);
	if (watch->source.fd >= 0)
		source_close(&watch->source);
	arena_fini(&watch->arena);
	loop_retire(watch->loop, watch, free);
	*address = NULL;
}
