/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: what stands under log.access, and what it means, or what check says. */
#include "observe/log_config.h"

#include "base/testing.h"
#include "config/document.h"
#include "observe/log_line.h"

enum { ARENA_MAX = 16 * 1024 * 1024 };

struct file {
	struct arena arena;
	struct diagnostics *diagnostics;
	struct access_log_config config;
	char *printed;
	size_t printed_len;
};

static const char *environment(const char *name, void *argument)
{
	(void)argument;
	return strcmp(name, "SITE") == 0 ? "${status}" : NULL;
}

static struct file *file_read(const char *access)
{
	struct file *file = calloc(1, sizeof *file);
	const struct document_options options = { .environment = environment };
	struct document *document;
	struct reader reader;
	result_value parsed;

	arena_init(&file->arena, NULL, ARENA_MAX);
	file->diagnostics = diagnostics_new(&file->arena);
	parsed = document_parse(&file->arena, STR("/etc/gw/test.yaml"),
				arena_printf(&file->arena, "log: { access: { %s } }\n", access), &options,
				file->diagnostics, &document);
	if (failed(parsed))
		return file;
	reader = (struct reader) { &file->arena, file->diagnostics, document };
	fields_read(&reader, node_find(node_find(document_root(document), STR("log")), STR("access")),
		    access_log_fields, &file->config);
	return file;
}

static const char *file_errors(struct file *file)
{
	FILE *to;

	free(file->printed);
	to = open_memstream(&file->printed, &file->printed_len);
	diagnostics_print(file->diagnostics, to);
	fclose(to);
	return file->printed;
}

static void file_free(struct file *file)
{
	arena_fini(&file->arena);
	free(file->printed);
	free(file);
}

static const struct {
	const char *access;
	enum log_destination want_to;
	const char *want_path;
	enum log_format_kind want_format;
} good_cases[] = {
	{ "", LOG_TO_STDOUT, "", LOG_JSON },
	{ "to: stdout, format: json", LOG_TO_STDOUT, "", LOG_JSON },
	{ "to: stderr, format: clf", LOG_TO_STDERR, "", LOG_CLF },
	{ "to: off", LOG_TO_NOWHERE, "", LOG_JSON },
	{ "to: 'file:/var/log/gw.log'", LOG_TO_FILE, "/var/log/gw.log", LOG_JSON },
	{ "to: 'file:gw.log'", LOG_TO_FILE, "/etc/gw/gw.log", LOG_JSON },
	{ "format: '${status}'", LOG_TO_STDOUT, "", LOG_TEMPLATE },
	{ "format: 'x ${client_ip} \"${method} ${path}\" ${status} ${api}/${route}'", LOG_TO_STDOUT, "",
	  LOG_TEMPLATE },
	{ "sample: 1, query: true, redact: [ a, b ]", LOG_TO_STDOUT, "", LOG_JSON },
};

static void good_settings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good_cases); i++) {
		struct file *file = file_read(good_cases[i].access);

		assert_string_equal(file_errors(file), "");
		assert_int_equal(file->config.to.destination, good_cases[i].want_to);
		assert_true(str_eq(file->config.to.path, str_of(good_cases[i].want_path)));
		assert_int_equal(file->config.format.kind, good_cases[i].want_format);
		file_free(file);
	}
}

