/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errand: work that takes its time, done by a thread of its own, while a fiber waits for it and the loop
 * turns.
 */
#pragma once

#include "fiber/fiber.h"
#include "loop/loop.h"

result errand_run(struct loop *loop, struct fiber *self, void (*work)(void *argument), void *argument);
/* Yields until it is done, also when cancelled: the argument is the caller's again then. ERROR_SYSTEM: there
 * is no thread for it, and nothing was done. */
