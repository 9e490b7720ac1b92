/* SPDX-License-Identifier: Apache-2.0 */
#include "config/field_compare.h"

#include <inttypes.h>

#include "config/field_private.h"
#include "config/secret_name.h"
#include "config/secret_value.h"
#include "config/unit.h"

enum { ITEMS_SHOWN = 5 };

struct comparing {
	struct arena *arena;
	field_differs_fn on_difference;
	void *self;
	str prefix;
};

static bool maps_are_same(const struct node *a, const struct node *b)
{
	if (a->count != b->count)
		return false;
	for (const struct node *child = a->first; child; child = child->next) {
		const struct node *other = node_find(b, child->key);

		if (!other || !nodes_are_same(child, other))
			return false;
	}
	return true;
}

static bool lists_are_same(const struct node *a, const struct node *b)
{
	const struct node *other = b->first;

	if (a->count != b->count)
		return false;
	for (const struct node *child = a->first; child; child = child->next, other = other->next)
		if (!nodes_are_same(child, other))
			return false;
	return true;
}

/* No deeper than the document, whose depth is bounded. */
bool nodes_are_same(const struct node *a, const struct node *b)
{
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case NODE_SCALAR:
		return str_eq(a->text, b->text);
	case NODE_MAP:
		return maps_are_same(a, b);
	case NODE_LIST:
		return lists_are_same(a, b);
	case NODE_NULL:
		break;
	}
	return true;
}

/* A text or a list of them: under such a name a map is something else, as the policy `api_key` is, and so is
 * a switch, as `credentials` of cors. */
static bool is_secret_by_name(const struct node *node)
{
	bool is_on;

	if (node->kind == NODE_SCALAR && field_parse_bool(node->text, &is_on))
		return false;
	return (node->kind == NODE_SCALAR || node->kind == NODE_LIST) &&
	       secret_name_judge(node->key) != SECRET_NAME_NONE;
}

static bool is_secret_by_value(const struct node *node)
{
	return node->kind == NODE_SCALAR && secret_value_is_evident(node->text);
}

/* What came from outside, and what may be one by its name or its looks, though it is written out. */
static bool has_secret(const struct node *node)
{
	if (!node)
		return false;
	if (node->is_expanded || is_secret_by_name(node) || is_secret_by_value(node))
		return true;
	for (const struct node *child = node->kind == NODE_SCALAR ? NULL : node->first; child;
	     child = child->next)
		if (has_secret(child))
			return true;
	return false;
}

/* One row of both. */
struct row {
	const struct field *field;
	struct field_side before, after; /* the member, and its node */
	bool is_secret;
};

static struct field_side member_of(const struct field *field, struct field_side side)
{
	return (struct field_side) { (const char *)side.at + field->offset,
				     node_find(side.node, str_of(field->name)) };
}

static void tell(struct comparing *c, const struct row *row, struct field_difference difference)
{
	const char *dot = c->prefix.len ? "." : "";

	difference.path = arena_printf(c->arena, "%.*s%s%s", STR_ARG(c->prefix), dot, row->field->name);
	if (row->is_secret && row->field->type == FIELD_T_STR &&
	    difference.count_before != difference.count_after)
		difference.words = difference.count_before ? STR("gone") : STR("new");
	else if (row->is_secret || !difference.words.len)
		difference.words = STR("changed");
	c->on_difference(c->self, &difference);
}

static int64_t number_of(const struct field *field, const void *member)
{
	switch (field->type) {
	case FIELD_T_BOOL:
		return *(const bool *)member;
	case FIELD_T_ENUM:
		return *(const int *)member;
	case FIELD_T_SIZE: /* beyond it there is only UINT64_MAX, which stands for no bound */
		return *(const uint64_t *)member > INT64_MAX ? INT64_MAX
							     : (int64_t) * (const uint64_t *)member;
	default:
		return *(const int64_t *)member;
	}
}

