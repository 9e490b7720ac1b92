/* SPDX-License-Identifier: Apache-2.0 */
/* Files that include files: what is merged, what is refused, and whose place is named. */
#include "config/file_list.h"
#include "config/document.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_testing.h"

enum { FILES_MAX = 4 };

/* A folder of files that is gone at the end. */
struct folder {
	char path[32];
};

static void folder_open(struct folder *folder)
{
	snprintf(folder->path, sizeof folder->path, "/tmp/document-test-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status, (void)kind, (void)walk;
	return remove(path);
}

static void folder_close(struct folder *folder)
{
	nftw(folder->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Writes a file; folders on its path are made, one level deep. */
static void folder_write(struct folder *folder, const char *name, const char *content)
{
	char path[256];
	const char *slash = strchr(name, '/');
	FILE *to;

	if (slash) {
		snprintf(path, sizeof path, "%s/%.*s", folder->path, (int)(slash - name), name);
		mkdir(path, 0700);
	}
	snprintf(path, sizeof path, "%s/%s", folder->path, name);
	to = fopen(path, "w");
	assert_non_null(to);
	fputs(content, to);
	fclose(to);
}

static void folder_load(struct folder *folder, struct reading *reading)
{
	static const struct document_options options = { .environment = testing_environment };
	str path;

	reading_open(reading);
	path = arena_printf(&reading->arena, "%s/main.yaml", folder->path);
	reading->outcome =
		document_load(&reading->arena, path, &options, reading->diagnostics, &reading->document);
}

/* The summary with the folder's name taken off wherever it stands. */
static const char *summary_in(struct folder *folder, struct reading *reading)
{
	str rest = str_of(reading_summary(reading));
	char *to = reading->printed;
	size_t len = strlen(folder->path);

	while (rest.len) {
		if (str_starts(rest, str_of(folder->path))) {
			rest = str_skip(rest, len + 1);
			continue;
		}
		*to++ = rest.ptr[0];
		rest = str_skip(rest, 1);
	}
	*to = 0;
	return reading->printed;
}

struct file {
	const char *name, *content;
};

static const struct {
	const char *what;
	struct file files[FILES_MAX]; /* main.yaml is read */
	const char *keys;             /* of the tree, as section.name, in order */
} merged[] = {
	{ "sections are merged by name",
	  { { "main.yaml", "include: [b.yaml]\napis: { one: 1 }\nlog: { level: info }\n" },
	    { "b.yaml", "apis: { two: 2 }\nupstreams: { u: 1 }\n" } },
	  "apis.one apis.two log.level upstreams.u" },
	{ "a pattern finds files in order",
	  { { "main.yaml", "include: [conf.d/*.yaml]\n" },
	    { "conf.d/b.yaml", "apis: { b: 1 }\n" },
	    { "conf.d/a.yaml", "apis: { a: 1 }\n" },
	    { "conf.d/c.txt", "apis: { c: 1 }\n" } },
	  "apis.a apis.b" },
	{ "a pattern may find nothing",
	  { { "main.yaml", "include: [conf.d/*.yaml, \"x[0-9].yaml\"]\napis: { a: 1 }\n" } },
	  "apis.a" },
	{ "the file itself is not meant by its pattern",
	  { { "main.yaml", "include: [\"*.yaml\"]\napis: { a: 1 }\n" }, { "b.yaml", "apis: { b: 1 }\n" } },
	  "apis.a apis.b" },
	{ "a file is merged once",
	  { { "main.yaml", "include: [b.yaml, \"*.yaml\", ./b.yaml]\n" }, { "b.yaml", "apis: { b: 1 }\n" } },
	  "apis.b" },
	{ "included files include, each from its own folder",
	  { { "main.yaml", "include: [conf.d/a.yaml]\n" },
	    { "conf.d/a.yaml", "include: [b.yaml]\napis: { a: 1 }\n" },
	    { "conf.d/b.yaml", "apis: { b: 1 }\n" } },
	  "apis.a apis.b" },
	{ "an empty section is filled",
	  { { "main.yaml", "include: [b.yaml]\napis:\n" }, { "b.yaml", "apis: { b: 1 }\n" } },
	  "apis.b" },
	{ "an empty section adds nothing",
	  { { "main.yaml", "include: [b.yaml]\napis: { a: 1 }\n" }, { "b.yaml", "apis:\n" } },
	  "apis.a" },
	{ "an empty file adds nothing",
	  { { "main.yaml", "include: [b.yaml]\napis: { a: 1 }\n" }, { "b.yaml", "" } },
	  "apis.a" },
	{ "no file at all", { { "main.yaml", "include: []\napis: { a: 1 }\n" } }, "apis.a" },
	{ "a section that one file has alone may be anything",
	  { { "main.yaml", "include: [b.yaml]\n" }, { "b.yaml", "log: { level: info }\n" } },
	  "log.level" },
};

static void write_all(struct folder *folder, const struct file *files)
{
	for (size_t i = 0; i < FILES_MAX && files[i].name; i++)
		folder_write(folder, files[i].name, files[i].content);
}

static void put_keys(struct buf *b, const struct node *root)
{
	for (const struct node *section = root->first; section; section = section->next) {
		size_t count = 0;

		for (const struct node *child = section->first; child; child = child->next, count++) {
			if (b->len)
				buf_put_char(b, ' ');
			buf_put(b, section->key);
			buf_put_char(b, '.');
			buf_put(b, child->key);
			assert_ptr_equal(child->parent, section);
			assert_ptr_equal(node_find(section, child->key), child);
		}
		assert_int_equal(section->count, count);
		assert_ptr_equal(node_find(root, section->key), section);
	}
}

static void test_included_files_are_merged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(merged); i++) {
		struct folder folder;
		struct reading reading;
		char keys[256];
		struct buf b = buf_over(keys, sizeof keys);

		folder_open(&folder);
		write_all(&folder, merged[i].files);
		folder_load(&folder, &reading);
		assert_string_equal(summary_in(&folder, &reading), "");
		assert_row(!failed(reading.outcome), i, merged[i].what);
		put_keys(&b, document_root(reading.document));
		assert_text(buf_str(&b), merged[i].keys);
		reading_close(&reading);
		folder_close(&folder);
	}
}

static const struct {
	const char *what;
	struct file files[FILES_MAX];
	const char *problems;
} refused[] = {
	{ "a name in two files",
	  { { "main.yaml", "include: [b.yaml]\napis:\n  one: 1\n  two: 2\n" },
	    { "b.yaml", "apis: { three: 3, two: 2 }\n" } },
	  "b.yaml:1:19: apis.two: this stands at main.yaml:4:3 already" },
	{ "a name in two included files",
	  { { "main.yaml", "include: [\"[bc].yaml\"]\n" },
	    { "b.yaml", "upstreams:\n  u: 1\n" },
	    { "c.yaml", "\n\nupstreams:\n    u: 1\n" } },
	  "c.yaml:4:5: upstreams.u: this stands at b.yaml:2:3 already" },
	{ "a section without names in two files",
	  { { "main.yaml", "include: [b.yaml]\nlog: { level: info }\n" }, { "b.yaml", "log: { x: 1 }\n" } },
	  "b.yaml:1:1: log: this stands at main.yaml:2:1 already" },
	{ "a section of names that is a list",
	  { { "main.yaml", "include: [b.yaml]\napis: { a: 1 }\n" }, { "b.yaml", "apis: [a]\n" } },
	  "b.yaml:1:1: apis: this stands at main.yaml:2:1 already" },
	{ "a file that is not there",
	  { { "main.yaml", "include:\n  - b.yaml\n  - none.yaml\n" }, { "b.yaml", "x: 1\n" } },
	  "main.yaml:3:5: include[1]: none.yaml cannot be opened: No such file or directory" },
	{ "a folder",
	  { { "main.yaml", "include: [conf.d]\n" }, { "conf.d/a.yaml", "a: 1\n" } },
	  "main.yaml:1:11: include[0]: conf.d cannot be read: Is a directory" },
	{ "a file that includes itself",
	  { { "main.yaml", "a: 1\ninclude: [main.yaml]\n" } },
	  "main.yaml:2:11: include[0]: main.yaml includes itself" },
	{ "files that include each other",
	  { { "main.yaml", "include: [b.yaml]\n" }, { "b.yaml", "include: [./main.yaml]\n" } },
	  "b.yaml:1:11: include[0]: ./main.yaml includes itself" },
	{ "a mistake in an included file",
	  { { "main.yaml", "include: [b.yaml]\na: 1\na: 2\n" }, { "b.yaml", "b: [1\n" } },
	  "main.yaml:3:1: a: this key stands in line 2 already\nb.yaml:1:4: this [ is not closed" },
	{ "mistakes in two included files",
	  { { "main.yaml", "include: [b.yaml, c.yaml]\n" },
	    { "b.yaml", "b: [1\n" },
	    { "c.yaml", "c: ${NOPE}\n" } },
	  "b.yaml:1:4: this [ is not closed\nc.yaml:1:4: c: the environment variable NOPE is not set" },
	{ "an included file that is a list",
	  { { "main.yaml", "include: [b.yaml]\n" }, { "b.yaml", "- a\n" } },
	  "b.yaml:1:1: want a map at the top, read a list" },
	{ "a path from outside",
	  { { "main.yaml", "include: [\"${SECRET}\"]\n" } },
	  "main.yaml:1:11: include[0]: ${SECRET} cannot be opened: No such file or directory" },
};

static void test_what_cannot_be_merged_is_refused_in_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		struct folder folder;
		struct reading reading;

		folder_open(&folder);
		write_all(&folder, refused[i].files);
		folder_load(&folder, &reading);
		if (strcmp(summary_in(&folder, &reading), refused[i].problems) != 0)
			fail_msg("%s: got \"%s\", want \"%s\"", refused[i].what, reading.printed,
				 refused[i].problems);
		assert_row(reading.outcome.kind == ERROR_INVALID, i, refused[i].what);
		reading_close(&reading);
		folder_close(&folder);
	}
}

