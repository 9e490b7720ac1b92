/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mirror: a copy of a request to another upstream, whose answer nobody gets.
 *
 * The request's body is copied as it streams by, up to the listener's `limits.replay`; the copy leaves on a
 * fiber of its own when the request has gone, or the answer too where both are compared. So it takes nothing
 * from the client but the copying. Bounded in number: what there is no room for is not sent, and counted.
 *
 * A copy belongs to its exchange until it leaves, and to itself from then on.
 */
#pragma once

#include "proxy/exchange.h"

struct mirror_copy;
struct mirrors; /* of one worker */

struct mirrors *mirrors_new(void);
void mirrors_free(struct mirrors **mirrors);
/* When none is under way. Clears the address, accepts NULL. */

void mirrors_cancel(struct mirrors *mirrors);
/* Those under way end soon, as after a time-out. */

void mirror_order(void *self, struct view *view, const struct destination *to, bool compares);
/* effects.mirror of an exchange. */

struct body_source *mirror_request(struct exchange *x, struct body_source *body);
/* The request's body as the upstream gets it, of which the copies take what goes by; body itself where there
 * is none. Once. */

struct body_source *mirror_answer(struct exchange *x, struct body_source *body);
/* The same for the body of the upstream's answer, where copies compare. */

void mirror_leave(struct exchange *x, bool is_over, bool is_whole);
/* Sends the copies whose request has gone; with is_over, all of them. is_whole: the answer went to its end.
 * What does not leave is dropped by mirror_drop(). Never yields. */

void mirror_drop(struct exchange *x);
/* Those that have not left: with the exchange. */
