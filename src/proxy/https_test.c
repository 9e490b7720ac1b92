/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is sent to https, and to where exactly; and who is let through although he did not come by it.
 */
#include "proxy/https.h"
#include "proxy/proxy_testing.h"

#define LISTENER(more) \
	"listeners: { a: { address: \"127.0.0.1:80\", trusted_proxies: [10.0.0.0/8], " more " } }\n"
#define REST "upstreams: { u: { endpoints: [\"127.0.0.1:1\"] } }\napis: { x: { upstream: u } }\n"

#define ON LISTENER("redirect_to_https: true") REST
#define PORT LISTENER("redirect_to_https: 8443") REST
#define HTTPS LISTENER("redirect_to_https: 443") REST
#define OFF LISTENER("redirect_to_https: false") REST
#define UNSAID LISTENER("") REST

#define PEER "192.0.2.1"
#define PROXY "10.0.0.1"

static const struct {
	const char *name, *configuration, *head, *peer;
	enum reason want;
	int status;
	const char *location;
} rows[] = {
	{ "GET", ON, "GET /a?b=c HTTP/1.1\r\nHost: api.test\r\n\r\n", PEER, REASON_HTTPS_REDIRECT, 301,
	  "https://api.test/a?b=c" },
	{ "HEAD", ON, "HEAD / HTTP/1.1\r\nHost: api.test\r\n\r\n", PEER, REASON_HTTPS_REDIRECT, 301,
	  "https://api.test/" },
	{ "a method that must stay the same", ON,
	  "POST /a HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1\r\n\r\n", PEER, REASON_HTTPS_REDIRECT, 308,
	  "https://api.test/a" },
	{ "one of nobody's", ON, "PURGE /a HTTP/1.1\r\nHost: api.test\r\n\r\n", PEER, REASON_HTTPS_REDIRECT,
	  308, "https://api.test/a" },
	{ "the client's port goes", ON, "GET / HTTP/1.1\r\nHost: API.test:8080\r\n\r\n", PEER,
	  REASON_HTTPS_REDIRECT, 301, "https://api.test/" },
	{ "a port that clients know", PORT, "GET /a HTTP/1.1\r\nHost: api.test:80\r\n\r\n", PEER,
	  REASON_HTTPS_REDIRECT, 301, "https://api.test:8443/a" },
	{ "the usual one needs no word", HTTPS, "GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n", PEER,
	  REASON_HTTPS_REDIRECT, 301, "https://api.test/a" },
	{ "IPv6", PORT, "GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", PEER, REASON_HTTPS_REDIRECT, 301,
	  "https://[::1]:8443/a" },
	{ "an empty query stays one", ON, "GET /a? HTTP/1.1\r\nHost: api.test\r\n\r\n", PEER,
	  REASON_HTTPS_REDIRECT, 301, "https://api.test/a?" },
	{ "the path in its one form", ON, "GET //evil.test/../%61%2fb HTTP/1.1\r\nHost: api.test\r\n\r\n",
	  PEER, REASON_HTTPS_REDIRECT, 301, "https://api.test/a%2Fb" },
	{ "an absolute target", ON, "GET http://api.test/x HTTP/1.1\r\nHost: api.test\r\n\r\n", PEER,
	  REASON_HTTPS_REDIRECT, 301, "https://api.test/x" },
	{ "HTTP/1.0 without a host", ON, "GET / HTTP/1.0\r\n\r\n", PEER, REASON_REDIRECT_INVALID, 0, NULL },
	{ "a stranger's word is not taken", ON,
	  "GET / HTTP/1.1\r\nHost: api.test\r\nX-Forwarded-Proto: https\r\n\r\n", PEER, REASON_HTTPS_REDIRECT,
	  301, "https://api.test/" },

	{ "a proxy in front has TLS", ON,
	  "GET / HTTP/1.1\r\nHost: api.test\r\nX-Forwarded-Proto: https\r\n\r\n", PROXY, REASON_NONE, 0,
	  NULL },
	{ "and one that has none", ON, "GET / HTTP/1.1\r\nHost: api.test\r\nX-Forwarded-Proto: http\r\n\r\n",
	  PROXY, REASON_HTTPS_REDIRECT, 301, "https://api.test/" },
	{ "off", OFF, "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n", PEER, REASON_NONE, 0, NULL },
	{ "unsaid", UNSAID, "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n", PEER, REASON_NONE, 0, NULL },
};

static void check_row(size_t i)
{
	struct desk desk;
	struct exchange *x = &desk.exchange;
	const struct answer *answer = &x->view.answer;
	enum reason reason;

	desk_open(&desk, rows[i].configuration);
	desk_ask(&desk, rows[i].head, rows[i].peer);
	assert_int_equal(admission_check(x), REASON_NONE);
	reason = x->listener->minds_scheme ? https_check(x) : REASON_NONE;
	if (reason != rows[i].want)
		fail_msg("row %zu (%s): %.*s", i, rows[i].name, STR_ARG(reason_word(reason)));
	assert_int_equal(answer->status, rows[i].status);
	assert_int_equal(answer->fields.count, rows[i].location != NULL);
	if (rows[i].location)
		assert_text(http_fields_value(&answer->fields, HTTP_LOCATION), rows[i].location);
	desk_close(&desk);
}

static void who_came_without_tls_is_sent_to_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_came_without_tls_is_sent_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
