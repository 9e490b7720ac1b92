/* SPDX-License-Identifier: Apache-2.0 */
#include "main/serve.h"

#include <signal.h>
#include <sys/resource.h>

#include "main/gateway.h"

/* As many descriptors as the system lets this process have. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* They are waited for, here, and interrupt nobody. Threads inherit the mask. */
static void block_signals(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGTERM);
	sigaddset(ret_set, SIGINT);
	sigaddset(ret_set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, ret_set, NULL);
	signal(SIGPIPE, SIG_IGN);
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
	block_signals(&signals);
	if (!failed(gateway_start(snapshot, journal, &gateway))) {
		mind_signals(gateway, journal, &signals);
		gateway_free(&gateway);
		journal_info(journal, "stopped");
		code = 0;
	}
	journal_free(&journal);
	return code;
}
