/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types. Each node is checked as it is made, when its operands have theirs; what is dynamic fits everywhere
 * and is looked at when it is known.
 */
#include "policy/expression_parser.h"
#include "route/regex.h"

static const char *const type_words[] = {
	[TYPE_BOOL] = "a boolean",
	[TYPE_INT] = "an int",
	[TYPE_DOUBLE] = "a double",
	[TYPE_STRING] = "a string",
	[TYPE_TIMESTAMP] = "a timestamp",
	[TYPE_LIST] = "a list",
	[TYPE_MAP] = "a map",
	[TYPE_DYNAMIC] = "dynamic",
};

const char *expression_type_word(enum expression_type type)
{
	return type_words[type];
}

static const char *const signs[OPS] = {
	[OP_OR] = "||",
	[OP_AND] = "&&",
	[OP_EQ] = "==",
	[OP_NE] = "!=",
	[OP_LT] = "<",
	[OP_LE] = "<=",
	[OP_GT] = ">",
	[OP_GE] = ">=",
	[OP_IN] = "in",
	[OP_IN_RANGES] = "in",
	[OP_ADD] = "+",
	[OP_NOT] = "!",
	[OP_STARTS] = "startsWith",
	[OP_ENDS] = "endsWith",
	[OP_CONTAINS] = "contains",
	[OP_MATCHES] = "matches",
	[OP_HAS] = "has",
	[OP_SIZE] = "size",
	[OP_TO_INT] = "int",
	[OP_TO_STRING] = "string",
	[OP_TO_TIMESTAMP] = "timestamp",
};

const char *expression_sign(enum expression_op op)
{
	return signs[op];
}

/* Types as sets, to say in one word what an operand may be. */
enum {
	SET_BOOL = 1 << TYPE_BOOL | 1 << TYPE_DYNAMIC,
	SET_STRING = 1 << TYPE_STRING | 1 << TYPE_DYNAMIC,
	SET_NUMBER = 1 << TYPE_INT | 1 << TYPE_DOUBLE,
	SET_SCALAR = SET_NUMBER | SET_STRING | 1 << TYPE_BOOL | 1 << TYPE_TIMESTAMP,
	SET_ORDERED = SET_NUMBER | SET_STRING | 1 << TYPE_TIMESTAMP,
};

static bool is_in(enum expression_type type, unsigned set)
{
	return (set >> type & 1) != 0;
}

/* All operands from the first on are in the set; words: what is wanted of them. */
static bool want(struct expression_parser *parser, const struct expression_node *node, unsigned set,
		 const char *words)
{
	for (const struct expression_node *operand = node->first; operand; operand = operand->next) {
		if (is_in(operand->type, set))
			continue;
		expression_fail(parser, operand->at, "%s wants %s, this is %s", signs[node->op], words,
				type_words[operand->type]);
		return false;
	}
	return true;
}

/* Of one type, as far as that is known; numbers of both kinds can be compared. */
static bool are_alike(enum expression_type a, enum expression_type b)
{
	return a == b || a == TYPE_DYNAMIC || b == TYPE_DYNAMIC ||
	       (is_in(a, SET_NUMBER) && is_in(b, SET_NUMBER));
}

static bool want_alike(struct expression_parser *parser, const struct expression_node *node)
{
	const struct expression_node *a = node->first, *b = a->next;

	if (are_alike(a->type, b->type))
		return true;
	expression_fail(parser, node->at, "%s has %s on its left and %s on its right", signs[node->op],
			type_words[a->type], type_words[b->type]);
	return false;
}

static bool check_logic(struct expression_parser *parser, struct expression_node *node)
{
	return want(parser, node, SET_BOOL, "booleans");
}

static bool check_equality(struct expression_parser *parser, struct expression_node *node)
{
	return want(parser, node, SET_SCALAR | 1 << TYPE_LIST, "values") && want_alike(parser, node);
}

static bool check_order(struct expression_parser *parser, struct expression_node *node)
{
	return want(parser, node, SET_ORDERED, "numbers, strings or timestamps") && want_alike(parser, node);
}

