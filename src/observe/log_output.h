/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_output: where the lines go: a file, or a descriptor that was there before.
 *
 * A pipe or a terminal whose reader has stopped must not stop the writer for good: it is asked whether it can
 * take something, and gets no more at a time than it takes without waiting. The descriptors that the gateway
 * was started with are shared with others, so their flags are left alone.
 */
#pragma once

#include <sys/uio.h>

#include "base/result.h"
#include "base/time.h"
#include "observe/log_config.h"

struct log_output {
	int fd;
	char *path;     /* NULL: not a file of our own */
	bool can_stall; /* a pipe, a socket, a terminal */
};

result log_output_open(struct log_output *output, const struct log_target *target);
/* Files are appended to and made with mode 0640. ERROR_SYSTEM. Not for LOG_TO_NOWHERE. */

void log_output_close(struct log_output *output);

result log_output_reopen(struct log_output *output);
/* For a file that was moved away. ERROR_SYSTEM: the old one stays in use. */

result log_output_write(struct log_output *output, const struct iovec *parts, int count, duration patience,
			size_t *ret_written);
/* Some of it, from the beginning on. ERROR_TIMEOUT when it takes nothing within patience; ERROR_SYSTEM. */
