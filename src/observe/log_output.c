/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A regular file takes whatever it is given, so everything that waits goes in one call. What can stall is
 * asked first (poll), and given at most PIPE_BUF bytes: a pipe that can take anything takes that many without
 * blocking, and in one piece. O_NONBLOCK would be simpler, but it belongs to the open file and not to the
 * descriptor: it would change the terminal or the pipe under the hands of whoever shares it.
 */
#include "observe/log_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

enum { FILE_MODE = 0640 };

/* Not to wait for the reader of a named pipe. */
static result open_file(const char *path, int *ret_fd)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, FILE_MODE);

	if (fd < 0)
		return error_system("cannot open the access log", errno);
	*ret_fd = fd;
	return OK;
}

static bool can_stall(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return false;
	return S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) ||
	       (S_ISCHR(status.st_mode) && isatty(fd));
}

result log_output_open(struct log_output *output, const struct log_target *target)
{
	*output = (struct log_output) { .fd = target->destination == LOG_TO_STDERR ? STDERR_FILENO
										   : STDOUT_FILENO };
	if (target->destination == LOG_TO_FILE) {
		output->path = strndup(target->path.ptr, target->path.len);
		ASSERT(output->path);
		output->fd = -1;
		TRY(open_file(output->path, &output->fd));
	}
	output->can_stall = can_stall(output->fd);
	return OK;
}

void log_output_close(struct log_output *output)
{
	if (output->path && output->fd >= 0)
		close(output->fd);
	free(output->path);
	*output = (struct log_output) { .fd = -1 };
}

result log_output_reopen(struct log_output *output)
{
	int fd;

	if (!output->path)
		return OK;
	TRY(open_file(output->path, &fd));
	close(output->fd);
	output->fd = fd;
	output->can_stall = can_stall(fd);
	return OK;
}

/* What a pipe takes in one piece once it takes anything, at whole lines if there is one: others may write to
 * the same pipe. */
static size_t piece_of(const struct iovec *part)
{
	const char *end;

	if (part->iov_len <= PIPE_BUF)
		return part->iov_len;
	end = memrchr(part->iov_base, '\n', PIPE_BUF);
	return end ? (size_t)(end - (const char *)part->iov_base) + 1 : PIPE_BUF;
}

static result write_piece(struct log_output *output, const struct iovec *part, duration patience,
			  size_t *ret_written)
{
	struct pollfd ready = { .fd = output->fd, .events = POLLOUT };
	int count = poll(&ready, 1, (int)(patience / MILLISECOND));
	ssize_t n;

	if (count == 0 || (count < 0 && errno == EINTR))
		return error_make(ERROR_TIMEOUT, "the access log's reader does not read");
	n = write(output->fd, part->iov_base, piece_of(part));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return error_make(ERROR_TIMEOUT, "the access log's reader does not read");
	if (n < 0)
		return error_system("cannot write the access log", errno);
	*ret_written = (size_t)n;
	return OK;
}

result log_output_write(struct log_output *output, const struct iovec *parts, int count, duration patience,
			size_t *ret_written)
{
	ssize_t n;

	if (output->can_stall)
		return write_piece(output, &parts[0], patience, ret_written);
	n = writev(output->fd, parts, count);
	if (n < 0)
		return error_system("cannot write the access log", errno);
	*ret_written = (size_t)n;
	return OK;
}
