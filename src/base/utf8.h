/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8: one character at a time, strictly (RFC 3629): the shortest form only, no surrogates, nothing beyond
 * U+10FFFF. What one reader takes for '/' in an overlong form and another does not is a way around a rule.
 */
#pragma once

#include "base/str.h"

size_t utf8_decode(str text, uint32_t *ret_character);
/* The character that text begins with, and how many bytes it has; 0 when they are not valid, or text is
 * empty. */

size_t utf8_length(str text);
/* The bytes alone. */
