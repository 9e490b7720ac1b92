/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluating: one function for each operator, over operands by value. Texts that have to be put together go
 * to a room on the stack; the tree is no deeper than EXPRESSION_DEPTH_MAX, so the stack is bounded.
 *
 * Missing goes up through everything but comparisons and tests, which it makes false; where a boolean is
 * wanted it counts as false. Types that turn out not to fit are like missing. What could not be decided is
 * remembered beside the value.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "policy/expression_private.h"
#include "route/regex.h"

enum { NUMBER_ROOM = 32 };

struct run {
	const struct view *view;
	struct buf room;
	bool is_undecided;
};

static struct operand run_node(struct run *run, const struct expression_node *node);

static struct operand missing(void)
{
	return (struct operand) { .kind = OPERAND_MISSING };
}

static struct operand truth(bool is_true)
{
	return (struct operand) { .kind = OPERAND_BOOL, .boolean = is_true };
}

static struct operand number(int64_t value)
{
	return (struct operand) { .kind = OPERAND_INT, .integer = value };
}

static bool is_true(struct operand value)
{
	return value.kind == OPERAND_BOOL && value.boolean;
}

static bool is_text(struct operand value)
{
	return value.kind == OPERAND_STRING;
}

static bool is_number(struct operand value)
{
	return value.kind == OPERAND_INT || value.kind == OPERAND_DOUBLE;
}

static struct operand run_constant(struct run *run, const struct expression_node *node)
{
	(void)run;
	return node->constant;
}

static struct operand run_source(struct run *run, const struct expression_node *node)
{
	return node->source->get(run->view);
}

/* Maps. A map of the request is only ever asked for one of its values. */

static struct operand find_in_source(struct run *run, const struct expression_node *map, str key,
				     enum http_name id)
{
	return map->source->find(run->view, key, id, &run->room);
}

static struct operand find_in_map(struct operand map, str key)
{
	struct operand value;

	return map.map.find(map.map.self, key, &value) ? value : missing();
}

static struct operand run_index(struct run *run, const struct expression_node *node)
{
	const struct expression_node *base = node->first;
	struct operand key = run_node(run, base->next), many;

	if (base->type == TYPE_MAP) {
		bool is_constant = base->next->op == OP_CONSTANT;

		if (!is_text(key))
			return missing();
		return find_in_source(run, base, key.text,
				      is_constant ? node->field : http_name_find(key.text));
	}
	many = run_node(run, base);
	if (many.kind == OPERAND_MAP && is_text(key))
		return find_in_map(many, key.text);
	/* As an unsigned number a negative one is beyond any list. */
	if (many.kind == OPERAND_LIST && key.kind == OPERAND_INT && (uint64_t)key.integer < many.list.count)
		return many.list.at[key.integer];
	return missing();
}

static struct operand run_choose(struct run *run, const struct expression_node *node)
{
	const struct expression_node *yes = node->first->next;

	return run_node(run, is_true(run_node(run, node->first)) ? yes : yes->next);
}

static struct operand run_and(struct run *run, const struct expression_node *node)
{
	for (const struct expression_node *operand = node->first; operand; operand = operand->next)
		if (!is_true(run_node(run, operand)))
			return truth(false);
	return truth(true);
}

static struct operand run_or(struct run *run, const struct expression_node *node)
{
	for (const struct expression_node *operand = node->first; operand; operand = operand->next)
		if (is_true(run_node(run, operand)))
			return truth(true);
	return truth(false);
}

static struct operand run_not(struct run *run, const struct expression_node *node)
{
	return truth(!is_true(run_node(run, node->first)));
}

/* Comparing. */

static int sign_of(bool is_less, bool is_more)
{
	return is_more - is_less;
}

/* An int and a double by their exact values: 2^53 + 1 is not 2^53. */
static int compare_mixed(int64_t integer, double real)
{
	if (real >= 9223372036854775808.0)
		return -1;
	if (real < -9223372036854775808.0)
		return 1;
	if (integer != (int64_t)real)
		return sign_of(integer<(int64_t)real, integer>(int64_t) real);
	return sign_of(0 < real - trunc(real), 0 > real - trunc(real));
}

static int compare_numbers(struct operand a, struct operand b)
{
	if (a.kind == OPERAND_INT && b.kind == OPERAND_INT)
		return sign_of(a.integer<b.integer, a.integer> b.integer);
	if (a.kind == OPERAND_INT)
		return compare_mixed(a.integer, b.real);
	if (b.kind == OPERAND_INT)
		return -compare_mixed(b.integer, a.real);
	return sign_of(a.real<b.real, a.real> b.real);
}

static bool is_nan(struct operand value)
{
	return value.kind == OPERAND_DOUBLE && isnan(value.real);
}

