/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener_tls: the TLS of a listener, or of the admin address, which is one too: what the configuration says
 * of it, and that it changes with its files.
 *
 * The settings are the snapshot's, and fixed. What stood in the files is a material, made when the
 * configuration is compiled, and anew when the control thread finds that a file has changed: nothing else of
 * the configuration changes by that. A worker compares one number before each handshake, and takes the lock
 * only when it is another one.
 *
 * A certificate that cannot be used as its files stand now keeps what it had.
 */
#pragma once

#include <pthread.h>

#include "config/diagnostics.h"
#include "config/file_list.h"
#include "proxy/listener_config.h"
#include "proxy/tls_material.h"

/* Who has it: a listener, or the admin address. What it refers to outlives what is compiled. */
struct tls_owner {
	struct tls_surroundings surroundings;
	const struct listener_tls_config *config;
	const struct node *node; /* the map that `tls` is a key of */
};

/* A file, of however many certificates. */
struct tls_file {
	str path;               /* with a NUL behind it */
	uint64_t stamp;         /* see file_stamp(): at the last look */
	bool is_read;           /* in this pass: */
	struct tls_blob *fresh; /* what stands in it; NULL: it could not be read */
	result_value read;
};

struct metric_series;

struct tls_source {
	struct tls_settings settings;
	struct tls_file *files[TLS_PARTS]; /* NULL: none */
	struct file_stamps stamps;         /* of all of them together */
	bool is_due;
};

struct listener_tls {
	struct tls_surroundings surroundings;
	struct tls_source *sources; /* one for each certificate */
	size_t count;
	struct tls_file *files;
	size_t file_count;
	struct metric_series **series; /* of the expiry of each; NULL: nothing is counted */
	pthread_mutex_t lock;
	struct tls_material *material; /* under the lock; NULL: what was compiled is wrong */
	_Atomic uint64_t digest;       /* the material's */
};

void listener_tls_compile(struct reader *reader, const struct tls_owner *owner,
			  struct listener_tls **ret_tls);
/* Reports what is wrong, and warns of certificates that have expired or soon will have. NULL when the
 * owner has no TLS; else to be finished, also after a report. */

void listener_tls_fini(struct listener_tls *tls);

struct tls_material *listener_tls_take(struct listener_tls *tls);
/* A reference to what is in force. From any thread. */

bool listener_tls_look(struct listener_tls *tls, wall_time now);
/* Looks at the files without reading any. Whether some have changed and were left alone since the last look,
 * or a staple has expired: then listener_tls_reread() has something to do. Both are for one thread at a time.
 */

bool listener_tls_put_off(struct listener_tls *tls, result_value why);
/* Instead of listener_tls_reread(): it cannot be called now. Whether to tell why: see file_stamps_settle().
 */

bool listener_tls_reread(struct listener_tls *tls, wall_time now, diagnostics_fn tell, void *owner);
/* Reads what has changed, and tells of each certificate that is another one now, and of each that stays as it
 * was because of what stands in its files. Whether something is in force now that was not before. */
