/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/forwarded.h"

struct element_row {
	const char *element;
	bool is_good;
	const char *for_node, *by_node, *host, *proto;
};

/* RFC 7239 section 4, with its own examples. */
static void reads_elements(void **state)
{
	static const struct element_row rows[] = {
		{ "for=\"_gazonk\"", true, "_gazonk", "", "", "" },
		{ "For=\"[2001:db8:cafe::17]:4711\"", true, "[2001:db8:cafe::17]:4711", "", "", "" },
		{ "for=192.0.2.60;proto=http;by=203.0.113.43", true, "192.0.2.60", "203.0.113.43", "",
		  "http" },
		{ " for=a ; HOST=\"x:1\" ;proto=https ", true, "a", "", "x:1", "https" },
		{ "secret=x;for=a;other=\"b,;c\"", true, "a", "", "", "" },
		{ "for=a;", true, "a", "", "", "" },
		{ "", true, "", "", "", "" },
		{ "for", false },
		{ "for=", false },
		{ "=a", false },
		{ "for =a", false },
		{ "for= a", false },
		{ "for=a b", false },
		{ "for=a;for=b", false },
		{ "for=a;;by=b", false },
		{ "for=\"a", false },
		{ "for=\"", false },
		{ "for=\";by=a", false },
		{ "for=\"a\x7f\"", false },
		{ "for=\"a\"b", false },
		{ "for=\"a\\\"b\"", false },
		{ "for=[::1]", false },
		{ "for=1.2.3.4:80", false },
		{ "fo\"r=a", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct forwarded forwarded;

		assert_row(forwarded_parse(str_of(rows[i].element), &forwarded) == rows[i].is_good, i,
			   rows[i].element);
		if (!rows[i].is_good)
			continue;
		assert_text(forwarded.for_node, rows[i].for_node);
		assert_text(forwarded.by_node, rows[i].by_node);
		assert_text(forwarded.host, rows[i].host);
		assert_text(forwarded.proto, rows[i].proto);
	}
}

static void names_are_known(void **state)
{
	(void)state;
	assert_true(forwarded_names_client(STR("x-forwarded-for")));
	assert_true(forwarded_names_client(STR("Forwarded")));
	assert_true(forwarded_names_client(STR("X-Real-IP")));
	assert_false(forwarded_names_client(STR("X-Forwarded-Proto")));
	assert_false(forwarded_names_client(STR("X-Forwarded")));
	assert_false(forwarded_names_client(STR("")));
}

static void takes_elements_from_the_right(void **state)
{
	static const char *const expected[] = { "c", "b=\"x,\"", "a" };
	str list = STR(" a,, b=\"x,\" ,c,\t"), element;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(expected); i++) {
		assert_true(forwarded_last(&list, &element));
		assert_text(element, expected[i]);
	}
	assert_false(forwarded_last(&list, &element));
	list = STR("a,\"b,c");
	assert_true(forwarded_last(&list, &element));
	assert_text(element, "c");
}

struct node_row {
	const char *node, *ip; /* NULL: none */
};

