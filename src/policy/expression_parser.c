/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/expression_parser.h"

struct expression_node *expression_fail(struct expression_parser *parser, size_t at, const char *format, ...)
{
	va_list arguments;

	if (parser->failed)
		return NULL;
	va_start(arguments, format);
	parser->why = arena_vprintf(parser->arena, format, arguments);
	va_end(arguments);
	parser->failed = true;
	parser->error_at = at;
	return NULL;
}

struct expression_node *parser_node(struct expression_parser *parser, enum expression_op op, size_t at)
{
	struct expression_node *node;

	if (++parser->nodes > EXPRESSION_NODES_MAX)
		return expression_fail(parser, at, "the expression is too long");
	node = ARENA_NEW(parser->arena, struct expression_node);
	*node = (struct expression_node) { .op = op, .at = at, .depth = 1, .element = TYPE_DYNAMIC };
	return node;
}

struct expression_node *expression_node_new(struct expression_parser *parser, enum expression_op op,
					    size_t at, struct expression_node *const *operands, size_t count)
{
	struct expression_node *node = parser_node(parser, op, at);

	for (size_t i = count; node && i-- > 0;) {
		if (!operands[i])
			return NULL;
		operands[i]->next = node->first;
		node->first = operands[i];
		if (operands[i]->depth >= node->depth)
			node->depth = operands[i]->depth + 1;
	}
	if (!node || !expression_check(parser, node))
		return NULL;
	if (node->depth > EXPRESSION_DEPTH_MAX)
		return expression_fail(parser, at, "the expression is nested too deeply");
	return node;
}

/* Tokens. */

void parser_advance(struct expression_parser *parser)
{
	struct token *token = &parser->token;

	*token = expression_token(parser->arena, parser->text, token->at + token->text.len);
	if (token->kind == TOKEN_WRONG)
		expression_fail(parser, token->at, "%s", token->why);
}

bool parser_at_sign(const struct expression_parser *parser, const char *sign)
{
	return parser->token.kind == TOKEN_SIGN && str_eq(parser->token.text, str_of(sign));
}

bool parser_at_word(const struct expression_parser *parser, const char *word)
{
	return parser->token.kind == TOKEN_NAME && str_eq(parser->token.text, str_of(word));
}

bool parser_take_sign(struct expression_parser *parser, const char *sign)
{
	if (!parser_at_sign(parser, sign))
		return false;
	parser_advance(parser);
	return true;
}

/* Something else than `words` stands there. */
struct expression_node *parser_unexpected(struct expression_parser *parser, const char *words)
{
	const struct token *token = &parser->token;

	if (token->kind == TOKEN_END)
		return expression_fail(parser, token->at, "want %s here, but the expression ends", words);
	return expression_fail(parser, token->at, "want %s here, not %.*s", words, STR_ARG(token->text));
}

bool parser_want_sign(struct expression_parser *parser, const char *sign, const char *words)
{
	if (parser_take_sign(parser, sign))
		return true;
	parser_unexpected(parser, words);
	return false;
}

bool parser_enter(struct expression_parser *parser)
{
	if (++parser->nesting <= EXPRESSION_DEPTH_MAX)
		return true;
	expression_fail(parser, parser->token.at, "the expression is nested too deeply");
	return false;
}

void parser_leave(struct expression_parser *parser)
{
	parser->nesting--;
}
