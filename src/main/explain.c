/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: turns the arguments into a request as it would stand on the wire, and has it explained.
 *
 * A head is printed and parsed again, instead of filling in a request, so that what the parser would refuse
 * is refused here too. Standard output gets the explanation, the exit code whether a route was found.
 */
#include <stdio.h>

#include "main/command.h"
#include "main/load.h"
#include "proxy/explain.h"

enum { EXIT_NO_ROUTE = 3, HEADERS_MAX = 64 };

/* The arguments, taken apart. Slices of argv. */
struct question {
	str method, host, target;
	str headers[HEADERS_MAX];
	size_t header_count;
};

/* "http://host/path?query", or a target alone. */
static void take_url(struct question *question, str url)
{
	size_t slash;

	question->target = url;
	if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://")))
		return;
	url = str_skip(url, str_starts(url, STR("https://")) ? 8 : 7);
	question->host = url;
	question->target = STR("/");
	if (str_find(url, '/', &slash)) {
		question->host = str_slice(url, 0, slash);
		question->target = str_skip(url, slash);
	}
}

/* METHOD URL [-H 'Name: value']... Returns what is wrong, or NULL. */
static const char *take_arguments(struct question *question, int count, char **arguments)
{
	if (count < 2)
		return "want a method and a URL";
	question->method = str_of(arguments[0]);
	take_url(question, str_of(arguments[1]));
	for (int i = 2; i < count; i += 2) {
		if (strcmp(arguments[i], "-H") != 0)
			return "after the URL only -H 'Name: value' may follow";
		if (i + 1 == count || question->header_count == HEADERS_MAX)
			return "-H needs a field: 'Name: value'";
		question->headers[question->header_count++] = str_of(arguments[i + 1]);
	}
	return NULL;
}

/* As it would stand on the wire, so that the same parser reads it. */
static str print_head(struct arena *arena, const struct question *question)
{
	str head = arena_printf(arena, "%.*s %.*s HTTP/1.1\r\n", STR_ARG(question->method),
				STR_ARG(question->target));
	bool has_host = false;

	for (size_t i = 0; i < question->header_count; i++) {
		head = arena_printf(arena, "%.*s%.*s\r\n", STR_ARG(head), STR_ARG(question->headers[i]));
		has_host |= str_eq_nocase(str_slice(question->headers[i], 0, 5), STR("host:"));
	}
	if (!has_host)
		head = arena_printf(arena, "%.*sHost: %.*s\r\n", STR_ARG(head),
				    STR_ARG(question->host.len ? question->host : STR("localhost")));
	return arena_printf(arena, "%.*s\r\n", STR_ARG(head));
}

static int explain(str file, const struct question *question)
{
	static const int codes[] = { [EXPLAINED_MATCHED] = 0,
				     [EXPLAINED_NO_ROUTE] = EXIT_NO_ROUTE,
				     [EXPLAINED_REFUSED] = EXIT_NO_ROUTE };
	struct loaded loaded;
	struct arena arena;
	int code = 1;

	arena_init(&arena, NULL, 1 << 24);
	if (load(file, &loaded))
		code = codes[explain_head(loaded.snapshot, print_head(&arena, question), stdout)];
	unload(&loaded);
	arena_fini(&arena);
	return code;
}

static int explain_run(const struct command *command, int count, char **arguments)
{
	struct command_options options;
	struct question question = { 0 };
	const char *wrong;
	str file;

	if (!command_options_parse(command, count, arguments, &options))
		return 2;
	wrong = take_arguments(&question, options.rest_count, options.rest);
	if (wrong)
		return command_misused(command, wrong, NULL);
	file = command_configuration(&options);
	return file.len ? explain(file, &question) : 1;
}

const struct command command_explain = {
	.name = "explain",
	.usage = "[-c FILE] METHOD URL [-H 'Name: value']...",
	.summary = "Tells what would become of a request: its route and why, the near misses, the policies, "
		   "the upstream.",
	.help = "\nURL: http://host/path?query, or a path alone (the host is localhost then, unless -H Host "
		"says so).\n"
		"Exit code: 0 when a route matches, 3 when none does, 1 when the configuration has errors.\n",
	.run = explain_run,
};
