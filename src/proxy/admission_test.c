/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what stood on the wire to the one view of a request: what is refused, what host, path and client are,
 * and which fields are left.
 */
#include "proxy/proxy_testing.h"

#define CONFIGURATION                                                                                    \
	"listeners: { a: { address: \"127.0.0.1:0\", trusted_proxies: [10.0.0.0/8, \"fd00::/8\"], "      \
	"limits: { body: 100 } } }\n"                                                                    \
	"upstreams: { u: { endpoints: [\"127.0.0.1:1\"] } }\n"                                           \
	"apis:\n"                                                                                        \
	"  orders: { hosts: [api.test], path: /orders, methods: [GET, POST, PURGE], upstream: u,\n"      \
	"    routes: { one: { match: { path: \"/{id}\", methods: [GET] } } } }\n"                        \
	"  files: { hosts: [api.test], path: /files, upstream: u, encoded_slashes: keep }\n"             \
	"  pages: { hosts: [api.test], path: /pages, methods: [GET, PUT], upstream: u,\n"                \
	"    policies: [cors: { origins: \"*\" }],\n"                                                    \
	"    routes: { change: { match: { path: /x, methods: [PUT] } } } }\n"                            \
	"  any: { hosts: [api.test], path: /any, upstream: u, policies: [cors: { origins: \"*\" }],\n"   \
	"    routes: { own: { match: { path: /own, methods: [OPTIONS, PUT] }, without: [cors] } } }\n"   \
	"  some: { hosts: [api.test], path: /some, methods: [GET, PUT], upstream: u,\n"                  \
	"    policies: [cors: { origins: \"*\" }], routes: { one: { match: { path: \"/{id}\", methods: " \
	"[PUT] } } } }\n"

#define PEER "192.0.2.1"
#define VIA_5 "1.1 gatehouse, 1.1 gatehouse,1.1 gatehouse , 1.1 gatehouse, 1.1 gatehouse"
#define VIA_15 VIA_5 ", " VIA_5 ", " VIA_5

