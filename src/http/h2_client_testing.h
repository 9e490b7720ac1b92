/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_client_testing: the server's end of a connection that says what it is told, right or wrong, and notes
 * down what it hears.
 *
 * What it says is a script, a line of steps between semicolons: a letter, the stream, a dot where the stream
 * ends with it, and after a space what it bears:
 *
 *     H1 :status=200 a=b    HEADERS
 *     h1 ...                HEADERS without END_HEADERS
 *     C1 ..., c1 ...        CONTINUATION, likewise
 *     D1. text              DATA
 *     D1 *500               DATA of so many bytes
 *     R1 8                  RST_STREAM
 *     S 3=1 4=0             SETTINGS
 *     s                     its acknowledgement
 *     G1 0                  GOAWAY
 *     W1 100                WINDOW_UPDATE
 *     P 12345678            PING
 *     p 12345678            its acknowledgement
 *     U1 2                  PUSH_PROMISE of 2
 *     F7 1 text             a frame of type 7 on stream 1
 *     X 00ff                bytes
 *     !                     it closes
 */
#pragma once

#include "fiber/testing.h"
#include "http/h2_client.h"
#include "io/socket.h"

enum { H2_PEER_MAX = 1024 * 1024 };

struct h2_peer;

/* Both ends, and a session at one of them. */
struct h2_scene {
	struct world world;
	struct socket socket;
	struct h2_client *h2;
	struct h2_peer *peer;
	bool is_over;
	bool is_deaf;     /* the peer reads nothing */
	duration silence; /* see h2_client_options; set before it is opened, with all else 0 */
};

void h2_scene_open(struct h2_scene *scene);
/* With the peer's SETTINGS behind it. */

void h2_scene_open_silent(struct h2_scene *scene);
/* The peer has said nothing yet. */

void h2_scene_close(struct h2_scene *scene);

void h2_scene_turn(struct h2_scene *scene);
/* As many turns of the loop as it takes until nothing happens any more. */

void h2_say(struct h2_scene *scene, const char *script);
/* The steps, and turns after them. */

void h2_say_quickly(struct h2_scene *scene, const char *script);
/* Without turns, unless the socket is full. */

void h2_say_bytes(struct h2_scene *scene, str bytes);
/* As they are; without turns. */

str h2_heard(struct h2_scene *scene);
/* What came since it was asked last: a line for each frame, as "HEADERS 1 end :method=GET ...", "DATA 1 *5",
 * "RST_STREAM 1 8", "SETTINGS ack", "GOAWAY 0 1", "WINDOW_UPDATE 0 100", "PING ack". Valid until then. */

void h2_client_set_next_id(struct h2_client *h2, int32_t id);
/* As if so many streams had been. */

bool h2_client_is_watched(const struct h2_client *h2);
/* Its silence counts. */

uint64_t h2_data_heard(const struct h2_scene *scene);
/* Bytes of DATA, in all. */
