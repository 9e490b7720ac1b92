/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check: everything that `run` would refuse to start with, told before it is started.
 *
 * It loads by the very function that run loads by, so the two cannot disagree; nothing is listened on and
 * nobody is connected to. Every problem is printed, not only the first.
 */
#include <stdio.h>

#include "main/command.h"
#include "main/load.h"

enum { MEMORY_LINE_MAX = 1024 };

static void print_memory(const struct snapshot *snapshot)
{
	char text[MEMORY_LINE_MAX];
	struct buf line = buf_over(text, sizeof text);

	memory_plan_print(&snapshot->plan, &line);
	printf("%.*s", STR_ARG(buf_str(&line)));
}

static int check_run(const struct command *command, int count, char **arguments)
{
	struct loaded loaded;
	str file;
	int code = command_only_configuration(command, count, arguments, &file);

	if (code)
		return code;
	code = 1;
	if (load(file, &loaded)) {
		printf("%.*s: ok: %zu listeners, %zu upstreams, %zu apis\n", STR_ARG(file),
		       loaded.snapshot->listener_count, loaded.snapshot->config.upstreams.len,
		       loaded.snapshot->config.apis.len);
		print_memory(loaded.snapshot);
		code = 0;
	}
	unload(&loaded);
	return code;
}

const struct command command_check = {
	.name = "check",
	.usage = "[-c FILE]",
	.summary = "Validates everything that `run` would, and prints every problem found.",
	.help = "\nWithout -c: ./gatehouse.yaml, then /etc/gatehouse/gatehouse.yaml.\n"
		"Exit code: 0 when there is no error, 1 otherwise. Warnings do not count.\n",
	.run = check_run,
};
