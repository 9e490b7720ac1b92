/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema and manual: the configuration's tables, printed for editors and for people.
 *
 * Both are made from the rows that parse a file, so neither can promise a key that is not read.
 * docs/reference.md is the manual, and a test keeps it so.
 */
#include <stdio.h>

#include "auth/consumers.h"
#include "main/command.h"
#include "main/manual.h"
#include "policy/page.h"
#include "policy/value.h"
#include "proxy/gateway_config.h"

static int schema_run(const struct command *command, int count, char **arguments)
{
	if (count)
		return command_misused(command, "unexpected argument", arguments[0]);
	fields_print_schema(gateway_fields, stdout);
	return 0;
}

const struct command command_schema = {
	.name = "schema",
	.usage = "",
	.summary = "Prints the JSON Schema of the configuration, for editors.",
	.help = "",
	.run = schema_run,
};

/* Beneath the rows of a table. */
static void print_page(const struct field *fields, FILE *to)
{
	if (fields == consumer_fields)
		fputs(consumer_page, to);
	else if (fields == store_fields)
		fputs(store_page, to);
	else
		policy_page_print(fields, to);
}

/* Behind the tables. */
static void (*const pages[])(FILE *to) = {
	value_page_print,    expression_page_print,   manual_print_cases,    manual_print_balancing,
	manual_print_health, manual_print_resilience, manual_print_http2,    manual_print_streams,
	manual_print_grpc,   manual_print_observing,  manual_print_overload,
};

static int manual_run(const struct command *command, int count, char **arguments)
{
	if (count)
		return command_misused(command, "unexpected argument", arguments[0]);
	fields_print_manual(gateway_fields, NULL, 1, print_page, stdout);
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
		pages[i](stdout);
	return 0;
}

const struct command command_manual = {
	.name = "manual",
	.usage = "",
	.summary = "Prints the reference manual of the configuration, as Markdown.",
	.help = "\ndocs/reference.md is this text.\n",
	.run = manual_run,
};
