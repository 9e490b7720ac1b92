/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file: a whole file into memory, up to a bound.
 *
 * Also a pipe without a name, so that a shell's <(...) can be checked. Blocks the thread, but not for ever:
 * configurations are read by a thread of their own, before a worker knows of them.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"
#include "base/time.h"

#define FILE_PATIENCE (10 * SECOND)

result file_read(struct arena *arena, str path, size_t max, str *ret_text);
/* A regular file or a pipe without a name; ERROR_INVALID for anything else. The text belongs to the arena.
 * ERROR_LIMIT when it is longer than max or than the arena has room for; ERROR_TIMEOUT when a pipe's end does
 * not come within FILE_PATIENCE; ERROR_SYSTEM with the errno. */

result file_read_until(struct arena *arena, str path, size_t max, deadline until, str *ret_text);
/* The same with a deadline of the caller's. */

str file_folder(str path);
/* The part of a path before its last name, with the slash; empty for a name alone. */
