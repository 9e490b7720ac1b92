/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's handshake with whatever comes, in pieces of a size that the first byte chooses: it ends in an
 * error of a kind that is documented, asks for more, or, once in a blue moon, succeeds. Nothing is left
 * behind.
 */
#include "base/assert.h"
#include "fiber/testing.h"
#include "tls/self_signed.h"
#include "tls/server_context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Made once: a context costs more than a handshake. */
struct bench {
	struct world world;
	struct arena arena;
	struct tls_scratch scratch;
	struct ticket_keys *tickets;
	struct tls_server_context *server;
};

/* The peer: it has said all this, and then closes. */
struct peer {
	struct stream stream;
	str said;
	size_t piece;
};

static result peer_fill(struct stream *stream, struct intake *in, deadline until)
{
	struct peer *peer = (struct peer *)(void *)stream;
	size_t room, count = peer->piece < peer->said.len ? peer->piece : peer->said.len;
	char *at;

	(void)until;
	if (!count)
		return error_make(ERROR_CLOSED, "that was all");
	TRY(intake_room(in, &at, &room));
	ASSERT(count <= room);
	memcpy(at, peer->said.ptr, count);
	intake_add(in, count);
	peer->said = str_skip(peer->said, count);
	return OK;
}

static result peer_send(struct stream *stream, const struct iovec *parts, size_t count, deadline until,
			size_t *ret_sent)
{
	(void)stream, (void)count, (void)until;
	*ret_sent = parts[0].iov_len;
	return OK;
}

static bool peer_is_readable(const struct stream *stream)
{
	(void)stream;
	return true;
}

static result peer_shut(struct stream *stream)
{
	(void)stream;
	return OK;
}

static void peer_close(struct stream *stream)
{
	(void)stream;
}

static const struct stream_ops peer_ops = {
	.name = "peer",
	.fill = peer_fill,
	.send = peer_send,
	.is_readable = peer_is_readable,
	.shut = peer_shut,
	.close = peer_close,
};

static void bench_open(struct bench *bench)
{
	static const str protocols[] = { STR_INIT("h2"), STR_INIT("http/1.1") };
	struct tls_entry entry = { .client_certificate = TLS_DEMAND_OPTIONAL, .minimum = TLS1_2_VERSION };
	struct tls_server_options options = { STR("fuzz"), &entry, 1, { protocols, 2 } };
	size_t blamed;
	result_value made;

	world_open(&bench->world);
	arena_init(&bench->arena, NULL, 1 << 20);
	made = tls_scratch_init(&bench->scratch, &bench->world.pool);
	ASSERT(!failed(made));
	made = self_signed_make(&bench->arena, &entry.certificate, &entry.key);
	ASSERT(!failed(made));
	entry.client_ca = entry.certificate;
	options.tickets = bench->tickets = ticket_keys_new();
	options.library = bench->scratch.library;
	made = tls_server_context_new(&options, &bench->server, &blamed);
	ASSERT(!failed(made));
}

static void shake(struct bench *bench, struct peer *peer)
{
	struct tls_stream tls;
	struct intake in;
	tls_policy policy;
	result_value done = tls_server_context_accept(bench->server, &tls, &peer->stream, &bench->scratch);

	ASSERT(!failed(done));
	done = tls_server_context_handshake(bench->server, &tls, DEADLINE_NEVER, &policy);
	ASSERT(!failed(done) || done.kind == ERROR_CLOSED || done.kind == ERROR_RESET ||
	       done.kind == ERROR_MALFORMED || done.kind == ERROR_REFUSED);
	intake_init(&in, &bench->world.scratch);
	if (!failed(done))
		done = stream_fill(&tls.stream, &in, DEADLINE_NEVER);
	intake_fini(&in);
	stream_close(&tls.stream);
	ASSERT(!bench->scratch.overflow.in_use && !bench->world.pool.in_use);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bench bench; /* of the fuzzer's process, never closed */
	struct peer peer = { .stream.ops = &peer_ops };

	if (size < 1 || size > 40000)
		return 0;
	if (!bench.server)
		bench_open(&bench);
	peer.stream.fibers = bench.world.fibers;
	peer.piece = data[0] ? data[0] * (size_t)data[0] : 40000;
	peer.said = (str) { (const char *)data + 1, size - 1 };
	shake(&bench, &peer);
	return 0;
}
