/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/tls_material.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "tls/certificate.h"
#include "tls/staple.h"

static const uint64_t seed = 0x746c73;

struct tls_blob {
	_Atomic uint32_t references;
	size_t len;
	char bytes[];
};

struct tls_blob *tls_blob_new(str bytes)
{
	struct tls_blob *blob = malloc(sizeof *blob + bytes.len);

	ASSERT(blob);
	atomic_init(&blob->references, 1);
	blob->len = bytes.len;
	if (bytes.len)
		memcpy(blob->bytes, bytes.ptr, bytes.len);
	return blob;
}

struct tls_blob *tls_blob_ref(struct tls_blob *blob)
{
	if (blob)
		atomic_fetch_add_explicit(&blob->references, 1, memory_order_relaxed);
	return blob;
}

void tls_blob_unref(struct tls_blob **address)
{
	struct tls_blob *blob = *address;

	*address = NULL;
	if (!blob || atomic_fetch_sub_explicit(&blob->references, 1, memory_order_acq_rel) != 1)
		return;
	OPENSSL_cleanse(blob->bytes, blob->len);
	free(blob);
}

static str blob_bytes(const struct tls_blob *blob)
{
	return blob ? (str) { blob->bytes, blob->len } : (str) { 0 };
}

struct tls_material *tls_material_new(size_t count)
{
	struct tls_material *material = calloc(1, sizeof *material);

	ASSERT(material);
	atomic_init(&material->references, 1);
	arena_init(&material->arena, NULL, SIZE_MAX / 2);
	material->count = count;
	material->entries = ARENA_ARRAY(&material->arena, struct tls_entry, count);
	material->facts = ARENA_ARRAY(&material->arena, struct certificate_facts, count);
	material->blobs = ARENA_ARRAY(&material->arena, struct tls_blobs, count);
	return material;
}

struct tls_material *tls_material_ref(struct tls_material *material)
{
	atomic_fetch_add_explicit(&material->references, 1, memory_order_relaxed);
	return material;
}

void tls_material_unref(struct tls_material **address)
{
	struct tls_material *material = *address;

	*address = NULL;
	if (!material || atomic_fetch_sub_explicit(&material->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < material->count; i++)
		for (size_t part = 0; part < TLS_PARTS; part++)
			tls_blob_unref(&material->blobs[i].at[part]);
	arena_fini(&material->arena);
	free(material);
}

/* Also those that were there before, which somebody's slices may refer to no more. */
static void keep_blobs(struct tls_material *material, size_t index, const struct tls_blobs *blobs)
{
	for (size_t part = 0; part < TLS_PARTS; part++) {
		tls_blob_ref(blobs->at[part]);
		tls_blob_unref(&material->blobs[index].at[part]);
		material->blobs[index].at[part] = blobs->at[part];
	}
}

static void take_facts(struct tls_material *material, size_t index, const struct tls_settings *settings,
		       const struct certificate *certificate, wall_time now)
{
	struct arena *arena = &material->arena;

	material->facts[index] = (struct certificate_facts) {
		.path = settings->path,
		.subject = certificate_subject(certificate, arena),
		.issuer = certificate_issuer(certificate, arena),
		.serial = certificate_serial(certificate, arena),
		.names = settings->names.len ? settings->names : certificate_names(certificate, arena),
		.key_type = certificate_key_type(certificate),
		.complaint = certificate_complaint(certificate, now, arena),
		.not_before = certificate->not_before,
		.not_after = certificate->not_after,
	};
}

static result check(struct tls_material *material, size_t index, const struct tls_settings *settings,
		    const struct certificate *certificate, wall_time now)
{
	struct certificate_facts *facts = &material->facts[index];
	struct tls_entry *entry = &material->entries[index];

	take_facts(material, index, settings, certificate, now);
	if (!entry->staple.len)
		return OK;
	TRY(staple_check(entry->staple, certificate, &facts->staple_until));
	if (facts->staple_until > now)
		return OK;
	facts->staple_until = 0;
	entry->staple = (str) { 0 };
	return OK;
}

result tls_material_set(struct tls_material *material, size_t index, const struct tls_settings *settings,
			const struct tls_blobs *blobs, wall_time now, enum tls_part *ret_part)
{
	struct tls_entry *entry = &material->entries[index];
	struct certificate certificate;
	result_value checked;

	keep_blobs(material, index, blobs);
	*entry = (struct tls_entry) { .certificate = blob_bytes(blobs->at[TLS_PART_CERTIFICATE]),
				      .key = blob_bytes(blobs->at[TLS_PART_KEY]),
				      .names = settings->names,
				      .staple = blob_bytes(blobs->at[TLS_PART_STAPLE]),
				      .client_ca = blob_bytes(blobs->at[TLS_PART_CLIENT_CA]),
				      .client_certificate = settings->demand,
				      .minimum = settings->minimum };
	checked = certificate_init(&certificate, NULL, entry->certificate, entry->key);
	*ret_part = certificate.is_key_to_blame ? TLS_PART_KEY : TLS_PART_CERTIFICATE;
	TRY(checked);
	*ret_part = TLS_PART_STAPLE;
	checked = check(material, index, settings, &certificate, now);
	certificate_fini(&certificate);
	return checked;
}

void tls_material_seal(struct tls_material *material, const struct tls_surroundings *surroundings)
{
	uint64_t digest = hash_bytes(surroundings->listener, seed);

	for (size_t i = 0; i < surroundings->protocols.len; i++)
		digest = hash_bytes(surroundings->protocols.at[i], digest);
	for (size_t i = 0; i < material->count; i++) {
		const struct tls_entry *entry = &material->entries[i];
		const str parts[] = { entry->certificate, entry->key, entry->staple, entry->client_ca };

		for (size_t part = 0; part < sizeof parts / sizeof *parts; part++)
			digest = hash_mix(hash_bytes(parts[part], digest), parts[part].len);
		for (size_t name = 0; name < entry->names.len; name++)
			digest = hash_bytes(entry->names.at[name], digest);
		digest = hash_mix(digest,
				  (uint64_t)entry->client_certificate << 32 | (uint64_t)entry->minimum);
	}
	material->digest = digest ? digest : seed;
}

result tls_material_open(const struct tls_material *material, const struct tls_surroundings *surroundings,
			 OSSL_LIB_CTX *library, struct tls_server_context **ret_context, size_t *ret_index)
{
	return tls_server_context_new(&(struct tls_server_options) { .listener = surroundings->listener,
								     .entries = material->entries,
								     .count = material->count,
								     .protocols = surroundings->protocols,
								     .tickets = surroundings->tickets,
								     .library = library },
				      ret_context, ret_index);
}
