/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head as the upstream gets it, to the byte: the path that was routed, who calls and through whom; and
 * how long an upstream's connection may be kept.
 */
#include <stdio.h>

#include "proxy/choice.h"
#include "proxy/handover.h"
#include "proxy/proxy_testing.h"

#define CONFIGURATION                                                                                        \
	"listeners: { a: { address: \"127.0.0.1:0\", trusted_proxies: [10.0.0.0/8] } }\n"                    \
	"upstreams: { u: { endpoints: [\"orders.internal:1\"] } }\n"                                         \
	"apis:\n"                                                                                            \
	"  plain: { path: /plain, upstream: u }\n"                                                           \
	"  set: { path: /set, upstream: u, policies: [headers: { request: { set: { "                         \
	"Forwarded: for=me, X-Forwarded-For: me, X-Forwarded-Proto: gopher, X-Forwarded-Host: mine, "        \
	"X-Forwarded-Port: \"1\", X-Request-ID: forged } } }] }\n"                                           \
	"  moved: { path: /moved, upstream: u, policies: [rewrite: { path: \"/new/a%20b\", host: in.ternal " \
	"}] }\n"                                                                                             \
	"  id: { path: /id, upstream: u, policies: [request_id: { header: X-Trace }] }\n"                    \
	"  bare: { path: /bare, upstream: u, policies: [headers: { request: { remove: ["                     \
	"Forwarded, x_forwarded_*, X-Request-ID] } }] }\n"                                                   \
	"  some: { path: /some, upstream: u, policies: [headers: { request: { remove: ["                     \
	"Forwarded, X-Forwarded-Host] } }] }\n"                                                              \
	"  empty: { path: /empty, upstream: u, policies: [headers: { request: { set: { "                     \
	"X-Forwarded-For: \"${request.query.none}\", X-Request-ID: \"${request.query.none}\" } } }] }\n"     \
	"  again: { path: /again, upstream: u, policies: [headers: { request: { remove: [X-Forwarded-*] } "  \
	"}, "                                                                                                \
	"headers: { request: { set: { X-Forwarded-For: me } } }] }\n"                                        \
	"  undone: { path: /undone, upstream: u, policies: [headers: { request: { set: { "                   \
	"Forwarded: for=me, X-Forwarded-For: me } } }, "                                                     \
	"headers: { request: { remove: [X-Forwarded-*] } }] }\n"                                             \
	"  no-id: { path: /no-id, upstream: u, policies: [request_id: { header: X-Trace }, "                 \
	"headers: { request: { remove: [X-T*] } }] }\n"                                                      \
	"  answer: { path: /answer, upstream: u, policies: [headers: { response: { remove: ["                \
	"Forwarded, X-Forwarded-*, X-Request-ID, Via] } }] }\n"                                              \
	"  never: { path: /never, upstream: u, policies: [{ when: \"false\", headers: { request: { "         \
	"remove: [Forwarded, X-Request-ID] } } }] }\n"

#define IDENTITY(ip, host)                                                              \
	"Forwarded: for=" ip ";host=" host ";proto=http\r\nX-Forwarded-For: " ip "\r\n" \
	"X-Forwarded-Proto: http\r\nX-Forwarded-Host: " host "\r\nX-Forwarded-Port: 8080\r\n"
#define LAST "X-Request-ID: id-1\r\nVia: 1.1 gatehouse\r\n"

