/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GATEHOUSE_SOCKETS is a list of DESCRIPTOR:NAME with commas between; in a name all but letters and digits is
 * %XX. A "!" before the name says that the socket came from systemd: wherever it is bound it is that
 * listener's, also for the process after the next.
 */
#include "main/inheritance.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"

enum { SYSTEMD_FIRST = 3 };

static const char own_variable[] = "GATEHOUSE_SOCKETS";

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A copy; what is no escape stands for itself. */
static str name_read(str text)
{
	char *name = malloc(text.len + 1);
	size_t len = 0;

	ASSERT(name);
	for (size_t i = 0; i < text.len; i++) {
		bool is_escape = text.ptr[i] == '%' && i + 2 < text.len && hex_value(text.ptr[i + 1]) >= 0 &&
				 hex_value(text.ptr[i + 2]) >= 0;

		if (is_escape) {
			name[len++] = (char)(hex_value(text.ptr[i + 1]) * 16 + hex_value(text.ptr[i + 2]));
			i += 2;
		} else {
			name[len++] = text.ptr[i];
		}
	}
	return (str) { name, len };
}

/* What is not open is nobody's. */
static void add(struct inheritance *inherited, str name, int fd, bool is_by_name)
{
	struct inherited *grown;

	if (inherited->count == INHERITED_MAX || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return;
	grown = realloc(inherited->at, (inherited->count + 1) * sizeof *grown);
	ASSERT(grown);
	grown[inherited->count++] = (struct inherited) { name_read(name), fd, is_by_name };
	inherited->at = grown;
}

static void take_own(struct inheritance *inherited, str list)
{
	str item, number, name;
	uint64_t fd;

	while (str_next(&list, ',', &item))
		if (str_cut(item, ':', &number, &name) && str_to_u64(number, INT32_MAX, &fd))
			add(inherited, str_starts(name, STR("!")) ? str_skip(name, 1) : name, (int)fd,
			    str_starts(name, STR("!")));
}

/* Names are separated by colons, and an empty one is none. */
static void take_systemd(struct inheritance *inherited, uint64_t count, str names)
{
	for (uint64_t i = 0; i < count; i++) {
		str name, rest = { 0 };

		if (!str_cut(names, ':', &name, &rest))
			name = names;
		names = rest;
		add(inherited, name, SYSTEMD_FIRST + (int)i, true);
	}
}

void inheritance_open(struct inheritance *ret_inherited)
{
	const char *own = getenv(own_variable), *names = getenv("LISTEN_FDNAMES");
	uint64_t pid, count;

	*ret_inherited = (struct inheritance) { 0 };
	if (own)
		take_own(ret_inherited, str_of(own));
	if (str_to_u64(str_of(getenv("LISTEN_PID")), INT32_MAX, &pid) && (pid_t)pid == getpid() &&
	    str_to_u64(str_of(getenv("LISTEN_FDS")), INHERITED_MAX, &count))
		take_systemd(ret_inherited, count, str_of(names));
	unsetenv(own_variable);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

bool address_is_bound_as_wanted(const struct address *wanted, const struct address *bound, bool is_same_name)
{
	struct address any_port = *bound;

	if (address_eq(wanted, bound))
		return true;
	if (address_is_local(wanted) || address_port(wanted) != 0 || !is_same_name)
		return false;
	if (any_port.any.sa_family == AF_INET6)
		any_port.v6.sin6_port = 0;
	else
		any_port.v4.sin_port = 0;
	return address_eq(wanted, &any_port);
}

static bool is_meant(const struct inherited *one, str name, const struct address *wanted)
{
	bool is_named = str_eq(one->name, name);
	struct address bound;

	if (one->fd < 0 || !address_of_socket(one->fd, &bound))
		return false;
	return address_is_bound_as_wanted(wanted, &bound, is_named) || (is_named && one->is_by_name);
}

int inheritance_take(struct inheritance *inherited, str name, const struct address *wanted,
		     bool *ret_is_foreign)
{
	for (size_t i = 0; inherited && i < inherited->count; i++) {
		struct inherited *one = &inherited->at[i];
		int fd = one->fd;

		if (!is_meant(one, name, wanted))
			continue;
		one->fd = -1;
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		*ret_is_foreign = one->is_by_name;
		return fd;
	}
	return -1;
}

static int take_file(struct inheritance *inherited, str name)
{
	for (size_t i = 0; i < inherited->count; i++) {
		int fd = inherited->at[i].fd;

		if (fd < 0 || inherited->at[i].is_by_name || !str_eq(inherited->at[i].name, name))
			continue;
		inherited->at[i].fd = -1;
		return fd;
	}
	return -1;
}

bool inheritance_take_secret(struct inheritance *inherited, str name, struct arena *arena, str *ret_secret)
{
	int fd = take_file(inherited, name);
	char *bytes = arena_bytes(arena, BEQUEST_SECRET_MAX);
	ssize_t len;

	if (fd < 0)
		return false;
	len = pread(fd, bytes, BEQUEST_SECRET_MAX, 0);
	close(fd);
	*ret_secret = (str) { bytes, len > 0 ? (size_t)len : 0 };
	return len > 0;
}

void inheritance_close(struct inheritance *inherited, struct journal *journal)
{
	for (size_t i = 0; i < inherited->count; i++) {
		struct inherited *one = &inherited->at[i];

		if (one->fd >= 0) {
			journal_warn(journal,
				     "inherited socket \"%.*s\": no listener has its name or address: closed",
				     STR_ARG(one->name));
			close(one->fd);
		}
		free((char *)one->name.ptr);
	}
	free(inherited->at);
	*inherited = (struct inheritance) { 0 };
}

static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

void bequest_open(struct bequest *bequest)
{
	*bequest = (struct bequest) { .secret = -1 };
	bequest->to = open_memstream(&bequest->text, &bequest->len);
	ASSERT(bequest->to);
	fprintf(bequest->to, "%s=", own_variable);
}

void bequest_add(struct bequest *bequest, int fd, str name, bool is_foreign)
{
	fprintf(bequest->to, "%d:%s", fd, is_foreign ? "!" : "");
	for (size_t i = 0; i < name.len; i++)
		fprintf(bequest->to, is_plain(name.ptr[i]) ? "%c" : "%%%02x", (unsigned char)name.ptr[i]);
	fputc(',', bequest->to);
}

/* Without one the next process begins anew, which costs its first clients a handshake. */
void bequest_add_secret(struct bequest *bequest, str name, str secret)
{
	ASSERT(bequest->secret < 0 && secret.len <= BEQUEST_SECRET_MAX);
	bequest->secret = memfd_create("gatehouse", MFD_CLOEXEC);
	if (bequest->secret < 0)
		return;
	if (write(bequest->secret, secret.ptr, secret.len) == (ssize_t)secret.len)
		bequest_add(bequest, bequest->secret, name, false);
}

void bequest_close(struct bequest *bequest)
{
	fclose(bequest->to);
	bequest->to = NULL;
}

void bequest_free(struct bequest *bequest)
{
	if (bequest->secret >= 0)
		close(bequest->secret);
	free(bequest->text);
	*bequest = (struct bequest) { .secret = -1 };
}
