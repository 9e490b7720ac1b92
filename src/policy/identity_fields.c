/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_fields: names are compiled and managed once, values are set with each request.
 *
 * A value comes from a token or a file, so it is data: a control character in it refuses the request, or it
 * could end its line and begin another field. What is empty removes the field all the same, so that the
 * upstream never takes a client's for the gateway's.
 */
#include "policy/identity_fields.h"

#include "auth/claims.h"
#include "auth/consumers.h"
#include "codec/http_field.h"
#include "policy/field_edit.h"
#include "policy/principal.h"
#include "policy/value.h"

static const str label_prefix = STR_INIT("label.");

bool identity_is_clients_own(str name)
{
	enum http_name id = http_name_find(name);

	return id != HTTP_NAME_OTHER && !(http_name_flags(id) & HTTP_NAME_MANAGED);
}

/* To manage a field is to remove it from whatever comes from clients, on all routes. */
static bool compile_name(struct policy_compile *compile, const struct pair *pair)
{
	const struct policy_hooks *hooks = compile->hooks;
	const char *wrong = field_name_wrong(pair->name);

	if (wrong)
		diagnostic_error_key(compile->reader->diagnostics, pair->node, "%s", wrong);
	else if (hooks && !identity_is_clients_own(pair->name))
		hooks->manage(hooks->owner, pair->name);
	return !wrong;
}

static result compile_names(struct policy_compile *compile, const struct pair_list *pairs)
{
	bool is_good = true;

	for (size_t i = 0; i < pairs->len; i++)
		is_good &= compile_name(compile, &pairs->at[i]);
	return is_good ? OK : error_make(ERROR_INVALID, "no field has that name");
}

static result set_one(struct http_fields *fields, str name, str value)
{
	const str_list names = { &name, 1 };

	field_names_remove(&names, fields);
	if (!value.len)
		return OK;
	if (str_trim(value).len != value.len)
		return error_make(ERROR_MALFORMED,
				  "a value from outside has blanks around it, as no field has");
	if (!http_is_field_value(value))
		return error_make(ERROR_MALFORMED, "a value from outside has a control character");
	return http_fields_add(fields, http_name_find(name), name, value);
}

/* A value for each of the pairs. */
static enum verdict set_all(const struct pair_list *pairs, const str *values, struct view *view)
{
	for (size_t i = 0; i < pairs->len && !view->is_report; i++) {
		result_value set = set_one(&view->request->fields, pairs->at[i].name, values[i]);

		if (failed(set))
			return value_refuse(view, set);
	}
	return POLICY_CONTINUE;
}

/* ---- of a consumer ---- */

result consumer_fields_compile(struct policy_compile *compile, const struct pair_list *pairs)
{
	result_value compiled = compile_names(compile, pairs);

	for (size_t i = 0; i < pairs->len; i++) {
		str source = pairs->at[i].value;

		if (str_eq(source, STR("name")) || str_eq(source, STR("groups")) ||
		    (str_starts(source, label_prefix) && source.len > label_prefix.len))
			continue;
		diagnostic_error(compile->reader->diagnostics, pairs->at[i].node,
				 "want name, groups or label.NAME, read %.*s",
				 STR_ARG(diagnostic_read(compile->reader->diagnostics, pairs->at[i].node)));
		compiled = error_make(ERROR_INVALID, "a consumer has no such thing");
	}
	return compiled;
}

/* consumer_fields_compile() has let nothing else through. */
static str consumer_text(const struct consumer *consumer, str source, struct arena *arena)
{
	if (!consumer)
		return (str) { 0 };
	if (str_eq(source, STR("name")))
		return consumer->name;
	if (str_eq(source, STR("groups")))
		return claims_print(&consumer->groups, arena);
	return json_find_text(&consumer->labels, str_skip(source, label_prefix.len));
}

enum verdict consumer_fields_set(const struct pair_list *pairs, struct view *view,
				 const struct consumer *consumer)
{
	str values[FORWARD_MAX];

	for (size_t i = 0; i < pairs->len; i++)
		values[i] = consumer_text(consumer, pairs->at[i].value, view->arena);
	return set_all(pairs, values, view);
}

/* ---- of claims ---- */

/* What a path would be if it were written as elsewhere in the file: ${claim.sub}, or claims.sub in `when`. */
static bool is_prefixed(str path, str *ret_rest)
{
	str first;

	return str_cut(path, '.', &first, ret_rest) &&
	       (str_eq(first, STR("claim")) || str_eq(first, STR("claims")));
}

static bool looks_like_field(str path)
{
	return path.len && path.ptr[0] >= 'A' && path.ptr[0] <= 'Z' && str_contains(path, STR("-"));
}

/* False after a report of what can be no path. What a token may well have is warned of. */
static bool check_path(struct policy_compile *compile, const struct node *node)
{
	struct diagnostics *diagnostics = compile->reader->diagnostics;
	str rest;

	if (str_contains(node->text, STR("${"))) {
		diagnostic_error(diagnostics, node, "want the claim's name, such as sub");
		return false;
	}
	if (is_prefixed(node->text, &rest))
		diagnostic_warning(diagnostics, node, "want the claim's name alone; did you mean \"%.*s\"?",
				   STR_ARG(rest));
	else if (looks_like_field(node->text))
		diagnostic_warning(diagnostics, node,
				   "this looks like a field's name: want FIELD: CLAIM, such as X-User: sub");
	return true;
}

result claims_fields_compile(struct policy_compile *compile, const struct pair_list *pairs)
{
	const struct node *consumer = node_find(compile->node, STR("consumer"));
	bool is_good = !consumer || check_path(compile, consumer);

	for (size_t i = 0; i < pairs->len; i++)
		is_good &= check_path(compile, pairs->at[i].node);
	TRY(compile_names(compile, pairs));
	return is_good ? OK : error_make(ERROR_INVALID, "no claim has that name");
}

/* A name that a token bears is not yet a consumer: where one is asked for, it must be configured. */
enum reason claims_identify(struct view *view, str method, const struct operand *claims, str path)
{
	const struct consumer *consumer = NULL;
	struct principal *principal;

	if (path.len)
		consumer = consumers_find(view->consumers, claims_text(claims, path, view->arena));
	if (path.len && !consumer)
		return REASON_TOKEN_CONSUMER_UNKNOWN;
	principal = view_identify(view, method);
	principal->claims = *claims;
	if (consumer)
		view_set_consumer(principal, consumer);
	return REASON_NONE;
}

enum verdict claims_fields_set(const struct pair_list *pairs, struct view *view, const struct operand *claims)
{
	str values[FORWARD_MAX];

	for (size_t i = 0; i < pairs->len; i++)
		values[i] = claims_text(claims, pairs->at[i].value, view->arena);
	return set_all(pairs, values, view);
}
