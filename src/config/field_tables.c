/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the tables beneath a table.
 *
 * A search along a list is enough: there are some dozens, and this runs when somebody asks for the schema. A
 * table that holds itself ends the walk like any other that was met before.
 */
#include "config/field_tables.h"

#include "base/assert.h"

const struct field *field_beneath(const struct field *field)
{
	return field->type == FIELD_T_CUSTOM ? field->form->fields : field->fields;
}

static str id_of(const struct field_tables *tables, str path)
{
	char *id;
	size_t len = 0;

	path = arena_printf(tables->arena, "%.*s.%.*s", STR_ARG(tables->prefix), STR_ARG(path));
	id = arena_bytes(tables->arena, path.len);

	for (size_t i = 0; i < path.len; i++) {
		char c = ascii_lower(path.ptr[i]);
		bool is_word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';

		if (is_word)
			id[len++] = c;
		else if (len && id[len - 1] != '-')
			id[len++] = '-';
	}
	len -= len && id[len - 1] == '-';
	return (str) { id, len };
}

static const struct field_table *find(const struct field_tables *tables, const struct field *fields)
{
	for (size_t i = 0; i < tables->len; i++)
		if (tables->at[i].fields == fields)
			return &tables->at[i];
	return NULL;
}

const struct field_table *field_tables_find(const struct field_tables *tables, const struct field *fields)
{
	const struct field_table *table = find(tables, fields);

	ASSERT(table);
	return table;
}

static void collect(struct field_tables *tables, const struct field *fields, str path, const char *doc)
{
	if (find(tables, fields))
		return;
	ASSERT(tables->len < FIELD_TABLES_MAX);
	tables->at[tables->len++] = (struct field_table) { fields, path, id_of(tables, path), doc };
	for (const struct field *field = fields; field->type != FIELD_T_END; field++) {
		const char *ending = field->type == FIELD_T_MAP    ? ".NAME"
				     : field->type == FIELD_T_LIST ? "[]"
								   : "";

		if (field_beneath(field))
			collect(tables, field_beneath(field),
				arena_printf(tables->arena, "%.*s%s%s%s", STR_ARG(path), path.len ? "." : "",
					     field->name, ending),
				field->doc);
	}
}

void field_tables_collect(struct field_tables *tables, struct arena *arena, const struct field *root)
{
	tables->arena = arena;
	tables->len = 0;
	collect(tables, root, (str) { 0 }, NULL);
}
