/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field_edit: fields to be set, added and removed, with values to be filled in.
 *
 * What frames a message or belongs to a connection is out of reach: the gateway writes it anew for each side.
 */
#pragma once

#include "policy/value.h"

struct field_value {
	str name;
	enum http_name id;
	struct value value;
};

struct field_values {
	const struct field_value *at;
	size_t count;
};

const char *field_name_wrong(str name);
/* Why a field of that name cannot be written; NULL when it can. */

result field_values_compile(struct reader *reader, const struct pair_list *pairs, unsigned options,
			    struct field_values *ret_values);
/* ERROR_INVALID after a report of everything that is wrong. */

result field_names_check(struct reader *reader, const struct node *list);
/* Names to be removed; one may end in '*'. list may be NULL. ERROR_INVALID after a report. */

result field_values_set(const struct field_values *values, const struct view *view,
			struct http_fields *fields);
/* Whatever had the name is gone, also when the value is empty, or blanks, or cannot be written: then nothing
 * takes its place. */

result field_values_add(const struct field_values *values, const struct view *view,
			struct http_fields *fields);
/* Beside those that are there; an empty one is not added. Both: ERROR_MALFORMED and ERROR_LIMIT as
 * value_expand(), ERROR_LIMIT also when there are too many fields; the first one, after all the others that
 * could be written are. */

bool field_is_named(str field, str name);
/* By a name as it stands in a list of those that are removed: also what a service could take for it, and
 * those of a family ("X-Internal-*"): http_name_is_alias(). */

void field_names_remove(const str_list *names, struct http_fields *fields);
/* All that field_is_named() by one of the names. */

void field_vary_add(struct http_fields *fields, str name);
/* The answer depends on that field of the request (RFC 9110 section 12.5.5); once is enough. Without room for
 * another field the answer goes without. */
