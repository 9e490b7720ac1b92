/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to services, from the side of the gateway: who is believed, what is said of the others, and
 * between whom a session never goes. The services are our own server's side.
 */
#include "base/testing.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/client_context.h"
#include "tls/tls_testing.h"

enum { CLIENT, SERVICE };

/* A service at one end and the gateway at the other. */
struct scene {
	struct tls_world tls;
	struct tls_client_identities *identities;
	struct tls_clients *clients;
	struct ticket_keys *tickets;
	struct tls_server_context *server;
	struct tls_client_peer peer;
	bool is_mute; /* the service does not say a word */
	str plain;    /* or these bytes instead of TLS, and leaves */
	result_value shaken, read, served;
};

static void scene_open(struct scene *scene)
{
	*scene = (struct scene) { .is_mute = false };
	tls_world_open(&scene->tls);
	scene->identities = tls_client_identities_new();
	scene->clients = tls_clients_new();
	scene->tickets = ticket_keys_new();
}

static void scene_disconnect(struct scene *scene)
{
	tls_world_disconnect(&scene->tls);
	tls_client_identity_unref(&scene->peer.identity);
}

static void scene_close(struct scene *scene)
{
	scene_disconnect(scene);
	tls_clients_free(&scene->clients);
	tls_clients_free(&scene->clients);
	assert_int_equal(tls_client_identities_count(scene->identities), 0);
	tls_client_identities_free(&scene->identities);
	tls_server_context_free(&scene->server);
	ticket_keys_free(&scene->tickets);
	tls_world_close(&scene->tls);
}

/* The service shows this certificate from now on, signed by `by`, or else by itself. */
static struct tls_pair serve_pair(struct scene *scene, struct tls_pair pair, const struct tls_entry *more)
{
	struct tls_entry *entry = ARENA_NEW(&scene->tls.arena, struct tls_entry);
	str *protocols = ARENA_ARRAY(&scene->tls.arena, str, 1);

	*entry = more ? *more : (struct tls_entry) { .minimum = 0 };
	entry->certificate = pair.certificate;
	entry->key = pair.key;
	protocols[0] = STR("http/1.1");
	tls_server_context_free(&scene->server);
	scene->server =
		tls_world_server(&scene->tls, &(struct tls_server_options) { .listener = STR("service"),
									     .entries = entry,
									     .count = 1,
									     .protocols = { protocols, 1 },
									     .tickets = scene->tickets });
	return pair;
}

static struct tls_pair serve(struct scene *scene, const struct tls_pair *by, struct tls_issue issue)
{
	return serve_pair(scene, tls_issue(&scene->tls.arena, by, issue), NULL);
}

static struct tls_client_options usual(const struct scene *scene)
{
	return (struct tls_client_options) { .ca = scene->tls.authority.certificate,
					     .protocols = STR("\x08http/1.1"),
					     .is_verified = true };
}

/* All up to the handshake. */
static result connect_as(struct scene *scene, const struct tls_client_options *options, str host, str name)
{
	struct tls_end *client = &scene->tls.ends[CLIENT];
	enum tls_client_part wrong;
	result_value got;

	scene_disconnect(scene);
	got = tls_client_identities_get(scene->identities, options, &wrong, &scene->peer.identity);
	assert_int_equal(got.kind, ERROR_NONE);
	scene->peer.identity->listings = 1;
	scene->peer.host = host;
	scene->peer.name = name;
	scene->peer.has_refused = false;
	tls_world_connect(&scene->tls, scene->server, 0, 0);
	tls_stream_fini(&client->tls);
	return tls_clients_open(scene->clients, &scene->peer, &client->narrow.stream, &scene->tls.scratch,
				&client->tls);
}

static void client_run(struct fiber *self, void *argument)
{
	struct scene *scene = argument;
	struct tls_end *end = &scene->tls.ends[CLIENT];

	(void)self;
	scene->shaken = tls_clients_handshake(&end->tls, scene->tls.until);
	if (!failed(scene->shaken))
		scene->read = stream_fill(&end->tls.stream, &end->in, scene->tls.until);
	if (failed(scene->shaken) || failed(scene->read)) /* the other one is not to wait */
		shutdown(end->socket.source.fd, SHUT_RDWR);
}

