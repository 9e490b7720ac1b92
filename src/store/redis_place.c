/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_place: found by the digest of its options, each with its length, so that no two lists of them are
 * one.
 */
#include "store/redis_place.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/random.h"
#include "codec/sha256.h"
#include "tls/client_identity.h"

enum { PLACES_MAX = 65536 };

struct redis_places {
	struct registry registry;
	pthread_mutex_t lock;                /* of the options: */
	const struct redis_options *options; /* of what is to be made; registries know a name only */
};

/* ---- making ---- */

static void copy_options(struct redis_place *place, const struct redis_options *options)
{
	str *addresses = ARENA_ARRAY(&place->arena, str, options->address_count);

	place->options = *options;
	for (size_t i = 0; i < options->address_count; i++)
		addresses[i] = arena_str(&place->arena, options->addresses[i]);
	place->options.addresses = addresses;
	place->options.username = arena_str(&place->arena, options->username);
	place->options.password = arena_str(&place->arena, options->password);
	place->options.prefix = arena_str(&place->arena, options->prefix);
	if (options->tls)
		place->options.tls = tls_client_identity_ref(options->tls);
}

static void print_id(char id[REDIS_ID_LEN])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[REDIS_ID_LEN / 2];

	random_bytes(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++) {
		id[2 * i] = digits[bytes[i] >> 4];
		id[2 * i + 1] = digits[bytes[i] & 15];
	}
}

static result make_place(void *owner, str name, struct registered **ret_made)
{
	const struct redis_places *places = owner;
	struct redis_place *place = calloc(1, sizeof *place);

	ASSERT(place);
	arena_init(&place->arena, NULL, SIZE_MAX / 2);
	copy_options(place, places->options);
	place->registered.name = arena_str(&place->arena, name);
	atomic_init(&place->gateways, 1);
	print_id(place->id);
	*ret_made = &place->registered;
	return OK;
}

static void free_place(struct registered *registered)
{
	struct redis_place *place = (struct redis_place *)registered;
	str password = place->options.password;

	if (password.len)
		OPENSSL_cleanse((char *)(uintptr_t)password.ptr, password.len);
	tls_client_identity_unref(&place->options.tls);
	arena_fini(&place->arena);
	free(place);
}

/* ---- finding ---- */

static void put_part(struct buf *out, str part)
{
	buf_put_u64(out, part.len);
	buf_put_char(out, ':');
	buf_put(out, part);
}

static size_t text_size(const struct redis_options *options)
{
	size_t size = 256 + options->username.len + options->password.len + options->prefix.len;

	for (size_t i = 0; i < options->address_count; i++)
		size += options->addresses[i].len + 32;
	return size + (options->tls ? options->tls->registered.name.len : 0);
}

static str digest(const struct redis_options *options, struct arena *arena)
{
	struct buf text = arena_open(arena, text_size(options)), out;
	str whole;

	buf_put_u64(&text, options->address_count);
	for (size_t i = 0; i < options->address_count; i++)
		put_part(&text, options->addresses[i]);
	put_part(&text, options->username);
	put_part(&text, options->password);
	put_part(&text, options->prefix);
	buf_put_u64(&text, (uint64_t)options->timeout);
	buf_put_char(&text, ' ');
	buf_put_u64(&text, (uint64_t)options->database);
	if (options->tls)
		put_part(&text, options->tls->registered.name);
	ASSERT(!buf_overflowed(&text));
	whole = arena_close(arena, &text);
	out = arena_open(arena, SHA256_BASE64URL_LEN);
	sha256_put_base64url(whole, &out);
	OPENSSL_cleanse((char *)(uintptr_t)whole.ptr, whole.len);
	return arena_close(arena, &out);
}

struct redis_places *redis_places_new(void)
{
	struct redis_places *places = calloc(1, sizeof *places);

	ASSERT(places);
	pthread_mutex_init(&places->lock, NULL);
	registry_init(&places->registry, PLACES_MAX, make_place, free_place, places);
	return places;
}

void redis_places_free(struct redis_places **address)
{
	struct redis_places *places = *address;

	*address = NULL;
	if (!places)
		return;
	registry_fini(&places->registry);
	pthread_mutex_destroy(&places->lock);
	free(places);
}

struct redis_place *redis_places_get(struct redis_places *places, const struct redis_options *options)
{
	struct registered *registered;
	struct arena arena;
	result_value got;

	ASSERT(options->address_count && options->address_count <= REDIS_ADDRESSES_MAX);
	arena_init(&arena, NULL, SIZE_MAX / 2);
	pthread_mutex_lock(&places->lock);
	places->options = options;
	got = registry_get(&places->registry, digest(options, &arena), &registered);
	pthread_mutex_unlock(&places->lock);
	arena_fini(&arena);
	ASSERT(!failed(got)); /* there are not as many configurations */
	return (struct redis_place *)registered;
}

struct redis_place *redis_place_ref(struct redis_place *place)
{
	registered_ref(&place->registered);
	return place;
}

void redis_place_unref(struct redis_place **place)
{
	if (*place)
		registered_unref(&(*place)->registered);
	*place = NULL;
}

void redis_place_list(struct redis_place *place)
{
	atomic_fetch_add_explicit(&place->listings, 1, memory_order_relaxed);
}

void redis_place_unlist(struct redis_place *place)
{
	atomic_fetch_sub_explicit(&place->listings, 1, memory_order_relaxed);
}

bool redis_place_is_listed(const struct redis_place *place)
{
	return atomic_load_explicit(&place->listings, memory_order_relaxed) > 0;
}

void redis_place_count(struct redis_place *place, enum redis_outcome outcome)
{
	atomic_fetch_add_explicit(&place->outcomes[outcome], 1, memory_order_relaxed);
}
