/* SPDX-License-Identifier: Apache-2.0 */
#include "config/field_testing.h"

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
	FIELD_RATE(struct everything, pace, "pace", "5/1s", 1000, "A rate."),
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
	FIELD_CUSTOM_DEFAULT(struct everything, custom, "custom", str, &custom_form, "own",
			     "A form of its own."),
	FIELD_END,
};
