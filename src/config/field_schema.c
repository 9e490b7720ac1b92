/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON Schema of a table. What it accepts is what reading accepts: text may look like a number, a value
 * may come from ${...}, an object without required keys may be left empty. Ranges of durations cannot be said
 * in a schema and stand in the description.
 *
 * Each table is one definition, however often it is used: written out in place, the policies alone would make
 * the schema many times as long.
 */
#include <inttypes.h>

#include "config/field_private.h"
#include "config/field_tables.h"
#include "config/unit.h"

enum { ARENA_MAX = 4 * 1024 * 1024 };

struct schema {
	FILE *to;
	struct arena arena;
	struct field_tables tables;
};

static void print_string(FILE *to, str text)
{
	fputc('"', to);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c == '"' || c == '\\')
			fprintf(to, "\\%c", c);
		else if (c < 0x20)
			fprintf(to, "\\u%04x", c);
		else
			fputc(c, to);
	}
	fputc('"', to);
}

static bool is_number(str text)
{
	int64_t value;

	return field_parse_int(text, &value);
}

/* Also a fraction, which no number here is: a version. */
static bool looks_like_number(str text)
{
	str whole, fraction;

	if (!str_cut(text, '.', &whole, &fraction))
		return is_number(text);
	return is_number(whole) && str_to_u64(fraction, INT64_MAX, &(uint64_t) { 0 });
}

static void print_int(FILE *to, int64_t min, int64_t max)
{
	fputs("{\"type\": \"integer\"", to);
	if (min || max)
		fprintf(to, ", \"minimum\": %" PRId64, min);
	if ((min || max) && max != INT64_MAX)
		fprintf(to, ", \"maximum\": %" PRId64, max);
	fputc('}', to);
}

/* A word that looks like a number may be written as one. */
static void print_words(FILE *to, const struct field *field)
{
	const char *between = "";

	fputs("{\"anyOf\": [{\"enum\": [", to);
	for (size_t i = 0; field->words[i]; i++) {
		fputs(between, to);
		print_string(to, str_of(field->words[i]));
		if (looks_like_number(str_of(field->words[i])))
			fprintf(to, ", %s", field->words[i]);
		between = ", ";
	}
	fputs("]}, {\"$ref\": \"#/$defs/interpolated\"}]}", to);
}

static void print_reference(struct schema *schema, const struct field *fields)
{
	const struct field_table *table = field_tables_find(&schema->tables, fields);

	fprintf(schema->to, "{\"$ref\": \"#/$defs/%.*s\"}", STR_ARG(table->id));
}

/* A form says its schema itself; `$fields` in it stands for the table beneath. */
static void print_form(struct schema *schema, const struct field_form *form)
{
	str rest = str_of(form->schema ? form->schema : "{}"), name = STR("$fields");

	for (size_t at = 0; at < rest.len; at++) {
		if (form->fields && str_starts(str_skip(rest, at), name)) {
			print_reference(schema, form->fields);
			at += name.len - 1;
		} else {
			fputc(rest.ptr[at], schema->to);
		}
	}
}

static bool has_required(const struct field *fields)
{
	for (; fields->type != FIELD_T_END; fields++)
		if (fields->is_required)
			return true;
	return false;
}

static void print_value(struct schema *schema, const struct field *field);

/* An object, or the scalar that stands for it. */
static void print_object(struct schema *schema, const struct field *field)
{
	fputs("{\"anyOf\": [", schema->to);
	print_reference(schema, field->fields);
	if (!has_required(field->fields))
		fputs(", {\"type\": \"null\"}", schema->to);
	for (const struct field *only = field->fields; field->shorthand && only->type != FIELD_T_END;
	     only++) {
		if (!str_eq(str_of(only->name), str_of(field->shorthand)))
			continue;
		fputs(", ", schema->to);
		print_value(schema, only);
	}
	fputs("]}", schema->to);
}

/* Text takes any scalar, as reading does. A required one must not be empty; minLength says that of strings
 * only, and a number is never empty. */
static void print_text(FILE *to, bool is_required)
{
	fprintf(to, "{\"type\": [\"string\", \"number\", \"boolean\"]%s}",
		is_required ? ", \"minLength\": 1" : "");
}

static void open_list(struct schema *schema, const struct field *field)
{
	fprintf(schema->to, "{\"type\": %s, \"minItems\": %" PRId64 ", \"maxItems\": %zu, \"items\": ",
		field->min ? "\"array\"" : "[\"array\", \"null\"]", field->min, field_count_max(field->max));
}

static void open_map(struct schema *schema, const struct field *field)
{
	fprintf(schema->to,
		"{\"type\": [\"object\", \"null\"], \"maxProperties\": %zu, \"additionalProperties\": ",
		field_count_max(field->max));
}

/* Lists and maps differ in what holds the items, and share what the items are. */
static void print_many(struct schema *schema, const struct field *field)
{
	if (field->type == FIELD_T_MAP || field->type == FIELD_T_PAIRS)
		open_map(schema, field);
	else
		open_list(schema, field);
	if (field->type == FIELD_T_STRS || field->type == FIELD_T_PAIRS)
		print_text(schema->to, false);
	else if (field->type == FIELD_T_ENUMS)
		print_words(schema->to, field);
	else
		print_object(schema, field);
	fputc('}', schema->to);
}

