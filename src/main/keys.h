/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys: fetches the keys of issuers on the control thread: in time before they expire, and when a request
 * bears one that nobody knows.
 *
 * Each set has a fiber of its own while it is fetched, so that an issuer that is slow delays no other. What
 * goes wrong is told once, and that it is well again; meanwhile the last keys hold on.
 */
#pragma once

#include "main/gateway.h"
#include "proxy/identities.h"

struct keys;

result keys_open(struct control *control, struct gateway *gateway, struct identities *identities,
		 struct keys **ret_keys);
/* All must outlive it. ERROR_SYSTEM: keys_close() all the same. */

void keys_follow(struct keys *keys);
/* Another configuration is in force. */

void keys_close(struct keys **keys);
/* Turns the loop until what is under way has ended. Clears the address, accepts NULL. */
