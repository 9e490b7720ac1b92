/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TLS costs the server: bytes of heap for each idle connection, CPU for a full handshake with one
 * request, and for a request on a connection that is there, by our stream, by OpenSSL on the descriptor
 * (SSL_set_fd), and without TLS. The client is a process of its own.
 *
 *   meson setup /tmp/build-bench --buildtype=release -Dbenches=true && ninja -C /tmp/build-bench tls_bench
 *   /tmp/build-bench/tls_bench
 */
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <openssl/pem.h>

#include "fiber/testing.h"
#include "io/socket.h"
#include "tls/self_signed.h"
#include "tls/server_context.h"

enum { CONNECTIONS = 32, ROUNDS = 5, REQUEST = 300, HANDSHAKES = 1000 };

enum way { BY_STREAM, BY_DESCRIPTOR, BY_NOTHING };

static const char *const way_names[] = { "tls_stream", "SSL_set_fd", "no TLS" };

struct bench {
	struct world world;
	struct tls_scratch scratch;
	struct arena arena;
	struct tls_server_context *server;
	SSL_CTX *plain; /* for SSL_set_fd, with the same cipher */
	struct ticket_keys *tickets;
	int listener;
	struct sockaddr_in address;
	enum way way;
	size_t answer;
	char *bytes; /* of an answer */
	unsigned long answered;
};

struct connection {
	struct bench *bench;
	struct socket socket;
	struct tls_stream tls;
	SSL *ssl;
	bool is_brief; /* ends after one request */
};

static double processor_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void must(result_value done)
{
	ASSERT(!failed(done));
}

/* ---- the client ---- */

static SSL *client_connect(const struct bench *bench, SSL_CTX *context, int *ret_fd)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	SSL *ssl = SSL_new(context);

	ASSERT(connect(fd, (const struct sockaddr *)&bench->address, sizeof bench->address) == 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	SSL_set_fd(ssl, fd);
	if (bench->way != BY_NOTHING)
		ASSERT(SSL_connect(ssl) == 1);
	*ret_fd = fd;
	return ssl;
}

static void client_ask(const struct bench *bench, SSL *ssl, int fd)
{
	static const char request[REQUEST];

	if (bench->way == BY_NOTHING)
		ASSERT(send(fd, request, sizeof request, 0) == REQUEST);
	else
		ASSERT(SSL_write(ssl, request, sizeof request) == REQUEST);
}

static void client_take(const struct bench *bench, SSL *ssl, int fd)
{
	char bytes[64 * 1024];

	for (size_t got = 0; got < bench->answer;) {
		ssize_t count = bench->way == BY_NOTHING ? recv(fd, bytes, sizeof bytes, 0)
							 : SSL_read(ssl, bytes, sizeof bytes);

		ASSERT(count > 0);
		got += (size_t)count;
	}
}

/* Runs in a process that ends with it, or with the server. */
static void client_run(const struct bench *bench, unsigned connections, unsigned long requests,
		       const char *version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL **ssl = calloc(connections, sizeof(SSL *));
	int *fd = calloc(connections, sizeof *fd);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	SSL_CTX_set_max_proto_version(context,
				      str_eq(str_of(version), STR("1.2")) ? TLS1_2_VERSION : TLS1_3_VERSION);
	for (unsigned i = 0; i < connections; i++)
		ssl[i] = client_connect(bench, context, &fd[i]);
	for (unsigned long r = 0; r < requests; r++) {
		for (unsigned i = 0; i < connections; i++)
			client_ask(bench, ssl[i], fd[i]);
		for (unsigned i = 0; i < connections; i++)
			client_take(bench, ssl[i], fd[i]);
	}
	if (connections > CONNECTIONS)
		pause(); /* until the idle ones are counted */
	_exit(0);
}

/* One after the other. */
static void client_shake(const struct bench *bench)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < HANDSHAKES; i++) {
		int fd;
		SSL *ssl = client_connect(bench, context, &fd);

		client_ask(bench, ssl, fd);
		client_take(bench, ssl, fd);
		close(fd);
		SSL_free(ssl);
	}
	_exit(0);
}

/* ---- the server ---- */

