/* SPDX-License-Identifier: Apache-2.0 */
/* What URLs and names become, and which names are managed with them. */
#include "base/testing.h"
#include "http/http_testing.h"
#include "http/h1_source.h"
#include "proxy/destination.h"
#include "tls/client_identity.h"

#define HEAD                                           \
	"listeners: { a: { address: 127.0.0.1:0 } }\n" \
	"upstreams: { app: { endpoints: [127.0.0.1:1] } }\n"

struct site {
	struct identities identities;
	struct snapshot *snapshot;
	struct diagnostics *diagnostics;
};

static result site_open(struct site *site, const char *policies)
{
	char text[2048];
	struct buf out = buf_over(text, sizeof text);

	identities_init(&site->identities);
	buf_put(&out, STR(HEAD "apis: { a: { upstream: app, policies: [ "));
	buf_put(&out, str_of(policies));
	buf_put(&out, STR(" ] } }\n"));
	assert_false(buf_overflowed(&out));
	return snapshot_parse(STR("t.yaml"), buf_str(&out), &site->identities, &site->diagnostics,
			      &site->snapshot);
}

static void site_close(struct site *site)
{
	snapshot_unref(&site->snapshot);
	identities_fini(&site->identities);
}

#define AUTH(url) "forward_auth: { url: \"" url "\" }"

static void a_url_has_an_upstream_of_its_own(void **state)
{
	static const struct {
		const char *policy, *name, *address;
	} rows[] = {
		{ AUTH("http://10.0.0.1:9/x"), "http://10.0.0.1:9", "10.0.0.1:9" },
		{ AUTH("http://10.0.0.1"), "http://10.0.0.1", "10.0.0.1:80" },
		{ AUTH("http://10.0.0.1?a=b"), "http://10.0.0.1", "10.0.0.1:80" },
		{ AUTH("http://auth.internal/"), "http://auth.internal", "auth.internal:80" },
		{ AUTH("http://[::1]:9/"), "http://[::1]:9", "[::1]:9" },
		{ AUTH("https://auth.test/x"), "https://auth.test", "auth.test:443" },
		{ AUTH("https://auth.test:80/"), "https://auth.test:80", "auth.test:80" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct site site;
		const struct upstream *made;

		assert_row(!failed(site_open(&site, rows[i].policy)), i, rows[i].policy);
		assert_int_equal(site.snapshot->upstream_count, 2);
		made = site.snapshot->upstreams[1];
		assert_int_equal(made->index, 1);
		assert_text(made->name, rows[i].name);
		assert_text(made->roster->members[0].endpoint->text, rows[i].address);
		assert_true(made->config->timeouts.connect > 0);
		assert_int_equal(made->tls != NULL, str_starts(made->name, STR("https://")));
		assert_true(!made->tls || made->tls->is_verified);
		site_close(&site);
	}
}

static void one_service_is_one_upstream(void **state)
{
	struct site site;

	(void)state;
	assert_false(failed(site_open(
		&site,
		AUTH("http://a:1/x") ", " AUTH("http://a:1/y") ", " AUTH("http://b:1/") ", " AUTH(
			"http://c/") ", " AUTH("http://d/") ", " AUTH("http://e/") ", " AUTH("http://f/"))));
	assert_int_equal(site.snapshot->upstream_count, 7);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(site.snapshot->upstreams[i]->index, i);
	site_close(&site);
}

/* With one address, and still never one connection for both. */
static void a_scheme_is_a_service_of_its_own(void **state)
{
	struct site site;

	(void)state;
	assert_false(
		failed(site_open(&site, AUTH("http://a.test:443/") ", " AUTH("https://a.test/") ", " AUTH(
						"https://a.test/y") ", " AUTH("https://b.test/"))));
	assert_int_equal(site.snapshot->upstream_count, 4);
	assert_null(site.snapshot->upstreams[1]->tls);
	assert_non_null(site.snapshot->upstreams[2]->tls);
	/* What differs is the host, which is no part of whom we are and believe. */
	assert_ptr_equal(site.snapshot->upstreams[2]->tls, site.snapshot->upstreams[3]->tls);
	site_close(&site);
}

static void what_is_no_url_is_told(void **state)
{
	static const char *const rows[] = {
		"",
		"a",
		"//a/",
		"ftp://a/",
		"https:/a",
		"https://",
		"https://a:",
		"https://user@a/",
		"http:///x",
		"http://:1/",
		"http://a:/",
		"http://a:0/",
		"http://a:99999/",
		"http://u@a/",
		"http://a/ b",
		"http://a/#f",
		"http://a..b/",
		"http://1.2.3/",
		"http://[::1/",
		"HTTP://a/",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct site site;
		char policy[128];
		struct buf out = buf_over(policy, sizeof policy - 1);

		buf_put(&out, STR("forward_auth: { url: \""));
		buf_put(&out, str_of(rows[i]));
		buf_put(&out, STR("\" }"));
		policy[out.len] = 0;
		assert_row(failed(site_open(&site, policy)), i, rows[i]);
		assert_row(diagnostics_errors(site.diagnostics) == 1, i, rows[i]);
		site_close(&site);
	}
}

static void each_managed_name_stands_once(void **state)
{
	struct site site;

	(void)state;
	assert_false(failed(site_open(
		&site,
		"forward_auth: { url: \"http://a/\", forward: [X-Tenant, x_tenant, X-User, Cookie] }, "
		"forward_auth: { url: \"http://a/\", forward: [X.Tenant, X-A, X-B, X-C, X-D, X-E, X-F, X-G] "
		"}")));
	assert_int_equal(site.snapshot->managed.count, 9);
	assert_true(managed_has(&site.snapshot->managed, STR("X_G")));
	assert_false(managed_has(&site.snapshot->managed, STR("Cookie")));
	assert_false(managed_has(&site.snapshot->managed, STR("X-H")));
	site_close(&site);
}

static void managed_names_are_removed_in_any_guise(void **state)
{
	static const struct {
		const char *name;
		bool is_managed;
	} rows[] = {
		{ "X-Tenant", true },   { "x-tenant", true },     { "X_TENANT", true },
		{ "x.tenant", true },   { "X-Tenant-", false },   { "X-Tenan", false },
		{ "XTenant", false },   { "X--Tenant", false },   { "Tenant", false },
		{ "X-Tenants", false }, { "X-Tenant_Id", false },
	};
	str names[] = { STR("X-Tenant") };
	struct managed_names managed = { names, 1 }, none = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct http_field at[1];
		struct http_fields fields = { .at = at, .max = 1 };

		assert_false(
			failed(http_fields_add(&fields, HTTP_NAME_OTHER, str_of(rows[i].name), STR("v"))));
		managed_remove(&none, &fields);
		assert_false(at[0].removed);
		managed_remove(&managed, &fields);
		assert_row(at[0].removed == rows[i].is_managed, i, rows[i].name);
	}
}

