/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posix_spawn(3) and not fork: the workers go on meanwhile, and copying a large process's page tables would
 * be felt by every one of them. The other one writes a byte to a pipe when it serves; the end of the pipe
 * without one means that it has ended.
 *
 * The program is found by the name that this one was started with, because that is where a new one is
 * installed; /proc/self/exe would be the old one wherever a link was moved.
 */
#include "main/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/container.h"
#include "config/file.h"

enum { ARGUMENTS_MAX = 1024, ARGUMENTS_SIZE_MAX = 2 * 1024 * 1024 };

static const char ready_variable[] = "GATEHOUSE_READY";

struct replacement {
	struct replacement_options options;
	struct journal *journal;
	struct source ready; /* the reading end of the pipe; closed: none is under way */
	struct timer patience;
	pid_t child;
};

/* What the other process is started with. */
struct launch {
	struct arena arena;
	struct bequest bequest;
	char **arguments, **environment;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int pipe[2];
};

/* Texts that each end in NUL, as the kernel has them, as a list that ends in NULL. */
static char **split(struct arena *arena, str texts)
{
	char **list = ARENA_ARRAY(arena, char *, ARGUMENTS_MAX + 1);
	size_t count = 0;
	str text;

	while (count < ARGUMENTS_MAX && str_cut(texts, 0, &text, &texts))
		list[count++] = (char *)text.ptr;
	return list;
}

