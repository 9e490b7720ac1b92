/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: what the commands have in common: telling a misuse, and finding the configuration.
 *
 * Options are few, and stand before anything else, so a loop does for them. The places where a
 * configuration is looked for are those that the manual and --help name.
 */
#include "main/command.h"

#include <stdio.h>
#include <unistd.h>

int command_misused(const struct command *command, const char *why, const char *what)
{
	fprintf(stderr, "gatehouse %s: %s%s%s\nusage: gatehouse %s %s\n", command->name, why,
		what ? ": " : "", what ? what : "", command->name, command->usage);
	return 2;
}

bool command_is_help(const char *argument)
{
	return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

int command_help(const struct command *command)
{
	printf("usage: gatehouse %s %s\n\n%s\n%s", command->name, command->usage, command->summary,
	       command->help);
	return 0;
}

bool command_options_parse(const struct command *command, int count, char **arguments,
			   struct command_options *ret_options)
{
	*ret_options = (struct command_options) { 0 };
	while (count && strcmp(arguments[0], "-c") == 0) {
		if (count == 1) {
			command_misused(command, "-c needs a file", NULL);
			return false;
		}
		ret_options->file = arguments[1];
		arguments += 2;
		count -= 2;
	}
	ret_options->rest = arguments;
	ret_options->rest_count = count;
	return true;
}

int command_only_configuration(const struct command *command, int count, char **arguments, str *ret_file)
{
	struct command_options options;

	if (!command_options_parse(command, count, arguments, &options))
		return 2;
	if (options.rest_count)
		return command_misused(command, "unexpected argument", options.rest[0]);
	*ret_file = command_configuration(&options);
	return ret_file->len ? 0 : 1;
}

str command_configuration(const struct command_options *options)
{
	static const char *const places[] = { "gatehouse.yaml", "/etc/gatehouse/gatehouse.yaml" };

	if (options->file)
		return str_of(options->file);
	for (size_t i = 0; i < 2; i++)
		if (access(places[i], F_OK) == 0)
			return str_of(places[i]);
	fprintf(stderr,
		"gatehouse: no configuration: neither ./%s nor %s is there, and no -c FILE was given\n",
		places[0], places[1]);
	return (str) { 0 };
}
