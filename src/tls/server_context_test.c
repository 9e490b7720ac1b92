/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificates, policy and protocol a client gets, and which clients get none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tls/certificate.h"
#include "tls/peer.h"
#include "tls/tls_testing.h"

/* A listener under test, with all that a row of a table may want of it. */
struct stage {
	struct tls_world world;
	struct tls_server_context *server;
	struct tls_entry entries[8];
	size_t count;
	result_value ends[2];
	tls_policy policy;
};

static struct tls_entry *add(struct stage *stage, struct tls_issue what)
{
	struct tls_entry *entry = &stage->entries[stage->count++];
	struct tls_pair pair = tls_issue(&stage->world.arena, &stage->world.authority, what);

	*entry = (struct tls_entry) { .certificate = pair.certificate,
				      .key = pair.key,
				      .minimum = TLS1_2_VERSION };
	return entry;
}

static void stage_open(struct stage *stage)
{
	*stage = (struct stage) { .count = 0 };
	tls_world_open(&stage->world);
}

static void stage_serve(struct stage *stage, str_list protocols)
{
	tls_server_context_free(&stage->server);
	stage->server = tls_world_server(&stage->world, &(struct tls_server_options) {
								.listener = STR("public"),
								.entries = stage->entries,
								.count = stage->count,
								.protocols = protocols,
							});
}

static void stage_close(struct stage *stage)
{
	tls_world_disconnect(&stage->world);
	tls_server_context_free(&stage->server);
	tls_world_close(&stage->world);
}

static void client_run(struct fiber *self, void *argument)
{
	struct stage *stage = argument;
	struct tls_stream *tls = &stage->world.ends[0].tls;

	(void)self;
	stage->ends[0] = tls_stream_handshake(tls, stage->world.until);
	if (failed(stage->ends[0]))
		shutdown(stage->world.ends[0].socket.source.fd, SHUT_WR);
}

static void server_run(struct fiber *self, void *argument)
{
	struct stage *stage = argument;
	struct tls_end *end = &stage->world.ends[1];

	(void)self;
	stage->ends[1] =
		tls_server_context_handshake(stage->server, &end->tls, stage->world.until, &stage->policy);
	if (failed(stage->ends[1]))
		shutdown(end->socket.source.fd, SHUT_WR);
}

static void stage_connect(struct stage *stage)
{
	tls_world_connect(&stage->world, stage->server, 0, 0);
}

/* The server's end decides; a client of TLS 1.3 hears of a refusal only when it reads. */
static void stage_play(struct stage *stage)
{
	world_start(&stage->world.world, server_run, stage);
	world_start(&stage->world.world, client_run, stage);
	world_run(&stage->world.world);
}

static SSL *client_of(struct stage *stage)
{
	return stage->world.ends[0].tls.ssl;
}

/* ---- names ---- */

static const struct {
	const char *asked;
	const char *certificate; /* its common name */
} selections[] = {
	{ NULL, "first" },
	{ "a.example", "first" },
	{ "A.Example", "first" },
	{ "b.example", "second" },
	{ "www.b.example", "wild b" },
	{ "WWW.b.EXAMPLE", "wild b" },
	{ "x.y.b.example", "wild b" },
	{ "deep.b.example", "wild deep" }, /* an exact name of that one */
	{ "x.deep.b.example", "wild deep" },
	{ "x.y.deep.b.example", "wild deep" },
	{ "b.examples", "first" },
	{ "xb.example", "first" },
	{ "example", "first" },
	{ "only.common", "only.common" },
	{ "configured.example", "third" },
	{ "own.of.third", "first" }, /* what is configured stands instead of the certificate's names */
};

