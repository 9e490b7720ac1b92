/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test: cases for a configuration, run offline, through the same code as live traffic.
 *
 * Every file is read before the first case runs, so that mistakes in any of them are told at once, like a
 * configuration's. Failures and the summary go to standard output; what passed is only counted.
 */
#include <errno.h>
#include <stdio.h>

#include "main/cases_run.h"
#include "main/command.h"
#include "main/junit.h"
#include "main/load.h"

struct testing {
	struct snapshot *snapshot;
	struct arena arena;
	struct coverage *coverage;
	FILE *junit; /* NULL: not asked for */
	size_t passed, failed;
};

struct test_arguments {
	const char *junit;
	char **files;
	int file_count;
};

/* [--junit FILE] CASES... Returns what is wrong, or NULL. The option may stand anywhere; the files move to
 * the front. */
static const char *take_arguments(int count, char **arguments, struct test_arguments *ret_arguments)
{
	*ret_arguments = (struct test_arguments) { .files = arguments };
	for (int i = 0; i < count; i++) {
		if (strcmp(arguments[i], "--junit") != 0) {
			arguments[ret_arguments->file_count++] = arguments[i];
			continue;
		}
		if (++i == count)
			return "--junit needs a file";
		ret_arguments->junit = arguments[i];
	}
	for (int i = 0; i < ret_arguments->file_count; i++)
		if (arguments[i][0] == '-')
			return "an unknown option stands among the files with cases";
	return ret_arguments->file_count ? NULL : "want files with cases";
}

static bool read_cases(const struct testing *testing, const char *file, struct cases *cases)
{
	result_value loaded = cases_load(str_of(file), testing->snapshot, cases);

	diagnostics_print(cases->diagnostics, stderr);
	if (failed(loaded) && diagnostics_errors(cases->diagnostics) == 0)
		fprintf(stderr, "gatehouse: %s: %s\n", file, loaded.why);
	return !failed(loaded);
}

/* Indented below the place and the name. */
static void print_failure(const struct cases *cases, const struct case_outcome *outcome)
{
	const struct node *node = outcome->of->entry.node;
	str name = diagnostics_source_name(cases->diagnostics, node->file), rest = outcome->why, line;

	printf("%.*s:%u:%u: failed: %.*s\n", STR_ARG(name), node->line, node->column,
	       STR_ARG(outcome->of->name));
	while (rest.len) {
		line = rest;
		if (!str_cut(rest, '\n', &line, &rest))
			rest = (str) { 0 };
		printf("    %.*s\n", STR_ARG(line));
	}
}

static void run_file(struct testing *testing, const struct cases *cases, const char *file)
{
	size_t count = cases->config.cases.len;
	struct case_outcome *outcomes = ARENA_ARRAY(&testing->arena, struct case_outcome, count);

	cases_run(cases, testing->snapshot, testing->coverage, &testing->arena, outcomes);
	for (size_t i = 0; i < count; i++) {
		if (outcomes[i].why.len)
			print_failure(cases, &outcomes[i]);
		testing->failed += outcomes[i].why.len > 0;
		testing->passed += outcomes[i].why.len == 0;
	}
	if (testing->junit)
		junit_put(testing->junit, str_of(file), outcomes, count);
}

/* False when a file has errors; then nothing is run. */
static bool run_files(struct testing *testing, const struct test_arguments *arguments)
{
	size_t count = (size_t)arguments->file_count;
	struct cases *cases = ARENA_ARRAY(&testing->arena, struct cases, count);
	bool is_good = true;

	for (size_t i = 0; i < count; i++)
		is_good &= read_cases(testing, arguments->files[i], &cases[i]);
	for (size_t i = 0; i < count && is_good; i++)
		run_file(testing, &cases[i], arguments->files[i]);
	for (size_t i = 0; i < count; i++)
		cases_unload(&cases[i]);
	return is_good;
}

static bool open_junit(struct testing *testing, const char *file)
{
	if (!file)
		return true;
	testing->junit = fopen(file, "we");
	if (!testing->junit) {
		fprintf(stderr, "gatehouse: %s: %s\n", file, strerror(errno));
		return false;
	}
	junit_begin(testing->junit);
	return true;
}

/* What was not written to the end is worse than nothing, so a full disk is a failure. */
static bool close_junit(struct testing *testing, const char *file)
{
	bool is_written;

	if (!testing->junit)
		return true;
	junit_end(testing->junit);
	is_written = !ferror(testing->junit);
	is_written &= fclose(testing->junit) == 0;
	if (!is_written)
		fprintf(stderr, "gatehouse: %s: could not be written\n", file);
	return is_written;
}

static void print_summary(const struct testing *testing)
{
	coverage_print(testing->coverage, stdout);
	printf("cases     %zu passed, %zu failed\n", testing->passed, testing->failed);
}

static int test_snapshot(struct snapshot *snapshot, const struct test_arguments *arguments)
{
	struct testing testing = { .snapshot = snapshot };
	bool is_good;

	arena_init(&testing.arena, NULL, SIZE_MAX / 2);
	testing.coverage = coverage_new(&testing.arena, snapshot);
	is_good = open_junit(&testing, arguments->junit) && run_files(&testing, arguments);
	if (is_good)
		print_summary(&testing);
	is_good &= close_junit(&testing, arguments->junit);
	arena_fini(&testing.arena);
	return is_good && !testing.failed ? 0 : 1;
}

static int test_run(const struct command *command, int count, char **arguments)
{
	struct command_options options;
	struct test_arguments wanted;
	struct loaded loaded;
	const char *wrong;
	str file;
	int code = 1;

	if (!command_options_parse(command, count, arguments, &options))
		return 2;
	wrong = take_arguments(options.rest_count, options.rest, &wanted);
	if (wrong)
		return command_misused(command, wrong, NULL);
	file = command_configuration(&options);
	if (!file.len)
		return 1;
	if (load(file, &loaded))
		code = test_snapshot(loaded.snapshot, &wanted);
	unload(&loaded);
	return code;
}

const struct command command_test = {
	.name = "test",
	.usage = "[-c FILE] [--junit FILE] CASES...",
	.summary =
		"Tests a configuration by cases, offline: a request in, the decision, what the upstream gets "
		"and the answer out.",
	.help = "\nCASES: YAML files; `gatehouse manual` describes them. Clock, upstreams and chance are "
		"stand-ins.\n"
		"Failures are told with what was expected, what came, and what `explain` says;\n"
		"then which routes and policies have no case.\n"
		"--junit FILE: the outcome for continuous integration, as XML.\n"
		"Exit code: 0 when all cases pass, 1 otherwise.\n",
	.run = test_run,
};
