/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: the question in the query of /v1/explain, and who finds the answer.
 *
 * An exchange is rehearsed, with a worker and a loop of its own, so on a thread of its own, while the fiber
 * waits: what is in force serves on, and is only read. What a client may ask is bounded, and so is how many
 * ask at a time.
 */
#include "admin/explain_json.h"
#include "admin/request.h"
#include "codec/uri.h"
#include "fiber/errand.h"
#include "observe/log_text.h"
#include "proxy/question.h"

enum {
	METHOD_MAX = 32,
	URL_MAX = 4096,
	HEADER_MAX = 4096,
	HEADERS_MAX = 32,
	EXPLANATIONS_MAX = 2,
	SHOWN = 64
};

/* What was read of the query, decoded. */
struct asked {
	struct admin_request *request;
	struct question question;
	str url;
	str wrong; /* in words; empty: nothing is */
};

/* For the thread that does it. */
struct explaining {
	struct arena arena; /* its own: the exchange's memory is the control thread's */
	struct explain_question question;
	struct explanation told;
	result_value explained;
};

static bool say(struct asked *asked, const char *what, str read, const char *wanted)
{
	struct arena *arena = asked->request->exchange->arena;
	str shown = log_cut(read, SHOWN);

	asked->wrong = arena_printf(arena, "%s: read \"%.*s\"%s; want %s.", what, STR_ARG(shown),
				    shown.len < read.len ? "..." : "", wanted);
	return false;
}

/* A line of a head is one line. */
static bool is_visible(str text, bool with_spaces)
{
	unsigned char least = with_spaces ? ' ' : '!';

	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < least || text.ptr[i] == 127)
			return false;
	return true;
}

static bool take_method(struct asked *asked, str method)
{
	if (asked->question.method.len)
		return say(asked, "method", method, "one method");
	if (!http_is_token(method) || method.len > METHOD_MAX)
		return say(asked, "method", method, "a name such as GET, of 32 characters at most");
	asked->question.method = method;
	return true;
}

/* What it read is shown without the query, in which credentials may be. */
static bool say_url(struct asked *asked, str url, const char *wanted)
{
	struct buf shown = arena_open(asked->request->exchange->arena, 6 * url.len + 8);

	log_put_url(&shown, LOG_ESCAPE_TEXT, url, false, (str_list) { 0 });
	return say(asked, "url", arena_close(asked->request->exchange->arena, &shown), wanted);
}

static bool take_url(struct asked *asked, str url)
{
	if (asked->url.len)
		return say_url(asked, url, "one URL");
	if (url.len > URL_MAX || !is_visible(url, false) || !question_set_url(&asked->question, url))
		return say_url(asked, url,
			       "http://host/path?query or https, or a path alone, of 4096 bytes at most and "
			       "without spaces");
	asked->url = url;
	return true;
}

/* Its value may be a credential, and is not shown; nor is what is no name, for it may be one as well. */
static bool take_header(struct asked *asked, str header)
{
	struct question *question = &asked->question;
	str name = { 0 }, value;

	if (!str_cut(header, ':', &name, &value) || !http_is_token(name))
		return say(asked, "header", (str) { 0 }, "Name:value");
	if (header.len > HEADER_MAX || !is_visible(value, true))
		return say(asked, "header", name, "a value of one line, and 4096 bytes at most in all");
	if (question->header_count == HEADERS_MAX)
		return say(asked, "header", name, "32 of them at most");
	question->headers[question->header_count++] = header;
	return true;
}

static bool take_pair(struct asked *asked, str pair)
{
	struct buf room = buf_over(arena_bytes(asked->request->exchange->arena, 2 * pair.len), 2 * pair.len);
	str name = pair, value = { 0 };

	str_cut(pair, '=', &name, &value);
	name = uri_decode(name, true, &room);
	value = uri_decode(value, true, &room);
	if (str_eq(name, STR("method")))
		return take_method(asked, value);
	if (str_eq(name, STR("url")))
		return take_url(asked, value);
	if (str_eq(name, STR("header")))
		return take_header(asked, value);
	return say(asked, "query", name, "method, url and header alone");
}

static bool take_query(struct asked *asked, str query)
{
	while (query.len) {
		str pair = query, rest = { 0 };

		str_cut(query, '&', &pair, &rest);
		if (pair.len && !take_pair(asked, pair))
			return false;
		query = rest;
	}
	if (!asked->url.len)
		return say(asked, "url", asked->url, "the URL of the request that is to be explained");
	if (!asked->question.method.len)
		asked->question.method = STR("GET");
	return true;
}

static void work(void *argument)
{
	struct explaining *explaining = argument;

	explaining->explained = explain_request(&explaining->question, &explaining->arena, &explaining->told);
}

static result explain(struct admin_request *request, const struct asked *asked, struct explaining *explaining)
{
	struct edition *edition = request->edition;
	struct rehearsal_request rehearsed = { .is_secure = asked->question.is_secure };
	struct fiber *self = request->exchange->fiber;

	rehearsed.head = question_print(&asked->question, false, 0, &explaining->arena);
	explaining->question = (struct explain_question) {
		.snapshot = edition->snapshot, .edition = edition, .request = &rehearsed, .now = time_wall()
	};
	TRY(errand_run(fibers_loop(fiber_fibers(self)), self, work, explaining));
	return explaining->explained;
}

static result answer(struct admin_request *request, const struct asked *asked)
{
	struct explaining explaining = { 0 };
	result_value explained;

	/* It takes a place for each rule, so its bound is that of the configuration. */
	arena_init(&explaining.arena, NULL, SIZE_MAX / 2);
	explained = explain(request, asked, &explaining);
	if (failed(explained))
		explained = admin_problem(request, 503, str_of(explained.why));
	else
		explained = explain_json_answer(request, asked->question.method, asked->url, &explaining.told,
						&explaining.arena);
	arena_fini(&explaining.arena);
	return explained;
}

result explain_resource(struct admin_request *request)
{
	struct asked *asked = ARENA_NEW(request->exchange->arena, struct asked);
	result_value answered;

	asked->request = request;
	if (!take_query(asked, request->query))
		return admin_problem(request, 400, asked->wrong);
	if (*request->explanations >= EXPLANATIONS_MAX)
		return admin_problem(request, 503, STR("Other requests are being explained."));
	++*request->explanations;
	answered = answer(request, asked);
	--*request->explanations;
	return answered;
}
