/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reading, the schema and the manual share about rows.
 *
 * Whatever decides whether a value is good stands here once, so that the three cannot disagree.
 */
#pragma once

#include "config/field.h"

enum {
	FIELD_COUNT_STANDARD = 1000000, /* of lists and maps whose row has no maximum */
	FIELD_WORDS_MAX = 32,           /* of an enumeration: bits of an unsigned */
};

static inline size_t field_count_max(int64_t max)
{
	return max > 0 ? (size_t)max : FIELD_COUNT_STANDARD;
}

extern const struct field field_include[];
/* `include` at the root, which the document has taken off before anything is read: for the schema and the
 * manual only. */

size_t field_word_count(const struct field *field);

bool field_find_word(const struct field *field, str word, int *ret_index);
/* Of ENUM and ENUMS. */

bool field_next_standard(str *rest, str *ret_item);
/* The items of a default such as "[connect, reset]", one after the other. */

bool field_parse_bool(str text, bool *ret_value);
bool field_parse_int(str text, int64_t *ret_value);
/* As in YAML 1.2's core schema, decimal, without leading zeros. */

bool field_read_word(struct reader *reader, const struct node *node, const struct field *field,
		     int *ret_index);

bool field_check_kind(struct reader *reader, const struct node *node, enum node_kind kind);
/* Reports what is not of that kind. Nothing at all is an empty list or map. */

bool field_check_count(struct reader *reader, const struct node *node, size_t min, int64_t max);