static void service_run(struct fiber *self, void *argument)
{
	struct scene *scene = argument;
	struct tls_end *end = &scene->tls.ends[SERVICE];

	(void)self;
	scene->served = OK;
	if (scene->is_mute)
		return;
	if (scene->plain.ptr) {
		scene->served = stream_send_all(&end->socket.stream, scene->plain, scene->tls.until);
		shutdown(end->socket.source.fd, SHUT_WR);
		return;
	}
	scene->served = tls_stream_handshake(&end->tls, scene->tls.until);
	if (!failed(scene->served))
		scene->served = stream_send_all(&end->tls.stream, STR("hello"), scene->tls.until);
}

static result shake(struct scene *scene)
{
	scene->shaken = scene->read = error_make(ERROR_INVALID, "it did not get there");
	world_start(&scene->tls.world, service_run, scene);
	world_start(&scene->tls.world, client_run, scene);
	world_run(&scene->tls.world);
	return scene->shaken;
}

/* From the socket to the first byte of content. */
static result ask_as(struct scene *scene, const struct tls_client_options *options, const char *host,
		     const char *name)
{
	TRY(connect_as(scene, options, str_of(host), str_of(name)));
	return shake(scene);
}

static result ask(struct scene *scene, const struct tls_client_options *options, const char *host)
{
	return ask_as(scene, options, host, "service:1");
}

static bool is_resumed(const struct scene *scene)
{
	return tls_stream_is_resumed(&scene->tls.ends[CLIENT].tls);
}

/* ---- who is believed ---- */

enum signer { KNOWN, UNKNOWN, ITSELF };

static const struct {
	const char *label, *names, *host, *server_name;
	enum signer by;
	struct tls_issue issue;
	enum error_kind kind;
	const char *words;
} services[] = {
	{ "good", "DNS:a.test", "a.test", "", KNOWN, { 0 }, ERROR_NONE, "" },
	{ "one of several names", "DNS:b.test,DNS:a.test", "a.test", "", KNOWN, { 0 }, ERROR_NONE, "" },
	{ "in other letters", "DNS:A.test", "a.TEST", "", KNOWN, { 0 }, ERROR_NONE, "" },
	{ "a full name", "DNS:a.test", "a.test.", "", KNOWN, { 0 }, ERROR_NONE, "" },
	{ "a wildcard", "DNS:*.a.test", "x.a.test", "", KNOWN, { 0 }, ERROR_NONE, "" },
	{ "server_name", "DNS:a.test", "b.test", "a.test", KNOWN, { 0 }, ERROR_NONE, "" },
	{ "server_name for an address", "DNS:a.test", "127.0.0.1", "a.test", KNOWN, { 0 }, ERROR_NONE, "" },
	{ "an address", "IP:127.0.0.1", "127.0.0.1", "", KNOWN, { 0 }, ERROR_NONE, "" },
	{ "an IPv6 address", "IP:::1", "0:0::1", "", KNOWN, { 0 }, ERROR_NONE, "" },
	{ "an address as server_name", "IP:10.0.0.1", "a.test", "10.0.0.1", KNOWN, { 0 }, ERROR_NONE, "" },
	{ "RSA", "DNS:a.test", "a.test", "", KNOWN, { .key = "RSA" }, ERROR_NONE, "" },

	{ "another name", "DNS:b.test", "a.test", "", KNOWN, { 0 }, ERROR_UNTRUSTED, "another name" },
	{ "a name within it", "DNS:xa.test", "a.test", "", KNOWN, { 0 }, ERROR_UNTRUSTED, "another name" },
	{ "a part of a name",
	  "DNS:a.test",
	  "a.test.evil.test",
	  "",
	  KNOWN,
	  { 0 },
	  ERROR_UNTRUSTED,
	  "another" },
	{ "two labels for a star", "DNS:*.test", "x.a.test", "", KNOWN, { 0 }, ERROR_UNTRUSTED, "another" },
	{ "no label for a star", "DNS:*.a.test", "a.test", "", KNOWN, { 0 }, ERROR_UNTRUSTED, "another" },
	{ "a star within a label",
	  "DNS:x*.a.test",
	  "xy.a.test",
	  "",
	  KNOWN,
	  { 0 },
	  ERROR_UNTRUSTED,
	  "another" },
	{ "the host, with a server_name",
	  "DNS:a.test",
	  "a.test",
	  "b.test",
	  KNOWN,
	  { 0 },
	  ERROR_UNTRUSTED,
	  "another name" },
	{ "a common name alone", NULL, "a.test", "", KNOWN, { "a.test" }, ERROR_UNTRUSTED, "another name" },
	{ "another address",
	  "IP:127.0.0.2",
	  "127.0.0.1",
	  "",
	  KNOWN,
	  { 0 },
	  ERROR_UNTRUSTED,
	  "another address" },
	{ "an address as a name",
	  "DNS:127.0.0.1",
	  "127.0.0.1",
	  "",
	  KNOWN,
	  { 0 },
	  ERROR_UNTRUSTED,
	  "address" },
	{ "a name for an address", "DNS:a.test", "127.0.0.1", "", KNOWN, { 0 }, ERROR_UNTRUSTED, "address" },
	{ "expired",
	  "DNS:a.test",
	  "a.test",
	  "",
	  KNOWN,
	  { .from_days = -9, .to_days = -1 },
	  ERROR_UNTRUSTED,
	  "expired" },
	{ "of tomorrow",
	  "DNS:a.test",
	  "a.test",
	  "",
	  KNOWN,
	  { .from_days = 1, .to_days = 9 },
	  ERROR_UNTRUSTED,
	  "not valid yet" },
	{ "of an unknown authority",
	  "DNS:a.test",
	  "a.test",
	  "",
	  UNKNOWN,
	  { 0 },
	  ERROR_UNTRUSTED,
	  "not known" },
	{ "signed by itself", "DNS:a.test", "a.test", "", ITSELF, { 0 }, ERROR_UNTRUSTED, "by itself" },
	{ "of a client",
	  "DNS:a.test",
	  "a.test",
	  "",
	  KNOWN,
	  { .is_client = true },
	  ERROR_UNTRUSTED,
	  "purpose" },
};

