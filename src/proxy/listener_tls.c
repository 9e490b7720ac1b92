/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener_tls: a pair of files is never replaced in one step. So a certificate is read when all its files
 * have been left alone from one look to the next, and only what belongs together is taken.
 */
#include "proxy/listener_tls.h"

#include <openssl/crypto.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "config/file.h"
#include "proxy/listener_tls_private.h"

struct tls_material *listener_tls_take(struct listener_tls *tls)
{
	struct tls_material *material;

	pthread_mutex_lock(&tls->lock);
	material = tls_material_ref(tls->material);
	pthread_mutex_unlock(&tls->lock);
	return material;
}

/* Takes the reference over. */
static void put_in_force(struct listener_tls *tls, struct tls_material *material)
{
	struct tls_material *before;

	pthread_mutex_lock(&tls->lock);
	before = tls->material;
	tls->material = material;
	atomic_store_explicit(&tls->digest, material->digest, memory_order_release);
	pthread_mutex_unlock(&tls->lock);
	tls_material_unref(&before);
}

void listener_tls_fini(struct listener_tls *tls)
{
	for (size_t i = 0; i < tls->file_count; i++)
		tls_blob_unref(&tls->files[i].fresh);
	tls_material_unref(&tls->material);
	pthread_mutex_destroy(&tls->lock);
}

void tls_wipe(str bytes)
{
	OPENSSL_cleanse((void *)(uintptr_t)bytes.ptr, bytes.len);
}

uint64_t tls_source_stamp(const struct tls_source *source)
{
	uint64_t stamp = 1;

	for (size_t part = 0; part < TLS_PARTS; part++)
		stamp = hash_mix(stamp, source->files[part] ? source->files[part]->stamp : 0);
	return stamp;
}

static bool has_expired_staple(const struct listener_tls *tls, size_t index, wall_time now)
{
	wall_time until = tls->material->facts[index].staple_until;

	return until && until <= now;
}

bool listener_tls_look(struct listener_tls *tls, wall_time now)
{
	bool is_due = false;

	for (size_t i = 0; i < tls->file_count; i++)
		tls->files[i].stamp = file_stamp(tls->files[i].path.ptr);
	for (size_t i = 0; i < tls->count; i++) {
		struct tls_source *source = &tls->sources[i];
		uint64_t stamp = tls_source_stamp(source);

		source->is_due = file_stamps_look(&source->stamps, stamp) || has_expired_staple(tls, i, now);
		is_due |= source->is_due;
	}
	return is_due;
}

bool listener_tls_put_off(struct listener_tls *tls, result_value why)
{
	bool is_news = false;

	for (size_t i = 0; i < tls->count; i++)
		if (tls->sources[i].is_due)
			is_news |= file_stamps_settle(&tls->sources[i].stamps, why);
	return is_news;
}

/* What one pass tells, and with which words. */
struct pass {
	struct listener_tls *tls;
	struct tls_material *material;
	struct arena arena;
	wall_time now;
	diagnostics_fn tell;
	void *owner;
};

static void tell(struct pass *pass, bool is_warning, const struct tls_file *file, str words)
{
	str line = arena_printf(&pass->arena, "%.*s: %.*s: %.*s", STR_ARG(pass->tls->surroundings.title),
				STR_ARG(file->path), STR_ARG(words));

	pass->tell(pass->owner, is_warning, line);
}

static void tell_kept(struct pass *pass, const struct tls_file *file, result_value failure)
{
	tell(pass, true, file,
	     arena_printf(&pass->arena, "%s%s%s; the certificate before stays", failure.why,
			  failure.sys ? ": " : "", failure.sys ? strerror(failure.sys) : ""));
}

static void tell_taken(struct pass *pass, size_t index, const struct certificate_facts *before)
{
	const struct certificate_facts *facts = &pass->material->facts[index];
	const struct tls_file *file = pass->tls->sources[index].files[TLS_PART_CERTIFICATE];
	char until[TIME_RFC3339_LEN];

	if (before->staple_until && !facts->staple_until && pass->tls->sources[index].files[TLS_PART_STAPLE])
		tell(pass, true, pass->tls->sources[index].files[TLS_PART_STAPLE],
		     STR("the OCSP response has expired; clients get none"));
	time_print_rfc3339(facts->not_after, until);
	tell(pass, facts->complaint.len > 0, file,
	     arena_printf(&pass->arena, "read again: %.*s, good until %.19sZ%s%.*s", STR_ARG(facts->subject),
			  until, facts->complaint.len ? ": " : "", STR_ARG(facts->complaint)));
}