static void names_pick_certificates(void **state)
{
	struct stage stage;
	static const str names[] = { STR_INIT("configured.example") };

	(void)state;
	stage_open(&stage);
	add(&stage, (struct tls_issue) { "first", "DNS:a.example" });
	add(&stage, (struct tls_issue) { "wild b", "DNS:*.b.example" });
	add(&stage, (struct tls_issue) { "second", "DNS:b.example,DNS:second.example" });
	add(&stage, (struct tls_issue) { "wild deep", "DNS:deep.b.example,DNS:*.deep.b.example" });
	add(&stage, (struct tls_issue) { "only.common", NULL });
	add(&stage, (struct tls_issue) { "third", "DNS:own.of.third" })->names = (str_list) { names, 1 };
	stage_serve(&stage, (str_list) { 0 });
	for (size_t i = 0; i < sizeof selections / sizeof *selections; i++) {
		char want[64], *at = want;
		str got;

		stage_connect(&stage);
		SSL_set_tlsext_host_name(client_of(&stage), selections[i].asked);
		SSL_set1_host(client_of(&stage), NULL);
		stage_play(&stage);
		assert_false(failed(stage.ends[0]) || failed(stage.ends[1]));
		got = tls_peer_subject(tls_peer_certificate(&stage.world.ends[0].tls), &stage.world.arena);
		at += snprintf(want, sizeof want, "CN=%s", selections[i].certificate);
		if (!str_eq(got, (str) { want, (size_t)(at - want) }))
			fail_msg("%s: %.*s", selections[i].asked, STR_ARG(got));
		assert_true(str_eq(tls_stream_server_name(&stage.world.ends[1].tls),
				   str_of(selections[i].asked)));
	}
	stage_close(&stage);
}

/* What cannot be a name is no name, and nothing is read or written beyond it. */
static void hosts_have_policies(void **state)
{
	static const char *const odd[] = { "", ".", "..", ".b.example", "b.example.", "*", "*.", "a..b" };
	struct stage stage;
	tls_policy first, second;
	char *longest = malloc(300);

	(void)state;
	stage_open(&stage);
	add(&stage, (struct tls_issue) { "a", "DNS:a.example" });
	add(&stage, (struct tls_issue) { "b", "DNS:*.b.example" })->minimum = TLS1_3_VERSION;
	add(&stage, (struct tls_issue) { "c", "DNS:c.example" });
	stage_serve(&stage, (str_list) { 0 });
	first = tls_server_context_policy(stage.server, STR("a.example"));
	second = tls_server_context_policy(stage.server, STR("x.b.example"));
	assert_true(first != second);
	assert_true(first ==
		    tls_server_context_policy(stage.server, STR("c.example"))); /* they say the same */
	assert_true(first == tls_server_context_policy(stage.server, STR("unknown.example")));
	assert_true(second == tls_server_context_policy(stage.server, STR("X.B.EXAMPLE.")));
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		char *exact = malloc(strlen(odd[i]) + 1);
		tls_policy got;

		memcpy(exact, odd[i], strlen(odd[i]));
		got = tls_server_context_policy(stage.server, (str) { exact, strlen(odd[i]) });
		assert_true(got == first || got == second);
		free(exact);
	}
	memset(longest, 'a', 300);
	memcpy(longest + 253 - 10, ".b.example", 10);
	assert_true(second == tls_server_context_policy(stage.server, (str) { longest, 253 }));
	memcpy(longest + 254 - 10, ".b.example", 10);
	assert_true(first == tls_server_context_policy(stage.server, (str) { longest, 254 }));
	free(longest);
	stage_close(&stage);
}

/* ---- what both sides can ---- */

enum { SERVER, CLIENT };

