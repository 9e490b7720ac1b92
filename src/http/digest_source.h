/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest_source: a body source that gives the last of a body only when all of it is what its sender said
 * (RFC 9530).
 *
 * Nothing is held back but the end: what stands before it has gone on by the time it can be told that it was
 * wrong, so the receiver gets a body that is cut off, and knows it by its framing.
 */
#pragma once

#include "http/body.h"

enum { DIGEST_256_LEN = 32, DIGEST_512_LEN = 64 };

/* What a body must come to. */
struct body_digest {
	bool has_256, has_512;
	unsigned char sha_256[DIGEST_256_LEN], sha_512[DIGEST_512_LEN];
};

struct evp_md_ctx_st;

struct digest_source {
	struct body_source source;
	struct body_source *from;
	const struct body_digest *expected;
	struct evp_md_ctx_st *at_256, *at_512; /* NULL: not looked at */
	bool has_length;
	uint64_t left; /* of a body whose length is told */
	bool is_good;  /* all of it was seen, and it was */
};

void digest_source_init(struct digest_source *digest, struct body_source *from,
			const struct body_digest *expected, const uint64_t *length);
/* from and expected must outlive it; length NULL: not told. body_peek() gives ERROR_DENIED in place of the
 * piece that ends the body, when it is another's. */

void digest_source_fini(void *digest);
/* For view_hold(). */

bool digest_is_empty_body(const struct body_digest *expected);
/* Whether it is of no bytes at all. */
