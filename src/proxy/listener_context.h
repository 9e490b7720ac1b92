/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener_context: one thread's own context of a TLS, which follows what that is made of.
 *
 * Compared before each handshake, and made anew when it is something else: the thread's own, with a library
 * of its own, so that OpenSSL's locks and counts are nobody else's.
 */
#pragma once

#include "base/journal.h"
#include "proxy/listener_tls.h"

/* All zero is the beginning. */
struct listener_context {
	struct tls_server_context *context; /* NULL: there was none yet */
	uint64_t digest;                    /* of what it was made of */
	uint64_t refused;                   /* of what it should be made of and cannot; 0: nothing */
	deadline again_at;                  /* until then that is not tried again */
};

struct tls_server_context *listener_context_follow(struct listener_context *context, struct listener_tls *tls,
						   OSSL_LIB_CTX *library, struct journal *journal);
/* As things are now, for the thread that the library belongs to. What it had stays while another one cannot
 * be had, which is told once and tried again, once in a second; NULL: none can. The context's own. */

void listener_context_fini(struct listener_context *context);
