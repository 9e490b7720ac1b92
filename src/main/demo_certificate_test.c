/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same certificate at each start, as long as it is good; another one where it is not, or cannot be kept.
 */
#include "main/demo_certificate.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing.h"
#include "config/file.h"

struct cache {
	char folder[64];
	struct arena arena;
};

static void cache_open(struct cache *cache)
{
	*cache = (struct cache) { .folder = "/tmp/gatehouse-demo-XXXXXX" };
	assert_non_null(mkdtemp(cache->folder));
	arena_init(&cache->arena, NULL, 1 << 24);
	setenv("XDG_CACHE_HOME", cache->folder, 1);
}

static void cache_close(struct cache *cache)
{
	static const char *const names[] = { "gatehouse/demo.pem", "gatehouse/demo.key" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		unlink(arena_printf(&cache->arena, "%s/%s", cache->folder, names[i]).ptr);
	rmdir(arena_printf(&cache->arena, "%s/gatehouse", cache->folder).ptr);
	rmdir(cache->folder);
	arena_fini(&cache->arena);
}

static str content(struct cache *cache, str path)
{
	str text;

	assert_false(failed(file_read(&cache->arena, path, 1 << 20, &text)));
	return text;
}

static struct demo_certificate find(struct cache *cache)
{
	struct demo_certificate found;

	assert_false(failed(demo_certificate_find(&cache->arena, &found)));
	assert_true(str_contains(content(cache, found.certificate), STR("BEGIN CERTIFICATE")));
	assert_true(str_contains(content(cache, found.key), STR("BEGIN PRIVATE KEY")));
	return found;
}

static void it_is_kept(void **state)
{
	struct demo_certificate first, second;
	struct cache cache;
	struct stat file;
	str text;

	(void)state;
	cache_open(&cache);
	first = find(&cache);
	text = content(&cache, first.certificate);
	second = find(&cache);
	assert_true(str_eq(first.certificate, second.certificate));
	assert_true(str_eq(text, content(&cache, second.certificate)));
	assert_int_equal(stat(first.key.ptr, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	cache_close(&cache);
}

static void one_that_is_broken_is_made_anew(void **state)
{
	struct cache cache;

	(void)state;
	cache_open(&cache);
	for (size_t i = 0; i < 3; i++) {
		struct demo_certificate found = find(&cache);
		str path = i ? found.key : found.certificate, text = content(&cache, found.certificate);
		FILE *to = fopen(path.ptr, "w");

		if (i == 2)
			fputs("nothing", to);
		fclose(to);
		assert_false(str_eq(text, content(&cache, find(&cache).certificate)));
	}
	cache_close(&cache);
}

/* Nowhere: no home, a file where the folder should be. Then it is in memory, and another one each time. */
static void without_a_place_it_is_in_memory(void **state)
{
	struct cache cache;

	(void)state;
	cache_open(&cache);
	for (size_t i = 0; i < 2; i++) {
		struct demo_certificate first, second;

		if (i == 0)
			unsetenv("XDG_CACHE_HOME");
		else
			setenv("XDG_CACHE_HOME", "/dev/null", 1);
		unsetenv("HOME");
		first = find(&cache);
		second = find(&cache);
		assert_true(str_starts(first.certificate, STR("/proc/self/fd/")));
		assert_true(str_starts(first.key, STR("/proc/self/fd/")));
		assert_false(str_eq(content(&cache, first.certificate), content(&cache, second.certificate)));
	}
	cache_close(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_kept),
		cmocka_unit_test(one_that_is_broken_is_made_anew),
		cmocka_unit_test(without_a_place_it_is_in_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