static const struct {
	const char *access, *want;
} bad_cases[] = {
	{ "to: sdtout", "test.yaml:1:22: error: log.access.to: want stdout, stderr, file:PATH or off, read "
			"\"sdtout\"; did you mean \"stdout\"?" },
	{ "to: 'syslog:127.0.0.1:514'", "want stdout, stderr, file:PATH or off" },
	{ "to: 'file:'", "want stdout, stderr, file:PATH or off" },
	{ "to: /var/log/gw.log", "want stdout, stderr, file:PATH or off" },
	{ "to: ''", "to" },
	{ "to: [ stdout ]", "to" },
	{ "format: jsn", "want json, clf or a template with fields such as ${status}, read \"jsn\"; did you "
			 "mean \"json\"?" },
	{ "format: ecs", "want json, clf or a template" },
	{ "format: otel", "want json, clf or a template" },
	{ "format: '%h %u'", "want json, clf or a template" },
	{ "format: '${statsu}'", "the access log has no field \"statsu\"; did you mean \"status\"?" },
	{ "format: '${request.id}'", "the access log has no field \"request.id\"" },
	{ "format: '${status} ${query}'", "the access log has no field \"query\"" },
	{ "format: '${STATUS}'", "the environment variable STATUS is not set" },
	{ "format: '${status'", "without its }" },
	{ "format: \"${status}\\n\"", "one line without control characters" },
	{ "format: \"a\\e[1m${status}\"", "one line without control characters" },
	{ "format: '${path} ${path} ${path}'", "could be longer than 64 KiB" },
	{ "sample: 0", "sample" },
	{ "sample: 101", "sample" },
	{ "sample: '5%'", "sample" },
	{ "redact: token", "" },
	{ "destination: stdout", "destination" },
};

static void bad_settings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_cases); i++) {
		struct file *file = file_read(bad_cases[i].access);

		if (!strstr(file_errors(file), bad_cases[i].want))
			fail_msg("%s: %s", bad_cases[i].access, file_errors(file));
		file_free(file);
	}
}

static const char *line_of(struct file *file, const struct access_log_config *config)
{
	static const struct exchange_facts facts = {
		.status = 404,
		.method = STR_INIT("GET"),
		.path = STR_INIT("/a"),
		.client_ip = STR_INIT("203.0.113.9"),
		.reason = REASON_NO_ROUTE,
	};
	struct log_clock clock = { 0 };
	struct buf out = arena_open(&file->arena, LOG_LINE_MAX);

	log_line_put(&clock, config, &facts, &out);
	buf_put_char(&out, 0);
	return arena_close(&file->arena, &out).ptr;
}

static const struct {
	const char *format, *want;
} template_cases[] = {
	{ "${status}", "404\n" },
	{ "a${status}b", "a404b\n" },
	{ "${status}${status}", "404404\n" },
	{ "${client_ip} \"${method} ${path}\" ${status}", "203.0.113.9 \"GET /a\" 404\n" },
	{ "${reason} ${api} ${upstream_ms}", "no_route - 0.000\n" },
	{ "$${status} ${status}", "${status} 404\n" },
	{ "${SITE} ${status}", "${status} 404\n" },
	{ "$ $$ } ${status} {", "$ $$ } 404 {\n" },
};

static void templates(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(template_cases); i++) {
		char access[256];
		struct file *file;

		snprintf(access, sizeof access, "format: '%s'", template_cases[i].format);
		file = file_read(access);
		assert_string_equal(file_errors(file), "");
		assert_string_equal(line_of(file, &file->config), template_cases[i].want);
		file_free(file);
	}
}

static void too_many_fields(void **state)
{
	char access[64 * 9 + 32] = "format: '";
	struct file *file;

	(void)state;
	for (int i = 0; i < LOG_SEGMENTS_MAX; i++)
		memcpy(access + 9 + (size_t)i * 9, "${status}'", 11);
	file = file_read(access);
	assert_non_null(strstr(file_errors(file), "more than 63 fields"));
	file_free(file);
}

/* The copy needs nothing of the file it came from. */
static void a_copy_outlives_its_file(void **state)
{
	struct file *file = file_read(
		"to: 'file:x', format: 'a${status}b', redact: [ one, two ], query: true, sample: 5");
	struct file *other = file_read("");
	struct access_log_config copy = access_log_config_copy(&file->config, &other->arena);

	(void)state;
	assert_string_equal(file_errors(file), "");
	file_free(file);
	assert_string_equal(line_of(other, &copy), "a404b\n");
	assert_true(str_eq(copy.to.path, STR("/etc/gw/x")));
	assert_int_equal(copy.redact.len, 2);
	assert_true(str_eq(copy.redact.at[1], STR("two")));
	assert_true(copy.query);
	assert_int_equal(copy.sample, 5);
	file_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_settings),
		cmocka_unit_test(bad_settings),
		cmocka_unit_test(templates),
		cmocka_unit_test(too_many_fields),
		cmocka_unit_test(a_copy_outlives_its_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