static const struct {
	const char *name;
	int minimum, max;                                   /* the listener's, the client's; 0: any */
	const char *ciphers, *suites, *groups, *signatures; /* of the client; NULL: its own */
	const char *version, *cipher, *subject;             /* NULL: it is refused */
	const char *words;                                  /* of the server */
} abilities[] = {
	{ "any", 0, 0, NULL, NULL, NULL, NULL, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "CN=ec", NULL },
	{ "TLS 1.2", 0, TLS1_2_VERSION, NULL, NULL, NULL, NULL, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256",
	  "CN=ec", NULL },
	{ "TLS 1.2 with RSA alone", 0, TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384", NULL, NULL, NULL,
	  "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "CN=rsa", NULL },
	{ "TLS 1.3 with RSA alone", 0, 0, NULL, NULL, NULL, "RSA-PSS+SHA256", "TLSv1.3",
	  "TLS_AES_128_GCM_SHA256", "CN=rsa", NULL },
	{ "no AES in hardware", 0, 0, NULL, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", NULL, NULL,
	  "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", "CN=ec", NULL },
	{ "the client's order", 0, 0, NULL, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", NULL, NULL,
	  "TLSv1.3", "TLS_AES_128_GCM_SHA256", "CN=ec", NULL },
	{ "another group", 0, 0, NULL, NULL, "P-521:P-384", NULL, "TLSv1.3", "TLS_AES_128_GCM_SHA256",
	  "CN=ec", NULL },
	{ "no group", 0, 0, NULL, NULL, "P-521", NULL, NULL, NULL, NULL, "group" },
	{ "no group, TLS 1.2", 0, TLS1_2_VERSION, NULL, NULL, "P-521", NULL, NULL, NULL, NULL, "" },
	{ "TLS 1.1", 0, TLS1_1_VERSION, "ALL:@SECLEVEL=0", NULL, NULL, NULL, NULL, NULL, NULL, "version" },
	{ "too old for 1.3", TLS1_3_VERSION, TLS1_2_VERSION, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
	  "version" },
	{ "no forward secrecy", 0, TLS1_2_VERSION, "AES128-GCM-SHA256", NULL, NULL, NULL, NULL, NULL, NULL,
	  "cipher" },
	{ "CBC", 0, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", NULL, NULL, NULL, NULL, NULL, NULL,
	  "cipher" },
	{ "finite fields", 0, TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", NULL, NULL, NULL, NULL, NULL, NULL,
	  "cipher" },
	{ "SHA-224", 0, TLS1_2_VERSION, NULL, NULL, NULL, "RSA+SHA224:ECDSA+SHA224", NULL, NULL, NULL,
	  "signature" },
	{ "SHA-1", 0, 0, "ALL:@SECLEVEL=0", NULL, NULL, "RSA+SHA1:ECDSA+SHA1", NULL, NULL, NULL,
	  "signature" },
};

static bool set_abilities(SSL *ssl, size_t i)
{
	bool is_set = SSL_set_min_proto_version(ssl, abilities[i].max == TLS1_1_VERSION ? TLS1_VERSION : 0) &&
		      SSL_set_max_proto_version(ssl, abilities[i].max);

	if (abilities[i].ciphers)
		is_set = is_set && SSL_set_cipher_list(ssl, abilities[i].ciphers);
	if (abilities[i].suites)
		is_set = is_set && SSL_set_ciphersuites(ssl, abilities[i].suites);
	if (abilities[i].groups)
		is_set = is_set && SSL_set1_groups_list(ssl, abilities[i].groups);
	if (abilities[i].signatures)
		is_set = is_set && SSL_set1_sigalgs_list(ssl, abilities[i].signatures);
	return is_set;
}

static void check_agreement(struct stage *stage, size_t i)
{
	str subject;

	if (failed(stage->ends[SERVER]) || failed(stage->ends[CLIENT]))
		fail_msg("%s: %s, %s", abilities[i].name, stage->ends[1].why, stage->ends[0].why);
	assert_string_equal(tls_stream_version(&stage->world.ends[1].tls).ptr, abilities[i].version);
	assert_string_equal(SSL_get_cipher(client_of(stage)), abilities[i].cipher);
	subject = tls_peer_subject(tls_peer_certificate(&stage->world.ends[0].tls), &stage->world.arena);
	if (!str_eq(subject, str_of(abilities[i].subject)))
		fail_msg("%s: %.*s", abilities[i].name, STR_ARG(subject));
}

static void both_sides_agree_on_what_is_safe(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	add(&stage, (struct tls_issue) { "ec", "DNS:localhost.test" });
	add(&stage, (struct tls_issue) { "rsa", "DNS:localhost.test", .key = "RSA" });
	for (size_t i = 0; i < sizeof abilities / sizeof *abilities; i++) {
		for (size_t e = 0; e < stage.count; e++)
			stage.entries[e].minimum =
				abilities[i].minimum ? abilities[i].minimum : TLS1_2_VERSION;
		stage_serve(&stage, (str_list) { 0 });
		stage_connect(&stage);
		assert_true(set_abilities(client_of(&stage), i));
		stage_play(&stage);
		if (abilities[i].version) {
			check_agreement(&stage, i);
		} else {
			if (stage.ends[1].kind != ERROR_REFUSED ||
			    !strstr(stage.ends[1].why, abilities[i].words))
				fail_msg("%s: %s %s", abilities[i].name, error_name(stage.ends[1].kind),
					 stage.ends[1].why);
			assert_true(stage.ends[0].kind == ERROR_REFUSED); /* it was told by an alert */
		}
	}
	stage_close(&stage);
}

/* One name asks for more than the others: the policy is that of the name. */
static void each_name_has_its_minimum(void **state)
{
	static const struct {
		const char *name;
		int max;
		bool is_good;
	} cases[] = {
		{ "old.example", TLS1_2_VERSION, true },     { "old.example", TLS1_3_VERSION, true },
		{ "new.example", TLS1_3_VERSION, true },     { "new.example", TLS1_2_VERSION, false },
		{ "unknown.example", TLS1_2_VERSION, true },
	};
	struct stage stage;

	(void)state;
	stage_open(&stage);
	add(&stage, (struct tls_issue) { "old", "DNS:old.example" });
	add(&stage, (struct tls_issue) { "new", "DNS:new.example" })->minimum = TLS1_3_VERSION;
	stage_serve(&stage, (str_list) { 0 });
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		stage_connect(&stage);
		SSL_set_tlsext_host_name(client_of(&stage), cases[i].name);
		SSL_set1_host(client_of(&stage), NULL);
		SSL_set_max_proto_version(client_of(&stage), cases[i].max);
		stage_play(&stage);
		assert_int_equal(!failed(stage.ends[1]), cases[i].is_good);
		if (cases[i].is_good)
			assert_true(stage.policy ==
				    tls_server_context_policy(stage.server, str_of(cases[i].name)));
	}
	stage_close(&stage);
}

