/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sessions are resumed, and above all which are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tls/certificate.h"
#include "tls/peer.h"
#include "tls/tls_testing.h"

/* One listener, as a row wants it. */
struct site {
	const char *listener;
	const char *name;        /* that the client asks for */
	enum tls_demand demand;  /* of every entry */
	bool is_other_authority; /* for the clients */
	int minimum;
};

struct stage {
	struct tls_world world;
	struct ticket_keys *tickets;
	struct tls_pair pairs[2], client, other_authority;
	struct tls_server_context *server;
	SSL_SESSION *session; /* the last one that the client got */
	result_value ends[2];
	unsigned sessions;
	int version;
	bool is_timeless; /* the server does not ask whether certificates have expired */
};

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct stage *stage = SSL_get_app_data(ssl);

	SSL_SESSION_free(stage->session);
	stage->session = session;
	stage->sessions++;
	return 1;
}

static void stage_open(struct stage *stage, int version)
{
	struct arena *arena = &stage->world.arena;

	*stage = (struct stage) { .version = version };
	tls_world_open(&stage->world);
	stage->tickets = ticket_keys_new();
	stage->pairs[0] = tls_issue(arena, &stage->world.authority,
				    (struct tls_issue) { "a", "DNS:a.test,DNS:also-a.test" });
	stage->pairs[1] = tls_issue(arena, &stage->world.authority, (struct tls_issue) { "b", "DNS:b.test" });
	stage->other_authority = tls_issue(arena, NULL, (struct tls_issue) { "Other", .is_authority = true });
	stage->client =
		tls_issue(arena, &stage->world.authority, (struct tls_issue) { "client", .is_client = true });
	SSL_CTX_set_session_cache_mode(stage->world.client,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(stage->world.client, on_session);
	SSL_CTX_set_max_proto_version(stage->world.client, version);
}

static void stage_close(struct stage *stage)
{
	tls_world_disconnect(&stage->world);
	tls_server_context_free(&stage->server);
	SSL_SESSION_free(stage->session);
	ticket_keys_free(&stage->tickets);
	tls_world_close(&stage->world);
}

static void serve(struct stage *stage, struct site site)
{
	struct tls_entry entries[2];

	for (int i = 0; i < 2; i++)
		entries[i] = (struct tls_entry) {
			.certificate = stage->pairs[i].certificate,
			.key = stage->pairs[i].key,
			.client_certificate = site.demand,
			.client_ca = site.is_other_authority
					     ? arena_join(&stage->world.arena,
							  (str[]) { stage->other_authority.certificate,
								    stage->world.authority.certificate },
							  2)
					     : stage->world.authority.certificate,
			.minimum = site.minimum,
		};
	tls_server_context_free(&stage->server);
	stage->server = tls_world_server(&stage->world, &(struct tls_server_options) {
								.listener = str_of(site.listener),
								.entries = entries,
								.count = 2,
								.tickets = stage->tickets,
							});
}

/* The client also reads, because tickets of TLS 1.3 come after its handshake. */
static void client_run(struct fiber *self, void *argument)
{
	struct stage *stage = argument;
	struct tls_end *end = &stage->world.ends[0];

	(void)self;
	stage->ends[0] = tls_stream_handshake(&end->tls, stage->world.until);
	if (!failed(stage->ends[0]))
		stage->ends[0] = stream_fill(&end->tls.stream, &end->in, stage->world.until);
}

static void server_run(struct fiber *self, void *argument)
{
	struct stage *stage = argument;
	struct tls_end *end = &stage->world.ends[1];
	tls_policy policy;

	(void)self;
	stage->ends[1] = tls_server_context_handshake(stage->server, &end->tls, stage->world.until, &policy);
	if (!failed(stage->ends[1]))
		stage->ends[1] = stream_send_all(&end->tls.stream, STR("x"), stage->world.until);
}

/* Whether it was resumed. */
static bool visit(struct stage *stage, const char *name, SSL_SESSION *session)
{
	SSL *ssl;
	struct certificate certificate;
	result_value read;

	tls_world_connect(&stage->world, stage->server, 0, 0);
	ssl = stage->world.ends[0].tls.ssl;
	SSL_set_app_data(ssl, stage);
	SSL_set_tlsext_host_name(ssl, name);
	SSL_set1_host(ssl, NULL);
	read = certificate_init(&certificate, NULL, stage->client.certificate, stage->client.key);
	ASSERT(!failed(read) && SSL_use_cert_and_key(ssl, certificate.leaf, certificate.key, NULL, 1));
	certificate_fini(&certificate);
	if (session)
		SSL_set_session(ssl, session);
	if (stage->is_timeless)
		X509_VERIFY_PARAM_set_flags(SSL_get0_param(stage->world.ends[1].tls.ssl),
					    X509_V_FLAG_NO_CHECK_TIME);
	world_start(&stage->world.world, server_run, stage);
	world_start(&stage->world.world, client_run, stage);
	world_run(&stage->world.world);
	if (failed(stage->ends[0]) || failed(stage->ends[1]))
		fail_msg("%s, %s", stage->ends[0].why, stage->ends[1].why);
	assert_int_equal(tls_stream_is_resumed(&stage->world.ends[0].tls),
			 tls_stream_is_resumed(&stage->world.ends[1].tls));
	return tls_stream_is_resumed(&stage->world.ends[1].tls);
}

static const struct {
	const char *name;
	struct site first, then;
	bool is_resumed;
} returns[] = {
	{ "the same", { "x", "a.test" }, { "x", "a.test" }, true },
	{ "the same in another case", { "x", "a.test" }, { "x", "A.Test" }, true },
	{ "no name, twice", { "x", NULL }, { "x", NULL }, true },
	{ "another listener", { "x", "a.test" }, { "y", "a.test" }, false },
	{ "another name of the same certificate", { "x", "a.test" }, { "x", "also-a.test" }, false },
	{ "another certificate", { "x", "a.test" }, { "x", "b.test" }, false },
	{ "no name any more", { "x", "a.test" }, { "x", NULL }, false },
	{ "a name only now", { "x", NULL }, { "x", "a.test" }, false },
	{ "a name that nobody has", { "x", "c.test" }, { "x", "d.test" }, false },
	{ "a certificate is asked for now",
	  { "x", "a.test" },
	  { "x", "a.test", TLS_DEMAND_REQUIRED },
	  false },
	{ "it may be shown now", { "x", "a.test" }, { "x", "a.test", TLS_DEMAND_OPTIONAL }, false },
	{ "it was optional",
	  { "x", "a.test", TLS_DEMAND_OPTIONAL },
	  { "x", "a.test", TLS_DEMAND_REQUIRED },
	  false },
	{ "it is not asked for any more", { "x", "a.test", TLS_DEMAND_REQUIRED }, { "x", "a.test" }, false },
	{ "the same, with a certificate",
	  { "x", "a.test", TLS_DEMAND_REQUIRED },
	  { "x", "a.test", TLS_DEMAND_REQUIRED },
	  true },
	{ "other authorities",
	  { "x", "a.test", TLS_DEMAND_REQUIRED },
	  { "x", "a.test", TLS_DEMAND_REQUIRED, true },
	  false },
	{ "another minimum", { "x", "a.test" }, { "x", "a.test", .minimum = TLS1_1_VERSION }, false },
};

static void sessions_stay_where_they_were_made(void **state)
{
	static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		struct stage stage;

		stage_open(&stage, versions[v]);
		for (size_t i = 0; i < sizeof returns / sizeof *returns; i++) {
			bool is_resumed;

			serve(&stage, returns[i].first);
			assert_false(visit(&stage, returns[i].first.name, NULL));
			serve(&stage, returns[i].then); /* a reload, as it were */
			is_resumed = visit(&stage, returns[i].then.name, stage.session);
			if (is_resumed != returns[i].is_resumed)
				fail_msg("%s: %s", returns[i].name, is_resumed ? "resumed" : "not resumed");
			assert_int_equal(tls_peer_certificate(&stage.world.ends[1].tls) != NULL,
					 returns[i].then.demand != TLS_DEMAND_NONE);
		}
		stage_close(&stage);
	}
}