static const struct {
	const char *name, *head, *peer, *want;
} rows[] = {
	{ "plain", "GET /plain HTTP/1.1\r\nHost: api\r\nAccept: x\r\n\r\n", "192.0.2.1",
	  "GET /plain HTTP/1.1\r\nHost: api\r\nAccept: x\r\n" IDENTITY("192.0.2.1", "api") LAST "\r\n" },
	{ "a path in another form, and a query", "GET /plain/%7Ea/../b?x=%7E&y HTTP/1.1\r\nHost: api\r\n\r\n",
	  "192.0.2.1",
	  "GET /plain/b?x=%7E&y HTTP/1.1\r\nHost: api\r\n" IDENTITY("192.0.2.1", "api") LAST "\r\n" },
	{ "an empty query", "GET /plain? HTTP/1.1\r\nHost: api\r\n\r\n", "192.0.2.1",
	  "GET /plain? HTTP/1.1\r\nHost: api\r\n" IDENTITY("192.0.2.1", "api") LAST "\r\n" },
	{ "a length", "PUT /plain HTTP/1.1\r\nContent-Length: 3\r\nHost: api\r\n\r\n", "192.0.2.1",
	  "PUT /plain HTTP/1.1\r\nHost: api\r\n" IDENTITY("192.0.2.1", "api") LAST
	  "Content-Length: 3\r\n\r\n" },
	{ "chunks", "POST /plain HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: api\r\n\r\n", "192.0.2.1",
	  "POST /plain HTTP/1.1\r\nHost: api\r\n" IDENTITY("192.0.2.1", "api") LAST
	  "Transfer-Encoding: chunked\r\n\r\n" },
	{ "HTTP/1.0 without a host", "GET /plain HTTP/1.0\r\n\r\n", "192.0.2.1",
	  "GET /plain HTTP/1.1\r\nHost: orders.internal\r\nForwarded: for=192.0.2.1;proto=http\r\n"
	  "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\n"
	  "X-Request-ID: id-1\r\nVia: 1.0 gatehouse\r\n\r\n" },
	{ "an IPv6 client", "GET /plain HTTP/1.1\r\nHost: api\r\n\r\n", "2001:db8::1",
	  "GET /plain HTTP/1.1\r\nHost: api\r\nForwarded: for=\"[2001:db8::1]\";host=api;proto=http\r\n"
	  "X-Forwarded-For: 2001:db8::1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: api\r\n"
	  "X-Forwarded-Port: 8080\r\n" LAST "\r\n" },
	{ "a Unix socket's client", "GET /plain HTTP/1.1\r\nHost: api\r\n\r\n", "",
	  "GET /plain HTTP/1.1\r\nHost: api\r\nForwarded: for=unknown;host=api;proto=http\r\n"
	  "X-Forwarded-Proto: http\r\nX-Forwarded-Host: api\r\n" LAST "\r\n" },
	{ "a client's own words about itself",
	  "GET /plain HTTP/1.1\r\nHost: api\r\nForwarded: for=1.1.1.1\r\n"
	  "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Host: evil\r\nX-Request-ID: mine\r\n\r\n",
	  "192.0.2.1", "GET /plain HTTP/1.1\r\nHost: api\r\n" IDENTITY("192.0.2.1", "api") LAST "\r\n" },
	{ "through a proxy of ours",
	  "GET /plain HTTP/1.1\r\nHost: api\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n"
	  "X-Forwarded-Host: shop\r\nX-Forwarded-Port: 443\r\nForwarded: for=9.9.9.9\r\n\r\n",
	  "10.0.0.7",
	  "GET /plain HTTP/1.1\r\nHost: api\r\nForwarded: for=9.9.9.9, for=9.9.9.9;host=shop;proto=https\r\n"
	  "X-Forwarded-For: 9.9.9.9, 10.0.0.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\n"
	  "X-Forwarded-Port: 443\r\n" LAST "\r\n" },
	{ "what a policy has set stays, but for the id", "GET /set HTTP/1.1\r\nHost: api\r\n\r\n",
	  "192.0.2.1",
	  "GET /set HTTP/1.1\r\nHost: api\r\nForwarded: for=me\r\nX-Forwarded-For: me\r\nX-Forwarded-Proto: "
	  "gopher\r\n"
	  "X-Forwarded-Host: mine\r\nX-Forwarded-Port: 1\r\n" LAST "\r\n" },
	{ "another path and host", "GET /moved?q HTTP/1.1\r\nHost: api\r\n\r\n", "192.0.2.1",
	  "GET /new/a%20b?q HTTP/1.1\r\nHost: in.ternal\r\n" IDENTITY("192.0.2.1", "api") LAST "\r\n" },
	{ "another name for the id", "GET /id HTTP/1.1\r\nHost: api\r\nX-Trace: mine\r\n\r\n", "192.0.2.1",
	  "GET /id HTTP/1.1\r\nHost: api\r\n" IDENTITY("192.0.2.1",
						       "api") "X-Trace: id-1\r\nVia: 1.1 gatehouse\r\n\r\n" },
	{ "what a policy removes is not said",
	  "GET /bare HTTP/1.1\r\nHost: api\r\nX-Request-ID: mine\r\n\r\n", "192.0.2.1",
	  "GET /bare HTTP/1.1\r\nHost: api\r\nVia: 1.1 gatehouse\r\n\r\n" },
	{ "nor what a proxy of ours has said",
	  "GET /bare HTTP/1.1\r\nHost: api\r\nForwarded: for=9.9.9.9\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n",
	  "10.0.0.7", "GET /bare HTTP/1.1\r\nHost: api\r\nVia: 1.1 gatehouse\r\n\r\n" },
	{ "what it leaves is", "GET /some HTTP/1.1\r\nHost: api\r\n\r\n", "192.0.2.1",
	  "GET /some HTTP/1.1\r\nHost: api\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"
	  "X-Forwarded-Port: 8080\r\n" LAST "\r\n" },
	{ "set to nothing", "GET /empty HTTP/1.1\r\nHost: api\r\nX-Request-ID: mine\r\n\r\n", "192.0.2.1",
	  "GET /empty HTTP/1.1\r\nHost: api\r\nForwarded: for=192.0.2.1;host=api;proto=http\r\n"
	  "X-Forwarded-Proto: http\r\nX-Forwarded-Host: api\r\nX-Forwarded-Port: 8080\r\n"
	  "Via: 1.1 gatehouse\r\n\r\n" },
	{ "set by one behind it", "GET /again HTTP/1.1\r\nHost: api\r\n\r\n", "192.0.2.1",
	  "GET /again HTTP/1.1\r\nHost: api\r\nX-Forwarded-For: me\r\n"
	  "Forwarded: for=192.0.2.1;host=api;proto=http\r\n" LAST "\r\n" },
	{ "removed by one behind it", "GET /undone HTTP/1.1\r\nHost: api\r\n\r\n", "192.0.2.1",
	  "GET /undone HTTP/1.1\r\nHost: api\r\nForwarded: for=me\r\n" LAST "\r\n" },
	{ "another name for the id, removed", "GET /no-id HTTP/1.1\r\nHost: api\r\n\r\n", "192.0.2.1",
	  "GET /no-id HTTP/1.1\r\nHost: api\r\n" IDENTITY("192.0.2.1", "api") "Via: 1.1 gatehouse\r\n\r\n" },
	{ "removed from answers", "GET /answer HTTP/1.1\r\nHost: api\r\n\r\n", "192.0.2.1",
	  "GET /answer HTTP/1.1\r\nHost: api\r\n" IDENTITY("192.0.2.1", "api") LAST "\r\n" },
	{ "removed from others' requests", "GET /never HTTP/1.1\r\nHost: api\r\n\r\n", "192.0.2.1",
	  "GET /never HTTP/1.1\r\nHost: api\r\n" IDENTITY("192.0.2.1", "api") LAST "\r\n" },
};

