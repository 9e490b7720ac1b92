/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field: options as rows of a table; the same rows parse, check, print, and make the JSON Schema and the
 * manual.
 *
 * A struct of options has one table. Each macro makes the compiler refuse a row whose type is not its
 * member's. Defaults are written as in YAML, and parsed by the same code, so that the manual shows what
 * happens.
 *
 *     struct retries {
 *             int64_t attempts;
 *             duration backoff;
 *             unsigned on;
 *     };
 *
 *     static const struct field retries_fields[] = {
 *             FIELD_INT(struct retries, attempts, "attempts", "2", 1, 10, "Tries in all."),
 *             FIELD_DURATION(struct retries, backoff, "backoff", "25ms", 0, MINUTE, "Longest wait."),
 *             FIELD_ENUMS_DEFAULT(struct retries, on, "on", words, "[connect, reset]", "What for."),
 *             FIELD_END
 *     };
 *
 *     struct retries retries = { 0 };
 *     fields_read(reader, node, retries_fields, &retries);
 *
 * Checks that need more than one value (names that must exist, rules that clash) come after reading, in the
 * room that owns the struct, and report through the same diagnostics: each entry remembers its node.
 */
#pragma once

#include <stddef.h>

#include "base/time.h"
#include "config/document.h"
#include "config/unit.h"

struct reader;

enum field_type {
	FIELD_T_END,
	FIELD_T_STR,
	FIELD_T_BOOL,
	FIELD_T_INT,      /* int64_t in [min, max] */
	FIELD_T_DURATION, /* duration in [min, max] */
	FIELD_T_SIZE,     /* uint64_t bytes in [min, max] */
	FIELD_T_RATE,     /* struct rate, of at most max in a second */
	FIELD_T_STRS,     /* str_list of min to max items */
	FIELD_T_ENUM,     /* int: the index into the words */
	FIELD_T_ENUMS,    /* unsigned: bits of indexes into the words */
	FIELD_T_PAIRS,    /* struct pair_list: a map of texts, in order */
	FIELD_T_OBJECT,   /* a struct with a table of its own; defaults apply when it is absent */
	FIELD_T_LIST,     /* a list of such structs */
	FIELD_T_MAP,      /* named structs, in the order of the file */
	FIELD_T_CUSTOM,   /* what has a form of its own */
};

/* Every struct of a list or map begins with this: its name and place. The node is what to point at when a
 * check that comes later finds something wrong. */
struct entry {
	str name; /* the key in a map; empty in a list */
	const struct node *node;
};

struct pair {
	str name, value;
	const struct node *node; /* the value's */
};

struct pair_list {
	struct pair *at;
	size_t len;
};

struct field;
struct field_difference;

/* A form of its own: reads node into member (its type is the table's business) and says how it looks. */
struct field_form {
	const char *manual; /* "a name, or a map of names to weights" */
	const char *schema; /* JSON Schema of the value, as text; $fields in it stands for that of fields */
	void (*read)(struct reader *reader, const struct node *node,
		     void *ret_member); /* reports through reader->diagnostics */
	const struct field *fields; /* what the manual and the schema should show beneath it; may be NULL */
	void (*compare)(struct arena *arena, const void *before, const void *after,
			struct field_difference *ret_difference);
	/* Two members of which it can be told which is more (field_compare.h); NULL: what was written is
	 * compared. */
};

/* One row. Rows are made by the macros below; whoever reads them is in this room. */
struct field {
	const char *name;
	enum field_type type;
	bool is_required;
	size_t offset;
	const char *standard; /* the default, as in YAML, lists as [a, b]; NULL: empty, zero, false or none */
	int64_t min, max;     /* of the value, or of the number of items; both 0: any */
	const char *const *words;   /* of ENUM and ENUMS, ended by NULL */
	const struct field *fields; /* of OBJECT, LIST and MAP */
	size_t size;                /* of their struct */
	const char *shorthand; /* LIST, MAP and OBJECT: a scalar stands for an object with this one key */
	const struct field_form *form;
	const char *doc; /* one sentence */
};

/* No value, but a comparison of two pointers, which the compiler refuses when their types differ. */
#define FIELD_CHECK_(S, m, C) (0 * sizeof((C *)0 == &((S *)0)->m))
#define FIELD_(S, m, C, T) .type = (enum field_type)((T) + FIELD_CHECK_(S, m, C)), .offset = offsetof(S, m)

#define FIELD_STR(S, m, key, def, text)                                                   \
	{                                                                                 \
		.name = key, FIELD_(S, m, str, FIELD_T_STR), .standard = def, .doc = text \
	}
