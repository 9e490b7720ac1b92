/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_source: what `jwks`, `keys`, `issuer` and `revoked` of a configuration lead to.
 *
 * Sets and lists belong to the process and are found there by name, so that a configuration that is loaded
 * again goes on with the keys that were fetched, and two policies with one issuer fetch once. The snapshot
 * holds a reference to each that it uses.
 */
#include "proxy/key_source.h"

#include "codec/url.h"
#include "upstream/courier.h"

enum { FILE_MAX = 1024 * 1024 };

static const str file_scheme = STR_INIT("file:");

/* The snapshot lets go of it at its end. */
static struct key_set *list(struct key_sources *sources, struct key_set *set)
{
	struct snapshot *snapshot = sources->snapshot;

	snapshot->key_sets = arena_widen(sources->reader->arena, snapshot->key_sets, snapshot->key_set_count,
					 sizeof *snapshot->key_sets, &sources->max);
	snapshot->key_sets[snapshot->key_set_count++] = set;
	return set;
}

/* NULL, so that whoever finds a mistake returns it in one line. */
static struct key_set *report(struct key_sources *sources, const struct node *at, const char *why)
{
	diagnostic_error(sources->reader->diagnostics, at, "%s", why);
	return NULL;
}

/* PEM is known by how it begins; everything else must be a JWK Set. */
static result read_keys(str text, struct jwk_set **ret_keys)
{
	return str_contains(text, STR("-----BEGIN ")) ? jwk_set_from_pem(STR(""), text, ret_keys)
						      : jwk_set_parse(text, ret_keys);
}

/* The file is one of the configuration: when it changes, the configuration is loaded again. A set without
 * a good key is a mistake here, where somebody reads the message; a fetched one may get better. */
static struct key_set *find_in_file(struct key_sources *sources, const struct node *at, str path)
{
	struct jwk_set *keys;
	str text;
	result_value read;

	if (!reader_read_file(sources->reader, at, path, FILE_MAX, &text))
		return NULL;
	read = read_keys(text, &keys);
	if (failed(read))
		return report(sources, at, read.why);
	if (!jwk_set_count(keys)) {
		jwk_set_unref(&keys);
		return report(sources, at, "no key in it can verify a signature");
	}
	return key_source_keep(sources, at, keys, text);
}

/* Whom TLS believes is found once for each snapshot, and only where something is fetched. */
static result get_fetched(struct key_sources *sources, enum key_origin origin, str url,
			  struct key_set **ret_set)
{
	struct snapshot *snapshot = sources->snapshot;

	if (!snapshot->web)
		TRY(courier_trust(sources->authorities, &snapshot->web));
	return key_sets_get(sources->sets, origin, url, ret_set);
}

/* Nobody else than who is meant may say which keys are good. */
static void warn_of_plain(struct key_sources *sources, const struct node *at, const struct url *url)
{
	if (url_is_open(url))
		diagnostic_warning(
			sources->reader->diagnostics, at,
			"keys that come by http can be replaced by whoever is in between: use https");
}

static struct key_set *find_fetched(struct key_sources *sources, const struct node *at,
				    enum key_origin origin, str text)
{
	struct url url;
	struct key_set *set;
	const char *wrong = url_parse(text, &url);
	result_value got;

	if (wrong)
		return report(sources, at,
			      origin == KEYS_AT_URL
				      ? "want a URL such as https://id.example.com/jwks.json, or file:PATH"
				      : "want a URL such as https://id.example.com, or its keys in jwks, "
					"keys or secret");
	warn_of_plain(sources, at, &url);
	got = get_fetched(sources, origin, text, &set);
	return failed(got) ? report(sources, at, got.why) : list(sources, set);
}

/* Without a node for the keys they are found by the issuer's metadata. */
struct key_set *key_source_find(struct key_sources *sources, const struct node *at, const struct node *keys,
				str issuer)
{
	if (!keys)
		return find_fetched(sources, at, KEYS_OF_ISSUER, issuer);
	if (str_starts(keys->text, file_scheme))
		return find_in_file(sources, keys, str_skip(keys->text, file_scheme.len));
	return find_fetched(sources, keys, KEYS_AT_URL, keys->text);
}

struct key_set *key_source_keep(struct key_sources *sources, const struct node *at, struct jwk_set *keys,
				str content)
{
	struct key_set *set;
	result_value kept = key_sets_keep(sources->sets, keys, content, &set);

	return failed(kept) ? report(sources, at, kept.why) : list(sources, set);
}

/* The path is made absolute by the file that names it, as all paths are; with a NUL for fopen(). */
struct revocations *key_source_revocations(struct key_sources *sources, const struct node *path)
{
	struct snapshot *snapshot = sources->snapshot;
	struct arena *arena = sources->reader->arena;
	str full = node_resolve_path(sources->reader->document, path, path->text, arena);
	const char *terminated = arena_join(arena, (str[]) { full, { "", 1 } }, 2).ptr;
	struct file_mistake mistake = { 0, "there are too many such files" };
	struct revocations *revocations;
	char room[1024];
	result_value got = revocations_get(sources->revocations, terminated, &revocations, &mistake);

	file_list_heed(document_files(sources->reader->document), got);
	if (failed(got)) {
		str text = file_mistake_print(&mistake, terminated, room, sizeof room);

		diagnostic_error(sources->reader->diagnostics, path, "%.*s", STR_ARG(text));
		return NULL;
	}
	snapshot->revocations = arena_widen(arena, snapshot->revocations, snapshot->revocation_count,
					    sizeof *snapshot->revocations, &sources->revocations_max);
	snapshot->revocations[snapshot->revocation_count++] = revocations;
	return revocations;
}

/* Sets that no other snapshot uses go here, and are not fetched again. */
void key_sources_release(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->revocation_count; i++)
		revocations_unref(&snapshot->revocations[i]);
	snapshot->revocation_count = 0;
	for (size_t i = 0; i < snapshot->key_set_count; i++)
		key_set_unref(&snapshot->key_sets[i]);
	snapshot->key_set_count = 0;
}
