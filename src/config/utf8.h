/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8: characters of a configuration file, as positions count them and terminals show them.
 */
#pragma once

#include "base/str.h"

bool utf8_next(str *rest, uint32_t *ret_character);
/* Takes one character off; false, and nothing taken, at the end or at bytes that are not UTF-8 (overlong
 * forms, surrogates and values past U+10FFFF are not). */

size_t utf8_count(str s);
/* Characters; a byte that is not UTF-8 counts as one. */

unsigned utf8_columns(uint32_t character);
/* Columns of a terminal: 0 for combining marks, 2 for wide ones, else 1. */

bool utf8_is_control(uint32_t character);
/* Never to be written to a terminal raw: C0, C1, DEL, and marks that turn the direction of writing. */

bool utf8_is_allowed(uint32_t character);
/* May stand in a YAML file: what YAML 1.2 section 5.1 calls printable. */

bool utf8_is_valid(str s);
