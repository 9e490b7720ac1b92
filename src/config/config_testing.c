/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_testing.h"

enum { ARENA_MAX = 64 * 1024 * 1024 };

void reading_open(struct reading *reading)
{
	*reading = (struct reading) { .outcome = OK };
	arena_init(&reading->arena, NULL, ARENA_MAX);
	reading->diagnostics = diagnostics_new(&reading->arena);
}

void reading_close(struct reading *reading)
{
	free(reading->printed);
	arena_fini(&reading->arena);
}

const char *testing_environment(const char *name, void *argument)
{
	static const char *const known[][2] = {
		{ "HOST", "orders.internal" },
		{ "PORT", "8080" },
		{ "EMPTY", "" },
		{ "TRICKY", "{a: 1}\n- ${HOST} ${request.id}" },
		{ "BINARY", "\xff\xfe" },
		{ "SECRET", "hunter2hunter2" },
		{ "DOLLAR", "$" },
	};

	(void)argument;
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(known[i][0], name) == 0)
			return known[i][1];
	return NULL;
}

void reading_parse_bytes(struct reading *reading, str text, size_t arena_max)
{
	static const struct document_options options = { .environment = testing_environment };

	reading->arena.max = arena_max;
	reading->outcome = document_parse(&reading->arena, STR("t.yaml"), text, &options,
					  reading->diagnostics, &reading->document);
}

void reading_parse(struct reading *reading, const char *text)
{
	reading_parse_bytes(reading, str_of(text), ARENA_MAX);
}

const char *reading_print(struct reading *reading)
{
	size_t size;
	FILE *to;

	free(reading->printed);
	reading->printed = NULL;
	to = open_memstream(&reading->printed, &size);
	diagnostics_print(reading->diagnostics, to);
	fclose(to);
	return reading->printed;
}

/* Lines of the snippet begin with a number or a space, and hold a bar at column 7. */
static bool is_snippet(str line)
{
	return line.len > 6 && line.ptr[6] == '|';
}

static void put_without(struct buf *b, str line, str part)
{
	const char *at = line.len ? memmem(line.ptr, line.len, part.ptr, part.len) : NULL;
	size_t before = at ? (size_t)(at - line.ptr) : line.len;

	buf_put(b, str_slice(line, 0, before));
	buf_put(b, str_skip(line, at ? before + part.len : line.len));
}

const char *reading_summary(struct reading *reading)
{
	str rest = str_of(reading_print(reading)), line;
	size_t size = rest.len + 1;
	char *summary = malloc(size);
	struct buf b = buf_over(summary, size);

	while (str_cut(rest, '\n', &line, &rest)) {
		if (is_snippet(line))
			continue;
		if (str_starts(line, STR("t.yaml:")))
			line = str_skip(line, 7);
		put_without(&b, line, STR("error: "));
		buf_put_char(&b, '\n');
	}
	b.len -= b.len > 0;
	summary[b.len] = 0;
	free(reading->printed);
	reading->printed = summary;
	return summary;
}

static const char *const mode_words[] = { "round_robin", "least_requests", "random", "502", NULL };

static const struct field item_fields[] = {
	FIELD_STR_REQUIRED(struct everything_item, address, "address", "Where it is."),
	FIELD_INT(struct everything_item, weight, "weight", "1", 0, 100, "Its share."),
	FIELD_END,
};

static const struct field inner_fields[] = {
	FIELD_DURATION(struct everything_inner, wait, "wait", "2s", 0, HOUR, "How long."),
	FIELD_SIZE(struct everything_inner, room, "room", "1MiB", 0, 0, "How much."),
	FIELD_STR_REQUIRED(struct everything_inner, needed, "needed", "Has to be there."),
	FIELD_END,
};

/* "on", or text in a map under the key `is`. */
static void custom_read(struct reader *reader, const struct node *node, void *ret_member)
{
	const struct node *is = node_find(node, STR("is"));

	field_read_str(reader, is ? is : node, ret_member);
}

static const struct field_form custom_form = {
	.manual = "a text | or a map with `is`",
	.schema = "{\"anyOf\": [{\"type\": \"string\"}, $fields]}",
	.read = custom_read,
	.fields = item_fields,
};

const struct field everything_fields[] = {
	FIELD_STR(struct everything, text, "text", "some text", "A text with \"quotes\" and a | bar."),
	FIELD_STR_REQUIRED(struct everything, needed, "needed", "A text that has to be there."),
	FIELD_BOOL(struct everything, flag, "flag", "true", "A flag."),
	FIELD_INT(struct everything, number, "number", "3", 1, 10, "A number."),
	FIELD_INT(struct everything, any_number, "any_number", "-7", 0, 0, "Any number."),
	FIELD_INT(struct everything, at_least, "at_least", "5", 5, INT64_MAX, "A number with a lower bound."),
	FIELD_DURATION(struct everything, wait, "wait", "250ms", MILLISECOND, 2 * HOUR, "A duration."),
	FIELD_SIZE(struct everything, room, "room", "16KiB", 512, 1 << 30, "A size."),
	FIELD_STRS(struct everything, names, "names", 1, 3, "Texts."),
	FIELD_STRS_DEFAULT(struct everything, methods, "methods", "[GET, HEAD]", 0, 0, "More texts."),
	FIELD_ENUM(struct everything, mode, "mode", mode_words, "least_requests", "One of some words."),
	FIELD_ENUMS_DEFAULT(struct everything, modes, "modes", mode_words, "[random, 502]", "Some of them."),
	FIELD_PAIRS(struct everything, pairs, "pairs", 2, "Names and texts."),
	FIELD_OBJECT(struct everything, inner, "inner", struct everything_inner, inner_fields, "An object."),
	FIELD_LIST(struct everything, items, "items", struct everything_item, item_fields, "address", 1, 4,
		   "Objects."),
	FIELD_MAP(struct everything, named, "named", struct everything_item, item_fields, 3,
		  "Objects with names."),
	FIELD_CUSTOM(struct everything, custom, "custom", str, &custom_form, "A form of its own."),
	FIELD_END,
};
