/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a whole file. Its length is not asked for: a pipe has none, and what is written while it is read
 * changes it. The bytes are collected on the heap and copied once, so that the arena holds nothing but the
 * text.
 *
 * A named pipe into which nobody writes would hold its reader, and with it every reload after this one and
 * the end of the process: so whatever it is is opened without waiting, and what is neither a file nor a pipe
 * that somebody has handed over (a shell's <(...)) is refused at once.
 */
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/assert.h"

enum { FIRST_READ = 64 * 1024 };

/* Grows while it is read: a pipe does not know its length, and a file may change. */
struct growing {
	char *bytes;
	size_t len, size;
};

static void growing_fini(struct growing *growing)
{
	free(growing->bytes);
}

static void growing_make_room(struct growing *growing)
{
	if (growing->len < growing->size)
		return;
	growing->size = growing->size ? growing->size * 2 : FIRST_READ;
	growing->bytes = realloc(growing->bytes, growing->size);
	ASSERT(growing->bytes);
}

/* A regular file always is ready. */
static result wait_for_bytes(int descriptor, deadline until)
{
	duration left = until - time_monotonic();
	struct pollfd ready = { .fd = descriptor, .events = POLLIN };

	if (left > 0 && poll(&ready, 1, (int)((left + MILLISECOND - 1) / MILLISECOND)) != 0)
		return OK;
	return error_make(ERROR_TIMEOUT, "cannot be read in time");
}

/* Stops one read after the bound, not at the end of a file that has none. */
static result read_all(int descriptor, size_t max, deadline until, struct growing *growing)
{
	ssize_t got;

	do {
		TRY(wait_for_bytes(descriptor, until));
		growing_make_room(growing);
		got = read(descriptor, growing->bytes + growing->len, growing->size - growing->len);
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return error_system("cannot be read", errno);
		growing->len += got > 0 ? (size_t)got : 0;
		if (growing->len > max)
			return error_make(ERROR_LIMIT, "is too large");
	} while (got != 0);
	return OK;
}

/* One without a name lies in a file system of its own. */
static bool is_unnamed_pipe(int descriptor)
{
	struct statfs system;

	return fstatfs(descriptor, &system) == 0 && system.f_type == PIPEFS_MAGIC;
}

/* A folder is told by reading it. */
static result check_kind(int descriptor)
{
	struct stat status;

	if (fstat(descriptor, &status) != 0)
		return error_system("cannot be read", errno);
	if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || is_unnamed_pipe(descriptor))
		return OK;
	return error_make(ERROR_INVALID, "is no regular file");
}

static void descriptor_close(const int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
}

result file_read_until(struct arena *arena, str path, size_t max, deadline until, str *ret_text)
{
	__attribute__((cleanup(growing_fini))) struct growing growing = { 0 };
	__attribute__((cleanup(descriptor_close))) int descriptor = -1;
	str name = arena_printf(arena, "%.*s", STR_ARG(path));

	if (memchr(path.ptr, 0, path.len))
		return error_system("cannot be opened", ENOENT);
	descriptor = open(name.ptr, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (descriptor < 0)
		return error_system("cannot be opened", errno);
	TRY(check_kind(descriptor));
	max = max < arena_left(arena) ? max : arena_left(arena);
	TRY(read_all(descriptor, max, until, &growing));
	*ret_text = arena_str(arena, (str) { growing.bytes, growing.len });
	return OK;
}

result file_read(struct arena *arena, str path, size_t max, str *ret_text)
{
	return file_read_until(arena, path, max, deadline_after(time_monotonic(), FILE_PATIENCE), ret_text);
}

str file_folder(str path)
{
	size_t len = path.len;

	while (len && path.ptr[len - 1] != '/')
		len--;
	return str_slice(path, 0, len);
}
