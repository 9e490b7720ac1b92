/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer_line: what a line holds is a configuration's consumer, by another syntax.
 */
#include "auth/consumer_line.h"

#include "base/printable.h"
#include "codec/json.h"
#include "config/diagnostics.h"

enum { ITEMS_MAX = 1000, NAME_SHOWN_MAX = 40 };

struct line {
	struct arena *arena;
	struct consumer_config config;
	const char *wrong; /* NULL: nothing is */
};

/* Texts point into the line, which consumer_table_add() copies. */
static str_list read_texts(struct line *line, const struct operand *value)
{
	str *at = NULL;

	if (value->kind != OPERAND_LIST || value->list.count > ITEMS_MAX) {
		line->wrong = value->kind == OPERAND_LIST ? "want at most 1000 items in a list"
							  : "want a list of texts";
		return (str_list) { 0 };
	}
	at = ARENA_ARRAY(line->arena, str, value->list.count);
	for (size_t i = 0; i < value->list.count; i++) {
		if (value->list.at[i].kind != OPERAND_STRING)
			line->wrong = "want a list of texts";
		else
			at[i] = value->list.at[i].text;
	}
	return (str_list) { at, value->list.count };
}

static struct pair_list read_labels(struct line *line, const struct operand *value)
{
	const struct json_object *object = json_object_of(value);
	struct pair *at;

	if (!object || object->count > ITEMS_MAX) {
		line->wrong = object ? "labels: want at most 1000 items" : "labels: want a map of texts";
		return (struct pair_list) { 0 };
	}
	at = ARENA_ARRAY(line->arena, struct pair, object->count);
	for (size_t i = 0; i < object->count; i++) {
		if (object->at[i].value.kind != OPERAND_STRING)
			line->wrong = "labels: want a map of texts";
		at[i] = (struct pair) { .name = object->at[i].name, .value = object->at[i].value.text };
	}
	return (struct pair_list) { at, object->count };
}

static void read_basic(struct line *line, const struct operand *value)
{
	const struct json_object *object = json_object_of(value);

	line->config.basic.password = json_find_text(value, STR("password"));
	if (!object || object->count != 1 || !line->config.basic.password.len)
		line->wrong = "basic: want {\"password\": \"$argon2id$...\"}";
}

/* As much of a name as may be shown. */
static str shown(str name)
{
	size_t len = 0, width;

	while (len < NAME_SHOWN_MAX && (width = printable_length(str_skip(name, len))))
		len += width;
	return str_slice(name, 0, len);
}

static const char *unknown(struct arena *arena, str name)
{
	static const str known[] = { STR_INIT("name"),  STR_INIT("groups"),       STR_INIT("api_keys"),
				     STR_INIT("basic"), STR_INIT("certificates"), STR_INIT("labels") };
	str hint = diagnostic_suggest(arena, shown(name), known, sizeof known / sizeof *known);

	return arena_printf(arena, "unknown key \"%.*s\"%.*s", STR_ARG(shown(name)), STR_ARG(hint)).ptr;
}

/* The same names as in the configuration. One that is not known is a mistake, not a thing to pass over: a
 * misspelt `api_keys` would lock somebody out without a word. */
static void read_member(struct line *line, const struct json_member *member)
{
	if (str_eq(member->name, STR("name")) && member->value.kind != OPERAND_STRING)
		line->wrong = "name: want a text";
	else if (str_eq(member->name, STR("name")))
		line->config.entry.name = member->value.text;
	else if (str_eq(member->name, STR("groups")))
		line->config.groups = read_texts(line, &member->value);
	else if (str_eq(member->name, STR("api_keys")))
		line->config.api_keys = read_texts(line, &member->value);
	else if (str_eq(member->name, STR("certificates")))
		line->config.certificates = read_texts(line, &member->value);
	else if (str_eq(member->name, STR("labels")))
		line->config.labels = read_labels(line, &member->value);
	else if (str_eq(member->name, STR("basic")))
		read_basic(line, &member->value);
	else
		line->wrong = unknown(line->arena, member->name);
}

const char *consumer_line_read(struct arena *arena, str text, struct consumer_config *ret_config)
{
	struct line line = { .arena = arena };
	struct operand json;
	const struct json_object *object;
	result_value parsed = json_parse(arena, text, &json);

	if (failed(parsed))
		return parsed.why;
	if (!(object = json_object_of(&json)))
		return "want a JSON object";
	for (size_t i = 0; i < object->count && !line.wrong; i++)
		read_member(&line, &object->at[i]);
	if (!line.wrong && !line.config.entry.name.len)
		return "want a name";
	*ret_config = line.config;
	return line.wrong;
}