/* ---- keys ---- */

static void keys_are_rotated(void **state)
{
	static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		struct stage stage;
		SSL_SESSION *old, *renewed;

		stage_open(&stage, versions[v]);
		serve(&stage, (struct site) { "x", "a.test" });
		visit(&stage, "a.test", NULL);
		old = stage.session;
		SSL_SESSION_up_ref(old);
		ticket_keys_rotate(stage.tickets);
		assert_true(visit(&stage, "a.test", old)); /* by the previous key, and renewed */
		renewed = SSL_get1_session(stage.world.ends[0].tls.ssl);
		ticket_keys_rotate(stage.tickets);
		assert_false(visit(&stage, "a.test", old));
		assert_true(visit(&stage, "a.test", renewed));
		SSL_SESSION_free(renewed);
		SSL_SESSION_free(old);
		stage_close(&stage);
	}
}

/* Two processes, of which one has come to the next key already. */
static void the_next_key_is_known(void **state)
{
	unsigned char saved[TICKET_KEYS_SIZE];
	struct stage stage;
	struct ticket_keys *others = ticket_keys_new();
	result_value loaded;

	(void)state;
	stage_open(&stage, TLS1_3_VERSION);
	ticket_keys_save(stage.tickets, saved);
	loaded = ticket_keys_load(others, (str) { (char *)saved, sizeof saved });
	assert_false(failed(loaded));
	ticket_keys_rotate(stage.tickets);
	serve(&stage, (struct site) { "x", "a.test" });
	visit(&stage, "a.test", NULL);
	ticket_keys_free(&stage.tickets);
	stage.tickets = others;
	serve(&stage, (struct site) { "x", "a.test" });
	assert_true(visit(&stage, "a.test", stage.session));
	stage_close(&stage);
}