static void nor_do_they_come_in_by_a_trailer(void **state)
{
	static const struct h1_chunked_limits limits = {
		.extension = 16, .trailers = { .field = 64, .name = 32, .head = 128, .fields = 4 }
	};
	str names[] = { STR("X-Tenant") };
	struct managed_names managed = { names, 1 };
	struct managed_source source;
	struct h1_source below;
	struct wire wire;
	char text[32];
	struct buf out = buf_over(text, sizeof text);

	(void)state;
	wire_open(&wire, STR("3\r\nabc\r\n0\r\nX-Sum: 6\r\nx_tenant: m\r\n\r\n"), PACE(1, 0, 2));
	h1_source_init(&below, &wire.stream, &wire.in, HTTP_CHUNKED, 0);
	h1_source_allow(&below, 100, &limits, &wire.arena);
	managed_source_init(&source, &below.source, &managed);
	assert_false(failed(body_read(&source.source, PACE(1, 0), &out)));
	assert_text(buf_str(&out), "abc");
	assert_int_equal(source.source.trailers.count, 2);
	assert_false(source.source.trailers.at[0].removed);
	assert_true(source.source.trailers.at[1].removed);
	wire_close(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_has_an_upstream_of_its_own),
		cmocka_unit_test(one_service_is_one_upstream),
		cmocka_unit_test(a_scheme_is_a_service_of_its_own),
		cmocka_unit_test(what_is_no_url_is_told),
		cmocka_unit_test(each_managed_name_stands_once),
		cmocka_unit_test(managed_names_are_removed_in_any_guise),
		cmocka_unit_test(nor_do_they_come_in_by_a_trailer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
