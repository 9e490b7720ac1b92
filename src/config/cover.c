/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cover: by names, not by what the rows of fields say, because a line is shown also where it is malformed, or
 * a key stands in the wrong place.
 */
#include "config/cover.h"

#include <string.h>

#include "codec/scan.h"
#include "config/character.h"
#include "config/field_private.h"
#include "config/secret_name.h"

static const str harmless[] = { STR_INIT("${"), STR_INIT("file:"), STR_INIT("sha256:") };

/* Also one that is misspelt, or another gateway's: it is the line of a mistake that is shown. */
static bool is_secret_name(str name)
{
	return secret_name_judge(name) == SECRET_NAME_USUAL;
}

bool cover_is_secret(str path)
{
	size_t end = path.len, begin;

	while (end && path.ptr[end - 1] == ']')
		while (end && path.ptr[--end] != '[')
			;
	for (begin = end; begin && path.ptr[begin - 1] != '.'; begin--)
		;
	return is_secret_name(str_slice(path, begin, end));
}

/* The line while it is read and written again; what is written is never longer. */
struct cover {
	str rest;
	char *to;
	bool is_flow; /* within brackets, where a comma ends a value */
};

static void keep(struct cover *cover, size_t count)
{
	for (size_t i = 0; i < count && i < cover->rest.len; i++) {
		cover->is_flow |= cover->rest.ptr[i] == '{' || cover->rest.ptr[i] == '[';
		*cover->to++ = cover->rest.ptr[i];
	}
	cover->rest = str_skip(cover->rest, count);
}

static void hide(struct cover *cover, size_t count)
{
	str hidden = str_slice(cover->rest, 0, count);

	for (size_t left = character_count(hidden); left; left--)
		*cover->to++ = '*';
	cover->rest = str_skip(cover->rest, count);
}

static void keep_spaces(struct cover *cover)
{
	while (cover->rest.len && (cover->rest.ptr[0] == ' ' || cover->rest.ptr[0] == '\t'))
		keep(cover, 1);
}

/* A quote within is written as \" or as two of '. */
static bool is_escape(str text, size_t i, char quote)
{
	if (quote == '"')
		return text.ptr[i] == '\\';
	return text.ptr[i] == quote && i + 1 < text.len && text.ptr[i + 1] == quote;
}

/* Without its quotes, of which the last may be missing. */
static size_t quoted_length(str text, char quote)
{
	size_t i = 0;

	while (i < text.len && (text.ptr[i] != quote || is_escape(text, i, quote)))
		i += is_escape(text, i, quote) ? 2 : 1;
	return i < text.len ? i : text.len;
}

static bool ends_plain(const struct cover *cover, size_t i)
{
	char c = cover->rest.ptr[i];

	return (cover->is_flow && (c == ',' || c == '}' || c == ']')) ||
	       str_starts(str_skip(cover->rest, i), STR(" #"));
}

static size_t plain_length(const struct cover *cover)
{
	size_t i = 0;

	while (i < cover->rest.len && !ends_plain(cover, i))
		i++;
	while (i && cover->rest.ptr[i - 1] == ' ')
		i--;
	return i;
}

static bool is_harmless(str value)
{
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		if (str_starts(value, harmless[i]))
			return true;
	return false;
}

/* Such as `credentials: true` of cors. */
static bool is_switch(str value)
{
	bool is_on;

	return field_parse_bool(value, &is_on);
}

static void cover_scalar(struct cover *cover)
{
	char first = cover->rest.len ? cover->rest.ptr[0] : 0;
	bool is_quoted = first == '"' || first == '\'';
	size_t len;
	str value;

	keep(cover, is_quoted);
	len = is_quoted ? quoted_length(cover->rest, first) : plain_length(cover);
	value = str_slice(cover->rest, 0, len);
	if (is_harmless(value) || (!is_quoted && is_switch(value)))
		keep(cover, len);
	else
		hide(cover, len);
	keep(cover, is_quoted);
}

/* What ends a value and not the list, as } does, is passed by. */
static void cover_list(struct cover *cover)
{
	while (cover->rest.len && cover->rest.ptr[0] != ']') {
		if (strchr("[{}, \t", cover->rest.ptr[0]))
			keep(cover, 1);
		else
			cover_scalar(cover);
	}
}

static void cover_value(struct cover *cover)
{
	keep_spaces(cover);
	if (!cover->rest.len || cover->rest.ptr[0] == '{')
		return;
	if (cover->rest.ptr[0] == '[')
		cover_list(cover);
	else
		cover_scalar(cover);
}

/* Takes up to so many characters off; a byte that is none ends it. */
static str skip_characters(str text, uint32_t count)
{
	uint32_t character;

	while (count && character_take(&text, &character))
		count--;
	return text;
}

size_t cover_place(char *line, size_t len, uint32_t column, uint32_t width)
{
	struct cover cover = { .rest = { line, len }, .to = line };
	str value, bare;

	keep(&cover, len - skip_characters(cover.rest, column - 1).len);
	value = width ? str_slice(cover.rest, 0, cover.rest.len - skip_characters(cover.rest, width).len)
		      : cover.rest;
	bare = str_skip(value, str_starts(value, STR("\"")) || str_starts(value, STR("'")));
	if (!width || !is_harmless(bare))
		hide(&cover, value.len);
	keep(&cover, cover.rest.len);
	return (size_t)(cover.to - line);
}

/* Keys are written in the letters that hosts are. */
static size_t name_length(str text)
{
	size_t len = 0;

	while (len < text.len && scan_is(text.ptr[len], SCAN_HOST))
		len++;
	return len;
}

/* Up to and with the colon behind a name; 0: there is none. */
static size_t colon_length(str text)
{
	size_t i = 0;

	if (i < text.len && (text.ptr[i] == '"' || text.ptr[i] == '\''))
		i++;
	while (i < text.len && text.ptr[i] == ' ')
		i++;
	return i < text.len && text.ptr[i] == ':' ? i + 1 : 0;
}

/* `hun:ter2` is no key, and neither is "hun: ter2", though they look like one. */
static bool begins_with_key(str text)
{
	bool is_quoted = text.len && (text.ptr[0] == '"' || text.ptr[0] == '\'');
	str name = str_skip(text, is_quoted), rest = str_skip(name, name_length(name));
	size_t colon = colon_length(rest);

	if (!colon || rest.len == name.len)
		return false;
	if (is_quoted)
		return rest.ptr[0] == text.ptr[0];
	return colon == rest.len || rest.ptr[colon] == ' ';
}

static void cover_items(struct cover *cover)
{
	keep_spaces(cover);
	while (str_starts(cover->rest, STR("- "))) {
		keep(cover, 1);
		keep_spaces(cover);
	}
	if (!begins_with_key(cover->rest))
		cover_value(cover);
}

size_t cover_secrets(char *line, size_t len, bool is_item)
{
	struct cover cover = { .rest = { line, len }, .to = line };

	if (is_item)
		cover_items(&cover);
	while (cover.rest.len) {
		size_t name = name_length(cover.rest), colon = colon_length(str_skip(cover.rest, name));
		bool is_secret = colon && is_secret_name(str_slice(cover.rest, 0, name));

		keep(&cover, name ? name + colon : 1);
		if (is_secret)
			cover_value(&cover);
	}
	return (size_t)(cover.to - line);
}
