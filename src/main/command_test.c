/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program as somebody at a terminal has it: arguments in, exit code and words out. What serves until a
 * signal comes is only asked here for what it refuses.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/testing.h"

/* The program's own main() under another name. */
int gatehouse_main(int count, char **arguments);
#define main gatehouse_main
#include "main/gatehouse.c"
#undef main

enum { ARGUMENTS_MAX = 10, WORDS_MAX = 256 * 1024 };

#define GOOD                                                   \
	"listeners: { a: { address: \"127.0.0.1:0\" } }\n"     \
	"upstreams: { u: { endpoints: [\"127.0.0.1:1\"] } }\n" \
	"apis: { orders: { path: /orders, methods: [GET], upstream: u } }\n"
#define BAD "listeners: { a: { adress: \"127.0.0.1:0\" } }\n"

static const struct {
	const char *arguments[ARGUMENTS_MAX]; /* behind the program's name; GOOD and BAD stand for files */
	int code;
	const char *out, *err; /* stands in what is said; NULL: nothing is said */
} rows[] = {
	{ { NULL }, 2, NULL, "usage: gatehouse COMMAND ..." },
	{ { "help" }, 0, "usage: gatehouse COMMAND ...", NULL },
	{ { "--help" }, 0, "  explain   ", NULL },
	{ { "-h" }, 0, "tells more.\n", NULL },
	{ { "--version" }, 0, "gatehouse 0", NULL },
	{ { "version" }, 0, "libraries: libfyaml ", NULL },
	{ { "version", "x" },
	  2,
	  NULL,
	  "gatehouse version: unexpected argument: x\nusage: gatehouse version \n" },

	/* Names that are none. */
	{ { "chekc" }, 2, NULL, "gatehouse: no command is named \"chekc\"; did you mean \"check\"?\n" },
	{ { "rum" }, 2, NULL, "did you mean \"run\"?" },
	{ { "EXPLAIN" }, 2, NULL, "did you mean \"explain\"?" },
	{ { "frobnicate" }, 2, NULL, "gatehouse: no command is named \"frobnicate\"\n\nusage:" },
	{ { "" }, 2, NULL, "gatehouse: no command is named \"\"\n" },
	{ { "-x" }, 2, NULL, "no command is named \"-x\"" },

	/* Help of each. */
	{ { "run", "--help" }, 0, "usage: gatehouse run [-c FILE] [--watch]\n\nStarts the gateway.\n", NULL },
	{ { "check", "-h" }, 0, "Exit code: 0 when there is no error", NULL },
	{ { "explain", "--help" }, 0, "usage: gatehouse explain [-c FILE] METHOD URL", NULL },
	{ { "demo", "--help" }, 0, "127.0.0.1:8080", NULL },
	{ { "echo", "--help" }, 0, "/delay/MS", NULL },
	{ { "schema", "--help" }, 0, "JSON Schema", NULL },
	{ { "manual", "--help" }, 0, "docs/reference.md", NULL },
	{ { "version", "--help" }, 0, "usage: gatehouse version", NULL },

	/* check */
	{ { "check", "-c", "GOOD" }, 0, ": ok: 1 listeners, 1 upstreams, 1 apis\n", NULL },
	{ { "check", "-c", "BAD", "-c", "GOOD" }, 0, ": ok: ", NULL },
	{ { "check", "-c", "BAD" }, 1, NULL, "unknown key; did you mean \"address\"?" },
	{ { "check", "-c", "/no/such/file" }, 1, NULL, "/no/such/file" },
	{ { "check", "-c" },
	  2,
	  NULL,
	  "gatehouse check: -c needs a file\nusage: gatehouse check [-c FILE]\n" },
	{ { "check", "-c", "GOOD", "more" }, 2, NULL, "gatehouse check: unexpected argument: more\n" },
	{ { "check" }, 1, NULL, "neither ./gatehouse.yaml nor /etc/gatehouse/gatehouse.yaml is there" },

	/* run */
	{ { "run", "-c", "BAD" }, 1, NULL, "unknown key" },
	{ { "run", "-c" }, 2, NULL, "-c needs a file" },
	{ { "run", "fast" }, 2, NULL, "gatehouse run: unexpected argument: fast\n" },
	{ { "run" }, 1, NULL, "no configuration: " },

	/* explain */
	{ { "explain", "-c", "GOOD", "GET", "/orders" }, 0, "url       http://127.0.0.1:1/orders\n", NULL },
	{ { "explain", "-c", "GOOD", "GET", "http://h.test/orders?x=1" }, 0, "host      h.test\n", NULL },
	{ { "explain", "-c", "GOOD", "GET", "https://h.test" }, 3, "path      /\n", NULL },
	{ { "explain", "-c", "GOOD", "GET", "/orders", "-H", "Host: other.test" },
	  0,
	  "host      other.test\n",
	  NULL },
	{ { "explain", "-c", "GOOD", "GET", "/orders", "-H", "X-A: 1", "-H", "X-B: 2" }, 0, "url ", NULL },
	{ { "explain", "-c", "GOOD", "PUT", "/orders" }, 3, "path      /orders\n", NULL },
	{ { "explain", "-c", "GOOD", "GET", "/nothing" }, 3, "path      /nothing\n", NULL },
	{ { "explain", "-c", "GOOD", "GET", "/a b" }, 3, "refused with 400 before routing", NULL },
	{ { "explain", "-c", "GOOD", "GET", "/x", "-H", "nocolon" },
	  3,
	  "refused with 400 before routing",
	  NULL },
	{ { "explain", "-c", "BAD", "GET", "/" }, 1, NULL, "unknown key" },
	{ { "explain", "GET" }, 2, NULL, "gatehouse explain: want a method and a URL\n" },
	{ { "explain", "-c", "GOOD" }, 2, NULL, "want a method and a URL" },
	{ { "explain", "GET", "/", "-H" }, 2, NULL, "-H needs a field: 'Name: value'" },
	{ { "explain", "GET", "/", "X: y" }, 2, NULL, "after the URL only -H 'Name: value' may follow" },
	{ { "explain", "GET", "/" }, 1, NULL, "no configuration: " },

	/* key, password: what is hashed is no argument, and never repeated */
	{ { "key" }, 2, NULL, "gatehouse key: want `new` or `hash`\n" },
	{ { "key", "old" }, 2, NULL, "gatehouse key: want `new` or `hash`: old\n" },
	{ { "key", "hash", "mykey" },
	  2,
	  NULL,
	  "gatehouse key: `hash` takes no argument: it reads standard input, which others cannot "
	  "see\nusage: " },
	{ { "key", "new", "x" }, 2, NULL, "gatehouse key: `new` takes no argument\nusage: " },
	{ { "key", "new", "--help" }, 0, "usage: gatehouse key new | hash\n", NULL },
	{ { "password" }, 2, NULL, "gatehouse password: want `hash`\n" },
	{ { "password", "hash", "secret" },
	  2,
	  NULL,
	  "gatehouse password: `hash` takes no argument: it reads" },
	{ { "password", "hash", "-h" }, 0, "usage: gatehouse password hash\n", NULL },

	/* What takes none. */
	{ { "schema" }, 0, "\"$schema\"", NULL },
	{ { "schema", "x" }, 2, NULL, "gatehouse schema: unexpected argument: x\n" },
	{ { "manual" }, 0, "`listeners`", NULL },
	{ { "manual", "x" }, 2, NULL, "gatehouse manual: unexpected argument: x\n" },
	{ { "demo", "x" }, 2, NULL, "gatehouse demo: unexpected argument: x\n" },
	{ { "echo", "x" }, 2, NULL, "gatehouse echo: unexpected argument: x\n" },
	{ { "echo", "--listen" }, 2, NULL, "gatehouse echo: --listen needs an address\n" },
	{ { "echo", "--listen", "a", "b" }, 2, NULL, "--listen needs an address" },
	{ { "echo", "--listen", "nowhere" },
	  1,
	  NULL,
	  "want an address such as 127.0.0.1:8081, read \"nowhere\"" },
	{ { "echo", "--listen", "localhost:1" }, 1, NULL, "want an address such as" },
	{ { "echo", "--listen", "192.0.2.1:1" }, 1, NULL, "cannot listen on 192.0.2.1:1" },
};