/* False when there is no order between the two. */
static bool compare(struct operand a, struct operand b, int *ret_order)
{
	if (is_number(a) && is_number(b) && !is_nan(a) && !is_nan(b))
		*ret_order = compare_numbers(a, b);
	else if (is_text(a) && is_text(b))
		*ret_order = str_cmp(a.text, b.text);
	else if (a.kind == OPERAND_TIMESTAMP && b.kind == OPERAND_TIMESTAMP)
		*ret_order = sign_of(a.time<b.time, a.time> b.time);
	else
		return false;
	return true;
}

/* Of one type, as far as comparisons go: of others neither == nor != holds. */
static bool are_alike(struct operand a, struct operand b)
{
	return a.kind == b.kind || (is_number(a) && is_number(b));
}

static bool are_equal(struct operand a, struct operand b)
{
	int order;

	if (a.kind == OPERAND_BOOL && b.kind == OPERAND_BOOL)
		return a.boolean == b.boolean;
	return compare(a, b, &order) && order == 0;
}

/* Lists within lists are equal to nothing, which keeps this from recursing. */
static bool are_equal_lists(struct operand a, struct operand b)
{
	if (a.list.count != b.list.count)
		return false;
	for (size_t i = 0; i < a.list.count; i++)
		if (!are_equal(a.list.at[i], b.list.at[i]))
			return false;
	return true;
}

static struct operand run_equality(struct run *run, const struct expression_node *node)
{
	struct operand a = run_node(run, node->first), b = run_node(run, node->first->next);
	bool is_equal;

	if (a.kind == OPERAND_MISSING || !are_alike(a, b))
		return truth(false);
	is_equal = a.kind == OPERAND_LIST && b.kind == OPERAND_LIST ? are_equal_lists(a, b) : are_equal(a, b);
	return truth(is_equal == (node->op == OP_EQ));
}

static struct operand run_order(struct run *run, const struct expression_node *node)
{
	struct operand a = run_node(run, node->first), b = run_node(run, node->first->next);
	int order;

	if (!compare(a, b, &order))
		return truth(false);
	switch (node->op) {
	case OP_LT:
		return truth(order < 0);
	case OP_LE:
		return truth(order <= 0);
	case OP_GT:
		return truth(order > 0);
	default:
		return truth(order >= 0);
	}
}

static struct operand run_in(struct run *run, const struct expression_node *node)
{
	struct operand value = run_node(run, node->first), many;
	const struct expression_node *map = node->first->next;

	if (map->type == TYPE_MAP)
		return truth(is_text(value) &&
			     find_in_source(run, map, value.text, http_name_find(value.text)).kind !=
				     OPERAND_MISSING);
	many = run_node(run, map);
	if (many.kind == OPERAND_MAP)
		return truth(is_text(value) && find_in_map(many, value.text).kind != OPERAND_MISSING);
	for (size_t i = 0; many.kind == OPERAND_LIST && i < many.list.count; i++)
		if (are_equal(value, many.list.at[i]))
			return truth(true);
	return truth(false);
}

/* A Unix socket has no address that could be in a range. */
static struct operand run_in_ranges(struct run *run, const struct expression_node *node)
{
	struct ip ip;

	return truth(ip_parse(run->view->client_ip, &ip) &&
		     cidr_any_has(node->ranges.at, node->ranges.count, ip));
}

/* Sums. */

static struct operand join(struct run *run, str a, str b)
{
	size_t from = run->room.len;

	buf_put(&run->room, a);
	buf_put(&run->room, b);
	return (struct operand) { .kind = OPERAND_STRING, .text = str_skip(buf_str(&run->room), from) };
}

static struct operand run_add(struct run *run, const struct expression_node *node)
{
	struct operand a = run_node(run, node->first), b = run_node(run, node->first->next);
	int64_t sum;

	if (is_text(a) && is_text(b))
		return join(run, a.text, b.text);
	if (a.kind == OPERAND_DOUBLE && b.kind == OPERAND_DOUBLE)
		return (struct operand) { .kind = OPERAND_DOUBLE, .real = a.real + b.real };
	if (a.kind != OPERAND_INT || b.kind != OPERAND_INT ||
	    __builtin_add_overflow(a.integer, b.integer, &sum))
		return missing();
	return number(sum);
}

/* Functions. */

static struct operand run_text_test(struct run *run, const struct expression_node *node)
{
	struct operand text = run_node(run, node->first), part = run_node(run, node->first->next);

	if (!is_text(text) || !is_text(part))
		return truth(false);
	if (node->op == OP_STARTS)
		return truth(str_starts(text.text, part.text));
	if (node->op == OP_ENDS)
		return truth(str_ends(text.text, part.text));
	return truth(str_contains(text.text, part.text));
}

static struct operand run_matches(struct run *run, const struct expression_node *node)
{
	struct operand text = run_node(run, node->first);
	enum regex_outcome outcome;

	if (!is_text(text))
		return truth(false);
	outcome = regex_match(node->regex, run->view->regex, text.text, 0);
	run->is_undecided |= outcome == REGEX_LIMIT;
	return truth(outcome == REGEX_YES);
}

