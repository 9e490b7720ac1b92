/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON of a node. What YAML reads as null, as true or false, and what is a number in JSON too, is that when
 * it stands without quotes; anything else is a text.
 */
#include "codec/json_text.h"
#include "policy/value_private.h"

enum {
	ESCAPED = 6,
	PUNCTUATION = 8, /* of one node: quotes, a colon, a comma, brackets */
};

static size_t room_of(const struct node *node)
{
	size_t room = (node->text.len + node->key.len) * ESCAPED + PUNCTUATION;

	for (const struct node *child = node->first; child; child = child->next)
		room += room_of(child);
	return room;
}

static size_t skip_digits(str text, size_t at)
{
	while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
		at++;
	return at;
}

static bool has(str text, size_t at, const char *set)
{
	return at < text.len && text.ptr[at] && strchr(set, text.ptr[at]);
}

/* RFC 8259 section 6. */
static bool is_number(str text)
{
	size_t first = has(text, 0, "-"), at = skip_digits(text, first);

	if (at == first || (at > first + 1 && text.ptr[first] == '0'))
		return false;
	if (has(text, at, ".")) {
		first = at + 1;
		at = skip_digits(text, first);
		if (at == first)
			return false;
	}
	if (has(text, at, "eE")) {
		first = at + 1 + has(text, at + 1, "+-");
		at = skip_digits(text, first);
		if (at == first)
			return false;
	}
	return at == text.len;
}

static bool is_among(str text, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(text, str_of(*words)))
			return true;
	return false;
}

/* What stands for something that is no text; empty when it is one. */
static str bare_word(const struct node *node)
{
	static const char *const nulls[] = { "null", "Null", "NULL", "~", "", NULL };
	static const char *const truths[] = { "true", "True", "TRUE", NULL };
	static const char *const lies[] = { "false", "False", "FALSE", NULL };

	if (node->kind == NODE_NULL)
		return STR("null");
	if (node->is_quoted)
		return (str) { 0 };
	if (is_among(node->text, nulls))
		return STR("null");
	if (is_among(node->text, truths))
		return STR("true");
	if (is_among(node->text, lies))
		return STR("false");
	return is_number(node->text) ? node->text : (str) { 0 };
}

static result put_scalar(struct value_builder *builder, const struct node *node)
{
	str word = bare_word(node);

	if (word.len) {
		buf_put(&builder->room, word);
		return OK;
	}
	buf_put_char(&builder->room, '"');
	TRY(value_builder_text(builder, node));
	buf_put_char(&builder->room, '"');
	return OK;
}

static result put_node(struct value_builder *builder, const struct node *node)
{
	bool is_map = node->kind == NODE_MAP;

	if (!is_map && node->kind != NODE_LIST)
		return put_scalar(builder, node);
	buf_put_char(&builder->room, is_map ? '{' : '[');
	for (const struct node *child = node->first; child; child = child->next) {
		if (is_map) {
			json_put_string(&builder->room, child->key);
			buf_put_char(&builder->room, ':');
		}
		TRY(put_node(builder, child));
		if (child->next)
			buf_put_char(&builder->room, ',');
	}
	buf_put_char(&builder->room, is_map ? '}' : ']');
	return OK;
}

result value_compile_json(struct reader *reader, const struct node *node, unsigned options,
			  struct value *ret_value)
{
	struct value_builder builder;

	*ret_value = (struct value) { .use = VALUE_JSON };
	value_builder_init(&builder, reader, VALUE_JSON, options, room_of(node));
	TRY(put_node(&builder, node));
	return value_builder_end(&builder, node, ret_value);
}
