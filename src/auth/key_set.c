/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/key_set.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/container.h"

enum { DIGEST_MAX = 64 };

struct key_sets {
	struct registry registry;
	_Atomic uint64_t version; /* the last one that was given */
};

struct key_set {
	struct registered registered;
	struct key_sets *sets;
	pthread_mutex_t lock; /* of keys */
	struct jwk_set *keys;
	_Atomic uint64_t version;
	char name[];
};

static result make(void *owner, str name, struct registered **ret_made)
{
	struct key_set *set = calloc(1, sizeof *set + name.len);

	ASSERT(set);
	set->sets = owner;
	pthread_mutex_init(&set->lock, NULL);
	atomic_init(&set->version, 0);
	memcpy(set->name, name.ptr, name.len);
	set->registered.name = (str) { set->name, name.len };
	*ret_made = &set->registered;
	return OK;
}

static void unmake(struct registered *registered)
{
	struct key_set *set = CONTAINER_OF(registered, struct key_set, registered);

	jwk_set_unref(&set->keys);
	pthread_mutex_destroy(&set->lock);
	free(set);
}

struct key_sets *key_sets_new(void)
{
	struct key_sets *sets = calloc(1, sizeof *sets);

	ASSERT(sets);
	registry_init(&sets->registry, KEY_SETS_MAX, make, unmake, sets);
	return sets;
}

void key_sets_free(struct key_sets **address)
{
	if (*address)
		registry_fini(&(*address)->registry);
	free(*address);
	*address = NULL;
}

result key_sets_get(struct key_sets *sets, str name, struct key_set **ret_set)
{
	struct registered *registered;

	TRY(registry_get(&sets->registry, name, &registered));
	*ret_set = CONTAINER_OF(registered, struct key_set, registered);
	return OK;
}

result key_sets_keep(struct key_sets *sets, struct jwk_set *keys, str content, struct key_set **ret_set)
{
	unsigned char digest[DIGEST_MAX];
	unsigned len;
	result_value got;

	ASSERT(EVP_Digest(content.ptr, content.len, digest, &len, EVP_sha256(), NULL) == 1);
	got = key_sets_get(sets, (str) { (const char *)digest, len }, ret_set);
	if (!failed(got) && !key_set_version(*ret_set))
		key_set_publish(*ret_set, jwk_set_ref(keys));
	jwk_set_unref(&keys);
	return got;
}

struct key_set *key_set_ref(struct key_set *set)
{
	registered_ref(&set->registered);
	return set;
}

void key_set_unref(struct key_set **address)
{
	if (*address)
		registered_unref(&(*address)->registered);
	*address = NULL;
}

str key_set_name(const struct key_set *set)
{
	return set->registered.name;
}

struct jwk_set *key_set_take(struct key_set *set)
{
	struct jwk_set *keys;

	pthread_mutex_lock(&set->lock);
	keys = set->keys ? jwk_set_ref(set->keys) : NULL;
	pthread_mutex_unlock(&set->lock);
	return keys;
}

uint64_t key_set_version(const struct key_set *set)
{
	return atomic_load_explicit(&set->version, memory_order_acquire);
}

void key_set_publish(struct key_set *set, struct jwk_set *keys)
{
	struct jwk_set *before;
	uint64_t version = keys ? atomic_fetch_add(&set->sets->version, 1) + 1 : 0;

	pthread_mutex_lock(&set->lock);
	before = set->keys;
	set->keys = keys;
	atomic_store_explicit(&set->version, version, memory_order_release);
	pthread_mutex_unlock(&set->lock);
	jwk_set_unref(&before);
}
