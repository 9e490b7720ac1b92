/* SPDX-License-Identifier: Apache-2.0 */
/*
 * question: no more of a URL is taken apart than has to be: what stands behind the host goes on the wire as
 * it is.
 */
#include "proxy/question.h"

bool question_set_url(struct question *question, str url)
{
	static const str schemes[] = { STR_INIT("http://"), STR_INIT("https://") };
	size_t end;

	for (size_t i = 0; i < 2; i++) {
		if (!str_starts(url, schemes[i]))
			continue;
		url = str_skip(url, schemes[i].len);
		question->is_secure = i == 1;
		for (end = 0; end < url.len && url.ptr[end] != '/' && url.ptr[end] != '?'; end++)
			;
		question->host = str_slice(url, 0, end);
		question->target = end < url.len ? str_skip(url, end) : STR("/");
		return question->host.len > 0;
	}
	question->target = url;
	return url.len && (url.ptr[0] == '/' || str_eq(url, STR("*")));
}

static bool has_header(const struct question *question, str name)
{
	str given, value;

	for (size_t i = 0; i < question->header_count; i++)
		if (str_cut(question->headers[i], ':', &given, &value) && str_eq_nocase(given, name))
			return true;
	return false;
}

static bool is_framed(const struct question *question)
{
	return has_header(question, STR("content-length")) || has_header(question, STR("transfer-encoding"));
}

str question_print(const struct question *question, bool has_body, size_t length, struct arena *arena)
{
	bool is_bare = question->target.len && question->target.ptr[0] == '?'; /* "http://host?query" */
	str head = arena_printf(arena, "%.*s %s%.*s HTTP/1.1\r\n", STR_ARG(question->method),
				is_bare ? "/" : "", STR_ARG(question->target));

	for (size_t i = 0; i < question->header_count; i++)
		head = arena_printf(arena, "%.*s%.*s\r\n", STR_ARG(head), STR_ARG(question->headers[i]));
	if (!has_header(question, STR("host")))
		head = arena_printf(arena, "%.*sHost: %.*s\r\n", STR_ARG(head),
				    STR_ARG(question->host.len ? question->host : STR("localhost")));
	if (has_body && !is_framed(question))
		head = arena_printf(arena, "%.*sContent-Length: %zu\r\n", STR_ARG(head), length);
	return arena_printf(arena, "%.*s\r\n", STR_ARG(head));
}
