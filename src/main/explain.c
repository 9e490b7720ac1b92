/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: turns the arguments into a request as it would stand on the wire, and has it explained.
 *
 * Standard output gets the explanation, the exit code whether a route was found.
 */
#include <stdio.h>

#include "main/command.h"
#include "main/load.h"
#include "proxy/explain.h"
#include "proxy/question.h"

enum { EXIT_NO_ROUTE = 3 };

/* METHOD URL [-H 'Name: value']... Returns what is wrong, or NULL. */
static const char *take_arguments(struct question *question, int count, char **arguments)
{
	if (count < 2)
		return "want a method and a URL";
	question->method = str_of(arguments[0]);
	if (!question_set_url(question, str_of(arguments[1])))
		return "want a URL: http://host/path, or a path alone";
	for (int i = 2; i < count; i += 2) {
		if (strcmp(arguments[i], "-H") != 0)
			return "after the URL only -H 'Name: value' may follow";
		if (i + 1 == count || question->header_count == QUESTION_HEADERS_MAX)
			return "-H needs a field: 'Name: value'";
		question->headers[question->header_count++] = str_of(arguments[i + 1]);
	}
	return NULL;
}

static int explain_loaded(const struct loaded *loaded, const struct rehearsal_request *request,
			  struct arena *arena)
{
	static const int codes[] = { [EXPLAINED_MATCHED] = 0,
				     [EXPLAINED_NO_ROUTE] = EXIT_NO_ROUTE,
				     [EXPLAINED_REFUSED] = EXIT_NO_ROUTE };
	const struct explain_question question = { .snapshot = loaded->snapshot,
						   .request = request,
						   .now = time_wall() };
	struct explanation explanation;
	struct mask mask;
	result_value explained = explain_request(&question, arena, &explanation);

	if (failed(explained)) {
		fprintf(stderr, "gatehouse explain: cannot be rehearsed: %s\n", explained.why);
		return 1;
	}
	explanation_mask(&explanation, NULL, arena, &mask);
	explanation_print(&explanation, &mask, arena, stdout);
	return codes[explanation.outcome];
}

static int explain(str file, const struct question *question)
{
	struct rehearsal_request request = { .is_secure = question->is_secure };
	struct loaded loaded;
	struct arena arena;
	int code = 1;

	arena_init(&arena, NULL, SIZE_MAX / 2);
	request.head = question_print(question, false, 0, &arena);
	if (load(file, &loaded))
		code = explain_loaded(&loaded, &request, &arena);
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
		"Exit code: 0 when a route matches, 3 when none does, 1 when the configuration has errors or "
		"it cannot be found out.\n",
	.run = explain_run,
};