/* ---- protocols ---- */

static const struct {
	const char *listener; /* its list, separated by commas */
	const char *client;   /* as it stands on the wire; NULL: no ALPN */
	const char *chosen;   /* NULL: refused */
} protocols[] = {
	{ "h2,http/1.1", "\x08http/1.1\x02h2", "h2" },
	{ "http/1.1,h2", "\x08http/1.1\x02h2", "http/1.1" },
	{ "h2,http/1.1", "\x08http/1.1", "http/1.1" },
	{ "h2,http/1.1", "\x08http/1.0\x02h3\x02h2", "h2" },
	{ "h2,http/1.1", NULL, "" },
	{ "", "\x02h2", "" },
	{ "h2,http/1.1", "\x02h3", NULL },
	{ "http/1.1", "\x02h2", NULL },
	{ "h2", "\x08http/1.1", NULL },
	{ "h2", "\x02H2", NULL },
};

static void protocols_are_agreed_on(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	add(&stage, (struct tls_issue) { "a", "DNS:localhost.test" });
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
		str rest = str_of(protocols[i].listener), list[4];
		size_t count = 0;

		while (str_next(&rest, ',', &list[count]))
			count++;
		stage_serve(&stage, (str_list) { list, count });
		stage_connect(&stage);
		if (protocols[i].client)
			SSL_set_alpn_protos(client_of(&stage), (const unsigned char *)protocols[i].client,
					    (unsigned)strlen(protocols[i].client));
		stage_play(&stage);
		assert_int_equal(failed(stage.ends[1]), !protocols[i].chosen);
		if (protocols[i].chosen) {
			assert_true(str_eq(tls_stream_alpn(&stage.world.ends[1].tls),
					   str_of(protocols[i].chosen)));
			assert_true(str_eq(tls_stream_alpn(&stage.world.ends[0].tls),
					   str_of(protocols[i].chosen)));
		} else {
			assert_non_null(strstr(stage.ends[1].why, "ALPN"));
			assert_non_null(strstr(stage.ends[0].why, "no_application_protocol"));
		}
	}
	stage_close(&stage);
}

/* ---- certificates of clients ---- */

enum shown {
	SHOWN_NONE,
	SHOWN_GOOD,
	SHOWN_EXPIRED,
	SHOWN_FOREIGN,
	SHOWN_OF_A_SERVER,
	SHOWN_DEEP,
	SHOWN_KINDS
};

