/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assert: "cannot happen", always on.
 *
 * Nothing that comes from outside is ever asserted. A failed assertion prints where and what, and aborts.
 */
#pragma once

#define ASSERT(claim)                                            \
	do {                                                     \
		if (__builtin_expect(!(claim), 0))               \
			assert_fail(#claim, __FILE__, __LINE__); \
	} while (0)

_Noreturn void assert_fail(const char *claim, const char *file, int line);
