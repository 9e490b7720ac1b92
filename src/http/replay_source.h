/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_source: a body source that remembers what went by, up to a bound, so that a request can be sent once
 * more.
 */
#pragma once

#include "http/body.h"

struct replay_source {
	struct body_source source;
	struct body_source *from;
	struct arena *arena;
	char *kept;
	size_t kept_len, max;
	size_t at;    /* how much of it was given again */
	bool is_lost; /* more went by than is kept */
};

void replay_source_init(struct replay_source *replay, struct body_source *from, struct arena *arena,
			size_t max);
/* max bytes of the arena are taken at the first one that is kept. */

bool replay_source_rewind(struct replay_source *replay);
/* The next piece is the first one again. False when that cannot be. */
