/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve: the control thread's loop turns, and what comes to it is told to whom it concerns.
 *
 * Signals are blocked in all threads and read by the loop, so what they ask for is ordinary code. It ends
 * when the last worker has: by a signal, or because none of them could go on.
 */
#include "main/serve.h"

#include <sys/resource.h>

#include "loop/signals.h"
#include "main/control.h"
#include "main/gateway.h"

struct service {
	struct control control;
	struct signals signals;
	struct gateway_options options;
	struct gateway *gateway;
	struct journal *journal;
	bool is_draining;
};

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

static void drain_or_stop(struct service *service)
{
	if (service->is_draining) {
		journal_info(service->journal, "stopping at once");
		gateway_stop(service->gateway);
		return;
	}
	journal_info(service->journal, "draining: requests in flight finish, another signal stops at once");
	gateway_drain(service->gateway);
	service->is_draining = true;
}

static void on_signal(struct signals *signals, int signal)
{
	struct service *service = signals->owner;

	if (signal == SIGUSR1)
		gateway_reopen_logs(service->gateway);
	else
		drain_or_stop(service);
}

static void on_done(void *owner)
{
	struct service *service = owner;

	control_stop(&service->control);
}

static result service_open(struct service *service, struct snapshot *snapshot)
{
	sigset_t signals;

	serve_block_signals(&signals);
	TRY(control_init(&service->control, service->journal));
	TRY(signals_open(&service->signals, service->control.loop, &signals, on_signal, service));
	return gateway_start(snapshot, &service->options, &service->gateway);
}

static void service_close(struct service *service)
{
	gateway_free(&service->gateway);
	signals_close(&service->signals);
	control_fini(&service->control);
}

int serve(struct snapshot *snapshot)
{
	struct service service = { .journal = journal_new((enum journal_level)snapshot->config.log.level) };
	result_value opened;

	service.options = (struct gateway_options) { .control = &service.control,
						     .on_done = on_done,
						     .owner = &service };
	raise_descriptors();
	signal(SIGPIPE, SIG_IGN);
	opened = service_open(&service, snapshot);
	if (!failed(opened))
		control_run(&service.control);
	service_close(&service);
	if (!failed(opened))
		journal_info(service.journal, "stopped");
	journal_free(&service.journal);
	return failed(opened) ? 1 : 0;
}
