/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve: the control thread's loop turns, and what comes to it is told to whom it concerns.
 *
 * Signals are blocked in all threads and read by the loop, so what they ask for is ordinary code. It ends
 * when the last worker has: by a signal, because another process has taken over, or because none of them
 * could go on.
 */
#include "main/serve.h"

#include <sys/resource.h>

#include "loop/signals.h"
#include "main/administration.h"
#include "main/certificates.h"
#include "main/gateway.h"
#include "main/health.h"
#include "main/keys.h"
#include "main/live_files.h"
#include "main/notify.h"
#include "main/reload.h"
#include "main/replacement.h"
#include "main/tidy.h"
#include "store/quota_keeper.h"

#define REPLACEMENT_PATIENCE (30 * SECOND)

struct service {
	struct control control;
	struct signals signals;
	struct inheritance inherited;
	struct gateway_options options;
	struct gateway *gateway;
	struct reload *reload;
	struct replacement *replacement;
	struct fiber *replacing;   /* from SIGUSR2 until something has come of it; NULL: none */
	struct condition replaced; /* or given up */
	struct administration *administration;
	struct certificates *certificates;
	struct keys *keys;
	struct health *health;
	struct live_files *live_files;
	struct tidy tidy;
	struct quota_keeper *quotas;
	struct journal *journal;
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

void serve_hold_changes(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

void serve_block_signals(sigset_t *ret_signals)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };

	sigemptyset(ret_signals);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaddset(ret_signals, numbers[i]);
	pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
}

/* Who has been replaced drains already: then the first signal stops it. */
static void drain_or_stop(struct service *service)
{
	if (gateway_is_draining(service->gateway)) {
		journal_info(service->journal, "stopping at once");
		gateway_stop(service->gateway);
		return;
	}
	journal_info(service->journal, "draining: requests in flight finish, another signal stops at once");
	notify_stopping();
	replacement_free(&service->replacement);
	gateway_drain(service->gateway);
}

/* The other one begins with what is written by then. */
static result replace(struct service *service, struct fiber *self)
{
	if (gateway_is_draining(service->gateway))
		return OK;
	quota_keeper_write(service->quotas);
	replacement_start(service->replacement);
	while (service->replacement && replacement_is_under_way(service->replacement))
		TRY(condition_wait(&service->replaced, self, DEADLINE_NEVER));
	return OK;
}

/* In the reloads' turn: the other process reads what this one would, and binds what this one would. */
static void run_replacement(struct fiber *self, void *argument)
{
	struct service *service = argument;

	service->replacing = self;
	if (!failed(reload_turn(service->reload, self))) {
		result_value replaced = replace(service, self);

		(void)replaced; /* what has come of it stands in the journal */
		reload_turn_end(service->reload);
	}
	service->replacing = NULL;
}

static void request_replacement(struct service *service)
{
	if (service->replacing)
		journal_warn(service->journal, "SIGUSR2 while another process is starting: nothing is done");
	else if (failed(fiber_start(service->control.fibers, run_replacement, service)))
		journal_error(service->journal, "SIGUSR2: no fiber for it");
}

static void end_replacing(struct service *service)
{
	if (service->replacing)
		fiber_cancel(service->replacing);
	while (service->replacing)
		loop_turn(service->control.loop, deadline_after(time_monotonic(), 10 * MILLISECOND));
}

/* One at a time: two at once would make it hard to say what the other process begins with. */
static void change(struct service *service, int signal)
{
	if (gateway_is_draining(service->gateway))
		journal_warn(service->journal, "%s while draining: nothing is done",
			     signal == SIGHUP ? "SIGHUP" : "SIGUSR2");
	else if (signal == SIGUSR2)
		request_replacement(service);
	else
		reload_request(service->reload, "SIGHUP");
}

static void on_signal(struct signals *signals, int signal)
{
	struct service *service = signals->owner;

	if (signal == SIGUSR1)
		gateway_reopen_logs(service->gateway);
	else if (signal == SIGHUP || signal == SIGUSR2)
		change(service, signal);
	else
		drain_or_stop(service);
}

static void on_edition(void *owner)
{
	struct service *service = owner;

	health_follow(service->health);
}

static void on_done(void *owner)
{
	struct service *service = owner;

	control_stop(&service->control);
}

static void list_sockets(struct bequest *bequest, void *owner)
{
	const struct service *service = owner;
	const struct sockets *sockets = gateway_sockets(service->gateway);

	for (size_t i = 0; i < sockets->count; i++)
		for (size_t j = 0; j < sockets->workers; j++)
			bequest_add(bequest, sockets->at[i].fds[j], sockets->at[i].name,
				    sockets->at[i].is_foreign);
	administration_bequeath(service->administration, bequest);
	certificates_bequeath(service->certificates, bequest);
}

/* The manager is told by the one that it knows. */
static void on_replacement_over(void *owner, bool serves)
{
	struct service *service = owner;

	condition_signal(&service->replaced);
	if (!serves)
		return;
	notify_main_process(replacement_process(service->replacement));
	administration_retire(service->administration);
	gateway_retire(service->gateway);
}

