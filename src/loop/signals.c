/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signalfd(2). Its descriptor is closed on exec: what a process inherits is the blocked set, which whoever
 * starts one has to clear.
 */
#include "loop/signals.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Edge-triggered: all that wait are taken. The callee may close it. */
static void signals_on_ready(struct source *source)
{
	struct signals *signals = (struct signals *)(void *)source;
	struct signalfd_siginfo info;

	source->ready = 0;
	while (source->fd >= 0 && read(source->fd, &info, sizeof info) == (ssize_t)sizeof info)
		signals->on_signal(signals, (int)info.ssi_signo);
}

result signals_open(struct signals *signals, struct loop *loop, const sigset_t *set, signals_fn on_signal,
		    void *owner)
{
	int fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
	result_value opened;

	*signals = (struct signals) { .source.fd = -1, .on_signal = on_signal, .owner = owner };
	if (fd < 0)
		return error_system("no signalfd", errno);
	opened = source_open(loop, &signals->source, fd, signals_on_ready);
	if (failed(opened))
		close(fd);
	return opened;
}

void signals_close(struct signals *signals)
{
	if (signals->on_signal && signals->source.fd >= 0)
		source_close(&signals->source);
}
