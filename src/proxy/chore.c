/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chore: work that takes long, such as a password's hash, beside the worker, one at a time.
 *
 * One thread for each worker bounds the memory that hashes take, and leaves the other cores to requests.
 * Whoever waits for a turn counts against CHORES_WAITING_MAX; the deadline of the exchange bounds the wait.
 */
#include "proxy/chore.h"

#include "fiber/errand.h"
#include "proxy/exchange.h"

/* Who was signalled and has run out of time meanwhile hands the turn on, or it would be lost and all
 * others wait for nobody. */
static result wait_for_turn(struct exchange *x, struct chores *chores)
{
	result_value waited = OK;

	if (chores->waiting == CHORES_WAITING_MAX)
		return error_make(ERROR_LIMIT, "too much waits to be done");
	chores->waiting++;
	while (chores->is_busy && !failed(waited))
		waited = condition_wait(&chores->is_idle, x->session->fiber, x->until);
	chores->waiting--;
	if (failed(waited) && !chores->is_busy) /* the turn was meant for us, perhaps */
		condition_signal(&chores->is_idle);
	return waited;
}

/* The argument lives on the caller's fiber, which therefore stays until the work is done, whether its
 * client does or not. */
result chore_run(void *self, struct view *view, void (*work)(void *argument), void *argument)
{
	struct exchange *x = exchange_of(view);
	struct chores *chores = &x->worker->chores;
	result_value run;

	(void)self;
	TRY(exchange_before_wait(x));
	TRY(wait_for_turn(x, chores));
	chores->is_busy = true;
	run = errand_run(x->worker->loop, x->session->fiber, work, argument);
	chores->is_busy = false;
	condition_signal(&chores->is_idle);
	return !failed(run) && x->is_client_gone ? error_make(ERROR_CANCELLED, "the client is gone") : run;
}
