/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handshakes: a load of full TLS 1.3 handshakes and nothing else.
 *
 *     handshakes PORT PROCESSES COUNTER
 *
 * Each process opens a connection, shakes hands, says goodbye, waits for the server to do the same, and
 * begins anew; no session is offered, and one that is resumed all the same ends the run. COUNTER is a file of
 * eight bytes where all of them count what they have completed, to be read at any time.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static _Atomic uint64_t *map_counter(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(uint64_t)))
		die(path);
	void *memory = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	close(fd);
	return memory;
}

static int connect_to(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		die("connect");
	return fd;
}

/* One connection from its beginning to the server's end of it. */
static void shake(SSL_CTX *context, const struct sockaddr_in *address)
{
	int fd = connect_to(address);
	SSL *ssl = SSL_new(context);
	char byte;
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1 || SSL_session_reused(ssl)) {
		fprintf(stderr, "handshakes: no full handshake\n");
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	SSL_shutdown(ssl);
	while (SSL_read(ssl, &byte, 1) > 0)
		;
	SSL_free(ssl);
	close(fd);
}

static void run(uint16_t port, _Atomic uint64_t *counter)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	for (;;) {
		shake(context, &address);
		atomic_fetch_add(counter, 1);
	}
}

/* Of a number on the command line; anything else is 0. */
static unsigned number_of(const char *text)
{
	unsigned number = 0;

	for (; *text >= '0' && *text <= '9' && number < 100000; text++)
		number = number * 10 + (unsigned)(*text - '0');
	return *text ? 0 : number;
}

int main(int count, char **arguments)
{
	if (count != 4) {
		fprintf(stderr, "usage: handshakes PORT PROCESSES COUNTER\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	_Atomic uint64_t *counter = map_counter(arguments[3]);
	int status = 0;
	for (unsigned i = 0; i < number_of(arguments[2]); i++)
		if (fork() == 0)
			run((uint16_t)number_of(arguments[1]), counter);
	wait(&status); /* they end only when something is wrong */
	return 1;
}
