/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_testing.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "base/random.h"

enum { DAY_SECONDS = 24 * 60 * 60, ARENA_MAX = 64 * 1024 * 1024 };

/* ---- certificates ---- */

static EVP_PKEY *key_new(const struct tls_issue *what)
{
	const char *type = what->key ? what->key : "P-256";

	if (str_eq(str_of(type), STR("RSA")))
		return EVP_RSA_gen(what->bits ? what->bits : 2048);
	if (str_eq(str_of(type), STR("ED25519")))
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return EVP_EC_gen(type);
}

static BIO *text_of(str pem)
{
	return BIO_new_mem_buf(pem.ptr, (int)pem.len);
}

static str text_take(BIO *text, struct arena *arena)
{
	char *bytes;
	long len = BIO_get_mem_data(text, &bytes);
	str copy = arena_str(arena, (str) { bytes, (size_t)len });

	BIO_free(text);
	return copy;
}

static X509 *certificate_read(str pem)
{
	BIO *text = text_of(pem);
	X509 *certificate = PEM_read_bio_X509(text, NULL, NULL, NULL);

	BIO_free(text);
	ASSERT(certificate);
	return certificate;
}

static EVP_PKEY *key_read(str pem)
{
	BIO *text = text_of(pem);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(text, NULL, NULL, NULL);

	BIO_free(text);
	ASSERT(key);
	return key;
}

static void extend(X509 *certificate, int id, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, id, value);

	ASSERT(extension && X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static void describe(X509 *certificate, const struct tls_issue *what)
{
	bool is_dated = what->from_days || what->to_days;

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), random_u64() >> 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate),
			(is_dated ? what->from_days : -1) * (long)DAY_SECONDS);
	X509_gmtime_adj(X509_getm_notAfter(certificate), (is_dated ? what->to_days : 1) * (long)DAY_SECONDS);
	if (what->subject)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
					   (const unsigned char *)what->subject, -1, -1, 0);
	extend(certificate, NID_basic_constraints,
	       what->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (!what->is_authority)
		extend(certificate, NID_ext_key_usage, what->is_client ? "clientAuth" : "serverAuth");
	if (what->names)
		extend(certificate, NID_subject_alt_name, what->names);
}

static void sign(X509 *certificate, EVP_PKEY *own, const struct tls_pair *by)
{
	X509 *authority = by ? certificate_read(by->certificate) : NULL;
	EVP_PKEY *key = by ? key_read(by->key) : own;
	bool is_edwards = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;

	X509_set_pubkey(certificate, own);
	X509_set_issuer_name(certificate, X509_get_subject_name(authority ? authority : certificate));
	ASSERT(X509_sign(certificate, key, is_edwards ? NULL : EVP_sha256()));
	X509_free(authority);
	if (by)
		EVP_PKEY_free(key);
}

struct tls_pair tls_issue(struct arena *arena, const struct tls_pair *by, struct tls_issue what)
{
	EVP_PKEY *key = key_new(&what);
	X509 *certificate = X509_new();
	BIO *certificate_text = BIO_new(BIO_s_mem()), *key_text = BIO_new(BIO_s_mem());
	struct tls_pair pair;

	ASSERT(key && certificate && certificate_text && key_text);
	describe(certificate, &what);
	sign(certificate, key, by);
	ASSERT(PEM_write_bio_X509(certificate_text, certificate));
	ASSERT(PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL));
	pair.certificate = text_take(certificate_text, arena);
	pair.key = text_take(key_text, arena);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return pair;
}

/* ---- the narrow stream ---- */

static struct narrow *narrow_of(const struct stream *stream)
{
	return (struct narrow *)(uintptr_t)stream;
}

static result narrow_fill(struct stream *stream, struct intake *in, deadline until)
{
	struct narrow *narrow = narrow_of(stream);
	size_t room, count;
	char *at;

	while (!narrow->in.len)
		TRY(stream_fill(narrow->below, &narrow->in, until));
	TRY(intake_room(in, &at, &room));
	count = narrow->in.len < room ? narrow->in.len : room;
	count = narrow->size && narrow->size < count ? narrow->size : count;
	memcpy(at, intake_data(&narrow->in).ptr, count);
	intake_add(in, count);
	intake_consume(&narrow->in, count);
	narrow->received += count;
	return OK;
}

static result narrow_send(struct stream *stream, const struct iovec *parts, size_t count, deadline until,
			  size_t *ret_sent)
{
	struct narrow *narrow = narrow_of(stream);
	struct iovec little = parts[0];
	result_value sent;

	narrow->sends++;
	if (!narrow->size) {
		sent = stream_send(narrow->below, parts, count, until, ret_sent);
	} else {
		little.iov_len = little.iov_len < narrow->size ? little.iov_len : narrow->size;
		sent = stream_send(narrow->below, &little, 1, until, ret_sent);
	}
	narrow->sent += *ret_sent;
	return sent;
}

