/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ends in one thread, over a pair of sockets: a TLS client of OpenSSL's making and a server of ours, both
 * over the same scratch, so that they take turns with it at every step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "tls/tls_testing.h"

enum { NTH_MAX = 3000 };

/* What one end does, and how it went. */
struct actor {
	struct tls_world *world;
	struct tls_end *end;
	const struct actor *other;
	size_t gives;   /* bytes to be sent after the handshake */
	size_t part;    /* in parts of this size; 0: all in one */
	size_t wants;   /* bytes to be received */
	bool is_first;  /* sends before it receives */
	bool is_ending; /* ends the connection in order */
	size_t got;
	bool is_wrong; /* other bytes than were sent */
	result_value handshake, ended;
	bool is_done;
};

static char byte_at(size_t i)
{
	return (char)(i * 7 + i / 251);
}

static result give(struct actor *actor)
{
	char *bytes = malloc(actor->gives + 1);
	size_t size = actor->part ? actor->part : actor->gives;
	result_value sent = OK;

	for (size_t i = 0; i < actor->gives; i++)
		bytes[i] = byte_at(i);
	for (size_t at = 0; at < actor->gives && !failed(sent); at += size)
		sent = stream_send_all(&actor->end->tls.stream,
				       str_slice((str) { bytes, actor->gives }, at, at + size),
				       actor->world->until);
	free(bytes);
	return sent;
}

static result want(struct actor *actor)
{
	struct intake *in = &actor->end->in;

	while (actor->got < actor->wants) {
		str data;

		TRY(stream_fill(&actor->end->tls.stream, in, actor->world->until));
		data = intake_data(in);
		for (size_t i = 0; i < data.len; i++)
			actor->is_wrong |= data.ptr[i] != byte_at(actor->got + i);
		actor->got += data.len;
		intake_consume(in, data.len);
	}
	return OK;
}

static result act(struct actor *actor)
{
	actor->handshake = tls_stream_handshake(&actor->end->tls, actor->world->until);
	TRY(actor->handshake);
	if (actor->is_first)
		TRY(give(actor));
	TRY(want(actor));
	if (!actor->is_first)
		TRY(give(actor));
	return actor->is_ending ? stream_shut(&actor->end->tls.stream) : OK;
}

static void actor_run(struct fiber *self, void *argument)
{
	struct actor *actor = argument;

	(void)self;
	actor->ended = act(actor);
	actor->is_done = true;
	if (failed(actor->ended)) /* the other one is not to wait for its deadline */
		shutdown(actor->end->socket.source.fd, SHUT_RDWR);
}

static struct tls_server_context *plain_server(struct tls_world *world)
{
	struct tls_pair pair = tls_issue(&world->arena, &world->authority,
					 (struct tls_issue) { "localhost.test", "DNS:localhost.test" });
	struct tls_entry *entry = ARENA_NEW(&world->arena, struct tls_entry);

	*entry = (struct tls_entry) { .certificate = pair.certificate, .key = pair.key };
	return tls_world_server(world, &(struct tls_server_options) { STR("test"), entry, 1 });
}

/* Both ends to their end. */
static void play(struct actor actors[2], struct tls_world *world)
{
	for (int i = 0; i < 2; i++) {
		actors[i].world = world;
		actors[i].end = &world->ends[i];
		actors[i].other = &actors[1 - i];
		world_start(&world->world, actor_run, &actors[i]);
	}
	world_run(&world->world);
}

static const struct {
	const char *name;
	size_t narrow; /* so much goes by one call of the stream below */
	int buffer;    /* of the sockets */
	size_t request, part, response;
	int version;
} exchanges[] = {
	{ "little", 0, 0, 10, 0, 1000, TLS1_3_VERSION },
	{ "little, TLS 1.2", 0, 0, 10, 0, 1000, TLS1_2_VERSION },
	{ "byte by byte", 1, 0, 300, 100, 700, TLS1_3_VERSION },
	{ "two bytes", 2, 0, 300, 0, 700, TLS1_3_VERSION },
	{ "three bytes, TLS 1.2", 3, 0, 300, 1, 700, TLS1_2_VERSION },
	{ "five bytes: headers of records alone", 5, 0, 3000, 0, 20000, TLS1_3_VERSION },
	{ "seven bytes", 7, 0, 3000, 0, 20000, TLS1_3_VERSION },
	{ "a hundred bytes", 100, 0, 30000, 0, 100000, TLS1_3_VERSION },
	{ "a record and a bit", 16500, 0, 100000, 0, 300000, TLS1_3_VERSION },
	{ "a megabyte", 0, 0, 1048576, 0, 1048576, TLS1_3_VERSION },
	{ "a megabyte through little buffers", 0, 4096, 1048576, 0, 1048576, TLS1_3_VERSION },
	{ "a megabyte through little buffers, TLS 1.2", 0, 4096, 1048576, 0, 1048576, TLS1_2_VERSION },
	{ "a megabyte in odd parts", 0, 20000, 1048576, 10007, 1048576, TLS1_3_VERSION },
};

