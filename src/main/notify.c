/* SPDX-License-Identifier: Apache-2.0 */
#include "main/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/time.h"

/* Nobody waits for the manager, and nothing is the worse for a word that is lost. */
static void tell(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	ssize_t sent;
	int fd;

	if (len < 2 || len >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = 0; /* an abstract one */
	sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)sent;
	close(fd);
}

void notify_ready(void)
{
	tell("READY=1");
}

/* The time tells the manager which READY=1 ends it. */
void notify_reloading(void)
{
	char state[64];

	snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)(time_monotonic() / MICROSECOND));
	tell(state);
}

void notify_stopping(void)
{
	tell("STOPPING=1");
}

void notify_main_process(pid_t pid)
{
	char state[64];

	snprintf(state, sizeof state, "MAINPID=%lld", (long long)pid);
	tell(state);
}
