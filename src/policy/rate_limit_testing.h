/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate_limit_testing: a bench with limits that must be well.
 */
#pragma once

#include "base/testing.h"
#include "policy/policy_testing.h"

#define LIMIT(options) "[ rate_limit: { " options " } ]"

static inline struct bench *open_bench(const char *policies)
{
	struct bench *bench = bench_new(policies);

	assert_string_equal(bench_errors(bench), "");
	return bench;
}
