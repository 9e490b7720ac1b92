/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/proxy_testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"

static const duration patience = 10 * SECOND; /* less than any timeout that could end a test instead */

static struct snapshot *snapshot_of(const char *text, struct identities *identities)
{
	struct diagnostics *diagnostics;
	struct snapshot *snapshot;
	result_value parsed =
		snapshot_parse(STR("t.yaml"), str_of(text), identities, &diagnostics, &snapshot);

	if (failed(parsed))
		diagnostics_print(diagnostics, stderr);
	ASSERT(!failed(parsed));
	return snapshot;
}

/* ---- the desk ---- */

static wall_time desk_wall(void *self)
{
	(void)self;
	return 0;
}

static uint64_t desk_random(void *self)
{
	(void)self;
	return 4;
}

void desk_open(struct desk *desk, const char *configuration)
{
	struct edition *edition;

	*desk = (struct desk) { 0 };
	identities_init(&desk->identities);
	desk->snapshot = snapshot_of(configuration, &desk->identities);
	edition = edition_new(desk->snapshot, NULL, NULL);
	desk->worker.generation = generation_new(edition);
	edition_unref(&edition);
	desk->worker.route_scratch = route_scratch_new();
	desk->worker.effects = (struct effects) { .wall = desk_wall, .random = desk_random, .self = desk };
	desk->door = (struct door) { .worker = &desk->worker,
				     .generation = desk->worker.generation,
				     .snapshot = &desk->snapshot->listeners[0],
				     .port = "8080",
				     .port_len = 4 };
	desk->connection.door = &desk->door;
	desk->session = (struct session) { .connection = &desk->connection, .worker = &desk->worker };
	arena_init(&desk->exchange.arena, NULL, 1 << 24);
}

void desk_close(struct desk *desk)
{
	arena_fini(&desk->exchange.arena);
	route_scratch_free(&desk->worker.route_scratch);
	generation_leave(desk->worker.generation);
	snapshot_unref(&desk->snapshot);
	identities_fini(&desk->identities);
}

static void desk_set_peer(struct desk *desk, str peer)
{
	struct connection *connection = &desk->connection;

	desk->door.bound.any.sa_family = peer.len ? AF_INET : AF_UNIX;
	connection->peer = (struct address) { .any.sa_family = AF_UNIX, .len = sizeof(sa_family_t) };
	ASSERT(!peer.len || address_of_ip(peer, 4711, &connection->peer));
	memcpy(connection->ip, peer.ptr, peer.len);
	connection->ip_len = (uint8_t)peer.len;
}

void desk_ask(struct desk *desk, const char *head, const char *peer)
{
	struct exchange *x = &desk->exchange;
	struct h1_parser parser = { 0 };
	enum h1_state parsed;

	arena_fini(&x->arena);
	*x = (struct exchange) { .session = &desk->session,
				 .worker = &desk->worker,
				 .generation = desk->worker.generation,
				 .listener = desk->door.snapshot,
				 .keep_alive = true };
	arena_init(&x->arena, NULL, 1 << 24);
	desk_set_peer(desk, str_of(peer));
	h1_server_init(&desk->server, desk->connection.stream, &desk->in);
	x->server = &desk->server.server;
	x->server->body->max = desk->door.snapshot->config->limits.body;
	x->view = (struct view) { .arena = &x->arena,
				  .effects = &desk->worker.effects,
				  .request = &x->request.head,
				  .scheme = STR("http"),
				  .client_ip = { desk->connection.ip, desk->connection.ip_len },
				  .client = &desk->connection.peer,
				  .request_id = STR("id-1"),
				  .request_id_header = STR("X-Request-ID") };
	x->request.head.fields =
		(struct http_fields) { .at = desk->fields, .max = DESK_FIELDS_MAX, .arena = &x->arena };
	parsed = h1_request_parse(&parser, arena_str(&x->arena, str_of(head)), &desk->door.snapshot->h1,
				  &x->request.head, &x->request.head_len);
	if (parsed != H1_DONE)
		fail_msg("\"%s\" is no head: %.*s", head, STR_ARG(h1_error_text(parser.error)));
	x->view.sent = x->request.head.fields.count;
}

