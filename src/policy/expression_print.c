/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing the tree in one form, with as few brackets as will do. It exists for tests: what was understood
 * can be read, and compiling it again must give the same.
 */
#include <inttypes.h>
#include <stdio.h>

#include "policy/expression_private.h"

/* How tightly an operator binds; what is looser than its surroundings needs brackets. */
enum binding { BINDS_CHOICE, BINDS_OR, BINDS_AND, BINDS_RELATION, BINDS_SUM, BINDS_UNARY, BINDS_MEMBER };

static enum binding binding_of(const struct expression_node *node)
{
	switch (node->op) {
	case OP_CHOOSE:
		return BINDS_CHOICE;
	case OP_OR:
		return BINDS_OR;
	case OP_AND:
		return BINDS_AND;
	case OP_ADD:
		return BINDS_SUM;
	case OP_NOT:
		return BINDS_UNARY;
	default:
		return node->op >= OP_EQ && node->op <= OP_IN_RANGES ? BINDS_RELATION : BINDS_MEMBER;
	}
}

static void print_node(const struct expression_node *node, enum binding around, struct buf *out);

static void print_string(str text, struct buf *out)
{
	static const char from[] = "\\\"\n\r\t", to[] = "\\\"nrt";

	buf_put_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		const char *found = text.ptr[i] ? strchr(from, text.ptr[i]) : NULL;

		if (found)
			buf_put_char(out, '\\');
		buf_put_char(out, found ? to[found - from] : text.ptr[i]);
	}
	buf_put_char(out, '"');
}

/* So that reading it gives the same double, and no int. */
static void print_double(double real, struct buf *out)
{
	char text[40];
	int len = snprintf(text, sizeof text, "%.15g", real);

	buf_put(out, (str) { text, (size_t)len });
	if (!strpbrk(text, ".e"))
		buf_put(out, STR(".0"));
}

static void print_list(const struct operand *list, struct buf *out);

static void print_constant(const struct operand *value, struct buf *out)
{
	char text[32];

	switch (value->kind) {
	case OPERAND_BOOL:
		buf_put(out, value->boolean ? STR("true") : STR("false"));
		break;
	case OPERAND_INT:
		buf_put(out, (str) { text, (size_t)snprintf(text, sizeof text, "%" PRId64, value->integer) });
		break;
	case OPERAND_DOUBLE:
		print_double(value->real, out);
		break;
	case OPERAND_STRING:
		print_string(value->text, out);
		break;
	default:
		print_list(value, out);
	}
}

/* A list has no lists in it. */
static void print_list(const struct operand *list, struct buf *out)
{
	buf_put_char(out, '[');
	for (size_t i = 0; i < list->list.count; i++) {
		buf_put(out, i ? STR(", ") : (str) { 0 });
		print_constant(&list->list.at[i], out);
	}
	buf_put_char(out, ']');
}

static void print_call(const struct expression_node *node, struct buf *out)
{
	const struct expression_node *argument = node->first;

	if (argument->next) {
		print_node(argument, BINDS_MEMBER, out);
		buf_put_char(out, '.');
		argument = argument->next;
	}
	buf_put(out, str_of(expression_sign(node->op)));
	buf_put_char(out, '(');
	print_node(argument, BINDS_CHOICE, out);
	buf_put_char(out, ')');
}

static void print_choice(const struct expression_node *node, struct buf *out)
{
	const struct expression_node *yes = node->first->next;

	print_node(node->first, BINDS_OR, out);
	buf_put(out, STR(" ? "));
	print_node(yes, BINDS_OR, out);
	buf_put(out, STR(" : "));
	print_node(yes->next, BINDS_CHOICE, out);
}

/* Operands of a chain bind tighter than the chain, but for a sum, which is read from the left. */
static void print_operator(const struct expression_node *node, enum binding binding, struct buf *out)
{
	for (const struct expression_node *operand = node->first; operand; operand = operand->next) {
		bool is_first = operand == node->first;

		if (!is_first) {
			buf_put_char(out, ' ');
			buf_put(out, str_of(expression_sign(node->op)));
			buf_put_char(out, ' ');
		}
		print_node(operand, node->op == OP_ADD && is_first ? binding : binding + 1, out);
	}
}

static void print_inside(const struct expression_node *node, enum binding binding, struct buf *out)
{
	switch (node->op) {
	case OP_CONSTANT:
		print_constant(&node->constant, out);
		break;
	case OP_SOURCE:
		buf_put(out, node->source->name);
		break;
	case OP_INDEX:
		print_node(node->first, BINDS_MEMBER, out);
		buf_put_char(out, '[');
		print_node(node->first->next, BINDS_CHOICE, out);
		buf_put_char(out, ']');
		break;
	case OP_NOT:
		buf_put_char(out, '!');
		print_node(node->first, BINDS_UNARY, out);
		break;
	case OP_CHOOSE:
		print_choice(node, out);
		break;
	default:
		if (binding == BINDS_MEMBER)
			print_call(node, out);
		else
			print_operator(node, binding, out);
	}
}

static void print_node(const struct expression_node *node, enum binding around, struct buf *out)
{
	enum binding binding = binding_of(node);
	bool is_looser = binding < around;

	buf_put(out, is_looser ? STR("(") : (str) { 0 });
	print_inside(node, binding, out);
	buf_put(out, is_looser ? STR(")") : (str) { 0 });
}

void expression_print(const struct expression *expression, struct buf *out)
{
	print_node(expression->root, BINDS_CHOICE, out);
}
