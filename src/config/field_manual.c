/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference in Markdown: a section for each table, a row for each option.
 *
 * Sections come in the order of the rows, depth first, so that the manual reads as the file is written. A
 * table that is used in several places has one section, where it is met first, and links from everywhere
 * else.
 */
#include <inttypes.h>

#include "config/field_private.h"
#include "config/field_tables.h"
#include "config/unit.h"

enum { ARENA_MAX = 4 * 1024 * 1024 };

struct manual {
	FILE *to;
	struct arena arena;
	struct field_tables tables;
};

/* A text in a cell of a table. */
static void print_cell(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			fputc('\\', to);
		fputc(*text, to);
	}
}

static void print_words(FILE *to, const struct field *field)
{
	size_t count = field_word_count(field);

	for (size_t i = 0; i < count; i++)
		fprintf(to, "%s`%s`", i == 0 ? "" : i + 1 == count ? " or " : ", ", field->words[i]);
}

static void print_range(struct manual *manual, const char *what, str min, str max)
{
	fprintf(manual->to, "%s from %.*s to %.*s", what, STR_ARG(min), STR_ARG(max));
}

/* Numbers, durations and sizes, with their range where there is one. */
static void print_scalar(struct manual *manual, const struct field *field)
{
	struct arena *arena = &manual->arena;
	bool has_range = field->min || field->max;

	if (field->type == FIELD_T_DURATION && has_range)
		print_range(manual, "duration", unit_print_duration(arena, field->min),
			    unit_print_duration(arena, field->max));
	else if (field->type == FIELD_T_DURATION)
		fputs("duration", manual->to);
	else if (field->type == FIELD_T_SIZE && has_range && field->max != INT64_MAX)
		print_range(manual, "size", unit_print_size(arena, (uint64_t)field->min),
			    unit_print_size(arena, (uint64_t)field->max));
	else if (field->type == FIELD_T_SIZE)
		fputs("size", manual->to);
	else if (has_range && field->max != INT64_MAX)
		print_range(manual, "number", arena_printf(arena, "%" PRId64, field->min),
			    arena_printf(arena, "%" PRId64, field->max));
	else if (has_range)
		fprintf(manual->to, "number, at least %" PRId64, field->min);
	else
		fputs("number", manual->to);
}

/* A link to the section of what the row holds. */
static void print_link(struct manual *manual, const struct field *field, const char *words)
{
	const struct field_table *table = field_tables_find(&manual->tables, field_beneath(field));

	fprintf(manual->to, "[%s](#%.*s)", words, STR_ARG(table->id));
	if (field->shorthand)
		fprintf(manual->to, ", or its `%s` alone", field->shorthand);
}

static void print_type(struct manual *manual, const struct field *field)
{
	switch (field->type) {
	case FIELD_T_STR:
		fputs("text", manual->to);
		break;
	case FIELD_T_BOOL:
		fputs("`true` or `false`", manual->to);
		break;
	case FIELD_T_STRS:
		fputs("list of texts", manual->to);
		break;
	case FIELD_T_RATE:
		fputs("rate", manual->to);
		break;
	case FIELD_T_ENUM:
		print_words(manual->to, field);
		break;
	case FIELD_T_ENUMS:
		fputs("list of ", manual->to);
		print_words(manual->to, field);
		break;
	case FIELD_T_PAIRS:
		fputs("map of names to texts", manual->to);
		break;
	case FIELD_T_OBJECT:
		print_link(manual, field, "object");
		break;
	case FIELD_T_LIST:
		print_link(manual, field, "list of objects");
		break;
	case FIELD_T_MAP:
		print_link(manual, field, "map of names to objects");
		break;
	case FIELD_T_CUSTOM:
		print_cell(manual->to, field->form->manual);
		if (field->form->fields)
			fputs(": ", manual->to);
		if (field->form->fields)
			print_link(manual, field, "keys");
		break;
	default:
		print_scalar(manual, field);
	}
}

/* Defaults as they are written in the file; they are read by the same code. */
static void print_row(struct manual *manual, const struct field *field)
{
	fprintf(manual->to, "| `%s` | ", field->name);
	print_type(manual, field);
	fputs(" | ", manual->to);
	if (field->is_required) {
		fputs("required", manual->to);
	} else if (field->standard && field->standard[0]) {
		fputc('`', manual->to);
		print_cell(manual->to, field->standard);
		fputc('`', manual->to);
	}
	fputs(" | ", manual->to);
	print_cell(manual->to, field->doc);
	fputs(" |\n", manual->to);
}

static void print_section(struct manual *manual, const struct field_table *table, int level)
{
	bool is_root = table->path.len == 0;

	if (!is_root) {
		fprintf(manual->to, "\n<a id=\"%.*s\"></a>\n", STR_ARG(table->id));
		for (int i = 0; i < level; i++)
			fputc('#', manual->to);
		fprintf(manual->to, " `%.*s`\n\n%s\n\n", STR_ARG(table->path), table->doc);
	}
	fputs("| key | value | default | meaning |\n| --- | --- | --- | --- |\n", manual->to);
	for (const struct field *field = table->fields; field->type != FIELD_T_END; field++)
		print_row(manual, field);
	if (is_root && !manual->tables.prefix.len)
		print_row(manual, field_include);
}

void fields_print_manual(const struct field *root, const char *name, int level, field_page_fn page, FILE *to)
{
	struct manual manual = { .to = to, .tables = { .prefix = str_of(name) } };

	arena_init(&manual.arena, NULL, ARENA_MAX);
	field_tables_collect(&manual.tables, &manual.arena, root);
	for (size_t i = 0; i < manual.tables.len; i++) {
		print_section(&manual, &manual.tables.at[i], level);
		if (page)
			page(manual.tables.at[i].fields, to);
	}
	arena_fini(&manual.arena);
}
