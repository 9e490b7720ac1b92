/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with the syntax of a file, in words and at the place where it can be mended.
 *
 * libfyaml points at where it could not go on. For a bracket or a quote that is not closed that is far from
 * the mistake, often the end of the file; the open frames know where it began.
 */
#include <libfyaml.h>

#include "config/character.h"
#include "config/yaml_private.h"

/* What libfyaml says in the words of its code, for those who write the file. Beginnings of its messages. */
static const char *const explanations[][2] = {
	{ "double-quoted scalar without", "the quote that begins here is not closed" },
	{ "single-quoted scalar without", "the quote that begins here is not closed" },
	{ "wrongly indented double-quoted",
	  "the quote that begins here is not closed, or its text is indented too little" },
	{ "wrongly indented single-quoted",
	  "the quote that begins here is not closed, or its text is indented too little" },
	{ "invalid nested block mapping",
	  "a second \": \" in one line; text with a colon in it must stand in quotes" },
	{ "invalid multiline plain key", "a line without \": \"" },
	{ "invalid indentation in mapping", "this does not stand in the column of the keys above" },
	{ "did not find expected key", "want a key, such as those above" },
	{ "missing comma in flow mapping", "want a comma or }" },
	{ "missing comma in flow sequence", "want a comma or ]" },
	{ "flow sequence with invalid extra", "a ] without its [" },
	{ "flow mapping with invalid extra", "a } without its {" },
	{ "block sequence on the same line", "a list begins in the line after its key" },
	{ "block scalar no linebreak", "the text begins in the line after | or >" },
};

static const char *explain(const char *message)
{
	for (size_t i = 0; i < sizeof explanations / sizeof explanations[0]; i++)
		if (str_starts(str_of(message), str_of(explanations[i][0])))
			return explanations[i][1];
	return message;
}

/* The innermost bracket that is open: what is missing at the end of the file. */
static const struct node *open_bracket(const struct builder *builder)
{
	for (size_t i = builder->depth; i-- > 0;)
		if (builder->frames[i].is_flow)
			return builder->frames[i].container;
	return NULL;
}

/* Whether nothing follows: what was missing there was missing at the beginning of something. */
static bool is_past_end(const struct builder *builder, const struct place *place)
{
	str rest = source_line(builder->text, place->line);

	return rest.len == 0 && source_line(builder->text, place->line + 1).len == 0;
}

/* The character in front of the place; 0 at the beginning of a line. */
static uint32_t character_before(const struct builder *builder, const struct place *place)
{
	str line = source_line(builder->text, place->line);
	uint32_t character = 0;

	for (uint32_t column = 1; column < place->column && character_take(&line, &character); column++)
		;
	return character;
}

void yaml_report_syntax(struct builder *builder, const struct fy_diag_error *error)
{
	const struct node *bracket = open_bracket(builder);
	const char *message = error && error->msg ? error->msg : "this is not YAML";
	struct place place = { .source = builder->file, .line = 1, .column = 1 };

	if (error && error->line > 0) {
		place.line = (uint32_t)error->line;
		place.column = error->column > 0 ? (uint32_t)error->column : 1;
	}
	if (bracket && is_past_end(builder, &place)) {
		place.line = bracket->line;
		place.column = bracket->column;
		message = bracket->kind == NODE_LIST ? "this [ is not closed" : "this { is not closed";
	} else if (bracket && character_before(builder, &place) == '$') {
		place.column--;
		message = "${...} must stand in quotes within brackets";
	} else if (str_contains(str_of(message), STR("quoted"))) {
		/* Marks of quoted text come after the quote. */
		uint32_t before = character_before(builder, &place);

		place.column -= before == '"' || before == '\'';
	}
	diagnostic_error_place(builder->diagnostics, NULL, place, "%s", explain(message));
}