static void finds_addresses_in_nodes(void **state)
{
	static const struct node_row rows[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1:8080", "192.0.2.1" },
		{ "[2001:db8::1]", "2001:db8::1" },
		{ "[2001:db8::1]:80", "2001:db8::1" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "::ffff:1.2.3.4", "1.2.3.4" },
		{ "unknown", NULL },
		{ "_hidden", NULL },
		{ "", NULL },
		{ "192.0.2.1:x", NULL },
		{ "192.0.2", NULL },
		{ "[2001:db8::1", NULL },
		{ "gw.test", NULL },
		{ "192.0.2.1 ", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char bytes[IP_TEXT_MAX];
		struct buf out = buf_over(bytes, sizeof bytes);
		struct ip ip;

		assert_row(forwarded_node_ip(str_of(rows[i].node), &ip) == (rows[i].ip != NULL), i,
			   rows[i].node);
		if (!rows[i].ip)
			continue;
		ip_print(ip, &out);
		assert_text(buf_str(&out), rows[i].ip);
	}
}

struct client_row {
	const char *peer;
	const char *fields[3]; /* values; those that begin with "for=" are Forwarded */
	const char *client;
};

static const struct client_row client_rows[] = {
	{ "10.0.0.1", { NULL }, "10.0.0.1" },
	{ "198.51.100.1", { "127.0.0.1" }, "198.51.100.1" },
	{ "10.0.0.1", { "203.0.113.9" }, "203.0.113.9" },
	{ "10.0.0.1", { "1.1.1.1, 203.0.113.9" }, "203.0.113.9" },
	{ "10.0.0.1", { "1.1.1.1, 203.0.113.9, 10.0.0.2" }, "203.0.113.9" },
	{ "10.0.0.1", { "203.0.113.9", "10.0.0.2", "10.0.0.3" }, "203.0.113.9" },
	{ "10.0.0.1", { "1.1.1.1", "203.0.113.9" }, "203.0.113.9" },
	{ "10.0.0.1", { "10.0.0.7, 10.0.0.2" }, "10.0.0.7" },
	{ "10.0.0.1", { "203.0.113.9, nonsense" }, "10.0.0.1" },
	{ "10.0.0.1", { "203.0.113.9, nonsense, 10.0.0.2" }, "10.0.0.2" },
	{ "10.0.0.1", { "203.0.113.9", "unknown" }, "10.0.0.1" },
	{ "10.0.0.1", { "203.0.113.9:4711" }, "203.0.113.9" },
	{ "10.0.0.1", { "2001:db8::1" }, "2001:db8::1" },
	{ "fd00::1", { "[2001:db8::1]:80" }, "2001:db8::1" },
	{ "10.0.0.1", { "" }, "10.0.0.1" },
	{ "10.0.0.1", { "for=203.0.113.9" }, "203.0.113.9" },
	{ "10.0.0.1", { "for=1.1.1.1, for=\"[2001:db8::1]:5\";proto=https, for=10.0.0.2" }, "2001:db8::1" },
	{ "10.0.0.1", { "for=203.0.113.9, for=_x" }, "10.0.0.1" },
	{ "10.0.0.1", { "for=203.0.113.9, proto=http" }, "10.0.0.1" },
	{ "10.0.0.1", { "for=\"1.1.1.1", "for=10.0.0.2" }, "10.0.0.2" },
	{ "10.0.0.1", { "for=1.1.1.1", "203.0.113.9" }, "203.0.113.9" },
	{ "198.51.100.1", { "for=127.0.0.1" }, "198.51.100.1" },
};

static void add_forwarded(struct http_fields *fields, const char *value)
{
	enum http_name id = str_starts(str_of(value), STR("for=")) ? HTTP_FORWARDED : HTTP_X_FORWARDED_FOR;

	assert_false(failed(http_fields_add(fields, id, http_name_text(id), str_of(value))));
}

static void believes_only_trusted_proxies(void **state)
{
	struct cidr trusted[2];

	(void)state;
	assert_true(cidr_parse(STR("10.0.0.0/8"), &trusted[0]) && cidr_parse(STR("fd00::/8"), &trusted[1]));
	for (size_t i = 0; i < COUNT_OF(client_rows); i++) {
		struct http_field at[4];
		struct http_fields fields = { .at = at, .max = COUNT_OF(at) };
		struct ip peer, client;

		for (size_t j = 0; j < 3 && client_rows[i].fields[j]; j++)
			add_forwarded(&fields, client_rows[i].fields[j]);
		assert_true(ip_parse(str_of(client_rows[i].peer), &peer));
		assert_true(ip_parse(str_of(client_rows[i].client), &client));
		assert_row(ip_eq(forwarded_client(&fields, trusted, 2, peer).ip, client), i,
			   client_rows[i].client);
		assert_true(ip_eq(forwarded_client(&fields, NULL, 0, peer).ip, peer));
	}
}

static const struct {
	const char *peer, *fields[3], *proto, *host;
} told_rows[] = {
	{ "10.0.0.1", { "for=203.0.113.9;proto=https;host=shop.test" }, "https", "shop.test" },
	{ "10.0.0.1", { "for=203.0.113.9;host=\"shop.test:8443\"" }, "", "shop.test:8443" },
	/* Whoever is not trusted may have written what stands further left. */
	{ "10.0.0.1", { "for=1.1.1.1;proto=https;host=evil.test, for=203.0.113.9" }, "", "" },
	{ "10.0.0.1", { "for=1.1.1.1;host=evil.test", "for=203.0.113.9;host=shop.test" }, "", "shop.test" },
	{ "198.51.100.1", { "for=203.0.113.9;proto=https;host=evil.test" }, "", "" },
	/* The first proxy that is trusted had the client's request; others had each other's. */
	{ "10.0.0.1",
	  { "for=203.0.113.9;proto=https;host=shop.test, for=10.0.0.2;proto=http;host=inner.test" },
	  "https",
	  "shop.test" },
	{ "10.0.0.1", { "for=203.0.113.9, for=10.0.0.2;proto=https;host=shop.test" }, "https", "shop.test" },
	{ "10.0.0.1", { "for=203.0.113.9;host=\"a, for=10.0.0.2;host=shop.test" }, "", "shop.test" },
	/* Of somebody whom it does not name, it says the rest all the same. */
	{ "10.0.0.1", { "for=1.1.1.1;host=evil.test, for=_hidden;host=shop.test" }, "", "shop.test" },
	/* The other field says who the client is, and only that. */
	{ "10.0.0.1", { "for=203.0.113.9;host=evil.test", "203.0.113.9" }, "", "" },
};

static void believes_them_of_scheme_and_host(void **state)
{
	struct cidr trusted;

	(void)state;
	assert_true(cidr_parse(STR("10.0.0.0/8"), &trusted));
	for (size_t i = 0; i < COUNT_OF(told_rows); i++) {
		struct http_field at[4];
		struct http_fields fields = { .at = at, .max = COUNT_OF(at) };
		struct forwarded_client told;
		struct ip peer;

		for (size_t j = 0; j < 3 && told_rows[i].fields[j]; j++)
			add_forwarded(&fields, told_rows[i].fields[j]);
		assert_true(ip_parse(str_of(told_rows[i].peer), &peer));
		told = forwarded_client(&fields, &trusted, 1, peer);
		assert_row(str_eq(told.proto, str_of(told_rows[i].proto)), i, told_rows[i].fields[0]);
		assert_row(str_eq(told.host, str_of(told_rows[i].host)), i, told_rows[i].fields[0]);
	}
}

static void removed_fields_say_nothing(void **state)
{
	struct http_field at[2];
	struct http_fields fields = { .at = at, .max = COUNT_OF(at) };
	struct cidr all;
	struct ip peer, said;

	(void)state;
	assert_true(cidr_parse(STR("0.0.0.0/0"), &all));
	assert_true(ip_parse(STR("10.0.0.1"), &peer));
	assert_true(ip_parse(STR("192.0.2.1"), &said));
	add_forwarded(&fields, "192.0.2.1");
	add_forwarded(&fields, "198.51.100.1");
	at[1].removed = true;
	assert_true(ip_eq(forwarded_client(&fields, &all, 1, peer).ip, said));
	at[0].removed = true;
	assert_true(ip_eq(forwarded_client(&fields, &all, 1, peer).ip, peer));
}

static void prints_what_it_reads(void **state)
{
	struct forwarded forwarded = { STR("[2001:db8::1]:80"), STR("_gw"), STR("gw.test:8443"),
				       STR("https") };
	struct forwarded again;
	char bytes[128];
	struct buf out = buf_over(bytes, sizeof bytes);

	(void)state;
	forwarded_print(&out, &forwarded);
	assert_text(buf_str(&out), "for=\"[2001:db8::1]:80\";by=_gw;host=\"gw.test:8443\";proto=https");
	assert_true(forwarded_parse(buf_str(&out), &again));
	assert_true(str_eq(again.host, forwarded.host) && str_eq(again.for_node, forwarded.for_node));
	out = buf_over(bytes, sizeof bytes);
	forwarded_print(&out, &(struct forwarded) { .proto = STR("http") });
	assert_text(buf_str(&out), "proto=http");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_elements),
		cmocka_unit_test(names_are_known),
		cmocka_unit_test(takes_elements_from_the_right),
		cmocka_unit_test(finds_addresses_in_nodes),
		cmocka_unit_test(believes_only_trusted_proxies),
		cmocka_unit_test(believes_them_of_scheme_and_host),
		cmocka_unit_test(removed_fields_say_nothing),
		cmocka_unit_test(prints_what_it_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
