/* SPDX-License-Identifier: Apache-2.0 */
/*
 * character: the characters of a configuration file, as positions count them and terminals show them.
 *
 * A column of a diagnostic is a character, because that is what editors count; where the underline goes is a
 * matter of what a terminal draws, which for some characters is nothing, and for some takes twice the room.
 */
#pragma once

#include "base/str.h"

bool character_take(str *rest, uint32_t *ret_character);
/* Takes one character off; false, and nothing taken, at the end or at bytes that are not UTF-8 (overlong
 * forms, surrogates and values past U+10FFFF are not). */

size_t character_count(str s);
/* Characters; a byte that is not UTF-8 counts as one. */

unsigned character_columns(uint32_t character);
/* Columns of a terminal: 0 for combining marks, 2 for wide ones, else 1. */

bool character_is_allowed(uint32_t character);
/* May stand in a YAML file: what YAML 1.2 section 5.1 calls printable. */

bool characters_are_valid(str s);
