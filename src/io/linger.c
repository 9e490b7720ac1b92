/* SPDX-License-Identifier: Apache-2.0 */
/*
 * It lives on its own: the connection is gone, the loop alone knows of it (as an orphan, so that loop_free()
 * can end it). It ends by the peer, by its timer, by the bytes it has dropped, or with the loop.
 */
#include "io/linger.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/container.h"

struct linger_state {
	struct source source;
	struct timer timer;
	struct loop_orphan orphan;
	size_t dropped;
};

static void linger_end(struct linger_state *linger)
{
	struct loop *loop = linger->source.loop;

	timer_clear(&linger->timer);
	loop_disown(&linger->orphan);
	source_close(&linger->source);
	loop_retire(loop, linger, free);
}

static void linger_on_due(struct timer *timer)
{
	linger_end(CONTAINER_OF(timer, struct linger_state, timer));
}

static void linger_dispose(struct loop_orphan *orphan)
{
	linger_end(CONTAINER_OF(orphan, struct linger_state, orphan));
}

/* False: the peer has closed, or it is enough. */
static bool linger_drop(struct linger_state *linger)
{
	char dropped[16 * 1024];

	while (linger->dropped < LINGER_MAX) {
		ssize_t count = recv(linger->source.fd, dropped, sizeof dropped, 0);

		if (count > 0)
			linger->dropped += (size_t)count;
		else if (count == 0 || errno != EINTR)
			return count < 0 && errno == EAGAIN;
	}
	return false;
}

static void linger_on_ready(struct source *source)
{
	struct linger_state *linger = CONTAINER_OF(source, struct linger_state, source);

	if (source->ready & READY_READ && !linger_drop(linger))
		linger_end(linger);
	else
		source->ready = 0;
}

/* If it cannot be done properly, closing is all that is left. */
void linger_start(struct source *source, deadline until)
{
	struct loop *loop = source->loop;
	struct linger_state *linger = calloc(1, sizeof *linger);

	ASSERT(linger);
	if (shutdown(source->fd, SHUT_WR) != 0 ||
	    failed(source_move(source, &linger->source, linger_on_ready))) {
		source_close(source);
		free(linger);
		return;
	}
	linger->timer.on_due = linger_on_due;
	linger->orphan.dispose = linger_dispose;
	loop_adopt(loop, &linger->orphan);
	timer_set(loop, &linger->timer, until);
}
