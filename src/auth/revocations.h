/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocations: tokens, and whose tokens, are good no longer: a file with a line for each, `jti ID` or `sub
 * NAME`, that may change at any time. Empty lines and those that begin with # say nothing.
 *
 * One for each path in a process. Each change has a number that no list had before: what was looked up holds
 * as long as the number is the same.
 */
#pragma once

#include "base/arena.h"
#include "base/file_lines.h"
#include "base/registry.h"
#include "codec/operand.h"

enum { REVOCATIONS_MAX = 10 * 1000 * 1000 };

struct revocation_lists;
struct revocations;

struct revocation_lists *revocation_lists_new(void);
void revocation_lists_free(struct revocation_lists **lists);
/* When nobody has one any more. Clears the address, accepts NULL. */

result revocations_get(struct revocation_lists *lists, const char *path, struct revocations **ret_revocations,
		       struct file_mistake *ret_mistake);
/* Read, unless it was before. The caller has it until revocations_unref(). ERROR_INVALID, ERROR_SYSTEM with
 * the mistake; ERROR_LIMIT. */

void revocations_unref(struct revocations **revocations);
/* Clears the address, accepts NULL. */

const char *revocations_path(const struct revocations *revocations);

bool revocations_look(struct revocations *revocations);
/* Whether the file has changed and was left alone since the last look. By one thread. */

bool revocations_settle(struct revocations *revocations, result_value read);
/* After each look that was true, and by the same thread: see file_stamps_settle(). */

result revocations_read(struct revocations *revocations, struct file_mistake *ret_mistake);
/* Anew; what is wrong changes nothing. Takes time. */

uint64_t revocations_version(const struct revocations *revocations);

bool revocations_have(struct revocations *revocations, const struct operand *claims, struct arena *arena);
/* Its jti, or its sub, as claims_text() has it. From any thread. */
