/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_chunked_testing: what a chunked body came to, however its bytes arrived; for unit tests and fuzzers.
 */
#pragma once

#include "base/buf.h"
#include "codec/h1.h"

enum { CHUNKED_OUTCOME_MAX = 64 * 1024, CHUNKED_OUTCOME_FIELDS = 8 };

struct chunked_outcome {
	enum h1_chunked_state state; /* never _CONTENT */
	enum h1_error error;
	size_t taken; /* bytes of input that were framing or content */
	size_t trailer_count;
	char bytes[CHUNKED_OUTCOME_MAX];
	struct buf text; /* the content, then the trailers as "name=value;" */
};

extern const struct h1_chunked_limits chunked_test_limits;

void chunked_outcome_find(str input, size_t step, size_t bite, struct chunked_outcome *ret_outcome);
/* step more bytes are there each time; of content, at most bite bytes are used at once. */
