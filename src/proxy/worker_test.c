/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers on threads of their own, under load from others, while what is in force changes again and again:
 * no request fails, and nothing is left. For ThreadSanitizer above all.
 */
#include "proxy/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/testing.h"
#include "io/listener.h"

enum { WORKERS = 2, CLIENTS = 4, RELOADS = 120, PEERS_MAX = 64, LISTENERS_MAX = 2 };

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define DONE "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"

/* ---- a service that answers whatever it is asked ---- */

struct service {
	pthread_t thread;
	int listener;
	unsigned port;
	atomic_bool is_over;
};

static int listen_somewhere(unsigned *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 64) == 0);
	ASSERT(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	*ret_port = ntohs(at.sin_port);
	return fd;
}

/* False when the connection has ended. A request is small, so it comes in one piece. */
static bool answer_one(int fd)
{
	char bytes[4096];
	ssize_t count = recv(fd, bytes, sizeof bytes, 0);

	return count > 0 && send(fd, DONE, strlen(DONE), MSG_NOSIGNAL) == (ssize_t)strlen(DONE);
}

static void *serve(void *argument)
{
	struct service *service = argument;
	struct pollfd fds[PEERS_MAX] = { { .fd = service->listener, .events = POLLIN } };
	nfds_t count = 1;

	while (!atomic_load(&service->is_over)) {
		poll(fds, count, 20);
		for (nfds_t i = count; i-- > 1;) {
			if (!fds[i].revents || answer_one(fds[i].fd))
				continue;
			close(fds[i].fd);
			fds[i] = fds[--count];
		}
		if (fds[0].revents && count < PEERS_MAX)
			fds[count++] = (struct pollfd) { accept(service->listener, NULL, NULL), POLLIN, 0 };
	}
	for (nfds_t i = 0; i < count; i++)
		close(fds[i].fd);
	return NULL;
}

static void service_open(struct service *service)
{
	*service = (struct service) { .is_over = false };
	service->listener = listen_somewhere(&service->port);
	ASSERT(pthread_create(&service->thread, NULL, serve, service) == 0);
}

static void service_close(struct service *service)
{
	atomic_store(&service->is_over, true);
	pthread_join(service->thread, NULL);
}

/* ---- clients that ask and ask ---- */

struct caller {
	pthread_t thread;
	const struct address *at;
	atomic_bool *is_over;
	unsigned asked, failures;
	bool is_closing; /* a connection for each request; else one for all */
};

static int caller_connect(const struct caller *caller)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ASSERT(fd >= 0 && connect(fd, &caller->at->any, caller->at->len) == 0);
	return fd;
}

static bool client_ask(int fd)
{
	char bytes[2048];
	size_t heard = 0;
	ssize_t count;

	if (send(fd, GET, strlen(GET), MSG_NOSIGNAL) != (ssize_t)strlen(GET))
		return false;
	while ((count = recv(fd, bytes + heard, sizeof bytes - heard, 0)) > 0) {
		heard += (size_t)count;
		if (str_contains((str) { bytes, heard }, STR("\r\n\r\ndone")))
			return str_starts((str) { bytes, heard }, STR("HTTP/1.1 200 OK\r\n"));
	}
	return false;
}

static void *ask(void *argument)
{
	struct caller *caller = argument;
	int fd = caller_connect(caller);

	while (!atomic_load(caller->is_over)) {
		bool is_answered = client_ask(fd);

		caller->asked++;
		caller->failures += !is_answered;
		if (is_answered && !caller->is_closing)
			continue;
		close(fd);
		fd = caller_connect(caller);
	}
	close(fd);
	return NULL;
}

/* ---- the gateway between them ---- */

struct town;

struct seat {
	struct town *town;
	pthread_t thread;
	struct worker_options options;
	struct worker *worker;
	int fds[LISTENERS_MAX];
};

struct town {
	struct identities identities;
	struct service service;
	struct snapshot *snapshot;
	struct edition *edition;
	struct journal *journal;
	struct access_log *access;
	struct seat seats[WORKERS];
	struct address bound[LISTENERS_MAX];
	pthread_barrier_t gate;
	_Atomic unsigned editions, applied;
};

static void on_unused(struct edition *edition, void *owner)
{
	struct town *town = owner;

	edition_free(&edition);
	atomic_fetch_sub(&town->editions, 1);
}

static void on_applied(void *owner)
{
	struct town *town = owner;

	atomic_fetch_add(&town->applied, 1);
}

