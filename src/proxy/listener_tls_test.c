/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What check says of a listener's TLS; and files that change while it is in force: what is taken, what is
 * not, and what is told of it.
 */
#include "proxy/listener_tls.h"

#include <dirent.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/testing.h"
#include "proxy/listener_context.h"
#include "proxy/snapshot.h"
#include "tls/ticket_keys.h"
#include "tls/tls_testing.h"

enum { TEXT_MAX = 4096 };

/* A folder with certificates, and a configuration that stands in it. */
struct yard {
	char folder[64];
	struct arena arena;
	struct tls_pair authority;
	struct identities identities;
	struct snapshot *snapshot;
	struct diagnostics *diagnostics;
	struct listener_tls *tls;
	char told[TEXT_MAX]; /* by the last look */
	unsigned tellings;
};

static void yard_write(struct yard *yard, const char *name, str text)
{
	char path[512];
	FILE *to;

	snprintf(path, sizeof path, "%s/%s", yard->folder, name);
	to = fopen(path, "w");
	assert_non_null(to);
	if (text.len)
		assert_int_equal(fwrite(text.ptr, 1, text.len, to), text.len);
	fclose(to);
}

static void yard_remove(struct yard *yard, const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", yard->folder, name);
	assert_int_equal(unlink(path), 0);
}

static void write_pair(struct yard *yard, const char *certificate, const char *key, struct tls_issue what)
{
	struct tls_pair pair;

	if (!what.to_days)
		what.to_days = 90;
	pair = tls_issue(&yard->arena, &yard->authority, what);
	yard_write(yard, certificate, pair.certificate);
	yard_write(yard, key, pair.key);
}

static void yard_open(struct yard *yard)
{
	*yard = (struct yard) { .folder = "/tmp/gatehouse-tls-XXXXXX" };
	assert_non_null(mkdtemp(yard->folder));
	arena_init(&yard->arena, NULL, 1 << 24);
	identities_init(&yard->identities);
	yard->authority = tls_issue(&yard->arena, NULL,
				    (struct tls_issue) { .subject = "Authority", .is_authority = true });
	write_pair(yard, "a.pem", "a.key", (struct tls_issue) { .subject = "a", .names = "DNS:A.test" });
	write_pair(yard, "b.pem", "b.key", (struct tls_issue) { .subject = "b", .names = "DNS:b.test" });
	write_pair(yard, "none.pem", "none.key", (struct tls_issue) { .subject = "no name" });
	write_pair(yard, "old.pem", "old.key",
		   (struct tls_issue) {
			   .subject = "old", .names = "DNS:old.test", .from_days = -9, .to_days = -1 });
	yard_write(yard, "ca.pem", yard->authority.certificate);
	yard_write(yard, "words", STR("nothing\n"));
	yard_write(yard, "empty", (str) { 0 });
}

/* Compiles; what is said of it, without the lines that are shown, goes to yard->told. */
static result_value yard_load(struct yard *yard, const char *listener)
{
	str name = arena_printf(&yard->arena, "%s/t.yaml", yard->folder);
	str text = arena_printf(
		&yard->arena,
		"listeners: { s: { address: \"127.0.0.1:0\", %s } }\napis: { x: { policies: [ respond: {} ] "
		"} }\n",
		listener);
	char *printed = NULL;
	size_t len;
	FILE *to = open_memstream(&printed, &len);
	result_value loaded;

	snapshot_unref(&yard->snapshot);
	loaded = snapshot_parse(name, text, &yard->identities, &yard->diagnostics, &yard->snapshot);
	diagnostics_print(yard->diagnostics, to);
	fclose(to);
	snprintf(yard->told, sizeof yard->told, "%s", printed);
	free(printed);
	yard->tls = yard->snapshot->listener_count ? yard->snapshot->listeners[0].tls : NULL;
	return loaded;
}

static void yard_close(struct yard *yard)
{
	DIR *folder = opendir(yard->folder);

	for (const struct dirent *entry; (entry = readdir(folder));)
		if (entry->d_name[0] != '.')
			yard_remove(yard, entry->d_name);
	closedir(folder);
	rmdir(yard->folder);
	snapshot_unref(&yard->snapshot);
	identities_fini(&yard->identities);
	arena_fini(&yard->arena);
}

