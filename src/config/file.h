/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file: a whole file into memory, up to a bound.
 *
 * Also a pipe, so that a shell's <(...) can be checked. Blocks the thread: configurations are read by the
 * control thread, before a worker knows of them.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"

result file_read(struct arena *arena, str path, size_t max, str *ret_text);
/* A regular file or a pipe. The text belongs to the arena. ERROR_LIMIT when it is longer than max or than the
 * arena has room for; ERROR_SYSTEM with the errno. */