static str number_print(struct comparing *c, const struct field *field, int64_t value)
{
	switch (field->type) {
	case FIELD_T_BOOL:
		return value ? STR("true") : STR("false");
	case FIELD_T_ENUM:
		return str_of(field->words[value]);
	case FIELD_T_SIZE:
		return unit_print_size(c->arena, (uint64_t)value);
	case FIELD_T_DURATION:
		return unit_print_duration(c->arena, value);
	default:
		return arena_printf(c->arena, "%" PRId64, value);
	}
}

static void compare_numbers(struct comparing *c, const struct row *row)
{
	struct field_difference difference = { .is_ordered = true };
	str before, after;

	difference.before = number_of(row->field, row->before.at);
	difference.after = number_of(row->field, row->after.at);
	if (difference.before == difference.after)
		return;
	before = number_print(c, row->field, difference.before);
	after = number_print(c, row->field, difference.after);
	difference.words = arena_printf(c->arena, "%.*s -> %.*s", STR_ARG(before), STR_ARG(after));
	tell(c, row, difference);
}

static int order_of(__int128 before, __int128 after)
{
	return (after > before) - (after < before);
}

/* Where the one grows and the other shrinks, no order can be told. */
struct field_difference field_compare_rates(struct rate before, struct rate after)
{
	int pace = order_of((__int128)before.number * after.period, (__int128)after.number * before.period);
	int number = order_of(before.number, after.number);

	return (struct field_difference) { .is_ordered = pace * number >= 0, .after = pace ? pace : number };
}

static void compare_rates(struct comparing *c, const struct row *row)
{
	struct rate before = *(const struct rate *)row->before.at,
		    after = *(const struct rate *)row->after.at;
	struct field_difference difference = field_compare_rates(before, after);
	str one = unit_print_rate(c->arena, before), other = unit_print_rate(c->arena, after);

	if (!difference.after)
		return;
	difference.words = arena_printf(c->arena, "%.*s -> %.*s", STR_ARG(one), STR_ARG(other));
	tell(c, row, difference);
}

static void compare_texts(struct comparing *c, const struct row *row)
{
	str before = *(const str *)row->before.at, after = *(const str *)row->after.at;
	bool is_other = !str_eq_nocase(before, after);
	struct field_difference difference = { .count_before = before.len > 0,
					       .count_after = after.len > 0,
					       .names_added = is_other && after.len,
					       .names_removed = is_other && before.len };

	if (str_eq(before, after))
		return;
	difference.words = arena_printf(c->arena, "\"%.*s\" -> \"%.*s\"", STR_ARG(before), STR_ARG(after));
	tell(c, row, difference);
}

static bool list_has(const str_list *list, str item)
{
	for (size_t i = 0; i < list->len; i++)
		if (str_eq(list->at[i], item))
			return true;
	return false;
}

/* How many names of the one the other has not. */
static size_t count_names(const str_list *of, const str_list *in)
{
	size_t count = 0;

	for (size_t i = 0; i < of->len; i++) {
		size_t j = 0;

		while (j < in->len && !str_eq_nocase(of->at[i], in->at[j]))
			j++;
		count += j == in->len;
	}
	return count;
}

/* Texts, and what is shown of each. */
struct texts {
	str_list are, shown;
};

/* What is in the one and not in the other, with a word before it. How many these are. */
static size_t put_missing(struct comparing *c, const char *word, const struct texts *of,
			  const struct texts *in, str *words)
{
	size_t count = 0;

	for (size_t i = 0; i < of->are.len; i++) {
		if (list_has(&in->are, of->are.at[i]) || ++count > ITEMS_SHOWN)
			continue;
		*words = arena_printf(c->arena, "%.*s%s%s%.*s", STR_ARG(*words), words->len ? ", " : "",
				      count == 1 ? word : "", STR_ARG(of->shown.at[i]));
	}
	if (count > ITEMS_SHOWN)
		*words = arena_printf(c->arena, "%.*s and %zu more", STR_ARG(*words), count - ITEMS_SHOWN);
	return count;
}

