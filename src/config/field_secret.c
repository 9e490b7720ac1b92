/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row is secret by its name, as lines are covered by names. Nothing here goes through tables for a value
 * that fits.
 */
#include "config/field_secret.h"

#include "config/secret_name.h"

/* How far down tables are looked through; policies hold policies. */
enum { DEPTH = 8 };

bool field_is_secret(const struct field *field)
{
	bool is_text = field->type == FIELD_T_STR || field->type == FIELD_T_STRS ||
		       (field->type == FIELD_T_CUSTOM && !field->form->fields);

	return is_text && secret_name_judge(str_of(field->name)) == SECRET_NAME_USUAL;
}

bool fields_have_secret(const struct field *fields)
{
	for (; fields->type != FIELD_T_END; fields++)
		if (field_is_secret(fields))
			return true;
	return false;
}

static bool holds_secret(const struct field *fields, int depth)
{
	if (fields_have_secret(fields))
		return true;
	for (; depth && fields->type != FIELD_T_END; fields++)
		if (fields->fields && holds_secret(fields->fields, depth - 1))
			return true;
	return false;
}

bool field_may_hold_secret(const struct field *field)
{
	if (field->type == FIELD_T_CUSTOM && field->form->fields)
		return fields_have_secret(field->form->fields);
	return field_is_secret(field) || (field->fields && holds_secret(field->fields, DEPTH));
}

static bool is_scalars(const struct node *list)
{
	for (const struct node *item = list->first; item; item = item->next)
		if (item->kind != NODE_SCALAR)
			return false;
	return true;
}

/* An object, or one of a list or a map of them. */
bool field_fits_struct(const struct node *node, const struct field *field)
{
	return node->kind == NODE_MAP || (node->kind == NODE_SCALAR && field->shorthand);
}

/* Forms that have no table may take anything, but for the one that is known here. */
static bool custom_fits(const struct node *node, const struct field_form *form)
{
	if (form == &field_texts_form)
		return node->kind == NODE_SCALAR || (node->kind == NODE_LIST && is_scalars(node));
	return node->kind != NODE_SCALAR || !form->fields;
}

bool field_fits(const struct node *node, const struct field *field)
{
	switch (field->type) {
	case FIELD_T_STR:
		return node->kind == NODE_SCALAR;
	case FIELD_T_STRS:
		return node->kind == NODE_LIST && is_scalars(node);
	case FIELD_T_LIST:
		return node->kind == NODE_LIST;
	case FIELD_T_MAP:
		return node->kind == NODE_MAP;
	case FIELD_T_OBJECT:
		return field_fits_struct(node, field);
	case FIELD_T_CUSTOM:
		return custom_fits(node, field->form);
	default:
		return true;
	}
}
