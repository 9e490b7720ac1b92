/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing the tree in one form, with as few brackets as will do. It exists for tests: what was understood
 * can be read, and compiling it again must give the same. To people it is told without what is compared with
 * a secret of the request, or is one by its looks.
 */
#include <inttypes.h>
#include <stdio.h>

#include "config/secret_name.h"
#include "config/secret_value.h"
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

struct printing {
	struct buf *out;
	bool is_told;   /* to people */
	bool hides;     /* what is a text or a number here may be a secret */
	bool is_length; /* a number here says how long something is */
};

static void print_node(const struct expression_node *node, enum binding around, struct printing *p);

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

static void print_int(int64_t integer, struct buf *out)
{
	char text[32];

	buf_put(out, (str) { text, (size_t)snprintf(text, sizeof text, "%" PRId64, integer) });
}

static bool is_secret(const struct operand *value, const struct printing *p)
{
	switch (value->kind) {
	case OPERAND_INT:
	case OPERAND_DOUBLE:
		return p->hides && !p->is_length;
	case OPERAND_STRING:
		return p->hides || (p->is_told && secret_value_is_evident(value->text));
	default:
		return false;
	}
}

static void print_list(const struct operand *list, struct printing *p);

static void print_constant(const struct operand *value, struct printing *p)
{
	if (is_secret(value, p)) {
		print_string(STR("***"), p->out);
		return;
	}
	switch (value->kind) {
	case OPERAND_BOOL:
		buf_put(p->out, value->boolean ? STR("true") : STR("false"));
		break;
	case OPERAND_INT:
		print_int(value->integer, p->out);
		break;
	case OPERAND_DOUBLE:
		print_double(value->real, p->out);
		break;
	case OPERAND_STRING:
		print_string(value->text, p->out);
		break;
	default:
		print_list(value, p);
	}
}

/* A list has no lists in it. */
static void print_list(const struct operand *list, struct printing *p)
{
	buf_put_char(p->out, '[');
	for (size_t i = 0; i < list->list.count; i++) {
		buf_put(p->out, i ? STR(", ") : (str) { 0 });
		print_constant(&list->list.at[i], p);
	}
	buf_put_char(p->out, ']');
}

static void print_call(const struct expression_node *node, struct printing *p)
{
	const struct expression_node *argument = node->first;

	if (argument->next) {
		print_node(argument, BINDS_MEMBER, p);
		buf_put_char(p->out, '.');
		argument = argument->next;
	}
	buf_put(p->out, str_of(expression_sign(node->op)));
	buf_put_char(p->out, '(');
	print_node(argument, BINDS_CHOICE, p);
	buf_put_char(p->out, ')');
}

static void print_choice(const struct expression_node *node, struct printing *p)
{
	const struct expression_node *yes = node->first->next;

	print_node(node->first, BINDS_OR, p);
	buf_put(p->out, STR(" ? "));
	print_node(yes, BINDS_OR, p);
	buf_put(p->out, STR(" : "));
	print_node(yes->next, BINDS_CHOICE, p);
}

/* Operands of a chain bind tighter than the chain, but for a sum, which is read from the left. */
static void print_operator(const struct expression_node *node, enum binding binding, struct printing *p)
{
	for (const struct expression_node *operand = node->first; operand; operand = operand->next) {
		bool is_first = operand == node->first;

		if (!is_first) {
			buf_put_char(p->out, ' ');
			buf_put(p->out, str_of(expression_sign(node->op)));
			buf_put_char(p->out, ' ');
		}
		print_node(operand, node->op == OP_ADD && is_first ? binding : binding + 1, p);
	}
}

/* The key is a name, whatever it stands beside. */
static void print_index(const struct expression_node *node, struct printing *p)
{
	bool hides = p->hides;

	print_node(node->first, BINDS_MEMBER, p);
	buf_put_char(p->out, '[');
	p->hides = false;
	print_node(node->first->next, BINDS_CHOICE, p);
	p->hides = hides;
	buf_put_char(p->out, ']');
}

/* Something of the request under a name that is, or may be, that of a secret. */
static bool looks_at_secret(const struct expression_node *node)
{
	const struct expression_node *key = node->op == OP_INDEX ? node->first->next : NULL;

	if (key && key->op == OP_CONSTANT && key->constant.kind == OPERAND_STRING &&
	    secret_name_judge(key->constant.text) != SECRET_NAME_NONE)
		return true;
	for (const struct expression_node *operand = node->first; operand; operand = operand->next)
		if (looks_at_secret(operand))
			return true;
	return false;
}

/* What it is compared with says what it is. */
static bool compares(const struct expression_node *node)
{
	return (node->op >= OP_EQ && node->op <= OP_IN) || (node->op >= OP_STARTS && node->op <= OP_MATCHES);
}

static bool compares_length(const struct expression_node *node)
{
	return compares(node) && (node->first->op == OP_SIZE || node->first->next->op == OP_SIZE);
}

static void print_inside(const struct expression_node *node, enum binding binding, struct printing *p)
{
	switch (node->op) {
	case OP_CONSTANT:
		print_constant(&node->constant, p);
		break;
	case OP_SOURCE:
		buf_put(p->out, node->source->name);
		break;
	case OP_INDEX:
		print_index(node, p);
		break;
	case OP_NOT:
		buf_put_char(p->out, '!');
		print_node(node->first, BINDS_UNARY, p);
		break;
	case OP_CHOOSE:
		print_choice(node, p);
		break;
	default:
		if (binding == BINDS_MEMBER)
			print_call(node, p);
		else
			print_operator(node, binding, p);
	}
}

static void print_node(const struct expression_node *node, enum binding around, struct printing *p)
{
	enum binding binding = binding_of(node);
	bool is_looser = binding < around, hides = p->hides, is_length = p->is_length;

	p->hides = hides || (p->is_told && compares(node) && looks_at_secret(node));
	p->is_length = is_length || compares_length(node);
	buf_put(p->out, is_looser ? STR("(") : (str) { 0 });
	print_inside(node, binding, p);
	buf_put(p->out, is_looser ? STR(")") : (str) { 0 });
	p->hides = hides;
	p->is_length = is_length;
}

void expression_print(const struct expression *expression, struct buf *out)
{
	struct printing p = { .out = out };

	print_node(expression->root, BINDS_CHOICE, &p);
}

void expression_print_told(const struct expression *expression, struct buf *out)
{
	struct printing p = { .out = out, .is_told = true };

	print_node(expression->root, BINDS_CHOICE, &p);
}