static bool are_same(const str_list *before, const str_list *after)
{
	bool is_same = before->len == after->len;

	for (size_t i = 0; is_same && i < before->len; i++)
		is_same = str_eq(before->at[i], after->at[i]);
	return is_same;
}

/* Where only the order differs, nothing is added or removed. */
static void tell_lists(struct comparing *c, const struct row *row, const struct texts *before,
		       const struct texts *after, struct field_difference difference)
{
	difference.is_list = true;
	difference.count_before = before->are.len;
	difference.count_after = after->are.len;
	difference.added = put_missing(c, "added ", after, before, &difference.words);
	difference.removed = put_missing(c, "removed ", before, after, &difference.words);
	tell(c, row, difference);
}

static void compare_lists(struct comparing *c, const struct row *row, str_list before, str_list after)
{
	struct texts old = { before, before }, new = { after, after };
	struct field_difference difference = { 0 };

	if (are_same(&before, &after))
		return;
	difference.names_added = count_names(&after, &before);
	difference.names_removed = count_names(&before, &after);
	tell_lists(c, row, &old, &new, difference);
}

static str_list words_of(struct comparing *c, const struct field *field, unsigned bits)
{
	str *words = ARENA_ARRAY(c->arena, str, FIELD_WORDS_MAX);
	size_t count = 0;

	for (size_t i = 0; i < field_word_count(field); i++)
		if (bits & 1u << i)
			words[count++] = str_of(field->words[i]);
	return (str_list) { words, count };
}

static bool has_secret_pair(const struct pair_list *pairs, str name)
{
	for (size_t i = 0; i < pairs->len; i++)
		if (str_eq_nocase(pairs->at[i].name, name) && has_secret(pairs->at[i].node))
			return true;
	return false;
}

/* Where a name has a secret on either side, both are one: it may have been written out before. */
static struct texts texts_of(struct comparing *c, const struct pair_list *pairs,
			     const struct pair_list *others)
{
	str *are = ARENA_ARRAY(c->arena, str, pairs->len), *shown = ARENA_ARRAY(c->arena, str, pairs->len);

	for (size_t i = 0; i < pairs->len; i++) {
		str name = pairs->at[i].name, parts[] = { name, STR(": "), pairs->at[i].value };

		are[i] = shown[i] = arena_join(c->arena, parts, 3);
		if (has_secret_pair(pairs, name) || has_secret_pair(others, name))
			shown[i] = arena_printf(c->arena, "%.*s: ***", STR_ARG(name));
	}
	return (struct texts) { { are, pairs->len }, { shown, pairs->len } };
}

static str_list names_of(struct comparing *c, const struct pair_list *pairs)
{
	str *names = ARENA_ARRAY(c->arena, str, pairs->len);

	for (size_t i = 0; i < pairs->len; i++)
		names[i] = pairs->at[i].name;
	return (str_list) { names, pairs->len };
}

bool field_is_of_request(str value)
{
	return str_contains(value, STR("${request.")) || str_contains(value, STR("${path."));
}

/* What somebody else said under a name is now said by whoever asks. */
static size_t count_lent(const struct pair_list *before, const struct pair_list *after)
{
	size_t count = 0;

	for (size_t i = 0; i < after->len; i++)
		for (size_t j = 0; j < before->len && field_is_of_request(after->at[i].value); j++)
			count += str_eq_nocase(before->at[j].name, after->at[i].name) &&
				 !field_is_of_request(before->at[j].value);
	return count;
}

/* What is secret is masked pair by pair. */
static void compare_pairs(struct comparing *c, const struct row *row)
{
	const struct pair_list *one = row->before.at, *other = row->after.at;
	struct texts before = texts_of(c, one, other), after = texts_of(c, other, one);
	str_list old = names_of(c, one), new = names_of(c, other);
	struct row shown = *row;
	struct field_difference difference = { .names_added = count_names(&new, &old),
					       .names_removed = count_names(&old, &new),
					       .names_lent = count_lent(one, other) };

	shown.is_secret = false;
	if (are_same(&before.are, &after.are))
		return;
	tell_lists(c, &shown, &before, &after, difference);
}