/* ---- what check says ---- */

#define A "certificate: a.pem, key: a.key"
#define B "certificate: b.pem, key: b.key"
#define ASKED "client_ca: ca.pem, client_certificate: required"

static const struct {
	const char *name, *listener, *want; /* NULL: nothing is wrong */
} rows[] = {
	{ "one", "tls: { certificates: [ { " A " } ] }", NULL },
	{ "two", "tls: { certificates: [ { " A " }, { " B " } ] }", NULL },
	{ "clients are asked", "tls: { certificates: [ { " A " } ], " ASKED " }", NULL },
	{ "of one name alone", "tls: { certificates: [ { " A ", " ASKED " } ] }", NULL },
	{ "authorities for those that ask",
	  "tls: { client_ca: ca.pem, certificates: [ { " A " }, { " B ", client_certificate: optional } ] }",
	  NULL },
	{ "nobody is asked, and that is meant",
	  "tls: { client_ca: ca.pem, client_certificate: none, certificates: [ { " A " } ] }", NULL },
	{ "the first needs no name", "tls: { certificates: [ { certificate: none.pem, key: none.key } ] }",
	  NULL },
	{ "names of the configuration's",
	  "tls: { certificates: [ { " A ", names: [X.test, \"*.y.test\"] } ] }", NULL },
	{ "one file for both",
	  "tls: { certificates: [ { " A " }, { certificate: a.pem, key: a.key, names: [c.test] } ] }", NULL },

	{ "no tls behind tls", "tls:", "tls: the key \"certificates\" is missing" },
	{ "no certificates", "tls: { minimum: \"1.3\" }", "the key \"certificates\" is missing" },
	{ "none of them", "tls: { certificates: [] }", "want at least 1 item, read 0" },
	{ "no key", "tls: { certificates: [ { certificate: a.pem } ] }", "the key \"key\" is missing" },
	{ "no certificate", "tls: { certificates: [ { key: a.key } ] }",
	  "the key \"certificate\" is missing" },
	{ "a list", "tls: { certificates: [ { certificate: [a.pem], key: a.key } ] }", "want text" },
	{ "nothing there", "tls: { certificates: [ { certificate: no.pem, key: a.key } ] }",
	  "no.pem cannot be opened: No such file" },
	{ "nothing in it", "tls: { certificates: [ { certificate: empty, key: a.key } ] }",
	  "certificates[0].certificate: no certificate in this file" },
	{ "words in it", "tls: { certificates: [ { certificate: a.pem, key: words } ] }",
	  "certificates[0].key: no key in this file" },
	{ "another's key", "tls: { certificates: [ { certificate: a.pem, key: b.key } ] }",
	  "certificates[0].key: the key does not belong to the certificate" },
	{ "the second has no name",
	  "tls: { certificates: [ { " A " }, { certificate: none.pem, key: none.key } ] }",
	  "certificates[1]: the certificate has no name that a client could ask for" },
	{ "names that are none", "tls: { certificates: [ { " A ", names: [\"a b\", \"*\", a.test:1] } ] }",
	  "names[2]: want a host name" },
	{ "a wildcard in the middle", "tls: { certificates: [ { " A ", names: [\"a.*.test\"] } ] }",
	  "want a host name" },
	{ "two policies for one name",
	  "tls: { certificates: [ { " A " }, { " B ", names: [a.test], minimum: \"1.3\" } ] }",
	  "certificates[1]: a name of this certificate has another TLS policy already" },
	{ "nobody vouches", "tls: { certificates: [ { " A " } ], client_certificate: required }",
	  "needs client_ca" },
	{ "nobody is asked", "tls: { certificates: [ { " A " } ], client_ca: ca.pem }",
	  "needs client_certificate" },
	{ "nobody is asked for one", "tls: { certificates: [ { " A ", client_ca: ca.pem } ] }",
	  "certificates[0].client_ca: needs client_certificate" },
	{ "no authority in it",
	  "tls: { certificates: [ { " A " } ], client_ca: words, client_certificate: optional }",
	  "no certificate in client_ca" },
	{ "an old version", "tls: { certificates: [ { " A " } ], minimum: \"1.0\" }", "want 1.2 or 1.3" },
	{ "no staple", "tls: { certificates: [ { " A ", ocsp: words } ] }",
	  "certificates[0].ocsp: this is no OCSP response in DER" },
	{ "https sent to https", "redirect_to_https: true, tls: { certificates: [ { " A " } ] }",
	  "requests come by https already" },
	{ "a port that is none", "redirect_to_https: 70000", "want a whole number from 1 to 65535" },
	{ "a word that is none", "redirect_to_https: maybe", "want true or false" },
};