static bool is_variable(const char *entry, const char *name)
{
	size_t len = strlen(name);

	return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

static void make_environment(struct launch *launch)
{
	size_t count = 0;
	char **own = environ;

	while (own[count])
		count++;
	launch->environment = ARENA_ARRAY(&launch->arena, char *, count + 3);
	count = 0;
	for (; *own; own++)
		if (!is_variable(*own, ready_variable))
			launch->environment[count++] = *own;
	launch->environment[count++] = launch->bequest.text;
	launch->environment[count] =
		(char *)arena_printf(&launch->arena, "%s=%d", ready_variable, launch->pipe[1]).ptr;
}

/* A descriptor that is copied onto itself is not closed on exec. */
static void keep_sockets(struct launch *launch)
{
	str list = str_of(launch->bequest.text), item, number, name;
	uint64_t fd;

	list = str_skip(list, 1 + (size_t)(strchr(launch->bequest.text, '=') - launch->bequest.text));
	while (str_next(&list, ',', &item))
		if (str_cut(item, ':', &number, &name) && str_to_u64(number, INT32_MAX, &fd))
			posix_spawn_file_actions_adddup2(&launch->actions, (int)fd, (int)fd);
	posix_spawn_file_actions_adddup2(&launch->actions, launch->pipe[1], launch->pipe[1]);
}

/* Signals are blocked here, to be read by the loop; a program expects to be started without that. */
static void clear_signals(struct launch *launch)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&launch->attributes, &none);
	posix_spawnattr_setsigdefault(&launch->attributes, &all);
	posix_spawnattr_setflags(&launch->attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static result launch_open(struct launch *launch, const struct replacement_options *options)
{
	str arguments;

	arena_init(&launch->arena, NULL, 8 * ARGUMENTS_SIZE_MAX);
	posix_spawn_file_actions_init(&launch->actions);
	posix_spawnattr_init(&launch->attributes);
	bequest_open(&launch->bequest);
	options->list_sockets(&launch->bequest, options->owner);
	bequest_close(&launch->bequest);
	if (pipe2(launch->pipe, O_CLOEXEC) != 0)
		return error_system("no pipe", errno);
	TRY(file_read(&launch->arena, STR("/proc/self/cmdline"), ARGUMENTS_SIZE_MAX, &arguments));
	launch->arguments = split(&launch->arena, arguments);
	make_environment(launch);
	keep_sockets(launch);
	clear_signals(launch);
	return OK;
}

static void launch_close(struct launch *launch)
{
	for (int i = 0; i < 2; i++)
		if (launch->pipe[i] >= 0)
			close(launch->pipe[i]);
	posix_spawn_file_actions_destroy(&launch->actions);
	posix_spawnattr_destroy(&launch->attributes);
	bequest_free(&launch->bequest);
	arena_fini(&launch->arena);
}

static result spawn(struct launch *launch, pid_t *ret_child)
{
	int error;

	if (!launch->arguments[0])
		return error_make(ERROR_MISSING, "this process does not know its name");
	error = posix_spawnp(ret_child, launch->arguments[0], &launch->actions, &launch->attributes,
			     launch->arguments, launch->environment);
	if (!error)
		return OK;
	*ret_child = 0;
	return error_system("cannot be started", error);
}

/* It is gone in either case: a process that was killed needs no waiting for. */
static void end_child(struct replacement *replacement)
{
	int status = 0;

	if (!replacement->child)
		return;
	kill(replacement->child, SIGKILL);
	waitpid(replacement->child, &status, 0);
	replacement->child = 0;
}

static void give_up(struct replacement *replacement, const char *why)
{
	journal_error(replacement->journal, "replacement: process %lld %s; this one goes on",
		      (long long)replacement->child, why);
	end_child(replacement);
	source_close(&replacement->ready);
	timer_clear(&replacement->patience);
	replacement->options.on_over(replacement->options.owner, false);
}

static void on_ready(struct source *source)
{
	struct replacement *replacement = CONTAINER_OF(source, struct replacement, ready);
	char byte;
	ssize_t got = read(source->fd, &byte, 1);

	source->ready = 0;
	if (got < 0)
		return;
	if (got == 0) {
		give_up(replacement, "ended before it served");
		return;
	}
	journal_info(replacement->journal, "replacement: process %lld serves, this one drains",
		     (long long)replacement->child);
	source_close(source);
	timer_clear(&replacement->patience);
	replacement->options.on_over(replacement->options.owner, true);
}

static void on_late(struct timer *timer)
{
	give_up(CONTAINER_OF(timer, struct replacement, patience), "did not serve in time");
}

/* The first process of a container takes all others with it when it ends, its successor too. */
static result start(struct replacement *replacement, struct launch *launch)
{
	struct loop *loop = replacement->options.control->loop;

	if (getpid() == 1)
		return error_system("the first process of a container cannot be replaced", EPERM);
	TRY(launch_open(launch, &replacement->options));
	TRY(spawn(launch, &replacement->child));
	fcntl(launch->pipe[0], F_SETFL, O_NONBLOCK);
	TRY(source_open(loop, &replacement->ready, launch->pipe[0], on_ready));
	launch->pipe[0] = -1;
	timer_set(loop, &replacement->patience,
		  deadline_after(loop_now(loop), replacement->options.patience));
	return OK;
}

void replacement_start(struct replacement *replacement)
{
	struct launch launch = { .pipe = { -1, -1 }, .bequest = { .secret = -1 } };
	result_value started;

	started = start(replacement, &launch);
	if (failed(started)) {
		end_child(replacement);
		journal_error(replacement->journal, "replacement: %s: %s: %s; this one goes on",
			      launch.arguments && launch.arguments[0] ? launch.arguments[0] : "", started.why,
			      strerror(started.sys));
	} else {
		journal_info(replacement->journal, "replacement: process %lld is starting",
			     (long long)replacement->child);
	}
	launch_close(&launch);
}

bool replacement_is_under_way(const struct replacement *replacement)
{
	return replacement->ready.fd >= 0;
}

pid_t replacement_process(const struct replacement *replacement)
{
	return replacement->child;
}

struct replacement *replacement_new(const struct replacement_options *options)
{
	struct replacement *replacement = calloc(1, sizeof *replacement);

	ASSERT(replacement);
	replacement->options = *options;
	replacement->journal = options->control->journal;
	replacement->ready.fd = -1;
	replacement->patience.on_due = on_late;
	return replacement;
}

void replacement_free(struct replacement **address)
{
	struct replacement *replacement = *address;

	if (!replacement)
		return;
	if (replacement_is_under_way(replacement))
		give_up(replacement, "was not waited for");
	timer_clear(&replacement->patience);
	loop_retire(replacement->options.control->loop, replacement, free);
	*address = NULL;
}

void replacement_say_ready(void)
{
	uint64_t fd;
	ssize_t written;

	if (str_to_u64(str_of(getenv(ready_variable)), INT32_MAX, &fd)) {
		written = write((int)fd, "", 1);
		(void)written; /* nobody waits any more */
		close((int)fd);
	}
	unsetenv(ready_variable);
}
