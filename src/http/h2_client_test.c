/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session of HTTP/2 with a server that says what the script says: what goes out for a request, what comes
 * of an answer, and what each end of a stream tells of whether the request may be sent again.
 */
#include "base/testing.h"
#include "http/h2_asking_testing.h"

/* ---- requests ---- */

static const struct {
	const char *name, *head, *want;
} heads[] = {
	{ "the usual", "GET /a?b=c HTTP/1.1\r\nHost: shop.example:81\r\nAccept: */*\r\n\r\n",
	  "HEADERS 1 end :method=GET :scheme=http :authority=shop.example:81 :path=/a?b=c accept=*/*\n" },
	{ "all for all", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	  "HEADERS 1 end :method=OPTIONS :scheme=http :authority=a :path=*\n" },
	{ "a method of its own", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
	  "HEADERS 1 end :method=BREW :scheme=http :authority=a :path=/\n" },
	{ "Host comes late, in another case", "GET / HTTP/1.1\r\nX-Ray: 1\r\nhost:  b \r\n\r\n",
	  "HEADERS 1 end :method=GET :scheme=http :authority=b :path=/ x-ray=1\n" },
	{ "no Host", "GET / HTTP/1.1\r\n\r\n", "HEADERS 1 end :method=GET :scheme=http :path=/\n" },
	{ "what is HTTP/1's own",
	  "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: "
	  "chunked\r\nUpgrade: websocket\r\nProxy-Connection: close\r\nHTTP2-Settings: AAMA\r\n\r\n",
	  "HEADERS 1 end :method=GET :scheme=http :authority=a :path=/\n" },
	{ "trailers are welcome", "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n",
	  "HEADERS 1 end :method=GET :scheme=http :authority=a :path=/ te=trailers\n" },
	{ "other codings are not", "GET / HTTP/1.1\r\nHost: a\r\nTE: gzip, trailers\r\n\r\n",
	  "HEADERS 1 end :method=GET :scheme=http :authority=a :path=/\n" },
	{ "secrets meet nobody in a table",
	  "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nCookie: a=b\r\nX-API-Key: k\r\n\r\n",
	  "HEADERS 1 end :method=GET :scheme=http :authority=a :path=/ authorization=Bearer x^ cookie=a=b^ "
	  "x-api-key=k^\n" },
	{ "an empty value, and one with colons", "GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB: c: d\r\n\r\n",
	  "HEADERS 1 end :method=GET :scheme=http :authority=a :path=/ a= b=c: d\n" },
};

static void a_head_says_what_http1_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		struct h2_scene scene = { 0 };
		struct asked *asked;

		h2_scene_open(&scene);
		asked = ASK(&scene, .head = heads[i].head);
		assert_text(h2_heard(&scene), heads[i].want);
		forget(&asked);
		h2_scene_close(&scene);
	}
}

static const struct {
	const char *name;
	enum http_framing framing;
	uint64_t length;
	const char *body, *want;
	enum error_kind error;
} bodies[] = {
	{ "a length", HTTP_LENGTH, 5, "hello", "DATA 1 end *5\n", 0 },
	{ "of nothing", HTTP_LENGTH, 0, "", "DATA 1 end *0\n", 0 },
	{ "chunks", HTTP_CHUNKED, 0, "hello", "DATA 1 end *5\n", 0 },
	{ "no chunks", HTTP_CHUNKED, 0, "", "DATA 1 end *0\n", 0 },
	{ "none", HTTP_NO_BODY, 0, "", "", 0 },
	{ "none, and some all the same", HTTP_NO_BODY, 0, "hello", "", 0 },
	{ "more than was said", HTTP_LENGTH, 3, "hello", "DATA 1 end *3\n", 0 },
	{ "less than was said", HTTP_LENGTH, 9, "hello", NULL, ERROR_INVALID },
};

