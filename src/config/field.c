/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a struct by its table.
 *
 * Defaults come first and values are written over them, so that a member always holds something sensible:
 * what is wrong is reported, keeps its default, and reading goes on. Members are reached by their offsets;
 * that each has the type which its row says was checked by the compiler, in the macros of field.h.
 */
#include "config/field.h"

#include "base/assert.h"
#include "config/elsewhere.h"
#include "config/field_private.h"
#include "config/field_secret.h"
#include "config/unit.h"

enum { FIELDS_MAX = 128, ROOM_ENTRY = 1024 };

/* Lists and maps of structs, whatever their type: what the macros check to begin so. */
struct entries {
	char *at;
	size_t len;
};

const struct field field_include[] = {
	{ .name = "include",
	  .type = FIELD_T_STRS,
	  .doc = "Further files and patterns, relative to this file; their `listeners`, `upstreams`, "
		 "`policies` and `apis` are added to those here, and a name may stand once." },
	FIELD_END,
};

static void read_field(struct reader *reader, const struct node *node, const struct field *field,
		       void *ret_member);

/* What stands in the wrong place may be the secret that belongs beside it or beneath. */
static void guard(struct reader *reader, const struct node *node, const struct field *field)
{
	if (!field_fits(node, field) && field_may_hold_secret(field))
		diagnostic_secret(reader->diagnostics, node);
}

/* A list of words as a default: "[connect, reset]". Words need no quotes there. */
static void set_standard_list(struct reader *reader, const struct field *field, void *ret_member)
{
	str rest = str_of(field->standard), item;
	str texts[FIELD_WORDS_MAX];
	unsigned bits = 0;
	size_t count = 0;

	while (field_next_standard(&rest, &item)) {
		ASSERT(count < FIELD_WORDS_MAX);
		texts[count++] = item;
		if (field->type == FIELD_T_ENUMS) {
			int index;

			ASSERT(field_find_word(field, item, &index));
			bits |= 1U << index;
		}
	}
	if (field->type == FIELD_T_ENUMS) {
		*(unsigned *)ret_member = bits;
		return;
	}
	*(str_list *)ret_member =
		(str_list) { memcpy(ARENA_ARRAY(reader->arena, str, count), texts, count * sizeof texts[0]),
			     count };
}

/* Forms read nodes. */
static void set_standard_custom(struct reader *reader, const struct field *field, void *ret_member)
{
	size_t before = diagnostics_errors(reader->diagnostics);
	struct node *node = ARENA_NEW(reader->arena, struct node);

	node->kind = NODE_SCALAR;
	node->text = str_of(field->standard);
	field->form->read(reader, node, ret_member);
	ASSERT(diagnostics_errors(reader->diagnostics) == before);
}

/* A default that cannot be read is a mistake in the table. */
static void set_standard(struct reader *reader, const struct field *field, void *ret_member)
{
	str standard = str_of(field->standard);

	switch (field->type) {
	case FIELD_T_STR:
		*(str *)ret_member = standard;
		break;
	case FIELD_T_BOOL:
		ASSERT(field_parse_bool(standard, ret_member));
		break;
	case FIELD_T_INT:
		ASSERT(field_parse_int(standard, ret_member));
		break;
	case FIELD_T_DURATION:
		ASSERT(unit_parse_duration(standard, ret_member));
		break;
	case FIELD_T_SIZE:
		ASSERT(unit_parse_size(standard, ret_member));
		break;
	case FIELD_T_RATE:
		ASSERT(unit_parse_rate(standard, ret_member));
		break;
	case FIELD_T_ENUM:
		ASSERT(field_find_word(field, standard, ret_member));
		break;
	case FIELD_T_STRS:
	case FIELD_T_ENUMS:
		set_standard_list(reader, field, ret_member);
		break;
	case FIELD_T_CUSTOM:
		set_standard_custom(reader, field, ret_member);
		break;
	default:
		ASSERT(!"a row of this type has a default");
	}
}

/* Also into objects that are parts of the struct; lists and maps begin empty. */
static void set_standards(struct reader *reader, const struct field *fields, char *ret_struct)
{
	for (const struct field *field = fields; field->type != FIELD_T_END; field++) {
		if (field->standard)
			set_standard(reader, field, ret_struct + field->offset);
		else if (field->type == FIELD_T_OBJECT)
			set_standards(reader, field->fields, ret_struct + field->offset);
	}
}

