/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "codec/http_field.h"

enum { FIELDS_MAX = 24 };

struct message {
	struct http_field at[FIELDS_MAX];
	struct http_fields fields;
};

/* "Name: value" each, as a parser would add them. */
static void fill(struct message *m, const char *const *lines)
{
	m->fields = (struct http_fields) { .at = m->at, .max = FIELDS_MAX };
	for (; *lines; lines++) {
		str name, value;

		assert_true(str_cut(str_of(*lines), ':', &name, &value));
		assert_false(
			failed(http_fields_add(&m->fields, http_name_find(name), name, str_trim(value))));
	}
}

/* What is not removed, as "Name,Name". */
static void check_left(const struct message *m, const char *expected)
{
	char bytes[512];
	size_t len = 0;

	for (size_t i = 0; i < m->fields.count; i++) {
		str name = m->at[i].name;

		if (m->at[i].removed)
			continue;
		if (len)
			bytes[len++] = ',';
		memcpy(bytes + len, name.ptr, name.len);
		len += name.len;
	}
	assert_text(((str) { bytes, len }), expected);
}

static void finds_every_name_of_the_table(void **state)
{
	(void)state;
	for (unsigned id = HTTP_NAME_OTHER + 1; id < HTTP_NAMES; id++) {
		str text = http_name_text((enum http_name)id);
		char other[64];

		if (http_name_flags((enum http_name)id) & HTTP_NAME_FAMILY)
			continue;
		assert_row(http_name_find(text) == id, id, text.ptr);
		assert_in_range(text.len, 1, sizeof other);
		for (size_t i = 0; i < text.len; i++)
			other[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z'   ? ascii_lower(text.ptr[i])
				   : text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? (char)(text.ptr[i] - 32)
									      : text.ptr[i];
		assert_row(http_name_find((str) { other, text.len }) == id, id, text.ptr);
		for (size_t i = 0; i < text.len; i++) {
			char was = other[i];

			other[i] = (char)(was ^ 0x10);
			assert_row(http_name_find((str) { other, text.len }) != id, id, text.ptr);
			other[i] = was;
		}
	}
}

static enum http_name find_slowly(str name)
{
	for (unsigned id = HTTP_NAME_OTHER + 1; id < HTTP_NAMES; id++)
		if (str_eq_nocase(http_name_text((enum http_name)id), name))
			return (enum http_name)id;
	return HTTP_NAME_OTHER;
}

/* Of names this short, all the bytes make the slot: only by trying all of them do some meet. */
static void short_names_do_not_meet(void **state)
{
	(void)state;
	for (int i = 0; i < 27 * 27 * 27; i++) {
		char letters[3] = { (char)('a' + i % 26), (char)('A' + i / 27 % 27),
				    (char)('`' + i / 27 / 27) };
		str name = { letters, 2 + (size_t)(i % 2) };

		assert_row(http_name_find(name) == find_slowly(name), i, "short name");
	}
}

struct name_row {
	const char *text;
	enum http_name id, alias;
};

static void tells_names_apart(void **state)
{
	static const struct name_row rows[] = {
		{ "Host", HTTP_HOST, HTTP_HOST },
		{ "hOST", HTTP_HOST, HTTP_HOST },
		{ "Hosts", HTTP_NAME_OTHER, HTTP_NAME_OTHER },
		{ "Hos", HTTP_NAME_OTHER, HTTP_NAME_OTHER },
		{ "te", HTTP_TE, HTTP_TE },
		{ "t", HTTP_NAME_OTHER, HTTP_NAME_OTHER },
		{ "", HTTP_NAME_OTHER, HTTP_NAME_OTHER },
		{ "Content-Length", HTTP_CONTENT_LENGTH, HTTP_CONTENT_LENGTH },
		{ "Content_Length", HTTP_NAME_OTHER, HTTP_CONTENT_LENGTH },
		{ "Content\rLength", HTTP_NAME_OTHER, HTTP_NAME_OTHER },
		{ "X-User-Id", HTTP_X_USER_ID, HTTP_X_USER_ID },
		{ "X_User_Id", HTTP_NAME_OTHER, HTTP_X_USER_ID },
		{ "X.User.Id", HTTP_NAME_OTHER, HTTP_X_USER_ID },
		{ "X-User_Id", HTTP_NAME_OTHER, HTTP_X_USER_ID },
		{ "X-Consumer-Name", HTTP_X_CONSUMER_FAMILY, HTTP_X_CONSUMER_FAMILY },
		{ "x.consumer_name", HTTP_NAME_OTHER, HTTP_X_CONSUMER_FAMILY },
		{ "X-Consumer-", HTTP_NAME_OTHER, HTTP_NAME_OTHER },
		{ "X-Consumers-Name", HTTP_NAME_OTHER, HTTP_NAME_OTHER },
		{ "X-Forwarded-For", HTTP_X_FORWARDED_FOR, HTTP_X_FORWARDED_FOR },
		{ "X-Forwarded-Uri", HTTP_X_FORWARDED_FAMILY, HTTP_X_FORWARDED_FAMILY },
		{ "SSL_CLIENT_S_DN", HTTP_NAME_OTHER, HTTP_SSL_CLIENT_FAMILY },
		{ "ssl-client-verify", HTTP_SSL_CLIENT_FAMILY, HTTP_SSL_CLIENT_FAMILY },
		{ "X-User-Agent", HTTP_NAME_OTHER, HTTP_NAME_OTHER },
		{ "Wf-Forwarded-For", HTTP_NAME_OTHER, HTTP_NAME_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_row(http_name_find(str_of(rows[i].text)) == rows[i].id, i, rows[i].text);
		assert_row(http_name_find_alias(str_of(rows[i].text)) == rows[i].alias, i, rows[i].text);
	}
}

static void knows_the_alias_of_a_long_name(void **state)
{
	char name[300];

	(void)state;
	memset(name, 'a', sizeof name);
	memcpy(name, "X_Forwarded.", 12);
	assert_int_equal(http_name_find_alias((str) { name, sizeof name }), HTTP_X_FORWARDED_FAMILY);
	name[0] = 'Y';
	assert_int_equal(http_name_find_alias((str) { name, sizeof name }), HTTP_NAME_OTHER);
}

static void knows_what_kind_a_name_is(void **state)
{
	(void)state;
	assert_true(http_name_flags(HTTP_CONNECTION) & HTTP_NAME_HOP);
	assert_false(http_name_flags(HTTP_TRAILER) & HTTP_NAME_HOP);
	assert_true(http_name_flags(HTTP_AUTHORIZATION) & HTTP_NAME_SINGLETON);
	assert_false(http_name_flags(HTTP_COOKIE) & HTTP_NAME_SINGLETON);
	assert_true(http_name_flags(HTTP_SET_COOKIE) & HTTP_NAME_NO_TRAILER);
	assert_false(http_name_flags(HTTP_GRPC_STATUS) & HTTP_NAME_NO_TRAILER);
	assert_int_equal(http_name_flags(HTTP_NAME_OTHER), 0);
	for (unsigned id = 0; id < HTTP_NAMES; id++) {
		unsigned flags = http_name_flags((enum http_name)id);

		if (flags & HTTP_NAME_MANAGED)
			assert_true((flags & HTTP_NAME_NO_NOMINATE) && (flags & HTTP_NAME_NO_TRAILER));
		if (flags & HTTP_NAME_HOP)
			assert_true(flags & HTTP_NAME_NO_TRAILER);
	}
}

static void finds_fields(void **state)
{
	static const char *const lines[] = { "X-A: 1",    "Cookie: a",        "x-a: 2",
					     "COOKIE: b", "X-Consumer-Id: 7", NULL };
	struct message m;

	(void)state;
	fill(&m, lines);
	assert_text(http_fields_get(&m.fields, HTTP_COOKIE)->value, "a");
	assert_int_equal(http_fields_count(&m.fields, HTTP_COOKIE), 2);
	assert_text(http_fields_find(&m.fields, STR("X-a"))->value, "1");
	assert_text(http_fields_find(&m.fields, STR("cookie"))->value, "a");
	assert_text(http_fields_find(&m.fields, STR("x-consumer-id"))->value, "7");
	assert_null(http_fields_find(&m.fields, STR("X-Consumer-Name")));
	assert_null(http_fields_find(&m.fields, STR("X-B")));
	assert_null(http_fields_find(&m.fields, STR("Host")));
	assert_null(http_fields_get(&m.fields, HTTP_HOST));
	assert_text(http_fields_value(&m.fields, HTTP_HOST), "");
	m.at[1].removed = m.at[0].removed = true;
	assert_text(http_fields_value(&m.fields, HTTP_COOKIE), "b");
	assert_text(http_fields_find(&m.fields, STR("X-A"))->value, "2");
	assert_int_equal(http_fields_count(&m.fields, HTTP_COOKIE), 1);
}

static void removes_fields(void **state)
{
	static const char *const lines[] = { "X-A: 1",      "Cookie: a",   "x-a-b: 2", "COOKIE: b",
					     "X-Gw-One: 7", "X-Gw-Two: 8", NULL };
	struct message m;

	(void)state;
	fill(&m, lines);
	http_fields_remove(&m.fields, HTTP_COOKIE);
	check_left(&m, "X-A,x-a-b,X-Gw-One,X-Gw-Two");
	http_fields_remove_named(&m.fields, STR("x-gw-two"));
	check_left(&m, "X-A,x-a-b,X-Gw-One");
	http_fields_remove_named(&m.fields, STR("X-A*"));
	check_left(&m, "X-Gw-One");
	http_fields_remove_named(&m.fields, STR("X-Gw-Onerous*"));
	check_left(&m, "X-Gw-One");
	http_fields_remove_named(&m.fields, STR("*"));
	check_left(&m, "");
}

static void sets_fields(void **state)
{
	static const char *const lines[] = { "X-Consumer-Id: 1", "X-Consumer-Id: 2", "X-Consumer-Name: n",
					     NULL };
	struct message m;

	(void)state;
	fill(&m, lines);
	assert_false(
		failed(http_fields_set(&m.fields, HTTP_X_CONSUMER_FAMILY, STR("X-Consumer-ID"), STR("3"))));
	check_left(&m, "X-Consumer-Name,X-Consumer-ID");
	m.fields.max = m.fields.count;
	assert_int_equal(http_fields_add(&m.fields, HTTP_HOST, STR("Host"), STR("h")).kind, ERROR_LIMIT);
	assert_int_equal(http_fields_set(&m.fields, HTTP_HOST, STR("Host"), STR("h")).kind, ERROR_LIMIT);
	assert_int_equal(m.fields.count, 4);
}

/* With an arena behind them, fields outgrow their array, up to a bound. */
static void grows_in_an_arena(void **state)
{
	static const char *const lines[] = { "A: 1", "B: 2", NULL };
	struct arena arena;
	struct message m;

	(void)state;
	arena_init(&arena, NULL, 4 * 1024 * 1024);
	fill(&m, lines);
	m.fields.max = 2;
	m.fields.arena = &arena;
	while (!failed(http_fields_add(&m.fields, HTTP_NAME_OTHER, STR("X"), STR("y"))))
		assert_true(m.fields.count <= HTTP_FIELDS_MAX);
	assert_in_range(m.fields.count, HTTP_FIELDS_MAX / 4, HTTP_FIELDS_MAX);
	assert_text(http_fields_find(&m.fields, STR("b"))->value, "2");
	assert_int_equal(http_fields_count(&m.fields, HTTP_NAME_OTHER), m.fields.count);
	arena_fini(&arena);
}

static void removes_what_clients_may_not_send(void **state)
{
	static const char *const lines[] = { "Host: h",
					     "X-Forwarded-For: 127.0.0.1",
					     "x.forwarded_for: 1",
					     "X_User_Id: 1",
					     "X-USER-ID: 1",
					     "X-Original-URL: /",
					     "X-Gw-Route: admin",
					     "Forwarded: for=x",
					     "Client_Cert: x",
					     "X-HTTP-Method-Override: GET",
					     "Proxy: x",
					     "SSL_CLIENT_CERT: x",
					     "X_A: kept",
					     "X-Request-ID: kept",
					     "True-Client-IP: 1",
					     "X-User-Agent: kept",
					     "Content_Length: 5",
					     "Transfer.Encoding: chunked",
					     "X_Request_ID: 1",
					     "X-Real-IP: 1",
					     "CF_Connecting_IP: 1",
					     NULL };
	struct message m;

	(void)state;
	fill(&m, lines);
	http_fields_remove_managed(&m.fields);
	check_left(&m, "Host,X_A,X-Request-ID,X-User-Agent");
}

/* A nomination takes a field off, unless that would change what the request is or hide what the gateway says.
 */
static void removes_what_is_for_one_hop(void **state)
{
	static const char *const lines[] = { "Host: h",
					     "Connection: close, X-Mine, x-request-id, Authorization, te",
					     "Keep-Alive: timeout=5",
					     "Upgrade: h2c",
					     "HTTP2-Settings: x",
					     "Proxy-Authenticate: Basic",
					     "X-Mine: 1",
					     "X-MINE: 2",
					     "X-Request-ID: 3",
					     "Authorization: kept",
					     "TE: trailers",
					     "Trailer: kept",
					     "Transfer-Encoding: chunked",
					     "Connection: X-Later, , x-absent",
					     "X-Later: 4",
					     NULL };
	struct message m;

	(void)state;
	fill(&m, lines);
	http_fields_remove_hop(&m.fields);
	check_left(&m, "Host,X-Request-ID,Authorization,Trailer");
}

static void reads_lists(void **state)
{
	(void)state;
	assert_true(http_list_has(STR("close"), STR("Close")));
	assert_true(http_list_has(STR(" a ,, CLOSE\t,b"), STR("close")));
	assert_false(http_list_has(STR("closed, xclose, clo se"), STR("close")));
	assert_false(http_list_has(STR(""), STR("close")));
}

struct text_row {
	str text;
	bool is_token, is_value;
};

static void knows_tokens_and_values(void **state)
{
	static const struct text_row rows[] = {
		{ STR_INIT(""), false, true },
		{ STR_INIT("a"), true, true },
		{ STR_INIT("!#$%&'*+-.^_`|~09azAZ"), true, true },
		{ STR_INIT("a b"), false, true },
		{ STR_INIT("a\tb\xff"), false, true },
		{ STR_INIT("a,b"), false, true },
		{ STR_INIT("a\0"), false, false },
		{ STR_INIT("\r"), false, false },
		{ STR_INIT("0123456789abcdef0123456789abcdef\n"), false, false },
		{ STR_INIT("\x7f"), false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_row(http_is_token(rows[i].text) == rows[i].is_token, i, rows[i].text.ptr);
		assert_row(http_is_field_value(rows[i].text) == rows[i].is_value, i, rows[i].text.ptr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_every_name_of_the_table),
		cmocka_unit_test(short_names_do_not_meet),
		cmocka_unit_test(tells_names_apart),
		cmocka_unit_test(knows_the_alias_of_a_long_name),
		cmocka_unit_test(knows_what_kind_a_name_is),
		cmocka_unit_test(finds_fields),
		cmocka_unit_test(removes_fields),
		cmocka_unit_test(sets_fields),
		cmocka_unit_test(grows_in_an_arena),
		cmocka_unit_test(removes_what_clients_may_not_send),
		cmocka_unit_test(removes_what_is_for_one_hop),
		cmocka_unit_test(reads_lists),
		cmocka_unit_test(knows_tokens_and_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
