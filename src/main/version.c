/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version: what a report of a problem should name: the version, how it was built, and the libraries it runs
 * with.
 *
 * The libraries are asked while running and not taken from their headers: they are shared, and may be newer
 * than those it was built with.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include <ares.h>
#include <brotli/encode.h>
#include <libfyaml.h>
#include <pcre2.h>
#include <sqlite3.h>
#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

#include "main/command.h"

static int version_run(const struct command *command, int count, char **arguments)
{
	unsigned brotli = BrotliEncoderVersion(); /* hexadecimal: one digit, three, three */
	char pcre2[64] = "";

	if (count)
		return command_misused(command, "unexpected argument", arguments[0]);
	pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
	printf("gatehouse %s (%s, %s)\n", GATEHOUSE_VERSION, GATEHOUSE_BUILD, __VERSION__);
	printf("features: HTTP/1.1\n");
	printf("libraries: libfyaml %s, c-ares %s, PCRE2 %s, zlib %s, brotli %u.%u.%u, zstd %s, SQLite %s\n",
	       fy_library_version(), ares_version(NULL), pcre2, zlibVersion(), brotli >> 24,
	       brotli >> 12 & 0xfff, brotli & 0xfff, ZSTD_versionString(), sqlite3_libversion());
	return 0;
}

const struct command command_version = {
	.name = "version",
	.usage = "",
	.summary = "Prints version, build, features and library versions.",
	.help = "",
	.run = version_run,
};
