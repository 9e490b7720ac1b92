/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values: what a node must hold, and what is said when it does not.
 *
 * Each message has the same shape, "want WHAT, read WHAT", with a guess at what was meant where one can be
 * made. The words for what was read come from diagnostic_read(), which shows nothing that came from outside.
 *
 * Text takes any scalar, also one that looks like a number: a header's value of 1 is the text 1. Numbers and
 * truth values take no text, because quotes were put there to say so.
 */
#include <inttypes.h>

#include "config/file_list.h"
#include "config/field_private.h"
#include "config/unit.h"

enum { ROOM_ITEM = 256, TEXTS_MAX = 1000 };

#define RATE_PERIOD_MAX (365 * DAY)

bool field_parse_bool(str text, bool *ret_value)
{
	bool is_true = str_eq(text, STR("true")) || str_eq(text, STR("True")) || str_eq(text, STR("TRUE"));
	bool is_false =
		str_eq(text, STR("false")) || str_eq(text, STR("False")) || str_eq(text, STR("FALSE"));

	if (is_true || is_false)
		*ret_value = is_true;
	return is_true || is_false;
}

bool field_parse_int(str text, int64_t *ret_value)
{
	bool is_negative = str_starts(text, STR("-"));
	str digits = str_skip(text, is_negative);
	uint64_t value;

	if (digits.len > 1 && digits.ptr[0] == '0')
		return false;
	if (!str_to_u64(digits, INT64_MAX, &value))
		return false;
	*ret_value = is_negative ? -(int64_t)value : (int64_t)value;
	return true;
}

/* Reports what was wanted and what was read; hint ends the sentence, and may be empty. */
static bool refuse(struct reader *reader, const struct node *node, str wanted, str hint)
{
	str was = diagnostic_read(reader->diagnostics, node);

	diagnostic_error(reader->diagnostics, node, "want %.*s, read %.*s%.*s", STR_ARG(wanted), STR_ARG(was),
			 STR_ARG(hint));
	return false;
}

/* Nothing is guessed from a value that is not to be printed. */
static str hint_of(struct reader *reader, const struct node *node, str guess)
{
	if (str_is_empty(guess) || str_eq(guess, node->text) || node->is_expanded)
		return (str) { 0 };
	return arena_printf(reader->arena, "; did you mean \"%.*s\"?", STR_ARG(guess));
}

/* Quotes make a number text. But YAML wants them around ${...} in brackets: there they mean nothing. */
static bool is_text(const struct node *node)
{
	return node->is_quoted && !node->is_expanded;
}

/* For values that must not stand in quotes. */
static bool refuse_plain(struct reader *reader, const struct node *node, str wanted)
{
	return refuse(reader, node, wanted, is_text(node) ? STR(" in quotes, which is text") : (str) { 0 });
}

/* Copied: what was read may live longer than the document. */
bool field_read_str(struct reader *reader, const struct node *node, str *ret_value)
{
	if (node->kind != NODE_SCALAR)
		return refuse(reader, node, STR("text"), (str) { 0 });
	if (node->text.len > arena_left(reader->arena)) {
		diagnostic_error(reader->diagnostics, node, "the configuration is too large");
		return false;
	}
	*ret_value = arena_str(reader->arena, node->text);
	return true;
}

bool field_read_bool(struct reader *reader, const struct node *node, bool *ret_value)
{
	if (node->kind == NODE_SCALAR && !is_text(node) && field_parse_bool(node->text, ret_value))
		return true;
	return refuse_plain(reader, node, STR("true or false"));
}

/* In words, as precise as the row is. */
static str range_of_int(struct reader *reader, int64_t min, int64_t max)
{
	if (min == 0 && max == 0)
		return STR("a whole number");
	if (max == INT64_MAX)
		return arena_printf(reader->arena, "a whole number of at least %" PRId64, min);
	return arena_printf(reader->arena, "a whole number from %" PRId64 " to %" PRId64, min, max);
}