static void a_body_goes_as_it_was_announced(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct h2_scene scene = { 0 };
		struct asked *asked;
		str heard;

		h2_scene_open(&scene);
		asked = ASK(&scene, .framing = bodies[i].framing, .length = bodies[i].length,
			    .body = str_of(bodies[i].body));
		assert_row(asked->sent.kind == bodies[i].error, i, bodies[i].name);
		heard = h2_heard(&scene);
		assert_row(bodies[i].want || !heard.len, i, bodies[i].name);
		if (bodies[i].want) {
			str rest = str_skip(heard, 1);

			assert_true(str_cut(heard, '\n', &heard, &rest));
			assert_text(rest, bodies[i].want);
			assert_row(str_starts(heard, STR("HEADERS 1 end")) ==
					   (bodies[i].framing == HTTP_NO_BODY),
				   i, bodies[i].name);
		}
		forget(&asked);
		h2_scene_close(&scene);
	}
}

static void trailers_follow_the_body(void **state)
{
	struct http_field fields[] = { { STR("Grpc-Status"), STR("0"), HTTP_GRPC_STATUS, false },
				       { STR("Gone"), STR("1"), HTTP_NAME_OTHER, true },
				       { STR("X-Sum"), STR("7"), HTTP_NAME_OTHER, false } };
	struct http_fields trailers = { .at = fields, .count = 3, .max = 3 };
	struct h2_scene scene = { 0 };
	struct asked *asked;

	(void)state;
	h2_scene_open(&scene);
	asked = ASK(&scene, .framing = HTTP_CHUNKED, .body = STR("hi"), .trailers = &trailers);
	assert_text(h2_heard(&scene), "HEADERS 1 :method=GET :scheme=http :authority=a :path=/\nDATA 1 *2\n"
				      "HEADERS 1 end grpc-status=0 x-sum=7\n");
	forget(&asked);
	h2_scene_close(&scene);
}

/* ---- answers ---- */