static void test_what_could_be_read_is_given_all_the_same(void **state)
{
	struct folder folder;
	struct reading reading;

	(void)state;
	folder_open(&folder);
	folder_write(&folder, "main.yaml", "a: ${NOPE}\nb: 1\ninclude: [none.yaml]\n");
	folder_load(&folder, &reading);
	assert_true(failed(reading.outcome));
	assert_non_null(reading.document);
	assert_text(node_find(document_root(reading.document), STR("b"))->text, "1");
	reading_close(&reading);
	folder_write(&folder, "main.yaml", "a: [1\n");
	folder_load(&folder, &reading);
	assert_true(failed(reading.outcome));
	assert_null(reading.document);
	reading_close(&reading);
	folder_close(&folder);
}

static void test_includes_are_bounded_in_depth(void **state)
{
	struct folder folder;
	struct reading reading;
	char name[16], content[64];

	(void)state;
	folder_open(&folder);
	folder_write(&folder, "main.yaml", "include: [f1.yaml]\n");
	for (int i = 1; i < 10; i++) {
		snprintf(name, sizeof name, "f%d.yaml", i);
		snprintf(content, sizeof content, "include: [f%d.yaml]\n", i + 1);
		folder_write(&folder, name, content);
	}
	folder_load(&folder, &reading);
	assert_string_equal(summary_in(&folder, &reading),
			    "f7.yaml:1:11: include[0]: f8.yaml is included through too many others");
	reading_close(&reading);
	folder_close(&folder);
}

