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

static int run_run(const struct command *command, int count, char **arguments)
{
	struct loaded loaded;
	str file;
	int code = command_only_configuration(command, count, arguments, &file);

	if (code)
		return code;
	code = load(file, &loaded) ? serve(loaded.snapshot) : 1;
	unload(&loaded);
	return code;
}

const struct command command_run = {
	.name = "run",
	.usage = "[-c FILE]",
	.summary = "Starts the gateway.",
	.help = "\nWithout -c: ./gatehouse.yaml, then /etc/gatehouse/gatehouse.yaml.\n"
		"SIGTERM and SIGINT let requests in flight finish and stop; a second one stops at once.\n"
		"SIGUSR1 reopens log files.\n"
		"Exit code: 0 after a graceful stop, 1 when it could not start.\n",
	.run = run_run,
};
