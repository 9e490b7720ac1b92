/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: what is listed, an origin, and whether it is among it; and what cannot be listed. */
#include "policy/cors_origin.h"

#include "base/testing.h"
#include "config/document.h"

struct file {
	struct arena arena;
	struct diagnostics *diagnostics;
	struct cors_origins origins;
	char *printed;
};

static struct file *read_origins(const char *text)
{
	struct file *file = calloc(1, sizeof *file);
	struct document *document;
	struct reader reader;
	size_t len;
	FILE *to;

	arena_init(&file->arena, NULL, 1 << 20);
	file->diagnostics = diagnostics_new(&file->arena);
	assert_false(failed(document_parse(&file->arena, STR("test.yaml"),
					   arena_printf(&file->arena, "origins: %s\n", text), NULL,
					   file->diagnostics, &document)));
	reader = (struct reader) { &file->arena, file->diagnostics, document };
	cors_origins_form.read(&reader, node_find(document_root(document), STR("origins")), &file->origins);
	to = open_memstream(&file->printed, &len);
	diagnostics_print(file->diagnostics, to);
	fclose(to);
	return file;
}

static void file_free(struct file *file)
{
	free(file->printed);
	arena_fini(&file->arena);
	free(file);
}

static const struct {
	const char *listed, *origin;
	bool is_in;
} rows[] = {
	{ "\"*\"", "https://a.test", true },
	{ "[\"*\"]", "null", true },
	{ "https://a.test", "https://a.test", true },
	{ "[\"https://a.test\", \"http://b.test:8080\"]", "http://b.test:8080", true },
	{ "[\"https://a.test\"]", "https://b.test", false },
	{ "[\"https://a.test\"]", "http://a.test", false },
	{ "[\"https://a.test\"]", "https://a.test:8443", false },
	{ "[\"https://a.test\"]", "https://a.test.evil.test", false },
	{ "[\"https://a.test\"]", "https://evil-a.test", false },
	{ "[\"https://a.test\"]", "https://a.tes", false },
	{ "[\"https://a.test\"]", "HTTPS://A.TEST", false },
	{ "[\"https://a.test\"]", "null", false },
	{ "[\"https://a.test\"]", "", false },
	{ "[\"http://b.test:8080\"]", "http://b.test", false },
	{ "[\"http://[::1]:3000\"]", "http://[::1]:3000", true },
	{ "[\"http://127.0.0.1:3000\"]", "http://127.0.0.1:3000", true },

	{ "[\"https://*.a.test\"]", "https://x.a.test", true },
	{ "[\"https://*.a.test\"]", "https://x.y-z_1.a.test", true },
	{ "[\"https://*.a.test:8443\"]", "https://x.a.test:8443", true },
	{ "[\"https://*.a.test\"]", "https://a.test", false },
	{ "[\"https://*.a.test\"]", "https://.a.test", false },
	{ "[\"https://*.a.test\"]", "https://x..a.test", false },
	{ "[\"https://*.a.test\"]", "https://x..y.a.test", false },
	{ "[\"https://*.a.test\"]", "https://.x.a.test", false },
	{ "[\"https://*.a.test\"]", "https://xa.test", false },
	{ "[\"https://*.a.test\"]", "http://x.a.test", false },
	{ "[\"https://*.a.test\"]", "https://x.a.test:8443", false },
	{ "[\"https://*.a.test\"]", "https://evil.test/.a.test", false },
	{ "[\"https://*.a.test\"]", "https://evil.test:1.a.test", false },
	{ "[\"https://*.a.test\"]", "https://me@x.a.test", false },
	{ "[\"https://*.a.test\"]", "https://x.a.test.evil.test", false },
	{ "[\"https://*.a.test\"]", "https://", false },
};

static void an_origin_is_in_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct file *file = read_origins(rows[i].listed);

		assert_string_equal(file->printed, "");
		if (cors_origins_have(&file->origins, str_of(rows[i].origin)) != rows[i].is_in)
			fail_msg("%s in %s", rows[i].origin, rows[i].listed);
		file_free(file);
	}
}

static void what_no_browser_sends_is_reported(void **state)
{
	static const struct {
		const char *listed, *want;
	} bad[] = {
		{ "a.test", "want an origin such as https://app.example.com, or \"*\"" },
		{ "[ftp://a.test]", "want an origin such as" },
		{ "[\"*.a.test\"]", "want an origin such as" },
		{ "['null']", "any page can have the origin null" },
		{ "[]", "origins" },
		{ "{ a: b }", "origins" },
		{ "[[a]]", "origins[0]" },
		{ "https://a.test/", "without a / behind it" },
		{ "https://a.test/path", "without a / behind it" },
		{ "https://", "want a host" },
		{ "https://a..test", "want a host" },
		{ "https://a.test.", "want a host" },
		{ "https://me@a.test", "want a host" },
		{ "https://a.test:0", "want a host" },
		{ "https://a.test:08443", "want a host" },
		{ "\"https://a.test:\"", "want a host" },
		{ "https://a.test:443", "leaves out the port" },
		{ "http://a.test:80", "leaves out the port" },
		{ "https://A.test", "in lower case" },
		{ "https://a-*.test.test", "first labels of a host only" },
		{ "https://*", "first labels of a host only" },
		{ "\"https://*.*.test\"", "first labels of a host only" },
		{ "\"https://*.com\"", "warning: origins: anybody may have a name under this one" },
		{ "[\"*\", \"https://a.test\"]", "\"*\" is everybody" },
		{ "[\"https://a.test\", b, c]", "origins[1]" },
		{ "[\"https://a.test\", b, c]", "origins[2]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct file *file = read_origins(bad[i].listed);

		if (!strstr(file->printed, bad[i].want))
			fail_msg("%s: %s", bad[i].listed, file->printed);
		file_free(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_origin_is_in_or_not),
		cmocka_unit_test(what_no_browser_sends_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