/* Rows with neither minimum nor maximum take any value. */
static bool is_within(int64_t value, int64_t min, int64_t max)
{
	return (min == 0 && max == 0) || (value >= min && value <= max);
}

bool field_read_int(struct reader *reader, const struct node *node, int64_t min, int64_t max,
		    int64_t *ret_value)
{
	int64_t value;

	if (node->kind != NODE_SCALAR || is_text(node) || !field_parse_int(node->text, &value) ||
	    !is_within(value, min, max))
		return refuse_plain(reader, node, range_of_int(reader, min, max));
	*ret_value = value;
	return true;
}

/* The range is told in the units of the file. */
bool field_read_duration(struct reader *reader, const struct node *node, duration min, duration max,
			 duration *ret_value)
{
	duration value;
	str least = unit_print_duration(reader->arena, min), most = unit_print_duration(reader->arena, max);

	if (node->kind != NODE_SCALAR || !unit_parse_duration(node->text, &value))
		return refuse(reader, node, STR("a duration such as 5s, 250ms or 1m"),
			      hint_of(reader, node, unit_guess_duration(reader->arena, node->text)));
	if (!is_within(value, min, max))
		return refuse(reader, node,
			      arena_printf(reader->arena, "a duration from %.*s to %.*s", STR_ARG(least),
					   STR_ARG(most)),
			      (str) { 0 });
	*ret_value = value;
	return true;
}

bool field_read_size(struct reader *reader, const struct node *node, uint64_t min, uint64_t max,
		     uint64_t *ret_value)
{
	uint64_t value;
	str least = unit_print_size(reader->arena, min), most = unit_print_size(reader->arena, max);

	if (node->kind != NODE_SCALAR || !unit_parse_size(node->text, &value))
		return refuse(reader, node, STR("a size such as 512, 16KiB or 1MiB"),
			      hint_of(reader, node, unit_guess_size(reader->arena, node->text)));
	if ((min || max) && (value < min || value > max))
		return refuse(reader, node,
			      arena_printf(reader->arena, "a size from %.*s to %.*s", STR_ARG(least),
					   STR_ARG(most)),
			      (str) { 0 });
	*ret_value = value;
	return true;
}

static bool is_rate_within(struct rate rate, int64_t max)
{
	__int128 most = (__int128)max * rate.period / SECOND;

	return rate.period <= RATE_PERIOD_MAX && rate.number <= most;
}

bool field_read_rate(struct reader *reader, const struct node *node, int64_t max, struct rate *ret_value)
{
	struct rate value;
	str most = unit_print_duration(reader->arena, RATE_PERIOD_MAX);

	if (node->kind != NODE_SCALAR || !unit_parse_rate(node->text, &value))
		return refuse(reader, node, STR("a number of requests by a time, such as 100/1s"),
			      hint_of(reader, node, unit_guess_rate(reader->arena, node->text)));
	if (!is_rate_within(value, max))
		return refuse(reader, node,
			      arena_printf(reader->arena,
					   "at most %" PRId64 " in a second, by a time of at most %.*s", max,
					   STR_ARG(most)),
			      (str) { 0 });
	*ret_value = value;
	return true;
}

/* Also the place where the size of what is made from a list is held against the arena. */
bool field_check_count(struct reader *reader, const struct node *node, size_t min, int64_t max)
{
	size_t most = field_count_max(max), count = node->count;

	if (count > most)
		diagnostic_error(reader->diagnostics, node, "want at most %zu %s, read %zu", most,
				 most == 1 ? "item" : "items", count);
	else if (count < min)
		diagnostic_error(reader->diagnostics, node, "want at least %zu %s, read %zu", min,
				 min == 1 ? "item" : "items", count);
	else if (arena_left(reader->arena) < (count + 1) * ROOM_ITEM)
		diagnostic_error(reader->diagnostics, node, "the configuration is too large");
	else
		return true;
	return false;
}

bool field_check_kind(struct reader *reader, const struct node *node, enum node_kind kind)
{
	if (node->kind == kind || node->kind == NODE_NULL)
		return true;
	return refuse(reader, node, kind == NODE_MAP ? STR("a map") : STR("a list, such as [a, b]"),
		      (str) { 0 });
}

