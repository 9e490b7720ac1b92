/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_refresh: a refresh token is used once, whoever has it.
 *
 * A browser's requests come several at a time, to several workers, all with the same session; an issuer that
 * rotates refresh tokens takes the second use of one for a theft, and ends the session (RFC 9700 section
 * 4.14.2). So the first one asks, the others wait for what it got, and those that were under way with the old
 * cookie get it for a while after.
 *
 * One for all workers, of a fixed size. Who has the turn and never comes back loses it by time. What is kept
 * is sealed already, as for the browser.
 */
#pragma once

#include "base/arena.h"
#include "base/result.h"
#include "base/time.h"

enum { SESSION_REFRESH_SETS = 256 }; /* of four at a time */

enum session_turn {
	SESSION_TURN_MINE,  /* ask, and say what came of it by session_refresh_end() */
	SESSION_TURN_WAIT,  /* another does: come again in a moment */
	SESSION_TURN_DONE,  /* it is there */
	SESSION_TURN_OVER,  /* the issuer said no */
	SESSION_TURN_NEVER, /* not now: no answer came lately, or more are under way than there is room for */
};

/* What came of a turn. */
enum session_outcome {
	SESSION_RENEWED,    /* there is a new one */
	SESSION_DENIED,     /* the issuer said no */
	SESSION_UNANSWERED, /* it said nothing */
	SESSION_DROPPED,    /* nobody waited for what it says: the next one may ask */
};

struct session_refreshes;

struct session_refreshes *session_refreshes_new(void);
void session_refreshes_free(struct session_refreshes **refreshes);
/* Clears the address, accepts NULL. */

enum session_turn session_refresh_begin(struct session_refreshes *refreshes, str token, deadline now,
					struct arena *arena, str *ret_session);
/* token: what is to be used, of which a digest alone is kept. With SESSION_TURN_DONE the sealed session, in
 * the arena. From any thread. */

void session_refresh_end(struct session_refreshes *refreshes, str token, deadline now,
			 enum session_outcome outcome, str session);
/* Of who had the turn; with SESSION_RENEWED the sealed session. */
