/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff: what a change of the configuration does to requests, not to lines of a file.
 *
 * Both files are compiled as `run` would, and what is compared is what they compile to: the routers by asking
 * them, policies and limits by their values. How something is written, and where, makes no difference.
 */
#include <stdio.h>

#include "main/command.h"
#include "main/diff_routes.h"
#include "main/diff_sections.h"
#include "main/load.h"

static int diff_snapshots(const struct snapshot *before, const struct snapshot *after)
{
	struct arena arena;
	struct diff_lines lines = { .arena = &arena };
	int code;

	arena_init(&arena, NULL, SIZE_MAX / 2);
	diff_routes(&lines, before, after);
	diff_sections(&lines, before, after);
	diff_print(&lines, stdout);
	code = diff_exit_code(&lines);
	arena_fini(&arena);
	return code;
}

static int diff_run(const struct command *command, int count, char **arguments)
{
	struct loaded before, after;
	bool is_good;
	int code = 1;

	if (count != 2)
		return command_misused(command, "want two configurations", NULL);
	is_good = load(str_of(arguments[0]), &before);
	is_good &= load(str_of(arguments[1]), &after);
	if (is_good)
		code = diff_snapshots(before.snapshot, after.snapshot);
	unload(&after);
	unload(&before);
	return code;
}

const struct command command_diff = {
	.name = "diff",
	.usage = "OLD NEW",
	.summary = "Tells what a change of the configuration does to requests, the riskiest first.",
	.help = "\nOne line a change, and nothing where no request would notice:\n"
		"  public  something now needs no authentication\n"
		"  open    a rule became weaker: a limit is larger, a list longer, a policy gone\n"
		"  route   another API, route or upstream answers, or nobody does\n"
		"  shadow  a rule that no request reaches any more\n"
		"  tight   a rule became stricter\n"
		"  other   anything else\n"
		"Exit code: 4 with a line of `public` or `open`, 3 with one of `route` or `shadow`, 0 "
		"otherwise;\n"
		"1 when a configuration has errors.\n",
	.run = diff_run,
};
