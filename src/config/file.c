/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a whole file. How long it is at first is a guess: a pipe does not know its length, and what is
 * written while it is read changes it. The bytes are collected apart and copied once, so that the arena holds
 * nothing but the text.
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
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { FIRST_READ = 64 * 1024 };

/* What has come so far: always the newest of its arena, open. */
struct growing {
	struct arena arena;
	struct buf bytes;
};

static void growing_init(struct growing *growing, const struct arena *beside, size_t size)
{
	arena_init_over(&growing->arena, beside->large, SIZE_MAX / 2);
	growing->bytes = arena_open(&growing->arena, size);
}

static void growing_fini(struct growing *growing)
{
	arena_fini(&growing->arena);
}

static void growing_make_room(struct growing *growing)
{
	struct buf full = growing->bytes;

	if (full.len < full.max)
		return;
	growing->bytes = arena_open(&growing->arena, 2 * full.max);
	buf_put(&growing->bytes, buf_str(&full));
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
	struct buf *bytes = &growing->bytes;
	ssize_t got;

	do {
		TRY(wait_for_bytes(descriptor, until));
		growing_make_room(growing);
		got = read(descriptor, bytes->bytes + bytes->len, bytes->max - bytes->len);
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return error_system("cannot be read", errno);
		bytes->len += got > 0 ? (size_t)got : 0;
		if (bytes->len > max)
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

/* A folder is told by reading it. One byte more than it says, so that reading all of it is also its end. */
static result check_kind(int descriptor, size_t *ret_guess)
{
	struct stat status;

	if (fstat(descriptor, &status) != 0)
		return error_system("cannot be read", errno);
	*ret_guess = status.st_size >= FIRST_READ ? (size_t)status.st_size + 1 : FIRST_READ;
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
	size_t guess;

	if (memchr(path.ptr, 0, path.len))
		return error_system("cannot be opened", ENOENT);
	descriptor = open(name.ptr, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (descriptor < 0)
		return error_system("cannot be opened", errno);
	TRY(check_kind(descriptor, &guess));
	max = max < arena_left(arena) ? max : arena_left(arena);
	growing_init(&growing, arena, guess < max ? guess : max + 1);
	TRY(read_all(descriptor, max, until, &growing));
	*ret_text = arena_str(arena, buf_str(&growing.bytes));
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