static void test_a_folder_with_the_signs_of_patterns_is_none(void **state)
{
	struct folder folder;
	struct reading reading;
	str path;

	(void)state;
	folder_open(&folder);
	folder_write(&folder, "a[b]*?\\/main.yaml", "include: [conf*.yaml]\n");
	folder_write(&folder, "a[b]*?\\/conf1.yaml", "apis: { a: 1 }\n");
	reading_open(&reading);
	path = arena_printf(&reading.arena, "%s/a[b]*?\\/main.yaml", folder.path);
	reading.outcome = document_load(&reading.arena, path, NULL, reading.diagnostics, &reading.document);
	assert_string_equal(reading_summary(&reading), "");
	assert_non_null(node_find(document_root(reading.document), STR("apis")));
	reading_close(&reading);
	folder_close(&folder);
}

static void test_the_first_file_must_be_there(void **state)
{
	struct folder folder;
	struct reading reading;

	(void)state;
	folder_open(&folder);
	folder_load(&folder, &reading);
	assert_true(failed(reading.outcome));
	assert_null(reading.document);
	assert_string_equal(summary_in(&folder, &reading),
			    "main.yaml cannot be opened: No such file or directory");
	reading_close(&reading);
	folder_close(&folder);
}

static void test_size_is_bounded_over_all_files(void **state)
{
	static const struct document_options options = { .max_size = 40 };
	struct folder folder;
	struct reading reading;
	str path;

	(void)state;
	folder_open(&folder);
	folder_write(&folder, "main.yaml", "include: [b.yaml]\n");   /* 18 bytes */
	folder_write(&folder, "b.yaml", "b: 4567890123456789012\n"); /* 23 bytes */
	reading_open(&reading);
	path = arena_printf(&reading.arena, "%s/main.yaml", folder.path);
	reading.outcome =
		document_load(&reading.arena, path, &options, reading.diagnostics, &reading.document);
	assert_string_equal(summary_in(&folder, &reading), "main.yaml:1:11: include[0]: b.yaml is too large");
	reading_close(&reading);
	folder_close(&folder);
}