static void file_read_once(struct tls_file *file)
{
	struct arena arena;
	str bytes;

	if (file->is_read)
		return;
	file->is_read = true;
	arena_init(&arena, NULL, SIZE_MAX / 2);
	file->read = file_read(&arena, file->path, TLS_FILE_MAX, &bytes);
	if (!failed(file->read)) {
		file->fresh = tls_blob_new(bytes);
		tls_wipe(bytes);
	}
	arena_fini(&arena);
}

/* False after a report. */
static bool read_blobs(struct pass *pass, struct tls_source *source, struct tls_blobs *ret_blobs)
{
	*ret_blobs = (struct tls_blobs) { 0 };
	for (size_t part = 0; part < TLS_PARTS; part++) {
		struct tls_file *file = source->files[part];

		if (!file)
			continue;
		file_read_once(file);
		if (failed(file->read)) {
			if (file_stamps_settle(&source->stamps, file->read))
				tell_kept(pass, file, file->read);
			return false;
		}
		ret_blobs->at[part] = file->fresh;
	}
	(void)file_stamps_settle(&source->stamps, OK);
	return true;
}

/* What was good before is good again. */
static void keep(struct pass *pass, size_t index)
{
	enum tls_part part;
	result_value kept = tls_material_set(pass->material, index, &pass->tls->sources[index].settings,
					     &pass->tls->material->blobs[index], pass->now, &part);

	(void)kept;
}

static bool take(struct pass *pass, size_t index)
{
	struct tls_source *source = &pass->tls->sources[index];
	struct tls_blobs blobs;
	enum tls_part part;
	result_value set;

	source->stamps.read = source->stamps.seen;
	if (!read_blobs(pass, source, &blobs))
		return false;
	set = tls_material_set(pass->material, index, &source->settings, &blobs, pass->now, &part);
	if (failed(set))
		tell_kept(pass, source->files[part], set);
	return !failed(set);
}

static void forget_files(struct listener_tls *tls)
{
	for (size_t i = 0; i < tls->file_count; i++) {
		tls_blob_unref(&tls->files[i].fresh);
		tls->files[i].is_read = false;
	}
}

/* Each is good by itself; together they may clash. The workers will open it the same way. */
static bool is_sound(struct pass *pass)
{
	struct tls_server_context *context = NULL;
	size_t index;
	result_value opened =
		tls_material_open(pass->material, &pass->tls->surroundings, NULL, &context, &index);

	tls_server_context_free(&context);
	if (failed(opened))
		tell_kept(pass, pass->tls->sources[index].files[TLS_PART_CERTIFICATE], opened);
	return !failed(opened);
}

/* What is due and good is new, all else as it was. */
static void collect(struct pass *pass, bool *ret_taken)
{
	struct listener_tls *tls = pass->tls;

	for (size_t i = 0; i < tls->count; i++) {
		ret_taken[i] = tls->sources[i].is_due && take(pass, i);
		if (!ret_taken[i])
			keep(pass, i);
		tls->sources[i].is_due = false;
	}
	tls_material_seal(pass->material, &tls->surroundings);
}

/* Told when it holds. */
static void replace(struct pass *pass, const bool *taken)
{
	struct listener_tls *tls = pass->tls;
	struct tls_material *before = tls_material_ref(tls->material);

	put_in_force(tls, pass->material);
	for (size_t i = 0; i < tls->count; i++)
		if (taken[i])
			tell_taken(pass, i, &before->facts[i]);
	tls_material_unref(&before);
}

bool listener_tls_reread(struct listener_tls *tls, wall_time now, diagnostics_fn tell_fn, void *owner)
{
	struct pass pass = { .tls = tls,
			     .material = tls_material_new(tls->count),
			     .now = now,
			     .tell = tell_fn,
			     .owner = owner };
	bool *taken, is_new;

	arena_init(&pass.arena, NULL, SIZE_MAX / 2);
	taken = ARENA_ARRAY(&pass.arena, bool, tls->count);
	collect(&pass, taken);
	is_new = pass.material->digest != tls->material->digest && is_sound(&pass);
	if (is_new)
		replace(&pass, taken);
	else
		tls_material_unref(&pass.material);
	forget_files(tls);
	arena_fini(&pass.arena);
	return is_new;
}