const char *desk_fields(struct desk *desk)
{
	const struct http_fields *fields = &desk->exchange.request.head.fields;
	struct buf out = buf_over(desk->text, sizeof desk->text);

	for (size_t i = 0; i < fields->count; i++) {
		if (fields->at[i].removed)
			continue;
		buf_put(&out, fields->at[i].name);
		buf_put_char(&out, '=');
		buf_put(&out, fields->at[i].value);
		buf_put_char(&out, ';');
	}
	buf_put_char(&out, 0);
	return desk->text;
}

/* ---- the house ---- */

static struct peer peer_of(int fd)
{
	struct peer peer = { .fd = fd, .bytes = malloc(HOUSE_TEXT_MAX) };

	ASSERT(peer.bytes);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return peer;
}

static void peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
}

static void peer_free(struct peer *peer)
{
	peer_close(peer);
	free(peer->bytes);
	*peer = (struct peer) { .fd = -1 };
}

/* Of much that was heard the end is enough. */
static void peer_forget(struct peer *peer)
{
	size_t kept = HOUSE_TEXT_MAX / 4;

	if (peer->heard < HOUSE_TEXT_MAX / 2)
		return;
	memmove(peer->bytes, peer->bytes + peer->heard - kept, kept);
	peer->heard = kept;
}

/* At most so many bytes; closes when the other side has. */
static void peer_hear(struct peer *peer, size_t most)
{
	size_t room = HOUSE_TEXT_MAX - peer->heard;
	ssize_t count;

	if (peer->fd < 0)
		return;
	count = recv(peer->fd, peer->bytes + peer->heard, most && most < room ? most : room, 0);
	if (count > 0) {
		peer->heard += (size_t)count;
		peer->total += (size_t)count;
		peer_forget(peer);
	} else if (count == 0 || errno != EAGAIN) {
		peer_close(peer);
	}
}

/* What is to be said next: the text, and then its last byte again so many times. */
static str words_of(const struct peer *peer, str text, size_t repeats)
{
	static char filler[16 * 1024];
	size_t left = text.len + repeats - peer->said;

	if (peer->said < text.len || !left)
		return str_skip(text, peer->said);
	memset(filler, text.ptr[text.len - 1], sizeof filler);
	return (str) { filler, left < sizeof filler ? left : sizeof filler };
}

/* As much as goes, or at most so many bytes. True when all of it has gone. */
static bool peer_say(struct peer *peer, str text, size_t repeats, size_t most)
{
	ssize_t count = 1;

	if (peer->fd < 0)
		return true;
	while (count > 0 && peer->said < text.len + repeats) {
		str words = words_of(peer, text, repeats);

		count = send(peer->fd, words.ptr, most ? most : words.len, MSG_NOSIGNAL);
		peer->said += count > 0 ? (size_t)count : 0;
		if (most)
			break;
	}
	return peer->said == text.len + repeats;
}

/* So that much does not go at once. */
static void be_small(int fd)
{
	int bytes = 16 * 1024;

	ASSERT(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) == 0);
}

static int house_listen(unsigned *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	be_small(fd);
	ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 64) == 0);
	ASSERT(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	*ret_port = ntohs(at.sin_port);
	return fd;
}

/* The configuration with the port in the place of each %u, and a log of its own. */
static str configure(struct arena *arena, const char *text, unsigned port, const char *log_path)
{
	str rest = str_of(text), before, made = { 0 };

	while (str_cut(rest, '%', &before, &rest)) {
		made = arena_printf(arena, "%.*s%.*s%u", STR_ARG(made), STR_ARG(before), port);
		rest = str_skip(rest, 1);
	}
	return arena_printf(arena,
			    "%.*s%.*slog: { access: { to: \"file:%s\", format: json }, level: error }\n",
			    STR_ARG(made), STR_ARG(rest), log_path);
}

