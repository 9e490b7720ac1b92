/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of an expression, and what its parts share: the lexer cuts the text into tokens, the parser makes
 * nodes of them, each checked for its types as it is made, and the evaluator and the printer walk them.
 */
#pragma once

#include "codec/cidr.h"
#include "policy/expression.h"
#include "codec/operand.h"
#include "policy/principal.h"

/* Types as they are known when loaded. DYNAMIC is whatever it turns out to be. */
enum expression_type {
	TYPE_BOOL,
	TYPE_INT,
	TYPE_DOUBLE,
	TYPE_STRING,
	TYPE_TIMESTAMP,
	TYPE_LIST,
	TYPE_MAP,
	TYPE_DYNAMIC,
};

enum expression_op {
	OP_CONSTANT,
	OP_SOURCE, /* something of the request */
	OP_INDEX,  /* first[second]; a.b is a["b"] */
	OP_CHOOSE, /* first ? second : third */
	OP_OR,     /* of two or more */
	OP_AND,
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_IN,
	OP_IN_RANGES, /* the client's address in addresses and CIDR ranges */
	OP_ADD,
	OP_NOT,
	OP_STARTS,
	OP_ENDS,
	OP_CONTAINS,
	OP_MATCHES,
	OP_HAS,
	OP_SIZE,
	OP_TO_INT,
	OP_TO_STRING,
	OP_TO_TIMESTAMP,
	OPS,
};

struct expression_source;

struct expression_node {
	enum expression_op op;
	enum expression_type type, element;   /* element: of a list's or map's values */
	unsigned depth;                       /* of the tree beneath, itself counted */
	size_t at;                            /* offset in the text */
	struct expression_node *first, *next; /* operands, and the next one of the same operator */
	union {
		struct operand constant;                /* OP_CONSTANT */
		const struct expression_source *source; /* OP_SOURCE */
		const struct regex *regex;              /* OP_MATCHES */
		enum http_name field;                   /* OP_INDEX of the fields by a constant */
		struct {
			const struct cidr *at;
			size_t count;
		} ranges; /* OP_IN_RANGES */
	};
};

struct expression {
	const struct expression_node *root;
	bool needs_principal;
	bool is_expanded; /* some of it came by ${...}, and may be a secret */
};

/* What a name stands for. A row has `get`, or `find` when it is a map. */
struct expression_source {
	str name;        /* "client.ip" */
	const char *doc; /* one sentence */
	enum expression_type type, element;
	bool is_principal;
	struct operand (*get)(const struct view *view);
	struct operand (*find)(const struct view *view, str key, enum http_name id, struct buf *room);
	/* room: for what must be decoded or joined; when it is too small, it says so by its overflow. */
};

extern const struct expression_source expression_sources[];
/* Ended by one without a name. */

const struct expression_source *expression_source_find(str name);
/* NULL when there is none of that name. */

bool expression_is_client_ip(const struct expression_node *node);

const char *expression_type_word(enum expression_type type);

const char *expression_sign(enum expression_op op);
/* Of an operator: "=="; of a call: its name. */

void expression_print_told(const struct expression *expression, struct buf *out);
/* expression_print(), but a text that something under a secret's name is compared with is "***". */

struct operand expression_run(const struct expression_node *node, const struct view *view,
			      bool *ret_is_undecided);
/* A text or a list that comes out is gone with the call. */
