/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_worker: what one worker remembers of credentials, and what it shares with the others.
 */
#pragma once

struct replay_cache;
struct session_refreshes;
struct verified_passwords;
struct verified_tokens;

/* None is ever NULL in a gateway; tests make those that they need. */
struct auth_worker {
	struct verified_tokens *tokens;       /* the worker's own */
	struct verified_passwords *passwords; /* likewise */
	struct replay_cache *replays;         /* of the process */
	struct session_refreshes *refreshes;  /* likewise */
};
