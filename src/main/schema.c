/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema and manual: the configuration's tables, printed for editors and for people.
 *
 * Both are made from the rows that parse a file, so neither can promise a key that is not read.
 * docs/reference.md is the manual, and a test keeps it so.
 */
#include <stdio.h>

#include "auth/consumers.h"
#include "main/balancing_manual.h"
#include "main/cases_config.h"
#include "main/command.h"
#include "main/grpc_manual.h"
#include "main/health_manual.h"
#include "main/http2_manual.h"
#include "main/observing_manual.h"
#include "main/overload_manual.h"
#include "main/resilience_manual.h"
#include "main/streams_manual.h"
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

static int manual_run(const struct command *command, int count, char **arguments)
{
	if (count)
		return command_misused(command, "unexpected argument", arguments[0]);
	fields_print_manual(gateway_fields, NULL, 1, print_page, stdout);
	value_page_print(stdout);
	expression_page_print(stdout);
	cases_print_manual(stdout);
	balancing_print_manual(stdout);
	health_print_manual(stdout);
	resilience_print_manual(stdout);
	http2_print_manual(stdout);
	streams_print_manual(stdout);
	grpc_print_manual(stdout);
	observing_print_manual(stdout);
	overload_print_manual(stdout);
	return 0;
}

const struct command command_manual = {
	.name = "manual",
	.usage = "",
	.summary = "Prints the reference manual of the configuration, as Markdown.",
	.help = "\ndocs/reference.md is this text.\n",
	.run = manual_run,
};