static const struct {
	enum tls_demand demand;
	enum shown shown;
	bool is_good;
	const char *words; /* of the server */
} demands[] = {
	{ TLS_DEMAND_NONE, SHOWN_NONE, true, NULL },
	{ TLS_DEMAND_NONE, SHOWN_GOOD, true, NULL }, /* not asked for, not shown */
	{ TLS_DEMAND_OPTIONAL, SHOWN_NONE, true, NULL },
	{ TLS_DEMAND_OPTIONAL, SHOWN_GOOD, true, NULL },
	{ TLS_DEMAND_OPTIONAL, SHOWN_DEEP, true, NULL },
	{ TLS_DEMAND_REQUIRED, SHOWN_GOOD, true, NULL },
	{ TLS_DEMAND_REQUIRED, SHOWN_NONE, false, "no certificate" },
	{ TLS_DEMAND_OPTIONAL, SHOWN_EXPIRED, false, "has expired" },
	{ TLS_DEMAND_REQUIRED, SHOWN_EXPIRED, false, "has expired" },
	{ TLS_DEMAND_OPTIONAL, SHOWN_FOREIGN, false, "authority" },
	{ TLS_DEMAND_REQUIRED, SHOWN_FOREIGN, false, "authority" },
	{ TLS_DEMAND_REQUIRED, SHOWN_OF_A_SERVER, false, "purpose" },
};

static void show(SSL *ssl, const struct tls_pair *pair)
{
	struct certificate certificate;
	result_value read = certificate_init(&certificate, NULL, pair->certificate, pair->key);

	ASSERT(!failed(read));
	ASSERT(SSL_use_cert_and_key(ssl, certificate.leaf, certificate.key, certificate.chain, 1));
	certificate_fini(&certificate);
}

static void issue_all(struct stage *stage, struct tls_pair shown[SHOWN_KINDS])
{
	struct arena *arena = &stage->world.arena;
	const struct tls_pair *authority = &stage->world.authority;
	struct tls_pair other =
		tls_issue(arena, NULL, (struct tls_issue) { "Other CA", .is_authority = true });
	struct tls_pair between =
		tls_issue(arena, authority, (struct tls_issue) { "Between", .is_authority = true });
	struct tls_issue client = { "partner", "DNS:partner.example,URI:spiffe://x/partner,email:a@b.example",
				    .is_client = true };
	str chain[2];

	shown[SHOWN_GOOD] = tls_issue(arena, authority, client);
	shown[SHOWN_FOREIGN] = tls_issue(arena, &other, client);
	shown[SHOWN_DEEP] = tls_issue(arena, &between, client);
	chain[0] = shown[SHOWN_DEEP].certificate;
	chain[1] = between.certificate;
	shown[SHOWN_DEEP].certificate = arena_join(arena, chain, 2);
	client.from_days = -10;
	client.to_days = -1;
	shown[SHOWN_EXPIRED] = tls_issue(arena, authority, client);
	shown[SHOWN_OF_A_SERVER] =
		tls_issue(arena, authority, (struct tls_issue) { "server", "DNS:server.example" });
}

static void check_peer(struct stage *stage, bool is_known)
{
	struct tls_stream *tls = &stage->world.ends[1].tls;
	struct arena *arena = &stage->world.arena;
	str_list names = tls_peer_names(tls_peer_certificate(tls), arena);

	assert_int_equal(tls_peer_certificate(tls) != NULL, is_known);
	if (is_known) {
		assert_true(str_eq(tls_peer_subject(tls_peer_certificate(tls), arena), STR("CN=partner")));
		assert_int_equal(names.len, 3);
		assert_true(str_eq(names.at[0], STR("dns:partner.example")));
		assert_true(str_eq(names.at[1], STR("uri:spiffe://x/partner")));
		assert_true(str_eq(names.at[2], STR("email:a@b.example")));
		assert_true(str_starts(tls_peer_der(tls_peer_certificate(tls), arena), STR("\x30\x82")));
	} else {
		assert_int_equal(tls_peer_subject(tls_peer_certificate(tls), arena).len + names.len +
					 tls_peer_der(tls_peer_certificate(tls), arena).len,
				 0);
	}
}