/* As those do that give OpenSSL the descriptor: it is read until nothing is left. */
static result descriptor_serve(struct connection *connection)
{
	struct bench *bench = connection->bench;
	char request[TLS_RECORD_CONTENT];

	for (;;) {
		while (SSL_read(connection->ssl, request, sizeof request) <= 0) {
			if (SSL_get_error(connection->ssl, -1) != SSL_ERROR_WANT_READ)
				return OK;
			connection->socket.source.ready &= ~(unsigned)READY_READ;
			connection->socket.reader = fiber_current(bench->world.fibers);
			TRY(fiber_park(connection->socket.reader, DEADLINE_NEVER));
			connection->socket.reader = NULL;
		}
		/* The buffers of loopback take a whole answer. */
		ASSERT(SSL_write(connection->ssl, bench->bytes, (int)bench->answer) == (int)bench->answer);
		bench->answered++;
	}
}

static result stream_serve(struct connection *connection, struct stream *stream, struct intake *in)
{
	struct bench *bench = connection->bench;

	do {
		TRY(stream_fill(stream, in, DEADLINE_NEVER));
		intake_consume(in, in->len);
		TRY(stream_send_all(stream, (str) { bench->bytes, bench->answer }, DEADLINE_NEVER));
		bench->answered++;
	} while (!connection->is_brief);
	return OK;
}

static void connection_run(struct fiber *self, void *argument)
{
	struct connection *connection = argument;
	struct intake in;
	result_value served;

	(void)self;
	intake_init(&in, &connection->bench->world.scratch);
	if (connection->bench->way == BY_DESCRIPTOR)
		served = descriptor_serve(connection);
	else
		served = stream_serve(connection,
				      connection->bench->way == BY_STREAM ? &connection->tls.stream
									  : &connection->socket.stream,
				      &in);
	(void)served; /* the client's end */
	connection->socket.reader = NULL;
	intake_fini(&in);
}

static void handshake_run(struct fiber *self, void *argument)
{
	struct connection *connection = argument;

	(void)self;
	must(tls_stream_handshake(&connection->tls, DEADLINE_NEVER));
}

