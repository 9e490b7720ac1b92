/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_testing: what a head parsed to, as a text, however its bytes were split; for unit tests and fuzzers.
 */
#pragma once

#include "base/buf.h"
#include "codec/h1.h"

enum { H1_OUTCOME_MAX = 256 * 1024, H1_OUTCOME_FIELDS = 64 };

enum h1_kind { H1_KIND_REQUEST, H1_KIND_RESPONSE };

struct h1_outcome {
	enum h1_state state;
	enum h1_error error; /* with H1_FAILED */
	size_t len;          /* with H1_DONE */
	char bytes[H1_OUTCOME_MAX];
	struct buf text; /* with H1_DONE: every member and field, one a line */
};

extern const struct h1_limits h1_test_limits;

/* How the bytes arrive. Each piece is parsed in memory of exactly its size, so that a sanitizer sees every
 * read beyond it; or all in one place, so that the parser goes on where it stopped. */
enum h1_arrival { H1_MOVES, H1_STAYS };

void h1_outcome_find(enum h1_kind kind, enum h1_arrival arrival, str input, size_t first, size_t step,
		     const struct h1_limits *limits, struct h1_outcome *ret_outcome);
/* The first `first` bytes, then step more each time, until the parser has decided or the bytes are used up.
 */

bool h1_outcome_eq(const struct h1_outcome *a, const struct h1_outcome *b);