static void clients_show_certificates(void **state)
{
	struct tls_pair shown[SHOWN_KINDS] = { 0 };
	struct stage stage;
	struct tls_entry *entry;

	(void)state;
	stage_open(&stage);
	issue_all(&stage, shown);
	add(&stage, (struct tls_issue) { "a", "DNS:other.test" });
	entry = add(&stage, (struct tls_issue) { "b", "DNS:localhost.test" });
	entry->client_ca = stage.world.authority.certificate;
	for (size_t i = 0; i < 2 * sizeof demands / sizeof *demands; i++) {
		size_t row = i / 2;
		bool is_shown = demands[row].shown != SHOWN_NONE;

		entry->client_certificate = demands[row].demand;
		stage_serve(&stage, (str_list) { 0 });
		stage_connect(&stage);
		if (is_shown)
			show(client_of(&stage), &shown[demands[row].shown]);
		SSL_set_max_proto_version(client_of(&stage), i % 2 ? TLS1_2_VERSION : TLS1_3_VERSION);
		stage_play(&stage);
		if (failed(stage.ends[1]) == demands[row].is_good ||
		    (!demands[row].is_good && !strstr(stage.ends[1].why, demands[row].words)))
			fail_msg("row %zu: %s", row, stage.ends[1].why);
		if (demands[row].is_good)
			check_peer(&stage, is_shown && demands[row].demand != TLS_DEMAND_NONE);
		else
			assert_int_equal(stage.ends[1].kind, ERROR_REFUSED);
	}
	stage_close(&stage);
}

static void a_chain_may_be_so_deep(void **state)
{
	static const char *const subjects[] = { "Above", "Above it", "Above all" };
	struct stage stage;
	struct tls_entry *entry;
	struct tls_pair above, leaf;
	str chain = { 0 };

	(void)state;
	stage_open(&stage);
	entry = add(&stage, (struct tls_issue) { "b", "DNS:localhost.test" });
	entry->client_ca = stage.world.authority.certificate;
	entry->client_certificate = TLS_DEMAND_REQUIRED;
	above = stage.world.authority;
	for (int i = 0; i < 3; i++) {
		above = tls_issue(&stage.world.arena, &above,
				  (struct tls_issue) { subjects[i], .is_authority = true });
		chain = arena_join(&stage.world.arena, (str[]) { above.certificate, chain }, 2);
	}
	leaf = tls_issue(&stage.world.arena, &above, (struct tls_issue) { "deep", .is_client = true });
	leaf.certificate = arena_join(&stage.world.arena, (str[]) { leaf.certificate, chain }, 2);
	for (int depth = 1; depth <= 3; depth++) {
		entry->depth = depth;
		stage_serve(&stage, (str_list) { 0 });
		stage_connect(&stage);
		show(client_of(&stage), &leaf);
		stage_play(&stage);
		assert_int_equal(failed(stage.ends[1]), depth < 3);
		if (depth < 3)
			assert_non_null(strstr(stage.ends[1].why, "too long"));
	}
	stage_close(&stage);
}

/* ---- OCSP ---- */

static void a_staple_goes_with_its_certificate(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	add(&stage, (struct tls_issue) { "ec", "DNS:localhost.test" })->staple = STR("for ec");
	add(&stage, (struct tls_issue) { "rsa", "DNS:localhost.test", .key = "RSA" })->staple =
		STR("for rsa");
	add(&stage, (struct tls_issue) { "none", "DNS:none.test" });
	stage_serve(&stage, (str_list) { 0 });
	for (int i = 0; i < 4; i++) {
		static const char *const wants[] = { "for ec", "for rsa", NULL, NULL };
		unsigned char *got = NULL;
		long len;

		stage_connect(&stage);
		SSL_set_tlsext_status_type(client_of(&stage), i == 3 ? -1 : TLSEXT_STATUSTYPE_ocsp);
		if (i == 1)
			SSL_set1_sigalgs_list(client_of(&stage), "RSA-PSS+SHA256");
		if (i == 2) {
			SSL_set_tlsext_host_name(client_of(&stage), "none.test");
			SSL_set1_host(client_of(&stage), "none.test");
		}
		stage_play(&stage);
		assert_false(failed(stage.ends[0]) || failed(stage.ends[1]));
		len = SSL_get_tlsext_status_ocsp_resp(client_of(&stage), &got);
		if (wants[i])
			assert_true(str_eq((str) { (char *)got, (size_t)len }, str_of(wants[i])));
		else
			assert_true(len <= 0);
		/* It is not kept for as long as the connection. */
		assert_true(SSL_get_tlsext_status_ocsp_resp(stage.world.ends[1].tls.ssl, &got) <= 0);
	}
	stage_close(&stage);
}