static const struct {
	const char *name, *head, *peer;
	enum reason want;
	const char *host, *path, *query, *client_ip, *scheme, *fields;
} rows[] = {
	{ "plain", "GET /a?b=c HTTP/1.1\r\nHost: api.test\r\n\r\n", PEER, REASON_NONE, "api.test", "/a",
	  "b=c", PEER, "http", "Host=api.test;" },
	{ "a host in capitals, with a port", "GET / HTTP/1.1\r\nHost: API.Test:8080\r\n\r\n", PEER,
	  REASON_NONE, "api.test", "/", "", PEER, "http", "Host=API.Test:8080;" },
	{ "HTTP/1.0 without a host", "GET / HTTP/1.0\r\n\r\n", PEER, REASON_NONE, "", "/", "", PEER, "http",
	  "" },
	{ "an absolute target", "GET http://api.test/x?y HTTP/1.1\r\nHost: api.test\r\n\r\n", PEER,
	  REASON_NONE, "api.test", "/x", "y", PEER, "http", "Host=api.test;" },
	{ "a path in another form", "GET /a/./b/../%63%7e/?q HTTP/1.1\r\nHost: h\r\n\r\n", PEER, REASON_NONE,
	  "h", "/a/c~/", "q", PEER, "http", "Host=h;" },
	{ "OPTIONS of everything: no path to be routed by", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", PEER,
	  REASON_PATH_INVALID, NULL, NULL, NULL, NULL, NULL, NULL },
	{ "an IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", PEER, REASON_NONE, "[::1]", "/", "",
	  PEER, "http", "Host=[::1]:80;" },
	{ "a Unix socket's client", "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n", "",
	  REASON_NONE, "h", "/", "", "", "http", "Host=h;" },

	{ "hop-by-hop fields go",
	  "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 1\r\nTE: "
	  "trailers\r\n"
	  "Upgrade: h2c\r\nProxy-Connection: x\r\nX-Kept: 1\r\n\r\n",
	  PEER, REASON_NONE, "h", "/", "", PEER, "http", "Host=h;X-Kept=1;" },
	{ "managed names go, in every disguise",
	  "GET / HTTP/1.1\r\nHost: h\r\nX-User: root\r\nX_User: root\r\nX-Real-IP: "
	  "1.1.1.1\r\nX.Forwarded.For: 1\r\n"
	  "X-Consumer-Name: x\r\nProxy: http://evil\r\nX-Users: 1\r\n\r\n",
	  PEER, REASON_NONE, "h", "/", "", PEER, "http", "Host=h;X-Users=1;" },
	{ "what has come through a few gateways", "GET / HTTP/1.1\r\nHost: h\r\nVia: " VIA_15 "\r\n\r\n",
	  PEER, REASON_NONE, "h", "/", "", PEER, "http", "Host=h;Via=" VIA_15 ";" },
	{ "many others are no loop",
	  "GET / HTTP/1.1\r\nHost: h\r\nVia: " VIA_15 ", 1.1 gatehouse2, 1.1 x\r\n\r\n", PEER, REASON_NONE,
	  "h", "/", "", PEER, "http", "Host=h;Via=" VIA_15 ", 1.1 gatehouse2, 1.1 x;" },
	{ "what goes round", "GET / HTTP/1.1\r\nHost: h\r\nVia: " VIA_15 "\r\nVia: 1.1 gatehouse\r\n\r\n",
	  PEER, REASON_LOOP, NULL, NULL, NULL, NULL, NULL, NULL },
	{ "in whichever version it came",
	  "GET / HTTP/1.1\r\nHost: h\r\nVia: " VIA_5 ", 1.0 gatehouse\r\nVia: " VIA_5
	  ", 2.0 gatehouse\r\nVia: 1.0 gatehouse, 1.0 gatehouse, 1.0 gatehouse, 1.0 gatehouse\r\n\r\n",
	  PEER, REASON_LOOP, NULL, NULL, NULL, NULL, NULL, NULL },
	{ "Expect ends here",
	  "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", PEER, REASON_NONE,
	  "h", "/", "", PEER, "http", "Host=h;Content-Length=1;" },
	{ "a body that just fits", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n", PEER,
	  REASON_NONE, "h", "/", "", PEER, "http", "Host=h;Content-Length=100;" },

	{ "a stranger is not believed",
	  "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n\r\n", PEER,
	  REASON_NONE, "h", "/", "", PEER, "http", "Host=h;" },
	{ "a proxy of ours is",
	  "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n\r\n",
	  "10.1.2.3", REASON_NONE, "h", "/", "", "9.9.9.9", "https", "Host=h;" },
	{ "the last one that is not ours",
	  "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.0.0.1\r\n\r\n", "10.1.2.3",
	  REASON_NONE, "h", "/", "", "9.9.9.9", "http", "Host=h;" },
	{ "lists over many fields",
	  "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n",
	  "10.1.2.3", REASON_NONE, "h", "/", "", "9.9.9.9", "http", "Host=h;" },
	{ "Forwarded too",
	  "GET / HTTP/1.1\r\nHost: h\r\nForwarded: for=\"[2001:db8::1]:80\";proto=https\r\n\r\n", "fd00::7",
	  REASON_NONE, "h", "/", "", "2001:db8::1", "https", "Host=h;" },
	{ "ours says nothing", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "10.1.2.3", REASON_NONE, "h", "/", "",
	  "10.1.2.3", "http", "Host=h;" },
	{ "ours says nonsense", "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: nobody\r\n\r\n", "10.1.2.3",
	  REASON_NONE, "h", "/", "", "10.1.2.3", "http", "Host=h;" },
	{ "a scheme that is none", "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: ftp\r\n\r\n", "10.1.2.3",
	  REASON_NONE, "h", "/", "", "10.1.2.3", "http", "Host=h;" },

	{ "a path above the root", "GET /../etc HTTP/1.1\r\nHost: h\r\n\r\n", PEER, REASON_PATH_INVALID, NULL,
	  NULL, NULL, NULL, NULL, NULL },
	{ "a path with a zero", "GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n", PEER, REASON_PATH_INVALID, NULL,
	  NULL, NULL, NULL, NULL, NULL },
	{ "half an escape", "GET /a%4 HTTP/1.1\r\nHost: h\r\n\r\n", PEER, REASON_PATH_INVALID, NULL, NULL,
	  NULL, NULL, NULL, NULL },
	{ "CONNECT", "CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n", PEER,
	  REASON_METHOD_NOT_ALLOWED, NULL, NULL, NULL, NULL, NULL, NULL },
	{ "a handshake with a body",
	  "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: "
	  "1\r\n\r\n",
	  PEER, REASON_FRAMING_AMBIGUOUS, NULL, NULL, NULL, NULL, NULL, NULL },
	{ "a handshake by POST",
	  "POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n", PEER,
	  REASON_FRAMING_AMBIGUOUS, NULL, NULL, NULL, NULL, NULL, NULL },
};