#define FIELD_STR_REQUIRED(S, m, key, text)                                                   \
	{                                                                                     \
		.name = key, FIELD_(S, m, str, FIELD_T_STR), .is_required = true, .doc = text \
	}
#define FIELD_BOOL(S, m, key, def, text)                                                    \
	{                                                                                   \
		.name = key, FIELD_(S, m, bool, FIELD_T_BOOL), .standard = def, .doc = text \
	}
#define FIELD_INT(S, m, key, def, lo, hi, text)                                                         \
	{                                                                                               \
		.name = key, FIELD_(S, m, int64_t, FIELD_T_INT), .standard = def, .min = lo, .max = hi, \
		.doc = text                                                                             \
	}
#define FIELD_DURATION(S, m, key, def, lo, hi, text)                                               \
	{                                                                                          \
		.name = key, FIELD_(S, m, duration, FIELD_T_DURATION), .standard = def, .min = lo, \
		.max = hi, .doc = text                                                             \
	}
#define FIELD_SIZE(S, m, key, def, lo, hi, text)                                                          \
	{                                                                                                 \
		.name = key, FIELD_(S, m, uint64_t, FIELD_T_SIZE), .standard = def, .min = lo, .max = hi, \
		.doc = text                                                                               \
	}
#define FIELD_DURATION_REQUIRED(S, m, key, lo, hi, text)                                               \
	{                                                                                              \
		.name = key, FIELD_(S, m, duration, FIELD_T_DURATION), .is_required = true, .min = lo, \
		.max = hi, .doc = text                                                                 \
	}
#define FIELD_SIZE_REQUIRED(S, m, key, lo, hi, text)                                               \
	{                                                                                          \
		.name = key, FIELD_(S, m, uint64_t, FIELD_T_SIZE), .is_required = true, .min = lo, \
		.max = hi, .doc = text                                                             \
	}
/* hi: in a second. */
#define FIELD_RATE(S, m, key, def, hi, text)                                                      \
	{                                                                                         \
		.name = key, FIELD_(S, m, struct rate, FIELD_T_RATE), .standard = def, .max = hi, \
		.doc = text                                                                       \
	}
#define FIELD_RATE_REQUIRED(S, m, key, hi, text)                                                      \
	{                                                                                             \
		.name = key, FIELD_(S, m, struct rate, FIELD_T_RATE), .is_required = true, .max = hi, \
		.doc = text                                                                           \
	}
/* lo and hi bound what is given; nothing at all is an empty list, whatever lo is. */
#define FIELD_STRS(S, m, key, lo, hi, text)                                                          \
	{                                                                                            \
		.name = key, FIELD_(S, m, str_list, FIELD_T_STRS), .min = lo, .max = hi, .doc = text \
	}
#define FIELD_STRS_DEFAULT(S, m, key, def, lo, hi, text)                                                  \
	{                                                                                                 \
		.name = key, FIELD_(S, m, str_list, FIELD_T_STRS), .standard = def, .min = lo, .max = hi, \
		.doc = text                                                                               \
	}
#define FIELD_ENUM(S, m, key, list, def, text)                                                            \
	{                                                                                                 \
		.name = key, FIELD_(S, m, int, FIELD_T_ENUM), .words = list, .standard = def, .doc = text \
	}
#define FIELD_ENUMS(S, m, key, list, text)                                                     \
	{                                                                                      \
		.name = key, FIELD_(S, m, unsigned, FIELD_T_ENUMS), .words = list, .doc = text \
	}
#define FIELD_ENUMS_DEFAULT(S, m, key, list, def, text)                                             \
	{                                                                                           \
		.name = key, FIELD_(S, m, unsigned, FIELD_T_ENUMS), .words = list, .standard = def, \
		.doc = text                                                                         \
	}
#define FIELD_PAIRS(S, m, key, hi, text)                                                           \
	{                                                                                          \
		.name = key, FIELD_(S, m, struct pair_list, FIELD_T_PAIRS), .max = hi, .doc = text \
	}
#define FIELD_OBJECT(S, m, key, C, table, text)                                                   \
	{                                                                                         \
		.name = key, FIELD_(S, m, C, FIELD_T_OBJECT), .fields = table, .size = sizeof(C), \
		.doc = text                                                                       \
	}
#define FIELD_OBJECT_REQUIRED(S, m, key, C, table, text)                                            \
	{                                                                                           \
		.name = key, FIELD_(S, m, C, FIELD_T_OBJECT), .is_required = true, .fields = table, \
		.size = sizeof(C), .doc = text                                                      \
	}
