/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/mask.h"

#include "observe/log_text.h"
#include "policy/value.h"

/* What is shorter is no secret, and would be found in half of all words. */
enum { SECRET_LEAST = 4 };

/* How much of the secret the text begins with: all of it, or as much as there was room for. */
static size_t covered_by(str text, str secret)
{
	if (str_starts(text, secret))
		return secret.len;
	return text.len >= SECRET_LEAST && str_starts(secret, text) ? text.len : 0;
}

static str mask_as_is(str text, str secret, struct arena *arena)
{
	struct buf out;
	size_t at = 0, covered = 0;

	while (at < text.len && !(covered = covered_by(str_skip(text, at), secret)))
		at++;
	if (!covered)
		return text;
	out = arena_open(arena, 3 * text.len);
	for (at = 0; at < text.len; at += covered ? covered : 1) {
		covered = covered_by(str_skip(text, at), secret);
		buf_put(&out, covered ? STR("***") : str_slice(text, at, at + 1));
	}
	return arena_close(arena, &out);
}

static str mask_secret(str text, str secret, struct arena *arena)
{
	struct buf room;
	str encoded;

	if (secret.len < SECRET_LEAST || !text.len)
		return text;
	room = arena_open(arena, 3 * secret.len);
	value_put_encoded(&room, secret);
	encoded = arena_close(arena, &room);
	text = mask_as_is(text, secret, arena);
	return encoded.len == secret.len ? text : mask_as_is(text, encoded, arena);
}

/* All of it, and each part, as something else may stand for the rest. */
static str mask_scalar(str text, const struct node *node, struct arena *arena)
{
	text = mask_secret(text, node->text, arena);
	for (size_t i = 0; node->literals && i < node->literals->count; i++) {
		struct node_span span = node->literals->at[i];

		text = mask_secret(text, str_slice(node->text, span.from, span.to), arena);
	}
	return text;
}

/* As deep as the file is, which has a bound. */
static str mask_node(str text, const struct node *node, struct arena *arena)
{
	if (node->kind == NODE_SCALAR)
		return node->is_expanded ? mask_scalar(text, node, arena) : text;
	for (const struct node *child = node->first; child; child = child->next)
		text = mask_node(text, child, arena);
	return text;
}

str mask_words(const struct mask *mask, str words, struct arena *arena)
{
	for (size_t i = 0; mask->policies && i < mask->policies->count; i++)
		if (mask->policies->at[i].options)
			words = mask_node(words, mask->policies->at[i].options, arena);
	for (size_t i = 0; i < MASK_NODES; i++)
		if (mask->nodes[i])
			words = mask_node(words, mask->nodes[i], arena);
	return words;
}

str mask_query(const struct mask *mask, str query, struct arena *arena)
{
	struct buf out = arena_open(arena, 6 * query.len + 64);

	log_put_query(&out, LOG_ESCAPE_TEXT, query, mask->redact);
	return arena_close(arena, &out);
}

str mask_url(const struct mask *mask, str url, struct arena *arena)
{
	struct buf out = arena_open(arena, 6 * url.len + 64);

	log_put_url(&out, LOG_ESCAPE_TEXT, url, true, mask->redact);
	return arena_close(arena, &out);
}

/* Where credentials are: the request's own, and labels that hold a consumer's key to an upstream. */
static bool names_secret(str text)
{
	static const str parts[] = { STR_INIT("${request.header."), STR_INIT("${request.query"),
				     STR_INIT("${consumer.label.") };

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (str_contains(text, parts[i]))
			return true;
	return false;
}

/* As deep as the file is, which has a bound. */
static bool may_bear_secret(const struct node *node)
{
	if (node->kind == NODE_SCALAR)
		return node->is_expanded || names_secret(node->text);
	for (const struct node *child = node->first; child; child = child->next)
		if (may_bear_secret(child))
			return true;
	return false;
}

bool mask_is_for_all(const struct mask *mask)
{
	for (size_t i = 0; mask->policies && i < mask->policies->count; i++)
		if (mask->policies->at[i].options && may_bear_secret(mask->policies->at[i].options))
			return true;
	return false;
}
