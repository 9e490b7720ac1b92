/* SPDX-License-Identifier: Apache-2.0 */
#include "base/line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

result line_reader_open(const char *path, FILE **ret_file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	result_value opened = OK;

	if (fd < 0)
		return error_system("the file cannot be opened", errno);
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		opened = error_make(ERROR_INVALID, "want a regular file");
	else if (!(*ret_file = fdopen(fd, "r")))
		opened = error_system("the file cannot be opened", errno);
	if (failed(opened))
		close(fd);
	return opened;
}

void line_reader_init(struct line_reader *reader, FILE *from, size_t max)
{
	*reader = (struct line_reader) { .from = from, .room = malloc(max), .max = max };
	ASSERT(reader->room);
}

void line_reader_fini(struct line_reader *reader)
{
	free(reader->room);
	reader->room = NULL;
}

/* What is left goes to the front, and behind it what the file has more. */
static result fill(struct line_reader *reader)
{
	size_t left = reader->end - reader->at, got;

	if (left)
		memmove(reader->room, reader->room + reader->at, left);
	reader->at = 0;
	errno = 0;
	got = fread(reader->room + left, 1, reader->max - left, reader->from);
	reader->end = left + got;
	if (ferror(reader->from))
		return error_system("the file cannot be read", errno);
	reader->is_end = got < reader->max - left;
	return OK;
}

static str without_return(str line)
{
	return str_ends(line, STR("\r")) ? str_slice(line, 0, line.len - 1) : line;
}

result line_reader_next(struct line_reader *reader, str *ret_line)
{
	str unread = { reader->room + reader->at, reader->end - reader->at };
	size_t len;

	if (!str_find(unread, '\n', &len) && !reader->is_end) {
		TRY(fill(reader));
		unread = (str) { reader->room, reader->end };
	}
	if (str_find(unread, '\n', &len)) {
		*ret_line = without_return(str_slice(unread, 0, len));
		reader->at += len + 1;
		return OK;
	}
	if (!reader->is_end)
		return error_make(ERROR_LIMIT, "the line is too long");
	if (!unread.len)
		return error_make(ERROR_MISSING, "there is no further line");
	reader->at = reader->end;
	*ret_line = without_return(unread);
	return OK;
}
