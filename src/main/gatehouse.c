/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gatehouse: the program. Finds the command and runs it.
 *
 * All commands stand in one array, in the order in which the help shows them. A name that is not there gets
 * the nearest one as a suggestion, and exit code 2.
 */
#include <malloc.h>
#include <stdio.h>

#include "main/command.h"

static const struct command *const commands[] = {
	&command_run,  &command_check, &command_explain,  &command_test,   &command_diff,   &command_demo,
	&command_echo, &command_key,   &command_password, &command_schema, &command_manual, &command_version,
};

enum { COMMANDS = sizeof commands / sizeof *commands };

/* What is larger than this goes back to the system when it is freed: a configuration that was replaced, for
 * one. Left alone, malloc learns to keep it. */
enum { MAPPED_FROM = 1 << 20 };

static int print_usage(FILE *to, int code)
{
	fprintf(to, "usage: gatehouse COMMAND ...\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(to, "\n`gatehouse COMMAND --help` tells more.\n");
	return code;
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* A word that is at most two letters away is worth suggesting. */
static int unknown(const char *name)
{
	const char *near = NULL;
	size_t least = 3;

	for (size_t i = 0; i < COMMANDS; i++) {
		size_t distance = str_distance(str_of(name), str_of(commands[i]->name), least);

		if (distance < least) {
			least = distance;
			near = commands[i]->name;
		}
	}
	fprintf(stderr, "gatehouse: no command is named \"%s\"", name);
	if (near)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fprintf(stderr, "\n\n");
	return print_usage(stderr, 2);
}

int main(int count, char **arguments)
{
	const struct command *command;
	const char *name = count > 1 ? arguments[1] : "";

	mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
	if (count < 2)
		return print_usage(stderr, 2);
	if (command_is_help(name) || strcmp(name, "help") == 0)
		return print_usage(stdout, 0);
	command = find(strcmp(name, "--version") == 0 ? "version" : name);
	if (!command)
		return unknown(name);
	if (count > 2 && command_is_help(arguments[2]))
		return command_help(command);
	return command->run(command, count - 2, arguments + 2);
}