static void expect_files(const struct reading *reading, const char *const *ends)
{
	const struct file_entry *file = document_files(reading->document)->first;

	for (; *ends; ends++, file = file->next) {
		assert_non_null(file);
		assert_true(str_ends(file->path, str_of(*ends)));
	}
	assert_null(file);
}

static void test_files_are_known_and_paths_are_those_of_their_file(void **state)
{
	struct folder folder;
	struct reading reading;
	const struct node *root;

	(void)state;
	folder_open(&folder);
	folder_write(&folder, "main.yaml", "include: [conf.d/a.yaml]\na: x.pem\nc: /y.pem\n");
	folder_write(&folder, "conf.d/a.yaml", "b: x.pem\nd: ${file:secret} ${file:secret}\n");
	folder_write(&folder, "conf.d/secret", "s");
	folder_load(&folder, &reading);
	assert_string_equal(reading_summary(&reading), "");
	expect_files(&reading,
		     (const char *const[]) { "/main.yaml", "/conf.d/a.yaml", "/conf.d/secret", NULL });
	root = document_root(reading.document);
	for (const struct node *node = root->first; node; node = node->next) {
		str path = node_resolve_path(reading.document, node, node->text, &reading.arena);

		if (str_eq(node->key, STR("a")))
			assert_text(path, arena_printf(&reading.arena, "%s/x.pem", folder.path).ptr);
		if (str_eq(node->key, STR("b")))
			assert_text(path, arena_printf(&reading.arena, "%s/conf.d/x.pem", folder.path).ptr);
		if (str_eq(node->key, STR("c")))
			assert_text(path, "/y.pem");
	}
	reading_close(&reading);
	folder_close(&folder);
}

static void test_a_text_that_is_too_large_is_refused(void **state)
{
	static const struct document_options options = { .max_size = 4 };
	struct reading reading;

	(void)state;
	reading_open(&reading);
	reading.outcome = document_parse(&reading.arena, STR("t.yaml"), STR("a: bc"), &options,
					 reading.diagnostics, &reading.document);
	assert_true(failed(reading.outcome));
	assert_string_equal(reading_summary(&reading), "t.yaml is too large");
	reading_close(&reading);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_included_files_are_merged),
		cmocka_unit_test(test_what_cannot_be_merged_is_refused_in_its_place),
		cmocka_unit_test(test_what_could_be_read_is_given_all_the_same),
		cmocka_unit_test(test_includes_are_bounded_in_depth),
		cmocka_unit_test(test_a_folder_with_the_signs_of_patterns_is_none),
		cmocka_unit_test(test_the_first_file_must_be_there),
		cmocka_unit_test(test_size_is_bounded_over_all_files),
		cmocka_unit_test(test_files_are_known_and_paths_are_those_of_their_file),
		cmocka_unit_test(test_a_text_that_is_too_large_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
