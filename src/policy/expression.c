/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions as a configuration has them, and asking them. */
#include "policy/expression.h"

#include "base/assert.h"
#include "base/note.h"
#include "config/field_compare.h"
#include "policy/expression_private.h"
#include "route/regex.h"

enum { TOLD_MAX = 1024, PRINTED_MAX = 64 * 1024 };

/* A text that was compiled before: in one form, and as it is told. */
struct printed {
	str whole, told;
};

static str print_whole(struct arena *arena, const struct expression *expression)
{
	struct buf out = arena_open(arena, PRINTED_MAX);

	expression_print(expression, &out);
	return arena_close(arena, &out);
}

static str print_told(struct arena *arena, const struct expression *expression)
{
	struct note note;

	note_begin(&note);
	expression_tell(expression, note.to);
	return note_end(&note, arena);
}

/* What is no expression is a plain number. */
static struct printed print_node(struct arena *arena, const struct node *node, enum expression_want want)
{
	struct printed printed;
	const struct expression *expression;
	struct expression_error error;
	struct regex_table regexes;

	if (!node)
		return (struct printed) { .told = STR("none") };
	regex_table_init(&regexes, arena);
	if (expression_parse(arena, &regexes, node->text, want, &expression, &error))
		printed = (struct printed) { print_whole(arena, expression), print_told(arena, expression) };
	else
		printed = (struct printed) { node->text, node->text };
	regex_table_fini(&regexes);
	return printed;
}

void expression_compare(struct arena *arena, const struct node *before, const struct node *after,
			enum expression_want want, struct field_difference *ret_difference)
{
	struct printed old = print_node(arena, before, want), new = print_node(arena, after, want);

	if (str_eq(old.whole, new.whole))
		return;
	ret_difference->count_before = before != NULL;
	ret_difference->count_after = after != NULL;
	ret_difference->words = arena_printf(arena, "%.*s -> %.*s", STR_ARG(old.told), STR_ARG(new.told));
}

static void compare(struct arena *arena, const void *before, const void *after,
		    struct field_difference *ret_difference)
{
	expression_compare(arena, *(const struct node *const *)before, *(const struct node *const *)after,
			   EXPRESSION_BOOL, ret_difference);
}

const struct field_form expression_form = {
	.manual = "an [expression](#expressions)",
	.schema = "{\"type\": [\"string\", \"boolean\", \"number\"]}",
	.read = field_keep_node,
	.compare = compare,
};

/* Where the text stands in its line as it is written, the mistake itself is underlined; where YAML has
 * folded, quoted or replaced something, all of it. */
static void report(struct diagnostics *diagnostics, const struct node *node,
		   const struct expression_error *error)
{
	unsigned quote = node->is_quoted ? 1 : 0;
	bool is_verbatim =
		!node->is_expanded && error->line == 1 && node->width == node->text.len + 2 * quote;
	struct place place = { .source = node->file,
			       .line = node->line,
			       .column = node->column + quote + (uint32_t)error->column - 1,
			       .width = 1 };

	if (is_verbatim)
		diagnostic_error_place(diagnostics, node, place, "%zu:%zu: %.*s", error->line, error->column,
				       STR_ARG(error->why));
	else
		diagnostic_error(diagnostics, node, "%zu:%zu: %.*s", error->line, error->column,
				 STR_ARG(error->why));
}

result expression_compile(const struct policy_compile *compile, const struct node *node,
			  enum expression_want want, const struct expression **ret_expression)
{
	struct diagnostics *diagnostics = compile->reader->diagnostics;
	struct expression_error error;
	const struct expression *parsed;
	struct expression *expression;

	*ret_expression = NULL;
	if (node->kind != NODE_SCALAR) {
		diagnostic_error(diagnostics, node,
				 "want an expression in one text, such as 'request.method == \"GET\"'");
		return error_make(ERROR_INVALID, "no expression");
	}
	if (!expression_parse(compile->reader->arena, compile->regexes, node->text, want, &parsed, &error)) {
		report(diagnostics, node, &error);
		return error_make(ERROR_INVALID, "the expression is wrong");
	}
	expression = ARENA_NEW(compile->reader->arena, struct expression);
	*expression = *parsed;
	expression->is_expanded = node->is_expanded;
	*ret_expression = expression;
	return OK;
}

/* The operands of the new node are copies: an operand is linked to its neighbour, and may be in use
 * elsewhere.
 */
const struct expression *expression_both(struct arena *arena, const struct expression *a,
					 const struct expression *b)
{
	struct expression *both;
	struct expression_node *root, *operands;

	if (!a || !b)
		return a ? a : b;
	both = ARENA_NEW(arena, struct expression);
	root = ARENA_NEW(arena, struct expression_node);
	operands = ARENA_ARRAY(arena, struct expression_node, 2);
	operands[0] = *a->root;
	operands[1] = *b->root;
	operands[0].next = &operands[1];
	*root = (struct expression_node) { .op = OP_AND, .type = TYPE_BOOL, .first = operands };
	*both = (struct expression) { .root = root,
				      .needs_principal = a->needs_principal || b->needs_principal,
				      .is_expanded = a->is_expanded || b->is_expanded };
	return both;
}

enum expression_outcome expression_holds(const struct expression *expression, const struct view *view)
{
	bool is_undecided;
	struct operand value = expression_run(expression->root, view, &is_undecided);

	if (is_undecided)
		return EXPRESSION_UNDECIDED;
	return value.kind == OPERAND_BOOL && value.boolean ? EXPRESSION_YES : EXPRESSION_NO;
}

bool expression_number(const struct expression *expression, const struct view *view, int64_t *ret_number)
{
	bool is_undecided;
	struct operand value = expression_run(expression->root, view, &is_undecided);

	if (is_undecided || value.kind != OPERAND_INT)
		return false;
	*ret_number = value.integer;
	return true;
}

bool expression_needs_principal(const struct expression *expression)
{
	return expression->needs_principal;
}

void expression_tell(const struct expression *expression, FILE *to)
{
	char text[TOLD_MAX];
	struct buf out = buf_over(text, sizeof text);

	expression_print_told(expression, &out);
	if (expression->is_expanded)
		fputs("${...}", to);
	else
		fprintf(to, "%.*s%s", STR_ARG(buf_str(&out)), buf_overflowed(&out) ? "..." : "");
}