static void a_new_set_of_keys_resumes_nothing(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, TLS1_3_VERSION);
	serve(&stage, (struct site) { "x", "a.test" });
	visit(&stage, "a.test", NULL);
	ticket_keys_free(&stage.tickets);
	stage.tickets = ticket_keys_new();
	serve(&stage, (struct site) { "x", "a.test" });
	assert_false(visit(&stage, "a.test", stage.session));
	stage_close(&stage);
}

static void without_keys_there_are_no_tickets(void **state)
{
	static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		struct stage stage;

		stage_open(&stage, versions[v]);
		ticket_keys_free(&stage.tickets);
		serve(&stage, (struct site) { "x", "a.test" });
		visit(&stage, "a.test", NULL);
		assert_true(!stage.session || !SSL_SESSION_is_resumable(stage.session));
		stage_close(&stage);
	}
}

static void a_full_handshake_gives_one_ticket(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, TLS1_3_VERSION);
	serve(&stage, (struct site) { "x", "a.test" });
	visit(&stage, "a.test", NULL);
	assert_int_equal(stage.sessions, 1);
	assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(stage.session), TICKET_LIFETIME);
	assert_int_equal(SSL_SESSION_get_max_early_data(stage.session), 0);
	stage_close(&stage);
}

/* The ticket is good for longer than the certificate that was shown with it. */
static void a_client_whose_certificate_has_expired_is_not_resumed(void **state)
{
	struct arena *arena;
	struct stage stage;

	(void)state;
	stage_open(&stage, TLS1_3_VERSION);
	arena = &stage.world.arena;
	serve(&stage, (struct site) { "x", "a.test", TLS_DEMAND_REQUIRED });
	stage.client =
		tls_issue(arena, &stage.world.authority,
			  (struct tls_issue) { "old", .is_client = true, .from_days = -2, .to_days = -1 });
	stage.is_timeless = true; /* as if it had been good then */
	visit(&stage, "a.test", NULL);
	assert_false(visit(&stage, "a.test", stage.session));
	stage.is_timeless = false;
	stage.client =
		tls_issue(arena, &stage.world.authority, (struct tls_issue) { "renewed", .is_client = true });
	assert_false(visit(&stage, "a.test", stage.session));
	assert_true(str_eq(tls_peer_subject(tls_peer_certificate(&stage.world.ends[1].tls), arena),
			   STR("CN=renewed")));
	assert_true(visit(&stage, "a.test", stage.session));
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_stay_where_they_were_made),
		cmocka_unit_test(keys_are_rotated),
		cmocka_unit_test(the_next_key_is_known),
		cmocka_unit_test(a_new_set_of_keys_resumes_nothing),
		cmocka_unit_test(without_keys_there_are_no_tickets),
		cmocka_unit_test(a_full_handshake_gives_one_ticket),
		cmocka_unit_test(a_client_whose_certificate_has_expired_is_not_resumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