static void what_is_wrong_is_told(void **state)
{
	struct yard yard;

	(void)state;
	yard_open(&yard);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		result_value loaded = yard_load(&yard, rows[i].listener);

		if (failed(loaded) != (rows[i].want != NULL) ||
		    (rows[i].want ? !strstr(yard.told, rows[i].want) : yard.told[0] != 0))
			fail_msg("row %zu (%s): %s", i, rows[i].name, yard.told);
		assert_row(!strstr(yard.told, "PRIVATE"), i, rows[i].name);
	}
	yard_close(&yard);
}

static void time_is_a_warning(void **state)
{
	struct yard yard;

	(void)state;
	yard_open(&yard);
	assert_false(failed(
		yard_load(&yard, "tls: { certificates: [ { certificate: old.pem, key: old.key } ] }")));
	assert_non_null(strstr(yard.told, "warning: "));
	assert_non_null(strstr(yard.told, "the certificate has expired on "));
	write_pair(&yard, "old.pem", "old.key",
		   (struct tls_issue) { .names = "DNS:x.test", .from_days = -1, .to_days = 5 });
	assert_false(failed(
		yard_load(&yard, "tls: { certificates: [ { certificate: old.pem, key: old.key } ] }")));
	assert_non_null(strstr(yard.told, "the certificate expires on "));
	write_pair(&yard, "old.pem", "old.key",
		   (struct tls_issue) { .names = "DNS:x.test", .from_days = -1, .to_days = 50 });
	assert_false(failed(
		yard_load(&yard, "tls: { certificates: [ { certificate: old.pem, key: old.key } ] }")));
	assert_string_equal(yard.told, "");
	yard_close(&yard);
}

static void what_a_certificate_does_not_say_is_the_listeners(void **state)
{
	const struct tls_source *sources;
	struct yard yard;

	(void)state;
	yard_open(&yard);
	assert_false(failed(
		yard_load(&yard, "tls: { minimum: \"1.3\", " ASKED ", certificates: [ { " A " }, { " B
				 ", minimum: \"1.2\", client_certificate: none, names: [B.Test] } ] }")));
	sources = yard.tls->sources;
	assert_int_equal(sources[0].settings.minimum, TLS1_3_VERSION);
	assert_int_equal(sources[0].settings.demand, TLS_DEMAND_REQUIRED);
	assert_int_equal(sources[0].settings.names.len, 0);
	assert_int_equal(sources[1].settings.minimum, TLS1_2_VERSION);
	assert_int_equal(sources[1].settings.demand, TLS_DEMAND_NONE);
	assert_text(sources[1].settings.names.at[0], "b.test");
	assert_text(yard.tls->material->facts[0].names.at[0], "a.test");
	assert_text(yard.tls->surroundings.protocols.at[0], "h2");
	assert_text(yard.tls->surroundings.protocols.at[1], "http/1.1");
	assert_false(failed(yard_load(&yard, "protocols: [h1], tls: { certificates: [ { " A " } ] }")));
	assert_int_equal(yard.tls->surroundings.protocols.len, 1);
	yard_close(&yard);
}

/* ---- files that change ---- */

static void tell(void *owner, bool is_warning, str line)
{
	struct yard *yard = owner;
	size_t len = strlen(yard->told);

	yard->tellings++;
	snprintf(yard->told + len, sizeof yard->told - len, "%s%.*s\n", is_warning ? "! " : "",
		 STR_ARG(line));
}

