/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/revocations.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/claims.h"
#include "base/assert.h"
#include "base/container.h"
#include "base/map.h"
#include "config/file_list.h"

enum { LISTS_MAX = 1000, LINE_MAX_LEN = 4096, ENTRY_MAX = 1024 };

/* Versions are given out by all lists together, so that a token which was looked up in one is not taken
 * for looked up in another. */
struct revocation_lists {
	struct registry registry;
	_Atomic uint64_t version; /* the last one that was given */
};

/* What a file holds. Names begin with what they are of: "jti X", "sub X". */
struct content {
	struct arena arena;
	struct map entries;
};

struct revocations {
	struct registered registered;
	struct revocation_lists *lists;
	pthread_mutex_t lock; /* of content */
	struct content *content;
	_Atomic uint64_t version;
	struct file_stamps stamps;
	char path[];
};

/* ---- reading ---- */

static void content_free(struct content *content)
{
	if (content)
		arena_fini(&content->arena);
	free(content);
}

/* As large as the file is; the number of entries is bounded by the map. */
static struct content *content_new(void)
{
	struct content *content = calloc(1, sizeof *content);

	ASSERT(content);
	arena_init(&content->arena, NULL, SIZE_MAX / 2);
	map_init(&content->entries, &content->arena, REVOCATIONS_MAX);
	return content;
}

/* NULL: it is good, or says nothing. */
static const char *add_line(void *self, str line)
{
	struct content *content = self;
	str kind, value, key;

	if (line.ptr[0] == '#')
		return NULL;
	if (!str_cut(line, ' ', &kind, &value) || !str_trim(value).len ||
	    (!str_eq(kind, STR("jti")) && !str_eq(kind, STR("sub"))))
		return "want `jti ID` or `sub NAME`";
	value = str_trim(value);
	if (str_contains(value, STR(" #")) || str_contains(value, STR("\t#")))
		return "a comment stands in a line of its own";
	key = arena_join(&content->arena, (str[]) { kind, STR(" "), value }, 3);
	if (key.len > ENTRY_MAX)
		return "want a line of at most 1024 bytes";
	(void)map_add(&content->entries, key, content); /* twice is once */
	return content->entries.count < REVOCATIONS_MAX ? NULL : "there are too many lines";
}

/* The version is changed under the lock, so whoever has read the new one finds the new content, and never
 * remembers an answer of the old one for it. */
static void publish(struct revocations *revocations, struct content *content)
{
	struct content *before;

	pthread_mutex_lock(&revocations->lock);
	before = revocations->content;
	revocations->content = content;
	atomic_store_explicit(&revocations->version, atomic_fetch_add(&revocations->lists->version, 1) + 1,
			      memory_order_release);
	pthread_mutex_unlock(&revocations->lock);
	content_free(before);
}

/* A mistake leaves the content from before in force: a list that was cut short while it was written must
 * not let in again whom it had shut out. */
result revocations_read(struct revocations *revocations, struct file_mistake *ret_mistake)
{
	struct content *content = content_new();
	result_value read = file_lines_read(revocations->path, LINE_MAX_LEN, add_line, content, ret_mistake);

	if (failed(read))
		content_free(content);
	else
		publish(revocations, content);
	return read;
}

bool revocations_look(struct revocations *revocations)
{
	return file_stamps_look(&revocations->stamps, file_stamp(revocations->path));
}

bool revocations_settle(struct revocations *revocations, result_value read)
{
	return file_stamps_settle(&revocations->stamps, read);
}

/* ---- all of a process ---- */

static result make(void *owner, str name, struct registered **ret_made)
{
	struct revocations *revocations = calloc(1, sizeof *revocations + name.len + 1);

	ASSERT(revocations);
	revocations->lists = owner;
	pthread_mutex_init(&revocations->lock, NULL);
	memcpy(revocations->path, name.ptr, name.len);
	revocations->registered.name = (str) { revocations->path, name.len };
	*ret_made = &revocations->registered;
	return OK;
}

/* Called when the last one that holds it lets go, from whichever thread that is. */
static void unmake(struct registered *registered)
{
	struct revocations *revocations = CONTAINER_OF(registered, struct revocations, registered);

	content_free(revocations->content);
	pthread_mutex_destroy(&revocations->lock);
	free(revocations);
}

struct revocation_lists *revocation_lists_new(void)
{
	struct revocation_lists *lists = calloc(1, sizeof *lists);

	ASSERT(lists);
	registry_init(&lists->registry, LISTS_MAX, make, unmake, lists);
	return lists;
}

void revocation_lists_free(struct revocation_lists **address)
{
	if (*address)
		registry_fini(&(*address)->registry);
	free(*address);
	*address = NULL;
}

result revocations_get(struct revocation_lists *lists, const char *path, struct revocations **ret_revocations,
		       struct file_mistake *ret_mistake)
{
	struct registered *registered;
	struct revocations *revocations;
	uint64_t stamp = file_stamp(path);
	result_value read = OK;

	TRY(registry_get(&lists->registry, str_of(path), &registered));
	revocations = CONTAINER_OF(registered, struct revocations, registered);
	if (!revocations_version(revocations)) {
		revocations->stamps = (struct file_stamps) { .seen = stamp, .read = stamp };
		read = revocations_read(revocations, ret_mistake);
	}
	if (failed(read))
		registered_unref(registered);
	else
		*ret_revocations = revocations;
	return read;
}

void revocations_unref(struct revocations **address)
{
	if (*address)
		registered_unref(&(*address)->registered);
	*address = NULL;
}

const char *revocations_path(const struct revocations *revocations)
{
	return revocations->path;
}

/* ---- asking ---- */

uint64_t revocations_version(const struct revocations *revocations)
{
	return atomic_load_explicit(&revocations->version, memory_order_acquire);
}

/* As fields and consumers have it too: whoever is 42 is so as a number, or in a list of one. A name longer
 * than the room stands in no list: add_line() refuses it. */
static bool has(const struct content *content, const struct operand *claims, const char *kind,
		struct arena *arena)
{
	str value = claims_text(claims, str_of(kind), arena);
	char room[ENTRY_MAX];
	struct buf key = buf_over(room, sizeof room);

	buf_put(&key, str_of(kind));
	buf_put_char(&key, ' ');
	buf_put(&key, value);
	return value.len && !buf_overflowed(&key) && map_get(&content->entries, buf_str(&key));
}

/* Under a lock, but asked once for each token and version only. */
bool revocations_have(struct revocations *revocations, const struct operand *claims, struct arena *arena)
{
	bool is_revoked;

	pthread_mutex_lock(&revocations->lock);
	is_revoked = has(revocations->content, claims, "jti", arena) ||
		     has(revocations->content, claims, "sub", arena);
	pthread_mutex_unlock(&revocations->lock);
	return is_revoked;
}