static const struct tls_pair *signer_of(const struct scene *scene, enum signer by,
					const struct tls_pair *unknown)
{
	return by == ITSELF ? NULL : by == KNOWN ? &scene->tls.authority : unknown;
}

static void who_is_believed(void **state)
{
	struct scene scene;
	struct tls_pair unknown;

	(void)state;
	scene_open(&scene);
	unknown = tls_issue(&scene.tls.arena, NULL, (struct tls_issue) { "Unknown", .is_authority = true });
	for (size_t i = 0; i < COUNT_OF(services); i++) {
		struct tls_client_options options = usual(&scene);
		struct tls_issue issue = services[i].issue;
		result_value shaken;

		issue.names = services[i].names;
		options.server_name = str_of(services[i].server_name);
		serve(&scene, signer_of(&scene, services[i].by, &unknown), issue);
		shaken = ask_as(&scene, &options, services[i].host, services[i].label);
		assert_row(shaken.kind == services[i].kind, i, services[i].label);
		if (failed(shaken))
			assert_row(str_contains(str_of(shaken.why), str_of(services[i].words)), i,
				   shaken.why);
		else
			assert_row(!failed(scene.read), i, services[i].label);
		assert_false(scene.peer.has_refused);

		options.is_verified = false;
		shaken = ask_as(&scene, &options, services[i].host, services[i].label);
		assert_row(!failed(shaken) && !failed(scene.read), i, services[i].label);
	}
	scene_close(&scene);
}

static void the_certificate_itself_may_be_what_is_believed(void **state)
{
	struct scene scene;
	struct tls_client_options options;
	struct tls_pair pair;

	(void)state;
	scene_open(&scene);
	options = usual(&scene);
	for (int i = 0; i < 2; i++) { /* signed by itself, and by somebody who is not believed */
		pair = serve(&scene, i ? &scene.tls.authority : NULL,
			     (struct tls_issue) { "a", "DNS:a.test" });
		options.ca = pair.certificate;
		assert_int_equal(ask(&scene, &options, "a.test").kind, ERROR_NONE);
		assert_int_equal(ask(&scene, &options, "b.test").kind, ERROR_UNTRUSTED);
	}
	scene_close(&scene);
}