static void a_head_is_printed_for_the_upstream(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, CONFIGURATION);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct exchange *x = &desk.exchange;

		desk_ask(&desk, rows[i].head, rows[i].peer);
		assert_int_equal(admission_check(x), REASON_NONE);
		assert_int_equal(admission_route(x), REASON_NONE);
		assert_row(policy_chain_request(&x->target->chain, &x->view) == POLICY_CONTINUE, i,
			   rows[i].name);
		choice_make(x);
		assert_text(handover_print_request(x), rows[i].want);
	}
	desk_close(&desk);
}

/* Beyond what heads usually take the room grows. */
static void a_long_head_is_printed_whole(void **state)
{
	static char head[6000], value[5000];
	struct desk desk;
	struct exchange *x = &desk.exchange;
	str printed;

	(void)state;
	memset(value, 'v', sizeof value - 1);
	snprintf(head, sizeof head, "GET /plain HTTP/1.1\r\nHost: api\r\nX-Long: %s\r\n\r\n", value);
	desk_open(&desk, CONFIGURATION);
	desk_ask(&desk, head, "192.0.2.1");
	assert_int_equal(admission_check(x), REASON_NONE);
	assert_int_equal(admission_route(x), REASON_NONE);
	choice_make(x);
	printed = handover_print_request(x);
	assert_true(str_contains(printed, str_of(value)));
	assert_true(str_ends(printed, STR("Via: 1.1 gatehouse\r\n\r\n")));
	desk_close(&desk);
}

static const struct {
	const char *hint;
	duration idle, want;
} keep_rows[] = {
	{ "", 4 * SECOND, 4 * SECOND },
	{ "timeout=5", 4 * SECOND, 4 * SECOND },
	{ "timeout=5", MINUTE, 4 * SECOND },
	{ "timeout=5, max=100", MINUTE, 4 * SECOND },
	{ "max=100, timeout=5", MINUTE, 4 * SECOND },
	{ "max=100 , TimeOut = 5", MINUTE, 4 * SECOND },
	{ "timeout=1", MINUTE, 0 },
	{ "timeout=0", MINUTE, 0 },
	{ "timeout=2147483647", MINUTE, MINUTE },
	{ "timeout=2147483648", MINUTE, MINUTE },
	{ "timeout=99999999999999999999999", MINUTE, MINUTE },
	{ "timeout=-5", MINUTE, MINUTE },
	{ "timeout=soon", MINUTE, MINUTE },
	{ "timeout", MINUTE, MINUTE },
	{ "timeout=", MINUTE, MINUTE },
	{ "xtimeout=5", MINUTE, MINUTE },
	{ "max=5", MINUTE, MINUTE },
	{ "timeout=soon, timeout=3", MINUTE, 2 * SECOND },
	{ ",,,", MINUTE, MINUTE },
	{ "timeout=5", 0, 0 },
};

static void a_connection_is_kept_a_second_less_than_promised(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(keep_rows); i++)
		assert_row(handover_keep_alive(str_of(keep_rows[i].hint), keep_rows[i].idle) ==
				   keep_rows[i].want,
			   i, keep_rows[i].hint);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_printed_for_the_upstream),
		cmocka_unit_test(a_long_head_is_printed_whole),
		cmocka_unit_test(a_connection_is_kept_a_second_less_than_promised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