/* A change is looked at when it has been left alone for one look. */
static bool yard_look(struct yard *yard)
{
	bool is_due;

	yard->told[0] = 0;
	yard->tellings = 0;
	is_due = listener_tls_look(yard->tls, time_wall());
	if (!is_due)
		is_due = listener_tls_look(yard->tls, time_wall());
	return is_due && listener_tls_reread(yard->tls, time_wall(), tell, yard);
}

static str serial(const struct yard *yard, size_t index)
{
	return yard->tls->material->facts[index].serial;
}

static void a_new_pair_is_taken(void **state)
{
	struct tls_material *before;
	struct yard yard;
	uint64_t digest;

	(void)state;
	yard_open(&yard);
	assert_false(failed(yard_load(&yard, "tls: { certificates: [ { " A " }, { " B " } ] }")));
	assert_false(yard_look(&yard));
	before = listener_tls_take(yard.tls);
	digest = atomic_load(&yard.tls->digest);
	assert_int_equal(digest, before->digest);
	write_pair(&yard, "a.pem", "a.key", (struct tls_issue) { .subject = "new", .names = "DNS:a.test" });
	assert_true(yard_look(&yard));
	assert_int_equal(yard.tellings, 1);
	assert_non_null(strstr(yard.told, "listener s: "));
	assert_non_null(strstr(yard.told, "/a.pem: read again: CN=new, good until "));
	assert_false(str_eq(serial(&yard, 0), before->facts[0].serial));
	assert_true(str_eq(serial(&yard, 1), before->facts[1].serial));
	assert_int_not_equal(atomic_load(&yard.tls->digest), digest);
	assert_false(yard_look(&yard));
	assert_int_equal(yard.tellings, 0);
	assert_text(before->facts[0].subject, "CN=a"); /* who has it still has it */
	tls_material_unref(&before);
	assert_null(before);
	yard_close(&yard);
}

/* Half of a change is waited for, and a touch is none. */
static void what_is_being_changed_is_left_alone(void **state)
{
	struct tls_pair pair;
	struct yard yard;

	(void)state;
	yard_open(&yard);
	assert_false(failed(yard_load(&yard, "tls: { certificates: [ { " A " } ] }")));
	pair = tls_issue(&yard.arena, &yard.authority, (struct tls_issue) { .names = "DNS:a.test" });
	yard_write(&yard, "a.pem", pair.certificate);
	assert_false(listener_tls_look(yard.tls, time_wall()));
	yard_write(&yard, "a.key", pair.key);
	assert_false(listener_tls_look(yard.tls, time_wall()));
	assert_true(listener_tls_look(yard.tls, time_wall()));
	assert_true(listener_tls_reread(yard.tls, time_wall(), tell, &yard));
	assert_int_equal(yard.tellings, 1);
	yard_write(&yard, "a.key", pair.key);
	assert_false(yard_look(&yard));
	assert_int_equal(yard.tellings, 0);
	yard_close(&yard);
}

static const struct {
	const char *name, *file; /* which is replaced ... */
	const char *by;          /* ... by that one; NULL: removed */
	const char *want;
} bad_changes[] = {
	{ "another's certificate", "a.pem", "b.pem",
	  "a.key: the key does not belong to the certificate; the certificate before stays" },
	{ "another's key", "a.key", "b.key", "a.key: the key does not belong to the certificate" },
	{ "words", "a.pem", "words", "a.pem: no certificate in this file" },
	{ "nothing", "a.key", "empty", "a.key: no key in this file" },
	{ "no file", "a.pem", NULL, "a.pem: cannot be opened: No such file" },
	{ "no authority", "ca.pem", "words", "no certificate in client_ca; the certificate before stays" },
	{ "no authorities at all", "ca.pem", NULL, "ca.pem: cannot be opened" },
};