bool field_read_strs(struct reader *reader, const struct node *node, size_t min, size_t max,
		     str_list *ret_list)
{
	bool is_good = true;
	size_t count = 0;
	str *texts;

	if (!field_check_kind(reader, node, NODE_LIST) || !field_check_count(reader, node, min, (int64_t)max))
		return false;
	texts = ARENA_ARRAY(reader->arena, str, node->count);
	for (const struct node *item = node->first; item; item = item->next)
		is_good = field_read_str(reader, item, &texts[count++]) && is_good;
	if (is_good)
		*ret_list = (str_list) { texts, count };
	return is_good;
}

/* A text alone is a list of one. */
static void read_texts(struct reader *reader, const struct node *node, void *ret_member)
{
	str text;

	if (node->kind != NODE_SCALAR)
		(void)field_read_strs(reader, node, 1, TEXTS_MAX, ret_member);
	else if (field_read_str(reader, node, &text))
		*(str_list *)ret_member =
			(str_list) { memcpy(ARENA_NEW(reader->arena, str), &text, sizeof text), 1 };
}

const struct field_form field_texts_form = {
	.manual = "a text, or a list of them",
	.schema = "{\"anyOf\": [{\"type\": \"string\", \"minLength\": 1}, {\"type\": \"array\", "
		  "\"minItems\": 1, "
		  "\"maxItems\": 1000, \"items\": {\"type\": \"string\", \"minLength\": 1}}]}",
	.read = read_texts,
};

size_t field_word_count(const struct field *field)
{
	size_t count = 0;

	while (field->words[count])
		count++;
	return count;
}

bool field_find_word(const struct field *field, str word, int *ret_index)
{
	for (int i = 0; field->words[i]; i++) {
		if (str_eq(word, str_of(field->words[i]))) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

/* "h1, h2 or h3" */
static str words_of(struct reader *reader, const struct field *field)
{
	size_t count = field_word_count(field);
	str list = { 0 };

	for (size_t i = 0; i < count; i++) {
		const char *between = i == 0 ? "" : i + 1 == count ? " or " : ", ";

		list = arena_printf(reader->arena, "%.*s%s%s", STR_ARG(list), between, field->words[i]);
	}
	return list;
}

/* One of the words of a row. What is allowed is said in full, so the suggestion adds only what is near. */
bool field_read_word(struct reader *reader, const struct node *node, const struct field *field,
		     int *ret_index)
{
	str known[FIELD_WORDS_MAX], hint = { 0 };
	size_t count = field_word_count(field);

	if (node->kind == NODE_SCALAR && field_find_word(field, node->text, ret_index))
		return true;
	for (size_t i = 0; i < count && i < FIELD_WORDS_MAX; i++)
		known[i] = str_of(field->words[i]);
	if (node->kind == NODE_SCALAR && !node->is_expanded)
		hint = diagnostic_suggest(reader->arena, node->text, known, count);
	if (str_starts(hint, STR("; allowed")))
		hint = (str) { 0 };
	return refuse(reader, node, words_of(reader, field), hint);
}

bool field_next_standard(str *rest, str *ret_item)
{
	if (str_starts(*rest, STR("[")) && str_ends(*rest, STR("]")))
		*rest = str_slice(*rest, 1, rest->len - 1);
	return str_next(rest, ',', ret_item);
}

void field_keep_node(struct reader *reader, const struct node *node, void *ret_member)
{
	(void)reader;
	*(const struct node **)ret_member = node;
}

bool reader_read_file(struct reader *reader, const struct node *at, str path, size_t max, str *ret_text)
{
	str full = node_resolve_path(reader->document, at, path, reader->arena);
	result_value read = file_list_read(document_files(reader->document), full, max, ret_text);

	if (failed(read))
		diagnostic_error(reader->diagnostics, at, "%.*s %s%s%s", STR_ARG(full), read.why,
				 read.sys ? ": " : "", read.sys ? strerror(read.sys) : "");
	return !failed(read);
}
