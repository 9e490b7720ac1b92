/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/subject.h"

#include "base/buf.h"

struct subject {
	str rest;
	struct buf out;
	size_t blanks;    /* that stand before what comes next */
	bool is_in_value; /* behind the `=` */
	bool is_begin;    /* nothing came since a separator */
};

static bool is_separator(const struct subject *subject, char c)
{
	return c == ',' || c == '+' || (c == '=' && !subject->is_in_value);
}

static void put_separator(struct subject *subject, char c)
{
	buf_put_char(&subject->out, c);
	subject->is_in_value = c == '=';
	subject->is_begin = true;
}

/* A backslash and what it escapes go together. */
static void put_character(struct subject *subject, str character)
{
	for (; subject->blanks && !subject->is_begin; subject->blanks--)
		buf_put_char(&subject->out, ' ');
	buf_put(&subject->out, character);
	subject->is_begin = false;
}

str subject_normalise(struct arena *arena, str text)
{
	struct subject subject = { .rest = text, .is_begin = true };

	subject.out = buf_over(arena_bytes(arena, text.len), text.len);
	while (subject.rest.len) {
		char c = subject.rest.ptr[0];
		size_t width = c == '\\' && subject.rest.len > 1 ? 2 : 1;

		if (c == ' ')
			subject.blanks++;
		else if (is_separator(&subject, c))
			put_separator(&subject, c);
		else
			put_character(&subject, str_slice(subject.rest, 0, width));
		if (c != ' ')
			subject.blanks = 0;
		subject.rest = str_skip(subject.rest, width);
	}
	return buf_str(&subject.out);
}

/* Where the first part ends: at a comma that is not escaped. */
static size_t part_length(str text)
{
	size_t i = 0;

	while (i < text.len && text.ptr[i] != ',')
		i += text.ptr[i] == '\\' ? 2 : 1;
	return i < text.len ? i : text.len;
}

/* From the end on, so that each is written once. */
str subject_turn(struct arena *arena, str text)
{
	char *bytes = arena_bytes(arena, text.len);
	size_t end = text.len;

	for (str rest = text; rest.len;) {
		str part = str_slice(rest, 0, part_length(rest));

		rest = str_skip(rest, part.len + 1);
		end -= part.len;
		memcpy(bytes + end, part.ptr, part.len);
		if (end)
			bytes[--end] = ',';
	}
	return (str) { bytes + end, text.len - end };
}
