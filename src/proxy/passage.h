/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passage: an exchange that has become a WebSocket: a tunnel with what must be there until it ends.
 *
 * Its fiber and its arena are gone. It holds the upstream's connection, the generation that the exchange
 * began under, the endpoint's load, and what the log will say; the client's connection is still that of whom
 * it was, who says what becomes of it in the end. The exchange is not finished before: it counts as under
 * way, and its line is written when it is over.
 */
#pragma once

#include "proxy/forward.h"

struct passage;

struct passage *passage_new(struct forward *f);
/* The client was sent a 101: takes both streams with all that was read from them, the upstream's connection
 * with the load that it is, and the exchange's hold on its generation. passage_keep_facts() and
 * passage_begin() must follow. */

void passage_keep_facts(struct passage *passage, const struct exchange_facts *facts);
/* What is known of the exchange by now. Its last part is told when the passage ends. */

typedef void (*passage_end_fn)(void *owner);

void passage_begin(struct passage *passage, passage_end_fn on_end, void *owner);
/* Nobody else reads from the client any more: bytes pass from here on. on_end is called once, maybe before
 * this returns; the passage is gone then. */

void passage_turn(struct passage *passage);
/* From the loop: the client's stream can be read from or written to. It may end. */

void passage_leave(struct passage *passage);
/* From the loop: the gateway goes away. It ends within seconds, or at once. */

void passage_cut(struct passage *passage);
/* From the loop: it ends at once, with a last word where there can be one. */
