/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_source: a body source that remembers what went by, up to a bound, so that a request can be sent
 * once more.
 *
 * It stands above the client's body for requests that may be repeated (RFC 9110 section 9.2.2). Bytes are
 * copied only as they are consumed, so a body that fails at once costs nothing. Past the bound it forgets,
 * and says so when a rewind is asked for: the try that is under way is not disturbed.
 */
#pragma once

#include "http/body.h"

struct replay_source {
	struct body_source source;
	struct body_source *from;
	struct arena *arena;
	char *kept; /* max bytes; NULL until there is one to keep */
	size_t kept_len, max;
	size_t at;    /* how much of it was given again */
	bool is_lost; /* more went by than is kept */
};

void replay_source_init(struct replay_source *replay, struct body_source *from, struct arena *arena,
			size_t max);
/* max bytes of the arena are taken at the first one that is kept. from must outlive it. */

bool replay_source_rewind(struct replay_source *replay);
/* The next piece is the first one again. False when more has gone by than was kept: it cannot be. */