static void bytes_come_as_they_were_sent(void **state)
{
	struct tls_world world;
	struct tls_server_context *server;

	(void)state;
	tls_world_open(&world);
	server = plain_server(&world);
	for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges; i++) {
		struct actor actors[2] = {
			{ .gives = exchanges[i].request,
			  .part = exchanges[i].part,
			  .wants = exchanges[i].response,
			  .is_first = true,
			  .is_ending = true },
			{ .gives = exchanges[i].response, .wants = exchanges[i].request, .is_ending = true },
		};

		tls_world_connect(&world, server, exchanges[i].narrow, exchanges[i].buffer);
		SSL_set_max_proto_version(world.ends[0].tls.ssl, exchanges[i].version);
		play(actors, &world);
		for (int a = 0; a < 2; a++)
			if (failed(actors[a].ended) || actors[a].is_wrong || actors[a].got != actors[a].wants)
				fail_msg("%s, %s: got %zu of %zu, %s", exchanges[i].name,
					 a ? "server" : "client", actors[a].got, actors[a].wants,
					 actors[a].ended.why);
		assert_string_equal(tls_stream_version(&world.ends[1].tls).ptr,
				    exchanges[i].version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
		assert_true(str_eq(tls_stream_server_name(&world.ends[1].tls), STR("localhost.test")));
		assert_int_equal(tls_stream_alpn(&world.ends[1].tls).len, 0);
		assert_false(tls_stream_is_resumed(&world.ends[1].tls));
	}
	tls_world_disconnect(&world);
	tls_server_context_free(&server);
	tls_world_close(&world);
}

/* Both send at the same time, and nobody reads before the buffers are full: the parked writer must not keep
 * the reader of the same stream from its work. */
static void writer_run(struct fiber *self, void *argument)
{
	struct actor *actor = argument;

	(void)self;
	actor->ended = give(actor);
}

static void reader_run(struct fiber *self, void *argument)
{
	struct actor *actor = argument;
	result_value read;

	actor->handshake = tls_stream_handshake(&actor->end->tls, actor->world->until);
	assert_false(failed(actor->handshake));
	world_start(&actor->world->world, writer_run, actor);
	read = fiber_sleep(self, world_in(&actor->world->world, MILLISECOND));
	assert_false(failed(read));
	read = want(actor);
	assert_false(failed(read));
}

static void both_directions_at_once(void **state)
{
	struct tls_world world;
	struct tls_server_context *server;
	struct actor actors[2];

	(void)state;
	tls_world_open(&world);
	server = plain_server(&world);
	tls_world_connect(&world, server, 0, 4096);
	for (int i = 0; i < 2; i++) {
		actors[i] = (struct actor) {
			.world = &world, .end = &world.ends[i], .gives = 1 << 20, .wants = 1 << 20
		};
		world_start(&world.world, reader_run, &actors[i]);
	}
	world_run(&world.world);
	for (int i = 0; i < 2; i++) {
		assert_false(failed(actors[i].ended));
		assert_int_equal(actors[i].got, 1 << 20);
		assert_false(actors[i].is_wrong);
	}
	tls_world_disconnect(&world);
	tls_server_context_free(&server);
	tls_world_close(&world);
}

/* ---- cancellation ---- */

