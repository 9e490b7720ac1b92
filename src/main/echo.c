/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo: the small upstream as a command, for trying a configuration out without a service to put behind it.
 *
 * The server runs on the main thread. A second one does nothing but wait for the signal that ends it: a
 * thread that waits may call what a signal handler may not.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "main/command.h"
#include "main/echo_server.h"

static bool address_of_argument(const char *text, struct address *ret_address)
{
	struct address_text parts;

	return !failed(address_text_parse(str_of(text), &parts)) && address_of_text(&parts, ret_address);
}

/* What ends it: blocked before any thread is made, so that only the one that waits for them takes them. */
static sigset_t stop_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	return signals;
}

static void *stop_on_signal(void *argument)
{
	sigset_t signals = stop_signals();
	int signal;

	sigwait(&signals, &signal);
	echo_server_stop(argument);
	return NULL;
}

static void say_where(const struct address *bound)
{
	char text[ADDRESS_TEXT_MAX];
	struct buf address = buf_over(text, sizeof text);

	address_print(bound, &address);
	fprintf(stderr, "echo listening on %.*s\n", STR_ARG(buf_str(&address)));
}

static int serve_echo(const char *listen)
{
	struct address at, bound;
	struct echo_server *server;
	pthread_t waiter;
	result_value made;
	int error;

	if (!address_of_argument(listen, &at)) {
		fprintf(stderr, "gatehouse echo: want an address such as 127.0.0.1:8081, read \"%s\"\n",
			listen);
		return 1;
	}
	made = echo_server_new(&at, &server, &bound);
	if (failed(made)) {
		fprintf(stderr, "gatehouse echo: cannot listen on %s: %s: %s\n", listen, made.why,
			strerror(made.sys));
		return 1;
	}
	error = pthread_create(&waiter, NULL, stop_on_signal, server);
	if (error) {
		fprintf(stderr, "gatehouse echo: no thread for signals: %s\n", strerror(error));
		echo_server_free(&server);
		return 1;
	}
	say_where(&bound);
	echo_server_run(server);
	pthread_join(waiter, NULL);
	echo_server_free(&server);
	return 0;
}

static int echo_run(const struct command *command, int count, char **arguments)
{
	const char *listen = "127.0.0.1:8081";
	sigset_t signals = stop_signals();

	if (count && strcmp(arguments[0], "--listen") != 0)
		return command_misused(command, "unexpected argument", arguments[0]);
	if (count && count != 2)
		return command_misused(command, "--listen needs an address", NULL);
	if (count)
		listen = arguments[1];
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	return serve_echo(listen);
}

const struct command command_echo = {
	.name = "echo",
	.usage = "[--listen ADDRESS]",
	.summary = "A small upstream that answers with what it received, as JSON.",
	.help = "\nADDRESS: 127.0.0.1:8081 unless given; port 0 takes a free one.\n\n"
		"  /delay/MS      answers MS milliseconds later\n"
		"  /status/CODE   answers with that status\n"
		"  /bytes/N       answers with N bytes\n"
		"  /sse           answers with a server-sent event a second\n"
		"  /ws            is a WebSocket that sends every message back\n",
	.run = echo_run,
};