/* A text, a list of texts or nothing, as a list. False when it is anything else. */
static bool list_of_node(struct comparing *c, const struct node *node, str_list *ret_list)
{
	const struct node *first = node && node->kind == NODE_LIST ? node->first : node;
	size_t max = node && node->kind == NODE_LIST ? node->count : 1, count = 0;
	str *texts = ARENA_ARRAY(c->arena, str, max);

	*ret_list = (str_list) { texts, 0 };
	for (const struct node *item = first; item && count < max; item = item->next) {
		if (item->kind != NODE_SCALAR)
			return item->kind == NODE_NULL && item == node;
		texts[count++] = item->text;
	}
	ret_list->len = count;
	return true;
}

static void compare_written(struct comparing *c, const struct row *row)
{
	const struct node *before = row->before.node, *after = row->after.node;
	str_list one, other;

	if (nodes_are_same(before, after))
		return;
	if (list_of_node(c, before, &one) && list_of_node(c, after, &other))
		compare_lists(c, row, one, other);
	else
		tell(c, row, (struct field_difference) { 0 });
}

static void compare_table(struct comparing *c, const struct field *fields, struct field_side before,
			  struct field_side after);

static void compare_custom(struct comparing *c, const struct row *row)
{
	struct field_difference difference = { 0 };

	if (!row->field->form->compare) {
		compare_written(c, row);
		return;
	}
	row->field->form->compare(c->arena, row->before.at, row->after.at, &difference);
	if (difference.words.len)
		tell(c, row, difference);
}

static void compare_object(struct comparing *c, const struct row *row)
{
	str outer = c->prefix;

	c->prefix =
		arena_printf(c->arena, "%.*s%s%s", STR_ARG(outer), outer.len ? "." : "", row->field->name);
	compare_table(c, row->field->fields, row->before, row->after);
	c->prefix = outer;
}

static void compare_row(struct comparing *c, const struct row *row)
{
	const void *before = row->before.at, *after = row->after.at;

	switch (row->field->type) {
	case FIELD_T_STR:
		compare_texts(c, row);
		break;
	case FIELD_T_BOOL:
	case FIELD_T_INT:
	case FIELD_T_DURATION:
	case FIELD_T_SIZE:
	case FIELD_T_ENUM:
		compare_numbers(c, row);
		break;
	case FIELD_T_RATE:
		compare_rates(c, row);
		break;
	case FIELD_T_STRS:
		compare_lists(c, row, *(const str_list *)before, *(const str_list *)after);
		break;
	case FIELD_T_ENUMS:
		compare_lists(c, row, words_of(c, row->field, *(const unsigned *)before),
			      words_of(c, row->field, *(const unsigned *)after));
		break;
	case FIELD_T_PAIRS:
		compare_pairs(c, row);
		break;
	case FIELD_T_OBJECT:
		compare_object(c, row);
		break;
	case FIELD_T_CUSTOM:
		compare_custom(c, row);
		break;
	default:
		compare_written(c, row);
	}
}

static void compare_table(struct comparing *c, const struct field *fields, struct field_side before,
			  struct field_side after)
{
	for (const struct field *field = fields; field->type != FIELD_T_END; field++) {
		struct row row = { .field = field,
				   .before = member_of(field, before),
				   .after = member_of(field, after) };

		row.is_secret = has_secret(row.before.node) || has_secret(row.after.node);
		compare_row(c, &row);
	}
}

void fields_compare(const struct field *fields, struct field_side before, struct field_side after,
		    struct arena *arena, field_differs_fn on_difference, void *self)
{
	struct comparing c = { .arena = arena, .on_difference = on_difference, .self = self };

	compare_table(&c, fields, before, after);
}
