/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field_testing: one table of options with every type, for the tests and the fuzzer of what works by tables.
 */
#pragma once

#include "config/field.h"

/* A struct with every type of option. */
struct everything_item {
	struct entry entry;
	str address;
	int64_t weight;
};

struct everything_inner {
	duration wait;
	uint64_t room;
	str needed;
};

struct everything {
	str text, needed;
	bool flag;
	int64_t number, any_number, at_least;
	duration wait;
	uint64_t room;
	struct rate pace;
	str_list names, methods;
	int mode;
	unsigned modes;
	struct pair_list pairs;
	struct everything_inner inner;
	struct {
		struct everything_item *at;
		size_t len;
	} items, named;
	str custom;
};

extern const struct field everything_fields[];