static void check_row(struct desk *desk, size_t i)
{
	struct exchange *x = &desk->exchange;
	enum reason reason;

	desk_ask(desk, rows[i].head, rows[i].peer);
	reason = admission_check(x);
	if (reason != rows[i].want)
		fail_msg("row %zu (%s): %.*s", i, rows[i].name, STR_ARG(reason_word(reason)));
	if (rows[i].want)
		return;
	assert_text(x->view.host, rows[i].host);
	assert_text(x->view.path, rows[i].path);
	assert_text(x->view.query, rows[i].query);
	assert_text(x->view.client_ip, rows[i].client_ip);
	assert_text(x->view.scheme, rows[i].scheme);
	if (strcmp(desk_fields(desk), rows[i].fields) != 0)
		fail_msg("row %zu (%s): %s", i, rows[i].name, desk->text);
}

static void a_request_is_admitted_or_refused(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, CONFIGURATION);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(&desk, i);
	desk_close(&desk);
}

/* Where its framing or its path is in doubt nothing more is read from the connection. */
static void what_is_refused_for_doubt_closes(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, CONFIGURATION);
	desk_ask(&desk, "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", PEER);
	assert_int_equal(admission_check(&desk.exchange), REASON_PATH_INVALID);
	assert_false(desk.exchange.keep_alive);
	desk_ask(&desk, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", PEER);
	assert_int_equal(admission_check(&desk.exchange), REASON_NONE);
	assert_true(desk.exchange.keep_alive);
	desk_close(&desk);
}

/* An empty query is not the same as none. */
static void a_bare_question_mark_is_kept(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, CONFIGURATION);
	desk_ask(&desk, "GET /? HTTP/1.1\r\nHost: h\r\n\r\n", PEER);
	assert_int_equal(admission_check(&desk.exchange), REASON_NONE);
	assert_true(desk.exchange.has_bare_query);
	desk_ask(&desk, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", PEER);
	assert_int_equal(admission_check(&desk.exchange), REASON_NONE);
	assert_false(desk.exchange.has_bare_query);
	desk_close(&desk);
}

/* ---- routing ---- */

#define ASKS(path, method)                                                          \
	"OPTIONS " path " HTTP/1.1\r\nHost: api.test\r\nOrigin: https://a.test\r\n" \
	"Access-Control-Request-Method: " method "\r\n\r\n"

static const struct {
	const char *name, *head;
	enum reason want;
	const char *api, *route;
	unsigned allowed;
} route_rows[] = {
	{ "a route", "GET /orders/7 HTTP/1.1\r\nHost: api.test\r\n\r\n", REASON_NONE, "orders", "one", 0 },
	{ "the API itself", "POST /orders HTTP/1.1\r\nHost: api.test\r\n\r\n", REASON_NONE, "orders", "", 0 },
	{ "a method that the route lacks and the API has",
	  "POST /orders/7 HTTP/1.1\r\nHost: api.test\r\n\r\n", REASON_NONE, "orders", "", 0 },
	{ "another host", "GET /orders HTTP/1.1\r\nHost: other.test\r\n\r\n", REASON_NO_ROUTE, NULL, NULL,
	  0 },
	{ "no host", "GET /orders HTTP/1.0\r\n\r\n", REASON_NO_ROUTE, NULL, NULL, 0 },
	{ "another path", "GET /ordersx HTTP/1.1\r\nHost: api.test\r\n\r\n", REASON_NO_ROUTE, NULL, NULL, 0 },
	{ "another method", "DELETE /orders HTTP/1.1\r\nHost: api.test\r\n\r\n", REASON_METHOD_NOT_ALLOWED,
	  NULL, NULL, 1u << HTTP_GET | 1u << HTTP_POST },
	{ "an encoded slash that is kept", "GET /files/a%2Fb HTTP/1.1\r\nHost: api.test\r\n\r\n", REASON_NONE,
	  "files", "", 0 },
	{ "an encoded slash that is not", "GET /orders/a%2Fb HTTP/1.1\r\nHost: api.test\r\n\r\n",
	  REASON_PATH_INVALID, NULL, NULL, 0 },
	{ "an encoded slash where nothing is", "GET /x%2fy HTTP/1.1\r\nHost: api.test\r\n\r\n",
	  REASON_PATH_INVALID, NULL, NULL, 0 },
	{ "a preflight belongs where the request will", ASKS("/pages/x", "PUT"), REASON_NONE, "pages",
	  "change", 0 },
	{ "or where another one will", ASKS("/pages/x", "GET"), REASON_NONE, "pages", "", 0 },
	{ "a preflight of what there is not", ASKS("/pages/x", "DELETE"), REASON_METHOD_NOT_ALLOWED, NULL,
	  NULL, 0 },
	{ "a preflight of what is no method", ASKS("/pages/x", "P T"), REASON_METHOD_NOT_ALLOWED, NULL, NULL,
	  0 },
	{ "a preflight where nobody answers it", ASKS("/orders", "POST"), REASON_METHOD_NOT_ALLOWED, NULL,
	  NULL, 1u << HTTP_GET | 1u << HTTP_POST },
	{ "a preflight that is the service's", ASKS("/files/x", "POST"), REASON_NONE, "files", "", 0 },
	{ "a route that takes OPTIONS and lacks cors", ASKS("/any/own", "PUT"), REASON_NONE, "any", "own",
	  0 },
	{ "no preflight without an origin",
	  "OPTIONS /pages/x HTTP/1.1\r\nHost: api.test\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
	  REASON_METHOD_NOT_ALLOWED, NULL, NULL, 0 },
	{ "nor of another method",
	  "DELETE /pages/x HTTP/1.1\r\nHost: api.test\r\nOrigin: a\r\n"
	  "Access-Control-Request-Method: PUT\r\n\r\n",
	  REASON_METHOD_NOT_ALLOWED, NULL, NULL, 0 },
	{ "an encoded slash and a wrong method", "DELETE /orders/a%2Fb HTTP/1.1\r\nHost: api.test\r\n\r\n",
	  REASON_PATH_INVALID, NULL, NULL, 0 },
};

