/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note: what functions print to a FILE, as a slice: for what is told to people, never on a request's way.
 */
#pragma once

#include <stdio.h>

#include "base/arena.h"

struct note {
	FILE *to; /* to be printed to, between note_begin() and note_end() */
	char *text;
	size_t len;
};

void note_begin(struct note *note);

str note_end(struct note *note, struct arena *arena);
/* What was printed, as a copy in the arena. */
