/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: what stands behind `gatehouse NAME`. Each has its own file and one row in gatehouse.c.
 *
 * A command is data (name, usage, help) and one function, which gets what stood behind the name and returns
 * the exit code: 0 for good, 1 when it could not do it, 2 when it was asked wrongly, and what its own help
 * says. It prints results on standard output and complaints on standard error.
 */
#pragma once

#include "base/str.h"

struct command {
	const char *name;
	const char *usage;                                                      /* behind the name */
	const char *summary;                                                    /* one line */
	const char *help;                                                       /* the rest of --help */
	int (*run)(const struct command *command, int count, char **arguments); /* the exit code */
};

extern const struct command command_run, command_check, command_explain, command_test, command_diff,
	command_demo, command_echo, command_key, command_password, command_schema, command_manual,
	command_version;

int command_misused(const struct command *command, const char *why, const char *what);
/* Says so on standard error, with the usage. Returns the exit code, 2. */

bool command_is_help(const char *argument);
/* --help or -h. */

int command_help(const struct command *command);
/* Prints what there is to know of it. Returns the exit code, 0. */

/* The options that commands share: -c FILE, and what is left. */
struct command_options {
	const char *file; /* NULL: not given */
	int rest_count;
	char **rest;
};

bool command_options_parse(const struct command *command, int count, char **arguments,
			   struct command_options *ret_options);
/* False after command_misused(). The rest begins at the first argument that is not -c FILE. */

int command_only_configuration(const struct command *command, int count, char **arguments, str *ret_file);
/* For commands that take -c FILE and nothing else. 0 with the file, or else the exit code: why is said. */

str command_configuration(const struct command_options *options);
/* The file given, or ./gatehouse.yaml, or /etc/gatehouse/gatehouse.yaml; empty when there is none, which it
 * says. */
