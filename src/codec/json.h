/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: a JSON text (RFC 8259) as values, by jansson, and strict: what two readers could understand in two
 * ways is refused.
 *
 * Names that stand twice in an object, bytes that are no UTF-8, NUL in a text, and numbers that do not fit
 * are malformed; so is what is nested too deep, before jansson, which recurses, sees it: fibers have small
 * stacks.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"
#include "codec/operand.h"

enum { JSON_DEPTH_MAX = 32 };

result json_parse(struct arena *arena, str text, struct operand *ret_value);
/* Everything is copied to the arena, in one block. null is OPERAND_MISSING. ERROR_MALFORMED; ERROR_LIMIT: the
 * arena has no room for it, which is at most 25 times the text: `[{},{},...]`. */

struct json_member {
	str name;
	struct operand value;
};

struct json_object {
	const struct json_member *at; /* as they stand */
	size_t count;
};

const struct json_object *json_object_of(const struct operand *value);
/* For those who go through all members. NULL: no object of json_parse(). */

struct operand json_find(const struct operand *object, str name);
/* OPERAND_MISSING: no object, or none of that name. */

struct operand json_find_path(const struct operand *object, str path);
/* The member of that name; else "a.b" the member b of the member a. */

str json_find_text(const struct operand *object, str name);
/* Empty: none, or no string. */