static bool cancelled_at(struct tls_world *world, struct tls_server_context *server, uint64_t nth)
{
	struct actor actors[2] = {
		{ .gives = 20000, .wants = 200000, .is_first = true, .is_ending = true },
		{ .gives = 200000, .wants = 20000, .is_ending = true },
	};
	unsigned cancelled = 0;

	tls_world_connect(world, server, 1500, 4096);
	fibers_fail_park(world->world.fibers, nth);
	play(actors, world);
	for (int i = 0; i < 2; i++) {
		cancelled += actors[i].ended.kind == ERROR_CANCELLED;
		if (actors[i].ended.kind == ERROR_TIMEOUT || actors[i].is_wrong)
			fail_msg("park %u: %s", (unsigned)nth, actors[i].ended.why);
	}
	fibers_fail_park(world->world.fibers, 0);
	assert_true(cancelled <= 1);
	return cancelled;
}

static void everybody_unwinds_wherever_one_is_cancelled(void **state)
{
	struct tls_world world;
	struct tls_server_context *server;
	uint64_t nth = 1;

	(void)state;
	tls_world_open(&world);
	server = plain_server(&world);
	while (cancelled_at(&world, server, nth) && nth < NTH_MAX)
		nth++;
	assert_in_range(nth, 15, NTH_MAX - 1);
	tls_world_disconnect(&world);
	tls_server_context_free(&server);
	tls_world_close(&world);
}

/* ---- what is no handshake ---- */

