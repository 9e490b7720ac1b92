/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_worker: what one worker remembers of credentials, and what it shares with the others.
 */
#pragma once

struct replay_cache;
struct session_refreshes;
struct verified_passwords;
struct verified_tokens;

struct auth_worker {
	struct verified_tokens *tokens;       /* the worker's own */
	struct verified_passwords *passwords; /* likewise */
	struct replay_cache *replays;         /* of the process; NULL: nothing can be told from a replay */
	struct session_refreshes *refreshes;  /* likewise; NULL: no session can be refreshed */
};
