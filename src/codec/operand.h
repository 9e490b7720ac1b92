/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operand: a value while an expression is evaluated.
 *
 * What is missing is a kind of its own: there is no error at run time, a comparison with it is false.
 */
#pragma once

#include "base/str.h"
#include "base/time.h"

enum operand_kind {
	OPERAND_MISSING,
	OPERAND_BOOL,
	OPERAND_INT,
	OPERAND_DOUBLE,
	OPERAND_STRING,
	OPERAND_TIMESTAMP,
	OPERAND_LIST,
	OPERAND_MAP,
};

struct operand {
	enum operand_kind kind;
	union {
		bool boolean;
		int64_t integer;
		double real;
		str text;
		wall_time time;
		struct {
			const struct operand *at;
			size_t count;
		} list;
		struct {
			bool (*find)(const void *self, str key, struct operand *ret_value);
			/* False when there is none of that name. */
			const void *self;
		} map;
	};
};