/* The ranges are read from the list; their texts stay for the printer. */
static bool check_ranges(struct expression_parser *parser, struct expression_node *node)
{
	const struct operand *list = &node->first->next->constant;
	struct cidr *ranges = ARENA_ARRAY(parser->arena, struct cidr, list->list.count);

	for (size_t i = 0; i < list->list.count; i++) {
		const struct operand *text = &list->list.at[i];

		if (text->kind == OPERAND_STRING && cidr_parse(text->text, &ranges[i]))
			continue;
		expression_fail(parser, node->first->next->at,
				"client.ip is in a list of addresses or ranges, such as [\"10.0.0.0/8\"]; "
				"the item %zu is none",
				i + 1);
		return false;
	}
	node->op = OP_IN_RANGES;
	node->ranges.at = ranges;
	node->ranges.count = list->list.count;
	return true;
}

static bool check_in(struct expression_parser *parser, struct expression_node *node)
{
	const struct expression_node *value = node->first, *many = value->next;

	if (!is_in(many->type, 1 << TYPE_LIST | 1 << TYPE_MAP | 1 << TYPE_DYNAMIC)) {
		expression_fail(parser, many->at, "in wants a list or a map on its right, this is %s",
				type_words[many->type]);
		return false;
	}
	if (!is_in(value->type, many->type == TYPE_MAP ? SET_STRING : SET_SCALAR) ||
	    (many->type == TYPE_LIST && !are_alike(value->type, many->element))) {
		expression_fail(parser, value->at, "%s cannot be in a %s of %s", type_words[value->type],
				many->type == TYPE_MAP ? "map" : "list", type_words[many->element]);
		return false;
	}
	if (expression_is_client_ip(value) && many->op == OP_CONSTANT)
		return check_ranges(parser, node);
	return true;
}

/* Two kinds of numbers are left to whoever writes them to make one. */
static bool check_sum(struct expression_parser *parser, struct expression_node *node)
{
	const struct expression_node *a = node->first, *b = a->next;

	if (!want(parser, node, SET_NUMBER | SET_STRING, "numbers or strings"))
		return false;
	node->type = a->type == TYPE_DYNAMIC ? b->type : a->type;
	if (a->type == b->type || a->type == TYPE_DYNAMIC || b->type == TYPE_DYNAMIC)
		return true;
	expression_fail(parser, node->at, "+ wants two values of one type, these are %s and %s",
			type_words[a->type], type_words[b->type]);
	return false;
}

static bool check_text_test(struct expression_parser *parser, struct expression_node *node)
{
	return want(parser, node, SET_STRING, "strings");
}

/* Compiled when it is loaded, so it must be there. */
static bool check_matches(struct expression_parser *parser, struct expression_node *node)
{
	const struct expression_node *pattern = node->first->next;
	struct regex *regex;
	str why;

	if (!want(parser, node, SET_STRING, "strings"))
		return false;
	if (pattern->op != OP_CONSTANT || !parser->regexes) {
		expression_fail(parser, pattern->at, "the regular expression must be written here as a text");
		return false;
	}
	if (!regex_compile(parser->regexes, pattern->constant.text, &regex, &why)) {
		expression_fail(parser, pattern->at, "%.*s", STR_ARG(why));
		return false;
	}
	node->regex = regex;
	return true;
}

static bool check_choice(struct expression_parser *parser, struct expression_node *node)
{
	const struct expression_node *condition = node->first, *a = condition->next, *b = a->next;

	if (!is_in(condition->type, SET_BOOL)) {
		expression_fail(parser, condition->at, "? wants a boolean on its left, this is %s",
				type_words[condition->type]);
		return false;
	}
	if ((a->type != b->type && a->type != TYPE_DYNAMIC && b->type != TYPE_DYNAMIC) ||
	    a->type == TYPE_MAP || b->type == TYPE_MAP) {
		expression_fail(parser, node->at, "? chooses between values of one type, these are %s and %s",
				type_words[a->type], type_words[b->type]);
		return false;
	}
	node->type = a->type == b->type ? a->type : TYPE_DYNAMIC;
	node->element = a->element == b->element ? a->element : TYPE_DYNAMIC;
	return true;
}