static void the_system_is_believed_unless_something_else_is_said(void **state)
{
	struct scene scene;
	struct tls_client_options options = { .is_verified = true };
	char path[] = "/tmp/client_context.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	scene_open(&scene);
	assert_true(write(fd, scene.tls.authority.certificate.ptr, scene.tls.authority.certificate.len) > 0);
	close(fd);
	serve(&scene, &scene.tls.authority, (struct tls_issue) { "a", "DNS:a.test" });
	setenv("SSL_CERT_DIR", "/nowhere", 1);
	setenv("SSL_CERT_FILE", "/nowhere", 1);
	assert_int_equal(ask(&scene, &options, "a.test").kind, ERROR_UNTRUSTED);
	setenv("SSL_CERT_FILE", path, 1);
	assert_int_equal(ask(&scene, &options, "a.test").kind, ERROR_NONE);
	unsetenv("SSL_CERT_FILE");
	unsetenv("SSL_CERT_DIR");
	unlink(path);
	scene_close(&scene);
}

static void without_a_name_nobody_can_be_verified(void **state)
{
	static const char *const names[] = { "", "." };
	struct scene scene;
	struct tls_client_options options;
	char longest[300];

	(void)state;
	scene_open(&scene);
	serve(&scene, NULL, (struct tls_issue) { "a", "DNS:a.test" });
	options = usual(&scene);
	memset(longest, 'a', sizeof longest);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_int_equal(connect_as(&scene, &options, str_of(names[i]), STR("p")).kind,
				 ERROR_INVALID);
	assert_int_equal(connect_as(&scene, &options, (str) { longest, sizeof longest }, STR("p")).kind,
			 ERROR_INVALID);
	options.is_verified = false;
	assert_int_equal(ask(&scene, &options, "").kind, ERROR_NONE);
	scene_close(&scene);
}

static void the_name_is_asked_for(void **state)
{
	static const struct {
		const char *host, *server_name, *asked;
	} rows[] = {
		{ "a.test", "", "a.test" },
		{ "a.test.", "", "a.test" },
		{ "b.test", "a.test", "a.test" },
		{ "127.0.0.1", "", "" },
		{ "::1", "", "" },
		{ "a.test", "10.0.0.1", "" },
		{ "127.0.0.1", "a.test", "a.test" },
	};
	struct scene scene;

	(void)state;
	scene_open(&scene);
	serve(&scene, NULL, (struct tls_issue) { "a", "DNS:a.test" });
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tls_client_options options = { .server_name = str_of(rows[i].server_name),
						      .protocols = STR("\x02h2\x08http/1.1") };

		assert_int_equal(ask(&scene, &options, rows[i].host).kind, ERROR_NONE);
		assert_text(tls_stream_server_name(&scene.tls.ends[SERVICE].tls), rows[i].asked);
		assert_text(tls_stream_alpn(&scene.tls.ends[CLIENT].tls), "http/1.1");
		options.protocols = (str) { 0 };
		assert_int_equal(ask(&scene, &options, rows[i].host).kind, ERROR_NONE);
		assert_text(tls_stream_alpn(&scene.tls.ends[CLIENT].tls), "");
	}
	scene_close(&scene);
}

/* ---- who we are ---- */

/* The service demands a certificate of its authority. */
static void demand(struct scene *scene, int minimum)
{
	struct tls_entry entry = { .client_ca = scene->tls.authority.certificate,
				   .client_certificate = TLS_DEMAND_REQUIRED,
				   .minimum = minimum };

	serve_pair(
		scene,
		tls_issue(&scene->tls.arena, &scene->tls.authority, (struct tls_issue) { "a", "DNS:a.test" }),
		&entry);
}