static void print_value(struct schema *schema, const struct field *field)
{
	FILE *to = schema->to;

	switch (field->type) {
	case FIELD_T_END:
		break;
	case FIELD_T_STR:
		print_text(to, field->is_required);
		break;
	case FIELD_T_BOOL:
		fputs("{\"anyOf\": [{\"type\": \"boolean\"}, {\"$ref\": \"#/$defs/interpolated\"}]}", to);
		break;
	case FIELD_T_INT:
		fputs("{\"anyOf\": [", to);
		print_int(to, field->min, field->max);
		fputs(", {\"$ref\": \"#/$defs/interpolated\"}]}", to);
		break;
	case FIELD_T_DURATION:
		fputs("{\"$ref\": \"#/$defs/duration\"}", to);
		break;
	case FIELD_T_SIZE:
		fputs("{\"anyOf\": [", to);
		print_int(to, field->min, field->max ? field->max : INT64_MAX);
		fputs(", {\"$ref\": \"#/$defs/size\"}]}", to);
		break;
	case FIELD_T_RATE:
		fputs("{\"$ref\": \"#/$defs/rate\"}", to);
		break;
	case FIELD_T_ENUM:
		print_words(to, field);
		break;
	case FIELD_T_OBJECT:
		print_object(schema, field);
		break;
	case FIELD_T_CUSTOM:
		print_form(schema, field->form);
		break;
	default:
		print_many(schema, field);
	}
}

static void print_standard(FILE *to, const struct field *field)
{
	str standard = str_of(field->standard), item;
	bool is_truth = field->type == FIELD_T_BOOL ||
			(field->type == FIELD_T_CUSTOM && field_parse_bool(standard, &(bool) { 0 }));
	bool is_raw = is_truth || field->type == FIELD_T_INT ||
		      (field->type == FIELD_T_SIZE && is_number(standard));
	const char *between = "";

	fputs(", \"default\": ", to);
	if (is_raw) {
		fputs(field->standard, to);
	} else if (field->type != FIELD_T_STRS && field->type != FIELD_T_ENUMS) {
		print_string(to, standard);
	} else {
		fputc('[', to);
		while (field_next_standard(&standard, &item)) {
			fputs(between, to);
			print_string(to, item);
			between = ", ";
		}
		fputc(']', to);
	}
}

static void print_description(struct schema *schema, const struct field *field)
{
	struct arena *arena = &schema->arena;
	str text = str_of(field->doc), min, max;

	if (field->type == FIELD_T_DURATION && field->max) {
		min = unit_print_duration(arena, field->min);
		max = unit_print_duration(arena, field->max);
		text = arena_printf(arena, "%.*s From %.*s to %.*s.", STR_ARG(text), STR_ARG(min),
				    STR_ARG(max));
	}
	fputs("\"description\": ", schema->to);
	print_string(schema->to, text);
}

/* The value's own schema stands in an allOf, so that description and default can be beside it whatever it is.
 */
static void print_properties(struct schema *schema, const struct field *fields)
{
	const char *between = "";

	for (const struct field *field = fields; field->type != FIELD_T_END; field++) {
		fprintf(schema->to, "%s\n    \"%s\": {", between, field->name);
		print_description(schema, field);
		if (field->standard)
			print_standard(schema->to, field);
		fputs(", \"allOf\": [", schema->to);
		print_value(schema, field);
		fputs("]}", schema->to);
		between = ",";
	}
}

static void print_required(FILE *to, const struct field *fields)
{
	const char *between = "";

	fputs("\"required\": [", to);
	for (; fields->type != FIELD_T_END; fields++) {
		if (!fields->is_required)
			continue;
		fprintf(to, "%s\"%s\"", between, fields->name);
		between = ", ";
	}
	fputs("]", to);
}

static void print_body(struct schema *schema, const struct field *fields, const struct field *more)
{
	fputs("\"type\": \"object\", \"additionalProperties\": false,\n   ", schema->to);
	print_required(schema->to, fields);
	fputs(",\n   \"properties\": {", schema->to);
	print_properties(schema, fields);
	if (more) {
		fputs(fields->type == FIELD_T_END ? "" : ",", schema->to);
		print_properties(schema, more);
	}
	fputs("\n   }", schema->to);
}

/* What every schema needs. Durations, sizes and rates are those of unit.h. */
static void print_common(FILE *to)
{
	fputs("  \"interpolated\": {\"type\": \"string\", \"pattern\": \"\\\\$\\\\{[^}]+\\\\}\"},\n"
	      "  \"duration\": {\"anyOf\": [{\"$ref\": \"#/$defs/interpolated\"}, {\"type\": \"string\",\n"
	      "    \"pattern\": \"^(0|[1-9][0-9]*)(ms|s|m|h|d)$\"}]},\n"
	      "  \"size\": {\"anyOf\": [{\"$ref\": \"#/$defs/interpolated\"}, {\"type\": \"string\",\n"
	      "    \"pattern\": \"^(0|[1-9][0-9]*)(KiB|MiB|GiB)?$\"}]},\n"
	      "  \"rate\": {\"anyOf\": [{\"$ref\": \"#/$defs/interpolated\"}, {\"type\": \"string\",\n"
	      "    \"pattern\": \"^[1-9][0-9]*/[1-9][0-9]*(ms|s|m|h|d)$\"}]}",
	      to);
}

void fields_print_schema(const struct field *root, FILE *to)
{
	struct schema schema = { .to = to };

	arena_init(&schema.arena, NULL, ARENA_MAX);
	field_tables_collect(&schema.tables, &schema.arena, root);
	fputs("{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
	      " \"title\": \"Configuration of Gatehouse\",\n ",
	      to);
	print_body(&schema, root, field_include);
	fputs(",\n \"$defs\": {\n", to);
	print_common(to);
	for (size_t i = 1; i < schema.tables.len; i++) {
		fprintf(to, ",\n  \"%.*s\": {", STR_ARG(schema.tables.at[i].id));
		print_body(&schema, schema.tables.at[i].fields, NULL);
		fputs("}", to);
	}
	fputs("\n }\n}\n", to);
	arena_fini(&schema.arena);
}
