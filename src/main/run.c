/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: starts the gateway and minds its signals: SIGTERM and SIGINT drain and stop, a second one stops at
 * once; SIGUSR1 reopens the logs.
 */

#include "main/command.h"
#include "main/load.h"
#include "main/serve.h"

static int run_run(const struct command *command, int count, char **arguments)
{
	struct command_options options;
	struct loaded loaded;
	str file;
	int code = 1;

	if (!command_options_parse(command, count, arguments, &options))
		return 2;
	if (options.rest_count)
		return command_misused(command, "unexpected argument", options.rest[0]);
	file = command_configuration(&options);
	if (!file.len)
		return 1;
	if (load(file, &loaded))
		code = serve(loaded.snapshot);
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
