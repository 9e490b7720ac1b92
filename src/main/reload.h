/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload: another configuration, from the files to the workers.
 *
 * By SIGHUP, because a watched file changed, or because the admin address was asked to. Where files are
 * watched, one for which the system was short of something is tried again each second, and that is told once.
 * One at a time; what is asked for while one waits is that one. Whatever is wrong with the new configuration,
 * the old one runs on, and the journal tells why.
 */
#pragma once

#include "config/diagnostics.h"
#include "main/gateway.h"
#include "main/loader.h"

struct reload;

enum reload_outcome {
	RELOAD_APPLIED,
	RELOAD_IDENTICAL, /* byte for byte the one in force, and the system believes the same: it stays */
	RELOAD_REFUSED,   /* it has errors */
	RELOAD_FAILED,    /* it cannot be put in force: a listener, the log, or the gateway is draining */
	RELOAD_OUTCOMES,
};

struct reload_options {
	struct control *control;
	struct gateway *gateway;
	struct identities *identities;
	str file; /* empty: the configuration was built in, and there is nothing to read again */
	bool watches;
	void (*on_applied)(void *owner); /* another one is in force; NULL: nobody wants to know */
	void (*on_settled)(void *owner, diagnostics_fn tell, void *audience);
	/* Another one is in force, or the same was asked for again: what failed the last time may be tried
	 * once more. tell is for whoever asked, NULL where nobody did. NULL: nobody wants to know. */

	void *owner;
};

result reload_open(const struct reload_options *options, struct reload **ret_reload);
/* Watches the files of what is in force, if it is to. ERROR_SYSTEM: the journal has the words. */

void reload_request(struct reload *reload, const char *cause);
/* From the loop: it takes place soon. The cause is for the journal and must live for ever. */

enum reload_outcome reload_now(struct reload *reload, struct fiber *self, const char *cause,
			       diagnostics_fn tell, void *owner);
/* Yields until it has taken place. The diagnostics are told as well as logged; tell may be NULL. */

result reload_turn(struct reload *reload, struct fiber *self);
/* Yields until no reload is under way; from then on none begins, until reload_turn_end(). For who changes
 * something else that a reload would meet. ERROR_CANCELLED. */

void reload_turn_end(struct reload *reload);

uint64_t reload_count(const struct reload *reload, enum reload_outcome outcome);
/* Since the beginning. */

struct loader *reload_loader(struct reload *reload);
/* For who wants to check a configuration without putting it in force. */

void reload_close(struct reload **reload);
/* Unwinds what is under way: takes turns of the control loop. Clears the address, accepts NULL. */
