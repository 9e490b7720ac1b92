/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/key_source.h"

#include "base/assert.h"

enum { FILE_MAX = 1024 * 1024, FIRST_ROOM = 8 };

static const str file_scheme = STR_INIT("file:");

/* The snapshot lets go of it at its end. The arena keeps the old lists. */
static struct key_set *list(struct key_sources *sources, struct key_set *set)
{
	struct snapshot *snapshot = sources->snapshot;

	if (snapshot->key_set_count == sources->max) {
		size_t max = sources->max ? 2 * sources->max : FIRST_ROOM;
		struct key_set **wider = ARENA_ARRAY(sources->reader->arena, struct key_set *, max);

		for (size_t i = 0; i < snapshot->key_set_count; i++)
			wider[i] = snapshot->key_sets[i];
		snapshot->key_sets = wider;
		sources->max = max;
	}
	snapshot->key_sets[snapshot->key_set_count++] = set;
	return set;
}

static struct key_set *report(struct key_sources *sources, const struct node *at, result_value why)
{
	diagnostic_error(sources->reader->diagnostics, at, "%s", why.why);
	return NULL;
}

static result read_keys(str text, struct jwk_set **ret_keys)
{
	return str_contains(text, STR("-----BEGIN ")) ? jwk_set_from_pem(STR(""), text, ret_keys)
						      : jwk_set_parse(text, ret_keys);
}

static struct key_set *find_in_file(struct key_sources *sources, const struct node *at, str path)
{
	struct jwk_set *keys;
	str text;
	result_value read;

	if (!reader_read_file(sources->reader, at, path, FILE_MAX, &text))
		return NULL;
	read = read_keys(text, &keys);
	if (failed(read))
		return report(sources, at, read);
	if (!jwk_set_count(keys)) {
		jwk_set_unref(&keys);
		return report(sources, at, error_make(ERROR_INVALID, "no key in it can verify a signature"));
	}
	return key_source_keep(sources, at, keys, text);
}

struct key_set *key_source_find(struct key_sources *sources, const struct node *at, const struct node *keys,
				str issuer)
{
	(void)issuer;
	if (keys && str_starts(keys->text, file_scheme))
		return find_in_file(sources, keys, str_skip(keys->text, file_scheme.len));
	return report(sources, keys ? keys : at, error_make(ERROR_INVALID, "want file:PATH"));
}

struct key_set *key_source_keep(struct key_sources *sources, const struct node *at, struct jwk_set *keys,
				str content)
{
	struct key_set *set;
	result_value kept = key_sets_keep(sources->sets, keys, content, &set);

	return failed(kept) ? report(sources, at, kept) : list(sources, set);
}

void key_sources_release(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->key_set_count; i++)
		key_set_unref(&snapshot->key_sets[i]);
	snapshot->key_set_count = 0;
}
