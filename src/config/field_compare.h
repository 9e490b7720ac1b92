/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field_compare: two structs of the same table, option by option: what differs, in which direction, and in
 * words.
 *
 * Values are compared and not how they were written: 1m is 60s, and a default is what it stands for. Where
 * only the table's owner knows the value's type (forms of their own, lists of objects), what was written is
 * compared; texts and lists of texts as lists.
 */
#pragma once

#include "config/field.h"

struct field_difference {
	str path; /* "limits.body" */
	/* Of numbers, truth values and words (by their place in the list of words). */
	bool is_ordered;
	int64_t before, after;
	/* Of lists, sets of words and maps of texts. */
	bool is_list;
	size_t added, removed;
	size_t count_before, count_after;  /* of a text 1, or 0 where it is empty */
	size_t names_added, names_removed; /* of texts, lists and maps of them, in letters of any case */
	size_t names_lent;                 /* of maps: those whose value is the request's now, and was not */
	str words; /* "1m -> 2m", "added 10.0.0.0/8"; nothing that is or may be a secret; empty from a form:
		      no difference */
};

typedef void (*field_differs_fn)(void *self, const struct field_difference *difference);

/* A struct, and the map that it was read from; NULL: nothing was written. */
struct field_side {
	const void *at;
	const struct node *node;
};

void fields_compare(const struct field *fields, struct field_side before, struct field_side after,
		    struct arena *arena, field_differs_fn on_difference, void *self);
/* In the order of the rows. The difference's texts are the arena's. */

struct field_difference field_compare_rates(struct rate before, struct rate after);
/* More in the same time is more, and so is more at once at the same pace. `before` and `after` stand for
 * that; they are the same when the rates are. No words. */

bool field_is_of_request(str value);
/* What it says under a name is, in part at least, what whoever asks says: "${request.header.X}". */

bool nodes_are_same(const struct node *a, const struct node *b);
/* What was written, whatever the order of keys; NULL is nothing. */