static void our_certificate_is_shown_to_who_asks(void **state)
{
	struct scene scene;
	struct tls_client_options options;
	struct tls_pair own;

	(void)state;
	scene_open(&scene);
	demand(&scene, TLS1_2_VERSION);
	own = tls_issue(&scene.tls.arena, &scene.tls.authority,
			(struct tls_issue) { "gw", .is_client = true });
	options = usual(&scene);
	options.certificate = own.certificate;
	options.key = own.key;
	assert_int_equal(ask(&scene, &options, "a.test").kind, ERROR_NONE);
	assert_int_equal(scene.read.kind, ERROR_NONE);
	assert_int_equal(scene.served.kind, ERROR_NONE);
	scene_close(&scene);
}

/* With TLS 1.3 that is known only when an answer is read. */
static void who_does_not_like_us_has_refused(void **state)
{
	struct scene scene;
	struct tls_client_options options, stranger;
	struct tls_pair own;

	(void)state;
	scene_open(&scene);
	options = stranger = usual(&scene);
	own = tls_issue(&scene.tls.arena, NULL, (struct tls_issue) { "gw", .is_client = true });
	stranger.certificate = own.certificate;
	stranger.key = own.key;
	demand(&scene, TLS1_2_VERSION);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask(&scene, i ? &stranger : &options, "a.test").kind, ERROR_NONE);
		assert_int_equal(scene.read.kind, ERROR_RESET);
		assert_true(str_contains(str_of(scene.read.why), STR("alert")));
		assert_true(scene.peer.has_refused);
	}
	for (int i = 0; i < 2; i++) {
		assert_false(failed(connect_as(&scene, i ? &stranger : &options, STR("a.test"), STR("p"))));
		SSL_set_max_proto_version(scene.tls.ends[CLIENT].tls.ssl, TLS1_2_VERSION);
		assert_int_equal(shake(&scene).kind, ERROR_DENIED);
		assert_true(scene.peer.has_refused);
	}
	scene_close(&scene);
}

/* ---- who is no service at all ---- */

static void whoever_speaks_no_tls_is_told_apart(void **state)
{
	static const struct {
		const char *plain;
		enum error_kind kind;
	} rows[] = {
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", ERROR_MALFORMED },
		{ "", ERROR_MALFORMED },
		{ "\x16\x03\x03", ERROR_MALFORMED },
		{ "\x15\x03\x03\x00\x02\x02\x28", ERROR_DENIED }, /* handshake_failure */
		{ "SSH-2.0-x\r\n", ERROR_MALFORMED },
	};
	struct scene scene;
	struct tls_client_options options;

	(void)state;
	scene_open(&scene);
	serve(&scene, NULL, (struct tls_issue) { "a", "DNS:a.test" });
	options = usual(&scene);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		bool is_alert = rows[i].kind == ERROR_DENIED;

		scene.plain = is_alert ? STR("\x15\x03\x03\x00\x02\x02\x28") : str_of(rows[i].plain);
		assert_row(ask(&scene, &options, "a.test").kind == rows[i].kind, i, scene.shaken.why);
	}
	scene_close(&scene);
}

static void a_service_that_says_nothing_is_not_waited_for(void **state)
{
	struct scene scene;
	struct tls_client_options options;

	(void)state;
	scene_open(&scene);
	serve(&scene, NULL, (struct tls_issue) { "a", "DNS:a.test" });
	options = usual(&scene);
	scene.is_mute = true;
	scene.tls.until = world_in(&scene.tls.world, 20 * MILLISECOND);
	assert_int_equal(ask(&scene, &options, "a.test").kind, ERROR_TIMEOUT);
	scene_close(&scene);
}

/* ---- sessions ---- */

static void a_session_is_taken_up(void **state)
{
	struct scene scene;
	struct tls_client_options options;

	(void)state;
	scene_open(&scene);
	serve(&scene, &scene.tls.authority, (struct tls_issue) { "a", "DNS:a.test" });
	options = usual(&scene);
	for (int i = 0; i < 5; i++) { /* each gives tickets for the next */
		assert_int_equal(ask(&scene, &options, "a.test").kind, ERROR_NONE);
		assert_int_equal(is_resumed(&scene), i > 0);
	}
	/* Of TLS 1.2, where the session is one of the handshake. */
	for (int i = 0; i < 3; i++) {
		assert_false(failed(connect_as(&scene, &options, STR("a.test"), STR("other:1"))));
		SSL_set_max_proto_version(scene.tls.ends[CLIENT].tls.ssl, TLS1_2_VERSION);
		assert_int_equal(shake(&scene).kind, ERROR_NONE);
		assert_int_equal(is_resumed(&scene), i > 0);
	}
	scene_close(&scene);
}