/* Of a list by its number, of a map by its name. */
static bool check_index(struct expression_parser *parser, struct expression_node *node)
{
	const struct expression_node *base = node->first, *key = base->next;
	unsigned wanted = base->type == TYPE_LIST      ? 1 << TYPE_INT | 1 << TYPE_DYNAMIC
			  : base->type == TYPE_MAP     ? SET_STRING
			  : base->type == TYPE_DYNAMIC ? SET_STRING | 1 << TYPE_INT
						       : 0;

	if (!wanted) {
		expression_fail(parser, node->at, "nothing can be taken out of %s", type_words[base->type]);
		return false;
	}
	if (!is_in(key->type, wanted)) {
		expression_fail(parser, key->at, "a %s is asked for by %s, not by %s",
				base->type == TYPE_LIST ? "list" : "map",
				base->type == TYPE_LIST ? "a number" : "a name", type_words[key->type]);
		return false;
	}
	node->type = base->type == TYPE_DYNAMIC ? TYPE_DYNAMIC : base->element;
	node->element = TYPE_DYNAMIC;
	return true;
}

static bool check_has(struct expression_parser *parser, struct expression_node *node)
{
	const struct expression_node *asked = node->first;

	if (asked->op == OP_INDEX || (asked->op == OP_SOURCE && asked->type != TYPE_MAP))
		return true;
	expression_fail(parser, asked->at,
			"has() asks for something that may be missing, such as request.headers[\"name\"]");
	return false;
}

static bool check_size(struct expression_parser *parser, struct expression_node *node)
{
	return want(parser, node, SET_STRING | 1 << TYPE_LIST, "a string or a list");
}

static bool check_conversion(struct expression_parser *parser, struct expression_node *node)
{
	unsigned set = node->op == OP_TO_TIMESTAMP ? SET_STRING | 1 << TYPE_INT | 1 << TYPE_TIMESTAMP
		       : node->op == OP_TO_INT     ? SET_ORDERED
						   : SET_SCALAR;

	return want(parser, node, set, "a value that can become one");
}

/* How each is checked, and the type that it has unless its check says another. */
static const struct rule {
	bool (*check)(struct expression_parser *parser, struct expression_node *node);
	enum expression_type type;
} rules[OPS] = {
	[OP_INDEX] = { check_index, TYPE_DYNAMIC },
	[OP_CHOOSE] = { check_choice, TYPE_DYNAMIC },
	[OP_OR] = { check_logic, TYPE_BOOL },
	[OP_AND] = { check_logic, TYPE_BOOL },
	[OP_EQ] = { check_equality, TYPE_BOOL },
	[OP_NE] = { check_equality, TYPE_BOOL },
	[OP_LT] = { check_order, TYPE_BOOL },
	[OP_LE] = { check_order, TYPE_BOOL },
	[OP_GT] = { check_order, TYPE_BOOL },
	[OP_GE] = { check_order, TYPE_BOOL },
	[OP_IN] = { check_in, TYPE_BOOL },
	[OP_ADD] = { check_sum, TYPE_DYNAMIC },
	[OP_NOT] = { check_logic, TYPE_BOOL },
	[OP_STARTS] = { check_text_test, TYPE_BOOL },
	[OP_ENDS] = { check_text_test, TYPE_BOOL },
	[OP_CONTAINS] = { check_text_test, TYPE_BOOL },
	[OP_MATCHES] = { check_matches, TYPE_BOOL },
	[OP_HAS] = { check_has, TYPE_BOOL },
	[OP_SIZE] = { check_size, TYPE_INT },
	[OP_TO_INT] = { check_conversion, TYPE_INT },
	[OP_TO_STRING] = { check_conversion, TYPE_STRING },
	[OP_TO_TIMESTAMP] = { check_conversion, TYPE_TIMESTAMP },
};

bool expression_check(struct expression_parser *parser, struct expression_node *node)
{
	node->type = rules[node->op].type;
	return rules[node->op].check(parser, node);
}
