/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the expression, byte by byte, with a stack of open groups. A run of literals grows until
 * something that is no literal ends it, and is kept then. What is inside a group counts with the group: it is
 * dropped again when the group turns out to be optional, one of several alternatives or a look at something
 * else.
 *
 * Whatever is not understood for certain makes the whole reading void: an expression filed under a text that
 * it does not require would lose requests. The fuzzer and the property test hold every claim against PCRE2
 * itself.
 */
#include "route/required.h"

enum { GROUPS_MAX = 16 };

/* A group that is open: what was found before it, and whether what is found inside it counts. */
struct group {
	size_t texts, used;
	bool is_dropped; /* an alternation, or a lookaround */
};

struct reader {
	str expression, rest;
	struct required *required;
	size_t run; /* where in bytes[] the current run of literals begins */
	struct group groups[GROUPS_MAX];
	size_t depth;
	bool gave_up;
	bool is_in_prefix; /* nothing but '^' and literals so far */
};

/* What may stand behind an atom. */
enum quantity { QUANTITY_ONE, QUANTITY_SOME, QUANTITY_MAYBE };

static void give_up(struct reader *reader)
{
	reader->gave_up = true;
	reader->rest.len = 0;
}

static bool next_is(const struct reader *reader, char c)
{
	return reader->rest.len > 0 && reader->rest.ptr[0] == c;
}

static char take(struct reader *reader)
{
	char c;

	if (reader->rest.len == 0)
		return 0;
	c = reader->rest.ptr[0];
	reader->rest = str_skip(reader->rest, 1);
	return c;
}

/* The run of literals ends here: it is kept when it tells anything. */
static void end_run(struct reader *reader)
{
	struct required *required = reader->required;
	str run = { required->bytes + reader->run, required->used - reader->run };

	if (run.len > 1 && required->count < REQUIRED_MAX)
		required->texts[required->count++] = run;
	else
		required->used = reader->run;
	reader->run = required->used;
}

static void add_literal(struct reader *reader, char c)
{
	struct required *required = reader->required;

	/* A run that is too long is required up to there. */
	if (required->used < REQUIRED_BYTES)
		required->bytes[required->used++] = ascii_lower(c);
}

/* "{2,3}" behind an atom; PCRE2 takes anything else in braces for literals, this reader for a riddle. */
static enum quantity take_braces(struct reader *reader)
{
	bool is_zero = true, has_digit = false;

	while (reader->rest.len && reader->rest.ptr[0] >= '0' && reader->rest.ptr[0] <= '9') {
		is_zero &= take(reader) == '0';
		has_digit = true;
	}
	while (reader->rest.len &&
	       (reader->rest.ptr[0] == ',' || (reader->rest.ptr[0] >= '0' && reader->rest.ptr[0] <= '9')))
		take(reader);
	if (!has_digit || take(reader) != '}') {
		give_up(reader);
		return QUANTITY_MAYBE;
	}
	return is_zero ? QUANTITY_MAYBE : QUANTITY_SOME;
}

/* Lazy and possessive change how, not how often. */
static enum quantity take_quantity(struct reader *reader)
{
	enum quantity quantity = QUANTITY_ONE;

	if (next_is(reader, '?') || next_is(reader, '*')) {
		take(reader);
		quantity = QUANTITY_MAYBE;
	} else if (next_is(reader, '+')) {
		take(reader);
		quantity = QUANTITY_SOME;
	} else if (next_is(reader, '{')) {
		take(reader);
		quantity = take_braces(reader);
	} else {
		return QUANTITY_ONE;
	}
	if (next_is(reader, '?') || next_is(reader, '+')) /* lazy or possessive */
		take(reader);
	return quantity;
}

/* The expression up to what is left of it consists of '^' and literals, the last one being c. */
static void extend_prefix(struct reader *reader, char c)
{
	struct required *required = reader->required;

	if (required->prefix.len == REQUIRED_PREFIX) {
		reader->is_in_prefix = false;
		return;
	}
	required->prefix_bytes[required->prefix.len++] = c;
	required->prefix_from = (size_t)(reader->rest.ptr - reader->expression.ptr);
}

static void read_literal(struct reader *reader, char c)
{
	struct required *required = reader->required;
	size_t before;
	enum quantity quantity;

	add_literal(reader, c);
	before = required->used - 1;
	quantity = take_quantity(reader);
	if (reader->is_in_prefix && quantity == QUANTITY_ONE)
		extend_prefix(reader, c);
	else
		reader->is_in_prefix = false;
	switch (quantity) {
	case QUANTITY_ONE:
		return;
	case QUANTITY_MAYBE:
		if (before >= reader->run)
			required->used = before;
		break;
	case QUANTITY_SOME:
		break;
	}
	end_run(reader);
}

/* A class, '.', \d and the like: some byte, so the run ends. */
static void read_other(struct reader *reader)
{
	end_run(reader);
	take_quantity(reader);
}

/* A backslash before anything but a letter or digit is that byte. Of the letters only those that take one
 * byte of some class, or none, are known; \Q, \x, \1, \K and their like are riddles. */
