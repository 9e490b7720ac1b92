/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: the gateway in the foreground, by a configuration file.
 *
 * The command finds the file, has it loaded, and gives it to serve(), which minds the signals until the
 * end. A configuration with errors never starts: they are printed, and the exit code is 1.
 */
#include "main/command.h"
#include "main/load.h"
#include "main/serve.h"

/* --watch may stand before or after -c FILE. */
static bool take_watch(int *count, char **arguments)
{
	for (int i = 0; i < *count; i++) {
		if (i && strcmp(arguments[i - 1], "-c") == 0)
			continue;
		if (strcmp(arguments[i], "--watch") == 0) {
			memmove(&arguments[i], &arguments[i + 1], (size_t)(*count - i - 1) * sizeof(char *));
			--*count;
			return true;
		}
	}
	return false;
}

static int run_run(const struct command *command, int count, char **arguments)
{
	struct loaded loaded;
	str file;
	bool watches = take_watch(&count, arguments);
	int code = command_only_configuration(command, count, arguments, &file);

	if (code)
		return code;
	code = 1;
	serve_hold_changes();
	if (load_to_serve(file, &loaded))
		code = serve(&(struct serve_options) { .loaded = &loaded, .file = file, .watches = watches });
	unload(&loaded);
	return code;
}

const struct command command_run = {
	.name = "run",
	.usage = "[-c FILE] [--watch]",
	.summary = "Starts the gateway.",
	.help = "\nWithout -c: ./gatehouse.yaml, then /etc/gatehouse/gatehouse.yaml.\n"
		"--watch: reads the configuration again when a file of it changes.\n"
		"SIGHUP reads it again; one with errors is refused, and the old one stays in force.\n"
		"SIGUSR2 starts another process, with the binary that is installed now, which takes over.\n"
		"SIGTERM and SIGINT let requests in flight finish and stop; a second one stops at once.\n"
		"SIGUSR1 reopens log files.\n"
		"Exit code: 0 after a graceful stop, 1 when it could not start.\n",
	.run = run_run,
};