const struct field *field_find(const struct field *fields, str key)
{
	for (; fields->type != FIELD_T_END; fields++)
		if (str_eq(key, str_of(fields->name)))
			return fields;
	return NULL;
}

/* With our name for it, the nearest name, or all of them. */
static void report_unknown(struct reader *reader, const struct node *node, const struct field *table)
{
	str known[FIELDS_MAX], hint = elsewhere_hint(reader->arena, node->key, table);
	size_t count = 0;

	if (!node->parent->parent)
		known[count++] = str_of(field_include->name);
	for (const struct field *fields = table; fields->type != FIELD_T_END && count < FIELDS_MAX; fields++)
		known[count++] = str_of(fields->name);
	if (!hint.len)
		hint = diagnostic_suggest(reader->arena, node->key, known, count);
	if (fields_have_secret(table))
		diagnostic_secret(reader->diagnostics, node);
	diagnostic_error_key(reader->diagnostics, node, "unknown key%.*s", STR_ARG(hint));
}

/* What an object that must be there looks like: ", such as cookie: { secret: ... }". Empty for all else. */
static str shape_of(struct reader *reader, const struct field *field)
{
	str keys = { 0 };

	if (field->type != FIELD_T_OBJECT)
		return keys;
	for (const struct field *row = field->fields; row->type != FIELD_T_END; row++)
		if (row->is_required)
			keys = arena_printf(reader->arena, "%.*s%s%s: ...", STR_ARG(keys),
					    keys.len ? ", " : "", row->name);
	return arena_printf(reader->arena, ", such as %s: { %.*s }", field->name, STR_ARG(keys));
}

/* A map that lacks something is broken: what else would be said of it comes from that. */
static void report_missing(struct reader *reader, const struct node *map, const struct field *fields)
{
	for (str shape; fields->type != FIELD_T_END; fields++) {
		if (!fields->is_required || node_find(map, str_of(fields->name)))
			continue;
		shape = shape_of(reader, fields);
		diagnostic_error_key(reader->diagnostics, map, "the key \"%s\" is missing%.*s", fields->name,
				     STR_ARG(shape));
		((struct node *)(uintptr_t)map)->is_broken = true;
	}
}

void fields_read_over(struct reader *reader, const struct node *map, const struct field *fields,
		      void *ret_struct)
{
	if (!map || !field_check_kind(reader, map, NODE_MAP))
		return;
	for (const struct node *child = map->first; child; child = child->next) {
		const struct field *field = field_find(fields, child->key);

		if (!field)
			report_unknown(reader, child, fields);
		else
			read_field(reader, child, field, (char *)ret_struct + field->offset);
	}
	report_missing(reader, map, fields);
}

void fields_read(struct reader *reader, const struct node *map, const struct field *fields, void *ret_struct)
{
	set_standards(reader, fields, ret_struct);
	fields_read_over(reader, map, fields, ret_struct);
}

/* One struct of an object, list or map, or the scalar that stands for it. */
static void read_struct(struct reader *reader, const struct node *node, const struct field *field,
			char *ret_struct)
{
	const struct field *only =
		field->shorthand ? field_find(field->fields, str_of(field->shorthand)) : NULL;

	if (only && node->kind == NODE_SCALAR) {
		set_standards(reader, field->fields, ret_struct);
		read_field(reader, node, only, ret_struct + only->offset);
		return;
	}
	fields_read(reader, node, field->fields, ret_struct);
}

/* The structs of a list or map. Each begins with its entry: a name, and the node to point at later. */
static void read_entries(struct reader *reader, const struct node *node, const struct field *field,
			 struct entries *ret_entries)
{
	bool is_map = field->type == FIELD_T_MAP;
	char *at;