static void read_escape(struct reader *reader)
{
	char c = take(reader), folded = ascii_lower(c);

	if ((folded < 'a' || folded > 'z') && (c < '0' || c > '9')) {
		if ((unsigned char)c < 0x80 && c)
			read_literal(reader, c);
		else
			give_up(reader);
	} else if (memchr("dDwWsShHvVNR", c, 12)) {
		reader->is_in_prefix = false;
		read_other(reader);
	} else if (memchr("bBAzZ", c, 5)) {
		reader->is_in_prefix = false;
		end_run(reader);
	} else {
		give_up(reader);
	}
}

/* "[:alpha:]" inside a class, behind its '['; false when it is none. */
static bool skip_posix_class(struct reader *reader)
{
	size_t at = 1;

	if (!next_is(reader, ':'))
		return false;
	while (at < reader->rest.len &&
	       ((reader->rest.ptr[at] >= 'a' && reader->rest.ptr[at] <= 'z') || reader->rest.ptr[at] == '^'))
		at++;
	if (!str_starts(str_skip(reader->rest, at), STR(":]")))
		return false;
	reader->rest = str_skip(reader->rest, at + 2);
	return true;
}

/* Only where it ends matters. ']' in front, and after '^', is a member. */
static void read_class(struct reader *reader)
{
	if (next_is(reader, '^'))
		take(reader);
	if (next_is(reader, ']'))
		take(reader);
	while (reader->rest.len && !next_is(reader, ']')) {
		char c = take(reader);

		if (c == '[' && skip_posix_class(reader))
			continue;
		if (c == '[' && (next_is(reader, ':') || next_is(reader, '.') || next_is(reader, '=')))
			give_up(reader);
		if (c == '\\' && (next_is(reader, 'Q') || next_is(reader, 'E')))
			give_up(reader);
		if (c == '\\')
			take(reader);
	}
	take(reader);
	read_other(reader);
}

/* What stands behind "(?": only plain groups, names and lookarounds are understood. */
static bool take_group_kind(struct reader *reader, bool *ret_is_dropped)
{
	char c = take(reader);
	size_t end;

	*ret_is_dropped = c == '=' || c == '!';
	if (c == ':' || *ret_is_dropped || c == '>')
		return true;
	if (c == 'P')
		c = take(reader);
	if (c != '<')
		return false;
	if (next_is(reader, '=') || next_is(reader, '!')) {
		take(reader);
		*ret_is_dropped = true;
		return true;
	}
	if (!str_find(reader->rest, '>', &end))
		return false;
	reader->rest = str_skip(reader->rest, end + 1);
	return true;
}

/* The run before it is kept first: it is required whatever becomes of the group. */
static void read_group_start(struct reader *reader)
{
	bool is_dropped = false;

	end_run(reader);
	if (next_is(reader, '*')) {
		give_up(reader);
		return;
	}
	if (next_is(reader, '?')) {
		take(reader);
		if (!take_group_kind(reader, &is_dropped)) {
			give_up(reader);
			return;
		}
	}
	if (reader->depth == GROUPS_MAX) {
		give_up(reader);
		return;
	}
	reader->groups[reader->depth++] = (struct group) {
		.texts = reader->required->count,
		.used = reader->required->used,
		.is_dropped = is_dropped,
	};
}

/* A quantifier of a group takes out or keeps all that was found inside. */
static void read_group_end(struct reader *reader)
{
	struct group group;

	end_run(reader);
	if (reader->depth == 0) {
		give_up(reader);
		return;
	}
	group = reader->groups[--reader->depth];
	if (take_quantity(reader) == QUANTITY_MAYBE || group.is_dropped) {
		reader->required->count = group.texts;
		reader->required->used = reader->run = group.used;
	}
}

/* Several ways on, and nothing is known to be in all of them. */
static void read_alternative(struct reader *reader)
{
	end_run(reader);
	if (reader->depth == 0)
		give_up(reader);
	else
		reader->groups[reader->depth - 1].is_dropped = true;
}

/* What ends the prefix: it consists of '^' and literals only. */
static bool is_special(char c)
{
	return memchr("[()|.^$*+?{", c, 11) != NULL;
}

static void read_one(struct reader *reader)
{
	char c = take(reader);

	if (is_special(c))
		reader->is_in_prefix = false;

	switch (c) {
	case '\\':
		read_escape(reader);
		break;
	case '[':
		read_class(reader);
		break;
	case '(':
		read_group_start(reader);
		break;
	case ')':
		read_group_end(reader);
		break;
	case '|':
		read_alternative(reader);
		break;
	case '.':
		read_other(reader);
		break;
	case '^':
	case '$':
		end_run(reader);
		break;
	case '*':
	case '+':
	case '?':
	case '{':
		give_up(reader); /* a quantifier where no atom was seen */
		break;
	default:
		read_literal(reader, c);
	}
}

void required_find(str expression, struct required *ret_required)
{
	struct reader reader = { .rest = expression, .expression = expression, .required = ret_required };

	ret_required->count = ret_required->used = 0;
	ret_required->prefix = (str) { ret_required->prefix_bytes, 0 };
	ret_required->prefix_from = 0;
	/* "(?i)" in front needs no care: texts are compared with letters of either case. */
	if (str_starts(expression, STR("(?i)")))
		reader.rest = str_skip(expression, 4);
	if (next_is(&reader, '^') && reader.rest.len == expression.len) {
		take(&reader);
		reader.is_in_prefix = true;
	}
	while (reader.rest.len)
		read_one(&reader);
	end_run(&reader);
	if (reader.gave_up || reader.depth > 0)
		ret_required->count = ret_required->prefix.len = 0;
}
