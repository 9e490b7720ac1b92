/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve: signals are waited for by the main thread, which has nothing else to do while the workers serve.
 *
 * No handler runs anywhere: every signal is blocked in all threads and taken by sigtimedwait, so what it
 * asks for is ordinary code. The wait is short, because a gateway that has drained says so by a flag and
 * not by a signal.
 */
#include "main/serve.h"

#include <sys/resource.h>

#include "main/gateway.h"

/* As many descriptors as the system lets this process have: the usual soft limit of 1024 is for select(), and
 * there are two connections to each request in flight. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

void serve_block_signals(sigset_t *ret_signals)
{
	sigemptyset(ret_signals);
	sigaddset(ret_signals, SIGTERM);
	sigaddset(ret_signals, SIGINT);
	sigaddset(ret_signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
}

static void mind_signals(struct gateway *gateway, struct journal *journal, const sigset_t *set)
{
	const struct timespec pause = { .tv_nsec = 50 * MILLISECOND };
	bool is_draining = false;

	while (!gateway_is_done(gateway)) {
		int signal = sigtimedwait(set, NULL, &pause);

		if (signal == SIGUSR1) {
			gateway_reopen_logs(gateway);
		} else if (signal > 0 && !is_draining) {
			journal_info(journal,
				     "draining: requests in flight finish, another signal stops at once");
			gateway_drain(gateway);
			is_draining = true;
		} else if (signal > 0) {
			journal_info(journal, "stopping at once");
			gateway_stop(gateway);
		}
	}
}

int serve(struct snapshot *snapshot)
{
	struct journal *journal = journal_new((enum journal_level)snapshot->config.log.level);
	struct gateway *gateway;
	sigset_t signals;
	int code = 1;

	raise_descriptors();
	serve_block_signals(&signals);
	signal(SIGPIPE, SIG_IGN);
	if (!failed(gateway_start(snapshot, journal, &gateway))) {
		mind_signals(gateway, journal, &signals);
		gateway_free(&gateway);
		journal_info(journal, "stopped");
		code = 0;
	}
	journal_free(&journal);
	return code;
}
