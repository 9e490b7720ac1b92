/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether one pattern takes all hosts of another is all there is to know: two patterns either exclude each
 * other or one of them is within the other, because a wildcard stands only in front.
 */
#include "route/host_pattern.h"

#include "codec/host.h"

/* By the same parser as a request's Host, so that both have one form. */
static bool parse_name(struct arena *arena, str text, str *ret_name)
{
	char bytes[HOST_LEN_MAX];
	struct buf room = buf_over(bytes, sizeof bytes);
	struct host host;

	if (!host_parse(text, &host) || host.has_port)
		return false;
	*ret_name = arena_str(arena, host_lower(host.name, &room));
	return true;
}

bool host_pattern_parse(struct arena *arena, str text, struct host_pattern *ret_pattern, str *ret_why)
{
	str name = text;
	size_t at;

	*ret_pattern = (struct host_pattern) { .kind = HOST_ANY };
	if (str_eq(text, STR("*")))
		return true;
	ret_pattern->kind = str_starts(text, STR("*.")) ? HOST_WILDCARD : HOST_EXACT;
	if (ret_pattern->kind == HOST_WILDCARD)
		name = str_skip(text, 2);
	if (str_find(name, '*', &at))
		*ret_why = STR("a '*' stands only in front, for whole labels: \"*.example.com\"");
	else if (!parse_name(arena, name, &ret_pattern->name))
		*ret_why = STR("not a host: want a name or an address, without scheme and port");
	else if (ret_pattern->kind == HOST_WILDCARD && ret_pattern->name.ptr[0] == '[')
		*ret_why = STR("\"*.\" stands in front of a name, not of an address");
	else
		return true;
	return false;
}

/* One label at least stands in front, whole: "*.x" takes neither "x" nor "ax". */
static bool wildcard_takes(const struct host_pattern *wildcard, str name)
{
	str suffix = wildcard->name;

	return name.len > suffix.len + 1 && str_ends(name, suffix) &&
	       name.ptr[name.len - suffix.len - 1] == '.';
}

/* Every host of b is one of a. */
static bool covers(const struct host_pattern *a, const struct host_pattern *b)
{
	if (a->kind == HOST_ANY || host_pattern_eq(a, b))
		return true;
	return a->kind == HOST_WILDCARD && b->kind != HOST_ANY && wildcard_takes(a, b->name);
}

bool host_pattern_meet(const struct host_pattern *a, const struct host_pattern *b,
		       struct host_pattern *ret_both)
{
	if (covers(a, b))
		*ret_both = *b;
	else if (covers(b, a))
		*ret_both = *a;
	else
		return false;
	return true;
}

bool host_pattern_eq(const struct host_pattern *a, const struct host_pattern *b)
{
	return a->kind == b->kind && str_eq(a->name, b->name);
}
