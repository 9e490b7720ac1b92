/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subject: the subject of a certificate, as somebody writes it and as a listener finds it.
 *
 * Two texts of RFC 4514 are compared to the letter; what OpenSSL and people like to write between the parts
 * is taken out before.
 */
#pragma once

#include "base/arena.h"

str subject_normalise(struct arena *arena, str text);
/* Without the blanks that stand around `,`, `+` and the first `=` of each part, and at both ends: "CN = acme,
 * O = Acme" is "CN=acme,O=Acme". Escaped ones, and those within a value, stay. */

str subject_turn(struct arena *arena, str text);
/* The parts in the opposite order: "O=Acme,CN=acme" is "CN=acme,O=Acme". */
