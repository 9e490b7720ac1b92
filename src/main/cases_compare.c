/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_compare: every value is text when it is compared, so that `~REGEX` works everywhere alike.
 *
 * All differences are told, not only the first, for one mistake often shows in several.
 */
#include "main/cases_compare.h"

#include "base/printable.h"
#include "config/secret_name.h"
#include "config/secret_value.h"

enum { SHOWN_MAX = 400, MASKED_MAX = 4 * SHOWN_MAX };

struct comparison {
	const struct mask *mask;
	struct regex_scratch *scratch;
	struct arena *arena;
	FILE *to;          /* NULL: nothing is told, and nothing made to be told */
	const char *where; /* "", or "forwarded." */
	size_t differences;
};

void case_print_shown(str text, FILE *to)
{
	str rest = str_slice(text, 0, SHOWN_MAX);

	fputc('"', to);
	while (rest.len) {
		size_t length = printable_length(rest);

		if (length)
			fprintf(to, "%.*s", (int)length, rest.ptr);
		else if (rest.ptr[0] == '\n')
			fputs("\\n", to);
		else
			fprintf(to, "\\x%02x", (unsigned char)rest.ptr[0]);
		rest = str_skip(rest, length ? length : 1);
	}
	fputs(text.len > SHOWN_MAX ? "...\"" : "\"", to);
}

static void print_expected(const struct expected *expected, FILE *to)
{
	if (expected->node->is_expanded)
		fputs("what ${...} stands for", to);
	else
		case_print_shown(expected->text, to);
}

/* Who reads the output of tests need not be who may know them. */
static bool is_credential(str name)
{
	return secret_name_judge(name) != SECRET_NAME_NONE;
}

/* No more of it than could be shown, however many secrets there are. */
static void print_got(struct comparison *c, str got)
{
	str text = mask_words(c->mask, str_slice(got, 0, MASKED_MAX), c->arena);

	case_print_shown(text, c->to);
}

static void print_query(struct comparison *c, str query)
{
	case_print_shown(mask_query(c->mask, mask_words(c->mask, query, c->arena), c->arena), c->to);
}

static bool is_url(str text)
{
	return str_starts(text, STR("http://")) || str_starts(text, STR("https://")) ||
	       str_starts(text, STR("/"));
}

/* A URL within a URL, or what is not a parameter's. */
static bool holds_another(str url)
{
	str path = url, query = { 0 };
	size_t scheme = 0;

	str_cut(url, '?', &path, &query);
	if (str_find(path, ':', &scheme) && str_starts(str_skip(path, scheme), STR("://")))
		path = str_skip(path, scheme + 3);
	return secret_value_is_evident(path) || secret_value_is_evident(query);
}

/* Of a URL the rest is told. */
static void print_evident(struct comparison *c, str value)
{
	str known;

	if (!is_url(value) || holds_another(value)) {
		fputs("***", c->to);
		return;
	}
	known = mask_words(c->mask, value, c->arena);
	case_print_shown(mask_url(c->mask, known, c->arena), c->to);
}

static void print_field(struct comparison *c, str name, str value)
{
	if (is_credential(name))
		fputs("***", c->to);
	else if (secret_value_is_evident(value))
		print_evident(c, value);
	else
		print_got(c, value);
}

static bool is_like(struct comparison *c, const struct expected *expected, str got)
{
	if (expected->regex)
		return regex_match(expected->regex, c->scratch, got, 0) == REGEX_YES;
	return str_eq(expected->text, got);
}

/* Whether there is somebody to be told. */
static bool begin_difference(struct comparison *c, const char *what, str name)
{
	c->differences++;
	if (c->to)
		fprintf(c->to, "%s%s%.*s: ", c->where, what, STR_ARG(name));
	return c->to;
}

static void compare_text(struct comparison *c, const char *what, const struct expected *expected, str got,
			 void (*print)(struct comparison *, str))
{
	if (!expected->node || is_like(c, expected, got) || !begin_difference(c, what, (str) { 0 }))
		return;
	fputs("expected ", c->to);
	print_expected(expected, c->to);
	fputs(", got ", c->to);
	if (expected->node->is_expanded)
		fputs("something else", c->to);
	else
		print(c, got);
	fputc('\n', c->to);
}

