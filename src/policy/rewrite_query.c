/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs are copied as they came, byte for byte, unless their decoded name is to go: a service may read
 * something into how a pair is written that is not ours to know.
 */
#include "policy/rewrite_query.h"

#include "codec/uri.h"

enum { ENCODED = 3 };

const struct field rewrite_query_fields[] = {
	FIELD_PAIRS(struct rewrite_query, set, "set", 100,
		    "Parameters and values, in place of those that had the name. `${...}` is filled in."),
	FIELD_STRS(struct rewrite_query, remove, "remove", 0, 100,
		   "Parameters that the upstream does not get."),
	FIELD_END
};

result rewrite_query_compile(struct policy_compile *compile, struct rewrite_query *query)
{
	struct reader *reader = compile->reader;
	result_value outcome = OK;

	query->values = ARENA_ARRAY(reader->arena, struct value, query->set.len);
	for (size_t i = 0; i < query->set.len; i++) {
		result_value compiled =
			value_compile(reader, query->set.at[i].node, VALUE_QUERY, 0, &query->values[i]);

		if (failed(compiled))
			outcome = compiled;
	}
	return outcome;
}

/* scratch holds as many bytes as the query. */
static bool is_dropped(const struct rewrite_query *query, str encoded, struct buf scratch)
{
	str name = uri_decode(encoded, true, &scratch);

	for (size_t i = 0; i < query->remove.len; i++)
		if (str_eq(name, query->remove.at[i]))
			return true;
	for (size_t i = 0; i < query->set.len; i++)
		if (str_eq(name, query->set.at[i].name))
			return true;
	return false;
}

/* The pairs that stay, as they are, whatever was empty between them. */
static void keep_pairs(const struct rewrite_query *query, str from, struct buf scratch, struct buf *out)
{
	str pair, name, value;

	while (from.len) {
		if (!str_cut(from, '&', &pair, &from)) {
			pair = from;
			from = (str) { 0 };
		}
		if (!str_cut(pair, '=', &name, &value))
			name = pair;
		if (pair.len == 0 || is_dropped(query, name, scratch))
			continue;
		if (out->len)
			buf_put_char(out, '&');
		buf_put(out, pair);
	}
}

static void put_pair(struct buf *out, str name, str value)
{
	if (out->len)
		buf_put_char(out, '&');
	value_put_encoded(out, name);
	buf_put_char(out, '=');
	buf_put(out, value);
}

result rewrite_query_apply(const struct rewrite_query *query, const struct view *view, str *ret_query)
{
	size_t room = view->query.len;
	str *values;
	char *scratch;
	struct buf out;

	if (query->set.len == 0 && query->remove.len == 0)
		return OK;
	values = ARENA_ARRAY(view->arena, str, query->set.len);
	for (size_t i = 0; i < query->set.len; i++) {
		TRY(value_expand(&query->values[i], view, NULL, &values[i]));
		room += values[i].len + query->set.at[i].name.len * ENCODED + 2;
	}
	if (arena_left(view->arena) < room + view->query.len)
		return error_make(ERROR_LIMIT, "the exchange's memory is used up");
	scratch = arena_bytes(view->arena, view->query.len);
	out = arena_open(view->arena, room);
	keep_pairs(query, view->query, buf_over(scratch, view->query.len), &out);
	for (size_t i = 0; i < query->set.len; i++)
		if (values[i].len)
			put_pair(&out, query->set.at[i].name, values[i]);
	*ret_query = arena_close(view->arena, &out);
	return OK;
}
