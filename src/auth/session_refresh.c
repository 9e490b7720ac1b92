/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/session_refresh.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "codec/sha256.h"

enum {
	WAYS = 4,
	TURN = 15, /* seconds that one may take */
	KEPT = 60, /* seconds that the outcome is there for the others */
	PAUSE = 5, /* seconds until an issuer that gave no answer is asked again */
};

/* A set is looked through to its end, so a place needs no list. */
struct place {
	unsigned char digest[SHA256_LEN];
	enum session_turn state; /* any but MINE, until then */
	deadline until;          /* free from then on */
	char *session;           /* malloc'd */
	size_t len;
};

struct session_refreshes {
	pthread_mutex_t lock;
	struct place places[SESSION_REFRESH_SETS][WAYS];
};

struct session_refreshes *session_refreshes_new(void)
{
	struct session_refreshes *refreshes = calloc(1, sizeof *refreshes);

	ASSERT(refreshes);
	pthread_mutex_init(&refreshes->lock, NULL);
	return refreshes;
}

/* Also of what is only sealed: it is a session all the same to whoever sends it. */
static void place_clear(struct place *place)
{
	OPENSSL_clear_free(place->session, place->len);
	*place = (struct place) { 0 };
}

void session_refreshes_free(struct session_refreshes **refreshes)
{
	struct session_refreshes *gone = *refreshes;

	*refreshes = NULL;
	if (!gone)
		return;
	for (size_t i = 0; i < SESSION_REFRESH_SETS; i++)
		for (size_t j = 0; j < WAYS; j++)
			place_clear(&gone->places[i][j]);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
}

static struct place *set_of(struct session_refreshes *refreshes, str token, unsigned char *digest)
{
	sha256_digest(token, digest);
	return refreshes->places[digest[0] % SESSION_REFRESH_SETS];
}

static struct place *find(struct place *set, const unsigned char *digest, deadline now)
{
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].until > now && memcmp(set[i].digest, digest, SHA256_LEN) == 0)
			return &set[i];
	return NULL;
}

/* One that is free, else the oldest outcome. NULL: all are under way. */
static struct place *make_room(struct place *set, deadline now)
{
	struct place *oldest = NULL;

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].until <= now)
			return &set[i];
		if (set[i].state != SESSION_TURN_WAIT && (!oldest || set[i].until < oldest->until))
			oldest = &set[i];
	}
	return oldest;
}

/* Until it is ended, or time is up: whoever had the turn may be gone with its client. */
static enum session_turn take_turn(struct place *set, const unsigned char *digest, deadline now)
{
	struct place *place = make_room(set, now);

	if (!place)
		return SESSION_TURN_NEVER;
	place_clear(place);
	memcpy(place->digest, digest, SHA256_LEN);
	place->state = SESSION_TURN_WAIT;
	place->until = deadline_after(now, TURN * SECOND);
	return SESSION_TURN_MINE;
}

enum session_turn session_refresh_begin(struct session_refreshes *refreshes, str token, deadline now,
					struct arena *arena, str *ret_session)
{
	unsigned char digest[SHA256_LEN];
	struct place *set = set_of(refreshes, token, digest), *place;
	enum session_turn turn;

	pthread_mutex_lock(&refreshes->lock);
	place = find(set, digest, now);
	turn = place ? place->state : take_turn(set, digest, now);
	if (turn == SESSION_TURN_DONE)
		*ret_session = arena_str(arena, (str) { place->session, place->len });
	pthread_mutex_unlock(&refreshes->lock);
	return turn;
}

/* What did not come about leaves the place to the next; an answer is there for who comes with the old token.
 */
static void keep(struct place *place, deadline now, enum session_outcome outcome, str session)
{
	static const struct {
		enum session_turn state;
		int seconds;
	} kept[] = { [SESSION_RENEWED] = { SESSION_TURN_DONE, KEPT },
		     [SESSION_DENIED] = { SESSION_TURN_OVER, KEPT },
		     [SESSION_UNANSWERED] = { SESSION_TURN_NEVER, PAUSE } };

	if (outcome == SESSION_DROPPED) {
		place_clear(place);
		return;
	}
	place->state = kept[outcome].state;
	place->until = deadline_after(now, kept[outcome].seconds * SECOND);
	if (outcome != SESSION_RENEWED)
		return;
	place->session = malloc(session.len ? session.len : 1);
	ASSERT(place->session);
	memcpy(place->session, session.ptr, session.len);
	place->len = session.len;
}

/* Whose turn was over by time has nothing to say any more; another may be at it. */
void session_refresh_end(struct session_refreshes *refreshes, str token, deadline now,
			 enum session_outcome outcome, str session)
{
	unsigned char digest[SHA256_LEN];
	struct place *set = set_of(refreshes, token, digest), *place;

	pthread_mutex_lock(&refreshes->lock);
	place = find(set, digest, now);
	if (place && place->state == SESSION_TURN_WAIT)
		keep(place, now, outcome, session);
	pthread_mutex_unlock(&refreshes->lock);
}
