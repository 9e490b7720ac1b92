/* SPDX-License-Identifier: Apache-2.0 */
#include "base/note.h"

#include <stdlib.h>

#include "base/assert.h"

void note_begin(struct note *note)
{
	*note = (struct note) { 0 };
	note->to = open_memstream(&note->text, &note->len);
	ASSERT(note->to);
}

str note_end(struct note *note, struct arena *arena)
{
	str text;

	fclose(note->to);
	text = arena_str(arena, (str) { note->text, note->len });
	free(note->text);
	*note = (struct note) { 0 };
	return text;
}
