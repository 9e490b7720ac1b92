/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_material: what stood in the files of a listener's TLS: immutable and counted.
 *
 * Bytes are counted one file at a time, so that what did not change is shared with the material before; they
 * are wiped when nobody has them any more, for keys are among them.
 */
#pragma once

#include "base/arena.h"
#include "tls/server_context.h"

/* The content of a file. */
struct tls_blob;

struct tls_blob *tls_blob_new(str bytes);
/* A copy. */

struct tls_blob *tls_blob_ref(struct tls_blob *blob);
void tls_blob_unref(struct tls_blob **blob);
/* From any thread. Both accept NULL, the latter clears the address. */

enum tls_part { TLS_PART_CERTIFICATE, TLS_PART_KEY, TLS_PART_STAPLE, TLS_PART_CLIENT_CA, TLS_PARTS };

/* Of one certificate; NULL where there is none. */
struct tls_blobs {
	struct tls_blob *at[TLS_PARTS];
};

/* For people: what is in force. */
struct certificate_facts {
	str path; /* of the certificate, as it is opened */
	str subject, issuer, serial;
	str_list names; /* for which it is chosen; empty: none, it is the listener's first */
	const char *key_type;
	str complaint; /* of its time: "expired on ..."; empty: it is good */
	wall_time not_before, not_after;
	wall_time staple_until; /* 0: there is none */
};

/* What the configuration says of one certificate. */
struct tls_settings {
	str path;
	str_list names; /* empty: its own */
	enum tls_demand demand;
	int minimum; /* TLS1_2_VERSION or TLS1_3_VERSION */
};

struct tls_material {
	_Atomic uint32_t references;
	uint64_t digest; /* of all that makes a difference to clients; never 0 */
	size_t count;    /* certificates */
	struct tls_entry *entries;
	struct certificate_facts *facts;
	struct tls_blobs *blobs;
	struct arena arena;
};

/* What contexts of a material have in common. */
struct tls_surroundings {
	str listener; /* its name, to which sessions are bound: no other has it */
	str label;    /* by which metrics and the admin address show it */
	str title;    /* as messages name it: "listener main" */
	str_list protocols;
	struct ticket_keys *tickets;
};

struct tls_material *tls_material_new(size_t count);
/* Without anything: tls_material_set() for each, then tls_material_seal(). */

result tls_material_set(struct tls_material *material, size_t index, const struct tls_settings *settings,
			const struct tls_blobs *blobs, wall_time now, enum tls_part *ret_part);
/* Checks what belongs together. A staple that does not hold any more is left out. On an error, ret_part is to
 * blame, the words are for an operator, and it may be set to something else. The settings must outlive it. */

void tls_material_seal(struct tls_material *material, const struct tls_surroundings *surroundings);
/* Each has been set, and none will be again: it can be shared. */

struct tls_material *tls_material_ref(struct tls_material *material);
void tls_material_unref(struct tls_material **material);
/* From any thread. The latter clears the address, and accepts NULL. */

result tls_material_open(const struct tls_material *material, const struct tls_surroundings *surroundings,
			 OSSL_LIB_CTX *library, struct tls_server_context **ret_context, size_t *ret_index);
/* A context of it for the thread that the library belongs to. On an error, ret_index is to blame. */