static bool narrow_is_readable(const struct stream *stream)
{
	const struct narrow *narrow = narrow_of(stream);

	return narrow->in.len || stream_is_readable(narrow->below);
}

static result narrow_shut(struct stream *stream)
{
	return stream_shut(narrow_of(stream)->below);
}

static void narrow_close(struct stream *stream)
{
	intake_fini(&narrow_of(stream)->in);
	stream_close(narrow_of(stream)->below);
}

static const struct stream_ops narrow_ops = {
	.name = "narrow",
	.fill = narrow_fill,
	.send = narrow_send,
	.is_readable = narrow_is_readable,
	.shut = narrow_shut,
	.close = narrow_close,
};

void narrow_init(struct narrow *narrow, struct stream *below, struct scratch *scratch, size_t size)
{
	*narrow = (struct narrow) { .stream = { &narrow_ops, below->fibers }, .below = below, .size = size };
	intake_init(&narrow->in, scratch);
}

/* ---- the world ---- */

static SSL_CTX *client_context(struct tls_world *world)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	X509 *authority = certificate_read(world->authority.certificate);

	ASSERT(context && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority));
	X509_free(authority);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	return context;
}

void tls_world_open(struct tls_world *world)
{
	result_value opened;

	*world = (struct tls_world) { .client = NULL };
	world_open(&world->world);
	arena_init(&world->arena, NULL, ARENA_MAX);
	opened = tls_scratch_init(&world->scratch, &world->world.pool);
	ASSERT(!failed(opened));
	world->authority =
		tls_issue(&world->arena, NULL, (struct tls_issue) { "Test CA", .is_authority = true });
	world->client = client_context(world);
	world->until = world_in(&world->world, 60 * SECOND);
}

void tls_world_close(struct tls_world *world)
{
	tls_world_disconnect(world);
	SSL_CTX_free(world->client);
	ASSERT(!world->scratch.overflow.in_use && !world->world.pool.in_use);
	tls_scratch_fini(&world->scratch);
	arena_fini(&world->arena);
	world_close(&world->world);
}

struct tls_server_context *tls_world_server(struct tls_world *world, const struct tls_server_options *options)
{
	struct tls_entry *entries = ARENA_ARRAY(&world->arena, struct tls_entry, options->count);
	struct tls_server_options all = *options;
	struct tls_server_context *server = NULL;
	result_value made;
	size_t entry;

	for (size_t i = 0; i < options->count; i++) {
		entries[i] = options->entries[i];
		entries[i].minimum = entries[i].minimum ? entries[i].minimum : TLS1_2_VERSION;
	}
	all.entries = entries;
	all.library = world->scratch.library;
	made = tls_server_context_new(&all, &server, &entry);
	ASSERT(!failed(made));
	return server;
}

/* From the socket up to where TLS will be. */
static void end_open(struct tls_end *end, struct tls_world *world, int fd, size_t narrow)
{
	result_value opened = socket_open(&end->socket, world->world.fibers, fd);

	ASSERT(!failed(opened));
	narrow_init(&end->narrow, &end->socket.stream, &world->world.scratch, narrow);
	intake_init(&end->in, &world->world.scratch);
}

void tls_world_connect(struct tls_world *world, struct tls_server_context *server, size_t narrow, int buffer)
{
	struct tls_end *client = &world->ends[0], *serving = &world->ends[1];
	result_value made;
	int pair[2];

	tls_world_disconnect(world);
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	for (int i = 0; i < 2; i++) {
		if (buffer)
			setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
		end_open(&world->ends[i], world, pair[i], narrow);
	}
	made = tls_stream_init(&client->tls, &client->narrow.stream, &world->scratch, world->client,
			       TLS_CLIENT);
	ASSERT(!failed(made));
	SSL_set_tlsext_host_name(client->tls.ssl, "localhost.test");
	SSL_set1_host(client->tls.ssl, "localhost.test");
	made = tls_server_context_accept(server, &serving->tls, &serving->narrow.stream, &world->scratch);
	ASSERT(!failed(made));
}

void tls_world_disconnect(struct tls_world *world)
{
	for (int i = 0; i < 2; i++) {
		struct tls_end *end = &world->ends[i];

		if (!end->tls.ssl)
			continue;
		intake_fini(&end->in);
		stream_close(&end->tls.stream);
	}
	world_turn(&world->world);
}