static void compare_value(struct comparison *c, const char *what, const struct expected *expected, str got)
{
	compare_text(c, what, expected, got, print_got);
}

static bool is_there(const struct http_field *field, str name)
{
	return !field->removed && str_eq_nocase(field->name, name);
}

/* All instances, as they came. */
static void print_instances(struct comparison *c, const struct http_fields *fields,
			    const struct expected_field *expected)
{
	size_t count = 0;

	for (size_t i = 0; i < fields->count; i++) {
		if (!is_there(&fields->at[i], expected->name))
			continue;
		fputs(count++ ? " and " : "", c->to);
		if (expected->value.node->is_expanded)
			fputs("***", c->to);
		else
			print_field(c, expected->name, fields->at[i].value);
	}
	fputs(count ? "\n" : "nothing\n", c->to);
}

static void compare_field(struct comparison *c, const struct expected_field *expected,
			  const struct http_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++)
		if (is_there(&fields->at[i], expected->name) &&
		    is_like(c, &expected->value, fields->at[i].value))
			return;
	if (!begin_difference(c, "headers.", expected->name))
		return;
	fputs("expected ", c->to);
	print_expected(&expected->value, c->to);
	fputs(", got ", c->to);
	print_instances(c, fields, expected);
}

static void compare_absent(struct comparison *c, str name, const struct http_fields *fields)
{
	const struct http_field *field = http_fields_find(fields, name);

	if (!field || !begin_difference(c, "headers.", name))
		return;
	fputs("expected to be absent, got ", c->to);
	print_field(c, name, field->value);
	fputc('\n', c->to);
}

static void compare_fields(struct comparison *c, const struct expected_fields *expected,
			   const str_list *absent, const struct http_fields *got)
{
	for (size_t i = 0; i < expected->len; i++)
		compare_field(c, &expected->at[i], got);
	for (size_t i = 0; i < absent->len; i++)
		compare_absent(c, absent->at[i], got);
}

static void compare_forwarded(struct comparison *c, const struct expected_forwarded *expected,
			      const struct stand_in_request *got)
{
	if (!got) {
		if (begin_difference(c, "forwarded", (str) { 0 }))
			fputs("nothing was\n", c->to);
		return;
	}
	c->where = "forwarded.";
	compare_value(c, "method", &expected->method, got->method);
	compare_value(c, "path", &expected->path, got->path);
	compare_text(c, "query", &expected->query, got->query, print_query);
	compare_fields(c, &expected->fields, &expected->absent, &got->fields);
	compare_value(c, "body", &expected->body, got->body);
}

static void compare_status(struct comparison *c, const struct expected *expected, int status)
{
	char text[16];
	struct buf printed = buf_over(text, sizeof text);

	buf_put_u64(&printed, (uint64_t)status);
	compare_value(c, "status", expected, buf_str(&printed));
}

static void compare(struct comparison *c, const struct expectation *expected, const struct rehearsed *got)
{
	if (!got->is_answered && begin_difference(c, "answer", (str) { 0 }))
		fputs("there was none\n", c->to);
	compare_status(c, &expected->status, got->answer.status);
	compare_value(c, "reason", &expected->reason, reason_word(got->reason));
	compare_value(c, "api", &expected->api, got->api);
	compare_value(c, "route", &expected->route, got->route);
	compare_value(c, "consumer", &expected->consumer, got->consumer);
	compare_value(c, "upstream", &expected->upstream, got->upstream);
	compare_fields(c, &expected->fields, &expected->absent, &got->answer.fields);
	compare_value(c, "body", &expected->body, got->body);
	if (expected->has_forwarded)
		compare_forwarded(c, &expected->forwarded, got->forwarded);
}

bool case_differs(const struct expectation *expected, const struct rehearsed *got,
		  struct regex_scratch *scratch)
{
	struct comparison c = { .scratch = scratch, .where = "" };

	compare(&c, expected, got);
	return c.differences > 0;
}

size_t case_compare(const struct expectation *expected, const struct rehearsed *got, const struct mask *mask,
		    struct regex_scratch *scratch, struct arena *arena, FILE *to)
{
	struct comparison c = { .mask = mask, .scratch = scratch, .arena = arena, .to = to, .where = "" };

	compare(&c, expected, got);
	return c.differences;
}
