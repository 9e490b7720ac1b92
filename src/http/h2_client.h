/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_client: one HTTP/2 connection to an upstream, shared by many exchanges, each of which has a stream
 * (RFC 9113).
 *
 * No fiber of its own: the loop tells when the connection is ready, what came is taken in without waiting,
 * and whoever waits for a part of it is woken. What the streams of a turn have to say leaves in one write at
 * its end. So an idle session costs no stack, and hears of its end like a busy one.
 *
 * The peer is not trusted. Of a stream no more is held than its window (H2_CLIENT_WINDOW), given back as the
 * exchange consumes; of the connection one block of unsent bytes; of a head what the limits of h1 allow,
 * decoded. Frames that carry nothing for anybody are rationed. A slow reader holds up its own stream alone,
 * for the connection's window is given back as bytes come.
 */
#pragma once

#include "http/client.h"

struct h2_client;

enum {
	H2_CLIENT_STREAMS = 100,                        /* at a time, or fewer where the peer says so */
	H2_CLIENT_WINDOW = 256 * 1024,                  /* of a stream: what may come and not be consumed */
	H2_CLIENT_CONNECTION_WINDOW = 16 * 1024 * 1024, /* on its way; nothing is held by it */
};

enum { H2_CLIENT_BYTES = 12 * 1024 }; /* what a session is charged: nghttp2's structs */

struct h2_client_options {
	struct stream *stream;     /* connected; outlives the session */
	struct block_pool *blocks; /* for bodies and what is unsent */
	bool is_secure;            /* what :scheme says */
	duration silence;          /* while streams are open, before the peer is asked; 0: 10 s */
	void (*on_over)(void *owner);
	/* Once, from the loop: nothing is read or written any more, and every stream has been told. */
	void *owner;
};

struct h2_client *h2_client_new(const struct h2_client_options *options);
/* The preface leaves at the end of the turn. */

void h2_client_free(struct h2_client **h2);
/* No stream may be open. on_over will not be called. Clears the address, accepts NULL. */

result h2_client_start(struct h2_client *h2, deadline until);
/* Yields. Until the peer's SETTINGS are here: before them nobody knows that it speaks HTTP/2, nor how many
 * streams it takes. ERROR_MALFORMED, ERROR_CLOSED, ERROR_RESET, ERROR_TIMEOUT, ERROR_CANCELLED. */

void h2_client_on_ready(struct h2_client *h2);
/* The stream below may be readable or writable. From the loop; also from a fiber, before it opens a stream
 * for what must not be sent twice. Does not yield, and wakes who waits for what came. */

size_t h2_client_room(const struct h2_client *h2);
/* How many streams may be opened now. */

bool h2_client_takes_none(const struct h2_client *h2);
/* It has said that it takes no streams for now (RFC 9113 section 6.5.2). */

size_t h2_client_count(const struct h2_client *h2);
/* Streams that are open. */

bool h2_client_is_over(const struct h2_client *h2);
/* It has ended, or will when its streams have: no stream will ever be opened again. */

struct client *h2_client_open(struct h2_client *h2);
/* There is room. The exchange's until h2_client_close(). Nothing is sent yet. client_read() also says
 * ERROR_REFUSED (RFC 9113 section 8.7): by REFUSED_STREAM, or, with client->is_over, because the session
 * ends. */

void h2_client_close(struct client **client);
/* The stream is reset where it has not ended. No fiber may wait on it. Does not yield. Clears the address. */

void h2_client_leave(struct h2_client *h2);
/* GOAWAY: over when the streams are. */
