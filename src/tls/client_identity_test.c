/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same identity and what is another, and what is no identity at all. */
#include "base/testing.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/client_identity.h"
#include "tls/tls_testing.h"

enum { ARENA_MAX_SIZE = 1 << 22 };

struct bench {
	struct arena arena;
	struct tls_client_identities *identities;
	struct tls_pair authority, other_authority, own, other_own;
	char folder[32], file[64];
};

static struct tls_pair own_pair(struct bench *bench, const char *name)
{
	return tls_issue(&bench->arena, &bench->authority, (struct tls_issue) { name, .is_client = true });
}

static void bench_open(struct bench *bench)
{
	*bench = (struct bench) { .folder = "/tmp/client_identity.XXXXXX" };
	arena_init(&bench->arena, NULL, ARENA_MAX_SIZE);
	bench->authority = tls_issue(&bench->arena, NULL, (struct tls_issue) { "CA", .is_authority = true });
	bench->other_authority =
		tls_issue(&bench->arena, NULL, (struct tls_issue) { "CA", .is_authority = true });
	bench->own = own_pair(bench, "gateway");
	bench->other_own = own_pair(bench, "gateway");
	bench->identities = tls_client_identities_new();
	assert_non_null(mkdtemp(bench->folder));
	snprintf(bench->file, sizeof bench->file, "%s/cert.pem", bench->folder);
	setenv("SSL_CERT_FILE", bench->file, 1);
	setenv("SSL_CERT_DIR", bench->folder, 1);
}

static void bench_close(struct bench *bench)
{
	assert_int_equal(tls_client_identities_count(bench->identities), 0);
	tls_client_identities_free(&bench->identities);
	assert_null(bench->identities);
	tls_client_identities_free(&bench->identities);
	unlink(bench->file);
	rmdir(bench->folder);
	unsetenv("SSL_CERT_FILE");
	unsetenv("SSL_CERT_DIR");
	arena_fini(&bench->arena);
}

static struct tls_client_identity *get(struct bench *bench, const struct tls_client_options *options)
{
	struct tls_client_identity *identity;
	enum tls_client_part wrong;
	result_value got = tls_client_identities_get(bench->identities, options, &wrong, &identity);

	if (failed(got))
		fail_msg("%s", got.why);
	return identity;
}

static struct tls_client_options usual(const struct bench *bench)
{
	return (struct tls_client_options) { .ca = bench->authority.certificate,
					     .certificate = bench->own.certificate,
					     .key = bench->own.key,
					     .server_name = STR("a.test"),
					     .protocols = STR("\x08http/1.1"),
					     .is_verified = true };
}

static void the_same_options_are_the_same_identity(void **state)
{
	struct bench bench;
	struct tls_client_identity *first, *second;
	struct tls_client_options options, copy;

	(void)state;
	bench_open(&bench);
	options = copy = usual(&bench);
	copy.ca = arena_str(&bench.arena, options.ca); /* other bytes of the same content */
	first = get(&bench, &options);
	second = get(&bench, &copy);
	assert_ptr_equal(first, second);
	assert_int_equal(tls_client_identities_count(bench.identities), 1);
	assert_text(first->server_name, "a.test");
	assert_text(first->protocols, "\x08http/1.1");
	assert_non_null(first->own.leaf);
	tls_client_identity_unref(&first);
	assert_null(first);
	first = tls_client_identity_ref(second);
	tls_client_identity_unref(&second);
	tls_client_identity_unref(&second);
	assert_int_equal(tls_client_identities_count(bench.identities), 1);
	tls_client_identity_unref(&first);
	bench_close(&bench);
}

static void whatever_differs_makes_another(void **state)
{
	struct bench bench;
	struct tls_client_options rows[10];
	struct tls_client_identity *made[COUNT_OF(rows)];

	(void)state;
	bench_open(&bench);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		rows[i] = usual(&bench);
	rows[1].ca = bench.other_authority.certificate;
	rows[2].ca = (str) { 0 };
	rows[3].certificate = bench.other_own.certificate, rows[3].key = bench.other_own.key;
	rows[4].certificate = rows[4].key = (str) { 0 };
	rows[5].server_name = STR("b.test");
	rows[6].server_name = (str) { 0 };
	rows[7].is_verified = false;
	rows[8].protocols = (str) { 0 };
	/* What is said by another option in the same bytes is not the same. */
	rows[9].server_name = rows[9].protocols, rows[9].protocols = STR("a.test");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		made[i] = get(&bench, &rows[i]);
		for (size_t j = 0; j < i; j++)
			assert_row(made[i] != made[j], i, "is the same as an earlier one");
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		tls_client_identity_unref(&made[i]);
	bench_close(&bench);
}

/* A PEM text of which the middle is gone. */
static str damaged(struct bench *bench, str pem)
{
	char *copy = arena_bytes(&bench->arena, pem.len);

	memcpy(copy, pem.ptr, pem.len);
	memset(copy + pem.len / 2, '#', 10);
	return (str) { copy, pem.len };
}

