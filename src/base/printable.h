/* SPDX-License-Identifier: Apache-2.0 */
/*
 * printable: what may stand in a line of text for people as it came, and what must be escaped.
 *
 * Text from outside ends in logs, and logs end in terminals, in editors and in programs that split them at
 * line ends. So what ends a line, moves a cursor or turns the direction of writing is not printable, and
 * neither is a byte that belongs to no character of UTF-8.
 */
#pragma once

#include "base/str.h"

size_t printable_length(str text);
/* Bytes of the character that text begins with; 0 when it must be escaped: a control character (C0, DEL,
 * C1), a line or paragraph separator, a mark of writing direction, or no valid UTF-8 (RFC 3629). Also 0 for
 * the empty text. */