	if (!field_check_kind(reader, node, is_map ? NODE_MAP : NODE_LIST) ||
	    !field_check_count(reader, node, is_map ? 0 : (size_t)field->min, field->max))
		return;
	if (arena_left(reader->arena) / (field->size + ROOM_ENTRY) < (size_t)node->count + 1) {
		diagnostic_error(reader->diagnostics, node, "the configuration is too large");
		return;
	}
	at = arena_alloc_array(reader->arena, field->size, node->count);
	*ret_entries = (struct entries) { at, node->count };
	for (const struct node *child = node->first; child; child = child->next, at += field->size) {
		struct entry *entry = (struct entry *)(void *)at;

		entry->name = arena_str(reader->arena, child->key);
		entry->node = child;
		if (!field_fits_struct(child, field) && field_may_hold_secret(field))
			diagnostic_secret(reader->diagnostics, child);
		read_struct(reader, child, field, at);
	}
}

static void read_pairs(struct reader *reader, const struct node *node, const struct field *field,
		       struct pair_list *ret_pairs)
{
	struct pair *pair;

	if (!field_check_kind(reader, node, NODE_MAP) || !field_check_count(reader, node, 0, field->max))
		return;
	pair = ARENA_ARRAY(reader->arena, struct pair, node->count);
	*ret_pairs = (struct pair_list) { pair, node->count };
	for (const struct node *child = node->first; child; child = child->next, pair++) {
		pair->name = arena_str(reader->arena, child->key);
		pair->node = child;
		field_read_str(reader, child, &pair->value);
	}
}

/* A word that stands twice is no mistake: the set is the same. */
static void read_words(struct reader *reader, const struct node *node, const struct field *field,
		       unsigned *ret_bits)
{
	unsigned bits = 0;
	int index;

	if (!field_check_kind(reader, node, NODE_LIST))
		return;
	for (const struct node *item = node->first; item; item = item->next)
		if (field_read_word(reader, item, field, &index))
			bits |= 1U << index;
	*ret_bits = bits;
}

/* A required text that is empty was most likely forgotten, or came from a variable that is empty. */
static void read_text(struct reader *reader, const struct node *node, const struct field *field,
		      str *ret_value)
{
	if (field_read_str(reader, node, ret_value) && field->is_required && str_is_empty(*ret_value))
		diagnostic_error(reader->diagnostics, node, "this must not be empty");
}

/* Numbers, with their bounds. */
static void read_amount(struct reader *reader, const struct node *node, const struct field *field,
			void *ret_member)
{
	if (field->type == FIELD_T_DURATION)
		field_read_duration(reader, node, field->min, field->max, ret_member);
	else if (field->type == FIELD_T_SIZE)
		field_read_size(reader, node, (uint64_t)field->min, (uint64_t)field->max, ret_member);
	else if (field->type == FIELD_T_RATE)
		field_read_rate(reader, node, field->max, ret_member);
	else
		field_read_int(reader, node, field->min, field->max, ret_member);
}

/* Which kinds of value fit is known to the form alone. */
static void read_custom(struct reader *reader, const struct node *node, const struct field *field,
			void *ret_member)
{
	field->form->read(reader, node, ret_member);
	if (node->is_broken && field_may_hold_secret(field))
		diagnostic_secret(reader->diagnostics, node);
}

static void read_field(struct reader *reader, const struct node *node, const struct field *field,
		       void *ret_member)
{
	guard(reader, node, field);
	switch (field->type) {
	case FIELD_T_END:
		break;
	case FIELD_T_STR:
		read_text(reader, node, field, ret_member);
		break;
	case FIELD_T_BOOL:
		field_read_bool(reader, node, ret_member);
		break;
	case FIELD_T_STRS:
		field_read_strs(reader, node, (size_t)field->min, (size_t)field->max, ret_member);
		break;
	case FIELD_T_ENUM:
		field_read_word(reader, node, field, ret_member);
		break;
	case FIELD_T_ENUMS:
		read_words(reader, node, field, ret_member);
		break;
	case FIELD_T_PAIRS:
		read_pairs(reader, node, field, ret_member);
		break;
	case FIELD_T_OBJECT:
		read_struct(reader, node, field, ret_member);
		break;
	case FIELD_T_LIST:
	case FIELD_T_MAP:
		read_entries(reader, node, field, ret_member);
		break;
	case FIELD_T_CUSTOM:
		read_custom(reader, node, field, ret_member);
		break;
	default:
		read_amount(reader, node, field, ret_member);
	}
}