static struct operand run_has(struct run *run, const struct expression_node *node)
{
	return truth(run_node(run, node->first).kind != OPERAND_MISSING);
}

/* Characters, not bytes: those that do not go on with one. */
static size_t characters_of(str text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += ((uint8_t)text.ptr[i] & 0xc0) != 0x80;
	return count;
}

static struct operand run_size(struct run *run, const struct expression_node *node)
{
	struct operand value = run_node(run, node->first);

	if (is_text(value))
		return number((int64_t)characters_of(value.text));
	return value.kind == OPERAND_LIST ? number((int64_t)value.list.count) : missing();
}

static struct operand int_of_text(str text)
{
	bool is_negative = text.len && text.ptr[0] == '-';
	uint64_t value;

	if (!str_to_u64(str_skip(text, is_negative), INT64_MAX, &value))
		return missing();
	return number(is_negative ? -(int64_t)value : (int64_t)value);
}

static struct operand run_to_int(struct run *run, const struct expression_node *node)
{
	struct operand value = run_node(run, node->first);

	switch (value.kind) {
	case OPERAND_INT:
		return value;
	case OPERAND_DOUBLE:
		/* NaN fails both. */
		if (value.real >= -9223372036854775808.0 && value.real < 9223372036854775808.0)
			return number((int64_t)value.real);
		return missing();
	case OPERAND_STRING:
		return int_of_text(value.text);
	case OPERAND_TIMESTAMP:
		return number(value.time / SECOND);
	default:
		return missing();
	}
}

static struct operand text_of(struct run *run, const char *text, size_t len)
{
	return join(run, (str) { text, len }, (str) { 0 });
}

static struct operand run_to_string(struct run *run, const struct expression_node *node)
{
	struct operand value = run_node(run, node->first);
	char text[NUMBER_ROOM];
	int len;

	switch (value.kind) {
	case OPERAND_BOOL:
		return (struct operand) { .kind = OPERAND_STRING,
					  .text = value.boolean ? STR("true") : STR("false") };
	case OPERAND_INT:
		len = snprintf(text, sizeof text, "%" PRId64, value.integer);
		return text_of(run, text, (size_t)len);
	case OPERAND_DOUBLE:
		len = snprintf(text, sizeof text, "%.15g", value.real);
		return text_of(run, text, (size_t)len);
	case OPERAND_STRING:
		return value;
	case OPERAND_TIMESTAMP:
		return text_of(run, text, time_print_rfc3339(value.time, text));
	default:
		return missing();
	}
}

/* Of a text by RFC 3339, of an int as seconds since 1970, which is what claims bear. */
static struct operand run_to_timestamp(struct run *run, const struct expression_node *node)
{
	struct operand value = run_node(run, node->first);
	struct operand time = { .kind = OPERAND_TIMESTAMP };

	if (value.kind == OPERAND_TIMESTAMP)
		return value;
	if (is_text(value))
		return time_parse_rfc3339(value.text, &time.time) ? time : missing();
	if (value.kind != OPERAND_INT || __builtin_mul_overflow(value.integer, SECOND, &time.time))
		return missing();
	return time;
}

static struct operand (*const run_ops[OPS])(struct run *run, const struct expression_node *node) = {
	[OP_CONSTANT] = run_constant,
	[OP_SOURCE] = run_source,
	[OP_INDEX] = run_index,
	[OP_CHOOSE] = run_choose,
	[OP_OR] = run_or,
	[OP_AND] = run_and,
	[OP_EQ] = run_equality,
	[OP_NE] = run_equality,
	[OP_LT] = run_order,
	[OP_LE] = run_order,
	[OP_GT] = run_order,
	[OP_GE] = run_order,
	[OP_IN] = run_in,
	[OP_IN_RANGES] = run_in_ranges,
	[OP_ADD] = run_add,
	[OP_NOT] = run_not,
	[OP_STARTS] = run_text_test,
	[OP_ENDS] = run_text_test,
	[OP_CONTAINS] = run_text_test,
	[OP_MATCHES] = run_matches,
	[OP_HAS] = run_has,
	[OP_SIZE] = run_size,
	[OP_TO_INT] = run_to_int,
	[OP_TO_STRING] = run_to_string,
	[OP_TO_TIMESTAMP] = run_to_timestamp,
};

static struct operand run_node(struct run *run, const struct expression_node *node)
{
	return run_ops[node->op](run, node);
}

struct operand expression_run(const struct expression_node *node, const struct view *view,
			      bool *ret_is_undecided)
{
	char bytes[EXPRESSION_ROOM];
	struct run run = { .view = view, .room = buf_over(bytes, sizeof bytes) };
	struct operand value = run_node(&run, node);

	*ret_is_undecided = run.is_undecided || buf_overflowed(&run.room);
	return value;
}