static void a_request_finds_its_target(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, CONFIGURATION);
	for (size_t i = 0; i < COUNT_OF(route_rows); i++) {
		struct exchange *x = &desk.exchange;
		enum reason reason;

		desk_ask(&desk, route_rows[i].head, PEER);
		assert_int_equal(admission_check(x), REASON_NONE);
		reason = admission_route(x);
		if (reason != route_rows[i].want)
			fail_msg("row %zu (%s): %.*s", i, route_rows[i].name, STR_ARG(reason_word(reason)));
		if (route_rows[i].api) {
			assert_text(x->view.names->api, route_rows[i].api);
			assert_text(x->view.names->route, route_rows[i].route);
			assert_non_null(x->target);
		}
		if (route_rows[i].allowed) {
			assert_row((x->allowed & route_rows[i].allowed) == route_rows[i].allowed, i,
				   route_rows[i].name);
			assert_non_null(x->allowed_other);
			assert_text(x->allowed_other->at[0], "PURGE");
		}
	}
	desk_close(&desk);
}

/* Whose policies see an answer of the gateway's own: whose the request is, if it is not known to be nobody's.
 */
static void what_goes_no_further_belongs_to_an_api_all_the_same(void **state)
{
	static const struct {
		const char *head;
		enum reason want;
		size_t policies; /* that see it; SIZE_MAX: it is nobody's */
		bool is_routed;
	} asked[] = {
		{ "GET /pages/x HTTP/1.1\r\nHost: api.test\r\n\r\n", REASON_NONE, 1, true },
		{ "DELETE /pages/x HTTP/1.1\r\nHost: api.test\r\n\r\n", REASON_METHOD_NOT_ALLOWED, 1, false },
		{ "DELETE /orders/7 HTTP/1.1\r\nHost: api.test\r\n\r\n", REASON_METHOD_NOT_ALLOWED, 0,
		  false },
		{ ASKS("/pages/x", "DELETE"), REASON_METHOD_NOT_ALLOWED, 1, false },
		{ "PUT /pages/x HTTP/1.1\r\nHost: api.test\r\nContent-Length: 100\r\n\r\n", REASON_NONE, 1,
		  true },
		{ "PUT /pages/x HTTP/1.1\r\nHost: api.test\r\nContent-Length: 101\r\n\r\n",
		  REASON_BODY_TOO_LARGE, 1, true },
		{ "POST /pages/x HTTP/1.1\r\nHost: api.test\r\nContent-Length: 101\r\n\r\n",
		  REASON_METHOD_NOT_ALLOWED, 1, false },
		{ "PUT /none HTTP/1.1\r\nHost: api.test\r\nContent-Length: 101\r\n\r\n", REASON_NO_ROUTE,
		  SIZE_MAX, false },
		{ "DELETE /pages/a%2Fb HTTP/1.1\r\nHost: api.test\r\n\r\n", REASON_PATH_INVALID, SIZE_MAX,
		  false },
	};
	struct desk desk;

	(void)state;
	desk_open(&desk, CONFIGURATION);
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		struct exchange *x = &desk.exchange;

		desk_ask(&desk, asked[i].head, PEER);
		assert_int_equal(admission_check(x), REASON_NONE);
		assert_row(admission_route(x) == asked[i].want, i, asked[i].head);
		assert_row((x->target != NULL) == asked[i].is_routed, i, asked[i].head);
		assert_row((x->answer_chain ? x->answer_chain->count : SIZE_MAX) == asked[i].policies, i,
			   asked[i].head);
		assert_row(!x->view.names == !x->answer_chain, i, asked[i].head);
	}
	desk_close(&desk);
}

