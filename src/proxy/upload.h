/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upload: the client's body on its way to the upstream, beside the exchange that waits for the answer.
 *
 * A body that is whole already, or none, goes at once. Any other gets a fiber of its own, because an
 * upstream may answer before it has read everything, and neither side may wait for the other. The exchange
 * joins it before it ends.
 *
 * While it is under way the client's intake and the upstream's sink are the upload's alone; the exchange
 * reads the upstream and writes to the client. So the two fibers never meet on one half of a stream.
 */
#pragma once

#include "http/client.h"
#include "proxy/exchange.h"

struct upload {
	struct exchange *exchange;
	struct body_sink *sink; /* the upstream's; NULL: nothing was sent */
	struct relay relay;
	struct fiber *fiber;  /* at work; NULL: none, or not begun yet */
	bool is_under_way;    /* in a fiber, also one that has not begun */
	struct fiber *waiter; /* parked until it ends; not NULL: nobody wants it any more */
	enum relay_end end;   /* RELAY_DONE also while it is under way */
	result_value error;   /* why it ended, when it failed */
	deadline ended;       /* when the last byte went */
};

void upload_start(struct upload *upload, struct exchange *x, struct client *to, str head,
		  struct body_source *body, duration idle);
/* Yields when the body goes at once and the upstream is slow. It may have failed afterwards. */

bool upload_has_failed(const struct upload *upload);
/* Either side of it broke off: see end and error. */

bool upload_is_complete(const struct upload *upload);
/* All of the body has gone to the upstream: both connections stand where the next message begins. */

void upload_stop(struct upload *upload);
/* Yields. Cancels what is under way and waits until it has ended. */

enum reason upload_client_failure(const struct upload *upload);
/* Why the client's body could not be read; REASON_NONE when it was not the client's side that failed. */