static const struct {
	const char *name;
	const char *bytes;
	size_t size;
	bool is_closing;
	enum error_kind want;
	const char *words; /* part of them */
} greetings[] = {
	{ "nothing", "", 0, true, ERROR_CLOSED, "before" },
	{ "nothing for too long", "", 0, false, ERROR_TIMEOUT, "deadline" },
	{ "half a header of a record", "\x16\x03", 2, true, ERROR_RESET, "in the middle" },
	{ "half a header of a record for too long", "\x16\x03", 2, false, ERROR_TIMEOUT, "deadline" },
	{ "a record that never comes", "\x16\x03\x01\x02\x00", 5, false, ERROR_TIMEOUT, "deadline" },
	{ "plain HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, false, ERROR_MALFORMED, "plain HTTP" },
	{ "plain HTTP, another method", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", 28, false, ERROR_MALFORMED,
	  "plain HTTP" },
	{ "a proxy's client", "CONNECT a:443 HTTP/1.1\r\n\r\n", 26, false, ERROR_MALFORMED, "proxy" },
	{ "noise", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5", 11, false, ERROR_MALFORMED, "TLS" },
	{ "the preface of h2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24, false, ERROR_MALFORMED, "TLS" },
	{ "SSL 3.0", "\x16\x03\x00\x00\x04\x01\x00\x00\x00", 9, false, ERROR_MALFORMED, "" },
	{ "an empty ClientHello", "\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9, false, ERROR_MALFORMED, "" },
	{ "a record that is too long", "\x16\x03\x01\xff\xff\x01\x00\x00\x00", 9, false, ERROR_MALFORMED,
	  "" },
	{ "content before the handshake", "\x17\x03\x03\x00\x02hi", 7, false, ERROR_MALFORMED, "" },
	{ "an alert", "\x15\x03\x03\x00\x02\x02\x28", 7, false, ERROR_MALFORMED, "unexpected" },
	{ "a good-bye", "\x15\x03\x03\x00\x02\x01\x00", 7, true, ERROR_MALFORMED, "unexpected" },
};

static void handshakes(struct fiber *self, void *argument)
{
	struct actor *actor = argument;

	(void)self;
	actor->handshake = tls_stream_handshake(&actor->end->tls, actor->world->until);
	actor->is_done = true;
}

static void put(int fd, const char *bytes, size_t size)
{
	ASSERT(send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void greet(struct tls_world *world, struct tls_server_context *server, size_t i, bool is_dripped)
{
	struct actor actor = { .world = world, .end = &world->ends[1] };
	int peer;

	tls_world_connect(world, server, 0, 0);
	peer = world->ends[0].socket.source.fd;
	world->until =
		world_in(&world->world, greetings[i].want == ERROR_TIMEOUT ? 5 * MILLISECOND : 60 * SECOND);
	world_start(&world->world, handshakes, &actor);
	for (size_t at = 0; at < greetings[i].size;) {
		size_t size = is_dripped ? 1 : greetings[i].size;

		put(peer, greetings[i].bytes + at, size);
		at += size;
		world_turn(&world->world);
	}
	if (greetings[i].is_closing)
		shutdown(peer, SHUT_WR);
	world_run(&world->world);
	if (actor.handshake.kind != greetings[i].want || !strstr(actor.handshake.why, greetings[i].words))
		fail_msg("%s%s: %s (%s)", greetings[i].name, is_dripped ? ", dripped" : "",
			 error_name(actor.handshake.kind), actor.handshake.why);
}

static void what_is_no_handshake_is_told(void **state)
{
	struct tls_world world;
	struct tls_server_context *server;

	(void)state;
	tls_world_open(&world);
	server = plain_server(&world);
	for (size_t i = 0; i < sizeof greetings / sizeof *greetings; i++) {
		greet(&world, server, i, false);
		greet(&world, server, i, true);
	}
	tls_world_disconnect(&world);
	tls_server_context_free(&server);
	tls_world_close(&world);
}

/* ---- the end ---- */

/* A pair past its handshake, with nobody at work on it. */
struct settled {
	struct tls_world world;
	struct tls_server_context *server;
	struct tls_end *client, *serving;
};

static void settle(struct settled *settled, int buffer, int version)
{
	struct actor actors[2] = {
		{ .gives = 1, .wants = 1, .is_first = true },
		{ .gives = 1, .wants = 1 },
	};

	tls_world_open(&settled->world);
	settled->server = plain_server(&settled->world);
	tls_world_connect(&settled->world, settled->server, 0, buffer);
	settled->client = &settled->world.ends[0];
	settled->serving = &settled->world.ends[1];
	SSL_set_max_proto_version(settled->client->tls.ssl, version);
	play(actors, &settled->world);
	assert_false(failed(actors[0].ended) || failed(actors[1].ended));
}

static void settled_close(struct settled *settled)
{
	tls_world_disconnect(&settled->world);
	tls_server_context_free(&settled->server);
	tls_world_close(&settled->world);
}

/* From outside of any fiber. */
static result_value fill_now(struct settled *settled, struct tls_end *end)
{
	world_turn(&settled->world.world);
	return stream_fill(&end->tls.stream, &end->in, STREAM_AT_ONCE);
}

static result_value send_now(struct tls_end *end, str first, str second, size_t *ret_sent)
{
	struct iovec parts[] = {
		{ (void *)(uintptr_t)first.ptr, first.len },
		{ (void *)(uintptr_t)second.ptr, second.len },
	};

	return stream_send(&end->tls.stream, parts, second.len ? 2 : 1, STREAM_AT_ONCE, ret_sent);
}

static void a_connection_that_is_cut_off_was_not_ended(void **state)
{
	struct settled settled;
	result_value filled;

	(void)state;
	settle(&settled, 0, TLS1_3_VERSION);
	shutdown(settled.client->socket.source.fd, SHUT_WR);
	for (int i = 0; i < 2; i++) { /* and once more the same */
		filled = fill_now(&settled, settled.serving);
		assert_int_equal(filled.kind, ERROR_RESET);
		assert_non_null(strstr(filled.why, "cut"));
	}
	settled_close(&settled);
}

static void a_connection_is_ended_by_saying_so(void **state)
{
	struct settled settled;
	result_value done;
	size_t sent;

	(void)state;
	settle(&settled, 0, TLS1_3_VERSION);
	done = send_now(settled.client, STR("last "), STR("words"), &sent);
	assert_false(failed(done));
	assert_int_equal(sent, 10);
	done = stream_shut(&settled.client->tls.stream);
	assert_false(failed(done));
	done = fill_now(&settled, settled.serving);
	assert_false(failed(done));
	assert_true(str_eq(intake_data(&settled.serving->in), STR("last words")));
	for (int i = 0; i < 2; i++) {
		/* The end came with the last words, and the socket has nothing to say of it any more. */
		settled.serving->socket.source.ready &= ~(unsigned)(READY_READ | READY_HANGUP);
		assert_true(stream_is_readable(&settled.serving->tls.stream));
		done = fill_now(&settled, settled.serving);
		assert_int_equal(done.kind, ERROR_CLOSED);
	}
	/* Half of it is over: the other one goes on. */
	done = send_now(settled.serving, STR("answer"), (str) { 0 }, &sent);
	assert_false(failed(done));
	done = fill_now(&settled, settled.client);
	assert_false(failed(done));
	assert_true(str_eq(intake_data(&settled.client->in), STR("answer")));
	done = send_now(settled.client, STR("more"), (str) { 0 }, &sent);
	assert_true(failed(done));
	settled_close(&settled);
}

static void a_record_that_was_tampered_with_breaks_the_connection(void **state)
{
	static const char record[] = "\x17\x03\x03\x00\x20"
				     "0123456789abcdef0123456789abcdef";
	struct settled settled;
	result_value done;
	size_t sent;

	(void)state;
	settle(&settled, 0, TLS1_3_VERSION);
	put(settled.client->socket.source.fd, record, sizeof record - 1);
	for (int i = 0; i < 2; i++) {
		done = fill_now(&settled, settled.serving);
		assert_int_equal(done.kind, ERROR_RESET);
	}
	assert_int_equal(settled.serving->in.len, 0);
	done = send_now(settled.serving, STR("answer"), (str) { 0 }, &sent);
	assert_int_equal(done.kind, ERROR_RESET);
	assert_int_equal(sent, 0);
	done = stream_shut(&settled.serving->tls.stream);
	assert_int_equal(done.kind, ERROR_RESET);
	done = fill_now(&settled, settled.client); /* the alert says what it was */
	assert_int_equal(done.kind, ERROR_RESET);
	settled_close(&settled);
}

/* ---- without waiting ---- */

static void at_once_never_waits(void **state)
{
	struct settled settled;
	result_value done;

	(void)state;
	settle(&settled, 0, TLS1_3_VERSION);
	assert_false(stream_is_readable(&settled.serving->tls.stream));
	done = fill_now(&settled, settled.serving);
	assert_int_equal(done.kind, ERROR_TIMEOUT);
	put(settled.client->socket.source.fd, "\x17\x03\x03", 3);
	done = fill_now(&settled, settled.serving);
	assert_int_equal(done.kind, ERROR_TIMEOUT);
	/* Half a record is nothing that can be had. */
	assert_false(stream_is_readable(&settled.serving->tls.stream));
	settled_close(&settled);
}

/* More than one fill can take stays readable, though the socket has nothing left. */
static void what_the_stream_holds_is_readable(void **state)
{
	struct settled settled;
	result_value done;
	size_t sent, got = 0;
	char *much = calloc(1, 60000);

	(void)state;
	settle(&settled, 0, TLS1_3_VERSION);
	for (int i = 0; i < 2; i++) {
		done = send_now(settled.client, (str) { much, 60000 }, (str) { 0 }, &sent);
		assert_false(failed(done));
		assert_int_equal(sent, 60000);
	}
	done = fill_now(&settled, settled.serving);
	while (!failed(done)) {
		got += settled.serving->in.len;
		assert_true(got == 120000 || stream_is_readable(&settled.serving->tls.stream));
		intake_consume(&settled.serving->in, settled.serving->in.len);
		done = fill_now(&settled, settled.serving);
	}
	assert_int_equal(done.kind, ERROR_TIMEOUT);
	assert_int_equal(got, 120000);
	free(much);
	settled_close(&settled);
}

/* Sends until nothing goes, each time what is left of the same bytes; the other end reads. */
static void what_is_owed_is_not_sent_twice(void **state)
{
	struct settled settled;
	struct actor check = { .wants = 500000 };
	size_t at = 0, sent;
	char *bytes = malloc(500000);
	result_value done;

	(void)state;
	for (size_t i = 0; i < 500000; i++)
		bytes[i] = byte_at(i);
	settle(&settled, 4096, TLS1_3_VERSION);
	check.world = &settled.world;
	check.end = settled.client;
	while (at < 500000) {
		/* In two parts that lie elsewhere each time, and not always all of it. */
		size_t cut = at + (at % 3 ? 700 : 30000);
		str first = str_slice((str) { bytes, 500000 }, at, cut),
		    second = str_skip((str) { bytes, 500000 }, cut);

		done = send_now(settled.serving, first, at % 2 ? second : (str) { 0 }, &sent);
		assert_true(!failed(done) || done.kind == ERROR_TIMEOUT);
		assert_true(failed(done) ? sent == 0 : sent > 0);
		assert_true(sent <= first.len + (at % 2 ? second.len : 0));
		at += sent;
		done = fill_now(&settled, settled.client);
		if (!failed(done)) {
			str data = intake_data(&settled.client->in);

			for (size_t i = 0; i < data.len; i++)
				assert_int_equal(data.ptr[i], byte_at(check.got + i));
			check.got += data.len;
			intake_consume(&settled.client->in, data.len);
		}
		world_turn(&settled.world.world);
		assert_true(check.got >= at ||
			    settled.serving->tls.out.len < (TLS_RECORDS_AT_ONCE + 1) * TLS_RECORD_CONTENT);
	}
	while (check.got < 500000) {
		done = fill_now(&settled, settled.client);
		assert_false(failed(done));
		check.got += settled.client->in.len;
		intake_consume(&settled.client->in, settled.client->in.len);
	}
	assert_int_equal(settled.serving->tls.owed, 0);
	free(bytes);
	settled_close(&settled);
}

static void sends_too_much(struct fiber *self, void *argument)
{
	struct actor *actor = argument;

	(void)self;
	actor->ended = give(actor);
	actor->is_done = true;
}

/* Another answer cannot follow half of the first one. */
static void nothing_follows_a_send_that_was_given_up(void **state)
{
	struct settled settled;
	struct actor actor = { .gives = 1 << 20 };
	result_value done;
	size_t sent;

	(void)state;
	settle(&settled, 4096, TLS1_3_VERSION);
	settled.world.until = world_in(&settled.world.world, 5 * MILLISECOND);
	actor.world = &settled.world;
	actor.end = settled.serving;
	world_start(&settled.world.world, sends_too_much, &actor);
	world_run(&settled.world.world);
	assert_int_equal(actor.ended.kind, ERROR_TIMEOUT);
	done = send_now(settled.serving, STR("HTTP/1.1 504"), (str) { 0 }, &sent);
	assert_int_equal(done.kind, ERROR_RESET);
	assert_int_equal(sent, 0);
	done = stream_shut(&settled.serving->tls.stream);
	assert_int_equal(done.kind, ERROR_RESET);
	settled_close(&settled);
}

/* Head and body leave as one record by one call. */
static void little_parts_share_a_record(void **state)
{
	struct settled settled;
	struct iovec parts[8];
	char body[1000] = "body";
	size_t sent, before;
	result_value done;

	(void)state;
	settle(&settled, 0, TLS1_3_VERSION);
	before = settled.serving->narrow.sent;
	settled.serving->narrow.sends = 0;
	for (int i = 0; i < 8; i++)
		parts[i] = (struct iovec) { body, i == 3 ? 0 : sizeof body };
	done = stream_send(&settled.serving->tls.stream, parts, 8, STREAM_AT_ONCE, &sent);
	assert_false(failed(done));
	assert_int_equal(sent, 7000);
	assert_int_equal(settled.serving->narrow.sends, 1);
	assert_int_equal(settled.serving->narrow.sent - before, 7000 + 5 + 1 + 16);
	settled_close(&settled);
}

/* ---- records without content ---- */

static void keys_are_changed_on_request(void **state)
{
	struct settled settled;
	result_value done;
	size_t sent;

	(void)state;
	settle(&settled, 0, TLS1_3_VERSION);
	for (int i = 0; i < 100; i++) {
		assert_true(SSL_key_update(settled.client->tls.ssl, SSL_KEY_UPDATE_REQUESTED));
		done = send_now(settled.client, STR("new keys"), (str) { 0 }, &sent);
		assert_false(failed(done));
		done = fill_now(&settled, settled.serving);
		assert_false(failed(done));
		assert_true(str_eq(intake_data(&settled.serving->in), STR("new keys")));
		intake_consume(&settled.serving->in, settled.serving->in.len);
		done = fill_now(&settled, settled.client); /* the answer has no content */
		assert_int_equal(done.kind, ERROR_TIMEOUT);
		done = send_now(settled.serving, STR("as you like"), (str) { 0 }, &sent);
		assert_false(failed(done));
		done = fill_now(&settled, settled.client);
		assert_false(failed(done));
		intake_consume(&settled.client->in, settled.client->in.len);
	}
	settled_close(&settled);
}

/* Key updates alone, one after the other. */
static void update_keys(struct settled *settled)
{
	SSL *ssl = settled->client->tls.ssl;
	struct tls_scratch *scratch = &settled->world.scratch;
	result_value sent;

	scratch->current = &settled->client->tls;
	ASSERT(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED));
	ASSERT(SSL_do_handshake(ssl) == 1);
	while (settled->client->tls.out.len) {
		str out = intake_data(&settled->client->tls.out);
		struct iovec part = { (void *)(uintptr_t)out.ptr, out.len };
		size_t count;

		sent = stream_send(&settled->client->socket.stream, &part, 1, STREAM_AT_ONCE, &count);
		if (failed(sent))
			return;
		intake_consume(&settled->client->tls.out, count);
	}
}

static void a_flood_of_key_updates_ends(void **state)
{
	struct settled settled;
	result_value done = OK;
	unsigned updates = 0;

	(void)state;
	settle(&settled, 0, TLS1_3_VERSION);
	while (updates++ < 100 && done.kind != ERROR_RESET) {
		update_keys(&settled);
		done = fill_now(&settled, settled.serving);
	}
	assert_int_equal(done.kind, ERROR_RESET);
	assert_in_range(updates, 10, 40); /* some take two calls */
	assert_non_null(strstr(done.why, "without content"));
	settled_close(&settled);
}

static void renegotiation_is_refused(void **state)
{
	struct settled settled;
	result_value done;
	size_t sent;

	(void)state;
	settle(&settled, 0, TLS1_2_VERSION);
	SSL_clear_options(settled.client->tls.ssl, SSL_OP_NO_RENEGOTIATION);
	assert_true(SSL_renegotiate(settled.client->tls.ssl));
	done = fill_now(&settled, settled.client); /* nothing to read: no record, no call into OpenSSL */
	assert_int_equal(done.kind, ERROR_TIMEOUT);
	settled.world.scratch.current = &settled.client->tls;
	SSL_do_handshake(settled.client->tls.ssl);
	assert_true(settled.client->tls.out.len > 0);
	sent = settled.client->tls.out.len;
	put(settled.client->socket.source.fd, intake_data(&settled.client->tls.out).ptr, sent);
	intake_consume(&settled.client->tls.out, sent);
	done = fill_now(&settled, settled.serving); /* refused by a warning, and goes on */
	assert_int_equal(done.kind, ERROR_TIMEOUT);
	assert_false(SSL_in_init(settled.serving->tls.ssl));
	done = send_now(settled.serving, STR("still here"), (str) { 0 }, &sent);
	assert_false(failed(done));
	settled_close(&settled);
}

/* ---- costs ---- */

static void an_idle_connection_holds_no_buffer(void **state)
{
	struct settled settled;

	(void)state;
	settle(&settled, 0, TLS1_3_VERSION);
	for (int i = 0; i < 2; i++) {
		assert_true(SSL_get_mode(settled.world.ends[i].tls.ssl) & SSL_MODE_RELEASE_BUFFERS);
		assert_null(settled.world.ends[i].tls.in.block);
		assert_null(settled.world.ends[i].tls.out.block);
		assert_int_equal(settled.world.ends[i].tls.in.len + settled.world.ends[i].tls.out.len, 0);
	}
	assert_int_equal(settled.world.world.pool.in_use, 0);
	assert_int_equal(settled.world.scratch.overflow.in_use, 0);
	settled_close(&settled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_as_they_were_sent),
		cmocka_unit_test(both_directions_at_once),
		cmocka_unit_test(everybody_unwinds_wherever_one_is_cancelled),
		cmocka_unit_test(what_is_no_handshake_is_told),
		cmocka_unit_test(a_connection_that_is_cut_off_was_not_ended),
		cmocka_unit_test(a_connection_is_ended_by_saying_so),
		cmocka_unit_test(a_record_that_was_tampered_with_breaks_the_connection),
		cmocka_unit_test(at_once_never_waits),
		cmocka_unit_test(what_the_stream_holds_is_readable),
		cmocka_unit_test(what_is_owed_is_not_sent_twice),
		cmocka_unit_test(nothing_follows_a_send_that_was_given_up),
		cmocka_unit_test(little_parts_share_a_record),
		cmocka_unit_test(keys_are_changed_on_request),
		cmocka_unit_test(a_flood_of_key_updates_ends),
		cmocka_unit_test(renegotiation_is_refused),
		cmocka_unit_test(an_idle_connection_holds_no_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