static const struct {
	const char *name;
	enum http_method method;
	const char *script, *want;
} answers[] = {
	{ "a length", 0, "H1 :status=200 content-length=2;D1. hi", "200 Content-Length=2|length 2|hi" },
	{ "no length", 0, "H1 :status=200 x=y;D1 he;D1. llo", "200 x=y|chunked|hello" },
	{ "an end for itself", 0, "H1 :status=200;D1 hi;D1.", "200|chunked|hi" },
	{ "nothing at all", 0, "H1. :status=200", "200|length 0|" },
	{ "a length of nothing", 0, "H1. :status=200 content-length=0", "200 Content-Length=0|length 0|" },
	{ "trailers", 0, "H1 :status=200;D1 hi;H1. x-sum=7 grpc-status=0",
	  "200|chunked|hi| x-sum=7 grpc-status=0" },
	{ "trailers and no content", 0, "H1 :status=200;H1. grpc-status=0", "200|chunked|| grpc-status=0" },
	{ "trailers that may be none", 0, "H1 :status=200;H1. authorization=a x-forwarded-for=b te=c x=y",
	  "200|chunked|!malformed" },
	{ "trailers that are dropped", 0, "H1 :status=200;H1. authorization=a x-forwarded-for=b x=y",
	  "200|chunked|| x=y" },
	{ "HEAD", HTTP_HEAD, "H1. :status=200 content-length=9", "200 Content-Length=9|none 9|" },
	{ "204", 0, "H1. :status=204", "204|none|" },
	{ "304", 0, "H1. :status=304 etag=x", "304 ETag=x|none|" },
	{ "interim answers", 0, "H1 :status=100;H1 :status=103 link=x;H1. :status=200",
	  "100|103 Link=x|200|length 0|" },
	{ "a head in parts", 0, "h1. :status=200;c1 a=b;C1 c=d", "200 a=b c=d|length 0|" },
	{ "repeated fields", 0, "H1. :status=200 set-cookie=a set-cookie=b",
	  "200 Set-Cookie=a Set-Cookie=b|length 0|" },
	{ "a settings frame between", 0, "H1 :status=200;S 4=100;D1. hi", "200|chunked|hi" },
	{ "a frame that nobody knows", 0, "F99 1 what;H1. :status=200", "200|length 0|" },
	{ "421", 0, "H1. :status=421", "421|length 0|" },
	{ "an error after the end", 0, "H1. :status=200;R1 0", "200|length 0|" },
	{ "closed after the end", 0, "H1 :status=200;D1. hi;!", "200|chunked|hi" },

	{ "refused", 0, "R1 7", "!refused" },
	{ "left behind by GOAWAY", 0, "G0 0", "!refused" },
	{ "left behind, for a fault", 0, "G0 2", "!refused" },
	{ "left behind, and closed", 0, "G0 0;!", "!refused" },
	{ "not left behind", 0, "G1 0;H1. :status=200", "200|length 0|" },
	{ "not left behind, and closed", 0, "G1 0;!", "!closed" },
	{ "reset without a fault", 0, "R1 0", "!reset" },
	{ "reset: PROTOCOL_ERROR", 0, "R1 1", "!reset" },
	{ "reset: INTERNAL_ERROR", 0, "R1 2", "!reset" },
	{ "reset: CANCEL", 0, "R1 8", "!reset" },
	{ "reset: ENHANCE_YOUR_CALM", 0, "R1 11", "!reset" },
	{ "reset: HTTP_1_1_REQUIRED", 0, "R1 13", "!reset" },
	{ "reset: a code of tomorrow", 0, "R1 4711", "!reset" },
	{ "refused within the answer", 0, "H1 :status=200;R1 7", "200|chunked|!reset" },
	{ "reset within the answer", 0, "H1 :status=200;D1 hi;R1 2", "200|chunked|hi!reset" },
	{ "closed without a byte", 0, "!", "!closed" },
	{ "closed within", 0, "H1 :status=200;D1 hi;!", "200|chunked|hi!closed" },
	{ "closed within an interim answer", 0, "H1 :status=103;!", "103|!closed" },

	{ "no status", 0, "H1. a=b", "!malformed" },
	{ "two of them", 0, "H1. :status=200 :status=200", "!malformed" },
	{ "a status of two digits", 0, "H1. :status=20", "!malformed" },
	{ "a status of letters", 0, "H1. :status=2x0", "!malformed" },
	{ "a status beyond", 0, "H1. :status=600", "!malformed" },
	{ "switching protocols", 0, "H1 :status=101", "!malformed" },
	{ "a request's pseudo-field", 0, "H1. :status=200 :path=/", "!malformed" },
	{ "an unknown pseudo-field", 0, "H1. :status=200 :stat=1", "!malformed" },
	{ "a pseudo-field behind", 0, "H1. a=b :status=200", "!malformed" },
	{ "upper case", 0, "H1. :status=200 Server=x", "!malformed" },
	{ "an empty name", 0, "H1. :status=200 =x", "!malformed" },
	{ "Connection", 0, "H1. :status=200 connection=close", "!malformed" },
	{ "Transfer-Encoding", 0, "H1. :status=200 transfer-encoding=chunked", "!malformed" },
	{ "Upgrade", 0, "H1. :status=200 upgrade=h3", "!malformed" },
	{ "Keep-Alive", 0, "H1. :status=200 keep-alive=x", "!malformed" },
	{ "Proxy-Connection", 0, "H1. :status=200 proxy-connection=x", "!malformed" },
	{ "two lengths", 0, "H1. :status=200 content-length=0 content-length=1", "!malformed" },
	{ "a length of letters", 0, "H1. :status=200 content-length=x", "!malformed" },
	{ "an interim answer with a length", 0, "H1 :status=103 content-length=1", "!malformed" },
	{ "an interim answer that ends", 0, "H1. :status=103", "!malformed" },
	{ "a body before its head", 0, "D1 hi", "!malformed" },
	{ "a body before its final head", 0, "H1 :status=103;D1 hi", "103|!malformed" },
	{ "a body of a 204", 0, "H1 :status=204;D1. hi", "204|none|!malformed" },
	{ "a body of HEAD", HTTP_HEAD, "H1 :status=200;D1. hi", "200|none|!malformed" },
	{ "longer than announced", 0, "H1 :status=200 content-length=1;D1. hi",
	  "200 Content-Length=1|length 1|!malformed" },
	{ "shorter than announced", 0, "H1 :status=200 content-length=3;D1. hi",
	  "200 Content-Length=3|length 3|hi!malformed" },
	{ "ended shorter than announced", 0, "H1. :status=200 content-length=3", "!malformed" },
	{ "trailers that do not end", 0, "H1 :status=200;H1 x=y", "200|chunked|!malformed" },
	{ "trailers with a pseudo-field", 0, "H1 :status=200;H1. :status=200", "200|chunked|!malformed" },
	{ "trailers too large", 0, "H1 :status=200;H1. x=*9000", "200|chunked|!malformed" },
	{ "a field too large", 0, "h1. :status=200 a=*16000;c1 a=*16000;C1 b=*15000", "200 a=" },
	{ "a head too large", 0, "h1. :status=200 a=*16000;c1 b=*16000;c1 c=*16000;c1 d=*16000;C1 e=*16000",
	  "!malformed" },

	{ "a push", 0, "U1 2", "!malformed" },
	{ "a push with the head of an answer", 0, "X 0000110504000000010000000200073a73746174757303323030",
	  "!malformed" },
	{ "an answer to nobody", 0, "H3 :status=200", "!malformed" },
	{ "an answer on the server's own stream", 0, "H2 :status=200", "!malformed" },
	{ "data for nobody", 0, "D3 hi", "!malformed" },
	{ "a window for nobody", 0, "W3 1", "!malformed" },
	{ "a window of nothing", 0, "W0 0", "!malformed" },
	{ "a window beyond all", 0, "W0 2147483647", "!malformed" },
	{ "a stream's window beyond all", 0, "W1 2147483647", "!malformed" },
	{ "an acknowledgement that says something", 0, "X 000006040100000000000300000001", "!malformed" },
	{ "settings of a stream", 0, "X 000000040000000001", "!malformed" },
	{ "a ping of seven bytes", 0, "X 00000706000000000031323334353637", "!malformed" },
	{ "CONTINUATION for itself", 0, "C1 a=b", "!malformed" },
	{ "a head that is interrupted", 0, "h1. :status=200;P 12345678", "!malformed" },
	{ "no table's entry", 0, "X 000001010400000001ff", "!malformed" },
	{ "a frame beyond all", 0, "X ffffff000000000001", "!malformed" },
	{ "text", 0, "X 485454502f312e31203430302042616420526571756573740d0a0d0a", "!malformed" },
};

static void an_answer_tells_what_became_of_the_request(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		struct h2_scene scene = { 0 };
		struct asked *asked;
		str got;

		h2_scene_open(&scene);
		asked = ASK(&scene, .method = answers[i].method,
			    .head = answers[i].method == HTTP_HEAD ? "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
								   : NULL);
		h2_say(&scene, answers[i].script);
		got = told(asked);
		if (!str_eq(str_slice(got, 0, strlen(answers[i].want)), str_of(answers[i].want)) ||
		    (got.len != strlen(answers[i].want) && got.len < 1000))
			fail_msg("row %zu (%s): \"%.*s\" is not \"%s\"", i, answers[i].name, STR_ARG(got),
				 answers[i].want);
		forget(&asked);
		h2_scene_close(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_says_what_http1_said),
		cmocka_unit_test(a_body_goes_as_it_was_announced),
		cmocka_unit_test(trailers_follow_the_body),
		cmocka_unit_test(an_answer_tells_what_became_of_the_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
