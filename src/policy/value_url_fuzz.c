/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two strangers with requests of their own, and one text that check has passed: whatever they send, neither
 * leads the other to a domain of his choice. The last two labels of the host are the configuration's, or the
 * request's.
 */
#include "policy/value_url.h"

#include "base/assert.h"
#include "codec/host.h"

enum { STRANGERS = 2, PARTS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What one of them sends, to a name or to an address. */
static bool expand(struct arena *arena, const struct value *value, str tail, str host, str query, str field,
		   str parameter, str *ret_url)
{
	static const str path = STR_INIT("/evil.test/x");
	struct http_field fields = { .name = STR("X"), .value = field };
	struct http_request request = { .method_text = STR("GET"), .fields = { &fields, 1, 1 } };
	struct route_parameter parameters = { STR("p"), parameter };
	struct view view = { .arena = arena,
			     .request = &request,
			     .scheme = STR("https"),
			     .host = host,
			     .path = path,
			     .query = query,
			     .parameters = &parameters,
			     .parameter_count = 1 };
	result_value expanded = value_expand(value, &view, NULL, ret_url);

	return !failed(expanded) && value_url_is_safe(*ret_url, tail);
}

/* "example.com" of "https://a.example.com:8443/x"; empty for a path. */
static str domain_of(str url)
{
	str rest = str_skip(url, str_starts(url, STR("https://")) ? 8 : 7);
	struct host host;
	size_t len = 0, from, dots = 0;

	if (str_starts(url, STR("/"))) {
		ASSERT(url.len < 2 || (url.ptr[1] != '/' && url.ptr[1] != '\\'));
		return (str) { 0 };
	}
	while (len < rest.len && !strchr("/?#\\", rest.ptr[len]))
		len++;
	ASSERT(host_parse(str_slice(rest, 0, len), &host));
	for (from = host.name.len; from > 0; from--) {
		dots += host.name.ptr[from - 1] == '.';
		if (dots == 2)
			break;
	}
	return str_skip(host.name, from);
}

static void run(struct arena *arena, str host, const str parts[PARTS])
{
	struct reader reader = { arena, diagnostics_new(arena), NULL };
	const struct node node = { .kind = NODE_SCALAR, .text = parts[0] };
	struct value value;
	str urls[STRANGERS], tail = { 0 };
	result_value checked = value_compile(&reader, &node, VALUE_URL, 0, &value);

	if (!failed(checked))
		checked = value_url_check(&reader, &node, &value, &tail);
	if (failed(checked) || !expand(arena, &value, tail, host, parts[1], parts[2], parts[3], &urls[0]) ||
	    !expand(arena, &value, tail, host, STR("q=b"), STR("c"), STR("d"), &urls[1]))
		return;
	ASSERT(str_eq(domain_of(urls[0]), domain_of(urls[1])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str rest = { (const char *)data, size }, parts[PARTS];
	struct arena arena;

	for (size_t i = 0; i < PARTS - 1; i++)
		if (!str_cut(rest, 0, &parts[i], &rest))
			return 0;
	parts[PARTS - 1] = rest;
	arena_init(&arena, NULL, 8 * 1024 * 1024);
	run(&arena, STR("own.test"), parts);
	run(&arena, STR("[2001:db8::1]"), parts);
	arena_fini(&arena);
	return 0;
}
