/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container: from a member of a struct to the struct, for those who are called with what they have embedded.
 */
#pragma once

#include <stdint.h>

#define CONTAINER_OF(pointer, type, member)                                           \
	((type *)(void *)((char *)(uintptr_t)(1 ? (pointer) : &((type *)0)->member) - \
			  __builtin_offsetof(type, member)))