static void a_session_stays_with_its_peer_and_identity(void **state)
{
	struct scene scene;
	struct tls_client_options rows[7];
	struct tls_pair own;

	(void)state;
	scene_open(&scene);
	own = tls_issue(&scene.tls.arena, &scene.tls.authority,
			(struct tls_issue) { "gw", .is_client = true });
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		rows[i] = usual(&scene);
	rows[1].ca = arena_join(&scene.tls.arena, (str[]) { rows[0].ca, STR("\n") }, 2);
	rows[2].server_name = STR("b.test");
	rows[3].server_name = STR("a.test"); /* the same that is wanted without it */
	rows[4].certificate = own.certificate, rows[4].key = own.key;
	rows[5].is_verified = false;
	rows[6].protocols = (str) { 0 };
	serve(&scene, &scene.tls.authority, (struct tls_issue) { "a", "DNS:a.test,DNS:b.test" });
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(ask(&scene, &rows[i], "a.test").kind, ERROR_NONE);
		assert_row(!is_resumed(&scene), i, "a session of another identity");
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_false(failed(connect_as(&scene, &rows[i], STR("a.test"), STR("service:2"))));
		assert_int_equal(shake(&scene).kind, ERROR_NONE);
		assert_row(!is_resumed(&scene), i, "a session of another peer");
		assert_int_equal(ask(&scene, &rows[i], "a.test").kind, ERROR_NONE);
		assert_row(is_resumed(&scene), i, "its own session");
	}
	scene_close(&scene);
}

/* Resuming verifies nothing, so it must not make a certificate live longer. */
static void a_session_ends_with_the_certificate(void **state)
{
	struct scene scene;
	struct tls_client_options options = { .is_verified = false };

	(void)state;
	scene_open(&scene);
	serve(&scene, NULL, (struct tls_issue) { "a", "DNS:a.test", .from_days = -9, .to_days = -1 });
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask(&scene, &options, "a.test").kind, ERROR_NONE);
		assert_false(is_resumed(&scene));
	}
	scene_close(&scene);
}

static void what_no_upstream_has_is_swept(void **state)
{
	struct scene scene;
	struct tls_client_options options;

	(void)state;
	scene_open(&scene);
	serve(&scene, &scene.tls.authority, (struct tls_issue) { "a", "DNS:a.test" });
	options = usual(&scene);
	assert_int_equal(ask(&scene, &options, "a.test").kind, ERROR_NONE);
	tls_clients_sweep(scene.clients); /* it is listed */
	assert_int_equal(ask(&scene, &options, "a.test").kind, ERROR_NONE);
	assert_true(is_resumed(&scene));

	scene.peer.identity->listings = 0;
	scene_disconnect(&scene);
	assert_int_equal(tls_client_identities_count(scene.identities), 1); /* with its sessions */
	tls_clients_sweep(scene.clients);
	assert_int_equal(tls_client_identities_count(scene.identities), 0);
	assert_int_equal(ask(&scene, &options, "a.test").kind, ERROR_NONE);
	assert_false(is_resumed(&scene));

	/* And when another comes into use. */
	scene.peer.identity->listings = 0;
	options.server_name = STR("a.test");
	assert_int_equal(ask(&scene, &options, "a.test").kind, ERROR_NONE);
	assert_int_equal(tls_client_identities_count(scene.identities), 1);
	scene_close(&scene);
}

/* What a ticket that comes then is put into is gone. */
static void a_connection_outlives_the_contexts(void **state)
{
	struct scene scene;
	struct tls_client_options options;

	(void)state;
	scene_open(&scene);
	serve(&scene, &scene.tls.authority, (struct tls_issue) { "a", "DNS:a.test" });
	options = usual(&scene);
	assert_false(failed(connect_as(&scene, &options, STR("a.test"), STR("service:1"))));
	tls_clients_free(&scene.clients);
	assert_int_equal(shake(&scene).kind, ERROR_NONE);
	assert_int_equal(scene.read.kind, ERROR_NONE); /* behind the tickets */
	scene_close(&scene);
}