static str read_back(struct yard *yard, const char *name)
{
	char path[512], *bytes = arena_bytes(&yard->arena, TEXT_MAX);
	FILE *from;
	size_t len;

	snprintf(path, sizeof path, "%s/%s", yard->folder, name);
	from = fopen(path, "r");
	assert_non_null(from);
	len = fread(bytes, 1, TEXT_MAX, from);
	fclose(from);
	return (str) { bytes, len };
}

static void check_bad_change(struct yard *yard, size_t i)
{
	str good = read_back(yard, bad_changes[i].file);
	str before = arena_str(&yard->arena, serial(yard, 0));

	if (bad_changes[i].by)
		yard_write(yard, bad_changes[i].file, read_back(yard, bad_changes[i].by));
	else
		yard_remove(yard, bad_changes[i].file);
	assert_row(!yard_look(yard), i, bad_changes[i].name);
	if (yard->tellings != 1 || !strstr(yard->told, bad_changes[i].want) || yard->told[0] != '!')
		fail_msg("row %zu (%s): %s", i, bad_changes[i].name, yard->told);
	assert_row(str_eq(serial(yard, 0), before), i, bad_changes[i].name);
	assert_row(!yard_look(yard) && !yard->tellings, i, "told twice");
	yard_write(yard, bad_changes[i].file, good);
	assert_row(!yard_look(yard) && !yard->tellings, i, "what was there before is nothing new");
}

static void what_is_bad_leaves_the_old_one(void **state)
{
	struct yard yard;

	(void)state;
	yard_open(&yard);
	assert_false(failed(yard_load(&yard, "tls: { certificates: [ { " A " } ], " ASKED " }")));
	for (size_t i = 0; i < COUNT_OF(bad_changes); i++)
		check_bad_change(&yard, i);
	write_pair(&yard, "a.pem", "a.key", (struct tls_issue) { .subject = "new", .names = "DNS:a.test" });
	assert_true(yard_look(&yard));
	yard_close(&yard);
}

static void one_that_is_bad_does_not_hold_up_another(void **state)
{
	struct yard yard;

	(void)state;
	yard_open(&yard);
	assert_false(failed(yard_load(&yard, "tls: { certificates: [ { " A " }, { " B " } ] }")));
	yard_write(&yard, "a.key", STR("nothing"));
	write_pair(&yard, "b.pem", "b.key", (struct tls_issue) { .subject = "new b", .names = "DNS:b.test" });
	assert_true(yard_look(&yard));
	assert_int_equal(yard.tellings, 2);
	assert_text(yard.tls->material->facts[0].subject, "CN=a");
	assert_text(yard.tls->material->facts[1].subject, "CN=new b");
	yard_close(&yard);
}

/* Each by itself is good. */
static void what_clashes_is_not_taken(void **state)
{
	struct yard yard;

	(void)state;
	yard_open(&yard);
	assert_false(failed(
		yard_load(&yard, "tls: { certificates: [ { " A " }, { " B ", minimum: \"1.3\" } ] }")));
	write_pair(&yard, "b.pem", "b.key", (struct tls_issue) { .subject = "new b", .names = "DNS:a.test" });
	assert_false(yard_look(&yard));
	assert_non_null(strstr(yard.told, "b.pem: a name of this certificate has another TLS policy"));
	assert_text(yard.tls->material->facts[1].subject, "CN=b");
	yard_close(&yard);
}

/* ---- what is the same ---- */

static void the_digest_is_of_what_clients_notice(void **state)
{
	static const char *const others[] = {
		"tls: { certificates: [ { " B " }, { " A " } ] }",
		"tls: { certificates: [ { " A " } ] }",
		"tls: { certificates: [ { " A " }, { " B ", names: [c.test] } ] }",
		"tls: { certificates: [ { " A " }, { " B " } ], minimum: \"1.3\" }",
		"tls: { certificates: [ { " A " }, { " B " } ], " ASKED " }",
		"protocols: [h1], tls: { certificates: [ { " A " }, { " B " } ] }",
	};
	struct yard yard;
	uint64_t digest;

	(void)state;
	yard_open(&yard);
	assert_false(failed(yard_load(&yard, "tls: { certificates: [ { " A " }, { " B " } ] }")));
	digest = atomic_load(&yard.tls->digest);
	assert_int_not_equal(digest, 0);
	assert_false(
		failed(yard_load(&yard, "limits: { body: 1 }, tls: { minimum: \"1.2\", certificates: [ { " A
					" }, { " B " } ] }")));
	assert_int_equal(atomic_load(&yard.tls->digest), digest);
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		assert_false(failed(yard_load(&yard, others[i])));
		assert_row(atomic_load(&yard.tls->digest) != digest, i, others[i]);
	}
	yard_close(&yard);
}