static void on_unused(struct edition *edition, void *owner)
{
	struct house *house = owner;

	house->editions--;
	edition_free(&edition);
}

static struct edition *house_edition(struct house *house)
{
	house->editions++;
	return edition_new(house->snapshot, on_unused, house);
}

/* Listeners that a reload has not taken over; -1 for those that it has. */
static void bind_listeners(const struct house *house, const size_t *from, int *ret_fds,
			   struct address *ret_bound)
{
	ASSERT(house->snapshot->listener_count <= HOUSE_LISTENERS_MAX);
	for (size_t i = 0; i < house->snapshot->listener_count; i++) {
		result_value bound;

		ret_fds[i] = -1;
		if (from && from[i] < HOUSE_LISTENERS_MAX) {
			ret_bound[i] = house->bound[from[i]];
			continue;
		}
		bound = listener_bind(&house->snapshot->listeners[i].address, &ret_fds[i], &ret_bound[i]);
		ASSERT(!failed(bound));
	}
}

static void house_start(struct house *house)
{
	int fds[HOUSE_LISTENERS_MAX];
	result_value started;
	struct worker_options options;

	bind_listeners(house, NULL, fds, house->bound);
	house->journal = journal_new((enum journal_level)house->snapshot->config.log.level);
	started = access_log_open(&house->snapshot->config.log.access, house->journal, 1, &house->access);
	ASSERT(!failed(started));
	house->edition = house_edition(house);
	options = (struct worker_options) { .edition = house->edition,
					    .fds = fds,
					    .bound = house->bound,
					    .journal = house->journal,
					    .access = access_log_ring(house->access, 0),
					    .workers = 1 };
	started = worker_new(&options, &house->worker);
	ASSERT(!failed(started));
}

static struct snapshot *house_snapshot(struct house *house, const char *configuration)
{
	struct arena arena;
	struct snapshot *snapshot;

	arena_init(&arena, NULL, 1 << 20);
	snapshot = snapshot_of(configure(&arena, configuration, house->upstream_port, house->log_path).ptr,
			       &house->identities);
	arena_fini(&arena);
	return snapshot;
}

void house_open(struct house *house, const char *configuration, const struct play *play)
{
	unsigned port;
	int fd;

	*house = (struct house) { .play = *play, .client.fd = -1 };
	identities_init(&house->identities);
	house->upstream = house_listen(&port);
	snprintf(house->log_path, sizeof house->log_path, "/tmp/house_log.XXXXXX");
	fd = mkstemp(house->log_path);
	ASSERT(fd >= 0);
	close(fd);
	house->upstream_port = port;
	house->snapshot = house_snapshot(house, configuration);
	house_start(house);
}

static size_t find_listener(const struct snapshot *snapshot, str name)
{
	for (size_t i = 0; i < snapshot->listener_count; i++)
		if (str_eq(snapshot->listeners[i].name, name))
			return i;
	return SIZE_MAX;
}

void house_reload(struct house *house, const char *configuration)
{
	struct snapshot *old = house->snapshot;
	size_t from[HOUSE_LISTENERS_MAX];
	int fds[HOUSE_LISTENERS_MAX];
	struct address bound[HOUSE_LISTENERS_MAX] = { 0 };
	struct worker_change change = { .fds = fds, .bound = bound, .from = from };

	house->snapshot = house_snapshot(house, configuration);
	for (size_t i = 0; i < house->snapshot->listener_count; i++)
		from[i] = find_listener(old, house->snapshot->listeners[i].name);
	bind_listeners(house, from, fds, bound);
	edition_unref(&house->edition);
	change.edition = house->edition = house_edition(house);
	worker_apply(house->worker, &change);
	memcpy(house->bound, bound, sizeof bound);
	snapshot_unref(&old);
}

