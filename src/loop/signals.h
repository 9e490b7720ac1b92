/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals: signals as readiness of a descriptor, so that what they ask for is ordinary code.
 *
 * No handler runs anywhere: the signals are blocked in every thread, and the loop that opened them is told of
 * each. Several of the same kind that come close together may be told once, as ever with signals.
 */
#pragma once

#include <signal.h>

#include "loop/loop.h"

struct signals;

typedef void (*signals_fn)(struct signals *signals, int signal);

/* Embedded in whoever minds them. */
struct signals {
	struct source source;
	signals_fn on_signal;
	void *owner;
};

result signals_open(struct signals *signals, struct loop *loop, const sigset_t *set, signals_fn on_signal,
		    void *owner);
/* Every thread must have blocked the set. ERROR_SYSTEM. */

void signals_close(struct signals *signals);
/* Nothing if it is closed already or was never opened, being zero. The signals stay blocked. */
