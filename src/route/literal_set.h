/* SPDX-License-Identifier: Apache-2.0 */
/*
 * literal_set: which of many texts stand anywhere in a subject, in one pass over it.
 *
 * The automaton of Aho and Corasick. Its edges stand in one hash table, so that it takes some 40 bytes a
 * byte of text that no other begins with, and a pass costs about one look-up a byte, whether there are ten
 * texts or fifty thousand. Letters match in either case.
 */
#pragma once

#include "base/arena.h"
#include "route/marks.h"

enum { LITERAL_MAX = 48 }; /* of a longer text only the end counts: it is still required */

struct literal_set;

struct literal_set *literal_set_new(struct arena *arena, const str *texts, size_t count);
/* texts are in lower case; an empty one is never found. At most MARKS_MAX of them. */

void literal_set_scan(const struct literal_set *set, str subject, struct marks *marks);
/* Marks the index of each text that subject holds, in time linear in subject and marks; nothing else may have
 * marked any of them. */