/* The first answers may come before there is a gateway. */
static void on_discovered(void *owner)
{
	struct service *service = owner;

	if (service->gateway)
		gateway_refresh(service->gateway);
}

/* A signal that comes meanwhile is heard when the gateway stands. */
static void discover(struct service *service, struct discoveries *discoveries)
{
	struct control *control = &service->control;
	deadline until = deadline_after(time_monotonic(), DISCOVERY_PATIENCE);

	discoveries_run(discoveries, &(struct discoveries_options) { .fibers = control->fibers,
								     .dns = control->dns,
								     .journal = service->journal,
								     .on_change = on_discovered,
								     .owner = service });
	while (!discoveries_are_answered(discoveries) && time_monotonic() < until)
		loop_turn(control->loop, until);
}

static void on_applied(void *owner)
{
	struct service *service = owner;

	keys_follow(service->keys);
	quota_keeper_use(service->quotas, gateway_edition(service->gateway)->snapshot->quota_file);
}

static void on_settled(void *owner, diagnostics_fn tell, void *audience)
{
	struct service *service = owner;

	administration_follow(service->administration, tell, audience);
}

static struct snapshot *admin_snapshot_of(void *owner)
{
	return administration_snapshot(((struct service *)owner)->administration);
}

static result open_administration(struct service *service, const struct serve_options *options)
{
	return administration_open(
		&(struct administration_options) { .control = &service->control,
						   .gateway = service->gateway,
						   .reload = service->reload,
						   .identities = &options->loaded->identities,
						   .inherited = &service->inherited,
						   .file = options->file },
		&service->administration);
}

static result service_open(struct service *service, const struct serve_options *options)
{
	struct control *control = &service->control;
	sigset_t signals;

	serve_block_signals(&signals);
	inheritance_open(&service->inherited);
	TRY(control_init(control, service->journal));
	tidy_open(&service->tidy, control->loop, &options->loaded->identities);
	discover(service, options->loaded->identities.discoveries);
	TRY(signals_open(&service->signals, control->loop, &signals, on_signal, service));
	TRY(quota_keeper_new(options->loaded->identities.quotas, service->journal,
			     options->loaded->snapshot->quota_file, &service->quotas));
	TRY(gateway_start(options->loaded->snapshot, &service->options, &service->gateway));
	snapshot_unref(&options->loaded->snapshot); /* the gateway's alone: gone with the next one */
	service->replacement =
		replacement_new(&(struct replacement_options) { .control = control,
								.list_sockets = list_sockets,
								.on_over = on_replacement_over,
								.owner = service,
								.patience = REPLACEMENT_PATIENCE });
	TRY(reload_open(&(struct reload_options) { .control = control,
						   .gateway = service->gateway,
						   .identities = &options->loaded->identities,
						   .file = options->file,
						   .watches = options->watches,
						   .on_applied = on_applied,
						   .on_settled = on_settled,
						   .owner = service },
			&service->reload));
	TRY(open_administration(service, options));
	service->certificates = certificates_open(
		&(struct certificates_options) { .control = control,
						 .gateway = service->gateway,
						 .tickets = options->loaded->identities.tickets,
						 .inherited = &service->inherited,
						 .admin_snapshot = admin_snapshot_of,
						 .owner = service });
	service->live_files = live_files_open(control, service->gateway);
	TRY(keys_open(control, service->gateway, &options->loaded->identities, &service->keys));
	TRY(health_open(control, service->gateway, &options->loaded->identities, &service->health));
	inheritance_close(&service->inherited, service->journal);
	return OK;
}

static void service_close(struct service *service, const struct serve_options *options)
{
	tidy_close(&service->tidy);
	administration_close(&service->administration);
	health_close(&service->health);
	keys_close(&service->keys);
	live_files_close(&service->live_files);
	certificates_close(&service->certificates);
	discoveries_stop(options->loaded->identities.discoveries);
	end_replacing(service);
	reload_close(&service->reload);
	replacement_free(&service->replacement);
	if (service->gateway)
		gateway_stop(service->gateway); /* a service that could not be opened */
	gateway_free(&service->gateway);
	quota_keeper_free(&service->quotas);
	inheritance_close(&service->inherited, service->journal);
	signals_close(&service->signals);
	control_fini(&service->control);
}

static struct journal *journal_for(const struct snapshot *snapshot)
{
	return journal_new((enum journal_level)snapshot->config.log.level);
}

int serve(const struct serve_options *options)
{
	struct service service = { .journal = journal_for(options->loaded->snapshot) };
	result_value opened;

	service.options = (struct gateway_options) {
		.control = &service.control,
		.inherited = &service.inherited,
		.on_edition = on_edition,
		.on_done = on_done,
		.owner = &service,
	};
	raise_descriptors();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of writing, not the end */
	opened = service_open(&service, options);
	if (!failed(opened)) {
		replacement_say_ready();
		notify_ready();
		control_run(&service.control);
	}
	service_close(&service, options);
	if (!failed(opened))
		journal_info(service.journal, "stopped");
	journal_free(&service.journal);
	return failed(opened) ? 1 : 0;
}