/* Every other one has a second listener; endpoints, routes and names change too. */
static void town_compile(struct town *town, unsigned round)
{
	struct diagnostics *diagnostics;
	char text[1024];

	snprintf(
		text, sizeof text,
		"listeners: { a: { address: \"127.0.0.1:0\" }%s }\n"
		"upstreams: { u: { endpoints: [\"127.0.0.1:%u\"] }, v%u: { endpoints: [\"127.0.0.1:1\"] } }\n"
		"apis: { all: { upstream: u }, more%u: { path: /more/%u, upstream: v%u } }\n"
		"log: { access: { to: off }, level: error }\n",
		round % 2 ? ", b: { address: \"127.0.0.1:0\" }" : "", town->service.port, round, round, round,
		round);
	ASSERT(!failed(snapshot_parse(STR("t.yaml"), str_of(text), &town->identities, &diagnostics,
				      &town->snapshot)));
}

static void town_edit(struct town *town)
{
	atomic_fetch_add(&town->editions, 1);
	town->edition = edition_new(town->snapshot, on_unused, town);
	snapshot_unref(&town->snapshot);
}

static void bind_for_all(struct town *town, size_t listener)
{
	struct address at = { 0 };

	ASSERT(address_of_ip(STR("127.0.0.1"), 0, &at));
	for (unsigned i = 0; i < WORKERS; i++)
		ASSERT(!failed(listener_bind(i ? &town->bound[listener] : &at, &town->seats[i].fds[listener],
					     &town->bound[listener])));
}

/* ---- threads ---- */

static void *seat_run(void *argument)
{
	struct seat *seat = argument;
	struct town *town = seat->town;
	struct worker *worker;
	result_value made = worker_new(&seat->options, &worker);

	ASSERT(!failed(made));
	seat->worker = worker;
	pthread_barrier_wait(&town->gate);
	worker_run(worker);
	pthread_barrier_wait(&town->gate); /* nobody tells it anything any more */
	worker_free(&worker);
	return NULL;
}

static void town_open(struct town *town)
{
	*town = (struct town) { .applied = 0 };
	identities_init(&town->identities);
	service_open(&town->service);
	town_compile(town, 0);
	town->journal = journal_new(JOURNAL_ERROR);
	ASSERT(!failed(
		access_log_open(&town->snapshot->config.log.access, town->journal, WORKERS, &town->access)));
	town_edit(town);
	bind_for_all(town, 0);
	pthread_barrier_init(&town->gate, NULL, WORKERS + 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct seat *seat = &town->seats[i];

		seat->town = town;
		seat->options = (struct worker_options) { .edition = town->edition,
							  .fds = seat->fds,
							  .bound = town->bound,
							  .journal = town->journal,
							  .access = access_log_ring(town->access, i),
							  .workers = WORKERS };
		ASSERT(pthread_create(&seat->thread, NULL, seat_run, seat) == 0);
	}
	pthread_barrier_wait(&town->gate);
}

static void town_close(struct town *town)
{
	for (unsigned i = 0; i < WORKERS; i++)
		worker_drain(town->seats[i].worker);
	pthread_barrier_wait(&town->gate);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(town->seats[i].thread, NULL);
	edition_unref(&town->edition);
	access_log_close(&town->access);
	journal_free(&town->journal);
	pthread_barrier_destroy(&town->gate);
	service_close(&town->service);
	identities_fini(&town->identities);
}

/* Waits until every worker has it, as the gateway does: then the old one is only for who began under it. */
static void town_reload(struct town *town, unsigned round)
{
	static const size_t from[LISTENERS_MAX] = { 0, 0 };
	unsigned wanted = atomic_load(&town->applied) + WORKERS;

	edition_unref(&town->edition);
	town_compile(town, round);
	if (round % 2)
		bind_for_all(town, 1);
	town_edit(town);
	for (unsigned i = 0; i < WORKERS; i++) {
		int fds[LISTENERS_MAX] = { -1, town->seats[i].fds[1] };
		struct worker_change change = { .edition = town->edition,
						.fds = fds,
						.from = from,
						.bound = town->bound,
						.on_applied = on_applied,
						.owner = town };

		worker_apply(town->seats[i].worker, &change);
	}
	while (atomic_load(&town->applied) != wanted)
		usleep(200);
}

static void reloads_under_load_fail_nobody(void **state)
{
	struct caller clients[CLIENTS] = { 0 };
	atomic_bool is_over = false;
	struct town town;

	(void)state;
	town_open(&town);
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i].at = &town.bound[0];
		clients[i].is_over = &is_over;
		clients[i].is_closing = i % 2;
		assert_int_equal(pthread_create(&clients[i].thread, NULL, ask, &clients[i]), 0);
	}
	for (unsigned i = 1; i <= RELOADS; i++) {
		town_reload(&town, i);
		assert_in_range(town.editions, 1, 2 + CLIENTS);
		/* Those of the newest two at most, one fixed and one of each round. */
		assert_in_range(endpoints_count(town.identities.endpoints), 2, 2);
	}
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < CLIENTS; i++) {
		pthread_join(clients[i].thread, NULL);
		assert_int_equal(clients[i].failures, 0);
		assert_true(clients[i].asked > 0);
	}
	town_close(&town);
	assert_int_equal(town.editions, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reloads_under_load_fail_nobody) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