static void connection_accept(struct connection *connection, struct bench *bench)
{
	int one = 1, fd = accept(bench->listener, NULL, NULL);

	*connection = (struct connection) { .bench = bench };
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (bench->way == BY_DESCRIPTOR) {
		connection->ssl = SSL_new(bench->plain);
		SSL_set_fd(connection->ssl, fd);
		ASSERT(SSL_accept(connection->ssl) == 1);
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	must(socket_open(&connection->socket, bench->world.fibers, fd));
	if (bench->way != BY_STREAM)
		return;
	must(tls_server_context_accept(bench->server, &connection->tls, &connection->socket.stream,
				       &bench->scratch));
	world_start(&bench->world, handshake_run, connection);
	world_run(&bench->world);
}

static void connection_close(struct connection *connection)
{
	SSL_free(connection->ssl);
	stream_close(connection->bench->way == BY_STREAM ? &connection->tls.stream
							 : &connection->socket.stream);
	world_turn(&connection->bench->world);
}

/* ---- what is measured ---- */

static void bench_requests(struct bench *bench, enum way way, size_t answer, unsigned long requests)
{
	struct connection connections[CONNECTIONS];
	double best = 0;

	bench->way = way;
	bench->answer = answer;
	for (unsigned round = 0; round < ROUNDS; round++) {
		double began;
		pid_t client = fork();

		if (!client)
			client_run(bench, CONNECTIONS, requests, "1.3");
		for (unsigned i = 0; i < CONNECTIONS; i++)
			connection_accept(&connections[i], bench);
		bench->answered = 0;
		began = processor_time();
		for (unsigned i = 0; i < CONNECTIONS; i++)
			world_start(&bench->world, connection_run, &connections[i]);
		world_run(&bench->world);
		began = (processor_time() - began) / (double)bench->answered;
		best = !round || began < best ? began : best;
		for (unsigned i = 0; i < CONNECTIONS; i++)
			connection_close(&connections[i]);
		waitpid(client, NULL, 0);
	}
	printf("a request, answered by %6zu bytes, %-12s %8.2f us of CPU\n", answer, way_names[way], best);
}

static void bench_handshakes(struct bench *bench)
{
	struct connection connection;
	double began;
	pid_t client;

	bench->way = BY_STREAM;
	bench->answer = 100;
	client = fork();
	if (!client)
		client_shake(bench);
	began = processor_time();
	for (unsigned i = 0; i < HANDSHAKES; i++) {
		connection_accept(&connection, bench);
		connection.is_brief = true;
		world_start(&bench->world, connection_run, &connection);
		world_run(&bench->world);
		connection_close(&connection);
	}
	printf("a full handshake (P-256, X25519) and one request       %8.2f us of CPU\n",
	       (processor_time() - began) / HANDSHAKES);
	waitpid(client, NULL, 0);
}

/* Handshake, one request, and then nothing. The first ones warm everything up. */
static void bench_idle(struct bench *bench, const char *version)
{
	enum { WARM = 100, IDLE = 600 };
	struct connection *connections = calloc(IDLE, sizeof *connections);
	size_t before = 0;
	pid_t client;

	bench->way = BY_STREAM;
	bench->answer = 100;
	client = fork();
	if (!client)
		client_run(bench, IDLE, 1, version);
	for (unsigned i = 0; i < IDLE; i++)
		connection_accept(&connections[i], bench);
	for (unsigned i = 0; i < IDLE; i++) {
		connections[i].is_brief = true;
		world_start(&bench->world, connection_run, &connections[i]);
	}
	world_run(&bench->world);
	for (unsigned i = 0; i < IDLE; i++) {
		if (i == IDLE - WARM)
			before = before - mallinfo2().uordblks;
		if (!i)
			before = mallinfo2().uordblks;
		connection_close(&connections[i]);
	}
	printf("an idle connection, TLS %s                             %8zu bytes of heap, %zu of structs\n",
	       version, before / (IDLE - WARM), sizeof(struct tls_stream) + sizeof(struct socket));
	kill(client, SIGKILL);
	waitpid(client, NULL, 0);
	free(connections);
}

static SSL_CTX *plain_context(str certificate, str key)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	BIO *first = BIO_new_mem_buf(certificate.ptr, (int)certificate.len);
	BIO *second = BIO_new_mem_buf(key.ptr, (int)key.len);
	X509 *leaf = PEM_read_bio_X509(first, NULL, NULL, NULL);
	EVP_PKEY *pair = PEM_read_bio_PrivateKey(second, NULL, NULL, NULL);

	ASSERT(SSL_CTX_use_cert_and_key(context, leaf, pair, NULL, 1));
	ASSERT(SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256"));
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	X509_free(leaf);
	EVP_PKEY_free(pair);
	BIO_free(first);
	BIO_free(second);
	return context;
}

static void bench_open(struct bench *bench)
{
	struct tls_entry entry = { .minimum = TLS1_2_VERSION };
	struct tls_server_options options = { STR("bench"), &entry, 1 };
	socklen_t len = sizeof bench->address;
	size_t blamed;

	world_open(&bench->world);
	arena_init(&bench->arena, NULL, 1 << 20);
	must(tls_scratch_init(&bench->scratch, &bench->world.pool));
	must(self_signed_make(&bench->arena, &entry.certificate, &entry.key));
	options.tickets = bench->tickets = ticket_keys_new();
	options.library = bench->scratch.library;
	must(tls_server_context_new(&options, &bench->server, &blamed));
	bench->plain = plain_context(entry.certificate, entry.key);
	bench->listener = socket(AF_INET, SOCK_STREAM, 0);
	bench->address =
		(struct sockaddr_in) { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	ASSERT(bind(bench->listener, (struct sockaddr *)&bench->address, len) == 0);
	ASSERT(getsockname(bench->listener, (struct sockaddr *)&bench->address, &len) == 0);
	ASSERT(listen(bench->listener, 1024) == 0);
	bench->bytes = calloc(1, 64 * 1024);
}

static void bench_close(struct bench *bench)
{
	free(bench->bytes);
	close(bench->listener);
	SSL_CTX_free(bench->plain);
	tls_server_context_free(&bench->server);
	ticket_keys_free(&bench->tickets);
	tls_scratch_fini(&bench->scratch);
	arena_fini(&bench->arena);
	world_close(&bench->world);
}

int main(void)
{
	struct bench bench = { .way = BY_STREAM };

	signal(SIGPIPE, SIG_IGN);
	bench_open(&bench);
	bench_idle(&bench, "1.3");
	bench_idle(&bench, "1.2");
	bench_handshakes(&bench);
	for (enum way way = BY_STREAM; way <= BY_NOTHING; way++)
		bench_requests(&bench, way, 1024, 1000);
	for (enum way way = BY_STREAM; way <= BY_NOTHING; way++)
		bench_requests(&bench, way, 64 * 1024, 100);
	bench_close(&bench);
	return 0;
}