static void many_identities_have_a_context_each(void **state)
{
	enum { MANY = 20 };
	struct scene scene;
	char names[MANY][16];

	(void)state;
	scene_open(&scene);
	serve(&scene, &scene.tls.authority, (struct tls_issue) { "a", "DNS:*.a.test" });
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < MANY; i++) {
			struct tls_client_options options = usual(&scene);

			options.server_name =
				(str) { names[i], (size_t)snprintf(names[i], 16, "h%zu.a.test", i) };
			assert_int_equal(ask(&scene, &options, "x").kind, ERROR_NONE);
			assert_int_equal(is_resumed(&scene), round);
		}
	}
	assert_int_equal(tls_client_identities_count(scene.identities), MANY);
	scene_close(&scene);
}

/* ---- workers ---- */

enum { WORKERS = 3, VISITS = 12 };

/* A worker's own world, with the authority, the identities and the certificate of all. It ends when all
 * workers have: the key of all remembers OpenSSL's tables of each, whose counts of references are in code
 * that TSan does not see, and so it takes the last one's freeing of them for a race. */
struct worker {
	pthread_t thread;
	struct scene scene;
	struct tls_client_identities *identities;
	struct tls_pair authority, own;
	int good;
};

static void *worker_run(void *argument)
{
	struct worker *worker = argument;
	struct tls_client_options options;
	struct scene *scene = &worker->scene;

	scene_open(scene);
	tls_client_identities_free(&scene->identities);
	scene->identities = worker->identities;
	scene->tls.authority = worker->authority;
	demand(scene, TLS1_2_VERSION);
	options = usual(scene);
	options.certificate = worker->own.certificate;
	options.key = worker->own.key;
	for (int i = 0; i < VISITS; i++) {
		/* Every other one by a peer that is not known yet, so that it is verified. */
		char name[16] = { (char)('a' + i) };
		result_value asked = ask_as(scene, &options, "a.test", i % 2 ? "service:1" : name);

		worker->good += !failed(asked) && !failed(scene->read);
	}
	scene_disconnect(scene);
	tls_clients_free(&scene->clients);
	tls_server_context_free(&scene->server);
	ticket_keys_free(&scene->tickets);
	return NULL;
}

static void workers_share_identities(void **state)
{
	struct tls_client_identities *identities = tls_client_identities_new();
	struct tls_pair authority, own;
	struct worker workers[WORKERS];
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 1 << 20);
	authority = tls_issue(&arena, NULL, (struct tls_issue) { "CA", .is_authority = true });
	own = tls_issue(&arena, &authority, (struct tls_issue) { "gw", .is_client = true });
	for (size_t i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker) { .identities = identities, .authority = authority, .own = own };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]), 0);
	}
	for (size_t i = 0; i < WORKERS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].good, VISITS);
	}
	for (size_t i = 0; i < WORKERS; i++)
		tls_world_close(&workers[i].scene.tls);
	assert_int_equal(tls_client_identities_count(identities), 0);
	tls_client_identities_free(&identities);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_believed),
		cmocka_unit_test(the_certificate_itself_may_be_what_is_believed),
		cmocka_unit_test(the_system_is_believed_unless_something_else_is_said),
		cmocka_unit_test(without_a_name_nobody_can_be_verified),
		cmocka_unit_test(the_name_is_asked_for),
		cmocka_unit_test(our_certificate_is_shown_to_who_asks),
		cmocka_unit_test(who_does_not_like_us_has_refused),
		cmocka_unit_test(whoever_speaks_no_tls_is_told_apart),
		cmocka_unit_test(a_service_that_says_nothing_is_not_waited_for),
		cmocka_unit_test(a_session_is_taken_up),
		cmocka_unit_test(a_session_stays_with_its_peer_and_identity),
		cmocka_unit_test(a_session_ends_with_the_certificate),
		cmocka_unit_test(what_no_upstream_has_is_swept),
		cmocka_unit_test(a_connection_outlives_the_contexts),
		cmocka_unit_test(many_identities_have_a_context_each),
		cmocka_unit_test(workers_share_identities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