/* ---- what cannot be compiled ---- */

static result_value try_to_serve(struct stage *stage, size_t *ret_entry)
{
	struct tls_server_options options = { STR("x"), stage->entries, stage->count };
	result_value made = tls_server_context_new(&options, &stage->server, ret_entry);

	if (!failed(made))
		tls_server_context_free(&stage->server);
	return made;
}

static void expect_refusal(struct stage *stage, size_t entry, const char *words)
{
	size_t blamed = 99;
	result_value made = try_to_serve(stage, &blamed);

	if (!failed(made) || !strstr(made.why, words) || blamed != entry)
		fail_msg("%s: %s, entry %zu", words, made.why, blamed);
}

static void what_makes_no_sense_is_told(void **state)
{
	struct stage stage;
	struct tls_entry *second;
	struct tls_entry good;
	size_t entry;
	result_value made;

	(void)state;
	stage_open(&stage);
	add(&stage, (struct tls_issue) { "a", "DNS:a.test" });
	second = add(&stage, (struct tls_issue) { "b", "DNS:b.test" });
	good = *second;
	made = try_to_serve(&stage, &entry);
	assert_false(failed(made));
	second->client_certificate = TLS_DEMAND_REQUIRED;
	expect_refusal(&stage, 1, "without client_ca");
	second->client_ca = STR("-- nothing --");
	expect_refusal(&stage, 1, "no certificate in client_ca");
	second->client_ca = str_slice(good.certificate, 0, good.certificate.len - 40);
	expect_refusal(&stage, 1, "client_ca is damaged");
	*second = good;
	second->key = stage.entries[0].key;
	expect_refusal(&stage, 1, "does not belong");
	*second = good;
	second->names = (str_list) { (str[]) { STR("a.test") }, 1 };
	second->minimum = TLS1_3_VERSION;
	expect_refusal(&stage, 1, "another TLS policy");
	stage.count = 1;
	add(&stage, (struct tls_issue) { NULL, NULL });
	expect_refusal(&stage, 1, "no name");
	stage.count = 1;
	add(&stage, (struct tls_issue) { "weak", "DNS:weak.test", .key = "RSA", .bits = 1024 });
	expect_refusal(&stage, 1, "too small");
	stage_close(&stage);
}

/* The same name twice with the same type of key: the first one stands. */
static void the_first_of_two_alike_stands(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	add(&stage, (struct tls_issue) { "first", "DNS:localhost.test" });
	add(&stage, (struct tls_issue) { "second", "DNS:localhost.test,DNS:more.test" });
	stage_serve(&stage, (str_list) { 0 });
	stage_connect(&stage);
	stage_play(&stage);
	assert_false(failed(stage.ends[0]));
	assert_true(
		str_eq(tls_peer_subject(tls_peer_certificate(&stage.world.ends[0].tls), &stage.world.arena),
		       STR("CN=first")));
	stage_close(&stage);
}

/* ---- lifetimes ---- */

/* A reload frees the context while a handshake by it waits for the client. */
static void a_context_may_go_during_a_handshake(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage);
	add(&stage, (struct tls_issue) { "a", "DNS:localhost.test" });
	stage_serve(&stage, (str_list) { 0 });
	stage_connect(&stage);
	world_start(&stage.world.world, server_run, &stage);
	tls_server_context_free(&stage.server);
	world_start(&stage.world.world, client_run, &stage);
	world_run(&stage.world.world);
	assert_false(failed(stage.ends[0]) || failed(stage.ends[1]));
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_pick_certificates),
		cmocka_unit_test(hosts_have_policies),
		cmocka_unit_test(both_sides_agree_on_what_is_safe),
		cmocka_unit_test(each_name_has_its_minimum),
		cmocka_unit_test(protocols_are_agreed_on),
		cmocka_unit_test(clients_show_certificates),
		cmocka_unit_test(a_chain_may_be_so_deep),
		cmocka_unit_test(a_staple_goes_with_its_certificate),
		cmocka_unit_test(what_makes_no_sense_is_told),
		cmocka_unit_test(the_first_of_two_alike_stands),
		cmocka_unit_test(a_context_may_go_during_a_handshake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
