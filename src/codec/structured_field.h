/* SPDX-License-Identifier: Apache-2.0 */
/*
 * structured_field: dictionaries of RFC 8941, as Signature-Input, Signature and Content-Digest are.
 *
 * Strict, and more so than the RFC in one thing: a key that stands twice is malformed, where the RFC takes
 * the last one. Two readers that disagree about it would take one message for two.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"

enum {
	STRUCTURED_MAX = 16 * 1024, /* bytes of a field */
	STRUCTURED_MEMBERS_MAX = 16,
	STRUCTURED_ITEMS_MAX = 64, /* of an inner list */
	STRUCTURED_PARAMETERS_MAX = 16,
};

enum structured_kind {
	STRUCTURED_BOOLEAN,
	STRUCTURED_INTEGER,
	STRUCTURED_DECIMAL,
	STRUCTURED_STRING,
	STRUCTURED_TOKEN,
	STRUCTURED_BYTES,
	STRUCTURED_INNER_LIST,
};

/* An item without parameters. */
struct structured_bare {
	enum structured_kind kind;
	int64_t number; /* an integer; thousandths of a decimal; 0 or 1 */
	str text;       /* a string, unescaped; a token; bytes, decoded */
};

struct structured_parameter {
	str key;
	struct structured_bare value;
};

struct structured_parameters {
	const struct structured_parameter *at;
	size_t count;
};

struct structured_item {
	struct structured_bare bare; /* of an inner list: its kind alone */
	const struct structured_item *items;
	size_t count; /* of an inner list */
	struct structured_parameters parameters;
};

struct structured_member {
	str key;
	struct structured_item value;
};

struct structured_dictionary {
	const struct structured_member *at;
	size_t count;
};

result structured_dictionary_parse(str text, struct arena *arena,
				   struct structured_dictionary *ret_dictionary);
/* Section 4.2.2. Lines of one name are joined by ", " before. Slices live as long as text and arena.
 * ERROR_MALFORMED; ERROR_LIMIT: beyond one of the bounds above, or no memory. */

const struct structured_item *structured_find(const struct structured_dictionary *dictionary, str key);
const struct structured_bare *structured_parameter(const struct structured_parameters *parameters, str key);
/* Both: NULL, none is called so. */

void structured_item_print(const struct structured_item *item, struct buf *out);
/* Section 4.1, also of an inner list, with its parameters: in the one way that there is. */