struct place {
	char folder[32], good[64], bad[64], out[64], err[64];
	int stdout_before, stderr_before;
};

static void write_file(const char *path, const char *text)
{
	FILE *to = fopen(path, "w");

	assert_non_null(to);
	fputs(text, to);
	fclose(to);
}

static void place_open(struct place *place)
{
	snprintf(place->folder, sizeof place->folder, "/tmp/command_test.XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	assert_int_equal(chdir(place->folder), 0);
	snprintf(place->good, sizeof place->good, "%s/good.yaml", place->folder);
	snprintf(place->bad, sizeof place->bad, "%s/bad.yaml", place->folder);
	snprintf(place->out, sizeof place->out, "%s/out", place->folder);
	snprintf(place->err, sizeof place->err, "%s/err", place->folder);
	write_file(place->good, GOOD);
	write_file(place->bad, BAD);
}

static void place_close(const struct place *place)
{
	unlink(place->good);
	unlink(place->bad);
	unlink(place->out);
	unlink(place->err);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(place->folder), 0);
}

static int redirect(FILE *stream, const char *path)
{
	int before, fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	fflush(stream);
	before = dup(fileno(stream));
	dup2(fd, fileno(stream));
	close(fd);
	return before;
}

static void restore(FILE *stream, int before)
{
	fflush(stream);
	dup2(before, fileno(stream));
	close(before);
}

