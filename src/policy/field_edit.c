/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are checked when the file is read, values when they are filled in. Removing goes by name over the
 * fields that are there, and passes over those that are out of reach, so that "C*" cannot take away what
 * frames the message.
 */
#include "policy/field_edit.h"

/* Written by the gateway for each side. */
static bool is_out_of_reach(enum http_name id)
{
	return (http_name_flags(id) & HTTP_NAME_HOP) || id == HTTP_CONTENT_LENGTH || id == HTTP_TRAILER ||
	       id == HTTP_HOST || id == HTTP_EXPECT;
}

const char *field_name_wrong(str name)
{
	enum http_name id = http_name_find(name);

	if (!http_is_token(name))
		return "that is no name of a field";
	if (str_contains(name, STR("*")))
		return "want the whole name of a field";
	if (id == HTTP_HOST)
		return "the host is changed by rewrite: { host: ... }";
	if (is_out_of_reach(id))
		return "this field is the connection's, and the gateway writes it itself";
	return NULL;
}

result field_values_compile(struct reader *reader, const struct pair_list *pairs, unsigned options,
			    struct field_values *ret_values)
{
	struct field_value *at = ARENA_ARRAY(reader->arena, struct field_value, pairs->len);
	result_value outcome = OK;

	for (size_t i = 0; i < pairs->len; i++) {
		const struct pair *pair = &pairs->at[i];
		const char *wrong = field_name_wrong(pair->name);
		result_value compiled = value_compile(reader, pair->node, VALUE_FIELD, options, &at[i].value);

		at[i].name = pair->name;
		at[i].id = http_name_find(pair->name);
		if (wrong)
			diagnostic_error_key(reader->diagnostics, pair->node, "%s", wrong);
		if (wrong || failed(compiled))
			outcome = error_make(ERROR_INVALID, "a field cannot be written");
	}
	*ret_values = (struct field_values) { at, pairs->len };
	return outcome;
}

result field_names_check(struct reader *reader, const struct node *list)
{
	result_value outcome = OK;

	for (const struct node *item = list ? list->first : NULL; item; item = item->next) {
		bool is_prefix = str_ends(item->text, STR("*")) && item->text.len > 1;
		str name = str_slice(item->text, 0, item->text.len - is_prefix);
		const char *wrong = field_name_wrong(name);

		if (str_eq(name, STR("*")))
			wrong = "want some letters before the *";
		else if (str_contains(name, STR("*")))
			wrong = "a * stands at the end, for all names that begin so";
		else if (is_prefix && http_is_token(name))
			wrong = NULL; /* what is out of reach is passed over */
		if (!wrong)
			continue;
		diagnostic_error(reader->diagnostics, item, "%s", wrong);
		outcome = error_make(ERROR_INVALID, "a field cannot be removed");
	}
	return outcome;
}

bool field_is_named(str field, str name)
{
	if (!str_ends(name, STR("*")))
		return http_name_is_alias(field, name);
	return http_name_is_alias(str_slice(field, 0, name.len - 1), str_slice(name, 0, name.len - 1));
}

void field_names_remove(const str_list *names, struct http_fields *fields)
{
	for (size_t i = 0; i < names->len; i++)
		for (size_t j = 0; j < fields->count; j++)
			if (field_is_named(fields->at[j].name, names->at[i]) &&
			    !is_out_of_reach(fields->at[j].id))
				fields->at[j].removed = true;
}

/* Blanks around a value are no part of it (RFC 9110 section 5.5), so blanks alone are an empty one. */
static result make_value(const struct field_value *field, const struct view *view, str *ret_value)
{
	result_value made = value_expand(&field->value, view, NULL, ret_value);

	*ret_value = str_trim(*ret_value);
	return made;
}

static result set_one(const struct field_value *field, const struct view *view, struct http_fields *fields)
{
	str value, name = field->name;
	result_value made = make_value(field, view, &value);

	field_names_remove(&(str_list) { &name, 1 }, fields);
	return failed(made) || !value.len ? made : http_fields_add(fields, field->id, field->name, value);
}

static result add_one(const struct field_value *field, const struct view *view, struct http_fields *fields)
{
	str value;

	TRY(make_value(field, view, &value));
	return value.len ? http_fields_add(fields, field->id, field->name, value) : OK;
}

result field_values_set(const struct field_values *values, const struct view *view,
			struct http_fields *fields)
{
	result_value first = OK;

	for (size_t i = 0; i < values->count; i++) {
		result_value set = set_one(&values->at[i], view, fields);

		if (!failed(first))
			first = set;
	}
	return first;
}

result field_values_add(const struct field_values *values, const struct view *view,
			struct http_fields *fields)
{
	result_value first = OK;

	for (size_t i = 0; i < values->count; i++) {
		result_value added = add_one(&values->at[i], view, fields);

		if (!failed(first))
			first = added;
	}
	return first;
}

void field_vary_add(struct http_fields *fields, str name)
{
	result_value added;

	for (size_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->at[i];

		if (field->removed || field->id != HTTP_VARY)
			continue;
		if (http_list_has(field->value, name) || http_list_has(field->value, STR("*")))
			return;
	}
	added = http_fields_add(fields, HTTP_VARY, STR("Vary"), name);
	(void)added;
}