void house_connect(struct house *house, const char *asks)
{
	const struct address *at = &house->bound[house->listener];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	peer_free(&house->client);
	be_small(fd);
	ASSERT(fd >= 0 && connect(fd, &at->any, at->len) == 0);
	house->client = peer_of(fd);
	house->asks = asks;
}

static void play_on(struct house *house, struct peer *peer)
{
	const struct play *play = &house->play;
	str heard = { peer->bytes, peer->heard };

	peer_hear(peer, 0);
	heard.len = peer->heard;
	if (!peer->is_told &&
	    (peer->total < play->hears_bytes || (play->hears && !str_contains(heard, str_of(play->hears)))))
		return;
	peer->is_told = true;
	if (play->says && !peer_say(peer, str_of(play->says), play->repeats, 0))
		return;
	if (play->hangs_up)
		peer_close(peer);
	if (!play->hears_more)
		return;
	peer->is_told = false;
	peer->said = peer->heard = peer->total = 0;
}

static void upstream_step(struct house *house)
{
	int fd = house->upstream < 0 ? -1 : accept(house->upstream, NULL, NULL);

	if (fd >= 0) {
		ASSERT(house->peer_count < HOUSE_CONNECTIONS_MAX);
		house->peers[house->peer_count++] = peer_of(fd);
	}
	for (size_t i = 0; i < house->peer_count; i++)
		play_on(house, &house->peers[i]);
}

void house_step(struct house *house)
{
	loop_turn(house->worker->loop, deadline_after(time_monotonic(), MILLISECOND));
	upstream_step(house);
	if (house->client.fd < 0)
		return;
	peer_say(&house->client, house->asks_bytes.len ? house->asks_bytes : str_of(house->asks),
		 house->asks_repeats, house->asks_slowly);
	peer_hear(&house->client, house->reads_at_most);
}

bool house_run(struct house *house, const char *until)
{
	deadline late = deadline_after(time_monotonic(), patience);

	while (time_monotonic() < late) {
		str heard = house_heard(house);

		if (house->client.fd < 0 || str_contains(heard, STR("\"instance\"")) ||
		    (until && str_contains(heard, str_of(until))))
			return true;
		house_step(house);
	}
	return false;
}

void house_hang_up(struct house *house)
{
	peer_close(&house->client);
}

bool house_settle(struct house *house)
{
	deadline late = deadline_after(time_monotonic(), patience);

	while (house->worker->connection_count || fibers_alive(house->worker->fibers)) {
		if (time_monotonic() >= late)
			return false;
		house_step(house);
	}
	return true;
}

static char *read_file(const char *path)
{
	FILE *from = fopen(path, "r");
	char *text = calloc(1, HOUSE_TEXT_MAX);

	ASSERT(from && text);
	ASSERT(fread(text, 1, HOUSE_TEXT_MAX - 1, from) < HOUSE_TEXT_MAX - 1);
	fclose(from);
	return text;
}

void house_close(struct house *house)
{
	worker_stop(house->worker);
	worker_run(house->worker);
	worker_free(&house->worker);
	access_log_close(&house->access);
	journal_free(&house->journal);
	house->log = read_file(house->log_path);
	unlink(house->log_path);
	if (house->upstream >= 0)
		close(house->upstream);
	edition_unref(&house->edition);
	ASSERT(house->editions == 0);
	snapshot_unref(&house->snapshot);
	identities_fini(&house->identities);
}

void house_free(struct house *house)
{
	for (size_t i = 0; i < house->peer_count; i++)
		peer_free(&house->peers[i]);
	peer_free(&house->client);
	free(house->log);
	house->log = NULL;
}

size_t house_lines(const struct house *house)
{
	size_t lines = 0;

	for (const char *at = house->log; *at; at++)
		lines += *at == '\n';
	return lines;
}

str house_heard(const struct house *house)
{
	return (str) { house->client.bytes, house->client.heard };
}

str house_upstream_heard(const struct house *house, size_t connection)
{
	ASSERT(connection < house->peer_count);
	return (str) { house->peers[connection].bytes, house->peers[connection].heard };
}