static char *read_words(const char *path)
{
	char *text = calloc(1, WORDS_MAX);
	FILE *from = fopen(path, "r");

	assert_non_null(from);
	assert_true(fread(text, 1, WORDS_MAX - 1, from) < WORDS_MAX - 1);
	fclose(from);
	return text;
}

static int run(struct place *place, size_t i)
{
	static char program[] = "gatehouse";
	char *arguments[ARGUMENTS_MAX + 2] = { program };
	char copies[ARGUMENTS_MAX][64];
	int count = 1, code;

	for (; rows[i].arguments[count - 1]; count++) {
		const char *text = rows[i].arguments[count - 1];

		if (strcmp(text, "GOOD") == 0)
			text = place->good;
		if (strcmp(text, "BAD") == 0)
			text = place->bad;
		snprintf(copies[count - 1], sizeof copies[0], "%s", text);
		arguments[count] = copies[count - 1];
	}
	place->stdout_before = redirect(stdout, place->out);
	place->stderr_before = redirect(stderr, place->err);
	code = gatehouse_main(count, arguments);
	restore(stdout, place->stdout_before);
	restore(stderr, place->stderr_before);
	return code;
}

static void check_words(size_t i, const char *path, const char *want)
{
	char *words = read_words(path);

	if (want ? !strstr(words, want) : *words != 0)
		fail_msg("row %zu (%s): \"%s\" instead of \"%s\"", i,
			 rows[i].arguments[0] ? rows[i].arguments[0] : "", words, want ? want : "");
	free(words);
}

static void commands_do_what_they_are_told(void **state)
{
	struct place place;

	(void)state;
	place_open(&place);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int code = run(&place, i);

		check_words(i, place.out, rows[i].out);
		check_words(i, place.err, rows[i].err);
		if (code != rows[i].code)
			fail_msg("row %zu (%s): exit code %d", i, rows[i].arguments[0], code);
	}
	place_close(&place);
}

/* Where nothing is said, the file of this folder is taken. */
static void the_folder_s_own_configuration_is_found(void **state)
{
	static const struct command_options nothing = { 0 }, given = { .file = "x.yaml" };
	struct place place;

	(void)state;
	place_open(&place);
	write_file("gatehouse.yaml", GOOD);
	assert_text(command_configuration(&nothing), "gatehouse.yaml");
	assert_text(command_configuration(&given), "x.yaml");
	unlink("gatehouse.yaml");
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_do_what_they_are_told),
		cmocka_unit_test(the_folder_s_own_configuration_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