/* The member is struct { C *at; size_t len; }, and C begins with a struct entry. */
#define FIELD_LIST(S, m, key, C, table, short_key, lo, hi, text)                                     \
	{                                                                                            \
		.name = key, FIELD_(S, m.at, C *, FIELD_T_LIST), .fields = table, .size = sizeof(C), \
		.shorthand = short_key, .min = lo, .max = hi, .doc = text                            \
	}
#define FIELD_MAP(S, m, key, C, table, hi, text)                                                    \
	{                                                                                           \
		.name = key, FIELD_(S, m.at, C *, FIELD_T_MAP), .fields = table, .size = sizeof(C), \
		.max = hi, .doc = text                                                              \
	}
#define FIELD_CUSTOM(S, m, key, C, its_form, text)                                          \
	{                                                                                   \
		.name = key, FIELD_(S, m, C, FIELD_T_CUSTOM), .form = its_form, .doc = text \
	}
#define FIELD_CUSTOM_REQUIRED(S, m, key, C, its_form, text)                                          \
	{                                                                                            \
		.name = key, FIELD_(S, m, C, FIELD_T_CUSTOM), .is_required = true, .form = its_form, \
		.doc = text                                                                          \
	}
/* The default is a scalar, and read by the form. */
#define FIELD_CUSTOM_DEFAULT(S, m, key, C, its_form, def, text)                                              \
	{                                                                                                    \
		.name = key, FIELD_(S, m, C, FIELD_T_CUSTOM), .form = its_form, .standard = def, .doc = text \
	}
#define FIELD_END                   \
	{                           \
		.type = FIELD_T_END \
	}

/* What reading needs: handed down to forms and to compile functions. */
struct reader {
	struct arena *arena; /* of the snapshot: what is read lives as long */
	struct diagnostics *diagnostics;
	const struct document *document;
};

void fields_read(struct reader *reader, const struct node *map, const struct field *fields, void *ret_struct);
/* Fills the struct from the map: defaults first, then what is there. Unknown keys, wrong types, values out of
 * range and missing required keys are reported, and the rest is read all the same. map may be NULL: defaults
 * only, and nothing is missing. A list, map or object without a value (`routes:`) is as good as absent; a
 * required text must not be empty. A number or a truth value in quotes is text, and refused, unless
 * it came from ${...}. The struct is zeroed by the caller. */

void fields_read_over(struct reader *reader, const struct node *map, const struct field *fields,
		      void *ret_struct);
/* The same without defaults: what the map does not give stays as it is. */

const struct field *field_find(const struct field *fields, str key);
/* The row of that name; NULL: there is none. */

bool field_read_str(struct reader *reader, const struct node *node, str *ret_value);
bool field_read_strs(struct reader *reader, const struct node *node, size_t min, size_t max,
		     str_list *ret_list);
bool field_read_duration(struct reader *reader, const struct node *node, duration min, duration max,
			 duration *ret_value);
bool field_read_size(struct reader *reader, const struct node *node, uint64_t min, uint64_t max,
		     uint64_t *ret_value);
bool field_read_rate(struct reader *reader, const struct node *node, int64_t max, struct rate *ret_value);
bool field_read_int(struct reader *reader, const struct node *node, int64_t min, int64_t max,
		    int64_t *ret_value);
bool field_read_bool(struct reader *reader, const struct node *node, bool *ret_value);
/* The same for forms: false after a report. */

extern const struct field_form field_texts_form; /* member: str_list */
/* A text, or a list of them. */

void field_keep_node(struct reader *reader, const struct node *node, void *ret_member);
/* The read of a form whose member is a const struct node *: what it means is found out later. */

bool reader_read_file(struct reader *reader, const struct node *at, str path, size_t max, str *ret_text);
/* A file that a value names, relative to the file of the configuration that the value stands in. From here on
 * it is a part of the configuration: when it changes, a reload takes place. False after a report. */

void fields_print_schema(const struct field *root, FILE *to);
/* JSON Schema 2020-12 of a file with these fields. */

/* What the manual says beneath the rows of a table, in words of the room that owns it; nothing for most. */
typedef void (*field_page_fn)(const struct field *fields, FILE *to);

void fields_print_manual(const struct field *root, const char *name, int level, field_page_fn page, FILE *to);
/* Markdown: one section for each object, with a heading of that level and an anchor, one row for each option.
 * The root has no heading: whoever prints it has written one. name: NULL for the configuration; what anchors
 * of another kind of file begin with. page: NULL for none. */