/* So that a policy that does not answer a preflight, for once, does not let OPTIONS in by another's method.
 */
static void what_is_routed_as_a_preflight_only_is_known(void **state)
{
	static const struct {
		const char *head, *method;
		bool is_only;
	} asked[] = {
		{ ASKS("/pages/x", "PUT"), "PUT", true },
		{ ASKS("/any", "PUT"), "PUT", false },
		{ ASKS("/any/own", "PUT"), "", false },
		{ ASKS("/orders", "POST"), "", false },
		{ "GET /pages/x HTTP/1.1\r\nHost: api.test\r\nOrigin: a\r\n\r\n", "", false },
	};
	struct desk desk;

	(void)state;
	desk_open(&desk, CONFIGURATION);
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		struct exchange *x = &desk.exchange;
		enum reason reason;

		desk_ask(&desk, asked[i].head, PEER);
		assert_int_equal(admission_check(x), REASON_NONE);
		reason = admission_route(x);
		assert_row(reason == REASON_NONE || !asked[i].is_only, i, asked[i].head);
		assert_row(x->is_preflight_only == asked[i].is_only, i, asked[i].head);
		assert_text(x->route_method, asked[i].method);
		assert_true(str_eq(admission_question(x).method,
				   *asked[i].method ? str_of(asked[i].method) : x->request.head.method_text));
	}
	desk_close(&desk);
}

/* The match is the worker's and stands there for the next one: what was matched is kept. */
static void parameters_outlive_the_match(void **state)
{
	struct desk desk;
	struct exchange *x = &desk.exchange;

	(void)state;
	desk_open(&desk, CONFIGURATION);
	desk_ask(&desk, "GET /orders/42 HTTP/1.1\r\nHost: api.test\r\n\r\n", PEER);
	assert_int_equal(admission_check(x), REASON_NONE);
	assert_int_equal(admission_route(x), REASON_NONE);
	memset(&desk.worker.match, 0, sizeof desk.worker.match);
	assert_int_equal(x->view.parameter_count, 1);
	assert_text(x->view.parameters[0].name, "id");
	assert_text(x->view.parameters[0].value, "42");
	desk_close(&desk);
}

/* A preflight that nobody has answered is no request of the route that it asked about. */
static void parameters_of_another_route_do_not_stay(void **state)
{
	struct desk desk;
	struct exchange *x = &desk.exchange;

	(void)state;
	desk_open(&desk, CONFIGURATION);
	desk_ask(&desk, ASKS("/some/42", "PUT"), PEER);
	assert_int_equal(admission_check(x), REASON_NONE);
	assert_int_equal(admission_route(x), REASON_NONE);
	assert_int_equal(x->view.parameter_count, 1);
	assert_int_equal(admission_route_itself(x), REASON_METHOD_NOT_ALLOWED);
	assert_int_equal(x->view.parameter_count, 0);
	desk_close(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_admitted_or_refused),
		cmocka_unit_test(what_is_refused_for_doubt_closes),
		cmocka_unit_test(a_bare_question_mark_is_kept),
		cmocka_unit_test(a_request_finds_its_target),
		cmocka_unit_test(what_goes_no_further_belongs_to_an_api_all_the_same),
		cmocka_unit_test(what_is_routed_as_a_preflight_only_is_known),
		cmocka_unit_test(parameters_outlive_the_match),
		cmocka_unit_test(parameters_of_another_route_do_not_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