static void what_cannot_be_used_is_told_by_its_part(void **state)
{
	struct bench bench;
	struct tls_pair weak;

	(void)state;
	bench_open(&bench);
	weak = tls_issue(&bench.arena, NULL, (struct tls_issue) { "weak", .key = "RSA", .bits = 1024 });
	{
		const struct tls_pair *own = &bench.own;
		str both[] = { bench.authority.certificate, damaged(&bench, bench.authority.certificate) };
		const struct {
			str ca, certificate, key;
			enum tls_client_part wrong;
			const char *words;
		} rows[] = {
			{ STR("x"), { 0 }, { 0 }, TLS_CLIENT_CA, "no certificate" },
			{ STR("\n"), { 0 }, { 0 }, TLS_CLIENT_CA, "no certificate" },
			{ own->key, { 0 }, { 0 }, TLS_CLIENT_CA, "no certificate" },
			{ both[1], { 0 }, { 0 }, TLS_CLIENT_CA, "damaged" },
			{ arena_join(&bench.arena, both, 2), { 0 }, { 0 }, TLS_CLIENT_CA, "damaged" },
			{ { 0 }, STR("x"), own->key, TLS_CLIENT_CERTIFICATE, "certificate" },
			{ { 0 }, both[1], own->key, TLS_CLIENT_CERTIFICATE, "damaged" },
			{ { 0 }, own->certificate, STR("x"), TLS_CLIENT_KEY, "key" },
			{ { 0 }, own->certificate, damaged(&bench, own->key), TLS_CLIENT_KEY, "damaged" },
			{ { 0 }, own->certificate, bench.other_own.key, TLS_CLIENT_KEY, "does not belong" },
			{ { 0 }, weak.certificate, weak.key, TLS_CLIENT_CERTIFICATE, "too weak" },
		};

		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			struct tls_client_options options = { .ca = rows[i].ca,
							      .certificate = rows[i].certificate,
							      .key = rows[i].key,
							      .is_verified = true };
			struct tls_client_identity *identity;
			enum tls_client_part wrong;
			result_value got =
				tls_client_identities_get(bench.identities, &options, &wrong, &identity);

			assert_row(got.kind == ERROR_INVALID, i, rows[i].words);
			assert_row(wrong == rows[i].wrong, i, got.why);
			assert_row(str_contains(str_of(got.why), str_of(rows[i].words)), i, got.why);
			assert_null(identity);
			assert_int_equal(tls_client_identities_count(bench.identities), 0);
		}
	}
	bench_close(&bench);
}

static void write_file(const struct bench *bench, str text)
{
	FILE *to;

	unlink(bench->file); /* so that it is another file, whatever the clock's steps */
	to = fopen(bench->file, "w");
	assert_non_null(to);
	assert_true(!text.len || fwrite(text.ptr, 1, text.len, to) == text.len);
	fclose(to);
}

/* A reload after the system has got other authorities believes those. */
static void the_systems_authorities_are_part_of_it(void **state)
{
	static const struct tls_client_options options = { .is_verified = true };
	struct tls_client_options named = { .is_verified = true, .server_name = STR("a.test") };
	struct bench bench;
	struct tls_client_identity *first, *second, *third;

	(void)state;
	bench_open(&bench);
	write_file(&bench, bench.authority.certificate);
	first = get(&bench, &options);
	second = get(&bench, &named);
	assert_ptr_not_equal(first, second);
	assert_ptr_equal(first->authorities, second->authorities); /* parsed once */
	assert_false(first->is_partial_chain_enough);
	write_file(&bench, bench.other_authority.certificate);
	third = get(&bench, &options);
	assert_ptr_not_equal(first, third);
	assert_ptr_not_equal(first->authorities, third->authorities);
	tls_client_identity_unref(&first);
	tls_client_identity_unref(&second);
	first = get(&bench, &options);
	assert_ptr_equal(first, third);
	tls_client_identity_unref(&first);
	tls_client_identity_unref(&third);
	bench_close(&bench);
}

static void a_system_without_authorities_is_noticed(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench);
	assert_false(tls_client_has_system_authorities());
	write_file(&bench, (str) { 0 });
	setenv("SSL_CERT_DIR", "/nowhere", 1);
	assert_false(tls_client_has_system_authorities());
	write_file(&bench, bench.authority.certificate);
	assert_true(tls_client_has_system_authorities());
	setenv("SSL_CERT_FILE", "/nowhere", 1);
	setenv("SSL_CERT_DIR", bench.folder, 1);
	assert_true(tls_client_has_system_authorities());
	bench_close(&bench);
}

static void it_is_listed_while_an_upstream_has_it(void **state)
{
	static const struct tls_client_options options = { .is_verified = false };
	struct bench bench;
	struct tls_client_identity *identity;

	(void)state;
	bench_open(&bench);
	identity = get(&bench, &options);
	assert_null(identity->authorities);
	assert_false(tls_client_identity_is_listed(identity));
	atomic_fetch_add(&identity->listings, 1);
	assert_true(tls_client_identity_is_listed(identity));
	tls_client_identity_unref(&identity);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_options_are_the_same_identity),
		cmocka_unit_test(whatever_differs_makes_another),
		cmocka_unit_test(what_cannot_be_used_is_told_by_its_part),
		cmocka_unit_test(the_systems_authorities_are_part_of_it),
		cmocka_unit_test(a_system_without_authorities_is_noticed),
		cmocka_unit_test(it_is_listed_while_an_upstream_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
