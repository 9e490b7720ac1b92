/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_checks: asks endpoints whether they are well, again and again, on the control thread.
 *
 * A check is an endpoint and everything that its upstream says of asking it: two upstreams that say the same
 * of the same endpoint share one, others do not know of each other. It goes on over a reload as long as
 * somebody wants it. Each question is a fiber of its own, so that one that hangs holds up no other, and of
 * these there are only so many; when it is asked is spread, so that not all are asked at once for ever.
 *
 * What follows from the answers is told to the owner (health.c) and not known here.
 */
#pragma once

#include "main/control.h"
#include "upstream/health_probe.h"

struct health_check {
	struct registered registered; /* first; by everything that it is */
	struct health_checks *checks;
	struct health_question question;
	struct endpoint *endpoint; /* that is asked, which may be another port */
	struct tally tally;
	struct standing *standings; /* in the configuration in force */
	struct timer timer;
	struct health_check *next, **link; /* of all */
	struct health_check *next_waiting;
	bool is_wanted, is_under_way, is_waiting;
};

struct health_checks;

/* The end of a check. words: how it failed. has_changed: the verdict has. */
typedef void (*health_checked_fn)(void *owner, struct health_check *check, bool has_passed, bool has_changed,
				  const char *words);

struct health_checks_options {
	struct control *control;
	struct endpoints *endpoints;
	health_checked_fn on_checked;
	void *owner;
};

result health_checks_open(const struct health_checks_options *options, struct health_checks **ret_checks);
/* ret_checks is set also on failure, for health_checks_close(). */

void health_checks_begin(struct health_checks *checks);
void health_checks_want(struct health_checks *checks, const struct upstream *upstream,
			struct standing *standing, const struct endpoint *endpoint);
void health_checks_end(struct health_checks *checks);
/* Another configuration: each endpoint that it has asked, between beginning and end. What is not wanted any
 * more ends; what is new is asked at once, and begins with what is thought of the endpoint already. */

void health_checks_close(struct health_checks **checks);
/* Turns the loop until what is under way has ended. Clears the address, accepts NULL. */
