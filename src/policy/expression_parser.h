/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a text to a tree: tokens, the parser that looks at one of them at a time, and the nodes that it makes.
 * Whatever fails, the first mistake and its place are kept, and everybody returns NULL or false from there
 * on.
 */
#pragma once

#include "policy/expression_private.h"

/* Tokens. */
enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_STRING,
	TOKEN_INT,
	TOKEN_DOUBLE,
	TOKEN_SIGN, /* an operator or a bracket: its text says which */
	TOKEN_WRONG,
};

struct token {
	enum token_kind kind;
	size_t at; /* offset in the text */
	str text;  /* as written */
	union {
		str string; /* without quotes and escapes, in the arena */
		int64_t integer;
		double real;
		const char *why; /* of TOKEN_WRONG */
	};
};

struct token expression_token(struct arena *arena, str text, size_t at);
/* The one that begins at or after `at`. */

/* Parsing. */
struct expression_parser {
	struct arena *arena;
	struct regex_table *regexes;
	str text;
	struct token token; /* the one that is looked at */
	unsigned nesting;
	size_t nodes;
	bool needs_principal;
	bool failed;
	size_t error_at;
	str why;
};

struct expression_node *expression_fail(struct expression_parser *parser, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Keeps the first mistake. NULL, for the caller to return. */

struct expression_node *expression_node_new(struct expression_parser *parser, enum expression_op op,
					    size_t at, struct expression_node *const *operands, size_t count);
/* A node over operands, in their order, with its types checked. An operand that is NULL, which was reported,
 * makes it NULL. */

bool expression_check(struct expression_parser *parser, struct expression_node *node);
/* The type of a node whose operands have theirs. False after expression_fail(). */

struct expression_node *parser_node(struct expression_parser *parser, enum expression_op op, size_t at);
/* One without operands and type. NULL when there are too many. */

void parser_advance(struct expression_parser *parser);
/* To the next token. */

bool parser_at_sign(const struct expression_parser *parser, const char *sign);
bool parser_at_word(const struct expression_parser *parser, const char *word);
/* Whether that is looked at. */

bool parser_take_sign(struct expression_parser *parser, const char *sign);
/* Goes on behind it when it is looked at. */

struct expression_node *parser_unexpected(struct expression_parser *parser, const char *words);
/* Something else than `words` stands there: fails. NULL. */

bool parser_want_sign(struct expression_parser *parser, const char *sign, const char *words);
/* parser_take_sign(), or parser_unexpected(). */

bool parser_enter(struct expression_parser *parser);
void parser_leave(struct expression_parser *parser);
/* Around whatever nests. False, and nothing may be parsed, when it is too deep; leave in either case. */
