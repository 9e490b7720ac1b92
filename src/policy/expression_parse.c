/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing, one function a rule of the grammar, from the loosest operator to the tightest:
 *
 *     expression = or [ "?" or ":" expression ]
 *     or         = and { "||" and }
 *     and        = relation { "&&" relation }
 *     relation   = sum [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" ) sum ]
 *     sum        = unary { "+" unary }
 *     unary      = { "!" } member
 *     member     = primary { "." NAME | "[" expression "]" | "." NAME "(" expression ")" }
 *     primary    = constant | "[" [ constant { "," constant } ] "]" | "(" expression ")"
 *                | NAME "(" expression ")" | NAME [ "." NAME ]
 *     constant   = STRING | [ "-" ] INT | [ "-" ] DOUBLE | "true" | "false"
 *
 * Whatever nests goes through parser_enter(), so that neither parsing nor evaluating can run out of stack.
 */
#include "policy/expression_parser.h"

enum { LIST_MAX = 256, OPERANDS_MAX = 128 };

/* The rules. */

static struct expression_node *parse_expression(struct expression_parser *parser);

static struct expression_node *constant_node(struct expression_parser *parser, size_t at,
					     enum expression_type type, struct operand value)
{
	struct expression_node *node = parser_node(parser, OP_CONSTANT, at);

	if (node) {
		node->type = type;
		node->constant = value;
	}
	return node;
}

/* Behind a minus a number must follow; nothing else can be negated. */
static struct expression_node *parse_number(struct expression_parser *parser)
{
	size_t at = parser->token.at;
	bool is_negative = parser_take_sign(parser, "-");
	struct token token = parser->token;

	if (token.kind == TOKEN_INT) {
		parser_advance(parser);
		token.integer = is_negative ? -token.integer : token.integer;
		return constant_node(parser, at, TYPE_INT,
				     (struct operand) { .kind = OPERAND_INT, .integer = token.integer });
	}
	if (token.kind != TOKEN_DOUBLE)
		return parser_unexpected(parser, "a number");
	parser_advance(parser);
	token.real = is_negative ? -token.real : token.real;
	return constant_node(parser, at, TYPE_DOUBLE,
			     (struct operand) { .kind = OPERAND_DOUBLE, .real = token.real });
}

static bool is_constant(const struct expression_parser *parser)
{
	enum token_kind kind = parser->token.kind;

	return kind == TOKEN_STRING || kind == TOKEN_INT || kind == TOKEN_DOUBLE ||
	       parser_at_sign(parser, "-") || parser_at_word(parser, "true") ||
	       parser_at_word(parser, "false");
}

static struct expression_node *parse_constant(struct expression_parser *parser)
{
	struct token token = parser->token;
	struct operand truth = { .kind = OPERAND_BOOL, .boolean = parser_at_word(parser, "true") };

	if (token.kind == TOKEN_STRING) {
		parser_advance(parser);
		return constant_node(parser, token.at, TYPE_STRING,
				     (struct operand) { .kind = OPERAND_STRING, .text = token.string });
	}
	if (token.kind != TOKEN_NAME)
		return parse_number(parser);
	parser_advance(parser);
	return constant_node(parser, token.at, TYPE_BOOL, truth);
}

/* With its comma. False after a report. */
static bool parse_item(struct expression_parser *parser, struct expression_node *list,
		       struct operand *ret_item)
{
	struct expression_node *item = is_constant(parser) ? parse_constant(parser) : NULL;
	bool is_first = list->constant.list.count == 0;

	if (!item) {
		parser_unexpected(parser, "a constant of a list");
		return false;
	}
	if (!is_first && item->type != list->element) {
		expression_fail(parser, item->at, "a list holds values of one type");
		return false;
	}
	list->element = item->type;
	*ret_item = item->constant;
	return parser_at_sign(parser, "]") || parser_want_sign(parser, ",", "a comma or ]");
}

/* Items are constants of one type, so that nothing is built when it is evaluated. */
static struct expression_node *parse_list(struct expression_parser *parser)
{
	struct operand items[LIST_MAX], *kept;
	struct expression_node *list =
		constant_node(parser, parser->token.at, TYPE_LIST, (struct operand) { .kind = OPERAND_LIST });

	parser_advance(parser);
	while (list && !parser_at_sign(parser, "]")) {
		if (list->constant.list.count == LIST_MAX)
			return expression_fail(parser, parser->token.at, "the list is too long");
		if (!parse_item(parser, list, &items[list->constant.list.count]))
			return NULL;
		list->constant.list.count++;
	}
	if (!list)
		return NULL;
	kept = ARENA_ARRAY(parser->arena, struct operand, list->constant.list.count);
	if (list->constant.list.count)
		memcpy(kept, items, list->constant.list.count * sizeof *items);
	list->constant.list.at = kept;
	parser_advance(parser);
	return list;
}

/* The end of a rule that began with a bracket. */
static struct expression_node *parse_until(struct expression_parser *parser, const char *end)
{
	struct expression_node *inner = parse_expression(parser);

	return inner && parser_want_sign(parser, end, end) ? inner : NULL;
}

static const enum expression_op functions[] = { OP_HAS, OP_SIZE, OP_TO_INT, OP_TO_STRING, OP_TO_TIMESTAMP };
static const enum expression_op methods[] = { OP_STARTS, OP_ENDS, OP_CONTAINS, OP_MATCHES };

enum { FUNCTIONS = sizeof functions / sizeof *functions, METHODS = sizeof methods / sizeof *methods };

/* OPS when none has that name, which is reported. */
static enum expression_op find_call(struct expression_parser *parser, const struct token *name,
				    const enum expression_op *calls, size_t count)
{
	str known[FUNCTIONS + METHODS], suggestion;

	for (size_t i = 0; i < count; i++) {
		known[i] = str_of(expression_sign(calls[i]));
		if (str_eq(known[i], name->text))
			return calls[i];
	}
	suggestion = diagnostic_suggest(parser->arena, name->text, known, count);
	expression_fail(parser, name->at, "there is no function %.*s()%.*s", STR_ARG(name->text),
			STR_ARG(suggestion));
	return OPS;
}

/* name: taken already; the bracket is looked at. receiver: NULL for a function. */
static struct expression_node *parse_call(struct expression_parser *parser, const struct token *name,
					  struct expression_node *receiver)
{
	enum expression_op op = receiver ? find_call(parser, name, methods, METHODS)
					 : find_call(parser, name, functions, FUNCTIONS);
	struct expression_node *operands[2] = { receiver };
	size_t count = receiver ? 1 : 0;

	parser_advance(parser);
	if (op == OPS)
		return NULL;
	operands[count++] = parse_until(parser, ")");
	return expression_node_new(parser, op, name->at, operands, count);
}

static struct expression_node *source_node(struct expression_parser *parser, size_t at,
					   const struct expression_source *source)
{
	struct expression_node *node = parser_node(parser, OP_SOURCE, at);

	if (!node)
		return NULL;
	node->type = source->type;
	node->element = source->element;
	node->source = source;
	parser->needs_principal |= source->is_principal;
	return node;
}

/* Of those that begin alike, or of all. */
static struct expression_node *unknown_source(struct expression_parser *parser, size_t at, str name)
{
	str known[64], suggestion, head = name, rest = { 0 };
	size_t count = 0;

	(void)str_cut(name, '.', &head, &rest);
	for (int any = 0; any < 2 && count == 0; any++)
		for (const struct expression_source *row = expression_sources; row->name.len && count < 64;
		     row++)
			if (any || str_starts(row->name, head))
				known[count++] = row->name;
	suggestion = diagnostic_suggest(parser->arena, name, known, count);
	if (str_eq(head, STR("claim")) && rest.len) /* as ${...} has it */
		suggestion = arena_printf(parser->arena, "; did you mean \"claims.%.*s\"?", STR_ARG(rest));
	return expression_fail(parser, at, "there is no %.*s%.*s", STR_ARG(name), STR_ARG(suggestion));
}

/* Of one name, or of two with a point between; `client.ip` is not something of `client`. */
static struct expression_node *parse_source(struct expression_parser *parser, const struct token *first)
{
	const struct expression_source *source = expression_source_find(first->text);
	str whole;

	if (source)
		return source_node(parser, first->at, source);
	if (!parser_take_sign(parser, "."))
		return unknown_source(parser, first->at, first->text);
	if (parser->token.kind != TOKEN_NAME)
		return parser_unexpected(parser, "a name");
	whole = arena_join(parser->arena, (str[]) { first->text, STR("."), parser->token.text }, 3);
	source = expression_source_find(whole);
	if (!source)
		return unknown_source(parser, first->at, whole);
	parser_advance(parser);
	return source_node(parser, first->at, source);
}

static struct expression_node *parse_primary(struct expression_parser *parser)
{
	struct token name = parser->token;

	if (is_constant(parser))
		return parse_constant(parser);
	if (parser_at_sign(parser, "["))
		return parse_list(parser);
	if (parser_take_sign(parser, "("))
		return parse_until(parser, ")");
	if (name.kind != TOKEN_NAME || parser_at_word(parser, "in"))
		return parser_unexpected(parser, "a value");
	parser_advance(parser);
	return parser_at_sign(parser, "(") ? parse_call(parser, &name, NULL) : parse_source(parser, &name);
}

/* A field of the request that is asked for by a constant is found by its number. */
static struct expression_node *index_node(struct expression_parser *parser, size_t at,
					  struct expression_node *base, struct expression_node *key)
{
	struct expression_node *node =
		expression_node_new(parser, OP_INDEX, at, (struct expression_node *[]) { base, key }, 2);

	if (node && key->op == OP_CONSTANT && key->type == TYPE_STRING)
		node->field = http_name_find(key->constant.text);
	return node;
}

/* .name or .name(...) */
static struct expression_node *parse_selection(struct expression_parser *parser, struct expression_node *base)
{
	struct token name = parser->token;

	if (name.kind != TOKEN_NAME)
		return parser_unexpected(parser, "a name");
	parser_advance(parser);
	if (parser_at_sign(parser, "("))
		return parse_call(parser, &name, base);
	return index_node(parser, name.at, base,
			  constant_node(parser, name.at, TYPE_STRING,
					(struct operand) { .kind = OPERAND_STRING, .text = name.text }));
}

static struct expression_node *parse_member(struct expression_parser *parser)
{
	struct expression_node *node = parser_enter(parser) ? parse_primary(parser) : NULL;

	while (node) {
		size_t at = parser->token.at;

		if (parser_take_sign(parser, "."))
			node = parse_selection(parser, node);
		else if (parser_take_sign(parser, "["))
			node = index_node(parser, at, node, parse_until(parser, "]"));
		else
			break;
	}
	parser_leave(parser);
	return node;
}

static struct expression_node *parse_unary(struct expression_parser *parser)
{
	size_t at = parser->token.at;
	struct expression_node *operand;

	if (!parser_take_sign(parser, "!"))
		return parse_member(parser);
	operand = parser_enter(parser) ? parse_unary(parser) : NULL;
	parser_leave(parser);
	return expression_node_new(parser, OP_NOT, at, &operand, 1);
}

static struct expression_node *parse_sum(struct expression_parser *parser)
{
	struct expression_node *sum = parse_unary(parser);

	while (sum) {
		size_t at = parser->token.at;
		struct expression_node *operands[2] = { sum };

		if (!parser_take_sign(parser, "+"))
			break;
		operands[1] = parse_unary(parser);
		sum = expression_node_new(parser, OP_ADD, at, operands, 2);
	}
	return sum;
}

/* OPS when no comparison stands there. */
static enum expression_op take_comparison(struct expression_parser *parser)
{
	for (enum expression_op op = OP_EQ; op <= OP_GE; op++)
		if (parser_take_sign(parser, expression_sign(op)))
			return op;
	if (!parser_at_word(parser, "in"))
		return OPS;
	parser_advance(parser);
	return OP_IN;
}

static struct expression_node *parse_relation(struct expression_parser *parser)
{
	struct expression_node *operands[2] = { parse_sum(parser) };
	size_t at = parser->token.at;
	enum expression_op op = operands[0] ? take_comparison(parser) : OPS;

	if (op == OPS)
		return operands[0];
	operands[1] = parse_sum(parser);
	return expression_node_new(parser, op, at, operands, 2);
}

/* As many operands as there are in one node: a long chain is not a deep tree. */
static struct expression_node *
parse_chain(struct expression_parser *parser, enum expression_op op,
	    struct expression_node *(*operand)(struct expression_parser *parser))
{
	struct expression_node *operands[OPERANDS_MAX];
	size_t count = 0, at = parser->token.at;

	do {
		operands[count++] = operand(parser);
		if (!operands[count - 1])
			return NULL;
		if (count == OPERANDS_MAX)
			return expression_fail(parser, parser->token.at, "the expression is too long");
	} while (parser_take_sign(parser, expression_sign(op)));
	return count == 1 ? operands[0] : expression_node_new(parser, op, at, operands, count);
}

static struct expression_node *parse_and(struct expression_parser *parser)
{
	return parse_chain(parser, OP_AND, parse_relation);
}

static struct expression_node *parse_or(struct expression_parser *parser)
{
	return parse_chain(parser, OP_OR, parse_and);
}

static struct expression_node *parse_choice(struct expression_parser *parser)
{
	struct expression_node *operands[3] = { parse_or(parser) };
	size_t at = parser->token.at;

	if (!operands[0] || !parser_take_sign(parser, "?"))
		return operands[0];
	operands[1] = parse_or(parser);
	if (!operands[1] || !parser_want_sign(parser, ":", "the : of ?:"))
		return NULL;
	operands[2] = parse_expression(parser);
	return expression_node_new(parser, OP_CHOOSE, at, operands, 3);
}

static struct expression_node *parse_expression(struct expression_parser *parser)
{
	struct expression_node *node = parser_enter(parser) ? parse_choice(parser) : NULL;

	parser_leave(parser);
	return parser->failed ? NULL : node;
}

/* The whole. */

static bool is_wanted(struct expression_parser *parser, const struct expression_node *root,
		      enum expression_want want)
{
	enum expression_type type = want == EXPRESSION_BOOL ? TYPE_BOOL : TYPE_INT;

	if (root->type == type)
		return true;
	expression_fail(parser, root->at, "the expression must be %s, it is %s", expression_type_word(type),
			expression_type_word(root->type));
	return false;
}

static void place(const struct expression_parser *parser, struct expression_error *ret_error)
{
	*ret_error = (struct expression_error) { .line = 1, .column = 1, .why = parser->why };
	for (size_t i = 0; i < parser->error_at && i < parser->text.len; i++) {
		bool is_end = parser->text.ptr[i] == '\n';

		ret_error->line += is_end;
		ret_error->column = is_end ? 1 : ret_error->column + 1;
	}
}

bool expression_parse(struct arena *arena, struct regex_table *regexes, str text, enum expression_want want,
		      const struct expression **ret_expression, struct expression_error *ret_error)
{
	struct expression_parser parser = { .arena = arena, .regexes = regexes, .text = text };
	struct expression_node *root = NULL;
	struct expression *expression;

	*ret_expression = NULL;
	if (text.len > EXPRESSION_LENGTH_MAX) {
		expression_fail(&parser, 0, "the expression is longer than 8 KiB");
	} else {
		parser_advance(&parser);
		root = parse_expression(&parser);
	}
	if (root && parser.token.kind != TOKEN_END)
		parser_unexpected(&parser, "an operator or the end");
	if (!parser.failed && root && is_wanted(&parser, root, want)) {
		expression = ARENA_NEW(arena, struct expression);
		*expression = (struct expression) { .root = root, .needs_principal = parser.needs_principal };
		*ret_expression = expression;
		return true;
	}
	place(&parser, ret_error);
	return false;
}