static void a_context_can_be_had_of_it(void **state)
{
	struct tls_server_context *context = NULL;
	struct tls_material *material;
	struct yard yard;
	size_t index;

	(void)state;
	yard_open(&yard);
	assert_false(failed(
		yard_load(&yard, "tls: { certificates: [ { " A " }, { " B ", minimum: \"1.3\" } ] }")));
	material = listener_tls_take(yard.tls);
	assert_false(failed(tls_material_open(material, &yard.tls->surroundings, NULL, &context, &index)));
	assert_int_equal(tls_server_context_policy(context, STR("a.test")),
			 tls_server_context_policy(context, STR("unknown.test")));
	assert_int_not_equal(tls_server_context_policy(context, STR("a.test")),
			     tls_server_context_policy(context, STR("b.test")));
	tls_server_context_free(&context);
	tls_material_unref(&material);
	yard_close(&yard);
}

/* What it had stays meanwhile; that is told once, and another try waits a second. */
static void a_context_that_cannot_be_had_is_tried_again(void **state)
{
	struct listener_context context = { 0 };
	struct tls_server_context *first;
	struct journal *journal;
	struct yard yard;
	char lines[TEXT_MAX];
	uint64_t digest;
	int ends[2];
	ssize_t len;
	str key;

	(void)state;
	yard_open(&yard);
	assert_int_equal(pipe(ends), 0);
	journal = journal_new_on(ends[1], JOURNAL_ERROR);
	assert_false(failed(yard_load(&yard, "tls: { certificates: [ { " A " } ] }")));
	first = listener_context_follow(&context, yard.tls, NULL, journal);
	assert_non_null(first);
	digest = atomic_load(&yard.tls->digest) + 1;
	key = yard.tls->material->entries[0].key;
	yard.tls->material->entries[0].key = STR("");
	atomic_store(&yard.tls->digest, digest);
	for (size_t i = 0; i < 3; i++) {
		context.again_at = 0;
		assert_ptr_equal(listener_context_follow(&context, yard.tls, NULL, journal), first);
		assert_int_equal(context.refused, digest);
	}
	yard.tls->material->entries[0].key = key;
	(void)listener_context_follow(&context, yard.tls, NULL, journal);
	assert_int_equal(context.refused, digest);
	context.again_at = 0;
	assert_non_null(listener_context_follow(&context, yard.tls, NULL, journal));
	assert_int_equal(context.refused, 0);
	assert_int_equal(context.digest, digest);
	journal_free(&journal);
	len = read(ends[0], lines, sizeof lines - 1);
	assert_true(len > 0);
	lines[len] = '\0';
	assert_non_null(strstr(lines, "its TLS cannot be used"));
	assert_ptr_equal(strchr(lines, '\n'), lines + len - 1);
	close(ends[0]);
	close(ends[1]);
	listener_context_fini(&context);
	yard_close(&yard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(time_is_a_warning),
		cmocka_unit_test(what_a_certificate_does_not_say_is_the_listeners),
		cmocka_unit_test(a_new_pair_is_taken),
		cmocka_unit_test(what_is_being_changed_is_left_alone),
		cmocka_unit_test(what_is_bad_leaves_the_old_one),
		cmocka_unit_test(one_that_is_bad_does_not_hold_up_another),
		cmocka_unit_test(what_clashes_is_not_taken),
		cmocka_unit_test(the_digest_is_of_what_clients_notice),
		cmocka_unit_test(a_context_can_be_had_of_it),
		cmocka_unit_test(a_context_that_cannot_be_had_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
